"""Building an evolving dataset: one version at a time, every distinct row once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.bins import Bins, number_bins, text_bins
from chameleon.columns import (
    EXACT_INTEGER,
    dates,
    distinct_codes,
    feature_numbers,
    key_text,
    plain_text,
    split_codes,
)
from chameleon.dataset import SPLITS, EvolvingDataset, Feature, SummaryField, hashed_split
from chameleon.errors import VersionError
from chameleon.project import Kind, Problem, Project, Severity, Split, Version, natural_key
from chameleon.sources.checks import joined_key
from chameleon.sources.files import READ_ERRORS

_NOT_A_DATE = np.iinfo(np.int64).min


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
class _VersionColumns:
    """One version's rows in canonical form; every array has one entry a row."""

    key: pl.Series
    split_key: pl.Series | None
    label: NDArray[np.int32]
    split: NDArray[np.int32] | None
    source: NDArray[np.int32]
    date: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(slots=True)
class _Rows:
    """The distinct rows so far. Arrays are longer than `count`; the rest is spare room."""

    features: int
    count: int = 0
    capacity: int = 0
    instance: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    label: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    split: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    source: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    date: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    previous: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    values: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))

    def __post_init__(self) -> None:
        self.values = np.empty((self.features, 0))

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
        values = np.empty((self.features, self.capacity))
        values[:, : self.count] = self.values[:, : self.count]
        self.values = values


