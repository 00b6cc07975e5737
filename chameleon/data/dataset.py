"""The evolving dataset: every distinct row once, and which version holds which row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.bins import Bins
from chameleon.errors import place_of
from chameleon.project import Finding, Kind, Project, Split, Version, WeakLabels, unnamed
from chameleon.storage import MemoryCache

SPLITS = tuple(Split)
"""The splits in the order of their codes."""

TEST_SHARE = 0.2


class SummaryField:
    """The places of the figures in `EvolvingDataset.summary`."""

    MINIMUM, MAXIMUM, MEAN, MISSING, ROWS = range(5)
    COUNT = 5


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: its name, the kind of its values, and its bins."""

    name: str
    kind: Kind
    bins: Bins


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class EvolvingDataset:
    """All distinct rows of a timeline as arrays.

    Features are in natural order of their names, instances in the order of a hash of their ids,
    rows by instance and then by the version that first holds them. So nothing depends on how the
    files order rows and columns, and an order of rows says nothing about them.

    Attributes
    ----------
    key
        A digest of the content it was made from and of the code that made it.
    classes, sources
        The labels and sources by their codes.
    instance_ids
        The id of every instance, by instance number; String of length n_instances.
    instance
        int32 of shape (n_rows,): the instance of each row.
    label
        int16 of shape (n_rows,): index into `classes`, -1 where there is no label.
    split
        uint8 of shape (n_rows,): index into `SPLITS`.
    source
        int32 of shape (n_rows,): index into `sources`, -1 where there is none.
    date
        datetime64[us] of shape (n_rows,), NaT where there is none.
    present
        bool of shape (n_versions, n_rows): which version holds which row.
    codes
        uint8 of shape (n_features, n_rows): the bin of every value.
    values
        float64 of shape (n_features, n_rows), mapped from disk: numbers, booleans as 0 and 1,
        dates as microseconds since 1970, texts as indices into `texts`; NaN is missing.
    texts
        The distinct values of every text feature, by feature name.
    summary
        float64 of shape (n_versions, 3 splits, n_features, 5): minimum, maximum and mean of the
        finite values, missing values, rows (see `SummaryField`).
    has_column
        bool of shape (n_versions, n_features): whether the version's file has the column.
    problems
        What was noticed while building.
    weak
        Label probabilities and votes of labelling rules; None where there are no such columns.
    """

    project: Project
    key: str
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    instance_ids: pl.Series
    instance: NDArray[np.int32]
    label: NDArray[np.int16]
    split: NDArray[np.uint8]
    source: NDArray[np.int32]
    date: NDArray[np.datetime64]
    present: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    values: NDArray[np.float64]
    texts: Mapping[str, pl.Series]
    summary: NDArray[np.float64]
    has_column: NDArray[np.bool_]
    findings: tuple[Finding, ...]
    weak: WeakLabels | None = None

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions, old to new."""
        return self.project.versions

    @property
    def row_count(self) -> int:
        """The number of distinct rows."""
        return len(self.instance)

    @property
    def instance_count(self) -> int:
        """The number of instances in any version."""
        return len(self.instance_ids)

    def version_number(self, name: str) -> int:
        """The place of a version in the timeline.

        Raises
        ------
        SelectionError
            No usable version has that name.
        """
        return place_of(name, [version.name for version in self.versions], "version")

    def feature_number(self, name: str) -> int:
        """The place of a feature.

        Raises
        ------
        SelectionError
            No feature has that name.
        """
        return place_of(name, [feature.name for feature in self.features], "feature")

    def rows_of(self, version: int) -> NDArray[np.intp]:
        """The rows a version holds, ascending."""
        return np.flatnonzero(self.present[version])

    def row_of_instance(self, version: int) -> NDArray[np.int32]:
        """Each instance's row in the version, -1 where absent; int32 of shape (n_instances,).

        Kept for the versions asked for last; must not be changed.
        """

        def find() -> NDArray[np.int32]:
            rows = self.rows_of(version)
            found = np.full(self.instance_count, -1, dtype=np.int32)
            found[self.instance[rows]] = rows
            return found

        return _rows_of_versions.recall(self, version, find)

    def rows_of_pair(
        self, primary: int, secondary: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The instances that either version holds, and the row each is read from.

        The row is the primary's where it holds the instance, else the secondary's. Both are kept
        for the versions asked for last and must not be changed.
        """

        def find() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
            own, other = self.row_of_instance(primary), self.row_of_instance(secondary)
            row = np.where(own < 0, other, own)
            held = np.flatnonzero(row >= 0).astype(np.int32)
            return held, row[held]

        return _rows_of_pairs.recall(self, (primary, secondary), find)

    def feature_frame(
        self, rows: NDArray[np.intp] | slice, features: Sequence[int] | None = None
    ) -> pl.DataFrame:
        """The raw feature values of some rows: Float64, text as String; infinities stay."""
        numbers = range(len(self.features)) if features is None else features
        columns: list[pl.Series] = []
        for number in numbers:
            feature = self.features[number]
            values = pl.Series(feature.name, self.values[number][rows], nan_to_null=True)
            if feature.kind is Kind.TEXT:
                values = self.texts[feature.name].gather(values.cast(pl.UInt32))
            columns.append(values.alias(feature.name))
        return pl.DataFrame(columns)

    def labels(self, rows: NDArray[np.intp]) -> pl.Series:
        """The labels of some rows as String; null where there is none."""
        numbers = pl.Series(self.label[rows].astype(np.int64)).replace(-1, None).cast(pl.UInt32)
        return pl.Series("label", self.classes, dtype=pl.String).gather(numbers)

    def content_hashes(self) -> NDArray[np.uint64]:
        """uint64 of shape (n_rows,): equal for rows with equal features, in every release.

        A missing value adds nothing, so that a column that joins later changes no earlier hash.
        Computed once; read-only.
        """
        return _hashes.recall(self, "", self._content_hashes)

    def _content_hashes(self) -> NDArray[np.uint64]:
        total = np.zeros(self.row_count, dtype=np.uint64)
        for feature, stored in zip(self.features, self.values, strict=True):
            values = np.asarray(stored)
            missing = np.isnan(values)
            if feature.kind is Kind.TEXT:
                texts = self.texts[feature.name].to_list()
                of_text = np.array([_text_hash(text) for text in [*texts, ""]], dtype=np.uint64)
                bits = of_text[np.where(missing, len(texts), values).astype(np.int64)]
            else:
                bits = values.view(np.uint64)
            mixed = _mixed(bits + np.uint64(_text_hash(feature.name)))
            mixed[missing] = 0
            total += mixed
        total.setflags(write=False)
        return total


