"""The floor that linked views are measured against: one embedding chart and a count, nothing else.

Started by `test_app_speed` as a Streamlit app of its own on the same project.
"""

import os
from pathlib import Path

import streamlit as st

from chameleon.charts import EmbeddingChart, embedding_chart, embedding_frame
from tests import internals as chameleon
from tests.internals import embedding_cells

CELLS = 24


@st.cache_resource
def evaluated() -> chameleon.Evaluation:
    """The evaluation, opened once."""
    return chameleon.evaluate(chameleon.open_project(Path(os.environ["CHAMELEON_PROJECT"])))


@st.cache_resource
def drawn(primary: str) -> tuple[object, dict[str, object]]:
    """The frame and the specification of the chart."""
    options = EmbeddingChart(size_px=270, dark=False)
    cells = embedding_cells(evaluated(), primary=primary, cells=CELLS)
    return embedding_frame(cells, options, cells=CELLS), embedding_chart(options)


def count() -> None:
    """Count the clicks, as a page that filters would take note of them."""
    st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1


frame, spec = drawn(evaluated().dataset.versions[-1].name)
st.vega_lite_chart(
    frame, spec, key="floor", on_select=count, selection_mode=["pick", "brush"], width="content"
)
st.markdown(f"{st.session_state.get('clicks', 0)} clicks")