class Builder:
    """Takes in versions old to new; `dataset` is the result.

    A row is new only when none of its instance's earlier rows is equal in label, split, source,
    date and every feature, so that an instance that leaves and comes back, or is edited and
    edited back, costs nothing.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._features = tuple(project.kinds)
        self._rows = _Rows(len(self._features))
        self._known = pl.DataFrame(schema={"id": pl.String, "instance": pl.Int32})
        self._newest = np.empty(0, dtype=np.int64)
        self._hashed = np.empty(0, dtype=np.int32)
        self._labels, self._sources = Dictionary(), Dictionary()
        self._texts = {n: Dictionary() for n, kind in project.kinds.items() if kind is Kind.TEXT}
        self._held: list[NDArray[np.int64]] = []
        self._summaries: list[NDArray[np.float64]] = []
        self._problems: list[Problem] = []

    def add(self, version: Version) -> None:
        """Take in one version.

        Raises
        ------
        VersionError
            The file can no longer be read as it could when the project was opened.
        """
        columns = self._read(version)
        instance = self._instances(columns.key)
        if columns.split is None:
            self._hash_new(
                columns.split_key if columns.split_key is not None else columns.key, instance
            )
            columns.split = self._hashed[instance]
        rows = self._matched(instance, columns)
        rows = self._appended(rows, instance, columns)
        self._held.append(rows)
        self._summaries.append(_summary(columns.values, columns.split))
        self._warn_of_splits(version, columns.split)

    def dataset(self, key: str) -> EvolvingDataset:
        """The dataset of all versions taken in, in memory."""
        rows, count = self._rows, self._rows.count
        present = np.zeros((len(self._held), count), dtype=np.bool_)
        for number, held in enumerate(self._held):
            present[number, held] = True
        features, codes = self._binned()
        label_order, labels = _sorted_numbers(self._labels)
        source_order, sources = _sorted_numbers(self._sources)
        kept = self._project.columns
        return EvolvingDataset(
            project=self._project,
            key=key,
            features=features,
            classes=labels,
            sources=sources,
            instance_ids=self._known["id"],
            instance=rows.instance[:count].copy(),
            label=label_order[rows.label[:count]].astype(np.int16),
            split=rows.split[:count].astype(np.uint8),
            source=source_order[rows.source[:count]].astype(np.int32),
            date=rows.date[:count].view("datetime64[us]").copy(),
            present=present,
            codes=codes,
            values=np.ascontiguousarray(rows.values[:, :count]),
            texts={name: dictionary.series() for name, dictionary in self._texts.items()},
            summary=np.array(self._summaries),
            has_column=np.array(
                [[f in kept[v.name] for f in self._features] for v in self._project.versions]
            ),
            problems=tuple(self._problems),
        )

    def _read(self, version: Version) -> _VersionColumns:
        project, roles = self._project, self._project.roles
        own = project.columns[version.name]
        wanted = dict.fromkeys((*roles.columns, *(f for f in self._features if f in own)))
        scan = project.source.scan(version)
        try:
            present = scan.collect_schema().names()
            frame = scan.select([name for name in wanted if name in present]).collect()
        except READ_ERRORS as error:
            raise VersionError(
                f"{version.place} can no longer be read: {error}. Open the project again."
            ) from error
        untyped = project.source.untyped(version)
        count = len(frame)
        self._warn_of_rounding(version, frame)
        values = np.full((len(self._features), count), np.nan)
        for number, (name, kind) in enumerate(project.kinds.items()):
            if name not in frame.columns:
                continue
            if kind is Kind.TEXT:
                codes = self._texts[name].encode(plain_text(frame[name]))
                values[number] = np.where(codes < 0, np.nan, codes)
            else:
                values[number] = feature_numbers(frame[name], kind)
        values += 0.0  # -0.0 becomes 0.0
        values[np.isnan(values)] = np.nan  # one bit pattern, so that equal values have equal bits
        key, split_key = self._keys(frame, values, untyped=untyped)
        return _VersionColumns(
            key=key,
            split_key=split_key,
            label=self._labels.encode(key_text(frame[roles.label], untyped=untyped)),
            split=None
            if roles.split is None
            else split_codes(frame[roles.split]),
            source=np.full(count, -1, dtype=np.int32)
            if roles.source is None or roles.source not in frame.columns
            else self._sources.encode(key_text(frame[roles.source], untyped=untyped)),
            date=np.full(count, _NOT_A_DATE)
            if roles.date is None or roles.date not in frame.columns
            else dates(frame[roles.date]).cast(pl.Int64).fill_null(_NOT_A_DATE).to_numpy(),
            values=values,
        )

    def _keys(
        self, frame: pl.DataFrame, values: NDArray[np.float64], *, untyped: bool
    ) -> tuple[pl.Series, pl.Series | None]:
        """The id of every row, and what its split is hashed from where that is not the id."""
        roles = self._project.roles
        if roles.id:
            return joined_key([key_text(frame[n], untyped=untyped) for n in roles.id]), None
        content = self._content(frame, values)
        order = frame.select(key_text(frame[roles.label], untyped=untyped).alias("label"))
        numbered = pl.DataFrame({"content": content, "label": order["label"]}).select(
            pl.int_range(1, pl.len() + 1).over("content", order_by="label").alias("number")
        )["number"]
        suffix = pl.select(
            pl.when(numbered == 1)
            .then(pl.lit(""))
            .otherwise(pl.lit("-") + numbered.cast(pl.String))
        )[:, 0]
        return (content + suffix).alias("id"), content

    def _content(self, frame: pl.DataFrame, values: NDArray[np.float64]) -> pl.Series:
        """A hash of each row's features; an absent feature counts as missing."""
        parts = [
            self._spelled(frame[name], values[number]).alias(name)
            for number, name in sorted(enumerate(self._features), key=lambda pair: pair[1])
            if name in frame.columns
        ]
        spelled = pl.DataFrame(parts).select(
            pl.concat_str(
                [
                    pl.when(pl.col(part.name).is_null())
                    .then(pl.lit(""))
                    .otherwise(pl.lit(f"{part.name}\x1f") + pl.col(part.name) + pl.lit("\x1e"))
                    for part in parts
                ]
            )
        )[:, 0]
        distinct = spelled.unique()
        hashes = [hashlib.blake2b(s.encode(), digest_size=8).hexdigest() for s in distinct]
        return spelled.replace_strict(distinct, pl.Series(hashes), return_dtype=pl.String)

    def _spelled(self, column: pl.Series, numbers: NDArray[np.float64]) -> pl.Series:
        if self._project.kinds[column.name] is Kind.TEXT:
            return plain_text(column)
        return pl.Series(numbers, nan_to_null=True).cast(pl.String)

    def _instances(self, key: pl.Series) -> NDArray[np.int32]:
        """The instance number of every id; new ids get new numbers."""
        joined = pl.DataFrame({"id": key}).join(
            self._known, on="id", how="left", maintain_order="left"
        )
        fresh = joined.filter(pl.col("instance").is_null()).select("id")
        if fresh.is_empty():
            return joined["instance"].to_numpy()
        first = len(self._known)
        numbers = pl.int_range(first, first + len(fresh), dtype=pl.Int32, eager=True)
        self._known = pl.concat([self._known, fresh.with_columns(instance=numbers)])
        self._newest = np.concatenate([self._newest, np.full(len(fresh), -1, dtype=np.int64)])
        instance = joined["instance"].fill_null(-1).to_numpy().copy()
        instance[instance < 0] = numbers.to_numpy()
        return instance

    def _hash_new(self, split_key: pl.Series, instance: NDArray[np.int32]) -> None:
        first = len(self._hashed)
        self._hashed = np.concatenate(
            [self._hashed, np.full(len(self._known) - first, -1, dtype=np.int32)]
        )
        for row in np.flatnonzero(instance >= first):
            split = SPLITS.index(hashed_split(split_key[int(row)]))
            self._hashed[instance[row]] = split

    def _matched(self, instance: NDArray[np.int32], columns: _VersionColumns) -> NDArray[np.int64]:
        """The known row equal to each row of the version, -1 where there is none."""
        assert columns.split is not None
        stored = self._rows
        pairs: list[tuple[NDArray[np.generic], NDArray[np.generic]]] = [
            (stored.label, columns.label),
            (stored.split, columns.split),
            (stored.source, columns.source),
            (stored.date, columns.date),
        ]
        # NaN is one bit pattern here, so that equal bits are equal values
        bits = zip(stored.values.view(np.int64), columns.values.view(np.int64), strict=True)
        pairs += list(bits)
        rows = np.full(len(instance), -1, dtype=np.int64)
        candidate = self._newest[instance]
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

    def _appended(
        self, rows: NDArray[np.int64], instance: NDArray[np.int32], columns: _VersionColumns
    ) -> NDArray[np.int64]:
        fresh = np.flatnonzero(rows < 0)
        if not fresh.size:
            return rows
        assert columns.split is not None
        stored = self._rows
        stored.reserve(fresh.size)
        place = slice(stored.count, stored.count + fresh.size)
        stored.instance[place] = instance[fresh]
        stored.label[place] = columns.label[fresh]
        stored.split[place] = columns.split[fresh]
        stored.source[place] = columns.source[fresh]
        stored.date[place] = columns.date[fresh]
        stored.previous[place] = self._newest[instance[fresh]]
        for number in range(stored.features):
            stored.values[number, place] = columns.values[number][fresh]
        numbers = np.arange(place.start, place.stop)
        self._newest[instance[fresh]] = numbers
        rows[fresh] = numbers
        stored.count += fresh.size
        return rows

    def _binned(self) -> tuple[tuple[Feature, ...], NDArray[np.uint8]]:
        count = self._rows.count
        codes = np.empty((len(self._features), count), dtype=np.uint8)
        features: list[Feature] = []
        for number, (name, kind) in enumerate(self._project.kinds.items()):
            values = self._rows.values[number, :count]
            if kind is Kind.TEXT:
                bins, codes[number] = _text_codes(
                    values, self._rows.instance[:count], list(self._texts[name].numbers)
                )
            else:
                bins = number_bins(values, kind)
                codes[number] = bins.codes(values)
            features.append(Feature(name, kind, bins))
        return tuple(features), codes

    def _warn_of_rounding(self, version: Version, frame: pl.DataFrame) -> None:
        for name in self._features:
            if name not in frame.columns or self._project.kinds[name] is not Kind.NUMBER:
                continue
            column = frame[name]
            if not column.dtype.is_integer() or column.dtype.is_(pl.Int32):
                continue
            bounds = (column.min(), column.max())
            if any(isinstance(b, int) and abs(b) > EXACT_INTEGER for b in bounds):
                self._problems.append(
                    Problem(
                        Severity.WARNING,
                        f"{version.place} has integers beyond 2^53 in '{name}': they are rounded "
                        "to 15 digits. If the column is an identifier, name it under ignore.",
                        version.name,
                        version.file,
                        name,
                    )
                )

    def _warn_of_splits(self, version: Version, split: NDArray[np.int32]) -> None:
        if self._project.roles.split is None and not (split == SPLITS.index(Split.TEST)).any():
            self._problems.append(
                Problem(
                    Severity.WARNING,
                    f"{version.place} has no test rows: the hash of the id put all of its "
                    "rows into train. Its test metrics are '-'.",
                    version.name,
                    version.file,
                )
            )


