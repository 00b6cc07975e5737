"""Versions in one table, told apart by the values of a column or two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from chameleon.errors import ProjectError, VersionError
from chameleon.project.column_patterns import VersionPredictionColumns
from chameleon.project.columns import named, type_kind
from chameleon.project.files import (
    ENDINGS,
    READ_ERRORS,
    HeldFiles,
    ending,
    file_remarks,
    is_untyped,
    outside,
    read_error_message,
    scan_file,
    unreadable,
)
from chameleon.project.reading_settings import asked_reading, guessed
from chameleon.project.readings import ROWS, ByDate, Reading, Timeline
from chameleon.project.records import (
    SETTINGS_FILE,
    USUAL_NAMES,
    Finding,
    PredictionTable,
    Settings,
    Severity,
    Version,
    VersionSource,
)
from chameleon.project.text import require_whole_rows, text_form
from chameleon.storage import FileMemory, digest, prune_cache, read_folder, write_folder

FORMAT = 2
"""Raised whenever a table is read otherwise, so that what is kept of it is made again."""

_SLOW_ENDINGS = (".csv", ".csv.gz", ".jsonl")
"""Formats that must be read whole for any part of them: they are copied to Parquet once."""

_ORDERED = (pl.Date, pl.Datetime("us"), pl.Datetime("ms"))
_KEPT = 4
_COPY = "table.parquet"
_HASHES = ("\0hash0", "\0hash1")  # two sums of 64 bits each; the odds of a chance match are nil


class TableSource(VersionSource):
    """One table, of which every version is the rows with certain values in its key columns.

    The table is read whole once for each state of its file: for a digest of the rows behind each
    distinct key. A version's fingerprint is made of those it holds, so that rows which join for a
    new version leave the others as they are.
    """

    pooled = True

    def __init__(self, folder: Path, settings: Settings, memory: FileMemory) -> None:
        self._folder = folder
        self._settings = settings
        self._memory = memory
        self._held_files = HeldFiles(memory)
        self._asked = settings.predictions
        self._path = table_path(folder, settings)
        self._file = self._path.relative_to(folder).as_posix()
        try:
            self._digest = self._file_digest()
            self._read_from = self._copied()
            columns = self._table.collect_schema().names()
            self._reading: Reading = asked_reading(settings, columns, self._evidence)
            self._require_single()
            self._columns = _data_columns(settings, self._reading, columns)
            self._others = {*columns} - {*self._columns}
            self._keys = self._kept_keys()
        except (*READ_ERRORS, VersionError) as error:
            raise ProjectError(f"{self._file} {self._why(error)}") from error
        shown = self._keys.select(named(*self._reading.columns), ROWS)
        self._timeline: Timeline = self._reading.timeline(shown, self._file, settings.versions)
        self._held = {held.version.name: held for held in self._timeline.held}
        self._said: dict[str, VersionPredictionColumns] = {}
        if self._asked is not None:
            self._said = self._asked.of_versions(columns, list(self._held))

    def versions(self) -> tuple[Version, ...]:
        """All versions that hold a row, old to new."""
        return tuple(held.version for held in self._timeline.held)

    def findings(self) -> tuple[Finding, ...]:
        """Rows that belong to no version, and listed versions without any row."""
        unused = [v for v in self._settings.versions if v.file not in ("", self._file)]
        content = self._held_files.held(self._read_from)
        said = (
            text_form(self._path).remarks
            if is_untyped(self._path)
            else file_remarks(self._read_from, content)
        )
        return (
            *(Finding(severity, f"{self._file} {text}") for severity, text in said),
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
        """The version's rows, without the columns that only tell versions or predictions."""
        return self._table.filter(self._holds(version)).select(named(*self._columns))

    def hold(self, version: Version) -> None:
        """Read the table, of which the version is a part."""
        self._held_files.hold(self._read_from)

    def release(self, version: Version) -> None:
        """Let go of the table after the last version."""
        if version.name == self._timeline.held[-1].version.name:
            self._held_files.release([self._read_from])

    def other_columns(self) -> Collection[str]:
        """The columns that only tell versions or predictions."""
        return self._others

    def untyped(self, version: Version) -> bool:
        """Return True if the table is a CSV."""
        return is_untyped(self._path)

    def fingerprint(self, version: Version) -> str:
        """A digest of the version's rows, whatever their order."""
        if self._file_digest() != self._digest:
            return f"{version.name} of another {self._file}"  # it changed since it was opened
        held = self._keys.filter(pl.Series(self._held[version.name].keys))
        schema = [
            (n, str(t))
            for n, t in self._table.select(named(*self._columns)).collect_schema().items()
        ]
        return digest(FORMAT, schema, pl.__version__, held.select(pl.sum(ROWS, *_HASHES)).row(0))

    def unreadable(self, version: Version, error: BaseException) -> VersionError:
        """The error that names the table."""
        return unreadable(version, self._folder, [self._path], error)

    def predictions(self, version: Version) -> PredictionTable | None:
        """Predictions of the version's model for the rows of the table."""
        said = self._said.get(version.name)
        if self._asked is None or said is None or said.prediction is None:
            return None
        everywhere = "{version}" in self._asked.columns
        own = self._holds(version)
        return PredictionTable(
            file=self._file,
            table=self._table if everywhere else self._table.filter(own),
            fingerprint=self._digest,
            untyped=self.untyped(version),
            prediction=said.prediction,
            shares=said.shares,
            own=own if everywhere else None,
        )

    def _holds(self, version: Version) -> pl.Expr:
        """A test of rows: those of the version pass.

        Every reading asks each of its columns by itself, so that the values of one column may be
        looked up without those of the other.
        """
        keys = self._held[version.name].keys
        tests = [
            _one_of(self._keys[name], self._keys[name].filter(pl.Series(keys)))
            for name in self._reading.columns
        ]
        return pl.all_horizontal(tests)

    def _evidence(self, column: str) -> str:
        """Evidence of the ids about a version column: each is once in the table, or often."""
        columns = self._table.collect_schema().names()
        asked = self._settings.columns.get("id", ())
        usual = guessed(columns, USUAL_NAMES["id"])
        ids = asked or ((usual,) if usual else ())
        if not ids or not set(ids) <= set(columns):
            return ""
        self._held_files.hold(self._read_from)
        counts = self._table.select(
            rows=pl.len(), ids=pl.struct(named(*ids)).n_unique(), versions=named(column).n_unique()
        )
        rows, distinct, versions = counts.collect().row(0)
        return (
            f" Its {rows:,} rows have {distinct:,} ids and {versions:,} values of '{column}', "
            f"which speaks for {'snapshot or valid' if distinct < rows else 'since'}."
        )

    def _file_digest(self) -> str:
        return self._held_files.digest(self._path)

    @property
    def _table(self) -> pl.LazyFrame:
        """The whole table, scanned anew: a scan remembers where rows were in the file."""
        return scan_file(self._read_from, self._held_files.held(self._read_from))

    def _copied(self) -> Path:
        """The file to read from: the table, or the copy kept of one that is slow to read."""
        if ending(self._path) not in _SLOW_ENDINGS:
            return self._path
        target = self._memory.folder / f"table-{digest(FORMAT, self._digest, ending(self._path))}"
        copy = read_folder(target, lambda folder: folder / _COPY, "table copy")
        if copy is None:
            if is_untyped(self._path):
                require_whole_rows(self._path, self._held_files.held(self._path))
            prune_cache(self._memory.folder, "table", keep=_KEPT)
            copy = target / _COPY if write_folder(target, self._copy) else self._path
        if copy != self._path:
            self._held_files.release([self._path])
        return copy

    def _copy(self, folder: Path) -> None:
        content = self._held_files.held(self._path)
        scan_file(self._path, content).sink_parquet(folder / _COPY)
        self._require_same()

    def _require_same(self) -> None:
        """Refuse to keep, under the digest of the file, what was read of another state of it."""
        if self._file_digest() != self._digest:
            raise ProjectError(f"{self._file} changed while it was read. Open the project again.")

    def _kept_keys(self) -> pl.DataFrame:
        """The distinct key values, with the count and the digest of the rows that have them."""
        name = digest(FORMAT, pl.__version__, self._digest, self._reading.columns, self._columns)
        target = self._memory.folder / f"keys-{name}"
        kept = read_folder(
            target, lambda folder: pl.read_parquet(folder / "keys.parquet"), "table index"
        )
        if kept is not None:
            return kept
        self._held_files.hold(self._read_from)
        keys = _key_table(self._table, self._reading.columns, self._columns)
        self._require_same()
        prune_cache(self._memory.folder, "keys", keep=_KEPT)
        write_folder(target, lambda folder: keys.write_parquet(folder / "keys.parquet"))
        return keys

    def _require_single(self) -> None:
        schema = self._table.collect_schema()
        for name in self._reading.columns:
            if not _is_single(schema[name]):
                raise ProjectError(
                    f"{self._file}: column '{name}' holds {schema[name]}, which is no single value "
                    "and tells no version. Name another column under [source] in chameleon.toml."
                )

    def _why(self, error: BaseException) -> str:
        if isinstance(error, VersionError):
            return str(error)
        if not self._path.is_file():
            return "is not there."
        if self._path.stat().st_size == 0:
            return "is empty (0 bytes). Write it again."
        return read_error_message(self._path, error)


