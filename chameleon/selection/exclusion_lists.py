"""Exclusion lists: named lists of instances and rules with reasons, stored in one SQLite file.

The file is in the project folder, or beside a single table and named after it. Write-ahead mode
lets several people write at once, and a killed process loses nothing that was committed. A damaged
file, or another program's, is reported and never written to.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from chameleon.errors import ProjectError, SelectionError
from chameleon.project import Project

FILE = "exclusion_lists.sqlite"
OLD_FILE = "blacklists.sqlite"
"""The name that earlier releases used; a file of that name is used in place."""
FORMAT = 1
"""The version of the tables, as `PRAGMA user_version`; increased whenever they change."""
LONGEST_NAME, LONGEST_REASON = 80, 500

_BUSY_SECONDS = 30.0
_WRITE_AHEAD_TRIES = 50
_COPY_TRIES = 5
_APPLICATION = 0x43484D4C
_SCHEMA = (
    "CREATE TABLE list (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " added INTEGER NOT NULL)",
    "CREATE TABLE entry (list INTEGER NOT NULL REFERENCES list ON DELETE CASCADE,"
    " instance TEXT NOT NULL, reason TEXT NOT NULL, added INTEGER NOT NULL,"
    " PRIMARY KEY (list, instance)) WITHOUT ROWID",
    "CREATE TABLE rule (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " list INTEGER NOT NULL REFERENCES list ON DELETE CASCADE, query TEXT NOT NULL,"
    " primary_version TEXT NOT NULL, secondary_version TEXT NOT NULL, reason TEXT NOT NULL,"
    " added INTEGER NOT NULL, UNIQUE (list, query, primary_version, secondary_version))",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)
_ENTRIES = {"instance": pl.String, "reason": pl.String, "added": pl.Int64}
_ADD_ENTRY = "INSERT OR IGNORE INTO entry (list, instance, reason, added) VALUES (?, ?, ?, ?)"
_ADD_RULE = (
    "INSERT OR IGNORE INTO rule (list, query, primary_version, secondary_version, reason, added)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
Entry = tuple[str, str, int]
"""An instance, the reason, and the time in microseconds since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class ExclusionRule:
    """Filters that exclude instances, and the two versions they were created under.

    `number` is unique in the store and never used again; `query` contains the filters, and the
    restriction of the primary side, as a query string; `added` is in microseconds since 1970 in
    UTC.
    """

    number: int
    query: str
    primary: str
    secondary: str
    reason: str = ""
    added: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ExclusionList:
    """A named list of instances and rules.

    `entries` has the columns instance (id), reason, and added (UTC): one row per instance, sorted
    by id. Rules are in the order of creation.
    """

    name: str
    entries: pl.DataFrame
    rules: tuple[ExclusionRule, ...]


@dataclass(frozen=True, slots=True)
class AddResult:
    """Counts of entries that are new on a list, and of those it already had, left unchanged."""

    new: int
    already: int


