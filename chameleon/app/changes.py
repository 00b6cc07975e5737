"""The Prediction changes page."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.analysis import ChangeStatistics, Proportion
from chameleon.app import state, story_host
from chameleon.app.formatting import plain
from chameleon.app.view import (
    NO_MATCHES,
    View,
    draw_chart,
    draw_empty,
    draw_scope,
    draw_table,
    draw_toggle,
)
from chameleon.selection import ClassChange, OutcomeChange

_SAME_LABEL = "changes-same-label"
_MOST_PAIRS = 200


def draw(view: View) -> None:
    """Fixed and regressed predictions, their statistics, and the table of predicted classes."""
    draw_scope(view)
    same_label = draw_toggle(
        "Use the primary's label for both",
        key=_SAME_LABEL,
        why="Otherwise each version's prediction is compared with that version's own label.",
    )
    found = view.call_in_scope(analysis.prediction_changes, same_label=same_label)
    statistics = view.call_in_scope(analysis.change_statistics, same_label=same_label)
    if not found["instances"].sum():
        draw_empty(_why_empty(view, statistics.unknown))
        return
    if not same_label:  # the Story has each version's own label
        story_host.draw_part(view, "flow")
    left, right = st.columns([1, 1], gap="large")
    with left:
        if same_label:
            _draw_matrix(view, found, statistics.unknown)
        _draw_groups(view, same_label=same_label)
    with right:
        draw_statistics(statistics)
    _draw_classes(view)


def _draw_matrix(view: View, found: pl.DataFrame, unknown: int) -> None:
    """The matrix by the primary's label; its cells filter all views."""
    chosen = view.selection.filters.outcome_changes
    data = charts.outcome_frame(
        found,
        **view.sides,
        chosen=[(c.secondary, c.primary) for c in chosen if c.same_label],
    )

    def toggle(mark: state.Mark) -> None:
        change = OutcomeChange(str(mark[0]), str(mark[1]), same_label=True)
        state.toggle_filter("outcome_changes", change)

    draw_chart(
        data, charts.outcome_matrix, key="matrix", fields=("secondary", "primary"), on_pick=toggle,
        height=280,
    )  # fmt: skip
    left_out = f" {unknown:,} of unknown outcome left out." if unknown else ""
    st.caption(plain(charts.outcome_matrix_text(data)) + left_out)


def _why_empty(view: View, unknown: int) -> str:
    reason = NO_MATCHES
    if unknown:
        reason = (
            f"All {unknown:,} instances in both versions have an unknown outcome in "
            "one of them: there is no label or no prediction."
        )
    return view.why_empty("the matrix follows", reason)


def draw_statistics(found: ChangeStatistics) -> None:
    """Churn, flip rates, and McNemar's test as a small table and a sentence."""
    ratio = "-" if found.flip_ratio is None else f"{found.flip_ratio:.2f}"
    rows = [
        ("Churn: the predicted class differs", found.churn),
        ("Negative flips: regressed", found.negative_flips),
        ("Positive flips: fixed", found.positive_flips),
        ("Negative flips, fair test rows", found.fair_negative_flips),
        ("Positive flips, fair test rows", found.fair_positive_flips),
    ]
    st.markdown("##### How much did predictions change?")
    lines = ["| | share | 95% CI | instances |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {_share(rate)} | {_interval(rate)} | {rate.count:,} of {rate.total:,} |"
        for name, rate in rows
    ]
    lines.append(f"| Positive flips per negative flip | {ratio} | | |")
    st.markdown("\n".join(lines))
    st.markdown(_mcnemar_words(found))
    st.caption(
        "Fair test rows are test rows in both versions with the same label. Train rows are "
        "excluded because a model may have memorized them. Intervals are exact (Clopper–Pearson)."
    )


def _share(rate: Proportion) -> str:
    return f"- ({rate.reason})" if rate.share is None else f"{rate.share:.2%}"


def _interval(rate: Proportion) -> str:
    if rate.ci_low is None or rate.ci_high is None:
        return ""
    return f"{rate.ci_low:.2%} to {rate.ci_high:.2%}".replace(" ", "\N{NO-BREAK SPACE}")


def _mcnemar_words(found: ChangeStatistics) -> str:
    flips = (
        f"{found.fair_positive_flips.count:,} positive and "
        f"{found.fair_negative_flips.count:,} negative flips"
    )
    if found.mcnemar_p is None:
        return "**McNemar's exact test**: - (no fair test row flipped)."
    if found.mcnemar_p < 0.05:
        result = f"{flips} differ by more than chance explains at the 5% level."
    else:
        result = (
            f"{flips} are consistent with chance. The models may still differ; these rows can't "
            "tell them apart."
        )
    return (
        f"**McNemar's exact test**: p = {found.mcnemar_p:.2g}; {result} The test covers these two "
        "fitted models on these test rows. Training noise isn't included."
    )


def _draw_groups(view: View, *, same_label: bool) -> None:
    for by, title in (("split", "By split"), ("label", "By true class")):
        frame = view.call_in_scope(analysis.prediction_changes_by, by=by, same_label=same_label)
        names = {
            "group": "true class" if by == "label" else by,
            "instances": "all",
            "correct_correct": "still correct",
            "correct_incorrect": "regressed",
            "incorrect_correct": "fixed",
            "incorrect_incorrect": "still incorrect",
        }
        with st.expander(title, expanded=by == "split"):
            draw_table(frame.rename(names), key=f"changes-by-{by}")


def _draw_classes(view: View) -> None:
    st.markdown("##### Which predicted classes changed?")
    frame = view.call_in_scope(analysis.class_changes)
    if frame.is_empty():
        draw_empty("The predicted class of no instance in both versions changed.")
        return
    shown = frame.head(_MOST_PAIRS)
    data = charts.class_frame(
        shown,
        **view.sides,
        chosen=[(c.secondary, c.primary) for c in view.selection.filters.class_changes],
    )

    def toggle(mark: state.Mark) -> None:
        state.toggle_filter("class_changes", ClassChange(str(mark[0]), str(mark[1])))

    classes = max(shown["secondary_class"].n_unique(), shown["primary_class"].n_unique())
    chart, table = st.columns([1, 1], gap="large")
    with chart:
        draw_chart(
            data, charts.class_table, key="classes", fields=("secondary_class", "primary_class"),
            on_pick=toggle, classes=classes,
        )  # fmt: skip
        st.caption(plain(charts.class_table_text(data)))
    with table:
        draw_table(shown.rename(lambda name: name.replace("_", " ")), key="class-changes")
        if len(frame) > _MOST_PAIRS:
            st.caption(f"The {_MOST_PAIRS} most frequent of {len(frame):,} pairs.")
