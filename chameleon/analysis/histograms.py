"""Counts by bin and outcome for every feature: the figures behind the Feature View.

Method: Hohman et al., "Understanding and Visualizing Data Iteration in Machine Learning",
CHI 2020, Feature View. All counts are sums over rows (`np.bincount` on combined small integers).
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS, FILTERS_AND_PRIMARY, of_selection
from chameleon.counting import OUTCOMES
from chameleon.data import SPLITS, EvolvingDataset, SummaryField
from chameleon.models import Evaluation
from chameleon.selection import Filters, Selection, held_rows, instance_mask

COUNT_COLUMNS = tuple(f"{side}_{o}" for side in ("primary", "secondary") for o in OUTCOMES)

_STATES = len(OUTCOMES) + 1  # 0: the version does not hold the row; 1 + outcome otherwise
_PAIRS = _STATES * _STATES
_ALL = Filters()
_pair_states: WeakKeyDictionary[
    Evaluation, tuple[Selection, NDArray[np.int64], NDArray[np.bool_]]
] = WeakKeyDictionary()


@of_selection(*EVERYTHING)
def feature_histograms(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The histogram of every feature and split, by outcome, for two versions.

    A feature's own filter does not narrow its own histogram.

    Returns
    -------
    pl.DataFrame
        feature, split, bin (code), bar (below, range, above, value, category, other, text,
        missing, non-finite), low, high, category, primary_correct, primary_incorrect,
        primary_unknown, secondary_correct, secondary_incorrect, secondary_unknown. One row a
        feature, split that occurs in the timeline, and bin, empty bins included.
    """
    dataset = evaluation.dataset
    state, held = _pair_state(evaluation, selection)
    grid = feature_counts(evaluation, selection, state, len(SPLITS) * _PAIRS, held)
    pairs = grid.reshape(-1, _STATES, _STATES)
    # added slice by slice: numpy's own sum over so short an axis takes several times as long
    primaries = sum(pairs[:, 1:, place] for place in range(_STATES))
    secondaries = sum(pairs[:, place, 1:] for place in range(_STATES))
    both = np.concatenate([primaries, secondaries], axis=1)
    frame, order = structure(dataset)
    return frame.hstack(
        [pl.Series(*of) for of in zip(COUNT_COLUMNS, both.T[:, order], strict=True)]
    )


