"""The Failures page: failure sets, confusion matrices, errors by group, ranked errors, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.analysis import FAILURE_SETS, LabelIssues, failure_filters, label_issue_fits
from chameleon.app import jobs, projects, state, visitor_lists, weak_labels
from chameleon.app.background import Task
from chameleon.app.formatting import brief, counted, plain, shortened
from chameleon.app.instance_views import OPEN
from chameleon.app.sensitivity import range_of_session
from chameleon.app.view import (
    NO_OUTCOMES,
    View,
    draw_chart,
    draw_choice,
    draw_empty,
    draw_scope,
    draw_table,
    draw_toggle,
)
from chameleon.charts import MOST_CLASSES, MOST_GROUPS, Shown
from chameleon.project import Split
from chameleon.selection import ConfusionCell, Filters, SensitivityRange
from chameleon.storage import digest

_SHARES = "failures-shares"
_HELP = {
    "fails in every version": "No version's model predicts it correctly, from {first} to {last}. "
    "Unknown outcomes are ignored; at least one is known.",
    "newly failing": "Correct in the secondary version, incorrect in the primary.",
    "fixed": "Incorrect in the secondary version, correct in the primary.",
    "flickering": "Its outcome changed at least twice, from {first} to {last}.",
}
_TITLES = {"label": "True class", "source": "Source"}
_TEXT_WIDTH = 330
_RANKINGS: Mapping[str, str] = {
    "confidence": "confidence",
    "label_issue": "label issue score",
    "sensitivity": "sensitivity",
}
_MOST_ERRORS = 200
_UNSCROLLED, _TALLEST = 10, 420  # more rows than this scroll in that many pixels


def draw(view: View) -> None:
    """The failure sets, the matrices, errors by class and source, and the ranked errors."""
    if not view.evaluation.has_outcomes:
        draw_empty(view.why_empty("the failures follow", NO_OUTCOMES))
        weak_labels.draw(view)  # they need no model
        return
    draw_scope(view)
    over = range_of_session(view.version_names)
    _draw_sets(view, over)
    split = scope_split(view)
    st.markdown("##### Which classes are confused?")
    draw_toggle("Shares of the true class, in %", key=_SHARES)
    _draw_matrices(view, split)
    _draw_groups(view, split)
    _draw_errors(view, split, over)
    weak_labels.draw(view)


def _draw_sets(view: View, over: SensitivityRange) -> None:
    counts = view.call_in_scope(analysis.failure_sets, over=over)
    filters = view.selection.filters
    ends = {"first": brief(over.first), "last": brief(over.last)}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for number, (name, count) in enumerate(counts.iter_rows()):
            active = failure_filters(view.evaluation, name, filters, over) == filters
            again = " Click again to remove the filter." if active else ""
            st.button(
                f"{name.capitalize()}: **{count:,}**", key=f"failure-set-{number}",
                type="primary" if active else "secondary", disabled=not count and not active,
                help=_HELP[name].format(**ends) + again,
                on_click=partial(_toggle_set, view, FAILURE_SETS[number], over),
            )  # fmt: skip
    st.caption(
        f"Instances of either version, over the range {ends['first']} to {ends['last']} of the "
        "Sensitivity page. A click filters all views; it replaces filters of the change matrix "
        "and the sensitivity histogram."
    )


def _toggle_set(view: View, name: str, over: SensitivityRange) -> None:
    """Filter to a set, or remove that filter. For callbacks."""
    current = state.current_filters()
    chosen = failure_filters(view.evaluation, name, current, over)
    if chosen is None or chosen == current:
        chosen = replace(current, outcome_changes=(), sensitivity=None, always_fails=None)
    state.set_filters(chosen)


def scope_split(view: View) -> Split | None:
    """The split of the scope; None for all, or for the filtered ones."""
    filtered = view.selection.filters.splits
    return None if filtered or view.scope not in list(Split) else Split(view.scope)


def _draw_matrices(view: View, split: Split | None) -> None:
    found = view.call(analysis.confusion, split=split)
    if found.is_empty():
        draw_empty(_why_empty(view, split))
        return
    classes = charts.shown_classes(found)
    count = len({*found["label"], *found["prediction"]})
    with st.container(horizontal=True, gap="medium"):
        for shown in Shown:
            with st.container(width="content", gap="small"):
                _draw_matrix(view, found, shown, classes, count, split)
    folded = ""
    if count > MOST_CLASSES:
        folded = (
            f" Of {count:,} classes, the {len(classes)} with the most errors are shown. The others "
            f"are in '{plain(charts.other_classes(found, classes))}', where correct and incorrect "
            "are mixed and a click does nothing: filter by label to see others."
        )
    st.caption(
        "Shaded by the share of the true class; the difference is green where the primary has "
        "more, amber where it has fewer. A click filters all views to that class and prediction."
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
    names = {Shown(side): shortened(words) for side, words in view.sides.items()}
    sides: tuple[bool, ...] = (False, True)
    title = "Primary − secondary"
    if shown is not Shown.DIFFERENCE:
        sides, title = (shown is Shown.SECONDARY,), f"{shown.capitalize()} {plain(names[shown])}"
    chosen = [c for c in view.selection.filters.confusions if c.secondary in sides]
    data = charts.confusion_frame(
        found, shown, classes=classes, names=names,
        shares=bool(st.session_state.get(_SHARES, False)),
        chosen=[(cell.label, cell.prediction) for cell in chosen],
    )  # fmt: skip
    folded = {charts.other_classes(found, classes)} if count > len(classes) else set()

    def toggle(mark: state.Mark) -> None:
        label, prediction = str(mark[0]), str(mark[1])
        if not folded & {label, prediction}:
            cells = [ConfusionCell(label, prediction, side) for side in sides]
            state.set_filters(_toggled(state.current_filters(), cells, split))

    st.markdown(f"**{title}**")
    draw_chart(
        data, charts.confusion_matrix, key=f"confusion-{shown}", fields=("label", "prediction"),
        on_pick=toggle, width="content", classes=min(count, MOST_CLASSES),
        flat=count <= MOST_CLASSES and charts.names_lie_flat(classes),
        difference=shown is Shown.DIFFERENCE,
    )  # fmt: skip
    st.caption(plain(charts.confusion_text(data, shown)), width=_TEXT_WIDTH)


def _toggled(filters: Filters, cells: list[ConfusionCell], split: Split | None) -> Filters:
    """The filters with the cells added, or removed where all of them are set."""
    if all(cell in filters.confusions for cell in cells):
        left = tuple(cell for cell in filters.confusions if cell not in cells)
        return replace(filters, confusions=left)
    changes: dict[str, Any] = {"confusions": tuple(dict.fromkeys((*filters.confusions, *cells)))}
    if split is not None and not filters.splits:
        changes["splits"] = (split,)  # the cell counts rows of that split
    return replace(filters, **changes)


def _why_empty(view: View, split: Split | None) -> str:
    rows = "rows" if split is None else f"{split} rows"
    if view.is_unfiltered:
        return f"No {rows} of either version have both a label and a prediction."
    return f"No {rows} with a label and a prediction match the filters. Remove a filter above" + (
        "." if split is None else ", or choose another scope."
    )


def _draw_groups(view: View, split: Split | None) -> None:
    st.markdown("##### Which classes and sources have the most errors?")
    groups = ["label", *(["source"] if view.evaluation.dataset.sources else [])]
    for column, by in zip(st.columns(len(groups), gap="large"), groups, strict=True):
        with column:
            _draw_group(view, by, split)
    st.caption(
        "Sorted by the primary model's errors. Exact intervals (Clopper–Pearson) appear only for "
        "groups without train rows: a model's training data isn't a fair sample. Click a dot to "
        "filter all views."
    )


def _draw_group(view: View, by: str, split: Split | None) -> None:
    found = view.call(analysis.errors_by, by=by, split=split)
    filters = view.selection.filters
    data = charts.error_frame(
        found,
        absent=f"(no {by})",
        chosen=filters.labels if by == "label" else filters.sources,
        primary=shortened(view.sides["primary"]),
        secondary=shortened(view.sides["secondary"]),
    )
    if data.is_empty():
        draw_empty(_why_empty(view, split))
        return
    names = found["group"].to_list()

    def toggle(mark: state.Mark) -> None:
        state.toggle_filter(f"{by}s", names[int(str(mark[0]))])

    draw_chart(
        data, charts.error_rates, key=f"errors-by-{by}", fields=("place",), on_pick=toggle,
        title=_TITLES[by],
    )  # fmt: skip
    more = f" The first {MOST_GROUPS} of {len(found):,}." if len(found) > MOST_GROUPS else ""
    st.caption(plain(charts.error_text(data)) + more)
    with st.expander("As a table"):
        draw_table(_group_table(found, by), key=f"failures-by-{by}")


def _group_table(found: pl.DataFrame, by: str) -> pl.DataFrame:
    """The errors as text: "-" where something is undefined, and why."""
    columns: list[pl.Expr] = [pl.col("group").fill_null(f"(no {by})").alias(_TITLES[by].lower())]
    for side in ("primary", "secondary"):
        interval = pl.format("{} to {}", _share(f"{side}_low"), _share(f"{side}_high"))
        columns += [
            pl.col(f"{side}_errors").alias(f"{side} errors"),
            pl.col(f"{side}_instances").alias(f"{side} of"),
            _share(f"{side}_rate").fill_null("-").alias(f"{side} rate"),
            interval.fill_null("-").alias(f"{side} 95% CI"),
        ]
    change = pl.when(pl.col("change") > 0).then(pl.format("+{}", _share("change")))
    reasons = pl.coalesce("primary_reason", "secondary_reason").fill_null("")
    return found.select(
        *columns,
        change.otherwise(_share("change")).fill_null("-").alias("change"),
        reasons.alias("undefined because"),
    )


def _share(column: str) -> pl.Expr:
    """A share as text; null where it is undefined."""
    return pl.format("{}%", (100 * pl.col(column)).round(1))


def _draw_errors(view: View, split: Split | None, over: SensitivityRange) -> None:
    """The primary's errors, ranked as the visitor asks."""
    st.markdown("##### Most informative errors")
    task = jobs.fit_task("label issues", view.evaluation, version=view.selection.primary)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = draw_choice("Rank by", list(_RANKINGS), names=_RANKINGS, key="mistakes-by")
        issues = _label_issues(view, task)
    jobs.draw(task, unit="model", key="mistakes-stop")
    if issues is not None:
        st.caption(_issues_words(issues))
    if by == "label_issue" and issues is None:
        draw_empty(
            "Only models that never saw a label can assess it. Click the button to fit them."
        )
        return
    found = view.call(
        analysis.ranked_errors, by=by, over=over, split=split, most=_MOST_ERRORS,
        also=issues is not None, given={"issues": issues},
    )  # fmt: skip
    if found.is_empty():
        st.info(_why_none(view, by), icon=":material/check_circle:")
        return
    ids = found["instance"].to_list()
    key = f"failures-mistakes-{digest(ids)[:8]}"  # ticks must not stay when other rows show
    draw_table(
        _error_table(found, with_issues=issues is not None), key=key, file="failures-mistakes",
        height=_TALLEST if len(found) > _UNSCROLLED else None,
        on_select="rerun", selection_mode="multi-row",
    )  # fmt: skip
    _draw_chosen(view, [ids[row] for row in st.session_state[key]["selection"]["rows"]])
    rows = "" if split is None else f" Evaluated on {split} rows."
    st.caption(_table_words(view, found, by) + rows)


