"""Label probabilities and labeling functions of both versions: a part of the Failures page."""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.app import state
from chameleon.app.formatting import brief, figure, plain, shortened
from chameleon.app.view import SIDES, View, clicked_cell, draw_bound, draw_chart, draw_table
from chameleon.charts import MOST_WEAK_CLASSES
from chameleon.project import WeakLabels
from chameleon.selection import LabelProbability, RuleVote, VoteChange, Voted

_CHART = "label-probabilities"
_FUNCTIONS = "labeling-functions"
_ABSTAINS = "(abstains)"
_ANY = "(any)"
_CHANGES = {
    "changed": Voted.CHANGED,
    "began to vote": Voted.STARTED,
    "began to abstain": Voted.STOPPED,
    "other class": Voted.SWITCHED,
}


def draw(view: View) -> None:
    """Label probabilities and labeling functions of both versions, where there are any."""
    weak = view.evaluation.dataset.weak
    if weak is None:
        return
    st.markdown("##### Weak labels and labeling functions")
    if len(weak.codes):
        _draw_totals(view)
        _draw_histograms(view)
        with st.expander("By class"):
            _draw_classes(view)
    if weak.rules:
        _draw_functions(view, weak)


def draw_one(view: View, instance: str) -> None:
    """One instance's label, label probabilities, and votes in both versions, if there are any."""
    weak = view.evaluation.dataset.weak
    if weak is None:
        return
    names = dict.fromkeys(view.versions.values())
    lines = {
        name: _lines(analysis.weak_label_of(view.evaluation, instance, name), weak)
        for name in names
    }
    columns = {f"in {name}": list(one.values()) for name, one in lines.items()}
    st.markdown("**How was it labeled?**")
    draw_table(
        pl.DataFrame({"value": list(lines[view.selection.primary]), **columns}),
        key="instance-weak-labels", file="label-probabilities",
    )  # fmt: skip


def _lines(found: analysis.WeakLabel | None, weak: WeakLabels) -> dict[str, str]:
    """A label as text, the same lines whether or not the version contains the instance."""
    shares = {} if found is None else found.probabilities
    votes = {} if found is None else found.votes
    lines = {"label": "-" if found is None or found.label is None else found.label}
    for code in weak.codes.tolist():
        name = weak.classes[code]
        lines[f"probability of {name}"] = figure(shares.get(name))
    for name in weak.rules:
        lines[f"vote of {name}"] = votes.get(name) or ("-" if found is None else _ABSTAINS)
    return lines


