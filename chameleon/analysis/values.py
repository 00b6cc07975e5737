"""Values of rows as text and as columns, and instances by their ids."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.project import Kind

_WHOLE = 1e15  # beyond, floats skip whole numbers, and digits would be made up


SPLIT_NAMES = tuple(split.value for split in SPLITS)


def value_texts(
    dataset: EvolvingDataset, feature: int, rows: NDArray[np.integer]
) -> list[str | None]:
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
    whole = math.isfinite(value) and value == int(value) and abs(value) < _WHOLE
    return str(int(value)) if whole else repr(value)


def named_column(name: str, names: Sequence[str], codes: NDArray[np.integer]) -> pl.Series:
    """A column of the names of codes, null where one is negative."""
    numbers = pl.Series(codes.astype(np.int64)).replace(-1, None).cast(pl.UInt32)
    return pl.Series(name, names, dtype=pl.String).gather(numbers).alias(name)


def instance_number(dataset: EvolvingDataset, instance: str) -> int:
    """The number of the instance of that id."""
    found = dataset.instance_ids.index_of(instance)
    if found is None:
        raise SelectionError(f"There is no instance '{instance}' in {dataset.project.name}.")
    return int(found)
