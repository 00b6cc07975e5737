"""The sensitivity histogram: its page, and the small one on the Overview."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import cached, chart_clicks, state
from chameleon.app.formatting import plain, shortened
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_chart, draw_empty, draw_toggle
from chameleon.charts import (
    NUMBERED_BARS,
    BarScale,
    outcome_strips,
    sensitivity_bars,
    sensitivity_frame,
    sensitivity_text,
    strip_frame,
    strip_text,
)
from chameleon.selection import Filters, SensitivityChoice, SensitivityRange

_RANGE = "sensitivity-range"
_HELD_ONLY = "sensitivity-held-only"
_CLASSES = "sensitivity-classes"
_SCALE = "sensitivity-scale"
_LISTED = 20


def draw(view: View) -> None:
    """The histogram with its options, and the most sensitive instances."""
    names = [version.name for version in view.evaluation.dataset.versions]
    if len(names) < 2:
        draw_empty("There is one version only: nothing can change yet.")
        return
    over = _options(view, names)
    draw_bars(view, name="sensitivity", over=over, height=220)
    _draw_most_sensitive(view, over)


def draw_bars(
    view: View, *, name: str, over: SensitivityRange | None = None, height: int = 120
) -> None:
    """The histogram alone; its bars filter every other view."""
    names = [version.name for version in view.evaluation.dataset.versions]
    over = over or range_of_session(names)
    frame = view.call(analysis.sensitivity, **over._asdict())
    filters = view.selection.filters
    if not filters.is_empty:
        whole = replace(view.selection, filters=Filters())
        everything = cached.call(analysis.sensitivity, view.evaluation, whole, **over._asdict())
        frame = _beside(frame, everything)
    counted = frame.filter(pl.col("changes").is_not_null())
    if not counted["instances"].sum():
        draw_empty(
            view.why_empty(
                "the histogram follows",
                "No instance has two known outcomes over these versions.",
                "No instance with two known outcomes passes the filters. Take one off above.",
            )
        )
        return
    choice = filters.sensitivity
    chosen = choice.changes if choice is not None and choice.over == over else ()
    data = sensitivity_frame(frame, chosen=chosen)
    _draw_totals(counted, over)
    if counted.filter(pl.col("changes") > 0).is_empty():
        return

    def toggle(mark: chart_clicks.Mark) -> None:
        changes = int(str(mark[0]))
        state.set_filters(_toggled(state.current_filters(), over, changes))

    asked = st.session_state.get(_SCALE)  # a tour may ask for any
    scale = BarScale(asked) if asked in list(BarScale) else BarScale.LINEAR
    draw_chart(
        data,
        sensitivity_bars,
        key=name,
        fields=("changes",),
        on_pick=toggle,
        scale=scale,
        numbered=len(counted) <= NUMBERED_BARS,
        title="Changes of predicted class" if over.classes else "Changes of outcome",
        height=height,
    )
    st.caption(plain(sensitivity_text(data)))


def _options(view: View, names: list[str]) -> SensitivityRange:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.select_slider(
            "Versions",
            names,
            value=_ends_of_session(names),
            key="sensitivity-slider",
            width=300,
            format_func=shortened,
        )
        st.session_state[_RANGE] = tuple(chosen)
        st.selectbox(
            "Scale", [scale.value for scale in BarScale], key=_SCALE, persist_state="session",
            width=150,
        )  # fmt: skip
        draw_toggle(
            "Only versions that hold the instance",
            key=_HELD_ONLY,
            why="Else a version that lacks the instance is asked about its nearest row.",
        )
        draw_toggle(
            "Changes of the predicted class",
            key=_CLASSES,
            why="Instead of changes between correct and incorrect.",
        )
    return range_of_session(names)


def range_of_session(names: list[str]) -> SensitivityRange:
    """What sensitivity is counted over, as this visitor chose it on the Sensitivity page."""
    first, last = _ends_of_session(names)
    return SensitivityRange(
        first,
        last,
        held_only=bool(st.session_state.get(_HELD_ONLY, False)),
        classes=bool(st.session_state.get(_CLASSES, False)),
    )


def _ends_of_session(names: list[str]) -> tuple[str, str]:
    """The first and last version asked for; all versions where these are gone."""
    ends = st.session_state.get(_RANGE, ())
    if len(ends) != 2 or any(end not in names for end in ends):
        return names[0], names[-1]
    first, last = sorted(ends, key=names.index)
    return first, last


def _beside(frame: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """The filtered bars with the unfiltered ones beside them."""
    renamed = whole.rename({"instances": "all_instances"})
    joined = renamed.join(frame, on="changes", how="left", nulls_equal=True, maintain_order="left")
    return joined.select("changes", pl.col("instances").fill_null(0), "all_instances")


def _draw_totals(counted: pl.DataFrame, over: SensitivityRange) -> None:
    total = int(counted["instances"].sum())
    same = int(counted.filter(changes=0)["instances"].sum())
    what = "class" if over.classes else "prediction"
    with st.container(horizontal=True, gap="small"):
        for words, count in (
            (f"no {what} change", same),
            (f"{what} change", total - same),
        ):
            st.markdown(f"**{count:,}** {words} :small[({count / total:.1%})]", width="content")


def _toggled(filters: Filters, over: SensitivityRange, changes: int) -> Filters:
    choice = filters.sensitivity
    kept = choice.changes if choice is not None and choice.over == over else ()
    after = tuple(n for n in kept if n != changes) if changes in kept else (*kept, changes)
    return replace(filters, sensitivity=SensitivityChoice(over, after) if after else None)


def _draw_most_sensitive(view: View, over: SensitivityRange) -> None:
    st.markdown("##### Whose outcome changed most often?")
    listed = view.call(analysis.most_sensitive, **over._asdict(), most=_LISTED)
    if listed.is_empty():
        draw_empty(
            view.why_empty(
                "the instances follow",
                "No outcome changed over these versions. Choose a longer range above.",
                "No outcome changed among these instances. Take a filter off above.",
            )
        )
        return
    versions = listed["version"].unique(maintain_order=True)
    data = strip_frame(listed)
    chart, table = st.columns([3, 2], gap="medium")
    with chart:
        draw_chart(
            data,
            outcome_strips,
            key="sensitivity-strips",
            width="content",
            versions=len(versions),
        )
        st.caption(
            plain(strip_text(data)) + " A square a version: above the line correct, below it "
            "incorrect; the dot marks versions in which the instance was in train."
        )
    with table:
        courses = listed.unique("place", maintain_order=True).select(
            "instance", "changes", "course"
        )
        draw_table(courses, key="sensitivity-courses")
        st.caption(
            "A lasting improvement or regression is one change that held to the end; flicker is "
            "more than one."
        )
