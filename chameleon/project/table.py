"""Versions in one table, separated by the values of a column or two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from chameleon.errors import ProjectError, VersionError, file_error
from chameleon.project.address import asked_reading, source_error
from chameleon.project.columns import named, type_kind, usual_column
from chameleon.project.files import (
    ENDINGS,
    READ_ERRORS,
    HeldFiles,
    ending,
    file_remarks,
    is_untyped,
    outside,
    read_error,
    scan_file,
    unreadable,
)
from chameleon.project.findings import Finding, Severity
from chameleon.project.readings import OTHER_KEY, ROWS, ByDate, Reading, Timeline
from chameleon.project.records import (
    OPEN_AGAIN,
    SETTINGS_FILE,
    USUAL_NAMES,
    PredictionTable,
    Settings,
    Version,
    VersionPredictionColumns,
    VersionSource,
)
from chameleon.project.text import require_whole_rows, text_form
from chameleon.storage import (
    FileMemory,
    digest,
    prune_cache,
    read_folder,
    read_parts,
    write_folder,
    write_parts,
)

FORMAT = 2  # raised whenever a table is read otherwise, so that cached results of it are made again
_SLOW_ENDINGS = (".csv", ".csv.gz", ".jsonl")
"""Formats that must be read whole for any part of them: they are copied to Parquet once."""

_ORDERED = (pl.Date, pl.Datetime("us"), pl.Datetime("ms"))
_CACHED = 4
_COPY = "table.parquet"
_HASHES = ("\0hash0", "\0hash1")  # two sums of 64 bits each; the odds of a chance match are nil


class TableSource(VersionSource):
    """One table, of which every version is the rows with certain values in its key columns.

    The table is read whole once for each state of its file, for a digest of the rows with each key.
    A version's fingerprint is made of those of its keys: rows of a new version change no other.
    """

    pooled = True

    def __init__(self, folder: Path, settings: Settings, memory: FileMemory) -> None:
        self._folder = folder
        self._settings = settings
        self._memory = memory
        self._files = HeldFiles(memory)
        self._path = table_path(folder, settings)
        self._file = self._path.relative_to(folder).as_posix()
        try:
            self._digest = self._files.digest(self._path)
            self._read_from = self._copied()
            columns = self._table.collect_schema().names()
            self._reading: Reading = asked_reading(settings, columns, self._evidence)
            self._require_single()
            self._columns = _data_columns(settings, self._reading, columns)
            self._others = {*columns} - {*self._columns}
            self._keys = self._key_table()
        except (*READ_ERRORS, VersionError) as error:
            raise self._unusable(error) from error
        shown = self._keys.select(named(*self._reading.columns), ROWS)
        self._timeline: Timeline = self._reading.timeline(shown, self._file, settings.versions)
        self._held = {held.version.name: held for held in self._timeline.held}
        self._predictions: dict[str, VersionPredictionColumns] = {}
        if settings.predictions is not None:
            self._predictions = settings.predictions.of_versions(columns, list(self._held))

    def versions(self) -> tuple[Version, ...]:
        """All versions with a row, old to new."""
        return tuple(held.version for held in self._timeline.held)

    def findings(self) -> tuple[Finding, ...]:
        """Rows that belong to no version, and listed versions without any row."""
        remarks = (
            text_form(self._path).remarks
            if is_untyped(self._path)
            else file_remarks(self._read_from, self._files.held(self._read_from))
        )
        unused = [v for v in self._settings.versions if v.file not in ("", self._file)]
        return (
            *(Finding(severity, f"{self._file} {text}") for severity, text in remarks),
            *self._timeline.findings,
            *(
                Finding(
                    Severity.WARNING,
                    f"{SETTINGS_FILE}: the file of version {version.name} ({version.file}) is not "
                    f"used, because [source] names {self._file}.",
                    version.name,
                    version.file,
                )
                for version in unused
            ),
        )

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's rows, without the columns that only name versions or predictions."""
        return self._table.filter(self._holds(version)).select(named(*self._columns))

    def hold(self, version: Version) -> None:
        """Read the table into memory, if it fits; the version is a part of it."""
        self._files.hold(self._read_from)

    def release(self, version: Version) -> None:
        """Free the table in memory after the last version."""
        if version.name == self._timeline.held[-1].version.name:
            self._files.release([self._read_from])

    def other_columns(self) -> Collection[str]:
        """The columns that only name versions or predictions."""
        return self._others

    def untyped(self, version: Version) -> bool:
        """Return True if the table is a CSV."""
        return is_untyped(self._path)

    def fingerprint(self, version: Version) -> str:
        """A digest of the version's rows, whatever their order."""
        if self._files.digest(self._path) != self._digest:
            return f"{version.name} of another {self._file}"  # it changed since it was opened
        held = self._keys.filter(pl.Series(self._held[version.name].keys))
        data = self._table.select(named(*self._columns)).collect_schema()
        schema = [(name, str(dtype)) for name, dtype in data.items()]
        return digest(FORMAT, schema, pl.__version__, held.select(pl.sum(ROWS, *_HASHES)).row(0))

    def unreadable(self, version: Version, error: BaseException) -> VersionError:
        """The error that names the table."""
        return unreadable(version, self._folder, [self._path], error)

    def predictions(self, version: Version) -> PredictionTable | None:
        """Predictions of the version's model for the rows of the table."""
        asked, found = self._settings.predictions, self._predictions.get(version.name)
        if asked is None or found is None or found.prediction is None:
            return None
        everywhere = "{version}" in asked.columns
        own = self._holds(version)
        return PredictionTable(
            file=self._file,
            table=self._table if everywhere else self._table.filter(own),
            fingerprint=self._digest,
            untyped=self.untyped(version),
            prediction=found.prediction,
            shares=found.shares,
            own=own if everywhere else None,
        )

    def _holds(self, version: Version) -> pl.Expr:
        """True for the version's rows; every reading tests each of its columns separately."""
        keys = pl.Series(self._held[version.name].keys)
        columns = (self._keys[name] for name in self._reading.columns)
        return pl.all_horizontal([_one_of(column, column.filter(keys)) for column in columns])

    def _evidence(self, column: str) -> str:
        """The number of rows per id as evidence about a version column."""
        columns = self._table.collect_schema().names()
        usual = usual_column(USUAL_NAMES["id"], columns)
        ids = self._settings.columns.get("id", ()) or ((usual,) if usual else ())
        if not ids or not set(ids) <= set(columns):
            return ""
        self._files.hold(self._read_from)
        counts = self._table.select(
            rows=pl.len(), ids=pl.struct(named(*ids)).n_unique(), versions=named(column).n_unique()
        )
        rows, distinct, versions = counts.collect().row(0)
        return (
            f" Its {rows:,} rows have {distinct:,} ids and {versions:,} values of '{column}', "
            f"which suggests {'snapshot or valid' if distinct < rows else 'since'}."
        )

    @property
    def _table(self) -> pl.LazyFrame:
        """The whole table, scanned anew: a scan caches where rows were in the file."""
        return scan_file(self._read_from, self._files.held(self._read_from))

    def _copied(self) -> Path:
        """The file to read from: the table, or the cached copy of one that is slow to read."""
        if ending(self._path) not in _SLOW_ENDINGS:
            return self._path
        target = self._memory.folder / f"table-{digest(FORMAT, self._digest, ending(self._path))}"
        copy = read_folder(target, lambda folder: folder / _COPY, "table copy")
        if copy is None:
            if is_untyped(self._path):
                require_whole_rows(self._path, self._files.held(self._path))
            prune_cache(self._memory.folder, "table", keep=_CACHED)
            copy = target / _COPY if write_folder(target, self._copy) else self._path
        if copy != self._path:
            self._files.release([self._path])
        return copy

    def _copy(self, folder: Path) -> None:
        scan_file(self._path, self._files.held(self._path)).sink_parquet(folder / _COPY)
        self._require_same()

    def _require_same(self) -> None:
        """Refuse to cache, under the digest of the file, rows of another state of it."""
        if self._files.digest(self._path) != self._digest:
            raise file_error(self._file, "changed while it was read.", OPEN_AGAIN)

    def _key_table(self) -> pl.DataFrame:
        """A row per distinct key: its values, the count of its rows, and two sums of hashes."""
        keys, columns = self._reading.columns, self._columns
        name = digest(FORMAT, pl.__version__, self._digest, keys, columns)
        target = self._memory.folder / f"keys-{name}"
        cached: pl.DataFrame | None = read_parts(target, "table index", lambda parts: parts["keys"])
        if cached is not None:
            return cached
        self._files.hold(self._read_from)
        schema = self._table.collect_schema()
        single = [name for name in columns if _is_single(schema[name])]  # others are left out
        row = pl.struct(named(*single)) if single else pl.lit(0)
        hashes = [row.hash(seed).alias(name) for seed, name in enumerate(_HASHES)]
        found = (
            self._table.select(named(*keys), *hashes)
            .group_by(named(*keys))
            .agg(pl.len().alias(ROWS), pl.col(_HASHES).sum())
            .sort(named(*keys))
            .collect(engine="streaming")
        )
        self._require_same()
        write_parts(target, {"keys": found}, keep=_CACHED)
        return found

    def _require_single(self) -> None:
        schema = self._table.collect_schema()
        for name in self._reading.columns:
            if not _is_single(schema[name]):
                message = (
                    f"has {schema[name]} in column '{name}', which isn't a single value and names "
                    "no version."
                )
                raise file_error(self._file, message, OTHER_KEY, column=name)

    def _unusable(self, error: BaseException) -> ProjectError:
        if isinstance(error, VersionError):
            return file_error(self._file, str(error))
        if not self._path.is_file():
            return file_error(self._file, "is not there.")
        if self._path.stat().st_size == 0:
            return file_error(self._file, "is empty (0 bytes).", "Write it again.")
        return file_error(self._file, *read_error(self._path, error))