_rows_of_versions: MemoryCache[EvolvingDataset, int, NDArray[np.int32]] = MemoryCache(8)
_rows_of_pairs: MemoryCache[
    EvolvingDataset, tuple[int, int], tuple[NDArray[np.int32], NDArray[np.int32]]
] = MemoryCache(4)
_hashes: MemoryCache[EvolvingDataset, str, NDArray[np.uint64]] = MemoryCache(1)


def content_digest(columns: Iterable[pl.Series]) -> str:
    """A digest of columns by name, type and values; the same in every release."""
    sha = hashlib.sha256()
    for column in columns:
        sha.update(f"{column.name}\0{column.dtype}\0".encode())
        column = unnamed(column)
        sha.update(column.is_null().to_numpy().tobytes())
        if column.dtype == pl.String:
            filled = column.fill_null("")
            sha.update(filled.str.len_bytes().cast(pl.Int64).to_numpy().tobytes())
            sha.update("".join(filled.to_list()).encode("utf-8", "surrogatepass"))
        else:
            sha.update(column.fill_null(0.0).to_numpy().tobytes())
    return sha.hexdigest()[:32]


def _text_hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): every bit moves every other."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = bits ^ (bits >> np.uint64(31))
    return mixed


def text_hashes(texts: pl.Series) -> NDArray[np.uint64]:
    """uint64 of shape (n,): a hash of every text, the same in every release and on every machine.

    It decides the order of instances, and their split where no column gives one.
    """
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts.to_list()]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def hashed_splits(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The split of every text by its hash, as an index into `SPLITS`: train or test."""
    tested = hashes < np.uint64(TEST_SHARE * 2**64)
    return np.where(tested, SPLITS.index(Split.TEST), SPLITS.index(Split.TRAIN)).astype(np.int32)
