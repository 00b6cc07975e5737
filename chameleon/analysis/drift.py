"""Drift of features and labels between versions, and its chance level.

Distances: Jensen-Shannon distance in base 2 (Endres and Schindelin 2003), Wasserstein distance,
population stability index; over the bins that all versions share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, matching_pair, of_selection
from chameleon.analysis.values import Codes, Counts, Floats
from chameleon.counting import Roles, binned_wasserstein, jensen_shannon, stability_index
from chameleon.data import SPLITS, BinKind, EvolvingDataset, Pair
from chameleon.errors import Option
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection import Selection
from chameleon.storage import MemoryCache

LEVEL = 0.95
DRAWS = 200
"""Enough for a 95% level: its error is about a tenth of the spread of chance."""

_SCHEMA = {
    "kind": pl.String, "feature": pl.String, "split": pl.String, "secondary_instances": pl.Int64,
    "primary_instances": pl.Int64, "js_distance": pl.Float64, "js_chance_level": pl.Float64,
    "wasserstein": pl.Float64, "wasserstein_chance_level": pl.Float64, "psi": pl.Float64,
    "psi_chance_level": pl.Float64, "p_value": pl.Float64, "reason": pl.String,
    "wasserstein_reason": pl.String,
}  # fmt: skip
_NO_ORDER = "its values have no order"
_TEXT = "it is text that nearly always differs, without bins"
_places: MemoryCache[EvolvingDataset, int, Floats] = MemoryCache(4096)


class DriftReference(Option):
    """The version that every version is compared with."""

    BEFORE = "before"
    FIRST = "first"


@of_selection(*FILTERS)
def feature_drift(
    evaluation: Evaluation,
    selection: Selection,
    *,
    split: Split | None = None,
    exact: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> pl.DataFrame:
    """The drift of every feature, and of the label, from the secondary to the primary version.

    Each distance has a chance level: the 95% level of `draws` permutations. A permutation exchanges
    the roles of instances (shared, removed, added), with the same number of each, so that rows in
    both versions are respected; an edited instance lends its values to both versions in either
    order. One feature in twenty exceeds its level by chance alone. In a `split`, an instance that
    left it counts as removed. `exact` takes the Wasserstein distance from the values themselves;
    its chance level stays the one over bins, up to a quarter off where the drift is small.

    Columns: those of `Step.drift` but drifted, with secondary_instances and primary_instances.
    Largest Jensen-Shannon distance first; undefined ones last, null with the reason.
    """
    dataset = evaluation.dataset
    pair = matching_pair(evaluation, selection, split)
    sides = {selection.secondary: len(pair.all_before), selection.primary: len(pair.all_after)}
    versions = [dataset.version_number(name) for name in (selection.secondary, selection.primary)]
    head: dict[str, object] = {
        "split": "all" if split is None else str(split),
        "secondary_instances": len(pair.all_before),
        "primary_instances": len(pair.all_after),
    }
    empty = [f"version {name} has no matching instance" for name, of in sides.items() if not of]
    lines: list[dict[str, object]] = []
    for number, feature in enumerate(dataset.features):
        reason = _why_undefined(dataset, number, versions) or next(iter(empty), None)
        figures = {} if reason else _feature_figures(dataset, pair, number, exact, draws, seed)
        lines.append({"kind": "feature", "feature": feature.name, "reason": reason} | figures)
    label: dict[str, object] = {"reason": next(iter(empty), None)}
    if not empty:
        roles = _roles(dataset.label + 1, pair, len(dataset.classes) + 1)
        label |= _figures(roles, roles.drawn(draws, seed)) | {"wasserstein_reason": _NO_ORDER}
    lines.append({"kind": "label", "feature": "label"} | label)
    frame = pl.DataFrame([head | line for line in lines], schema=_SCHEMA)
    return frame.sort("js_distance", descending=True, nulls_last=True, maintain_order=True)


def drift_over_versions(
    evaluation: Evaluation,
    *,
    against: DriftReference = DriftReference.BEFORE,
    split: Split | None = None,
) -> pl.DataFrame:
    """The drift of every feature, and of the label, of each version from the previous or first one.

    All histograms of all versions come from one pass over added and removed rows.

    Columns: those of `Evaluation.drift`: one row per feature and version but the first; features in
    the order of their names, the label last.
    """
    dataset = evaluation.dataset
    against = DriftReference(against)
    names = [version.name for version in dataset.versions]
    base = [0 if against is DriftReference.FIRST else v - 1 for v in range(1, len(names))]
    lines: list[tuple[object, ...]] = []
    for number, histograms in _histograms_of_versions(dataset, split):
        label = number is None
        name = "label" if number is None else dataset.features[number].name
        distances = jensen_shannon(histograms[base], histograms[1:])
        for place, first in enumerate(base):
            pair = [first, place + 1]
            reason = None if number is None else _why_undefined(dataset, number, pair)
            empty = [names[v] for v in pair if not histograms[v].sum()]
            if reason is None and empty:
                reason = f"version {empty[0]} has no matching instance"
            value = None if reason else float(distances[place])
            kind = "label" if label else "feature"
            lines.append((kind, name, names[first], names[place + 1], value, reason))
    schema = {
        "kind": pl.String, "feature": pl.String, "before": pl.String, "version": pl.String,
        "js_distance": pl.Float64, "reason": pl.String,
    }  # fmt: skip
    return pl.DataFrame(lines, schema=schema, orient="row")


def bin_places(dataset: EvolvingDataset, number: int) -> Floats:
    """The mean of the finite values of each bin of a feature; ascending.

    Over all rows of the timeline, so that a bin has one place in all versions; an empty bin has
    that of the previous one.
    """

    def find() -> Floats:
        bins = dataset.features[number].bins.missing_code
        codes = dataset.codes[number]
        finite = codes < bins
        used = codes[finite]
        counts = np.bincount(used, minlength=bins)
        filled = np.flatnonzero(counts)
        if not filled.size:
            return np.zeros(bins)
        # each divided by itself, because a sum of the largest numbers would overflow
        parts = dataset.values[number][finite] / counts[used]
        means = np.bincount(used, weights=parts, minlength=bins)[filled]
        before = np.searchsorted(filled, np.arange(bins), side="right") - 1
        places: Floats = np.maximum.accumulate(means[np.maximum(before, 0)])
        return places

    return _places.recall(dataset, number, find)


def _feature_figures(
    dataset: EvolvingDataset, pair: Pair, number: int, exact: bool, draws: int, seed: int
) -> dict[str, object]:
    feature = dataset.features[number]
    roles = _roles(dataset.codes[number], pair, feature.bins.count)
    chance = roles.drawn(draws, seed)
    found = _figures(roles, chance)
    if feature.kind is Kind.TEXT:
        return {**found, "wasserstein_reason": _NO_ORDER}
    finite = slice(0, feature.bins.missing_code)
    places = bin_places(dataset, number)
    sides = (roles.before[finite], roles.after[finite])
    if not all(side.any() for side in sides):
        return {**found, "wasserstein_reason": "a version has no finite value"}
    distance = float(binned_wasserstein(*sides, places))
    if np.isnan(distance):
        return {**found, "wasserstein_reason": "all values are equal"}
    levels = binned_wasserstein(chance[0][:, finite], chance[1][:, finite], places)
    known = levels[~np.isnan(levels)]
    if exact:
        distance = _exact_wasserstein(dataset.values[number], pair)
    level = _level(known) if known.size else None
    return {**found, "wasserstein": distance, "wasserstein_chance_level": level}


def _figures(roles: Roles, chance: tuple[Counts, Counts]) -> dict[str, object]:
    distance = float(jensen_shannon(roles.before, roles.after))
    drawn = jensen_shannon(*chance)
    as_far = int((drawn >= distance - 1e-12).sum())
    return {
        "js_distance": distance,
        "js_chance_level": _level(drawn),
        "psi": float(stability_index(roles.before, roles.after)),
        "psi_chance_level": _level(stability_index(*chance)),
        "p_value": (as_far + 1) / (len(drawn) + 1),
    }


def _level(drawn: Floats) -> float:
    """The 95% level of draws: the rank that one more draw exceeds in 5% of cases."""
    rank = min(math.ceil(LEVEL * (len(drawn) + 1)), len(drawn))
    return float(np.sort(drawn)[rank - 1])


def _exact_wasserstein(values: Floats, pair: Pair) -> float:
    from scipy.stats import wasserstein_distance

    sides = [values[rows] for rows in (pair.all_before, pair.all_after)]
    sides = [side[np.isfinite(side)] for side in sides]
    both = np.concatenate(sides)
    largest = np.abs(both).max() or 1.0  # squares of the largest numbers would overflow
    distance = wasserstein_distance(*(side / largest for side in sides))
    return float(distance / (both / largest).std())


def _roles(codes: Codes, pair: Pair, bins: int) -> Roles:
    return Roles.of_codes(
        codes[pair.old], codes[pair.new], codes[pair.removed], codes[pair.added], bins
    )


def _why_undefined(dataset: EvolvingDataset, number: int, versions: list[int]) -> str | None:
    if dataset.features[number].bins.kind is BinKind.TEXT:
        return _TEXT
    lacking = [v for v in versions if not dataset.has_column[v, number]]
    if lacking:
        return f"version {dataset.versions[lacking[0]].name} has no such column"
    return None


def _histograms_of_versions(
    dataset: EvolvingDataset, split: Split | None
) -> Iterator[tuple[int | None, Counts]]:
    """Every feature's histograms in all versions, shape (n_versions, n_bins); the label's last."""
    present = dataset.present
    if split is not None:
        present = present & (dataset.split == SPLITS.index(Split(split)))
    versions = len(present)
    # a row counts from the version that adds it to the one that removes it
    changes = np.concatenate([present[:1], present[1:] != present[:-1]])
    at, row = np.nonzero(changes)
    joins = present[at, row]
    codes_of: list[tuple[int | None, Counts | NDArray[np.uint8], int]] = [
        (number, dataset.codes[number], feature.bins.count)
        for number, feature in enumerate(dataset.features)
    ]
    codes_of.append((None, dataset.label.astype(np.int64) + 1, len(dataset.classes) + 1))
    for number, codes, bins in codes_of:
        key = at * bins + codes[row]
        size = versions * bins
        joined = np.bincount(key[joins], minlength=size)
        left = np.bincount(key[~joins], minlength=size)
        yield number, (joined - left).reshape(versions, bins).cumsum(axis=0)
