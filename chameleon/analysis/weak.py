"""Weak labels of two versions: label probabilities, the hard label, and labeling functions.

Labels by data programming: Ratner et al., NeurIPS 2016. Coverage, overlap, conflict, and empirical
accuracy of labeling functions: Ratner et al., "Snorkel", VLDB 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from chameleon.analysis.matching import EVERYTHING, matching_pair, of_selection
from chameleon.analysis.outcomes import SIDES
from chameleon.analysis.values import Floats, Rows, instance_number
from chameleon.counting import clopper_pearson
from chameleon.models import Evaluation
from chameleon.project import ABSTAIN, WeakLabels
from chameleon.selection import Selection, Voted, vote_changed

BINS = 10
_CLASS_FIGURES: Mapping[str, Any] = {
    "instances": pl.Int64, "mean": pl.Float64, "most_likely": pl.Int64, "confidence": pl.Float64,
    "entropy": pl.Float64, "hard": pl.Int64, "disagreements": pl.Int64,
}  # fmt: skip
_TOTALS: Mapping[str, Any] = {
    "side": pl.String, "version": pl.String, "instances": pl.Int64, "with_probabilities": pl.Int64,
    "tied": pl.Int64, "confidence": pl.Float64, "entropy": pl.Float64, "judged": pl.Int64,
    "disagreements": pl.Int64,
}  # fmt: skip
_HISTOGRAM: Mapping[str, Any] = {
    "class": pl.String, "low": pl.Float64, "high": pl.Float64, "secondary": pl.Int64,
    "primary": pl.Int64,
}  # fmt: skip
_FUNCTION_FIGURES: Mapping[str, Any] = {
    "instances": pl.Int64, "votes": pl.Int64, "coverage": pl.Float64, "overlaps": pl.Int64,
    "conflicts": pl.Int64, "judged": pl.Int64, "correct": pl.Int64, "accuracy": pl.Float64,
    "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip
_STEP_FIGURES: Mapping[str, Any] = {
    "shared": pl.Int64, "changed": pl.Int64, "started": pl.Int64, "stopped": pl.Int64,
    "switched": pl.Int64, "compared": pl.Int64, "changed_distance": pl.Float64,
    "other_distance": pl.Float64, "changed_share": pl.Float64,
}  # fmt: skip
Line = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WeakLabel:
    """The label, label probabilities, and votes of one instance in one version.

    `probabilities` are by class and empty where the instance has none; a labeling function that
    abstains has None in `votes`.
    """

    label: str | None
    probabilities: Mapping[str, float]
    votes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ProbabilityChange:
    """The change of label probabilities between two versions.

    `shared` counts the instances of both versions, `compared` those with label probabilities in
    both, `changed` those with any difference, and `most_likely_changed` those with another
    likeliest class, ties excluded. `distance` is the mean total variation distance of the compared,
    from 0 to 1; None without any.
    """

    shared: int
    compared: int
    changed: int
    most_likely_changed: int
    distance: float | None


def has_weak_labels(evaluation: Evaluation) -> bool:
    """Return True if any version has columns of label probabilities or votes."""
    return evaluation.dataset.weak is not None


def weak_label_of(evaluation: Evaluation, instance: str, version: str) -> WeakLabel | None:
    """The hard label, label probabilities, and votes of an instance by its id; None if absent."""
    dataset, weak = evaluation.dataset, evaluation.dataset.weak
    number = dataset.version_number(version)
    row = int(dataset.row_of_instance(number)[instance_number(dataset, instance)])
    if row < 0:
        return None
    code = int(dataset.label[row])
    label = None if code < 0 else dataset.classes[code]
    if weak is None:
        return WeakLabel(label, {}, {})
    known = weak.has_probabilities(np.array([row]))[0]
    classes = [weak.classes[of_class] for of_class in weak.codes.tolist()] if known else []
    shares = weak.probabilities[:, row].tolist()[: len(classes)]
    votes = [None if vote == ABSTAIN else weak.classes[vote] for vote in weak.votes[:, row]]
    return WeakLabel(
        label, dict(zip(classes, shares, strict=True)), dict(zip(weak.rules, votes, strict=True))
    )


@of_selection(*EVERYTHING, own=["label_probabilities"])
def weak_labels(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Label probabilities compared with the hard label, class by class, in both versions.

    Only instances with label probabilities count. Its own filter does not narrow it.

    Columns: class, and for either side, with secondary_ or primary_ before them, instances (with
    label probabilities, the same for every class), mean (probability of the class; null without a
    column), most_likely (instances of which the class alone has the largest probability),
    confidence (the mean of that probability), entropy (their mean entropy in bits), hard (instances
    with the class as hard label), and disagreements (those of them of which another class is
    likeliest). A row for every label and every class with a column; none without columns.
    """
    weak = evaluation.dataset.weak
    codes: list[int] = []
    if weak is not None and len(weak.codes):
        codes = [*range(len(evaluation.dataset.classes))]
        codes += [code for code in weak.codes.tolist() if code not in codes]
    names = [weak.classes[code] for code in codes] if weak is not None else []
    frames = [pl.DataFrame({"class": names}, schema={"class": pl.String})]
    for side, (_, rows) in zip(SIDES, matching_pair(evaluation, selection).sides, strict=True):
        lines = [] if weak is None or not codes else _class_figures(evaluation, weak, rows, codes)
        frames.append(_of_side(side, lines, _CLASS_FIGURES))
    return pl.concat(frames, how="horizontal")


