"""The evolving dataset of a project: read from disk where it was built before, else built.

It is built one version at a time, with every distinct row once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.bins import number_bins, text_codes
from chameleon.data.dataset import (
    SPLITS,
    EvolvingDataset,
    Feature,
    SummaryField,
    hashed_splits,
    text_hashes,
)
from chameleon.data.rows import Dictionary, Rows, VersionColumns, WeakBuilder
from chameleon.errors import ProjectError, VersionError
from chameleon.project import (
    EXACT_INTEGER,
    NOT_A_DATE,
    OPEN_AGAIN,
    READ_ERRORS,
    Finding,
    Kind,
    Project,
    Severity,
    Split,
    Version,
    WeakLabels,
    date_numbers,
    feature_numbers,
    id_keys,
    key_text,
    named,
    natural_order,
    plain_text,
    split_codes,
    with_damage,
)
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    noted_damage,
    read_parts,
    write_parts,
)

FORMAT = 7  # raised whenever building changes, so that cached datasets are built again
_MOST_APPENDED = 10  # versions that are appended to a stored dataset; with more, all are read
_ARRAYS = (
    "instance", "label", "split", "source", "date", "present", "codes", "values", "summary",
    "has_column",
)  # fmt: skip
_WEAK_ARRAYS = ("codes", "probabilities", "votes")


def evolving_dataset(
    project: Project, *, progress: ProgressCallback | None = None
) -> EvolvingDataset:
    """The project's dataset, cached on disk by the content of its versions.

    A file that changed since the project was opened raises VersionError, and a `cached_only`
    project of which nothing is cached ProjectError.
    """
    key = dataset_key(project)
    target = project.results_folder / f"dataset-{key}"
    with noted_damage() as damaged:
        cached = _read(target, project, key)
    if cached is not None:
        for version in project.versions:
            project.source.release(version)
        return cached
    if project.cached_only:
        message = f"The data of {project.name} isn't cached: the disk refused or damaged it."
        raise ProjectError(message, fix="Try again later.")
    begun = _begun(project)
    builder = Builder(project, begun)
    for number, version in enumerate(project.versions):
        if begun is None or number >= len(begun.versions):
            if progress is not None:
                progress(Progress("Reading", version.name, number, len(project.versions)))
            builder.add(version)
        project.source.release(version)
    built = builder.dataset(key)
    if write_parts(target, _parts(built)):
        # the copy on disk, so that the values are mapped instead of in memory
        built = _read(target, project, key) or built
    return replace(built, findings=with_damage(built.findings, damaged))


def _begun(project: Project) -> EvolvingDataset | None:
    """The stored dataset of as many of the project's first versions as possible.

    Appending a version then reads its file only.
    """
    if project.roles.weak:
        return None  # the meaning of a vote is known only once all versions are
    stored = {path.name for path in project.results_folder.glob("dataset-*")}
    shortest = max(len(project.versions) - _MOST_APPENDED, 1)
    for count in range(len(project.versions) - 1, shortest - 1, -1) if stored else ():
        versions = project.versions[:count]
        found = {name for version in versions for name in project.columns[version.name]}
        kinds = {name: kind for name, kind in project.kinds.items() if name in found}
        first = replace(project, versions=versions, kinds=kinds)
        key = dataset_key(first)
        if f"dataset-{key}" in stored:
            begun = _read(project.results_folder / f"dataset-{key}", first, key)
            if begun is not None:
                return begun
    return None


def dataset_key(project: Project) -> str:
    """A digest of the versions' content and of everything that decides how they are read."""
    return digest(
        FORMAT,
        [(version.name, project.fingerprints[version.name]) for version in project.versions],
        asdict(project.roles),
        list(project.kinds.items()),
        [list(project.columns[version.name].items()) for version in project.versions],
    )


def _parts(dataset: EvolvingDataset) -> dict[str, object]:
    """All of a dataset as the parts of a folder."""
    weak = dataset.weak
    parts: dict[str, object] = {name: getattr(dataset, name) for name in _ARRAYS}
    parts["instances"] = dataset.instance_ids.to_frame("id")
    for number, feature in enumerate(dataset.features):
        if feature.kind is Kind.TEXT:
            parts[f"texts-{number}"] = dataset.texts[feature.name].to_frame("text")
    if weak is not None:
        parts |= {f"weak-{name}": getattr(weak, name) for name in _WEAK_ARRAYS}
    parts["meta"] = {
        "features": [asdict(feature) for feature in dataset.features],
        "classes": dataset.classes,
        "sources": dataset.sources,
        "problems": [asdict(finding) for finding in dataset.findings],
        "weak": None
        if weak is None
        else {"classes": weak.classes, "rules": weak.rules, "derived": weak.derived},
    }
    return parts