class ExclusionLists:
    """All lists of a project, in a file or in memory.

    Every call is one transaction, and the first one that writes creates the file; without a `path`
    the lists are in memory. All calls, this one too, raise ProjectError if the file is damaged, of
    a newer release, another program's, not writable, or locked for too long.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._memory: sqlite3.Connection | None = None
        if path is None:
            self._memory = _connected(":memory:")
            # Python 3.13 warns of connections that are let go of open
            weakref.finalize(self, self._memory.close)
            _create_tables(self._memory, "the lists")
            return
        if path.is_symlink():
            raise ProjectError(f"{path.name} is a link, but lists are stored in the project only.")
        self._require_sound(path.name)

    def _require_sound(self, name: str) -> None:
        with self._reading() as connection:
            if connection and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise ProjectError(_damaged(name))

    @classmethod
    def copied(cls, path: Path) -> ExclusionLists:
        """A copy in memory of the lists in a file, empty where there is no file."""
        copy = cls()
        if path.exists() and not path.is_symlink():
            assert copy._memory is not None
            _copy_into(path, copy._memory)
            copy._require_sound(path.name)
        return copy

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all lists, sorted."""
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(n for (n,) in connection.execute("SELECT name FROM list ORDER BY name"))

    def of(self, name: str) -> ExclusionList:
        """The content of a list; SelectionError if it does not exist."""
        with self._reading() as connection:
            if connection is None:
                raise SelectionError(_no_list(name))
            with _transaction(connection, "BEGIN"):  # entries and rules of one moment
                return _content(connection, name)

    def create(self, name: str) -> str:
        """Create an empty list; return its name as it is stored."""
        name = _checked_name(name)
        with self._writing() as connection:
            if _number(connection, name) is not None:
                raise SelectionError(f"A list '{name}' already exists.")
            _created(connection, name)
        return name

    def rename(self, name: str, new: str) -> str:
        """Rename a list; return the name as it is stored."""
        new = _checked_name(new)
        with self._writing() as connection:
            number = _required(connection, name)
            if _number(connection, new) not in (None, number):
                raise SelectionError(f"A list '{new}' already exists.")
            connection.execute("UPDATE list SET name = ? WHERE number = ?", (new, number))
        return new

    def delete(self, name: str) -> None:
        """Delete a list with its entries and rules."""
        with self._writing() as connection:
            number = _required(connection, name)
            connection.execute("DELETE FROM list WHERE number = ?", (number,))

    def add(self, name: str, instances: Iterable[str], reason: str = "") -> AddResult:
        """Add instances to a list, which is created if it does not exist.

        An instance that is already on it keeps its reason and time. SelectionError if the name is
        empty or too long.
        """
        at = now()
        return self.add_entries(name, ((one, reason, at) for one in instances))

    def add_entries(self, name: str, entries: Iterable[Entry]) -> AddResult:
        """Add instances to a list, each with its own reason and time; see `add`."""
        return self.add_all([(name, entries, ())])

    def add_rule(self, name: str, rule: ExclusionRule) -> AddResult:
        """Add a rule to a list, which is created if it does not exist; it gets a new number."""
        return self.add_all([(name, (), (rule,))])

    def add_all(
        self, lists: Iterable[tuple[str, Iterable[Entry], Iterable[ExclusionRule]]]
    ) -> AddResult:
        """Add entries and rules to several lists by name: all of them, or none."""
        prepared = [
            (
                _checked_name(name),
                [(instance, _reason(reason), added) for instance, reason, added in entries],
                [(r.query, r.primary, r.secondary, _reason(r.reason), r.added or now())
                 for r in rules],
            )
            for name, entries, rules in lists
        ]  # fmt: skip
        given = sum(len(entries) + len(rules) for _, entries, rules in prepared)
        new = 0
        with self._writing() as connection:
            for name, entries, rules in prepared:
                number = _created(connection, name)
                before = connection.total_changes
                for statement, rows in ((_ADD_ENTRY, entries), (_ADD_RULE, rules)):
                    connection.executemany(statement, ((number, *row) for row in rows))
                new += connection.total_changes - before
        return AddResult(new, given - new)

    def remove(self, name: str, instances: Sequence[str]) -> int:
        """Remove entries from a list; return the number of entries removed."""
        with self._writing() as connection:
            number = _required(connection, name)
            return connection.executemany(
                "DELETE FROM entry WHERE list = ? AND instance = ?",
                ((number, instance) for instance in instances),
            ).rowcount  # fmt: skip

    def remove_rule(self, name: str, number: int) -> bool:
        """Remove a rule by its number; return True if it was on the list."""
        with self._writing() as connection:
            found = connection.execute(
                "DELETE FROM rule WHERE list = ? AND number = ?",
                (_required(connection, name), number),
            )
            return found.rowcount > 0

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection for one call; None without a file."""
        if self._memory is not None:
            with self._lock, _translated_errors("the lists"):
                yield self._memory
        elif self.path is None or not self.path.exists():
            yield None
        else:
            with self._opened(self.path) as connection:
                yield connection if _user_version(connection) else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._memory is not None:
            with self._lock, _translated_errors("the lists"), _transaction(self._memory):
                yield self._memory
            return
        assert self.path is not None
        with self._opened(self.path) as connection:
            _write_ahead(connection)
            _create_tables(connection, self.path.name)
            with _transaction(connection):
                yield connection

    @contextmanager
    def _opened(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection for one call: threads and processes share nothing but the file."""
        with _translated_errors(path.name), closing(_connected(str(path))) as connection:
            _require_ours(connection, path.name)
            yield connection


def open_exclusion_lists(project: Project) -> ExclusionLists:
    """The exclusion lists of a project; the first entry creates the file in its folder."""
    return ExclusionLists(exclusion_lists_path(project))


def exclusion_lists_path(project: Project) -> Path:
    """The path of a project's lists: beside its data, or in the only folder open to its visitor."""
    if project.private is not None:
        return project.private / FILE
    if project.path.is_dir():
        new, old = (project.path / name for name in (FILE, OLD_FILE))
    else:
        table = project.path.name
        new, old = (project.path.with_name(f"{table}.{name}") for name in (FILE, OLD_FILE))
    return old if old.exists() and not new.exists() else new


def can_be_written(path: Path) -> bool:
    """Return True if a file of lists at that path, and SQLite's files beside it, can be written."""
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return not path.is_symlink()
    except OSError:
        return False


def now() -> int:
    """The time as entries store it."""
    return time.time_ns() // 1000