def _of_side(side: str, lines: list[Line], schema: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(lines, schema=dict(schema)).select(pl.all().name.prefix(f"{side}_"))


@of_selection(*EVERYTHING, own=["label_probabilities"])
def weak_label_totals(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The certainty of both versions' label probabilities, and their agreement with the label.

    Its own filter does not narrow it.

    Columns: side ("secondary", "primary"), version, instances, with_probabilities (instances that
    have label probabilities), tied (those with several largest ones), confidence (the mean of the
    largest probability), entropy (mean, in bits; both null without any), judged (instances with one
    likeliest class and a hard label), disagreements (those where these differ). Two rows; none
    without columns of probabilities.
    """
    weak = evaluation.dataset.weak
    lines: list[tuple[object, ...]] = []
    sides = matching_pair(evaluation, selection).sides
    for side, (_, every) in zip(SIDES, sides, strict=True):
        if weak is None or not len(weak.codes):
            continue
        rows = every[weak.has_probabilities(every)]
        values = weak.probabilities[:, rows].astype(np.float64)
        likeliest, label = weak.likeliest(rows), evaluation.dataset.label[rows]
        judged = (likeliest >= 0) & (label >= 0)
        disagreements = judged & (likeliest != label)
        means = (
            (float(values.max(axis=0).mean()), float(_entropies(values).mean()))
            if len(rows)
            else (None, None)
        )
        counts = (int(mask.sum()) for mask in (judged, disagreements))
        version, tied = getattr(selection, side), int((likeliest < 0).sum())
        lines.append((side, version, len(every), len(rows), tied, *means, *counts))
    return pl.DataFrame(lines, schema=dict(_TOTALS), orient="row")


@of_selection(*EVERYTHING, own=["label_probabilities"])
def label_probability_change(evaluation: Evaluation, selection: Selection) -> ProbabilityChange:
    """The change of the label probabilities of shared instances; not narrowed by its own filter."""
    pair = matching_pair(evaluation, selection)
    weak = evaluation.dataset.weak
    if weak is None:
        return ProbabilityChange(len(pair.old), 0, 0, 0, None)
    compared = weak.has_probabilities(pair.old) & weak.has_probabilities(pair.new)
    old, new = pair.old[compared], pair.new[compared]
    before, after = weak.likeliest(old), weak.likeliest(new)
    differs = (weak.probabilities[:, old] != weak.probabilities[:, new]).any(axis=0)
    return ProbabilityChange(
        shared=len(pair.old),
        compared=len(old),
        changed=int(differs.sum()),
        most_likely_changed=int(((before >= 0) & (after >= 0) & (before != after)).sum()),
        distance=float(_distances(weak, old, new).mean()) if len(old) else None,
    )


@of_selection(*EVERYTHING, own=["label_probabilities"])
def label_probability_histogram(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Counts of instances by the probability of every class, in both versions.

    Its own filter does not narrow it.

    Columns: class, low, high (ten bins of equal width; low is included, high only where it is 1),
    secondary, primary (instances).
    """
    weak = evaluation.dataset.weak
    frames = [pl.DataFrame(schema=dict(_HISTOGRAM))]
    edges = [place / BINS for place in range(BINS + 1)]
    inner = np.array(edges[1:-1], dtype=np.float32)  # as the values are stored
    sides = matching_pair(evaluation, selection).sides
    for place, code in enumerate([] if weak is None else weak.codes.tolist()):
        assert weak is not None
        columns: dict[str, object] = {
            "class": [weak.classes[code]] * BINS, "low": edges[:-1], "high": edges[1:],
        }  # fmt: skip
        for side, (_, rows) in zip(SIDES, sides, strict=True):
            values = weak.probabilities[place, rows[weak.has_probabilities(rows)]]
            bins = np.searchsorted(inner, values, side="right")
            columns[side] = np.bincount(bins, minlength=BINS)
        frames.append(pl.DataFrame(columns, schema=dict(_HISTOGRAM)))
    return pl.concat(frames)


@of_selection(*EVERYTHING, own=["votes", "vote_changes"])
def labeling_functions(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Figures of every labeling function in both versions, and the effect of its changed votes.

    A function that a version lacks abstains there. Its own filters do not narrow it.

    Columns: function; those of `WeakLabels.labeling_functions` with secondary_ or primary_ before
    them, where overlaps are votes where another function votes too, conflicts those where another
    one votes for another class, and accuracy is null without any judged vote and where the label is
    made of the probabilities; and those of `WeakLabels.vote_changes`. In the order of the
    functions.
    """
    weak = evaluation.dataset.weak
    pair = matching_pair(evaluation, selection)
    names = [] if weak is None else list(weak.rules)
    frames = [pl.DataFrame({"function": names}, schema={"function": pl.String})]
    for side, (_, rows) in zip(SIDES, pair.sides, strict=True):
        lines = [] if weak is None else _function_figures(evaluation, weak, rows)
        frames.append(_of_side(side, lines, _FUNCTION_FIGURES))
    steps = [] if weak is None else _step_figures(weak, pair.old, pair.new)
    frames.append(pl.DataFrame(steps, schema=dict(_STEP_FIGURES)))
    return pl.concat(frames, how="horizontal")


def _class_figures(
    evaluation: Evaluation, weak: WeakLabels, every: Rows, codes: list[int]
) -> list[Line]:
    rows = every[weak.has_probabilities(every)]
    values = weak.probabilities[:, rows].astype(np.float64)
    largest, entropies = values.max(axis=0), _entropies(values)
    likeliest, label = weak.likeliest(rows), evaluation.dataset.label[rows]
    places = {code: place for place, code in enumerate(weak.codes.tolist())}
    lines: list[Line] = []
    for code in codes:
        own, hard, place = likeliest == code, label == code, places.get(code)
        has_own = bool(own.any())
        line = {
            "instances": len(rows),
            "mean": float(values[place].mean()) if place is not None and len(rows) else None,
            "most_likely": int(own.sum()),
            "confidence": float(largest[own].mean()) if has_own else None,
            "entropy": float(entropies[own].mean()) if has_own else None,
            "hard": int(hard.sum()),
            "disagreements": int((hard & (likeliest >= 0) & ~own).sum()),
        }
        lines.append(line)
    return lines


def _entropies(values: Floats) -> Floats:
    """The entropy in bits of every column of probabilities."""
    logs = np.log2(np.where(values > 0, values, 1))
    return np.asarray(-(values * logs).sum(axis=0) + 0.0)


def _distances(weak: WeakLabels, old: Rows, new: Rows) -> Floats:
    """The total variation distance of each pair of rows, half the sum of absolute changes."""
    before, after = (weak.probabilities[:, rows].astype(np.float64) for rows in (old, new))
    return np.asarray(np.abs(after - before).sum(axis=0) / 2)


def _function_figures(evaluation: Evaluation, weak: WeakLabels, rows: Rows) -> list[Line]:
    """The figures of every labeling function over some rows."""
    votes, label = weak.votes[:, rows], evaluation.dataset.label[rows]
    voting = votes != ABSTAIN
    together = voting.sum(axis=0) > 1
    least = np.where(voting, votes, len(weak.classes)).min(axis=0, initial=len(weak.classes))
    # where the votes on an instance differ, each conflicts with another
    split = together & (votes.max(axis=0, initial=ABSTAIN) != least)
    labeled = (label >= 0) & (not weak.derived)
    lines: list[Line] = []
    for own, cast in zip(votes, voting, strict=True):
        judged = cast & labeled
        of, correct = int(judged.sum()), int((judged & (own == label)).sum())
        low, high = clopper_pearson(correct, of) if of else (None, None)
        line = {
            "instances": len(rows),
            "votes": int(cast.sum()),
            "coverage": float(cast.mean()) if len(rows) else None,
            "overlaps": int((cast & together).sum()),
            "conflicts": int((cast & split).sum()),
            "judged": of,
            "correct": correct,
            "accuracy": correct / of if of else None,
            "low": low,
            "high": high,
        }
        lines.append(line)
    return lines


def _step_figures(weak: WeakLabels, old: Rows, new: Rows) -> list[Line]:
    """Changed votes of every labeling function over the rows of the shared instances."""
    compared = weak.has_probabilities(old) & weak.has_probabilities(new)
    distances = _distances(weak, old[compared], new[compared])
    total = float(distances.sum())
    lines: list[Line] = []
    for votes in weak.votes:
        before, after = votes[old], votes[new]
        changed = vote_changed(before, after, Voted.CHANGED)[compared]
        line = {
            "shared": len(old),
            **{str(v): int(vote_changed(before, after, v).sum()) for v in Voted},
            "compared": int(compared.sum()),
            "changed_distance": float(distances[changed].mean()) if changed.any() else None,
            "other_distance": None if changed.all() else float(distances[~changed].mean()),
            "changed_share": float(distances[changed].sum()) / total if total else None,
        }
        lines.append(line)
    return lines


def weak_label_frame(found: WeakLabel, classes: Sequence[str]) -> pl.DataFrame:
    """A weak label class by class: class, probability (null: no column), votes_for."""
    every = dict.fromkeys([*classes, *found.probabilities, *(v for v in found.votes.values() if v)])
    votes = list(found.votes.values())
    rows = [(name, found.probabilities.get(name), votes.count(name)) for name in every]
    schema = {"class": pl.String, "probability": pl.Float64, "votes_for": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")