def _read(target: Path, project: Project, key: str) -> EvolvingDataset | None:
    """The dataset cached in a folder; None without a whole one."""

    def build(parts: Mapping[str, Any]) -> EvolvingDataset:
        meta = parts["meta"]
        features = msgspec.convert(meta["features"], tuple[Feature, ...])
        weak = None
        if (entry := meta["weak"]) is not None:
            arrays = {name: parts[f"weak-{name}"] for name in _WEAK_ARRAYS}
            weak = WeakLabels(
                classes=tuple(entry["classes"]),
                rules=tuple(entry["rules"]),
                derived=entry["derived"],
                **arrays,
            )
        return EvolvingDataset(
            project=project,
            key=key,
            features=features,
            classes=tuple(meta["classes"]),
            sources=tuple(meta["sources"]),
            instance_ids=parts["instances"]["id"],
            texts={
                feature.name: parts[f"texts-{number}"]["text"]
                for number, feature in enumerate(features)
                if feature.kind is Kind.TEXT
            },
            findings=msgspec.convert(meta["problems"], tuple[Finding, ...]),
            weak=weak,
            **{name: parts[name] for name in _ARRAYS},
        )

    return read_parts(target, "dataset", build, mapped=["values"])


class Builder:
    """Takes in versions old to new; `dataset` is the result.

    A row is new only if none of its instance's earlier rows is equal in label, split, source,
    date, every feature, label probability, and vote, so that an instance that is removed and added
    again, or edited and edited back, costs nothing. `begun` is a dataset of the project's first
    versions to start from, without weak labels.
    """

    def __init__(self, project: Project, begun: EvolvingDataset | None = None) -> None:
        self._project = project
        self._features = tuple(project.kinds)
        self._weak = WeakBuilder(project)
        self._rows = Rows(len(self._features), self._weak.count)
        self._known = pl.DataFrame(schema={"id": pl.String, "instance": pl.Int32})
        self._hashes = np.empty(0, dtype=np.uint64)
        self._labels, self._sources = Dictionary(), Dictionary()
        self._texts = {n: Dictionary() for n, kind in project.kinds.items() if kind is Kind.TEXT}
        self._held: list[NDArray[np.int64]] = []
        self._findings: list[Finding] = []
        if begun is not None:
            self._start_from(begun)

    def _start_from(self, begun: EvolvingDataset) -> None:
        """Take in all rows of a dataset; they are in the order of their instances, old to new."""
        self._known = pl.DataFrame({"id": begun.instance_ids}).with_columns(
            instance=pl.int_range(pl.len(), dtype=pl.Int32)
        )
        self._hashes = text_hashes(begun.instance_ids)
        self._labels, self._sources = Dictionary(begun.classes), Dictionary(begun.sources)
        self._texts |= {name: Dictionary(texts.to_list()) for name, texts in begun.texts.items()}
        place = {feature.name: number for number, feature in enumerate(begun.features)}
        values = np.full((len(self._features), begun.row_count), np.nan)
        for number, name in enumerate(self._features):
            if name in place:
                values[number] = begun.values[place[name]]
        columns = VersionColumns(
            key=begun.instance_ids,
            split_key=None,
            label=begun.label.astype(np.int32),
            split=begun.split.astype(np.int32),
            source=begun.source,
            date=begun.date.view(np.int64),
            values=values,
            weak=np.empty((0, begun.row_count), dtype=np.int32),
        )
        self._rows.begin(begun.instance, columns, len(self._known))
        self._held = [begun.rows_of(number) for number in range(len(begun.versions))]
        self._findings = list(begun.findings)

    def add(self, version: Version) -> None:
        """Take in one version."""
        columns = self._read(version)
        instance = self._instances(columns.key)
        if columns.split is None:
            key = columns.split_key
            columns.split = hashed_splits(
                self._hashes[instance] if key is None else text_hashes(key)
            )
        self._held.append(self._rows.stored(instance, columns))
        tested = columns.split == SPLITS.index(Split.TEST)
        if self._project.roles.split is None and not tested.any():
            self._warn(
                version,
                "has no test rows: the hash of the id put all of its rows into train. Its test "
                "metrics are undefined.",
            )

    def dataset(self, key: str) -> EvolvingDataset:
        """The dataset of all versions, in memory."""
        rows, count = self._rows, self._rows.count
        by_hash = pl.DataFrame({"hash": self._hashes, "id": self._known["id"]})
        by_hash = by_hash.with_row_index("old").sort("hash", "id")
        numbers = _inverse(by_hash["old"].to_numpy())
        order = np.argsort(numbers[rows.instance[:count]], kind="stable")
        place = _inverse(order)
        held = [np.sort(place[own]) for own in self._held]
        present = np.zeros((len(held), count), dtype=np.bool_)
        for number, own in enumerate(held):
            present[number, own] = True
        values, split = np.take(rows.values, order, axis=1), rows.split[order]
        instance = numbers[rows.instance[order]].astype(np.int32)
        texts = self._sorted_texts(values)
        features, codes = self._binned(values, instance, texts)
        label_order, labels = _sorted_numbers(self._labels)
        source_order, sources = _sorted_numbers(self._sources)
        kept = self._project.columns
        weak = self._weak.labels(rows.weak[:, order], labels, held)
        return EvolvingDataset(
            project=self._project,
            key=key,
            features=features,
            classes=labels,
            sources=sources,
            instance_ids=by_hash["id"],
            instance=instance,
            label=label_order[rows.label[order]].astype(np.int16),
            split=split.astype(np.uint8),
            source=source_order[rows.source[order]].astype(np.int32),
            date=rows.date[order].view("datetime64[us]"),
            present=present,
            codes=codes,
            values=values,
            texts=texts,
            summary=np.array([_summary(values[:, own], split[own]) for own in held]),
            has_column=np.array(
                [[f in kept[v.name] for f in self._features] for v in self._project.versions]
            ),
            findings=(*self._findings, *self._weak.findings),
            weak=weak,
        )

    def _read(self, version: Version) -> VersionColumns:
        project, roles = self._project, self._project.roles
        own = project.columns[version.name]
        wanted = dict.fromkeys((*roles.columns, *(f for f in self._features if f in own)))
        untyped = project.source.untyped(version)
        try:
            scan = project.source.scan(version)
            present = scan.collect_schema().names()
            frame = scan.select(
                named(name).cast(pl.Float64, strict=False)  # the rest are signs of absence
                if own.get(name) is Kind.NUMBER and project.kinds[name] is Kind.NUMBER and untyped
                else named(name)
                for name in wanted
                if name in present
            ).collect()
            fingerprint = project.source.fingerprint(version)
        except (*READ_ERRORS, VersionError) as error:
            raise version.error(f"can no longer be read: {error}.", fix=OPEN_AGAIN) from error
        if fingerprint != project.fingerprints[version.name]:
            raise version.changed
        values = self._values(version, frame)
        key, split_key = self._keys(frame, values, untyped=untyped)
        weak, likeliest = self._weak.read(frame, untyped=untyped)
        return VersionColumns(
            key=key,
            split_key=split_key,
            label=self._labels.encode(
                likeliest if roles.label is None else key_text(frame[roles.label], untyped=untyped)
            ),
            split=None if roles.split is None else split_codes(frame[roles.split]),
            source=np.full(len(frame), -1, dtype=np.int32)
            if roles.source is None or roles.source not in frame.columns
            else self._sources.encode(key_text(frame[roles.source], untyped=untyped)),
            date=self._dates(version, frame),
            values=values,
            weak=weak,
        )

    def _values(self, version: Version, frame: pl.DataFrame) -> NDArray[np.float64]:
        """float64 of shape (n_features, n_rows); notes integers that are rounded."""
        values = np.full((len(self._features), len(frame)), np.nan)
        held = set(frame.columns)
        for number, (name, kind) in enumerate(self._project.kinds.items()):
            if name not in held:
                continue
            column = frame[name]
            if kind is Kind.TEXT:
                codes = self._texts[name].encode(plain_text(column))
                values[number] = np.where(codes < 0, np.nan, codes)
            else:
                values[number] = feature_numbers(column, kind)
            if kind is Kind.NUMBER and column.dtype.is_integer() and not column.dtype.is_(pl.Int32):
                bounds = (column.min(), column.max())
                if any(isinstance(b, int) and abs(b) > EXACT_INTEGER for b in bounds):
                    self._warn(
                        version,
                        f"has integers beyond 2^53 in '{name}': they are rounded to 15 digits. If "
                        "the column is an identifier, name it under ignore in chameleon.toml.",
                        name,
                    )
        values += 0.0  # -0.0 becomes 0.0
        values[np.isnan(values)] = np.nan  # one bit pattern, so that equal values have equal bits
        return values

    def _dates(self, version: Version, frame: pl.DataFrame) -> NDArray[np.int64]:
        name = self._project.roles.date
        if name is None or name not in frame.columns:
            return np.full(len(frame), NOT_A_DATE)
        numbers, unread = date_numbers(frame[name])
        if unread:
            self._warn(
                version,
                f"has {unread:,} dates in '{name}' that cannot be read as dates such as "
                "2019-01-11: these instances count as undated.",
                name,
            )
        return numbers

    def _warn(self, version: Version, message: str, column: str | None = None) -> None:
        self._findings.append(version.finding(Severity.WARNING, message, column))

    def _keys(
        self, frame: pl.DataFrame, values: NDArray[np.float64], *, untyped: bool
    ) -> tuple[pl.Series, pl.Series | None]:
        """The id of every row, and the text its split is hashed from where that isn't the id."""
        roles = self._project.roles
        if roles.id:
            return id_keys(frame, roles.id, untyped=untyped), None
        content = self._content(frame, values)
        roles_of_rows = [
            key_text(frame[name], untyped=untyped).alias(f"role{number}")
            for number, name in enumerate(roles.columns)
            if name in frame.columns
        ]
        # every role takes part in the order, so that the order of the file doesn't matter
        numbered = pl.DataFrame([content.alias("\0"), *roles_of_rows]).select(
            pl.int_range(1, pl.len() + 1).over("\0", order_by=[part.name for part in roles_of_rows])
        )[:, 0]
        suffix = pl.select(
            pl.when(numbered == 1)
            .then(pl.lit(""))
            .otherwise(pl.lit("-") + numbered.cast(pl.String))
        )[:, 0]
        return (content + suffix).alias("id"), content

    def _content(self, frame: pl.DataFrame, values: NDArray[np.float64]) -> pl.Series:
        """A hash of each row's features; an absent feature counts as missing."""
        parts = [
            (
                plain_text(frame[name])
                if self._project.kinds[name] is Kind.TEXT
                else pl.Series(values[number], nan_to_null=True).cast(pl.String)
            ).alias(name)
            for number, name in sorted(enumerate(self._features), key=lambda pair: pair[1])
            if name in frame.columns
        ]
        if not parts:
            return pl.repeat("", len(frame), eager=True)
        spelled = pl.DataFrame(parts).select(
            pl.concat_str(
                [pl.lit(f"{p.name}\x1f") + named(p.name) + pl.lit("\x1e") for p in parts],
                ignore_nulls=True,
            )
        )[:, 0]
        distinct = spelled.unique()
        hashes = [hashlib.blake2b(s.encode(), digest_size=8).hexdigest() for s in distinct]
        return spelled.replace_strict(distinct, pl.Series(hashes), return_dtype=pl.String)

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
        self._hashes = np.concatenate([self._hashes, text_hashes(fresh["id"])])
        self._rows.meet(len(self._known))
        instance = joined["instance"].fill_null(-1).to_numpy().copy()
        instance[instance < 0] = numbers.to_numpy()
        return instance

    def _sorted_texts(self, values: NDArray[np.float64]) -> dict[str, pl.Series]:
        """The sorted texts of every text feature; their numbers in `values` are changed to it."""
        sorted_texts: dict[str, pl.Series] = {}
        for number, name in enumerate(self._features):
            if name in self._texts:
                texts = pl.Series(list(self._texts[name].numbers), dtype=pl.String)
                order = texts.arg_sort()
                new, row = _inverse(order.to_numpy()), values[number]
                known = ~np.isnan(row)
                row[known] = new[row[known].astype(np.int64)]
                sorted_texts[name] = texts.gather(order)
        return sorted_texts

    def _binned(
        self,
        values: NDArray[np.float64],
        instance: NDArray[np.int32],
        texts: Mapping[str, pl.Series],
    ) -> tuple[tuple[Feature, ...], NDArray[np.uint8]]:
        codes = np.empty(values.shape, dtype=np.uint8)
        features: list[Feature] = []
        for number, (name, kind) in enumerate(self._project.kinds.items()):
            own = values[number]
            if kind is Kind.TEXT:
                bins, codes[number] = text_codes(own, instance, texts[name].to_list())
            else:
                bins = number_bins(own, kind)
                codes[number] = bins.codes(own)
            features.append(Feature(name, kind, bins))
        return tuple(features), codes


def _inverse(order: NDArray[np.integer]) -> NDArray[np.intp]:
    """The place of every number in a permutation."""
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return places


def _sorted_numbers(dictionary: Dictionary) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """New numbers by old number (the last entry is for -1), and the texts in natural order."""
    ordered = natural_order(dictionary.numbers)
    new = np.full(len(ordered) + 1, -1, dtype=np.int32)
    for number, text in enumerate(ordered):
        new[dictionary.numbers[text]] = number
    return new, tuple(ordered)


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
    missing = 0
    if not np.isfinite(column.min()) or not np.isfinite(column.max()):  # min of a NaN is NaN
        missing = int(np.isnan(column).sum())
        column = column[np.isfinite(column)]
        if not column.size:
            return np.nan, np.nan, np.nan, missing
    low, high = float(column.min()), float(column.max())
    huge = max(abs(low), abs(high)) > np.finfo(np.float64).max / column.size
    mean = (column / column.size).sum() if huge else column.sum() / column.size
    return low, high, float(mean), missing