def table_path(folder: Path, settings: Settings) -> Path:
    """The file that [source] names."""
    file = settings.source.get("file")
    where = f"{SETTINGS_FILE}: [source]"
    if not isinstance(file, str) or not file:
        raise ProjectError(
            f'{where} must name the table of kind "table", such as file = "data.parquet", '
            f"found {file!r}."
        )
    path = folder / file
    if outside(folder, path) or ".." in Path(file).parts or Path(file).is_absolute():
        raise ProjectError(
            f"{where} file '{file}' lies outside the project folder. Move it into the folder."
        )
    if not path.is_file():
        raise ProjectError(f"{where} file '{file}' is not there. Correct its name.")
    if not ending(path):
        raise ProjectError(
            f"{where} file '{file}' has none of the endings that can be read: {', '.join(ENDINGS)}."
        )
    return path


def with_date_role(settings: Settings) -> Settings:
    """The settings in which the column that cuts the table also is the date of its instances."""
    column = settings.source.get("date")
    if not isinstance(column, str) or "date" in settings.columns:
        return settings
    return replace(settings, columns={**settings.columns, "date": (column,)})


def _data_columns(settings: Settings, reading: Reading, columns: Sequence[str]) -> list[str]:
    """The columns that are data: all but those that tell versions or hold predictions.

    A column that tells versions stays where it also has a role, such as the date.
    """
    named = {role: settings.columns.get(role, ()) for role in USUAL_NAMES}
    usual = {*USUAL_NAMES["date"], *USUAL_NAMES["source"]}
    kept = {name for role in ("date", "source") for name in named[role]}
    for role in ("id", "label", "split"):
        taken = set(named[role]) & set(reading.columns)
        if taken:
            raise ProjectError(
                f"Column '{min(taken)}' tells the versions of {settings.source['file']}, and "
                f"cannot be the {role} too. Name another under [columns]."
            )
    return [
        name
        for name in columns
        if not settings.holds_predictions(name)
        and (
            name not in reading.columns
            or name in kept
            or isinstance(reading, ByDate)
            or name.casefold() in usual
        )
    ]