def _checked_name(name: str) -> str:
    """The name of a list on one line; SelectionError where it is empty or too long."""
    name = _encodable(name)
    if not name:
        raise SelectionError("A list needs a name.")
    if len(name) > LONGEST_NAME:
        raise SelectionError(
            f"The name of a list has at most {LONGEST_NAME} characters, this one {len(name)}."
        )
    return name


def _reason(reason: str) -> str:
    """A reason on one line, cut off where it is too long."""
    return _encodable(reason)[:LONGEST_REASON]


def _encodable(text: str) -> str:
    """The text on one line, characters that UTF-8 can't encode replaced."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _number(connection: sqlite3.Connection, name: str) -> int | None:
    found = connection.execute("SELECT number FROM list WHERE name = ?", (name,)).fetchone()
    return None if found is None else int(found[0])


def _required(connection: sqlite3.Connection, name: str) -> int:
    number = _number(connection, name)
    if number is None:
        raise SelectionError(_no_list(name))
    return number


def _created(connection: sqlite3.Connection, name: str) -> int:
    """The number of a list, which is created if it does not exist."""
    connection.execute("INSERT OR IGNORE INTO list (name, added) VALUES (?, ?)", (name, now()))
    return _required(connection, name)


def _content(connection: sqlite3.Connection, name: str) -> ExclusionList:
    number = _required(connection, name)
    entries = connection.execute(
        "SELECT instance, reason, added FROM entry WHERE list = ? ORDER BY instance", (number,)
    ).fetchall()
    rules = connection.execute(
        "SELECT number, query, primary_version, secondary_version, reason, added"
        " FROM rule WHERE list = ? ORDER BY number",
        (number,),
    ).fetchall()
    frame = pl.DataFrame(entries, schema=_ENTRIES, orient="row")
    frame = frame.with_columns(pl.col("added").cast(pl.Datetime("us")))
    return ExclusionList(name, frame, tuple(ExclusionRule(*rule) for rule in rules))


def _no_list(name: str) -> str:
    return f"There is no exclusion list '{name}'. It may have been renamed or deleted."


def _connected(place: str) -> sqlite3.Connection:
    """A connection that waits for others, and whose transactions begin explicitly."""
    connection = sqlite3.connect(
        place, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # a commit outlives a power cut too
    except sqlite3.Error:  # a damaged file
        connection.close()
        raise
    return connection


def _user_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _copy_into(path: Path, target: sqlite3.Connection) -> None:
    """Copy a file's content, without writing anything to it or beside it."""
    for _ in range(_COPY_TRIES):
        before = _stamps(path)
        # while a log of committed changes lies beside the file, its index is there too
        option = "mode=ro" if len(before) > 1 else "immutable=1"
        place = f"{path.resolve().as_uri()}?{option}"
        with _translated_errors(path.name), closing(sqlite3.connect(place, uri=True)) as source:
            _require_ours(source, path.name)
            if _user_version(source):
                source.backup(target)
        if _stamps(path) == before:
            return
    raise ProjectError(f"{path.name} is being written to all the time. Try again.")


def _stamps(path: Path) -> list[tuple[int, int]]:
    """Size and modification time of the file, and of its log unless that is empty."""
    found: list[tuple[int, int]] = []
    for one in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            status = one.stat()
            found.append((status.st_size, status.st_mtime_ns))
    return found if len(found) > 1 and found[1][0] else found[:1]


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once and for all."""
    for _ in range(_WRITE_AHEAD_TRIES):
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        # SQLite does not wait for another process that is switching
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.02)


def _require_ours(connection: sqlite3.Connection, name: str) -> None:
    """Reject a file of another program or of a newer release."""
    version = _user_version(connection)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != _APPLICATION:
        raise ProjectError(
            f"{name} in the project folder is another program's file and was left unchanged. Move "
            "it away to store exclusion lists there."
        )
    if version > FORMAT:
        raise ProjectError(
            f"{name} was written by a newer release of Chameleon (format {version}, this release "
            f"reads {FORMAT}) and was left unchanged. Use that release."
        )


def _create_tables(connection: sqlite3.Connection, name: str) -> None:
    """Create the tables of a new file, in one transaction."""
    if _user_version(connection):
        return
    with _transaction(connection):
        _require_ours(connection, name)
        if not _user_version(connection):  # else another process was first
            for statement in _SCHEMA:
                connection.execute(statement)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Write everything inside, or nothing."""
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    """Raise ProjectError for SQLite's errors."""
    try:
        yield
    except sqlite3.Error as error:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                message = f"{name} has been locked by others for {_BUSY_SECONDS:.0f} s. Try again."
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                message = _damaged(name)
            case _:
                message = f"{name} can't be used: {error}. Nothing was changed."
        raise ProjectError(message, file=name) from error


def _damaged(name: str) -> str:
    return (
        f"{name} in the project folder is damaged, or no file of exclusion lists, and was left "
        "unchanged. Replace it with a backup, or move it away to start over."
    )