def _draw_chosen(view: View, chosen: list[str]) -> None:
    """Actions on the ticked errors."""
    with st.container(horizontal=True, vertical_alignment="center"):
        visitor_lists.draw_add(view, chosen, key="mistakes-add")
        if not chosen:
            st.caption("Tick rows to add them to an exclusion list, or to open one.")
            return
        st.page_link(
            "pages/instances.py", label=f"Open {brief(chosen[-1])}", icon=":material/open_in_new:",
            query_params=[*projects.link_items(view.selection), (OPEN, chosen[-1])],
        )  # fmt: skip


def _label_issues(view: View, task: Task[LabelIssues]) -> LabelIssues | None:
    """The label issues of the primary version; the button that fits their models without them."""
    job = jobs.job_of(task)
    if view.pending or (job is not None and job.complete):
        return jobs.result_of(task)
    fits = label_issue_fits(view.evaluation, view.selection.primary)
    jobs.draw_button(
        task, f"Fit {counted(fits, 'model')} to find label issues" if fits else "Find label issues",
        icon=":material/label_off:", key="mistakes-judge",
        why="Confident learning: fits the project's own model on all train rows except one part, "
        "and predicts that part. Fitted models are cached.",
    )  # fmt: skip
    return None


def _issues_words(issues: LabelIssues) -> str:
    """The numbers of assessed and left-out labels."""
    rows = issues.rows
    train = rows.filter(split=Split.TRAIN.value)
    flagged, learned = int(rows["is_issue"].sum()), int(train["is_issue"].sum())
    words = (
        f"**{flagged:,} of {len(rows):,} labels** of {brief(issues.version)} are likely wrong by "
        f"confident learning: {learned:,} of {len(train):,} train rows, assessed by models fitted "
        f"without them, and {flagged - learned:,} of {len(rows) - len(train):,} others, assessed "
        "by the version's own model."
    )
    left_out = [
        f"{count:,} {reason}"
        for count, reason in (
            (issues.unlabeled, "unlabeled"),
            (issues.leaked, "duplicates of a train row"),
            (issues.unjudged, "that no model can assess"),
        )
        if count
    ]
    words += f" Left out: {'; '.join(left_out)}." if left_out else ""
    return words if issues.reason is None else f"{words} Note: {plain(issues.reason)}."


