"""The Feature View's frames as the plain lists that its component draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon import analysis
from chameleon.analysis import COUNT_COLUMNS
from chameleon.app import cached
from chameleon.app.components import FeatureRow, FeatureStats, FeatureViewPayload
from chameleon.app.formatting import side_words
from chameleon.counting import OUTCOMES
from chameleon.data import BinKind, EvolvingDataset, Feature
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection import Filters, Selection, bars_of_filter, chosen_filter, has_histogram

_MILLISECOND = 1000.0
_EXTRAS: tuple[Literal["below", "above", "missing", "nonfinite"], ...] = (
    "below", "above", "missing", "nonfinite",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the Feature View."""

    shares: bool = False
    labels: bool = False
    validation: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """The part of a feature's row that doesn't depend on versions and filters.

    `bars` are the codes of the bars with any rows in the timeline, in drawing order.
    """

    feature: Feature
    bars: NDArray[np.intp]
    fixed: Mapping[str, object]


def feature_payload(
    evaluation: Evaluation, selection: Selection, names: Sequence[str], options: Options
) -> FeatureViewPayload:
    """The payload that draws these features in this order."""
    dataset = evaluation.dataset
    frame = cached.call(analysis.feature_histograms, evaluation, selection)
    occurring = frame["split"].unique(maintain_order=True).to_list()
    splits = [s for s in occurring if options.validation or s != Split.VALIDATION]
    blocks = {"counts": _blocks(dataset, len(occurring), frame.select(COUNT_COLUMNS).to_numpy())}
    if not selection.filters.is_empty:
        whole = replace(selection, filters=Filters())
        unfiltered = cached.call(analysis.feature_histograms, evaluation, whole)
        own = unfiltered.select(COUNT_COLUMNS[: len(OUTCOMES)]).to_numpy()
        blocks["ghost"] = _blocks(dataset, len(occurring), own)
    if options.labels:
        blocks["labels"] = _label_blocks(evaluation, selection, len(occurring))
    stats = _stats(
        dataset, cached.call(analysis.feature_summary, evaluation, selection), selection, splits
    )
    layouts = cached.call(_layouts, dataset)
    rows: list[FeatureRow] = []
    for name in names:
        number = dataset.feature_number(name)
        layout = layouts[number]
        marked = bars_of_filter(layout.feature, selection.filters.of_feature(name))
        lists: dict[str, object] = {"counts": [[[] for _ in range(6)] for _ in splits]}
        if has_histogram(layout.feature):
            lists = {
                part: block[number][: len(splits), layout.bars].transpose(0, 2, 1).tolist()
                for part, block in blocks.items()
            }
        rows.append(
            {
                **layout.fixed,  # type: ignore[typeddict-item]
                "ghost": None,
                "labels": None,
                **lists,
                "stats": stats[name],
                "selected": [place for place, code in enumerate(layout.bars) if code in marked],
            }
        )
    by_split = cached.call(analysis.selected, evaluation, selection).by_split
    return {
        "primary": side_words(selection, primary=True),
        "secondary": side_words(selection, primary=False),
        "splits": splits,
        "mode": "shares" if options.shares else "counts",
        "outcomes": evaluation.has_outcomes,
        "features": rows,
        "classes": [*dataset.classes, "no label"] if options.labels else None,
        "totals": [[by_split[split][0], by_split[split][1]] for split in splits],
    }


def choose_bars(
    evaluation: Evaluation, filters: Filters, name: str, bars: Sequence[int], *, extend: bool
) -> Filters:
    """The filters after a choice of bars in the component, by their drawn places."""
    dataset = evaluation.dataset
    layout = cached.call(_layouts, dataset)[dataset.feature_number(name)]
    if not has_histogram(layout.feature):
        return filters
    codes = [int(layout.bars[bar]) for bar in bars if 0 <= bar < len(layout.bars)]
    current = filters.of_feature(name)
    return filters.with_feature(chosen_filter(layout.feature, current, codes, extend=extend))