def _sorted_numbers(dictionary: Dictionary) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """New numbers by old number (the last entry is for -1), and the texts in natural order."""
    ordered = sorted(dictionary.numbers, key=natural_key)
    new = np.full(len(ordered) + 1, -1, dtype=np.int32)
    for number, text in enumerate(ordered):
        new[dictionary.numbers[text]] = number
    return new, tuple(ordered)


def _text_codes(
    values: NDArray[np.float64], instance: NDArray[np.int32], texts: Sequence[str]
) -> tuple[Bins, NDArray[np.uint8]]:
    missing = np.isnan(values)
    numbers = np.where(missing, len(texts), values).astype(np.int64)
    counts = np.bincount(numbers, minlength=len(texts) + 1)[: len(texts)]
    pairs = (instance.astype(np.int64) * (len(texts) + 1) + numbers)[~missing]
    bins = text_bins(dict(zip(texts, counts.tolist(), strict=True)), holders=np.unique(pairs).size)
    # beside the shown categories: "other", or the one bar of a text without histogram
    code_of = np.full(len(texts) + 1, bins.missing_code - 1, dtype=np.uint8)
    places = {category: code for code, category in enumerate(bins.categories)}
    for number, text in enumerate(texts):
        if text in places:
            code_of[number] = places[text]
    code_of[len(texts)] = bins.missing_code
    return bins, code_of[numbers]


def _summary(values: NDArray[np.float64], split: NDArray[np.int32]) -> NDArray[np.float64]:
    """float64 of shape (3 splits, n_features, 5): see `SummaryField`."""
    result = np.full((len(SPLITS), len(values), SummaryField.COUNT), np.nan)
    for number in range(len(SPLITS)):
        chosen = split == number
        rows = int(chosen.sum())
        result[number, :, SummaryField.ROWS] = rows
        result[number, :, SummaryField.MISSING] = 0
        if rows:
            for feature, column in enumerate(values):
                result[number, feature, :4] = _figures(
                    column if rows == len(column) else column[chosen]
                )
    return result


def _figures(column: NDArray[np.float64]) -> tuple[float, float, float, float]:
    total = float(column.sum())
    missing = 0
    if not np.isfinite(total):
        missing = int(np.isnan(column).sum())
        column = column[np.isfinite(column)]
        if not column.size:
            return np.nan, np.nan, np.nan, missing
        total = float(column.sum())
    return float(column.min()), float(column.max()), total / column.size, missing