@of_selection(*FILTERS_AND_PRIMARY)
def feature_labels(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The true labels of the primary version's instances, by bin.

    Returns
    -------
    pl.DataFrame
        feature, split, bin, label (null where there is none), instances; the same features,
        splits and bins in the same order as `feature_histograms`, every label of the dataset.
    """
    dataset = evaluation.dataset
    labels = len(dataset.classes) + 1
    held = held_rows(evaluation, selection)[0]
    width = len(SPLITS) * labels
    state = dataset.split.astype(np.int64) * labels + dataset.label + 1
    state[~held] = width  # a place of its own collects what the version lacks
    grid = feature_counts(evaluation, selection, state, width + 1, held)
    frame, order = structure(dataset)
    by_label = grid[:, :width].reshape(-1, labels)[order]
    places = frame.select("feature", "split", "bin")
    return pl.concat(
        places.with_columns(
            label=pl.lit(name, dtype=pl.String), instances=pl.Series(by_label[:, number])
        )
        for number, name in enumerate([None, *dataset.classes])
    )


@of_selection(*FILTERS)
def feature_over_versions(
    evaluation: Evaluation, selection: Selection, feature: str
) -> pl.DataFrame:
    """One feature's histogram in every version, each judged by its own model.

    The feature's own filter does not narrow it.

    Returns
    -------
    pl.DataFrame
        version, split, bin, bar, low, high, category, correct, incorrect, unknown: every version,
        split that occurs in the timeline, and bin.
    """
    dataset = evaluation.dataset
    number = dataset.feature_number(feature)
    through = (
        None
        if selection.filters.without_feature(feature).is_empty
        else instance_mask(evaluation, selection, without=feature)
    )
    splits = occurring_splits(dataset)
    bins, width = dataset.features[number].bins.count, len(SPLITS) * len(OUTCOMES)
    places = structure(dataset)[0].filter(pl.col("feature") == feature).drop("feature")
    frames: list[pl.DataFrame] = []
    for version, name in enumerate(v.name for v in dataset.versions):
        rows = dataset.rows_of(version)
        if through is not None:
            rows = rows[through[dataset.instance[rows]]]
        state = dataset.split[rows].astype(np.int64) * len(OUTCOMES)
        state += evaluation.outcome[version, rows]
        counted = counts(dataset.codes[number, rows], state, bins, width)
        grid = counted.reshape(bins, len(SPLITS), len(OUTCOMES))[:, splits].transpose(1, 0, 2)
        flat = grid.reshape(-1, len(OUTCOMES))
        frames.append(
            places.select(pl.lit(name).alias("version"), pl.all()).with_columns(
                pl.Series(outcome, flat[:, place]) for place, outcome in enumerate(OUTCOMES)
            )
        )
    return pl.concat(frames)


@of_selection()
def feature_summary(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Minimum, maximum and mean of every feature in two versions, whatever the filters.

    Returns
    -------
    pl.DataFrame
        feature, version, split, min, max, mean (of the finite values; null where there are none
        and for text; dates in microseconds since 1970), missing, instances. One row a feature,
        version (once where both are the same) and split that occurs in the timeline.
    """
    dataset = evaluation.dataset
    names = list(dict.fromkeys((selection.primary, selection.secondary)))
    numbers = [dataset.version_number(name) for name in names]
    splits = occurring_splits(dataset)
    figures = dataset.summary[numbers][:, splits].transpose(2, 0, 1, 3)
    flat = figures.reshape(-1, SummaryField.COUNT)
    text = np.repeat([f.kind == "text" for f in dataset.features], len(numbers) * len(splits))
    flat = np.where(text[:, None] & (np.arange(SummaryField.COUNT) < 3), np.nan, flat)
    return pl.DataFrame(
        {
            "feature": np.repeat([f.name for f in dataset.features], len(numbers) * len(splits)),
            "version": np.tile(np.repeat(names, len(splits)), len(dataset.features)),
            "split": np.tile(
                [SPLITS[s].value for s in splits], len(dataset.features) * len(numbers)
            ),
            "min": flat[:, SummaryField.MINIMUM],
            "max": flat[:, SummaryField.MAXIMUM],
            "mean": flat[:, SummaryField.MEAN],
            "missing": flat[:, SummaryField.MISSING],
            "instances": flat[:, SummaryField.ROWS],
        },
        nan_to_null=True,
        schema_overrides={"missing": pl.Int64, "instances": pl.Int64},
    )


def _pair_state(
    evaluation: Evaluation, selection: Selection
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Split, and what both versions make of the row, in one number; and whether either holds it.

    Each of shape (n_rows,). No filter changes them, so those asked for last are kept.
    """
    sides = replace(selection, filters=_ALL)
    kept = _pair_states.get(evaluation)
    if kept is None or kept[0] != sides:
        dataset = evaluation.dataset
        held = held_rows(evaluation, sides)
        primary, secondary = (
            (evaluation.outcome[dataset.version_number(name)] + np.uint8(1)) * of_side
            for name, of_side in zip((sides.primary, sides.secondary), held, strict=True)
        )
        pair = primary * np.uint8(_STATES) + secondary
        state: NDArray[np.int64] = (dataset.split * np.uint8(_PAIRS) + pair).astype(np.int64)
        kept = _pair_states[evaluation] = (sides, state, pair > 0)
    return kept[1:]


_structures: WeakKeyDictionary[EvolvingDataset, tuple[pl.DataFrame, NDArray[np.intp]]] = (
    WeakKeyDictionary()
)
_FEW_ROWS = 4096
_SCHEMA = {
    "feature": pl.String, "split": pl.String, "bin": pl.Int32, "bar": pl.String, "low": pl.Float64,
    "high": pl.Float64, "category": pl.String,
}  # fmt: skip


def feature_counts(
    evaluation: Evaluation,
    selection: Selection,
    state: NDArray[np.int64],
    width: int,
    held: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """How many rows have each pair of a bin and a state, under the filters.

    A feature's own filter does not narrow its own counts.

    Parameters
    ----------
    state
        What is asked of every row, from 0 to width - 1; shape (n_rows,).
    held
        The rows that matter, shape (n_rows,): the others may be left out.

    Returns
    -------
    ndarray of shape (bins of all features one after the other, width)
    """
    dataset, filters = evaluation.dataset, selection.filters

    def rows_through(without: str | None) -> NDArray[np.intp] | None:
        kept = filters if without is None else filters.without_feature(without)
        if kept.is_empty:
            return None
        mask = instance_mask(evaluation, selection, without=without)
        return np.flatnonzero(mask[dataset.instance] & held)

    def of_feature(number: int, rows: NDArray[np.intp] | None) -> NDArray[np.int64]:
        codes, bins = dataset.codes[number], dataset.features[number].bins.count
        if rows is None:
            return counts(codes, state, bins, width)
        return counts(codes[rows], state[rows], bins, width)

    through = rows_through(None)
    numbers = range(len(dataset.features))
    if through is not None and len(through) <= _FEW_ROWS:
        grid = _counts_at_once(dataset, through, state, width)
    else:
        grid = np.concatenate([of_feature(number, through) for number in numbers])
    grid = grid.reshape(-1, width)
    filtered = {one.feature for one in filters.features}
    first = 0
    for number, feature in enumerate(dataset.features):
        if feature.name in filtered:
            own = of_feature(number, rows_through(feature.name)).reshape(-1, width)
            grid[first : first + len(own)] = own
        first += feature.bins.count
    return grid


def _counts_at_once(
    dataset: EvolvingDataset, rows: NDArray[np.intp], state: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """As `counts`, for all features in one call: for few rows the calls are what takes time."""
    bins = np.array([feature.bins.count for feature in dataset.features])
    key = np.take(dataset.codes, rows, axis=1).astype(np.int64)
    key += (np.cumsum(bins) - bins)[:, None]
    key *= width
    key += state[rows]
    counted: NDArray[np.int64] = np.bincount(key.ravel(), minlength=int(bins.sum()) * width)
    return counted


def counts(
    codes: NDArray[np.uint8], state: NDArray[np.int64], bins: int, width: int
) -> NDArray[np.int64]:
    """How many entries have each pair of a code and a state; shape (bins * width,)."""
    key = np.multiply(codes, width, dtype=np.int64)
    key += state
    counted: NDArray[np.int64] = np.bincount(key, minlength=bins * width)
    return counted


def occurring_splits(dataset: EvolvingDataset) -> list[int]:
    """The codes of the splits that any row of the timeline stands in."""
    found = np.bincount(dataset.split, minlength=len(SPLITS))
    return [code for code in range(len(SPLITS)) if found[code]]


def structure(dataset: EvolvingDataset) -> tuple[pl.DataFrame, NDArray[np.intp]]:
    """The rows of every histogram frame, and where each finds its counts.

    Returns
    -------
    frame
        feature, split, bin, bar, low, high, category.
    order
        For each row of the frame its place among counts by (bin of all features, split).
    """
    if dataset not in _structures:
        rows: list[tuple[object, ...]] = []
        order: list[int] = []
        first = 0
        splits = occurring_splits(dataset)
        for feature in dataset.features:
            bars = feature.bins.bars
            for split in splits:
                name = SPLITS[split].value
                rows += [
                    (feature.name, name, code, b.kind.value, b.low, b.high, b.category)
                    for code, b in enumerate(bars)
                ]
                order += [(first + code) * len(SPLITS) + split for code in range(len(bars))]
            first += len(bars)
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        _structures[dataset] = frame, np.array(order, dtype=np.intp)
    return _structures[dataset]
