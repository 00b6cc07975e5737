"""The Sensitivity page."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.app import cached, state
from chameleon.app.formatting import plain, shortened
from chameleon.app.view import (
    View,
    draw_chart,
    draw_empty,
    draw_scope,
    draw_table,
    draw_toggle,
    narrowed,
)
from chameleon.charts import BarScale
from chameleon.selection import Filters, SensitivityChoice, SensitivityRange

_RANGE = "sensitivity-range"
_HELD_ONLY = "sensitivity-held-only"
_CLASSES = "sensitivity-classes"
_SCALE = "sensitivity-scale"
_LISTED = 20


def draw(view: View) -> None:
    """The histogram with its options, and the most sensitive instances."""
    if len(view.version_names) < 2:
        draw_empty("There is one version only, so no outcome can change.")
        return
    draw_scope(view)
    over = _options(view.version_names)
    _draw_bars(view, over)
    _draw_most_sensitive(view, over)


def _draw_bars(view: View, over: SensitivityRange) -> None:
    """The histogram; its bars filter all views."""
    frame = view.call_in_scope(analysis.sensitivity, over=over)
    filters = view.selection.filters
    if not filters.is_empty:
        unfiltered = narrowed(view.unfiltered, view.scope)
        whole = cached.call(analysis.sensitivity, view.evaluation, unfiltered, over=over)
        frame = _with_all(frame, whole)
    known = frame.filter(pl.col("changes").is_not_null())
    if not known["instances"].sum():
        draw_empty(
            view.why_empty(
                "the histogram follows",
                "No instance has two known outcomes in these versions.",
                "No instances with two known outcomes match the filters. Remove a filter above.",
            )
        )
        return
    choice = filters.sensitivity
    chosen = choice.changes if choice is not None and choice.over == over else ()
    data = charts.sensitivity_frame(frame, chosen=chosen)
    _draw_totals(known, over)
    if known.filter(pl.col("changes") > 0).is_empty():
        return

    def toggle(mark: state.Mark) -> None:
        current = state.current_filters()
        state.replace_filter("sensitivity", _toggled(current, over, int(str(mark[0]))))

    asked = st.session_state.get(_SCALE)  # a tour may ask for any
    draw_chart(
        data,
        charts.sensitivity_bars,
        key="sensitivity",
        fields=("changes",),
        on_pick=toggle,
        scale=BarScale(asked) if asked in list(BarScale) else BarScale.LINEAR,
        numbered=len(known) <= charts.NUMBERED_BARS,
        title="Changes of predicted class" if over.classes else "Changes of outcome",
        height=220,
    )
    st.caption(plain(charts.sensitivity_text(data)))


def _options(names: list[str]) -> SensitivityRange:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.session_state[_RANGE] = tuple(
            st.select_slider(
                "Versions", names, value=_ends_of_session(names), key="sensitivity-slider",
                width=300, format_func=shortened,
            )
        )  # fmt: skip
        st.selectbox(
            "Scale", [scale.value for scale in BarScale], key=_SCALE, persist_state="session",
            width=150,
        )  # fmt: skip
        draw_toggle(
            "Only versions with the instance",
            key=_HELD_ONLY,
            why="Otherwise the model of a version without the instance predicts its row in the "
            "nearest version that has it.",
        )
        draw_toggle(
            "Changes of the predicted class",
            key=_CLASSES,
            why="Instead of changes between correct and incorrect.",
        )
    return range_of_session(names)


def range_of_session(names: list[str]) -> SensitivityRange:
    """The range and options of sensitivity, as set on the Sensitivity page."""
    first, last = _ends_of_session(names)
    return SensitivityRange(
        first,
        last,
        held_only=bool(st.session_state.get(_HELD_ONLY, False)),
        classes=bool(st.session_state.get(_CLASSES, False)),
    )


def _ends_of_session(names: list[str]) -> tuple[str, str]:
    """The first and last version asked for; of all versions where these are gone."""
    ends = st.session_state.get(_RANGE, ())
    if len(ends) != 2 or any(end not in names for end in ends):
        return names[0], names[-1]
    first, last = sorted(ends, key=names.index)
    return first, last


def _with_all(frame: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """The filtered bars, and the unfiltered ones as `all_instances`."""
    renamed = whole.rename({"instances": "all_instances"})
    joined = renamed.join(frame, on="changes", how="left", nulls_equal=True, maintain_order="left")
    return joined.select("changes", pl.col("instances").fill_null(0), "all_instances")


def _draw_totals(known: pl.DataFrame, over: SensitivityRange) -> None:
    total = int(known["instances"].sum())
    same = int(known.filter(changes=0)["instances"].sum())
    unit = "class" if over.classes else "prediction"
    with st.container(horizontal=True, gap="small"):
        for words, count in ((f"no {unit} change", same), (f"{unit} change", total - same)):
            st.markdown(f"**{count:,}** {words} :small[({count / total:.1%})]", width="content")


def _toggled(filters: Filters, over: SensitivityRange, changes: int) -> SensitivityChoice | None:
    choice = filters.sensitivity
    kept = choice.changes if choice is not None and choice.over == over else ()
    after = tuple(n for n in kept if n != changes) if changes in kept else (*kept, changes)
    return SensitivityChoice(over, after) if after else None


def _draw_most_sensitive(view: View, over: SensitivityRange) -> None:
    st.markdown("##### Which outcomes changed most often?")
    listed = view.call_in_scope(analysis.most_sensitive, over=over, most=_LISTED)
    if listed.is_empty():
        draw_empty(
            view.why_empty(
                "the instances follow",
                "No outcome changed in these versions. Choose a longer range above.",
                "No outcome of the matching instances changed. Remove a filter above.",
            )
        )
        return
    data = charts.strip_frame(listed)
    chart, table = st.columns([3, 2], gap="medium")
    with chart:
        draw_chart(
            data, charts.outcome_strips, key="sensitivity-strips", width="content",
            versions=listed["version"].n_unique(),
        )  # fmt: skip
        st.caption(
            f"{plain(charts.strip_text(data))} One square per version: above the line correct, "
            "below it incorrect; a dot marks versions with the instance in train."
        )
    with table:
        courses = listed.unique("place", maintain_order=True)
        draw_table(courses.select("instance", "changes", "course"), key="sensitivity-courses")
        st.caption("Lasting: one change that held to the end. Flickering: two or more changes.")
