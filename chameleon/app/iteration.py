"""The Data changes page: counts, kinds, edits, and instances of the step; then drift."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.app import iteration_drift, state
from chameleon.app.formatting import counted, number, plain, shortened
from chameleon.app.view import (
    NO_MATCHES,
    View,
    clicked_cell,
    draw_chart,
    draw_empty,
    draw_table,
    table_height,
)
from chameleon.project import Split
from chameleon.selection import ChangeType, DataChange, DataChangeFilter

_LISTED = "iteration-listed"
_CHOSEN = "chameleon.iteration-chosen"
_BY = ("split", "label", "source")
_NAMES = {
    ChangeType.LABELED.value: "newly labeled",
    ChangeType.CHANGED_SPLIT.value: "changed split",
}
"""Names of columns on the page, where they differ from those of the frame."""


def draw(view: View) -> None:
    """Counts, kinds, edited values, and instances of the step; then drift."""
    selection = view.selection
    if len(view.version_names) < 2:
        draw_empty("There is one version only, so there is no step.")
        return
    if selection.primary == selection.secondary:
        draw_empty(
            "The primary and the secondary are the same version. Choose another one on the "
            "timeline to see the changes between them."
        )
    else:
        _draw_step(view)
        view.afterwards(partial(iteration_drift.draw, view))
    view.afterwards(partial(iteration_drift.draw_map, view))


def _draw_step(view: View) -> None:
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### What happened to the instances?")
        _draw_counts(view)
    with right:
        st.markdown("##### What kind of step is it?")
        _draw_kinds(view)
    with st.expander("By split, label, and source"):
        _draw_groups(view)
    _draw_edits(view)
    _draw_instances(view)


def _draw_counts(view: View) -> None:
    chosen = [c.happened.value for c in view.selection.filters.data_changes if c.feature is None]
    frame = charts.change_bar_frame(view.call(analysis.data_changes), chosen=chosen)

    def toggle(mark: state.Mark) -> None:
        state.toggle_filter("data_changes", DataChange(ChangeType(str(mark[0]))))

    draw_chart(frame, charts.change_bars, key="iteration-counts", fields=("change",),
               on_pick=toggle)  # fmt: skip
    st.caption(
        f"{plain(charts.change_bars_text(frame))} From {plain(view.selection.secondary)} to "
        f"{plain(view.selection.primary)}; relabeled, edited, and changed split may overlap. A "
        "click filters all views."
    )
    if not (view.selection.primary_only.is_empty and view.selection.secondary_only.is_empty):
        st.caption("This page shows whole versions: restrictions of a side are ignored.")


def _draw_kinds(view: View) -> None:
    frame = view.call(analysis.iteration_kinds)
    if frame.is_empty():
        draw_empty("Nothing changed between these versions.")
        return
    for line in frame.iter_rows(named=True):
        st.markdown(f"- **{str(line['kind']).capitalize()}.** {plain(line['sentence'])}")
    st.caption(
        "Whole versions, whatever the filters. Added rows are compared with the shared ones of "
        "their split; intervals are simultaneous for all groups. Rows count as synthetic only "
        "where the name of a source or column declares it."
    )


def _draw_groups(view: View) -> None:
    for by in _BY:
        if by == "source" and not view.evaluation.dataset.sources:
            continue
        frame = view.call(analysis.data_changes_by, by=by)
        names = {"group": by, "instances": "all", **_NAMES}
        key = f"iteration-by-{by}"
        draw_table(
            frame.rename(names).with_columns(pl.col(by).fill_null(f"(no {by})")), key=key,
            on_select=partial(_pick_group, key, by, frame["group"].to_list()),
            selection_mode="single-cell",
        )  # fmt: skip
    st.caption("A click on a number filters all views to its instances.")


def _pick_group(key: str, by: str, groups: list[str | None]) -> None:
    """Filter to the instances of the number that was clicked."""
    row, column = clicked_cell(key)
    if not 0 <= row < len(groups):
        return
    group = groups[row]
    change = next((value for value, name in _NAMES.items() if name == column), column)
    of_group: dict[str, Any] = {f"{by}s": (Split(str(group)) if by == "split" else group,)}
    changes = (DataChange(ChangeType(change)),) if change in list(ChangeType) else ()
    state.set_filters(replace(state.current_filters(), data_changes=changes, **of_group))


def _draw_edits(view: View) -> None:
    frame = view.call(analysis.edited_values)
    if frame.is_empty():
        return
    st.markdown("##### How did edited values change?")
    draw_table(_edit_table(frame), key="iteration-edits")
    st.caption(
        f"{counted(len(frame), 'edited feature')}, the most edited first. A rule is shown where "
        "four of five edits follow it; medians are those of the edited values."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        feature = st.selectbox(
            "Edited feature", frame["feature"].to_list(), key="iteration-edited", width=320,
            format_func=partial(shortened, length=60),
        )  # fmt: skip
        if feature is None:
            return
        change = DataChange(ChangeType.EDITED, feature)
        is_on = change in view.selection.filters.data_changes
        st.button(
            "Remove filter" if is_on else "Filter to its edited instances",
            key="iteration-filter-edited", icon=":material/filter_alt:",
            on_click=state.toggle_filter, args=("data_changes", change),
        )  # fmt: skip
    found = view.call(analysis.value_transitions, feature=feature)
    draw_table(found, key="iteration-transitions", height=210)


def _edit_table(edits: pl.DataFrame) -> pl.DataFrame:
    """The edits in few columns, so that a narrow page shows all of them."""
    rows = [
        {
            "feature": line["feature"],
            "edited": line["instances"],
            "rule": line["pattern"] or "",
            "median": _arrow(line["median_before"], line["median_after"]),
            "most often": f"{line['most_before'] or 'missing'} → {line['most_after'] or 'missing'}"
            f" ({line['most_instances']:,})",
            "became missing": line["became_missing"],
        }
        for line in edits.iter_rows(named=True)
    ]
    shown = pl.DataFrame(rows)
    return shown if edits["became_missing"].sum() else shown.drop("became missing")


def _arrow(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else f"{number(before)} → {number(after)}"


def _draw_instances(view: View) -> None:
    st.markdown("##### Which instances?")
    counts = view.call(analysis.data_changes)
    occurring = [ChangeType(h) for h, n, _ in counts.iter_rows() if n]
    if not occurring:
        draw_empty(NO_MATCHES)
        return
    chosen = view.selection.filters.data_changes
    offered = list(dict.fromkeys([*chosen, *(DataChange(h) for h in occurring)]))
    texts = [DataChangeFilter(change).text for change in offered]
    newly_chosen = bool(chosen) and chosen != st.session_state.get(_CHOSEN, ())
    st.session_state[_CHOSEN] = chosen
    if st.session_state.get(_LISTED) not in texts or newly_chosen:
        st.session_state[_LISTED] = texts[0]
    text = st.selectbox(
        "Show", texts, key=_LISTED, width=320,
        format_func=lambda t: DataChangeFilter(offered[texts.index(t)]).label({}).capitalize(),
    )  # fmt: skip
    change = offered[texts.index(text)] if text in texts else offered[0]
    found = view.call(analysis.changed_instances, change=change)
    height = table_height(min(len(found.frame), 7))
    draw_table(_instance_table(found.frame), key="iteration-instances", height=height)
    rows = f", {found.rows:,} values" if found.rows != found.instances else ""
    listed = "" if len(found.frame) == found.rows else f" The first {len(found.frame):,} are shown."
    label = plain(DataChangeFilter(change).label({}))
    st.caption(f"{found.instances:,} instances{rows}: {label}.{listed}")


def _instance_table(listed: pl.DataFrame) -> pl.DataFrame:
    """The list in few columns: a label or split that stayed the same is written once."""

    def arrow(name: str) -> pl.Expr:
        before, after = pl.col(f"{name}_before"), pl.col(f"{name}_after")
        both = pl.concat_str(before.fill_null(""), pl.lit(" → "), after.fill_null(""))
        return pl.when(before.eq_missing(after)).then(after).otherwise(both).alias(name)

    rows = listed.select(
        "instance",
        arrow("label"),
        arrow("split"),
        "source",
        "feature",
        "value_before",
        "value_after",
    )
    empty = [name for name in rows.columns if rows[name].is_null().all()]
    return rows.drop(empty).rename(lambda name: name.replace("_", " "))
