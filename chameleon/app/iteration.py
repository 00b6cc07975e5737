"""The Data changes page: what happened to the instances of the step, and of what kind it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import chart_clicks, iteration_drift, state
from chameleon.app.formatting import number, plain, shortened
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_chart, draw_empty, toggle_filter
from chameleon.charts import change_bar_frame, change_bars, change_bars_text
from chameleon.project import Split
from chameleon.selection import ChangeType, DataChange, DataChangeFilter

_LISTED = "iteration-listed"
_BY = ("split", "label", "source")


def draw(view: View) -> None:
    """Counts, kinds, edited values and instances of the step; then drift."""
    selection = view.selection
    if len(view.evaluation.dataset.versions) < 2:
        draw_empty("There is one version only: no step to look at yet.")
        return
    if selection.primary == selection.secondary:
        draw_empty(
            "The primary and the secondary are the same version: pick another one on the timeline "
            "to see what changed between them."
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
        st.markdown("##### What kind of iteration is it?")
        _draw_kinds(view)
    with st.expander("By split, label and source"):
        _draw_groups(view)
    _draw_edits(view)
    _draw_instances(view)


def _draw_counts(view: View) -> None:
    chosen = [c.happened.value for c in view.selection.filters.data_changes if c.feature is None]
    frame = change_bar_frame(view.call(analysis.data_changes), chosen=chosen)

    def toggle(mark: chart_clicks.Mark) -> None:
        toggle_filter("data_changes", DataChange(ChangeType(str(mark[0]))))

    draw_chart(frame, change_bars, key="iteration-counts", fields=("happened",), on_pick=toggle)
    st.caption(
        f"{plain(change_bars_text(frame))} From {plain(view.selection.secondary)} to "
        f"{plain(view.selection.primary)}; relabelled, edited and moved may overlap. A click "
        "filters every view."
    )
    if not (view.selection.primary_only.is_empty and view.selection.secondary_only.is_empty):
        st.caption("This page shows whole versions: what a side is restricted to is left out.")


def _draw_kinds(view: View) -> None:
    frame = view.call(analysis.iteration_kinds)
    if frame.is_empty():
        draw_empty("Nothing changed between these versions.")
        return
    for line in frame.iter_rows(named=True):
        kind = str(line["kind"]).capitalize()
        st.markdown(f"- **{kind}.** {plain(line['sentence'])}")
    st.caption(
        "Whole versions, whatever the filters. Added rows are held against the kept ones of their "
        "split; intervals hold for all groups compared together. Synthetic is said only where a "
        "source or column declares it by its name."
    )


def _draw_groups(view: View) -> None:
    for by in _BY:
        frame = view.call(analysis.data_changes_by, by=by)
        if by == "source" and not view.evaluation.dataset.sources:
            continue
        shown = frame.rename({"group": by, "labelled": "labels added", "instances": "all"})
        key = f"iteration-by-{by}"
        draw_table(
            shown.with_columns(pl.col(by).fill_null(f"(no {by})")),
            key=key,
            on_select=partial(_pick_group, key, by, frame["group"].to_list()),
            selection_mode="single-cell",
        )
    st.caption("A click on a number filters every view to its instances.")


def _pick_group(key: str, by: str, groups: list[str | None]) -> None:
    """Filter to the instances behind the number that was clicked."""
    cells = st.session_state[key]["selection"]["cells"]
    if len(cells) != 1 or not 0 <= cells[0][0] < len(groups):
        return
    group, column = groups[cells[0][0]], cells[0][1]
    word = "labelled" if column == "labels added" else column
    chosen = Split(str(group)) if by == "split" else group
    of_group: dict[str, Any] = {f"{by}s": (chosen,)}
    changes = (DataChange(ChangeType(word)),) if word in list(ChangeType) else ()
    state.set_filters(replace(state.current_filters(), data_changes=changes, **of_group))


def _draw_edits(view: View) -> None:
    frame = view.call(analysis.edited_values)
    if frame.is_empty():
        return
    st.markdown("##### How did edited values change?")
    draw_table(_edit_table(frame), key="iteration-edits")
    st.caption(
        f"{len(frame):,} edited feature{'' if len(frame) == 1 else 's'}, the most edited first. A "
        "rule is named where four edits of five follow it; medians are over the edited values."
    )
    names = frame["feature"].to_list()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        feature = st.selectbox(
            "Edited feature", names, key="iteration-edited", width=320,
            format_func=partial(shortened, length=60),
        )  # fmt: skip
        if feature is None:
            return
        change = DataChange(ChangeType.EDITED, feature)
        on = change in view.selection.filters.data_changes
        st.button(
            "Take off this filter" if on else "Filter to its edited instances",
            key="iteration-filter-edited",
            icon=":material/filter_alt:",
            on_click=toggle_filter,
            args=("data_changes", change),
        )
    found = view.call(analysis.value_transitions, feature=feature)
    draw_table(found, key="iteration-transitions", height=210)


def _edit_table(edits: pl.DataFrame) -> pl.DataFrame:
    """The edits in few columns, so that a narrow page shows all of them."""
    told = [
        {
            "feature": line["feature"],
            "edited": line["instances"],
            "rule": line["pattern"] or "",
            "median": _way(line["median_before"], line["median_after"]),
            "most often": f"{line['most_before'] or 'missing'} → {line['most_after'] or 'missing'}"
            f" ({line['most_instances']:,})",
            "became missing": line["became_missing"],
        }
        for line in edits.iter_rows(named=True)
    ]
    shown = pl.DataFrame(told)
    return shown if edits["became_missing"].sum() else shown.drop("became missing")


def _way(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else f"{number(before)} → {number(after)}"


def _draw_instances(view: View) -> None:
    st.markdown("##### Which instances?")
    counts = view.call(analysis.data_changes)
    occurring = [ChangeType(h) for h, n, _ in counts.iter_rows() if n]
    if not occurring:
        draw_empty("No instance passes the filters. Take one off above.")
        return
    chosen = view.selection.filters.data_changes
    offered = list(dict.fromkeys([*chosen, *(DataChange(h) for h in occurring)]))
    texts = [DataChangeFilter(change).text for change in offered]
    if st.session_state.get(_LISTED) not in texts or _newly_chosen(chosen):
        st.session_state[_LISTED] = texts[0]
    text = st.selectbox(
        "Show", texts, key=_LISTED, width=320,
        format_func=lambda t: DataChangeFilter(offered[texts.index(t)]).label({}).capitalize(),
    )  # fmt: skip
    change = offered[texts.index(text)] if text in texts else offered[0]
    found = view.call(analysis.changed_instances, change=change)
    draw_table(_instance_table(found.frame), key="iteration-instances",
               height=38 + 35 * min(max(len(found.frame), 1), 7))  # fmt: skip
    rows = f", {found.rows:,} values" if found.rows != found.instances else ""
    listed = "" if len(found.frame) == found.rows else f" The first {len(found.frame):,} are shown."
    st.caption(
        f"{found.instances:,} instances{rows}: {plain(DataChangeFilter(change).label({}))}.{listed}"
    )


def _instance_table(listed: pl.DataFrame) -> pl.DataFrame:
    """The list in few columns: labels and splits are told as one where they stayed the same."""
    ways = {
        name: pl.when(pl.col(f"{name}_before").eq_missing(pl.col(f"{name}_after")))
        .then(f"{name}_after")
        .otherwise(
            pl.concat_str(
                pl.col(f"{name}_before").fill_null(""), pl.lit(" → "),
                pl.col(f"{name}_after").fill_null(""),
            )
        )
        for name in ("label", "split")
    }  # fmt: skip
    told = listed.select(
        "id", ways["label"].alias("label"), ways["split"].alias("split"), "source", "feature",
        "value_before", "value_after",
    )  # fmt: skip
    empty = [name for name in told.columns if told[name].is_null().all()]
    return told.drop(empty).rename(lambda name: name.replace("_", " "))


def _newly_chosen(chosen: tuple[DataChange, ...]) -> bool:
    """Whether another change was just clicked, so that its instances are what to show."""
    before = st.session_state.get("chameleon.iteration-chosen", ())
    st.session_state["chameleon.iteration-chosen"] = chosen
    return bool(chosen) and chosen != before
