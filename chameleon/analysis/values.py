"""Feature values as text, as a person would write them."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.project import Kind

_WHOLE = 1e15  # beyond, floats skip whole numbers, and digits would be made up


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
