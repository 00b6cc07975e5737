"""The prediction change matrix: its page, and the small one on the Overview."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import ChangeStatistics, Rate
from chameleon.app import cached, chart_clicks
from chameleon.app.formatting import plain, side_words
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_chart, draw_empty, draw_toggle, toggle_filter
from chameleon.charts import (
    class_frame,
    class_table,
    class_table_text,
    outcome_frame,
    outcome_matrix,
    outcome_matrix_text,
)
from chameleon.selection import ClassChange, OutcomeChange

_SAME_LABEL = "changes-same-label"
_MOST_PAIRS = 200


def draw(view: View) -> None:
    """The matrix, what it amounts to, and the class-to-class table."""
    same_label = draw_toggle(
        "Judge both by the primary's label",
        key=_SAME_LABEL,
        why="Else each version's prediction is judged by that version's own label.",
    )
    frame, statistics = _found(view, same_label=same_label)
    if not frame["instances"].sum():  # no tables of nothing
        draw_matrix(view, name="matrix")
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        draw_matrix(view, name="matrix", height=280)
        _draw_groups(view, same_label=same_label)
    with right:
        draw_statistics(statistics)
    _draw_classes(view)


def _found(view: View, *, same_label: bool) -> tuple[pl.DataFrame, ChangeStatistics]:
    evaluation, selection = view.evaluation, view.selection
    return (
        cached.call(analysis.prediction_changes, evaluation, selection, same_label=same_label),
        cached.call(analysis.change_statistics, evaluation, selection, same_label=same_label),
    )


def draw_matrix(view: View, *, name: str, height: int = 170) -> None:
    """The matrix alone; its cells filter every other view."""
    same_label = bool(st.session_state.get(_SAME_LABEL, False))
    frame, statistics = _found(view, same_label=same_label)
    if not frame["instances"].sum():
        draw_empty(_why_empty(view, statistics))
        return
    chosen = view.selection.filters.outcome_changes
    data = outcome_frame(
        frame,
        primary=side_words(view.selection, primary=True),
        secondary=side_words(view.selection, primary=False),
        chosen=[(c.secondary, c.primary) for c in chosen if c.same_label == same_label],
    )

    def toggle(mark: chart_clicks.Mark) -> None:
        change = OutcomeChange(str(mark[0]), str(mark[1]), same_label)
        toggle_filter("outcome_changes", change)

    fields = ("secondary", "primary")
    draw_chart(data, outcome_matrix, key=name, fields=fields, on_pick=toggle, height=height)
    left_out = f" {statistics.unknown:,} of unknown outcome left out." if statistics.unknown else ""
    st.caption(plain(outcome_matrix_text(data)) + left_out)


def _why_empty(view: View, statistics: ChangeStatistics) -> str:
    reason = "No instance of both versions passes the filters. Take one off above."
    if statistics.unknown:
        reason = (
            f"All {statistics.unknown:,} instances of both versions have an unknown outcome in "
            "one of them: there is no label or no prediction."
        )
    return view.why_empty("the matrix follows", reason)


def draw_statistics(found: ChangeStatistics) -> None:
    """Churn, flip rates and McNemar's test as a small table with its words."""
    ratio = "-" if found.win_loss_ratio is None else f"{found.win_loss_ratio:.2f}"
    rows = [
        ("Churn: another class is predicted", found.churn),
        ("Negative flips: correct, then incorrect", found.negative_flips),
        ("Positive flips: incorrect, then correct", found.positive_flips),
        ("Negative flips, fair test rows", found.tested_negative_flips),
        ("Positive flips, fair test rows", found.tested_positive_flips),
    ]
    st.markdown("##### What it amounts to")
    lines = ["| | share | 95 % interval | instances |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {_share(rate)} | {_interval(rate)} | {rate.count:,} of {rate.of:,} |"
        for name, rate in rows
    ]
    lines.append(f"| Win-loss ratio: positive per negative flip | {ratio} | | |")
    st.markdown("\n".join(lines))
    st.markdown(_mcnemar_words(found))
    st.caption(
        "Fair test rows are in the test split of both versions and kept their label: a train row "
        "that a model memorised proves nothing. Intervals are exact (Clopper-Pearson)."
    )


def _share(rate: Rate) -> str:
    return f"- ({rate.reason})" if rate.share is None else f"{rate.share:.2%}"


def _interval(rate: Rate) -> str:
    if rate.low is None or rate.high is None:
        return ""
    return f"{rate.low:.2%} to {rate.high:.2%}".replace(" ", "\N{NO-BREAK SPACE}")


def _mcnemar_words(found: ChangeStatistics) -> str:
    losses, wins = found.tested_negative_flips.count, found.tested_positive_flips.count
    if found.mcnemar_p is None:
        return "**McNemar's exact test**: - (no fair test row flipped)."
    if found.mcnemar_p < 0.05:
        says = (
            f"the {wins:,} positive against {losses:,} negative flips are more one-sided than "
            "chance makes them at the 5 % level"
        )
    else:
        says = (
            f"{wins:,} positive against {losses:,} negative flips can well be chance: this does "
            "not show that the models are equal, only that these rows cannot tell them apart"
        )
    return (
        f"**McNemar's exact test**: p = {found.mcnemar_p:.2g}; {says}. It speaks of these two "
        "fitted models on these test rows, not of what another training run would give."
    )


def _draw_groups(view: View, *, same_label: bool) -> None:
    for by, title in (("split", "By split"), ("label", "By true class")):
        frame = view.call(analysis.prediction_changes_by, by=by, same_label=same_label)
        with st.expander(title, expanded=by == "split"):
            draw_table(_group_table(frame, by), key=f"changes-by-{by}")


def _group_table(frame: pl.DataFrame, by: str) -> pl.DataFrame:
    return frame.rename(
        {
            "group": "true class" if by == "label" else by,
            "instances": "all",
            "correct_correct": "unaffected",
            "correct_incorrect": "regressed",
            "incorrect_correct": "improved",
            "incorrect_incorrect": "needs attention",
        }
    )


def _draw_classes(view: View) -> None:
    st.markdown("##### Which predicted class became which?")
    frame = view.call(analysis.class_changes)
    if frame.is_empty():
        draw_empty("No instance of both versions has another predicted class.")
        return
    shown = frame.head(_MOST_PAIRS)
    data = class_frame(
        shown,
        primary=side_words(view.selection, primary=True),
        secondary=side_words(view.selection, primary=False),
        chosen=[(c.secondary, c.primary) for c in view.selection.filters.class_changes],
    )

    def toggle(mark: chart_clicks.Mark) -> None:
        toggle_filter("class_changes", ClassChange(str(mark[0]), str(mark[1])))

    classes = max(shown["secondary_class"].n_unique(), shown["primary_class"].n_unique())
    chart, table = st.columns([1, 1], gap="large")
    with chart:
        fields = ("secondary_class", "primary_class")
        draw_chart(data, class_table, key="classes", fields=fields, on_pick=toggle, classes=classes)
        st.caption(plain(class_table_text(data)))
    with table:
        draw_table(shown.rename(lambda name: name.replace("_", " ")), key="class-changes")
        if len(frame) > _MOST_PAIRS:
            st.caption(f"The {_MOST_PAIRS} most frequent of {len(frame):,} pairs.")
