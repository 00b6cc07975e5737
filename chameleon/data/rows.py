"""The distinct rows while they are gathered: what a version holds is matched, or appended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.project import distinct_codes


class Dictionary:
    """Numbers for texts, given in the order in which new texts come (sorted within a version)."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def encode(self, texts: pl.Series) -> NDArray[np.int32]:
        """The number of every text, -1 where it is missing."""
        distinct, codes = distinct_codes(texts)
        for text in distinct:
            self.numbers.setdefault(text, len(self.numbers))
        numbers = [*(self.numbers[text] for text in distinct), -1]
        return np.array(numbers, dtype=np.int32)[codes]

    def series(self) -> pl.Series:
        """The texts in the order of their numbers."""
        return pl.Series(list(self.numbers), dtype=pl.String)


@dataclass(slots=True)
class VersionColumns:
    """One version's rows in canonical form; every array has one entry a row."""

    key: pl.Series
    split_key: pl.Series | None
    label: NDArray[np.int32]
    split: NDArray[np.int32] | None
    source: NDArray[np.int32]
    date: NDArray[np.int64]
    values: NDArray[np.float64]
    weak: NDArray[np.int32]


@dataclass(slots=True)
class Rows:
    """The distinct rows so far. Arrays are longer than `count`; the rest is spare room.

    `newest` holds the latest row of every instance, `previous` the row before it, -1 where there
    is none, so that a version's row can be compared with all earlier ones of its instance. `weak`
    holds label probabilities, by their bits, and votes: `weak_count` numbers a row.
    """

    features: int
    weak_count: int = 0
    count: int = 0
    capacity: int = 0
    instance: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    label: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    split: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    source: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    date: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    previous: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    newest: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    weak: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 0), np.int32))

    def __post_init__(self) -> None:
        self.values = np.empty((self.features, 0))
        self.weak = np.empty((self.weak_count, 0), dtype=np.int32)

    def reserve(self, more: int) -> None:
        """Make room for that many rows."""
        needed = self.count + more
        if needed <= self.capacity:
            return
        self.capacity = max(needed, int(self.capacity * 1.5))
        for name in ("instance", "label", "split", "source", "date", "previous"):
            old = getattr(self, name)
            grown = np.empty(self.capacity, dtype=old.dtype)
            grown[: self.count] = old[: self.count]
            setattr(self, name, grown)
        for name in ("values", "weak"):
            old = getattr(self, name)
            wide = np.empty((len(old), self.capacity), dtype=old.dtype)
            wide[:, : self.count] = old[:, : self.count]
            setattr(self, name, wide)

    def meet(self, instances: int) -> None:
        """Make room for instances up to that number."""
        unmet = np.full(instances - len(self.newest), -1, dtype=np.int64)
        self.newest = np.concatenate([self.newest, unmet])

    def begin(self, instance: NDArray[np.int32], columns: VersionColumns, instances: int) -> None:
        """Store the first rows: those of an instance follow each other, old to new."""
        self.meet(instances)
        self.appended(np.full(len(instance), -1, dtype=np.int64), instance, columns)
        numbers = np.arange(len(instance))
        again = np.flatnonzero(instance[1:] == instance[:-1]) + 1
        self.previous[again] = again - 1
        self.newest[instance] = numbers  # of several, the last one stays

    def matched(self, instance: NDArray[np.int32], columns: VersionColumns) -> NDArray[np.int64]:
        """The known row equal to each row of the version, -1 where there is none."""
        assert columns.split is not None
        stored = self
        pairs: list[tuple[NDArray[np.generic], NDArray[np.generic]]] = [
            (stored.label, columns.label),
            (stored.split, columns.split),
            (stored.source, columns.source),
            (stored.date, columns.date),
        ]
        # NaN is one bit pattern here, so that equal bits are equal values
        bits = zip(stored.values.view(np.int64), columns.values.view(np.int64), strict=True)
        pairs += list(bits)
        pairs += list(zip(stored.weak, columns.weak, strict=True))
        rows = np.full(len(instance), -1, dtype=np.int64)
        candidate = self.newest[instance]
        pending = np.flatnonzero(candidate >= 0)
        while pending.size:
            known = candidate[pending]
            everything = pending.size == len(instance)
            same = np.ones(pending.size, dtype=np.bool_)
            for old, new in pairs:
                same &= old[known] == (new if everything else new[pending])
            rows[pending[same]] = known[same]
            pending = pending[~same]
            candidate[pending] = stored.previous[candidate[pending]]
            pending = pending[candidate[pending] >= 0]
        return rows

    def appended(
        self, rows: NDArray[np.int64], instance: NDArray[np.int32], columns: VersionColumns
    ) -> NDArray[np.int64]:
        """Store the rows that were not matched; the same numbers with theirs filled in."""
        fresh = np.flatnonzero(rows < 0)
        if not fresh.size:
            return rows
        assert columns.split is not None
        stored = self
        stored.reserve(fresh.size)
        place = slice(stored.count, stored.count + fresh.size)
        stored.instance[place] = instance[fresh]
        stored.label[place] = columns.label[fresh]
        stored.split[place] = columns.split[fresh]
        stored.source[place] = columns.source[fresh]
        stored.date[place] = columns.date[fresh]
        stored.previous[place] = self.newest[instance[fresh]]
        for number in range(stored.features):
            stored.values[number, place] = columns.values[number][fresh]
        stored.weak[:, place] = columns.weak[:, fresh]
        numbers = np.arange(place.start, place.stop)
        self.newest[instance[fresh]] = numbers
        rows[fresh] = numbers
        stored.count += fresh.size
        return rows
