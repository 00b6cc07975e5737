"""Exclusion lists: named lists of instances and rules with reasons, stored in one SQLite file.

The file is `blacklists.sqlite` in the project folder (beside a single table, named after it), in
write-ahead mode, so that several people may write at once and a killed process loses nothing that
was committed. A damaged file, or another program's, is reported and never written to.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from chameleon.errors import ProjectError, SelectionError
from chameleon.project import Project
from chameleon.selection.exclusion_file import (
    connected,
    copy_into,
    damaged,
    prepare,
    require_ours,
    transaction,
    translated_sqlite_errors,
    write_ahead,
)

FILE = "blacklists.sqlite"
LONGEST_NAME, LONGEST_REASON = 80, 500
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
    """Filters that put instances on a list, and the pair of versions they were made under.

    Attributes
    ----------
    number
        Its number in the store; no other rule gets it again.
    query
        The filters, and the restriction of the primary side, as a query string.
    primary, secondary
        The names of the versions shown when the rule was made.
    reason
        Why, in words.
    added
        Microseconds since 1970 in UTC.
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

    Attributes
    ----------
    name
        Its name.
    entries
        instance (id), reason, added (UTC): one row an instance, in the order of the ids.
    rules
        In the order they were made.
    """

    name: str
    entries: pl.DataFrame
    rules: tuple[ExclusionRule, ...]


@dataclass(frozen=True, slots=True)
class AddResult:
    """How many entries are new on a list, and how many were on it already and stay as they are."""

    new: int
    already: int


class ExclusionLists:
    """All lists of a project, in its file or in memory.

    Every call is a transaction of its own. Where the file is not there yet, it is made by the
    first call that writes.

    Parameters
    ----------
    path
        The file; None keeps the lists in memory, for as long as the object lives.

    Raises
    ------
    ProjectError
        The file is damaged, of a newer release, or another program's. So does every method, and
        where the file cannot be written or others write to it for too long.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._memory: sqlite3.Connection | None = None
        if path is None:
            self._memory = connected(":memory:")
            # Python 3.13 warns of connections that are let go of open
            weakref.finalize(self, self._memory.close)
            prepare(self._memory, "the lists")
            return
        if path.is_symlink():
            raise ProjectError(f"{path.name} is a link: the lists are kept in the project only.")
        self._require_sound(path.name)

    def _require_sound(self, name: str) -> None:
        with self._reading() as connection:
            if connection is not None:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found[0] != "ok":
                    raise ProjectError(damaged(name))

    @classmethod
    def copied(cls, path: Path) -> ExclusionLists:
        """A copy in memory of the lists in a file; of none where there is no file."""
        copy = cls()
        if path.exists() and not path.is_symlink():
            assert copy._memory is not None
            copy_into(path, copy._memory)
            copy._require_sound(path.name)
        return copy

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all lists, in their order."""
        with self._reading() as connection:
            if connection is None:
                return ()
            return tuple(n for (n,) in connection.execute("SELECT name FROM list ORDER BY name"))

    def of(self, name: str) -> ExclusionList:
        """The content of a list; SelectionError where there is none of that name."""
        with self._reading() as connection:
            if connection is None:
                raise SelectionError(_no_list(name))
            with transaction(connection, "BEGIN"):  # all answers are of one moment
                return _content(connection, name)

    def create(self, name: str) -> str:
        """Make an empty list; its name as it is stored."""
        name = checked_name(name)
        with self._writing() as connection:
            if _number(connection, name) is not None:
                raise SelectionError(f"There is a list '{name}' already.")
            _made(connection, name)
        return name

    def rename(self, name: str, new: str) -> str:
        """Give a list another name; the name as it is stored."""
        new = checked_name(new)
        with self._writing() as connection:
            number = _required(connection, name)
            if _number(connection, new) not in (None, number):
                raise SelectionError(f"There is a list '{new}' already.")
            connection.execute("UPDATE list SET name = ? WHERE number = ?", (new, number))
        return new

    def delete(self, name: str) -> None:
        """Delete a list with its entries and rules."""
        with self._writing() as connection:
            number = _required(connection, name)
            connection.execute("DELETE FROM list WHERE number = ?", (number,))

    def put(self, name: str, instances: Iterable[str], reason: str = "") -> AddResult:
        """Add instances to a list, which is made where it is not there yet.

        An instance that is on it already keeps its reason and time.

        Raises
        ------
        SelectionError
            The name cannot be used.
        """
        at = now()
        return self.put_entries(name, ((one, reason, at) for one in instances))

    def put_entries(self, name: str, entries: Iterable[Entry]) -> AddResult:
        """Add instances to a list, each with its own reason and time; see `put`."""
        return self.put_all([(name, entries, ())])

    def put_rule(self, name: str, rule: ExclusionRule) -> AddResult:
        """Add a rule to a list, which is made where it is not there yet; it gets a new number."""
        return self.put_all([(name, (), (rule,))])

    def put_all(
        self, lists: Iterable[tuple[str, Iterable[Entry], Iterable[ExclusionRule]]]
    ) -> AddResult:
        """Add entries and rules to several lists by their names: all of them, or none."""
        prepared = [
            (
                checked_name(name),
                [(instance, _checked_reason(reason), added) for instance, reason, added in entries],
                [
                    (r.query, r.primary, r.secondary, _checked_reason(r.reason), r.added or now())
                    for r in rules
                ],
            )
            for name, entries, rules in lists
        ]
        asked = sum(len(entries) + len(rules) for _, entries, rules in prepared)
        with self._writing() as connection:
            new = 0
            for name, entries, rules in prepared:
                number = _made(connection, name)
                before = connection.total_changes
                for statement, rows in ((_ADD_ENTRY, entries), (_ADD_RULE, rules)):
                    connection.executemany(statement, ((number, *row) for row in rows))
                new += connection.total_changes - before
        return AddResult(new, asked - new)

    def take_off(self, name: str, instances: Sequence[str]) -> int:
        """Remove entries from a list; how many were on it."""
        with self._writing() as connection:
            number = _required(connection, name)
            before = connection.total_changes
            connection.executemany(
                "DELETE FROM entry WHERE list = ? AND instance = ?",
                ((number, instance) for instance in instances),
            )
            return connection.total_changes - before

    def take_off_rule(self, name: str, number: int) -> bool:
        """Remove a rule by its number; return True if it was on the list."""
        with self._writing() as connection:
            found = connection.execute(
                "DELETE FROM rule WHERE list = ? AND number = ?",
                (_required(connection, name), number),
            )
            return found.rowcount > 0

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        if self._memory is not None:
            with self._lock, translated_sqlite_errors(FILE):
                yield self._memory
        elif self.path is None or not self.path.exists():
            yield None
        else:
            with self._opened(self.path) as connection:
                empty = connection.execute("PRAGMA user_version").fetchone()[0] == 0
                yield None if empty else connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if self._memory is not None:
            with self._lock, translated_sqlite_errors(FILE), transaction(self._memory):
                yield self._memory
            return
        assert self.path is not None
        with self._opened(self.path) as connection:
            write_ahead(connection)
            prepare(connection, self.path.name)
            with transaction(connection):
                yield connection

    @contextmanager
    def _opened(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection for one call: threads and processes share nothing but the file."""
        with translated_sqlite_errors(path.name), closing(connected(str(path))) as connection:
            require_ours(connection, path.name)
            yield connection


