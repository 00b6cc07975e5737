"""Counts by bin and outcome for every feature: the figures behind the Feature View.

Method: Hohman et al., "Understanding and Visualizing Data Iteration in Machine Learning",
CHI 2020, Feature View. All counts are sums over rows (`np.bincount` on combined small integers).
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.bins import Bar
from chameleon.dataset import SPLITS, EvolvingDataset, SummaryField
from chameleon.models import Evaluation
from chameleon.outcomes import OUTCOMES
from chameleon.selection import Filters, Selection, instance_mask

COUNT_COLUMNS = tuple(f"{side}_{o}" for side in ("primary", "secondary") for o in OUTCOMES)

_STATES = len(OUTCOMES) + 1  # 0: the version does not hold the row; 1 + outcome otherwise
_PAIRS = _STATES * _STATES
_FEW_ROWS = 4
"""Rows are picked out where less than a quarter of them count; else all are gone through."""

_skeletons: WeakKeyDictionary[EvolvingDataset, pl.DataFrame] = WeakKeyDictionary()


def feature_histograms(
    evaluation: Evaluation, *, primary: str, secondary: str, filters: Filters | None = None
) -> pl.DataFrame:
    """The histogram of every feature and split, by outcome, for two versions.

    A feature's own filter does not narrow its own histogram.

    Parameters
    ----------
    primary, secondary
        Names of versions; each version's own model judges its own rows.
    filters
        What narrows the instances, read from the primary version (`selection.instance_mask`).

    Returns
    -------
    pl.DataFrame
        feature, split, bin (code), bar (below, range, above, value, category, other, text,
        missing, non-finite), low, high, category, primary_correct, primary_incorrect,
        primary_unknown, secondary_correct, secondary_incorrect, secondary_unknown. One row a
        feature, split that occurs in the timeline, and bin, empty bins included.

    Raises
    ------
    SelectionError
        A version, feature or value does not exist.
    """
    dataset = evaluation.dataset
    selection = Selection(primary, secondary, filters or Filters())
    state = _pair_state(evaluation, selection)
    splits = _occurring_splits(dataset)

    def of_pairs(number: int, rows: NDArray[np.intp] | None) -> NDArray[np.int64]:
        width = len(SPLITS) * _PAIRS
        bins = dataset.features[number].bins.count
        counted = _counts(dataset.codes[number], state, rows, bins, width)
        grid = counted.reshape(bins, len(SPLITS), _STATES, _STATES)[:, splits]
        both = (grid.sum(axis=3)[..., 1:], grid.sum(axis=2)[..., 1:])
        return np.concatenate(both, axis=2).transpose(1, 0, 2).reshape(-1, 2 * len(OUTCOMES))

    blocks = _per_feature(evaluation, selection, state, of_pairs)
    counts = np.concatenate(blocks) if blocks else np.zeros((0, 2 * len(OUTCOMES)), dtype=np.int64)
    return skeleton(dataset).with_columns(
        pl.Series(name, counts[:, place]) for place, name in enumerate(COUNT_COLUMNS)
    )


def feature_labels(
    evaluation: Evaluation, *, primary: str, secondary: str, filters: Filters | None = None
) -> pl.DataFrame:
    """The true labels of the primary version's instances, by bin.

    Returns
    -------
    pl.DataFrame
        feature, split, bin, label (null where there is none), instances; the same features,
        splits and bins in the same order as `feature_histograms`, every label of the dataset.
    """
    dataset = evaluation.dataset
    selection = Selection(primary, secondary, filters or Filters())
    labels = len(dataset.classes) + 1
    held = dataset.present[dataset.version_number(primary)]
    state = dataset.split.astype(np.int64) * labels + dataset.label + 1
    width = len(SPLITS) * labels
    state = np.where(held, state, width)  # the last place collects what the version lacks
    splits = _occurring_splits(dataset)

    def of_labels(number: int, rows: NDArray[np.intp] | None) -> NDArray[np.int64]:
        bins = dataset.features[number].bins.count
        counted = _counts(dataset.codes[number], state, rows, bins, width + 1)
        grid = counted.reshape(bins, width + 1)[:, :width].reshape(bins, len(SPLITS), labels)
        return grid[:, splits].transpose(1, 0, 2).reshape(-1, labels)

    blocks = _per_feature(evaluation, selection, np.where(held, 1, 0), of_labels)
    counts = np.concatenate(blocks) if blocks else np.zeros((0, labels), dtype=np.int64)
    names = [None, *dataset.classes]
    places = skeleton(dataset).select("feature", "split", "bin")
    return pl.concat(
        places.with_columns(
            label=pl.lit(name, dtype=pl.String), instances=pl.Series(counts[:, number])
        )
        for number, name in enumerate(names)
    )


def feature_over_versions(
    evaluation: Evaluation,
    feature: str,
    *,
    primary: str,
    secondary: str,
    filters: Filters | None = None,
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
    selection = Selection(primary, secondary, filters or Filters())
    through = (
        None
        if selection.filters.without_feature(feature).is_empty
        else instance_mask(evaluation, selection, without=feature)
    )
    splits = _occurring_splits(dataset)
    bins, width = dataset.features[number].bins.count, len(SPLITS) * len(OUTCOMES)
    places = skeleton(dataset).filter(pl.col("feature") == feature).drop("feature")
    frames: list[pl.DataFrame] = []
    for version, name in enumerate(v.name for v in dataset.versions):
        rows = dataset.rows_of(version)
        if through is not None:
            rows = rows[through[dataset.instance[rows]]]
        state = dataset.split[rows].astype(np.int64) * len(OUTCOMES)
        state += evaluation.outcome[version, rows]
        counted = _counts(dataset.codes[number, rows], state, None, bins, width)
        grid = counted.reshape(bins, len(SPLITS), len(OUTCOMES))[:, splits].transpose(1, 0, 2)
        flat = grid.reshape(-1, len(OUTCOMES))
        frames.append(
            places.select(pl.lit(name).alias("version"), pl.all()).with_columns(
                pl.Series(outcome, flat[:, place]) for place, outcome in enumerate(OUTCOMES)
            )
        )
    return pl.concat(frames)


def feature_summary(evaluation: Evaluation, *, primary: str, secondary: str) -> pl.DataFrame:
    """Minimum, maximum and mean of every feature in two versions, whatever the filters.

    Returns
    -------
    pl.DataFrame
        feature, version, split, min, max, mean (of the finite values; null where there are none
        and for text; dates in microseconds since 1970), missing, instances. One row a feature,
        version (once where both are the same) and split that occurs in the timeline.
    """
    dataset = evaluation.dataset
    names = list(dict.fromkeys((primary, secondary)))
    numbers = [dataset.version_number(name) for name in names]
    splits = _occurring_splits(dataset)
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


def feature_ranking(histograms: pl.DataFrame) -> pl.DataFrame:
    """By what features can be sorted, from their histograms.

    Train rows are what the model learnt from, so the distance is taken over them; errors on
    train rows are mostly memorised away, so the error figures are taken over test rows, or over
    train rows where there are no test rows.

    Parameters
    ----------
    histograms
        The frame of `feature_histograms`.

    Returns
    -------
    pl.DataFrame
        feature, distance (Jensen-Shannon distance, base 2, between the two versions over the
        bins of train rows; null where a version has none), error_rate (mean absolute deviation
        of a bar's error rate from the error rate of all, weighted by the bar's instances: how
        unevenly errors fall over the feature), error_rate_change (mean absolute change of a
        bar's error rate from secondary to primary, weighted likewise); null where undefined.
    """
    features = histograms["feature"].unique(maintain_order=True)
    counts = {
        key[0]: part.select(COUNT_COLUMNS).to_numpy()
        for key, part in histograms.filter(pl.col("split") == "train").group_by("feature")
    }
    judged_split = "test" if (histograms["split"] == "test").any() else "train"
    judged = {
        key[0]: part.select(COUNT_COLUMNS).to_numpy()
        for key, part in histograms.filter(pl.col("split") == judged_split).group_by("feature")
    }
    return pl.DataFrame(
        [
            (name, _distance(counts.get(name)), *_error_figures(judged.get(name)))
            for name in features
        ],
        schema={
            "feature": pl.String,
            "distance": pl.Float64,
            "error_rate": pl.Float64,
            "error_rate_change": pl.Float64,
        },
        orient="row",
    )


def skeleton(dataset: EvolvingDataset) -> pl.DataFrame:
    """feature, split, bin, bar, low, high, category: what `feature_histograms` counts."""
    if dataset in _skeletons:
        return _skeletons[dataset]
    splits = _occurring_splits(dataset)
    rows: list[tuple[object, ...]] = []
    for feature in dataset.features:
        bars: tuple[Bar, ...] = feature.bins.bars
        for split in splits:
            rows += [
                (feature.name, SPLITS[split].value, code, b.kind.value, b.low, b.high, b.category)
                for code, b in enumerate(bars)
            ]
    schema = {
        "feature": pl.String,
        "split": pl.String,
        "bin": pl.Int32,
        "bar": pl.String,
        "low": pl.Float64,
        "high": pl.Float64,
        "category": pl.String,
    }
    _skeletons[dataset] = pl.DataFrame(rows, schema=schema, orient="row")
    return _skeletons[dataset]


def _occurring_splits(dataset: EvolvingDataset) -> list[int]:
    """The codes of the splits that any row of the timeline stands in."""
    found = np.bincount(dataset.split, minlength=len(SPLITS))
    return [code for code in range(len(SPLITS)) if found[code]]


def _pair_state(evaluation: Evaluation, selection: Selection) -> NDArray[np.uint16]:
    """uint16 of shape (n_rows,): split, and what both versions make of the row, in one number."""
    dataset = evaluation.dataset
    state = dataset.split.astype(np.uint16) * np.uint16(_STATES)
    state += _held_outcome(evaluation, selection.primary)
    state *= np.uint16(_STATES)
    state += _held_outcome(evaluation, selection.secondary)
    return state


def _held_outcome(evaluation: Evaluation, name: str) -> NDArray[np.uint8]:
    """0 where the version does not hold the row, else 1 + the outcome under its own model."""
    version = evaluation.dataset.version_number(name)
    outcome = evaluation.outcome[version] + np.uint8(1)
    return np.where(evaluation.dataset.present[version], outcome, np.uint8(0))


def _per_feature(
    evaluation: Evaluation,
    selection: Selection,
    held: NDArray[np.integer],
    count: Callable[[int, NDArray[np.intp] | None], NDArray[np.int64]],
) -> list[NDArray[np.int64]]:
    """`count` of every feature, under the rows that the filters leave (None: all rows)."""
    dataset = evaluation.dataset
    filters = selection.filters

    def rows_through(without: str | None) -> NDArray[np.intp] | None:
        kept = filters if without is None else filters.without_feature(without)
        if kept.is_empty:
            return None
        mask = instance_mask(evaluation, selection, without=without)
        return np.flatnonzero(mask[dataset.instance] & (held % _PAIRS > 0))

    filtered = {one.feature for one in filters.features}
    rows = rows_through(None)
    return [
        count(number, rows_through(feature.name) if feature.name in filtered else rows)
        for number, feature in enumerate(dataset.features)
    ]


def _counts(
    codes: NDArray[np.uint8],
    state: NDArray[np.integer],
    rows: NDArray[np.intp] | None,
    bins: int,
    width: int,
) -> NDArray[np.int64]:
    """How many rows have each pair of a code and a state; shape (bins * width,)."""
    if rows is not None:
        codes, state = codes[rows], state[rows]
    key = codes.astype(np.int64) * width + state
    counted: NDArray[np.int64] = np.bincount(key, minlength=bins * width)
    return counted


def _distance(counts: NDArray[np.int64] | None) -> float | None:
    if counts is None:
        return None
    half = len(OUTCOMES)
    p, q = counts[:, :half].sum(axis=1), counts[:, half:].sum(axis=1)
    if not p.sum() or not q.sum():
        return None
    return jensen_shannon_distance(p, q)


def jensen_shannon_distance(p: NDArray[np.int64], q: NDArray[np.int64]) -> float:
    """The distance of two histograms over the same bins: 0 alike, 1 disjoint.

    The square root of the Jensen-Shannon divergence in base 2 (Endres and Schindelin 2003).
    Both must hold something.
    """
    a, b = p / p.sum(), q / q.sum()
    middle = (a + b) / 2
    divergence = (_relative_entropy(a, middle) + _relative_entropy(b, middle)) / 2
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def _relative_entropy(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    some = a > 0
    return float((a[some] * np.log2(a[some] / b[some])).sum())


def _error_figures(counts: NDArray[np.int64] | None) -> tuple[float | None, float | None]:
    if counts is None:
        return None, None
    pc, pi, _, sc, si, _ = counts.T
    known, earlier = pc + pi, sc + si
    if not known.sum():
        return None, None
    own = known > 0
    rates = pi[own] / known[own]
    weights = known[own] / known.sum()
    spread = float((weights * np.abs(rates - pi.sum() / known.sum())).sum())
    both = own & (earlier > 0)
    if not both.any():
        return spread, None
    change = pi[both] / known[both] - si[both] / earlier[both]
    return spread, float((known[both] / known[both].sum() * np.abs(change)).sum())
