"""Probabilistic labels and labelling rules, before and after: part of the Failures page."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import chart_clicks, state
from chameleon.app.formatting import figure, plain, shortened
from chameleon.app.tables import draw_table
from chameleon.app.view import View, is_dark
from chameleon.charts import (
    MOST_WEAK_CLASSES,
    panel_rows,
    probability_histogram_frame,
    probability_histogram_text,
    probability_histograms,
)
from chameleon.project import WeakLabels
from chameleon.selection import Filters, LabelProbability, RuleVote, VoteChange, Voted

_CHART = "label-probabilities"
_RULES = "labelling-rules"
_ABSTAINS = "(abstains)"
_ANY = "(any)"
_VOTES = ("votes", "coverage", "overlaps", "conflicts")
_CHANGES = {
    "changed": Voted.CHANGED,
    "began to vote": Voted.STARTED,
    "began to abstain": Voted.STOPPED,
    "other class": Voted.SWITCHED,
}


def draw(view: View) -> None:
    """Label probabilities and labelling rules of both versions; nothing where there are none."""
    weak = view.evaluation.dataset.weak
    if weak is None:
        return
    st.markdown("##### Probabilistic labels and labelling rules")
    if len(weak.codes):
        _draw_totals(view)
        _draw_histograms(view)
        with st.expander("By class"):
            _draw_classes(view)
    if weak.rules:
        _draw_rules(view, weak)


def draw_one(view: View, instance: str) -> None:
    """One instance's hard label, label probabilities and votes in both versions.

    Nothing where the project has no such columns.
    """
    weak = view.evaluation.dataset.weak
    if weak is None:
        return
    names = dict.fromkeys((view.selection.primary, view.selection.secondary))
    told = {
        name: _told(analysis.weak_label_of(view.evaluation, instance, name), weak) for name in names
    }
    columns = {f"in {name}": list(one.values()) for name, one in told.items()}
    st.markdown("**How was it labelled?**")
    draw_table(
        pl.DataFrame({"what": list(told[view.selection.primary]), **columns}),
        key="instance-weak-labels",
        file="label-probabilities",
    )


def _told(found: analysis.WeakLabel | None, weak: WeakLabels) -> dict[str, str]:
    """A label in words, the same lines whether the version has the instance or not."""
    shares = {} if found is None else found.probabilities
    votes = {} if found is None else found.votes
    lines = {"label": "-" if found is None or found.label is None else found.label}
    for code in weak.codes.tolist():
        name = weak.classes[code]
        lines[f"probability of {name}"] = figure(shares.get(name))
    for rule in weak.rules:
        lines[f"vote of {rule}"] = votes.get(rule) or ("-" if found is None else _ABSTAINS)
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
            f"| {line['side']} | {plain(shortened(line['version']))} | {line['instances']:,} "
            f"| {line['probabilities']:,}{tied} | {figure(line['confidence'])} "
            f"| {figure(line['entropy'])} | {wrong:,} of {of:,}{share} |"
        )
    st.markdown("\n".join(lines))
    told = (
        "Confidence is the mean largest probability, entropy its mean in bits; the label is "
        "unlikely where another class alone is the likeliest."
    )
    if view.selection.primary == view.selection.secondary:
        st.caption(told)
        return
    st.caption(
        f"{told} Of {change.kept:,} instances of both versions {change.compared:,} have label "
        f"probabilities in both: those of {change.changed:,} changed, by "
        f"{figure(change.distance)} on average over all (total variation distance, 0 to 1), and "
        f"for {change.likeliest_changed:,} another class is the likeliest now."
    )


def _draw_histograms(view: View) -> None:
    histograms = view.call(analysis.label_probability_histogram)
    chosen = view.selection.filters.label_probabilities
    frame = probability_histogram_frame(
        histograms,
        primary=view.selection.primary,
        secondary=view.selection.secondary,
        chosen=chosen,
    )

    def toggle(mark: chart_clicks.Mark) -> None:
        name, low, high = mark
        one = LabelProbability(str(name), float(str(low)), float(str(high)))
        state.set_filters(_toggled(state.current_filters(), "label_probabilities", one))

    st.vega_lite_chart(
        frame,
        _histograms_spec(panel_rows(histograms), dark=is_dark()),
        key=chart_clicks.chart_key(_CHART),
        on_select=chart_clicks.on_click(_CHART, ("class", "low", "high"), toggle),
        selection_mode="pick",
    )
    classes = histograms["class"].n_unique()
    more = (
        f" The first {MOST_WEAK_CLASSES} of {classes:,} classes."
        if classes > MOST_WEAK_CLASSES
        else ""
    )
    st.caption(
        f"{plain(probability_histogram_text(histograms))}{more} Pink is the secondary, blue the "
        "primary. A click filters every view."
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _histograms_spec(rows: int, *, dark: bool) -> dict[str, Any]:
    return probability_histograms(rows=rows, dark=dark)


def _draw_classes(view: View) -> None:
    frame = view.call(analysis.weak_labels)
    shown = frame.select(
        "class",
        *(
            pl.col(f"{side}_{name}").alias(f"{words}, {side}")
            for name, words in (
                ("mean", "mean probability"),
                ("likeliest", "likeliest"),
                ("confidence", "largest probability"),
                ("entropy", "entropy"),
                ("hard", "hard label"),
                ("disagreements", "of these another likeliest"),
            )
            for side in ("secondary", "primary")
        ),
    )
    draw_table(shown, key="weak-classes")


def _draw_rules(view: View, weak: WeakLabels) -> None:
    st.markdown("###### What do the labelling rules vote?")
    frame = view.call(analysis.labeling_functions)
    draw_table(
        frame.select(
            "rule",
            "changed",
            **{name: voted.value for name, voted in _CHANGES.items() if name != "changed"},
            **{
                "moved where changed": "changed_distance",
                "moved elsewhere": "other_distance",
                "share of the move": "changed_share",
            },
        ),
        key=_RULES,
        on_select=partial(_pick_rule, frame["rule"].to_list()),
        selection_mode="single-cell",
        column_config=_formats("share of the move"),
    )
    st.caption(
        "Moved is the mean total variation distance of the label probabilities; the share of the "
        "move lies on instances whose vote changed: it shows where, not why. A click on a count "
        "filters every view."
    )
    figures = (*_VOTES, "accuracy", "low", "high")
    draw_table(
        frame.select(
            "rule",
            *(
                pl.col(f"{side}_{name}").alias(f"{name}, {side}")
                for name in figures
                for side in ("secondary", "primary")
            ),
        ),
        key="labelling-rule-votes",
        column_config=_formats(
            *(
                f"{name}, {side}"
                for name in ("coverage", "accuracy", "low", "high")
                for side in ("secondary", "primary")
            )
        ),
    )
    derived = (
        " The label is the class of the largest probability here, which the votes made: no "
        "accuracy is given."
        if weak.derived
        else ""
    )
    st.caption(
        "Coverage is the share of instances the rule votes on; overlaps and conflicts are its "
        "votes beside another rule's, and against one. Accuracy is that of its votes against the "
        f"hard label, low and high its exact 95 % interval.{derived}"
    )
    _draw_vote_filter(view, weak)


def _formats(*columns: str) -> dict[str, Any]:
    return {name: st.column_config.NumberColumn(format="percent") for name in columns}


def _pick_rule(rules: list[str]) -> None:
    """Filter to the instances behind the count of changed votes that was clicked."""
    cells = st.session_state[_RULES]["selection"]["cells"]
    if len(cells) != 1 or not 0 <= cells[0][0] < len(rules) or cells[0][1] not in _CHANGES:
        return
    change = VoteChange(rules[cells[0][0]], _CHANGES[cells[0][1]])
    state.set_filters(_toggled(state.current_filters(), "vote_changes", change))


def _draw_vote_filter(view: View, weak: WeakLabels) -> None:
    """A filter by what one rule votes for."""
    left, right, _ = st.columns([1, 1, 1])
    with left:
        rule = st.selectbox(
            "Labelling rule", weak.rules, key="weak-rule",
            format_func=partial(shortened, length=60),
        )  # fmt: skip
    chosen = [one.vote for one in view.selection.filters.votes if one.rule == rule]
    options = [_ANY, _ABSTAINS, *weak.classes]
    place = 0 if len(chosen) != 1 else 1
    if place and chosen[0] is not None:
        place = 2 + weak.classes.index(chosen[0])
    key = "weak-vote"
    st.session_state[key] = place
    with right:
        st.selectbox(
            "Only instances on which it votes", range(len(options)), key=key,
            format_func=lambda place: shortened(options[place], 60),
            on_change=_set_vote, args=(rule, options, key),
        )  # fmt: skip


def _set_vote(rule: str, options: list[str], key: str) -> None:
    place = st.session_state[key]
    filters = state.current_filters()
    others = tuple(one for one in filters.votes if one.rule != rule)
    own = () if place == 0 else (RuleVote(rule, None if place == 1 else options[place]),)
    state.set_filters(replace(filters, votes=(*others, *own)))


def _toggled(filters: Filters, field: str, value: object) -> Filters:
    chosen = getattr(filters, field)
    changed = tuple(v for v in chosen if v != value) if value in chosen else (*chosen, value)
    changes: dict[str, Any] = {field: changed}
    return replace(filters, **changes)
