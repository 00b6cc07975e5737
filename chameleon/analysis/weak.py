"""Probabilistic labels of two versions: their classes, their certainty, and the hard label.

Labels by data programming: Ratner et al., NeurIPS 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, matching_pair, of_selection
from chameleon.analysis.values import instance_number
from chameleon.models import Evaluation
from chameleon.project import ABSTAIN, WeakLabels
from chameleon.selection import Selection

SIDES = ("secondary", "primary")
BINS = 10
_CLASS_FIGURES: Mapping[str, Any] = {
    "instances": pl.Int64, "mean": pl.Float64, "likeliest": pl.Int64, "confidence": pl.Float64,
    "entropy": pl.Float64, "hard": pl.Int64, "disagreements": pl.Int64,
}  # fmt: skip
_TOTALS = {
    "side": pl.String, "version": pl.String, "instances": pl.Int64, "probabilities": pl.Int64,
    "tied": pl.Int64, "confidence": pl.Float64, "entropy": pl.Float64, "judged": pl.Int64,
    "disagreements": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeakLabel:
    """The label, label probabilities, and votes of one instance in one version.

    Attributes
    ----------
    label
        The hard label; None where there is none.
    probabilities
        The probability of every class that has a column; empty where the instance has none.
    votes
        What every labelling rule votes for; None where it abstains.
    """

    label: str | None
    probabilities: Mapping[str, float]
    votes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ProbabilityChange:
    """How far label probabilities moved between two versions.

    Attributes
    ----------
    kept
        Instances of both versions.
    compared
        Those that have label probabilities in both.
    changed
        Those whose probabilities differ at all.
    likeliest_changed
        Those whose likeliest class differs, ties left out.
    distance
        The mean total variation distance of the compared, from 0 to 1; None without any.
    """

    kept: int
    compared: int
    changed: int
    likeliest_changed: int
    distance: float | None


def has_weak_labels(evaluation: Evaluation) -> bool:
    """Return True if any version has columns of label probabilities or votes."""
    return evaluation.dataset.weak is not None


def weak_label_of(evaluation: Evaluation, instance: str, version: str) -> WeakLabel | None:
    """The hard label, label probabilities and votes of an instance; None where it is absent.

    Parameters
    ----------
    instance
        Its id, as text.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    row = int(dataset.row_of_instance(number)[instance_number(dataset, instance)])
    if row < 0:
        return None
    code = int(dataset.label[row])
    label = None if code < 0 else dataset.classes[code]
    weak = dataset.weak
    if weak is None:
        return WeakLabel(label, {}, {})
    known = weak.has_probabilities(np.array([row]))[0]
    return WeakLabel(
        label,
        {
            weak.classes[of_class]: float(weak.probabilities[place, row])
            for place, of_class in enumerate(weak.codes.tolist())
            if known
        },
        {
            rule: None if vote == ABSTAIN else weak.classes[vote]
            for rule, vote in zip(weak.rules, weak.votes[:, row].tolist(), strict=True)
        },
    )