def _layouts(dataset: EvolvingDataset) -> list[_Layout]:
    return [
        _layout(feature, np.bincount(codes, minlength=feature.bins.count) > 0)
        for feature, codes in zip(dataset.features, dataset.codes, strict=True)
    ]


def _layout(feature: Feature, occurs: NDArray[np.bool_]) -> _Layout:
    bins = feature.bins
    ranges = bins.kind is BinKind.RANGES
    special = {"missing": bins.missing_code, "nonfinite": bins.missing_code + 1}
    if ranges:
        special |= {"below": 0, "above": bins.missing_code - 1}
    shown = {name for name, code in special.items() if occurs[code]}
    hidden = {code for name, code in special.items() if name not in shown}
    bars = np.array([c for c in range(bins.count) if c not in hidden], dtype=np.intp)
    scale = _MILLISECOND if feature.kind is Kind.DATE else 1.0
    whole = bins.kind is BinKind.VALUES and feature.kind is Kind.NUMBER
    categories = list(bins.categories)
    if bins.kind is BinKind.VALUES:
        categories = [f"{v:g}" for v in bins.values] if whole else ["false", "true"]
    note = "Nearly all values differ: shown as text, no histogram, not used by the model"
    fixed = {
        "name": feature.name,
        "kind": _drawn_kind(feature),
        "edges": [edge / scale for edge in bins.edges] if ranges else None,
        "categories": None if ranges else [*categories, "other"] if bins.other else categories,
        "values": list(bins.values) if whole else None,
        "other": bins.other or None,
        "extras": [name for name in _EXTRAS if name in shown],
        "low": None if bins.low is None else bins.low / scale,
        "high": None if bins.high is None else bins.high / scale,
        "note": None if has_histogram(feature) else note,
    }
    return _Layout(feature, bars, fixed)


def _drawn_kind(feature: Feature) -> str:
    if not has_histogram(feature):
        return "text"
    if feature.kind is Kind.NUMBER:
        return "integer" if feature.bins.kind is BinKind.VALUES else "number"
    return {Kind.TEXT: "category", Kind.BOOLEAN: "boolean", Kind.DATE: "date"}[feature.kind]


def _blocks(
    dataset: EvolvingDataset, splits: int, counts: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Per feature an array of shape (n_splits, n_bins, n_columns)."""
    sizes = np.array([feature.bins.count * splits for feature in dataset.features])
    parts = np.split(counts, np.cumsum(sizes)[:-1])
    return [part.reshape(splits, -1, counts.shape[1]) for part in parts]


def _label_blocks(
    evaluation: Evaluation, selection: Selection, splits: int
) -> list[NDArray[np.int64]]:
    """Per feature an array of shape (n_splits, n_bins, n_classes + 1), unlabeled rows last."""
    frame = cached.call(analysis.feature_labels, evaluation, selection)
    classes = len(evaluation.dataset.classes) + 1
    by_label = frame["instances"].to_numpy().reshape(classes, -1).T
    return _blocks(evaluation.dataset, splits, np.roll(by_label, -1, axis=1))


def _stats(
    dataset: EvolvingDataset, summary: pl.DataFrame, selection: Selection, splits: Sequence[str]
) -> dict[str, FeatureStats]:
    scales = {f.name: _MILLISECOND if f.kind is Kind.DATE else 1.0 for f in dataset.features}
    figures = {
        (feature, version, split): [
            *(None if value is None else value / scales[feature] for value in (low, mean, high)),
            missing,
        ]
        for feature, version, split, low, high, mean, missing, *_ in summary.iter_rows()
    }
    return {
        feature: {
            "primary": [figures[feature, selection.primary, split] for split in splits],
            "secondary": [figures[feature, selection.secondary, split] for split in splits],
        }
        for feature in scales
    }
