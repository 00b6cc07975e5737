"""The SQLite file of the exclusion lists: opened, checked, and made."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from chameleon.errors import ProjectError

FORMAT = 1
"""The version of the tables, as `PRAGMA user_version`; raised whenever they change."""

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
)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connected(place: str) -> sqlite3.Connection:
    """A connection that waits for others, and whose transactions are begun by hand."""
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


def copy_into(path: Path, target: sqlite3.Connection) -> None:
    """Copy a file's content, without writing anything to it or beside it."""
    for _ in range(_COPY_TRIES):
        before = _stamps(path)
        # while a log of committed changes lies beside the file, its index is there too
        option = "mode=ro" if len(before) > 1 else "immutable=1"
        place = f"{path.resolve().as_uri()}?{option}"
        with (
            translated_sqlite_errors(path.name),
            closing(sqlite3.connect(place, uri=True)) as connection,
        ):
            require_ours(connection, path.name)
            if connection.execute("PRAGMA user_version").fetchone()[0]:
                connection.backup(target)
        if _stamps(path) == before:
            return
    raise ProjectError(f"{path.name} is being written to all the time. Try again.")


def _stamps(path: Path) -> list[tuple[int, int]]:
    """Size and time of change of the file, and of its log where that holds anything."""
    found: list[tuple[int, int]] = []
    for one in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            status = one.stat()
            found.append((status.st_size, status.st_mtime_ns))
    return found if len(found) > 1 and found[1][0] else found[:1]


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once; it stays so."""
    for _ in range(_WRITE_AHEAD_TRIES):
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        # SQLite does not wait here for another process that is switching
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.02)


def require_ours(connection: sqlite3.Connection, name: str) -> None:
    """Refuse a file of another program or of a newer release."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != _APPLICATION:
        raise ProjectError(
            f"{name} in the project folder is another program's file: it is left as it is. Move "
            "it away to keep exclusion lists there."
        )
    if version > FORMAT:
        raise ProjectError(
            f"{name} was written by a newer release of Chameleon (form {version}, this one knows "
            f"{FORMAT}): it is left as it is. Use that release."
        )


def prepare(connection: sqlite3.Connection, name: str) -> None:
    """Make the tables of a new file, in one transaction."""
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return
    with transaction(connection):
        require_ours(connection, name)
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return  # another process was first
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All that is written inside, or nothing."""
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def translated_sqlite_errors(name: str) -> Iterator[None]:
    """Raise ProjectError for SQLite's errors, in words of ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            message = f"Others have been writing to {name} for {_BUSY_SECONDS:.0f} s. Try again."
        elif code in _DAMAGED:
            message = damaged(name)
        else:
            message = f"{name} in the project folder cannot be used: {error}. Nothing was changed."
        raise ProjectError(message) from error


def damaged(name: str) -> str:
    """The message about a damaged file."""
    return (
        f"{name} in the project folder is damaged, or no file of exclusion lists: it is left as it "
        "is. Put a sound copy in its place, or move it away to begin anew."
    )
