"""Counts by bin and outcome for every feature, and the figures that features are sorted by.

Method: Hohman et al., CHI 2020, Feature View. All counts are sums over rows (`np.bincount` on
combined small integers).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS, FILTERS_AND_PRIMARY, of_selection
from chameleon.analysis.values import Counts, Floats, Mask
from chameleon.counting import OUTCOMES, jensen_shannon
from chameleon.data import SPLITS, EvolvingDataset, SummaryField
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Filters, Selection, held_rows, instance_mask
from chameleon.storage import MemoryCache

COUNT_COLUMNS = tuple(f"{side}_{o}" for side in ("primary", "secondary") for o in OUTCOMES)

_STATES = len(OUTCOMES) + 1  # 0: the version lacks the row; 1 + outcome otherwise
_PAIRS = _STATES * _STATES
_pair_states: MemoryCache[Evaluation, Selection, tuple[Counts, Mask]] = MemoryCache(1)


@of_selection(*EVERYTHING)
def feature_histograms(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The histogram of every feature and split, by outcome, for two versions.

    A feature's own filter does not narrow its own histogram.

    Columns: feature, split, bin (code), bar (below, range, above, value, category, other, text,
    missing, non-finite), low, high, category, and `COUNT_COLUMNS`. One row per feature, split that
    occurs in the timeline, and bin, empty bins included.
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

    Columns: feature, split, bin, label (null without one), instances; the same features, splits,
    and bins in the same order as `feature_histograms`, every label of the dataset.
    """
    dataset = evaluation.dataset
    labels = len(dataset.classes) + 1
    held = held_rows(evaluation, selection)[0]
    width = len(SPLITS) * labels
    state = dataset.split.astype(np.int64) * labels + dataset.label + 1
    state[~held] = width  # a separate place for rows that the version lacks
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
    """One feature's histogram in every version, each with the outcomes of its own model.

    The feature's own filter does not narrow it.

    Columns: version, split, bin, bar, low, high, category, correct, incorrect, unknown: every
    version, split that occurs in the timeline, and bin.
    """
    dataset = evaluation.dataset
    number = dataset.feature_number(feature)
    matching = (
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
        if matching is not None:
            rows = rows[matching[dataset.instance[rows]]]
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
    """Minimum, maximum, and mean of every feature in two versions, whatever the filters.

    Columns: feature, version, split, min, max, mean (of the finite values; null without any and for
    text; dates in microseconds since 1970), missing, instances. One row per feature, version (once
    where both are the same), and split that occurs in the timeline.
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


def _pair_state(evaluation: Evaluation, selection: Selection) -> tuple[Counts, Mask]:
    """Split and outcomes of every row in one number, and True for rows of either version.

    Each of shape (n_rows,). No filter changes them, so the last ones are cached.
    """
    sides = replace(selection, filters=Filters())

    def find() -> tuple[Counts, Mask]:
        dataset = evaluation.dataset
        held = held_rows(evaluation, sides)
        primary, secondary = (
            (evaluation.outcome[dataset.version_number(name)] + np.uint8(1)) * of_side
            for name, of_side in zip((sides.primary, sides.secondary), held, strict=True)
        )
        pair = primary * np.uint8(_STATES) + secondary
        state: Counts = (dataset.split * np.uint8(_PAIRS) + pair).astype(np.int64)
        return state, pair > 0

    return _pair_states.recall(evaluation, sides, find)


_structures: MemoryCache[EvolvingDataset, None, tuple[pl.DataFrame, NDArray[np.intp]]] = (
    MemoryCache(1)
)
_FEW_ROWS = 4096
_SCHEMA = {
    "feature": pl.String, "split": pl.String, "bin": pl.Int32, "bar": pl.String, "low": pl.Float64,
    "high": pl.Float64, "category": pl.String,
}  # fmt: skip


def feature_counts(
    evaluation: Evaluation, selection: Selection, state: Counts, width: int, held: Mask
) -> Counts:
    """Counts of rows by bin and state under the filters; shape (bins of all features, width).

    `state` is a number from 0 to width - 1 for every row; `held` are the rows that matter, bool of
    shape (n_rows,). A feature's own filter does not narrow its own counts.
    """
    dataset, filters = evaluation.dataset, selection.filters

    def matching_rows(without: str | None) -> NDArray[np.intp] | None:
        kept = filters if without is None else filters.without_feature(without)
        if kept.is_empty:
            return None
        mask = instance_mask(evaluation, selection, without=without)
        return np.flatnonzero(mask[dataset.instance] & held)

    def of_feature(number: int, rows: NDArray[np.intp] | None) -> Counts:
        codes, bins = dataset.codes[number], dataset.features[number].bins.count
        if rows is None:
            return counts(codes, state, bins, width)
        return counts(codes[rows], state[rows], bins, width)

    matching = matching_rows(None)
    numbers = range(len(dataset.features))
    if matching is not None and len(matching) <= _FEW_ROWS:
        grid = _counts_at_once(dataset, matching, state, width)
    else:
        grid = np.concatenate([of_feature(number, matching) for number in numbers])
    grid = grid.reshape(-1, width)
    filtered = {one.feature for one in filters.features}
    first = 0
    for number, feature in enumerate(dataset.features):
        if feature.name in filtered:
            own = of_feature(number, matching_rows(feature.name)).reshape(-1, width)
            grid[first : first + len(own)] = own
        first += feature.bins.count
    return grid


def _counts_at_once(
    dataset: EvolvingDataset, rows: NDArray[np.intp], state: Counts, width: int
) -> Counts:
    """As `counts`, for all features in one call, which is faster for few rows."""
    bins = np.array([feature.bins.count for feature in dataset.features])
    key = np.take(dataset.codes, rows, axis=1).astype(np.int64)
    key += (np.cumsum(bins) - bins)[:, None]
    key *= width
    key += state[rows]
    counted: Counts = np.bincount(key.ravel(), minlength=int(bins.sum()) * width)
    return counted


def counts(codes: NDArray[np.uint8], state: Counts, bins: int, width: int) -> Counts:
    """The number of entries with each pair of a code and a state; shape (bins * width,)."""
    key = np.multiply(codes, width, dtype=np.int64)
    key += state
    counted: Counts = np.bincount(key, minlength=bins * width)
    return counted


def occurring_splits(dataset: EvolvingDataset) -> list[int]:
    """The codes of the splits that occur in the timeline."""
    found = np.bincount(dataset.split, minlength=len(SPLITS))
    return [code for code in range(len(SPLITS)) if found[code]]


def structure(dataset: EvolvingDataset) -> tuple[pl.DataFrame, NDArray[np.intp]]:
    """The rows of every histogram frame, and the place of each in counts by (bin, split).

    The frame has feature, split, bin, bar, low, high, category; bins are those of all features.
    """

    def find() -> tuple[pl.DataFrame, NDArray[np.intp]]:
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
        return frame, np.array(order, dtype=np.intp)

    return _structures.recall(dataset, None, find)


def feature_ranking(histograms: pl.DataFrame) -> pl.DataFrame:
    """Figures that features are sorted by, from the frame of `feature_histograms`.

    The distance is taken over train rows, which the model has learned from. Errors on train rows
    are mostly memorized away, so error figures are taken over test rows, or over train rows without
    any.

    Columns: feature, js_distance (Jensen-Shannon distance, base 2, between the two versions over
    the bins of train rows; null where a version has none), error_unevenness (mean absolute
    deviation of a bar's error rate from the error rate of all, weighted by the bar's instances: how
    unevenly errors are distributed over the feature), error_unevenness_change (mean absolute change
    of a bar's error rate from secondary to primary, weighted likewise); null where undefined.
    """
    train, test = (
        {
            key[0]: part.select(COUNT_COLUMNS).to_numpy()
            for key, part in histograms.filter(split=split).group_by("feature")
        }
        for split in ("train", "test")
    )
    judged = test if any(counts.any() for counts in test.values()) else train
    names = histograms["feature"].unique(maintain_order=True)
    return pl.DataFrame(
        [(name, _distance(train.get(name)), *_error_figures(judged.get(name))) for name in names],
        schema={
            "feature": pl.String, "js_distance": pl.Float64, "error_unevenness": pl.Float64,
            "error_unevenness_change": pl.Float64,
        },
        orient="row",
    )  # fmt: skip


def subset_distances(filtered: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """The difference between matching and other instances, by feature.

    Over the primary version's instances of all splits, from the frames of `feature_histograms`
    under the filters and without any.

    Columns: feature, subset_distance (Jensen-Shannon distance, base 2; null where all or none
    match, and for a filtered feature, whose own histogram is not narrowed by its filter).
    """
    own = [f"primary_{outcome}" for outcome in OUTCOMES]
    both = pl.DataFrame(
        {
            "feature": whole["feature"],
            "bin": whole["bin"],
            "inside": filtered.select(pl.sum_horizontal(own))[:, 0],
            "all": whole.select(pl.sum_horizontal(own))[:, 0],
        }
    )
    bars = both.group_by("feature", "bin", maintain_order=True).agg(pl.sum("inside", "all"))
    least = bars.group_by("feature").agg(pl.sum("inside"))["inside"].min()
    result: list[tuple[str, float | None]] = []
    for (name,), part in bars.group_by("feature", maintain_order=True):
        inside, everything = part["inside"].to_numpy(), part["all"].to_numpy()
        outside = everything - inside
        defined = inside.sum() == least and inside.sum() and outside.sum()
        result.append((str(name), float(jensen_shannon(inside, outside)) if defined else None))
    return pl.DataFrame(
        result, schema={"feature": pl.String, "subset_distance": pl.Float64}, orient="row"
    )


def _distance(counts: Counts | None) -> float | None:
    if counts is None:
        return None
    half = len(OUTCOMES)
    p, q = counts[:, :half].sum(axis=1), counts[:, half:].sum(axis=1)
    if not p.sum() or not q.sum():
        return None
    return float(jensen_shannon(p, q))


def _error_figures(counts: Counts | None) -> tuple[float | None, float | None]:
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


MOST_ROWS = 5_000
"""More rows are thinned out evenly: ranks need sorting for every pair with gaps."""

_FEWEST_ROWS = 3


@of_selection(*FILTERS_AND_PRIMARY)
def feature_correlations(
    evaluation: Evaluation, selection: Selection, *, features: int = 64, most: int = 20
) -> pl.DataFrame:
    """The pairs of features with the strongest Spearman correlation in the primary version.

    Numbers, dates, and booleans; a pair is taken over the rows where both have a finite value. The
    first `features` by name take part, and the `most` strongest pairs are returned.

    Columns: those of `VersionEvaluation.correlations`; strongest in the subset first, null where a
    feature is constant or fewer than three rows are complete.
    """
    dataset = evaluation.dataset
    held = np.flatnonzero(held_rows(evaluation, selection)[0])
    subset = held[instance_mask(evaluation, selection)[dataset.instance[held]]]
    numbers = [n for n, f in enumerate(dataset.features) if f.kind is not Kind.TEXT][:features]
    blocks = [
        [np.where(np.isfinite(v := dataset.values[n][rows]), v, np.nan) for n in numbers]
        for rows in (_thinned(subset), _thinned(held))
    ]
    table: list[tuple[object, ...]] = []
    for a, b in combinations(range(len(numbers)), 2):
        found = [_spearman(block[a], block[b]) for block in blocks]
        names = (dataset.features[numbers[a]].name, dataset.features[numbers[b]].name)
        table.append((*names, found[0][0], found[1][0], found[0][1], found[1][1]))
    schema = {
        "feature_a": pl.String, "feature_b": pl.String, "matching": pl.Float64, "all": pl.Float64,
        "matching_rows": pl.Int64, "all_rows": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(table, schema=schema, orient="row")
    order = pl.col("matching").abs()
    return frame.sort(order, descending=True, nulls_last=True, maintain_order=True).head(most)


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(rows) <= MOST_ROWS:
        return rows
    chosen: NDArray[np.intp] = rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.intp)]
    return chosen


def _spearman(a: Floats, b: Floats) -> tuple[float | None, int]:
    """Spearman's rho over the complete pairs, and their count."""
    complete = ~(np.isnan(a) | np.isnan(b))
    count = int(complete.sum())
    if count < _FEWEST_ROWS:
        return None, count
    from scipy.stats import rankdata

    ranks = [rankdata(side[complete]) for side in (a, b)]
    spreads = [float(rank.std()) for rank in ranks]
    if not all(spreads):
        return None, count
    centred = [rank - rank.mean() for rank in ranks]
    rho = float((centred[0] * centred[1]).mean() / (spreads[0] * spreads[1]))
    return min(max(rho, -1.0), 1.0), count


_FIGURES = ("min", "max", "mean", "missing", "instances")


@of_selection(*EVERYTHING)
def feature_table(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The summary, distances, and unevenness of errors of every feature and split.

    Columns: feature, kind, split, then min, max, mean, missing, and instances of both versions
    (with the prefixes secondary_ and primary_), js_distance, error_unevenness,
    error_unevenness_change (these three null in other splits than their own: train, and test or
    else train), subset_distance (of all splits).
    """
    histograms = feature_histograms(evaluation, selection)
    everything = Selection(selection.primary, selection.secondary, read=selection.read)
    unfiltered = selection == everything
    whole = histograms if unfiltered else feature_histograms(evaluation, everything)
    summary = feature_summary(evaluation, selection)
    table = summary.select("feature", "split").unique(maintain_order=True)
    for side in ("secondary", "primary"):
        own = summary.filter(version=getattr(selection, side)).select(
            "feature", "split", **{f"{side}_{name}": name for name in _FIGURES}
        )
        table = table.join(own, on=["feature", "split"], how="left", maintain_order="left")
    ranking = feature_ranking(histograms)
    tested = histograms.filter(split="test").select(pl.sum_horizontal(COUNT_COLUMNS).sum()).item()
    judged = "test" if tested else "train"  # as in `feature_ranking`
    split_of = {"js_distance": "train"}
    split_of |= dict.fromkeys(("error_unevenness", "error_unevenness_change"), judged)
    kinds = {feature.name: feature.kind.value for feature in evaluation.dataset.features}
    return (
        table.join(ranking, on="feature", how="left", maintain_order="left")
        .join(subset_distances(histograms, whole), on="feature", how="left", maintain_order="left")
        .with_columns(
            kind=pl.col("feature").replace_strict(kinds, return_dtype=pl.String),
            **{name: pl.when(split=split).then(name) for name, split in split_of.items()},
        )
    )