def _draw_totals(view: View) -> None:
    totals = view.call(analysis.weak_label_totals)
    change = view.call(analysis.label_probability_change)
    lines = [
        "| | version | instances | with probabilities | confidence | entropy | label unlikely |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for line in totals.sort("side").iter_rows(named=True):
        of, wrong = line["judged"], line["disagreements"]
        share = f" ({wrong / of:.1%})" if of else ""
        tied = f", {line['tied']:,} tied" if line["tied"] else ""
        lines.append(
            f"| {line['side']} | {brief(line['version'])} | {line['instances']:,} "
            f"| {line['with_probabilities']:,}{tied} | {figure(line['confidence'])} "
            f"| {figure(line['entropy'])} | {wrong:,} of {of:,}{share} |"
        )
    st.markdown("\n".join(lines))
    terms = (
        "Confidence is the mean largest probability, entropy its mean in bits; the label is "
        "unlikely where another class alone is the likeliest."
    )
    if view.selection.primary == view.selection.secondary:
        st.caption(terms)
        return
    st.caption(
        f"{terms} Of {change.shared:,} shared instances, {change.compared:,} have label "
        f"probabilities in both versions. They changed for {change.changed:,} instances, by "
        f"{figure(change.distance)} on average over all (total variation distance, 0 to 1), and "
        f"for {change.most_likely_changed:,} another class is the likeliest now."
    )


def _draw_histograms(view: View) -> None:
    histograms = view.call(analysis.label_probability_histogram)
    chosen = view.selection.filters.label_probabilities
    frame = charts.probability_histogram_frame(histograms, **view.versions, chosen=chosen)

    def toggle(mark: state.Mark) -> None:
        name, low, high = mark
        one = LabelProbability(str(name), float(str(low)), float(str(high)))
        state.toggle_filter("label_probabilities", one)

    draw_chart(
        frame, charts.probability_histograms, key=_CHART, fields=("class", "low", "high"),
        on_pick=toggle, rows=charts.panel_rows(histograms),
    )  # fmt: skip
    classes = histograms["class"].n_unique()
    more = f" The first {MOST_WEAK_CLASSES} of {classes:,} classes."
    st.caption(
        f"{plain(charts.probability_histogram_text(histograms))}"
        f"{more if classes > MOST_WEAK_CLASSES else ''} Pink is the secondary, blue the primary. A "
        "click filters all views."
    )


def _by_side(**names: str) -> dict[str, str]:
    """The columns of both sides, by their names in the table."""
    return {
        f"{name}, {side}": f"{side}_{column}"
        for column, name in names.items()
        for side in SIDES[::-1]
    }


def _draw_classes(view: View) -> None:
    columns = _by_side(
        mean="mean probability",
        most_likely="likeliest",
        confidence="largest probability",
        entropy="entropy",
        hard="hard label",
        disagreements="of these another likeliest",
    )
    draw_table(view.call(analysis.weak_labels).select("class", **columns), key="weak-classes")


def _draw_functions(view: View, weak: WeakLabels) -> None:
    st.markdown("###### How did the votes of the labeling functions change?")
    frame = view.call(analysis.labeling_functions)
    columns = {
        "labeling function": "function",
        **{name: name if name == "changed" else voted.value for name, voted in _CHANGES.items()},
        "distance where changed": "changed_distance",
        "distance elsewhere": "other_distance",
        "share of the change": "changed_share",
    }
    draw_table(
        frame.select(**columns), key=_FUNCTIONS,
        on_select=partial(_pick_function, frame["function"].to_list()),
        selection_mode="single-cell",
        column_config=_percents("share of the change"),
    )  # fmt: skip
    st.caption(
        "Distance is the mean total variation distance of the label probabilities. The share of "
        "the change is on instances with a changed vote: it shows where, not why. A click on a "
        "count filters all views."
    )
    columns = _by_side(
        votes="votes",
        coverage="coverage",
        overlaps="overlaps",
        conflicts="conflicts",
        accuracy="accuracy",
        low="low",
        high="high",
    )
    shares = _by_side(coverage="coverage", accuracy="accuracy", low="low", high="high")
    draw_table(
        frame.select(**{"labeling function": "function"}, **columns),
        key="labeling-function-votes", column_config=_percents(*shares),
    )  # fmt: skip
    derived = (
        " Labels are derived from the votes, as the class of the largest probability, so accuracy "
        "is undefined."
        if weak.derived
        else ""
    )
    st.caption(
        "Coverage is the share of instances with a vote; overlaps and conflicts count votes beside "
        "and against another function's. Accuracy compares votes with the label; low and high are "
        f"its exact 95% CI.{derived}"
    )
    _draw_vote_filter(view, weak)


def _percents(*columns: str) -> dict[str, Any]:
    return {name: st.column_config.NumberColumn(format="percent") for name in columns}


def _pick_function(names: list[str]) -> None:
    """Filter to the instances of the count of changed votes that was clicked."""
    row, column = clicked_cell(_FUNCTIONS)
    if 0 <= row < len(names) and column in _CHANGES:
        state.toggle_filter("vote_changes", VoteChange(names[row], _CHANGES[column]))


def _draw_vote_filter(view: View, weak: WeakLabels) -> None:
    """A filter by the vote of one labeling function."""
    left, right, _ = st.columns([1, 1, 1])
    with left:
        name = st.selectbox(
            "Labeling function", weak.rules, key="weak-rule",
            format_func=partial(shortened, length=60),
        )  # fmt: skip
    chosen = [one.vote for one in view.selection.filters.votes if one.rule == name]
    options = [_ANY, _ABSTAINS, *weak.classes]
    place = 0
    if len(chosen) == 1:
        place = 1 if chosen[0] is None else 2 + weak.classes.index(chosen[0])

    def change(place: int) -> None:
        others = tuple(one for one in state.current_filters().votes if one.rule != name)
        own = () if place == 0 else (RuleVote(name, None if place == 1 else options[place]),)
        state.replace_filter("votes", (*others, *own))

    with right:
        draw_bound(
            st.selectbox, "Only instances with this vote", range(len(options)), key="weak-vote",
            value=place, change=change, format_func=lambda place: shortened(options[place], 60),
        )  # fmt: skip