def open_exclusion_lists(project: Project) -> ExclusionLists:
    """The exclusion lists of a project, in its folder; the first entry makes the file.

    Raises
    ------
    ProjectError
        The file is damaged, of a newer release, or another program's.
    """
    return ExclusionLists(exclusion_lists_path(project))


def exclusion_lists_path(project: Project) -> Path:
    """The path of a project's lists: beside its data, or where alone it may be stored."""
    if project.private is not None:
        return project.private / FILE
    if project.path.is_dir():
        return project.path / FILE
    return project.path.with_name(f"{project.path.name}.{FILE}")


def can_be_written(path: Path) -> bool:
    """Return True if a file of lists at that path, and SQLite's files beside it, can be written."""
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return not path.is_symlink()
    except OSError:
        return False


def checked_name(name: str) -> str:
    """The name of a list on one line; SelectionError where it is empty or too long."""
    name = _encodable(name)
    if not name:
        raise SelectionError("A list needs a name.")
    if len(name) > LONGEST_NAME:
        raise SelectionError(
            f"The name of a list has at most {LONGEST_NAME} letters, this one {len(name)}."
        )
    return name


def _checked_reason(reason: str) -> str:
    """A reason on one line; the end of one that is too long is cut off."""
    return _encodable(reason)[:LONGEST_REASON]


def _encodable(text: str) -> str:
    """The text on one line, without what UTF-8 has no form for."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def now() -> int:
    """The time as entries hold it."""
    return time.time_ns() // 1000


def _number(connection: sqlite3.Connection, name: str) -> int | None:
    found = connection.execute("SELECT number FROM list WHERE name = ?", (name,)).fetchone()
    return None if found is None else int(found[0])


def _made(connection: sqlite3.Connection, name: str) -> int:
    """The number of a list, which is made where it is not there yet."""
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


def _required(connection: sqlite3.Connection, name: str) -> int:
    number = _number(connection, name)
    if number is None:
        raise SelectionError(_no_list(name))
    return number


def _no_list(name: str) -> str:
    return f"There is no exclusion list '{name}'. Somebody may have renamed or deleted it."
