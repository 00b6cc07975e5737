"""The frame around every page: opening, sidebar, timeline, chips, and the page's own view.

Every page calls `page` and may be the first one a visitor opens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from chameleon import analysis
from chameleon.app import (
    chart_clicks,
    chips,
    glossary,
    projects,
    server,
    sidebar,
    state,
    touring,
)
from chameleon.app.components import timeline
from chameleon.app.formatting import plain
from chameleon.app.info import NARROW, problem_list
from chameleon.app.opening import Opening
from chameleon.app.view import Draw, PaintPause, View, in_order

ICON = str(Path(__file__).parent / "icon.png")

_STYLE = """<style>
.block-container, [data-testid="stMainBlockContainer"] { padding: 4.2rem 2rem 3rem; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
/* a chart of a fixed size scrolls by itself where the page is narrower */
[data-testid="stVegaLiteChart"] { max-width: 100%; overflow-x: auto; }
/* beside an open sidebar two columns are too narrow for a table or a chart: one below the other */
@media (max-width: 1150px) {
  .stMain [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) {
    flex-wrap: wrap;
    row-gap: 1rem;
  }
  .stMain [data-testid="stColumn"] { min-width: 100%; }
  .stMain [data-testid="stForm"] [data-testid="stColumn"] { min-width: 9rem; }
}
.st-key-chips { min-height: 2.5rem; }
/* the page's title and the question it answers, on one line where there is room */
.st-key-page-title { align-items: baseline; column-gap: 1rem; row-gap: 0; }
.st-key-page-title p { color: color-mix(in srgb, currentColor 72%, transparent); }
</style>"""


def page(title: str, question: str, draw: Draw) -> None:
    """Draw one page.

    After a click the page's own view is sent before everything around it: it is what a visitor
    waits for. Only on arrival does the page come from top to bottom, so that nothing jumps.

    Parameters
    ----------
    title
        Its name in the navigation and the browser's tab.
    question
        The question that the page answers, in one sentence.
    draw
        Draws the page's own view.
    """
    arrived = _begin(title)
    touring.go()
    opened = projects.opened()
    state.read_tour_step()
    if not opened.complete:
        _watch(opened)  # first of all: the watch of the run before would interrupt this one
    head, own = st.container(), st.container()
    evaluation = opened.evaluation  # once: it may be cancelled while this run draws
    if evaluation is None:
        with head:
            _draw_head(opened)
            warn_of_link(last=opened.complete)
        if state.was_clicked():  # else the link's selection waits for the data
            state.write_address(None, projects.item())
        return
    touring.begin(evaluation.dataset.project.path)
    selection = state.selection_of_session(evaluation)
    breath = PaintPause(wanted=not arrived)
    view = View(evaluation, selection, pending=not opened.complete, breath=breath)

    def draw_head() -> None:
        _draw_head(opened, view.evaluation.dataset.project.name)
        state.write_address(selection, projects.item())
        with st.sidebar:
            touring.warn_of_file(view)
            touring.offer(view)
            glossary.draw()
        _draw_title(title, question)
        touring.draw(view)
        _timeline(view)
        warn_of_link(last=not view.pending)
        chips.draw(view)

    in_order(view, (head, draw_head), (own, partial(draw, view)))
    with st.sidebar:
        sidebar.filters(view)
        problem_list(view.evaluation)
    for place, draw_late in view.late:
        with place:
            draw_late()


def data_page(title: str, question: str, draw: Callable[[], None]) -> None:
    """Draw a page about the data, which needs no evaluation and waits for none.

    Parameters
    ----------
    title, question, draw
        As `page` takes them; `draw` is handed nothing.
    """
    _begin(title)
    name, _ = projects.shown()
    st.html(_STYLE + NARROW)
    sidebar.navigation(None)
    if projects.item() is not None:
        state.write_address(None, name)
    _draw_title(title, question)
    warn_of_link(last=True)
    draw()


def _draw_title(title: str, question: str) -> None:
    """The page's one title, and beside it the question that the page answers."""
    with st.container(horizontal=True, key="page-title"):
        st.markdown(f"#### {title}", width="content")
        st.markdown(question, width="content")


def _begin(title: str) -> bool:
    """Whether the visitor comes from elsewhere."""
    server.stay_offline()  # a host may run the page without the app that `streamlit run` serves
    st.set_page_config(
        page_title=f"{title} - Chameleon", page_icon=ICON, layout="wide",
        initial_sidebar_state="auto",
    )  # fmt: skip
    glossary.meet(linked=len(st.query_params) > 0)
    return chart_clicks.enter_page(title)


def warn_of_link(*, last: bool) -> None:
    """Say what a link asked for that does not exist; see `state.complaints`."""
    for complaint in state.complaints(last=last):
        told = f"{plain(complaint)} The rest of the link is shown."
        st.warning(told, icon=":material/link_off:")


def _draw_head(opened: Opening, project: str | None = None) -> None:
    """The style, the navigation, and why there is nothing or less to see."""
    st.html(_STYLE + NARROW)
    sidebar.navigation(project)
    if opened.error is not None:
        st.error(plain(opened.error), icon=":material/error:")
    if opened.evaluation is None and opened.complete:
        st.caption("Chameleon shows a project as soon as one version of it can be used.")


def _timeline(view: View) -> None:
    dataset = view.evaluation.dataset
    metrics = view.call(analysis.version_metrics)
    names = [version.name for version in dataset.versions]
    timeline(
        [
            {
                "name": row["version"],
                "date": None if row["date"] is None else row["date"].isoformat(),
                "instances": row["instances"],
                "train_accuracy": row["train_accuracy"],
                "test_accuracy": row["test_accuracy"],
                "note": row["note"],
            }
            for row in metrics.iter_rows(named=True)
        ],
        primary=names.index(view.selection.primary),
        secondary=names.index(view.selection.secondary),
        pending=view.pending,
        key="timeline",
        on_pick=partial(state.pick_version, "timeline", names),
    )


def _watch(opened: Opening) -> None:
    """Show how far the opening is, and draw the page anew when it has come a stage further."""
    had_data = opened.evaluation is not None

    @st.fragment(run_every=0.7)
    def watch() -> None:
        if opened.complete or (opened.evaluation is not None) is not had_data:
            st.rerun(scope="app")
        progress = opened.progress
        if progress is None:
            st.progress(0.0, text="Opening the project…")
            return
        left = progress.total - progress.done
        also = " The data can be looked at meanwhile; outcomes follow." if had_data else ""
        st.progress(
            progress.done / progress.total,
            text=f"{progress.stage} version {plain(progress.version)}: "
            f"{progress.done} of {progress.total} done, {left} to go.{also}",
        )

    watch()