def table_path(folder: Path, settings: Settings) -> Path:
    """The file that [source] names."""
    file = settings.source.get("file")
    if not isinstance(file, str) or not file:
        raise source_error(
            f'must name the table of kind "table", such as file = "data.parquet", found {file!r}.'
        )
    path = folder / file
    if outside(folder, path) or ".." in Path(file).parts or Path(file).is_absolute():
        message = f"file '{file}' lies outside the project folder."
        raise source_error(message, "Move it into the folder.")
    if not path.is_file():
        raise source_error(f"file '{file}' is not there.", "Correct its name.")
    if not ending(path):
        raise source_error(
            f"file '{file}' has none of the endings that can be read: {', '.join(ENDINGS)}."
        )
    return path


def with_date_role(settings: Settings) -> Settings:
    """The settings in which the column that cuts the table is also the date of its instances."""
    column = settings.source.get("date")
    if not isinstance(column, str) or "date" in settings.columns:
        return settings
    return replace(settings, columns={**settings.columns, "date": (column,)})


def _data_columns(settings: Settings, reading: Reading, columns: Sequence[str]) -> list[str]:
    """The columns that are data: all but those that name versions or contain predictions.

    A column that names versions stays if it also has a role, such as the date.
    """
    keys = set(reading.columns)
    for role in ("id", "label", "split"):
        taken = keys & set(settings.columns.get(role, ()))
        if taken:
            file = settings.source["file"]
            raise ProjectError(
                f"Column '{min(taken)}' names the versions of {file}, and cannot be the {role} "
                "too.",
                file=file,
                column=min(taken),
                fix="Name another under [columns].",
            )
    if isinstance(reading, ByDate):
        keys = set()
    for role in ("date", "source"):
        keys -= {*settings.columns.get(role, ())}
        keys = {name for name in keys if name.casefold() not in USUAL_NAMES[role]}
    return [name for name in columns if name not in keys and not settings.holds_predictions(name)]


def _is_single(dtype: pl.DataType) -> bool:
    try:
        type_kind(dtype)
    except TypeError:
        return False
    return True


def _one_of(every: pl.Series, wanted: pl.Series) -> pl.Expr:
    """True for rows with one of the wanted values, of all values in `every`."""
    column = named(every.name)
    values, distinct = wanted.drop_nulls().unique().sort(), every.drop_nulls().unique()
    if len(values) == len(distinct):
        test = column.is_not_null()
    elif values.dtype in _ORDERED and int((distinct <= values[-1]).sum()) == len(values):
        test = column <= pl.lit(values[-1], dtype=values.dtype)  # all up to a day, without a list
    else:
        test = column.is_in(values.implode())
    return test | column.is_null() if wanted.null_count() else test
