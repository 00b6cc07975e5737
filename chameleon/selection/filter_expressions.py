"""An exclusion list as a filter expression for polars and pandas, for a version's raw file.

Entries become lists of raw ids. A rule becomes a condition on raw values if it filters features,
labels, splits, sources, and dates only. If it filters predictions, cells of the embedding, or
changes between versions, it becomes the ids that it excludes from this version. Every expression
is checked against the library's own result before it is returned.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError, VersionError
from chameleon.models import Evaluation
from chameleon.project import (
    READ_ERRORS,
    SPLIT_NAMES,
    Kind,
    TextForm,
    Version,
    ending,
    joined_key,
    key_text,
    named,
    plain_text,
    text_form,
)
from chameleon.selection.exclusion_lists import ExclusionList, ExclusionRule
from chameleon.selection.filter_values import FeatureFilter
from chameleon.selection.raw_clauses import (
    ALWAYS,
    NEVER,
    Clause,
    NoClauseError,
    all_of,
    any_of,
    feature_clause,
    missing,
    moment_clause,
    one_of,
)
from chameleon.selection.row_filters import (
    DateFilter,
    LabelFilter,
    SourceFilter,
    SplitFilter,
    ValueFilter,
)
from chameleon.selection.selections import (
    AnyFilter,
    Filters,
    excluded_mask,
    rule_mask,
    rule_selection,
)

_READERS: Mapping[str, tuple[str, str]] = {
    ".parquet": ("pl.read_parquet({file!r})", "pd.read_parquet({file!r})"),
    ".csv": (
        "pl.read_csv({file!r}, infer_schema=False)",
        "pd.read_csv({file!r}, dtype=str, keep_default_na=False, na_values=[''])",
    ),
    ".arrow": ("pl.read_ipc({file!r})", "pd.read_feather({file!r})"),
    ".jsonl": (
        "pl.read_ndjson({file!r}, infer_schema_length=None)",
        # read_json rounds numbers and guesses at types
        "pd.DataFrame([json.loads(line) for line in "
        "Path({file!r}).read_text('utf-8').split('\\n') if line])",
    ),
}
_SAME = {".csv.gz": ".csv", ".feather": ".arrow"}
_DAY = 86_400_000_000
_ON = "\0on"


@dataclass(frozen=True, slots=True)
class FilterExpression:
    """An exclusion list as text that selects the same instances of a version's raw file.

    Only the file of the `version` it was created for is certain to be filtered exactly. `polars`
    (as `pl`) and `pandas` (as `pd`, over a `frame`; None if it has no exact form) are true for the
    rows on the list, once the file was read with `read_polars` or `read_pandas`. `notes` name the
    rules that are written as ids instead of a condition, and why.
    """

    version: str
    polars: str
    pandas: str | None
    read_polars: str
    read_pandas: str
    notes: tuple[str, ...]

    @property
    def polars_script(self) -> str:
        """Code that reads the file without the excluded rows, with polars."""
        return self._script("polars as pl", self.read_polars, self.polars, "frame.filter(~on_list)")

    @property
    def pandas_script(self) -> str | None:
        """Code that reads the file without the excluded rows, with pandas; None if inexact."""
        if self.pandas is None:
            return None
        return self._script("pandas as pd", self.read_pandas, self.pandas, "frame[~on_list]")

    def _script(self, library: str, read: str, expression: str, kept: str) -> str:
        comments = "".join(f"# {' '.join(note.split())}\n" for note in self.notes)
        also = "import json\nfrom pathlib import Path\n\n" if "json." in read else ""
        return (
            f"{comments}{also}import {library}\n\nframe = {read}\non_list = {expression}\n"
            f"kept = {kept}\n"
        )


def filter_expression(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> FilterExpression:
    """A list as an expression that selects exactly its instances in a version's raw file.

    Ids of entries that only other versions contain are included if their column has the same type
    there. SelectionError if a rule can't be applied to the version, the project has no id column,
    or the file isn't plain UTF-8 text; VersionError if it can no longer be read.
    """
    dataset = evaluation.dataset
    known = dataset.project.version(version)
    if not dataset.project.roles.id:
        raise SelectionError(
            f"{dataset.project.name} has no id column, so no expression on its files can separate "
            "instances. Name an id column under [columns]."
        )
    raw = _Raw(dataset, known)
    wanted = excluded_mask(evaluation, exclusion_list, version=version)
    notes = raw.notes
    clauses = (
        [raw.entries(exclusion_list.entries["instance"])] if len(exclusion_list.entries) else []
    )
    for rule in exclusion_list.rules:
        clause, note = _of_rule(evaluation, raw, rule)
        clauses.append(clause)
        notes += [note] if note else []
    made = any_of(clauses)
    if not raw.selects(made, wanted):
        made = raw.ids(wanted)
        notes = [*raw.notes, f"Written as ids: ids of other versions differ in {version}."]
    if not raw.selects(made, wanted):
        raise SelectionError(f"No expression selects this list in the file of version {version}.")
    read_polars, read_pandas = raw.readers
    return FilterExpression(
        version, made.polars, made.pandas, read_polars, read_pandas, tuple(notes)
    )


def _of_rule(evaluation: Evaluation, raw: _Raw, rule: ExclusionRule) -> tuple[Clause, str | None]:
    """A rule as a condition; else as ids, and why."""
    version = raw.version.name
    selection = rule_selection(evaluation, rule, version=version)
    mask = rule_mask(evaluation, rule, version=version)
    try:
        clause = all_of([raw.filters(selection.filters), raw.filters(selection.primary_only)])
        if not raw.selects(clause, mask):
            raise NoClauseError("no condition on its values is exact")
    except NoClauseError as error:
        note = f"Rule {rule.number} is written as the ids it excludes from {version}: {error}."
        return raw.ids(mask), note
    return clause, None


class _Raw:
    """A version's table as in its file, and the id of every row."""

    def __init__(self, dataset: EvolvingDataset, version: Version) -> None:
        self.version = version
        self._dataset = dataset
        self._project = dataset.project
        self._untyped = self._project.source.untyped(version)
        self._scan = self._project.source.scan(version)
        self._schema = self._scan.collect_schema()
        self._parts = {
            file: part.collect_schema()
            for file, part in self._project.source.parts(version).items()
        }
        self._ids = self._read(version, self._project.roles.id)
        self._keys = self._keys_of(self._ids)

    @property
    def readers(self) -> tuple[str, str]:
        """The calls that read the file, or the first one of several, in polars and pandas."""
        file = next(iter(self._parts), self.version.file)
        form = _SAME.get(ending(file), ending(file))
        polars, pandas = (text.format(file=file) for text in _READERS[form])
        if self._untyped:
            separator = self._separator(file)
            if separator != ",":
                polars = f"{polars[:-1]}, separator={separator!r})"
                pandas = f"{pandas[:-1]}, sep={separator!r})"
        return polars, pandas

    @property
    def notes(self) -> list[str]:
        """Remarks on the file for running an expression on it."""
        if len(self._parts) > 1:
            return [f"Version {self.version.name} has {len(self._parts)} files. Run this on each."]
        others = [v for v in self._project.versions if v.file == self.version.file]
        if len(others) > 1:
            return [
                f"The file contains {len(others)} versions. Run this on the rows of version "
                f"{self.version.name}."
            ]
        return []

    def selects(self, clause: Clause, wanted: NDArray[np.bool_]) -> bool:
        """Return True if the condition is true for exactly these instances."""
        try:
            # beside the columns, so that a literal is spread over the rows
            on = self._scan.with_columns(clause.test.alias(_ON)).select(_ON).collect()[_ON]
        except READ_ERRORS:
            return False
        found = self._keys.filter(on)
        ids = self._dataset.instance_ids.filter(pl.Series(wanted))
        return len(found) == len(ids) and bool(found.is_in(ids.implode()).all())

    def ids(self, wanted: NDArray[np.bool_]) -> Clause:
        """The rows of these instances, by their raw ids."""
        ids = self._dataset.instance_ids.filter(pl.Series(wanted))
        return one_of(self._ids.filter(self._keys.is_in(ids.implode())))

    def entries(self, ids: pl.Series) -> Clause:
        """The rows of these ids, and those of other versions if no row here has them."""
        own = self._ids.filter(self._keys.is_in(ids.implode()))
        absent = ids.filter(~ids.is_in(self._keys.implode()))
        others: list[pl.DataFrame] = []
        for version in self._project.versions if len(absent) else ():
            if version == self.version or self._project.source.untyped(version) != self._untyped:
                continue
            frame = self._read(version, self._project.roles.id)
            if frame.schema == own.schema:
                others.append(frame.filter(self._keys_of(frame).is_in(absent.implode())))
        if others:
            more = pl.concat(others).unique()
            own = pl.concat([own, more.join(self._ids, on=own.columns, how="anti")])
        return one_of(own)

    def filters(self, filters: Filters) -> Clause:
        """The rows that match; NoClauseError if that doesn't depend on raw values alone."""
        return all_of([self._of_kind(*found) for found in filters.by_kind.items()])

    def _of_kind(self, kind: type[AnyFilter], parts: list[AnyFilter]) -> Clause:
        values = [part.value for part in parts]
        if kind is ValueFilter:
            return all_of([self._of_feature(one) for one in values])
        if kind is SplitFilter:
            return self._of_splits({split.value for split in values})
        if kind is LabelFilter:
            if self._project.roles.label is None:
                raise NoClauseError("the label is the class of the largest label probability")
            return self._keyed(self._project.roles.label, values)
        if kind is SourceFilter:
            return self._keyed(self._project.roles.source, values)
        if kind is DateFilter:
            return self._dated(*values[0])
        raise NoClauseError(f"it filters {kind.asks_for}, which the file doesn't contain")

    def _of_feature(self, one: FeatureFilter) -> Clause:
        feature = self._dataset.features[self._dataset.feature_number(one.feature)]
        if one.feature not in self._project.columns[self.version.name]:
            return ALWAYS if one.missing else NEVER  # an absent feature counts as missing
        dtype = self._type(one.feature)
        own = self._project.columns[self.version.name][one.feature]
        if self._untyped and feature.kind is Kind.NUMBER and own is not Kind.NUMBER:
            raise NoClauseError(f"'{one.feature}' isn't a number in this version's file")
        has_empty = feature.kind is Kind.TEXT and "" in self._dataset.texts[one.feature]
        return feature_clause(
            one, feature.kind, dtype, untyped=self._untyped, shown=feature.bins.categories,
            has_empty=has_empty,
        )  # fmt: skip

    def _of_splits(self, wanted: Collection[str]) -> Clause:
        column = self._project.roles.split
        if column is None:
            raise NoClauseError("the split is a hash of the id, which the file doesn't contain")
        self._type(column)
        raw = self._read(self.version, (column,)).unique()
        names = plain_text(raw[column]).to_list()
        known = [SPLIT_NAMES.get(str(name).strip().casefold()) for name in names]
        return one_of(raw.filter(pl.Series([split in wanted for split in known])))

    def _keyed(self, column: str | None, wanted: Sequence[str | None]) -> Clause:
        """The rows whose label or source, in its one spelling, is one of these."""
        if column is None or column not in self._schema:
            return ALWAYS if None in wanted else NEVER
        dtype = self._type(column)
        raw = self._read(self.version, (column,))
        keys = key_text(raw[column], untyped=self._untyped)
        names = [name for name in wanted if name is not None]
        parts = [one_of(raw.filter(keys.is_in(names)).unique())]
        if None in wanted:
            empty = raw.filter(keys.is_null()).select(
                named(column).fill_nan(None) if dtype.is_float() else named(column)
            )
            parts += [missing(column, dtype), one_of(empty.drop_nulls().unique())]
        return any_of(parts)

    def _dated(self, first: dt.date | None, last: dt.date | None) -> Clause:
        column = self._project.roles.date
        if column is None or column not in self._schema:
            return NEVER
        after = None if last is None else _microseconds(last) + _DAY
        return moment_clause(
            column, self._type(column), None if first is None else _microseconds(first), after
        )

    def _type(self, name: str) -> pl.DataType:
        """The type of a column in every file of the version."""
        dtype = self._schema[name]
        if any(part.get(name) != dtype for part in self._parts.values()):
            raise NoClauseError(f"'{name}' isn't a column of one type in all files")
        return dtype

    def _read(self, version: Version, columns: Sequence[str]) -> pl.DataFrame:
        try:
            return self._project.source.scan(version).select(named(*columns)).collect()
        except READ_ERRORS as error:
            raise VersionError(
                f"{version.place} can no longer be read. Open the project again.",
                version=version.name,
                file=version.file,
                fix="Open the project again.",
            ) from error

    def _keys_of(self, frame: pl.DataFrame) -> pl.Series:
        return joined_key([key_text(frame[name], untyped=self._untyped) for name in frame.columns])

    def _separator(self, file: str) -> str:
        folder = self._project.path
        form = text_form((folder if folder.is_dir() else folder.parent) / file)
        if form != TextForm(separator=form.separator):
            raise SelectionError(
                f"{file} isn't plain CSV in UTF-8, so no expression can be run on it. Save it as "
                "UTF-8 with decimal points and line feeds."
            )
        return form.separator


def _microseconds(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * _DAY
