"""The Failures page: sets worth a click, confusion matrices, errors by group, ranked mistakes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import FAILURE_SETS, failure_filters
from chameleon.app import chart_clicks, mistakes, state, weak_labels
from chameleon.app.formatting import plain, shortened, side_words
from chameleon.app.sensitivity import range_of_session
from chameleon.app.tables import draw_table
from chameleon.app.view import (
    ALL_SPLITS,
    View,
    draw_chart,
    draw_choice,
    draw_empty,
    draw_toggle,
    occurring_splits,
    toggle_filter,
)
from chameleon.charts import (
    MOST_CLASSES,
    MOST_GROUPS,
    Shown,
    confusion_frame,
    confusion_matrix,
    confusion_text,
    error_frame,
    error_rates,
    error_text,
    names_lie_flat,
    other_classes,
    shown_classes,
)
from chameleon.project import Split
from chameleon.selection import ConfusionCell, Filters, SensitivityRange

_ROWS = "failures-rows"
_SHARES = "failures-shares"
_MEANT = {
    "fails in every version": "No version's model is right on it, from {first} to {last}; outcomes "
    "that are unknown are passed over, one at least is known.",
    "newly failing": "Correct in the secondary version, incorrect in the primary.",
    "fixed": "Incorrect in the secondary version, correct in the primary.",
    "flickering": "Its outcome changed twice or more often, from {first} to {last}.",
}
_TITLES = {"label": "True class", "source": "Source"}


def draw(view: View) -> None:
    """The sets, the matrices, the classes and sources by error, and the mistakes."""
    if not view.evaluation.has_outcomes:
        draw_empty(
            view.why_empty(
                "the failures follow", "No outcome is known: there is no label or no prediction."
            )
        )
        weak_labels.draw(view)  # they ask no model
        return
    over = range_of_session([version.name for version in view.evaluation.dataset.versions])
    _draw_sets(view, over)
    split = _options(view)
    _draw_matrices(view, split)
    _draw_errors(view, split)
    mistakes.draw(view, split, over)
    weak_labels.draw(view)


def _draw_sets(view: View, over: SensitivityRange) -> None:
    counts = view.call(analysis.failure_sets, over=over)
    filters = view.selection.filters
    ends = {"first": plain(shortened(over.first)), "last": plain(shortened(over.last))}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for number, (name, count) in enumerate(counts.iter_rows()):
            chosen = failure_filters(view.evaluation, name, filters, over)
            active = chosen == filters
            st.button(
                f"{name.capitalize()}: **{count:,}**",
                key=f"failure-set-{number}",
                type="primary" if active else "secondary",
                disabled=not count and not active,
                help=_MEANT[name].format(**ends)
                + (" Click again to take it off." if active else ""),
                on_click=partial(_choose_set, view, FAILURE_SETS[number], over),
            )
    st.caption(
        f"Instances of either version, over the range {ends['first']} to {ends['last']} of the "
        "Sensitivity page. A click filters every view, in place of choices in the change matrix "
        "and the sensitivity histogram."
    )


def _choose_set(view: View, name: str, over: SensitivityRange) -> None:
    """Filter to a set, or take it off where it is what is filtered. For callbacks."""
    current = state.current_filters()
    chosen = failure_filters(view.evaluation, name, current, over)
    if chosen is None or chosen == current:
        chosen = replace(current, outcome_changes=(), sensitivity=None, always_fails=None)
    state.set_filters(chosen)


def _options(view: View) -> Split | None:
    """The split whose rows are looked at; None for all, or for those that are filtered."""
    occurring = occurring_splits(view)
    filtered = view.selection.filters.splits
    split: Split | None = None
    st.markdown("##### Which class is taken for which?")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if filtered:
            st.markdown(f"Rows: **{', '.join(filtered)}**, as filtered", width="content")
        else:
            default = Split.TEST.value if Split.TEST.value in occurring else ALL_SPLITS
            why = "Train rows are what the model was fitted on: few of its mistakes show there."
            chosen = draw_choice(
                "Rows", [ALL_SPLITS, *occurring], default=default, key=_ROWS, why=why
            )
            split = None if chosen == ALL_SPLITS else Split(chosen)
        draw_toggle("Write shares of the true class, in %", key=_SHARES)
    return split


def _draw_matrices(view: View, split: Split | None) -> None:
    found = view.call(analysis.confusion, split=split)
    if found.is_empty():
        draw_empty(_why_empty(view, split))
        return
    classes = shown_classes(found)
    count = len({*found["label"], *found["prediction"]})
    with st.container(horizontal=True, gap="medium"):
        for shown in Shown:
            with st.container(width="content", gap="small"):
                _draw_matrix(view, found, shown, classes, count, split)
    folded = ""
    if count > MOST_CLASSES:
        folded = (
            f" Of {count:,} classes the {len(classes)} with the most mistakes stand by themselves, "
            f"the others are folded into '{plain(other_classes(found, classes))}', where right and "
            "wrong are mixed and a click does nothing: filter by label to see others."
        )
    st.caption(
        "Shaded by the share of the true class; the difference green where the primary has more, "
        "amber where it has fewer. A click filters every view to that class and prediction."
        + folded
    )


def _draw_matrix(
    view: View,
    found: pl.DataFrame,
    shown: Shown,
    classes: tuple[str, ...],
    count: int,
    split: Split | None,
) -> None:
    names = {
        side: shortened(side_words(view.selection, primary=side is Shown.PRIMARY))
        for side in (Shown.SECONDARY, Shown.PRIMARY)
    }
    title = {
        Shown.SECONDARY: f"Secondary {plain(names[Shown.SECONDARY])}",
        Shown.PRIMARY: f"Primary {plain(names[Shown.PRIMARY])}",
        Shown.DIFFERENCE: "Primary less secondary",
    }
    data = confusion_frame(
        found,
        shown,
        classes=classes,
        names=names,
        shares=bool(st.session_state.get(_SHARES, False)),
        chosen=_chosen_cells(view.selection.filters, shown),
    )
    folded = {other_classes(found, classes)} if count > len(classes) else set()

    def toggle(mark: chart_clicks.Mark) -> None:
        label, prediction = str(mark[0]), str(mark[1])
        if not folded & {label, prediction}:
            state.set_filters(_toggled(state.current_filters(), label, prediction, shown, split))

    st.markdown(f"**{title[shown]}**")
    draw_chart(
        data,
        confusion_matrix,
        key=f"confusion-{shown}",
        fields=("label", "prediction"),
        on_pick=toggle,
        width="content",
        classes=min(count, MOST_CLASSES),
        flat=count <= MOST_CLASSES and names_lie_flat(classes),
        difference=shown is Shown.DIFFERENCE,
    )
    st.caption(plain(confusion_text(data, shown)), width=_TEXT_WIDTH)


_TEXT_WIDTH = 330


def _chosen_cells(filters: Filters, shown: Shown) -> list[tuple[str, str]]:
    sides = {Shown.SECONDARY: (True,), Shown.PRIMARY: (False,)}.get(shown, (True, False))
    return [(c.label, c.prediction) for c in filters.confusions if c.secondary in sides]


def _toggled(
    filters: Filters, label: str, prediction: str, shown: Shown, split: Split | None
) -> Filters:
    """The filters with a cell chosen, or taken off; of the difference, the cell of both sides."""
    sides = {Shown.SECONDARY: (True,), Shown.PRIMARY: (False,)}.get(shown, (False, True))
    cells = [ConfusionCell(label, prediction, side) for side in sides]
    if all(cell in filters.confusions for cell in cells):
        kept = tuple(cell for cell in filters.confusions if cell not in cells)
        return replace(filters, confusions=kept)
    changes: dict[str, Any] = {"confusions": tuple(dict.fromkeys((*filters.confusions, *cells)))}
    if split is not None and not filters.splits:
        changes["splits"] = (split,)  # the cell counts rows of that split
    return replace(filters, **changes)


def _why_empty(view: View, split: Split | None) -> str:
    rows = "row" if split is None else f"{split} row"
    if view.selection.filters.is_empty:
        return f"No {rows} of either version has both a label and a prediction."
    return f"No {rows} with a label and a prediction passes the filters. Take one off above" + (
        "." if split is None else ", or choose other rows."
    )


def _draw_errors(view: View, split: Split | None) -> None:
    st.markdown("##### Which classes and sources fail most?")
    groups = ["label", *(["source"] if view.evaluation.dataset.sources else [])]
    for column, by in zip(st.columns(len(groups), gap="large"), groups, strict=True):
        with column:
            _draw_group(view, by, split)
    st.caption(
        "Sorted by the errors under the primary. Intervals are exact (Clopper-Pearson) and stand "
        "only where no train row is among the instances: what a model was fitted on is no fair "
        "sample. A click on a dot filters every view."
    )


def _draw_group(view: View, by: str, split: Split | None) -> None:
    found = view.call(analysis.errors_by, by=by, split=split)
    filters = view.selection.filters
    data = error_frame(
        found,
        absent=f"(no {by})",
        chosen=filters.labels if by == "label" else filters.sources,
        primary=shortened(side_words(view.selection, primary=True)),
        secondary=shortened(side_words(view.selection, primary=False)),
    )
    if data.is_empty():
        draw_empty(_why_empty(view, split))
        return
    names = found["group"].to_list()

    def toggle(mark: chart_clicks.Mark) -> None:
        toggle_filter(f"{by}s", names[int(str(mark[0]))])

    draw_chart(
        data,
        error_rates,
        key=f"errors-by-{by}",
        fields=("place",),
        on_pick=toggle,
        title=_TITLES[by],
    )
    more = f" The first {MOST_GROUPS} of {len(found):,}." if len(found) > MOST_GROUPS else ""
    st.caption(plain(error_text(data)) + more)
    with st.expander("As a table"):
        draw_table(_error_table(found, by), key=f"failures-by-{by}")


def _error_table(found: pl.DataFrame, by: str) -> pl.DataFrame:
    """The errors as a person reads them: "-" where something is undefined, and why."""
    columns: list[pl.Expr] = [pl.col("group").fill_null(f"(no {by})").alias(_TITLES[by].lower())]
    for side in ("primary", "secondary"):
        interval = pl.format("{} to {}", _share(f"{side}_low"), _share(f"{side}_high"))
        columns += [
            pl.col(f"{side}_errors").alias(f"{side} errors"),
            pl.col(f"{side}_instances").alias(f"{side} of"),
            _share(f"{side}_rate").fill_null("-").alias(f"{side} rate"),
            interval.fill_null("-").alias(f"{side} 95 %"),
        ]
    reasons = pl.coalesce("primary_reason", "secondary_reason").fill_null("")
    return found.select(
        *columns,
        _share("change", signed=True).fill_null("-").alias("change"),
        reasons.alias("undefined because"),
    )


def _share(column: str, *, signed: bool = False) -> pl.Expr:
    """A share in percent as text; null where it is undefined."""
    text = pl.format("{} %", (100 * pl.col(column)).round(1))
    if not signed:
        return text
    return pl.when(pl.col(column) > 0).then(pl.format("+{}", text)).otherwise(text)
