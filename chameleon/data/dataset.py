"""The evolving dataset: every distinct row once, the versions with it, and pairs of versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.bins import Bins
from chameleon.errors import place_of
from chameleon.project import Finding, Kind, Project, Split, Version, WeakLabels, unnamed
from chameleon.storage import MemoryCache

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]

SPLITS = tuple(Split)  # the splits in the order of their codes
TEST_SHARE = 0.2
_TEST = SPLITS.index(Split.TEST)


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
    rows by instance and then by the first version with it. So nothing depends on the order of rows
    and columns in the files, and an order of rows tells nothing about them.

    Shapes and contents of the arrays:

    instance, label, split, source, date   (n_rows,): the number of the row's instance; indices into
        `classes`, `SPLITS`, and `sources`, -1 without one; datetime64[us], NaT without one
    present     (n_versions, n_rows): the version contains the row
    codes       (n_features, n_rows): the bin of every value
    values      (n_features, n_rows), mapped from disk: numbers, booleans as 0 and 1, dates as
        microseconds since 1970, texts as indices into `texts` of the feature; NaN is missing
    summary     (n_versions, 3 splits, n_features, 5): see `SummaryField`; of finite values
    has_column  (n_versions, n_features): the version's file has the column
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
        """The place of a version in the timeline."""
        return place_of(name, [version.name for version in self.versions], "version")

    def feature_number(self, name: str) -> int:
        """The place of a feature."""
        return place_of(name, [feature.name for feature in self.features], "feature")

    def rows_of(self, version: int) -> NDArray[np.intp]:
        """The rows of a version, ascending."""
        return np.flatnonzero(self.present[version])

    def row_of_instance(self, version: int) -> Rows:
        """Each instance's row in the version, -1 where absent; int32 of shape (n_instances,).

        Cached for the last versions; must not be changed.
        """

        def find() -> Rows:
            rows = self.rows_of(version)
            found = np.full(self.instance_count, -1, dtype=np.int32)
            found[self.instance[rows]] = rows
            return found

        return _rows_of_versions.recall(self, version, find)

    def rows_of_pair(self, primary: int, secondary: int) -> tuple[Rows, Rows]:
        """The instances of either version, and a row of each: the primary's where it has one.

        Cached for the last versions; must not be changed.
        """

        def find() -> tuple[Rows, Rows]:
            own, other = self.row_of_instance(primary), self.row_of_instance(secondary)
            row = np.where(own < 0, other, own)
            held = np.flatnonzero(row >= 0).astype(np.int32)
            return held, row[held]

        return _rows_of_pairs.recall(self, (primary, secondary), find)

    def feature_frame(
        self, rows: NDArray[np.intp] | slice, features: Sequence[int] | None = None
    ) -> pl.DataFrame:
        """The raw feature values of some rows: Float64, text as String; infinities stay."""
        columns: list[pl.Series] = []
        for number in range(len(self.features)) if features is None else features:
            feature = self.features[number]
            values = pl.Series(feature.name, self.values[number][rows], nan_to_null=True)
            if feature.kind is Kind.TEXT:
                values = self.texts[feature.name].gather(values.cast(pl.UInt32))
            columns.append(values.alias(feature.name))
        return pl.DataFrame(columns)

    def labels(self, rows: NDArray[np.intp]) -> pl.Series:
        """The labels of some rows as String; null without one."""
        numbers = pl.Series(self.label[rows].astype(np.int64)).replace(-1, None).cast(pl.UInt32)
        return pl.Series("label", self.classes, dtype=pl.String).gather(numbers)

    def content_hashes(self, features: Sequence[int] | None = None) -> NDArray[np.uint64]:
        """uint64 of shape (n_rows,): equal for rows with equal features, in every release.

        All features, or some by their numbers. A missing value adds nothing, so that a column added
        later changes no earlier hash. Those of all features are cached; read-only.
        """
        if features is not None and len(features) < len(self.features):
            return self._content_hashes(features)
        everything = range(len(self.features))
        return _hashes.recall(self, "", lambda: self._content_hashes(everything))

    def _content_hashes(self, features: Iterable[int]) -> NDArray[np.uint64]:
        total = np.zeros(self.row_count, dtype=np.uint64)
        for number in features:
            feature, values = self.features[number], np.asarray(self.values[number])
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


_rows_of_versions: MemoryCache[EvolvingDataset, int, Rows] = MemoryCache(8)
_rows_of_pairs: MemoryCache[EvolvingDataset, tuple[int, int], tuple[Rows, Rows]] = MemoryCache(4)
_hashes: MemoryCache[EvolvingDataset, str, NDArray[np.uint64]] = MemoryCache(1)
_pairs: MemoryCache[EvolvingDataset, tuple[int, int], Pair] = MemoryCache(4)


def content_digest(columns: Iterable[pl.Series]) -> str:
    """A digest of columns by name, type, and values; the same in every release."""
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
    """The finalizer of splitmix64 (Steele, Lea, and Flood 2014): every bit changes every other."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def text_hashes(texts: pl.Series) -> NDArray[np.uint64]:
    """uint64 of shape (n,): a hash of every text, the same in every release and on every machine.

    It decides the order of instances, and their split where no column gives one.
    """
    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts.to_list()]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def hashed_splits(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """The split of every text by its hash, as an index into `SPLITS`: train or test."""
    tested = hashes < np.uint64(TEST_SHARE * 2**64)
    return np.where(tested, _TEST, SPLITS.index(Split.TRAIN)).astype(np.int32)


# without slots, for the cached properties
@dataclass(frozen=True, eq=False)
class Pair:
    """The instances of two versions, or some of them, and the changes of the shared ones.

    All arrays are in the order of the instances; masks have one entry per shared instance.
    `rows_before` and `rows_after` are the row of every instance of the dataset in each version, -1
    without one; `common` are the features of both versions.
    """

    before: int
    after: int
    rows_before: Rows
    rows_after: Rows
    common: NDArray[np.intp]
    # arrays of the dataset, not the dataset itself: it is the key under which pairs are cached
    _label: NDArray[np.int16]
    _split: NDArray[np.uint8]
    _values: NDArray[np.float64]

    @classmethod
    def of_rows(
        cls, dataset: EvolvingDataset, versions: tuple[int, int], before: Rows, after: Rows
    ) -> Pair:
        """The pair of some instances' rows in two versions, -1 for the others."""
        has = dataset.has_column
        common = np.flatnonzero(has[versions[0]] & has[versions[1]])
        return cls(*versions, before, after, common, dataset.label, dataset.split, dataset.values)

    @cached_property
    def shared(self) -> NDArray[np.intp]:
        """The numbers of the instances in both versions."""
        return np.flatnonzero((self.rows_before >= 0) & (self.rows_after >= 0))

    @cached_property
    def old(self) -> Rows:
        """The rows of the shared instances in `before`."""
        return self.rows_before[self.shared]

    @cached_property
    def new(self) -> Rows:
        """The rows of the shared instances in `after`."""
        return self.rows_after[self.shared]

    @cached_property
    def removed(self) -> Rows:
        """The rows of the instances in `before` only."""
        return self.rows_before[(self.rows_before >= 0) & (self.rows_after < 0)]

    @cached_property
    def added(self) -> Rows:
        """The rows of the instances in `after` only."""
        return self.rows_after[(self.rows_before < 0) & (self.rows_after >= 0)]

    @property
    def size(self) -> int:
        """The number of instances."""
        return len(self.shared) + len(self.removed) + len(self.added)

    @property
    def all_before(self) -> Rows:
        """All rows of `before`."""
        return self.rows_before[self.rows_before >= 0]

    @property
    def all_after(self) -> Rows:
        """All rows of `after`."""
        return self.rows_after[self.rows_after >= 0]

    @property
    def sides(self) -> tuple[tuple[int, Rows], tuple[int, Rows]]:
        """The version and all its rows, before and after."""
        return (self.before, self.all_before), (self.after, self.all_after)

    @cached_property
    def relabeled(self) -> Mask:
        """The label differs."""
        return np.asarray(self._label[self.old] != self._label[self.new])

    @cached_property
    def changed_split(self) -> Mask:
        """The split differs."""
        return np.asarray(self._split[self.old] != self._split[self.new])

    @cached_property
    def touched(self) -> NDArray[np.intp]:
        """Places of the shared instances whose rows differ in anything."""
        return np.flatnonzero(self.old != self.new)

    @cached_property
    def edits(self) -> Mask:
        """The common features that differ, of shape (n_common, n_touched)."""
        # an unchanged row is stored once: only pairs of different rows are compared
        old, new = self.old[self.touched], self.new[self.touched]
        edits = np.zeros((len(self.common), len(self.touched)), dtype=np.bool_)
        for place, feature in enumerate(self.common):
            values = self._values[feature]
            edits[place] = differ(values[old], values[new])
        return edits

    @cached_property
    def edited(self) -> Mask:
        """A common feature differs."""
        edited = np.zeros(len(self.old), dtype=np.bool_)
        edited[self.touched] = self.edits.any(axis=0)
        return edited

    @property
    def unchanged(self) -> Mask:
        """Neither label, features, nor split differ."""
        return np.asarray(~(self.relabeled | self.edited | self.changed_split))

    @cached_property
    def fair(self) -> Mask:
        """Test rows in both versions with the same label: neither model was fitted on them."""
        tested = (self._split[self.old] == _TEST) & (self._split[self.new] == _TEST)
        return np.asarray(tested & ~self.relabeled)

    def edited_in(self, feature: int) -> Mask:
        """That feature differs; nowhere if a version lacks it."""
        found = np.zeros(len(self.old), dtype=np.bool_)
        place = np.flatnonzero(self.common == feature)
        if place.size:
            found[self.touched] = self.edits[place[0]]
        return found


def pair_of(dataset: EvolvingDataset, *, before: str, after: str) -> Pair:
    """The pair of two versions, whatever their order; the last ones are cached."""
    versions = dataset.version_number(before), dataset.version_number(after)

    def find() -> Pair:
        rows = (dataset.row_of_instance(version) for version in versions)
        return Pair.of_rows(dataset, versions, *rows)

    return _pairs.recall(dataset, versions, find)


def differ(old: NDArray[np.float64], new: NDArray[np.float64]) -> Mask:
    """Return True where values differ; missing equals missing."""
    return np.asarray((old != new) & ~(np.isnan(old) & np.isnan(new)))