def _key_table(table: pl.LazyFrame, keys: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """A row for each distinct key: its values, the count of its rows, and two sums of hashes."""
    schema = table.collect_schema()
    single = [name for name in columns if _is_single(schema[name])]  # others are left out anyway
    row = pl.struct(named(*single)) if single else pl.lit(0)
    hashes = [row.hash(seed).alias(name) for seed, name in enumerate(_HASHES)]
    return (
        table.select(named(*keys), *hashes)
        .group_by(named(*keys))
        .agg(pl.len().alias(ROWS), pl.col(_HASHES).sum())
        .sort(named(*keys))
        .collect(engine="streaming")
    )


def _is_single(dtype: pl.DataType) -> bool:
    try:
        type_kind(dtype)
    except TypeError:
        return False
    return True


def _one_of(every: pl.Series, wanted: pl.Series) -> pl.Expr:
    """A test of rows: those with one of the wanted values, of all that there are, pass."""
    column = named(every.name)
    values, distinct = wanted.drop_nulls().unique().sort(), every.drop_nulls().unique()
    if len(values) == len(distinct):
        test = column.is_not_null()
    elif values.dtype in _ORDERED and int((distinct <= values[-1]).sum()) == len(values):
        test = column <= pl.lit(values[-1], dtype=values.dtype)  # all up to a day, without a list
    else:
        test = column.is_in(values.implode())
    return test | column.is_null() if wanted.null_count() else test
