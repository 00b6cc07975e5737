"""Values of rows as text and as columns, instances by their ids, and the order of both."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.project import EXACT_INTEGER, Kind
from chameleon.storage import MemoryCache

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Codes = NDArray[np.integer]
"""Arrays of row or instance numbers, and of one entry per row, instance, or bin."""

DAY = 86_400_000_000  # microseconds
SPLIT_NAMES = tuple(split.value for split in SPLITS)

_MOST_WHOLE = 1e15  # beyond, floats skip whole numbers, and digits would be made up
_ranks: MemoryCache[EvolvingDataset, str, Counts] = MemoryCache(64)
_multiples: MemoryCache[EvolvingDataset, int, bool] = MemoryCache(4096)


def value_texts(dataset: EvolvingDataset, feature: int, rows: Codes) -> list[str | None]:
    """The feature's values of some rows; None where missing."""
    kind = dataset.features[feature].kind
    values = np.asarray(dataset.values[feature])[rows].tolist()
    if kind is Kind.TEXT:
        texts = dataset.texts[dataset.features[feature].name].to_list()
        return [None if math.isnan(value) else str(texts[int(value)]) for value in values]
    return [None if math.isnan(value) else value_text(value, kind) for value in values]


def value_text(value: float, kind: Kind) -> str:
    """A number, boolean or date (microseconds since 1970) as text."""
    if kind is Kind.BOOLEAN and value in (0.0, 1.0):
        return "true" if value else "false"
    if kind is Kind.DATE and math.isfinite(value):
        try:
            moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=value)
        except OverflowError:  # beyond the years 1 to 9999
            return repr(value)
        return moment.date().isoformat() if moment.time() == dt.time() else moment.isoformat(" ")
    whole = math.isfinite(value) and value == int(value) and abs(value) < _MOST_WHOLE
    return str(int(value)) if whole else repr(value)


def named_column(name: str, names: Sequence[str], codes: Codes) -> pl.Series:
    """A column of the names of codes, null where one is negative."""
    numbers = pl.Series(codes.astype(np.int64)).replace(-1, None).cast(pl.UInt32)
    return pl.Series(name, names, dtype=pl.String).gather(numbers).alias(name)


def coded(dataset: EvolvingDataset, by: str) -> tuple[Codes, tuple[str, ...]]:
    """The label, split, or source of every row as a code, -1 without one, and their names."""
    names = {"label": dataset.classes, "split": SPLIT_NAMES, "source": dataset.sources}
    if by not in names:
        raise ValueError(f"by must be 'label', 'split' or 'source', not {by!r}")
    codes: Codes = getattr(dataset, by)
    return codes, names[by]


def role_column(dataset: EvolvingDataset, by: str, rows: Codes, name: str = "") -> pl.Series:
    """The label, split, or source of some rows; null without one, and for row -1."""
    codes, names = coded(dataset, by)
    return named_column(name or by, names, np.where(rows < 0, -1, codes[rows].astype(np.int64)))


def id_column(dataset: EvolvingDataset, instances: Codes) -> pl.Series:
    """The ids of instances."""
    return dataset.instance_ids.gather(instances).alias("instance")


def value_column(dataset: EvolvingDataset, number: int, rows: Codes) -> pl.Series:
    """A feature's values of some rows in their type, null where missing.

    Whole numbers are Int64 where all values of the feature are.
    """
    feature = dataset.features[number]
    values = pl.Series(feature.name, np.asarray(dataset.values[number])[rows], nan_to_null=True)
    match feature.kind:
        case Kind.TEXT:
            return dataset.texts[feature.name].gather(values.cast(pl.UInt32)).alias(feature.name)
        case Kind.BOOLEAN:
            return values.cast(pl.Boolean)
        case Kind.DATE:
            moments = values.cast(pl.Int64).cast(pl.Datetime("us"))
            return moments.cast(pl.Date) if _all_multiples(dataset, number, DAY) else moments
    return values.cast(pl.Int64) if _all_multiples(dataset, number, 1) else values


def _all_multiples(dataset: EvolvingDataset, number: int, unit: int) -> bool:
    """Return True if all values of the feature, in any version, are exact multiples of the unit."""

    def find() -> bool:
        values = np.asarray(dataset.values[number])
        known = values[np.isfinite(values)]
        exact = np.abs(known) < EXACT_INTEGER if unit == 1 else np.bool_(True)
        finite = len(known) + np.isnan(values).sum() == len(values)
        return bool(finite and np.all(exact) and (known % unit == 0).all())

    return _multiples.recall(dataset, number, find)


def instance_number(dataset: EvolvingDataset, instance: str) -> int:
    """The number of the instance of that id."""
    found = dataset.instance_ids.index_of(instance)
    if found is None:
        raise SelectionError(f"There is no instance '{instance}' in {dataset.project.name}.")
    return int(found)


def id_ranks(dataset: EvolvingDataset) -> Counts:
    """Each instance's place in the order of the ids; numbers by value, so that 10 follows 9."""
    ids = dataset.instance_ids

    def find() -> Counts:
        numbers = ids.cast(pl.Int64, strict=False)
        return _order(numbers if len(ids) and not numbers.null_count() else ids)

    return _ranks.recall(dataset, "ids", find)


def text_ranks(dataset: EvolvingDataset, feature: str) -> Counts:
    """The place of each text of a feature in the order of all."""
    return _ranks.recall(dataset, f"feature {feature}", lambda: _order(dataset.texts[feature]))


def _order(values: pl.Series) -> Counts:
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[values.arg_sort().to_numpy()] = np.arange(len(values))
    return ranks