def _error_table(found: pl.DataFrame, *, with_issues: bool) -> pl.DataFrame:
    """The errors as text: "-" where something is undefined."""
    flagged = pl.col("is_issue").replace_strict(
        {True: "likely wrong", False: ""}, default="-", return_dtype=pl.String
    )
    columns: dict[str, str | pl.Expr] = {
        "instance": "instance",
        "label": "label",
        "prediction": "prediction",
        "probability": pl.format("{}", pl.col("probability").round(3)).fill_null("-"),
    }
    if with_issues:
        columns |= {
            "label issue score": pl.format("{}", pl.col("label_issue_score").round(3)).fill_null(
                "-"
            ),
            "suggested label": pl.col("suggested_label").fill_null("-"),
            "label is": flagged,
        }
    columns |= {
        "changes": pl.format("{}", "changes").fill_null("-"),
        "course": "course",
        "split": "split",
        "source": pl.col("source").fill_null("-"),
    }
    return found.select(**columns)


def _table_words(view: View, found: pl.DataFrame, by: str) -> str:
    primary = brief(view.selection.primary)
    words = f"Errors of the model of {primary} on its own rows"
    if by == "label_issue":
        words = f"Labels of {primary} that a model which never saw them contradicts"
    words += (
        f", the first {_MOST_ERRORS:,} by {_RANKINGS[by]}" if len(found) == _MOST_ERRORS else ""
    )
    reasons = [
        reason
        for column, reason in (
            ("probability", "a probability is undefined where the model predicts none"),
            ("changes", "changes are undefined with fewer than two known outcomes"),
        )
        if found[column].null_count()
    ]
    return f"{words}." + "".join(f" “-”: {reason}." for reason in reasons)


def _why_none(view: View, by: str) -> str:
    if by == "label_issue":
        return "No assessed label of these rows is contradicted. Choose another scope above."
    if view.is_unfiltered:
        return "The primary's model has no errors on these rows."
    return "No errors of the primary's model match the filters."