@of_selection(*EVERYTHING, own=["label_probabilities"])
def weak_labels(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Label probabilities against the hard label, class by class, in both versions.

    Only instances with label probabilities count. Ranges of label probabilities do not narrow it.

    Returns
    -------
    pl.DataFrame
        class; for both sides, beginning with secondary_ or primary_: secondary_instances and
        primary_instances (those with label probabilities, the same for every class),
        secondary_mean, primary_mean (the mean probability of the class; null where it has no
        column), secondary_likeliest, primary_likeliest (instances of which the class alone has the
        largest probability), secondary_confidence, primary_confidence (the mean of that
        probability), secondary_entropy, primary_entropy (their mean entropy in bits),
        secondary_hard, primary_hard (instances with the class as hard label),
        secondary_disagreements, primary_disagreements (those of them of which another class is
        likeliest). A row for every label and every class with a column; none without columns.
    """
    weak = evaluation.dataset.weak
    columns = {f"{side}_{name}": kind for side in SIDES for name, kind in _CLASS_FIGURES.items()}
    schema = {"class": pl.String, **columns}
    if weak is None or not len(weak.codes):
        return pl.DataFrame(schema=schema)
    pair = matching_pair(evaluation, selection)
    codes = [*range(len(evaluation.dataset.classes))]
    codes += [code for code in weak.codes.tolist() if code not in codes]
    figures: dict[str, object] = {"class": [weak.classes[code] for code in codes]}
    for side, (_, rows) in zip(SIDES, pair.sides, strict=True):
        found = _class_figures(evaluation, weak, rows, codes)
        figures |= {f"{side}_{name}": values for name, values in found.items()}
    return pl.DataFrame(figures, schema=schema)


@of_selection(*EVERYTHING, own=["label_probabilities"])
def weak_label_totals(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """How certain the label probabilities of both versions are, and how often the label differs.

    Ranges of label probabilities do not narrow it.

    Returns
    -------
    pl.DataFrame
        side ("secondary", "primary"), version, instances, probabilities (instances that have
        label probabilities), tied (those with several largest ones), confidence (the mean of the
        largest probability), entropy (mean, in bits; both null without any), judged (instances
        with one likeliest class and a hard label), disagreements (those where these differ). Two
        rows; none without columns of probabilities.
    """
    weak = evaluation.dataset.weak
    if weak is None or not len(weak.codes):
        return pl.DataFrame(schema=_TOTALS)
    pair = matching_pair(evaluation, selection)
    lines: list[tuple[object, ...]] = []
    for side, (_, every) in zip(SIDES, pair.sides, strict=True):
        rows = every[weak.has_probabilities(every)]
        values = weak.probabilities[:, rows].astype(np.float64)
        likeliest, label = weak.likeliest(rows), evaluation.dataset.label[rows]
        judged = (likeliest >= 0) & (label >= 0)
        lines.append(
            (
                side,
                getattr(selection, side),
                len(every),
                len(rows),
                int((likeliest < 0).sum()),
                float(values.max(axis=0).mean()) if len(rows) else None,
                float(_entropies(values).mean()) if len(rows) else None,
                int(judged.sum()),
                int((judged & (likeliest != label)).sum()),
            )
        )
    return pl.DataFrame(lines, schema=_TOTALS, orient="row")


@of_selection(*EVERYTHING, own=["label_probabilities"])
def label_probability_change(evaluation: Evaluation, selection: Selection) -> ProbabilityChange:
    """How far the label probabilities of the instances of both versions moved.

    Ranges of label probabilities do not narrow it.
    """
    pair = matching_pair(evaluation, selection)
    weak = evaluation.dataset.weak
    if weak is None:
        return ProbabilityChange(len(pair.old), 0, 0, 0, None)
    compared = weak.has_probabilities(pair.old) & weak.has_probabilities(pair.new)
    old, new = pair.old[compared], pair.new[compared]
    before, after = weak.likeliest(old), weak.likeliest(new)
    distances = distances_of(weak, old, new)
    return ProbabilityChange(
        kept=len(pair.old),
        compared=len(old),
        changed=int((weak.probabilities[:, old] != weak.probabilities[:, new]).any(axis=0).sum())
        if len(old)
        else 0,
        likeliest_changed=int(((before >= 0) & (after >= 0) & (before != after)).sum()),
        distance=float(distances.mean()) if len(old) else None,
    )


@of_selection(*EVERYTHING, own=["label_probabilities"])
def label_probability_histogram(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """How many instances have which probability of every class, in both versions.

    Ranges chosen here do not narrow it.

    Returns
    -------
    pl.DataFrame
        class, low, high (ten bins of equal width; low is included, high only where it is 1),
        secondary, primary (instances).
    """
    schema = {
        "class": pl.String, "low": pl.Float64, "high": pl.Float64, "secondary": pl.Int64,
        "primary": pl.Int64,
    }  # fmt: skip
    weak = evaluation.dataset.weak
    if weak is None or not len(weak.codes):
        return pl.DataFrame(schema=schema)
    pair = matching_pair(evaluation, selection)
    edges = [place / BINS for place in range(BINS + 1)]
    inner = np.array(edges[1:-1], dtype=np.float32)  # as the values are stored
    frames: list[pl.DataFrame] = []
    for place, code in enumerate(weak.codes.tolist()):
        counts: dict[str, NDArray[np.intp]] = {}
        for side, (_, rows) in zip(SIDES, pair.sides, strict=True):
            values = weak.probabilities[place, rows[weak.has_probabilities(rows)]]
            bins = np.searchsorted(inner, values, side="right")
            counts[side] = np.bincount(bins, minlength=BINS)
        bounds = list(pairwise(edges))
        frames.append(
            pl.DataFrame(
                {
                    "class": [weak.classes[code]] * BINS,
                    "low": [low for low, _ in bounds],
                    "high": [high for _, high in bounds],
                    **counts,
                },
                schema=schema,
            )
        )
    return pl.concat(frames)


def distances_of(
    weak: WeakLabels, old: NDArray[np.int32], new: NDArray[np.int32]
) -> NDArray[np.float64]:
    """The total variation distance of each pair of rows, half the sum of absolute changes."""
    before, after = (weak.probabilities[:, rows].astype(np.float64) for rows in (old, new))
    distances: NDArray[np.float64] = np.abs(after - before).sum(axis=0) / 2
    return distances


def _class_figures(
    evaluation: Evaluation, weak: WeakLabels, every: NDArray[np.int32], codes: list[int]
) -> dict[str, list[Any]]:
    rows = every[weak.has_probabilities(every)]
    values = weak.probabilities[:, rows].astype(np.float64)
    largest, entropies = values.max(axis=0), _entropies(values)
    likeliest, label = weak.likeliest(rows), evaluation.dataset.label[rows]
    figures: dict[str, list[Any]] = {name: [] for name in _CLASS_FIGURES}
    places = {code: place for place, code in enumerate(weak.codes.tolist())}
    for code in codes:
        own, hard = likeliest == code, label == code
        place = places.get(code)
        has_mean, has_own = place is not None and len(rows) > 0, bool(own.any())
        line = {
            "instances": len(rows),
            "mean": float(values[place].mean()) if has_mean else None,
            "likeliest": int(own.sum()),
            "confidence": float(largest[own].mean()) if has_own else None,
            "entropy": float(entropies[own].mean()) if has_own else None,
            "hard": int(hard.sum()),
            "disagreements": int((hard & (likeliest >= 0) & ~own).sum()),
        }
        for name, figure in line.items():
            figures[name].append(figure)
    return figures


def _entropies(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The entropy in bits of every column of probabilities."""
    logs = np.log2(np.where(values > 0, values, 1))
    entropies: NDArray[np.float64] = -(values * logs).sum(axis=0) + 0.0
    return entropies


def weak_label_frame(found: WeakLabel, classes: Sequence[str]) -> pl.DataFrame:
    """A weak label class by class: class, probability (null: no column), votes_for."""
    every = dict.fromkeys([*classes, *found.probabilities, *(v for v in found.votes.values() if v)])
    votes = list(found.votes.values())
    rows = [(name, found.probabilities.get(name), votes.count(name)) for name in every]
    schema = {"class": pl.String, "probability": pl.Float64, "votes_for": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def probability_change_frame(found: ProbabilityChange) -> pl.DataFrame:
    """The change of label probabilities as one row."""
    row = (found.kept, found.compared, found.changed, found.likeliest_changed, found.distance)
    schema = {
        "shared": pl.Int64, "compared": pl.Int64, "changed": pl.Int64,
        "most_likely_changed": pl.Int64, "distance": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame([row], schema, orient="row")
