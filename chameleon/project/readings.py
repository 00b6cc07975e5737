"""Readings of one table's rows as versions: snapshot, since, valid, and cuts by date.

Each reading looks only at the distinct values of its key columns and decides which of them belong
to every version. So a row is in a version by its key values alone. [source] names the reading.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import file_error, sentence
from chameleon.project.columns import NOT_A_DATE, date_numbers, plain_text
from chameleon.project.findings import Finding, Severity
from chameleon.project.records import Version, natural_order

MOST_VERSIONS = 1_000  # more versions than this come from a wrong column
OTHER_KEY = "Name another column under [source] in chameleon.toml."
ROWS = "\0rows"  # the column of a key table that counts the rows of the table with these key values
CUTS = ("day", "week", "month")

_MICROSECONDS_OF_DAY = 86_400_000_000
_DAYS_FROM_A_MONDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One version, and True for each row of the key table that belongs to it."""

    version: Version
    keys: NDArray[np.bool_]


@dataclass(slots=True)
class Timeline:
    """The versions of a table, old to new, and findings about its keys."""

    file: str
    held: list[Held] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(
        self, severity: Severity, message: str, column: str | None, version: str | None = None
    ) -> None:
        """Add a finding; the message continues after the file."""
        text = sentence(self.file, message)
        self.findings.append(Finding(severity, text, version, self.file, column))

    def add_absent(
        self, column: str, absent: pl.Series, keys: pl.DataFrame, what: str = "version"
    ) -> None:
        """Add the number of rows without a value in a key column, which are left out."""
        count = int(keys[ROWS].filter(absent).sum())
        if count:
            self.add(
                Severity.ERROR,
                f": {count:,} of {keys[ROWS].sum():,} rows have no {what} ('{column}'): they are "
                f"left out. Give every row a {what}.",
                column,
            )

    def add_unused(self, version: Version, reason: str) -> None:
        """Add that the table has no row of a version that chameleon.toml lists."""
        message = f"Version {version.name} is listed in chameleon.toml, but {reason}. "
        self.findings.append(Finding(Severity.ERROR, message + "Correct its name.", version.name))


@dataclass(frozen=True, slots=True)
class Reading(ABC):
    """One way in which a table contains versions; `columns` are its key columns."""

    columns: tuple[str, ...]

    @abstractmethod
    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions of a table in that file.

        `keys` are the distinct values of the key columns, with the number of their rows (`ROWS`),
        `listed` the versions in chameleon.toml: order, date, and note by name.
        """


@dataclass(frozen=True, slots=True)
class ByVersion(Reading):
    """A version column; each version has its own rows; with `cumulative`, also all earlier ones."""

    cumulative: bool

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions that the column names; see `Reading.timeline`."""
        result = Timeline(file)
        (column,) = self.columns
        versions = version_names(keys[column])
        result.add_absent(column, versions.is_null(), keys)
        order = _ordered(result, set(versions.drop_nulls()), listed, self.columns)
        rank = _ranks(versions, order)
        for number, version in enumerate(order):
            held = (rank <= number) & (rank >= 0) if self.cumulative else rank == number
            if (rank == number).any():
                result.held.append(Held(version, held))
            else:
                result.add_unused(version, f"no row of {file} has it in '{column}'")
        return result


@dataclass(frozen=True, slots=True)
class ByValidity(Reading):
    """Two columns: the first version with the row, and the first one without it.

    An empty start or end is open. With `inclusive` the second names the last version with the row.
    """

    inclusive: bool

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """Every value of the two columns as a version; see `Reading.timeline`."""
        result = Timeline(file)
        starts, ends = (version_names(keys[name]) for name in self.columns)
        found = {*starts.drop_nulls(), *ends.drop_nulls()}
        order = _ordered(result, found, listed, self.columns)
        first, last = _ranks(starts, order), _ranks(ends, order)
        first[starts.is_null().to_numpy()] = 0
        last[ends.is_null().to_numpy()] = len(order)
        self._add_odd(result, keys, first, last)
        for number, version in enumerate(order):
            held = (first <= number) & (number <= last if self.inclusive else number < last)
            if held.any():
                result.held.append(Held(version, held))
            else:
                end = self.columns[1]
                message = f": no row is valid at '{version.name}' ('{end}'): it is no version."
                result.add(Severity.NOTE, message, end, version.name)
        return result

    def _add_odd(
        self,
        result: Timeline,
        keys: pl.DataFrame,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> None:
        """Add findings about empty and reversed intervals."""
        (from_, to), rows = self.columns, keys[ROWS].to_numpy()
        between = f"('{from_}' to '{to}': EXAMPLE): no version contains them"
        reversed_ = (
            f"end before they begin {between}. Correct the two columns, or the order of the "
            "versions under [[versions]]."
        )
        empty = (
            f"end where they begin {between}, because '{to}' names the first version without the "
            "row. If it names the last one with it, write inclusive = true under [source] in "
            "chameleon.toml."
        )
        openly = f"have no start ('{from_}'): they are in the versions from the first one on."
        for severity, odd, message in (
            (Severity.ERROR, last < first, reversed_),
            (Severity.ERROR, (last == first) & (not self.inclusive), empty),
            (Severity.NOTE, version_names(keys[from_]).is_null().to_numpy(), openly),
        ):
            if odd.any():
                start, end = (keys[name][int(np.flatnonzero(odd)[0])] for name in self.columns)
                example = f"{'the first' if start is None else start} to {end}"
                text = f": {int(rows[odd].sum()):,} of {int(rows.sum()):,} rows {message}"
                result.add(severity, text.replace("EXAMPLE", example), from_)


@dataclass(frozen=True, slots=True)
class ByDate(Reading):
    """A date column; a version per day, week, or month, or `steps` of equal length, all cumulative.

    Version k has every row up to and including its last day. Weeks begin on Monday and are
    numbered by ISO 8601. Days begin at midnight UTC.
    """

    cut: str | None
    steps: int | None

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions of the cut; see `Reading.timeline`."""
        result = Timeline(file)
        (column,) = self.columns
        values = keys[column]
        moments, _ = date_numbers(values)
        known = moments != NOT_A_DATE
        empty = version_names(values).is_null()
        result.add_absent(column, empty, keys, "date")
        unread = ~known & ~empty.to_numpy()
        if unread.any():
            result.add(
                Severity.ERROR,
                f": {int(keys[ROWS].to_numpy()[unread].sum()):,} of {keys[ROWS].sum():,} rows have "
                f"a date in '{column}' that can't be read, such as "
                f"'{values[int(np.flatnonzero(unread)[0])]}': they are left out. Write dates as "
                "2019-01-11.",
                column,
            )
        if not known.any():
            reasons = " ".join(finding.message for finding in result.findings)
            message = f"cannot be cut by '{column}': no date. {reasons}"
            raise file_error(file, message, column=column)
        ends, periods = self._ends(moments[known])
        if len(ends) > MOST_VERSIONS:
            raise file_error(
                file,
                f"cut by {self.cut or 'steps'} of '{column}' gives {len(ends):,} versions; "
                f"{MOST_VERSIONS:,} are the most.",
                'Under [source] in chameleon.toml, write cut = "month" or steps = 10.',
                column=column,
            )
        stated = {version.name: version for version in listed}
        for end, name in zip(ends, periods, strict=True):
            own = stated.pop(name, Version(name))
            note = own.note or f"everything up to {_spelled(end)}"
            version = Version(name, own.date or _day(end), note, file)
            result.held.append(Held(version, known & (moments <= end)))
        for version in stated.values():
            result.add_unused(version, f"the cut of {file} gives no such version")
        return result

    def _ends(self, moments: NDArray[np.int64]) -> tuple[list[int], list[str]]:
        """The last microsecond of every version, and its name."""
        if self.steps is not None:
            first, last = int(moments.min()), int(moments.max())
            count = self.steps if last > first else 1
            ends = [first + (last - first) * step // count for step in range(1, count + 1)]
            return ends, [str(step) for step in range(1, count + 1)]
        days = np.unique(moments // _MICROSECONDS_OF_DAY)
        if self.cut == "day":
            after = days + 1
            names = [str(day) for day in days.astype("datetime64[D]")]
        elif self.cut == "week":
            weeks = np.unique((days + _DAYS_FROM_A_MONDAY) // 7)
            after = weeks * 7 - _DAYS_FROM_A_MONDAY + 7
            names = [_week(int(end) - 4) for end in after]  # its Thursday decides the year
        else:
            months = np.unique(days.astype("datetime64[D]").astype("datetime64[M]"))
            after = (months + np.timedelta64(1, "M")).astype("datetime64[D]").astype(np.int64)
            names = [str(month) for month in months]
        return [int(end) * _MICROSECONDS_OF_DAY - 1 for end in after], names


def version_names(values: pl.Series) -> pl.Series:
    """The versions that values name; null if they are empty."""
    texts = plain_text(values)
    if values.dtype == pl.Datetime:
        texts = texts.str.replace(r"[T ]00:00:00(\.0+)?$", "")
    return texts.set(texts.str.strip_chars() == "", None)


def _ranks(names: pl.Series, order: Sequence[Version]) -> NDArray[np.int64]:
    """The place of each name in the order, -1 without one."""
    places = {version.name: number for number, version in enumerate(order)}
    return np.array([places.get(name, -1) for name in names.to_list()], dtype=np.int64)


def _ordered(
    result: Timeline, found: set[str], listed: Sequence[Version], columns: Sequence[str]
) -> list[Version]:
    """All versions in natural order, unless chameleon.toml lists them in another one."""
    file, quoted = result.file, " and ".join(f"'{column}'" for column in columns)
    if not found and not listed:
        have = "has" if len(columns) == 1 else "have"
        message = f"has no version: {quoted} {have} no value in any row."
        raise file_error(file, message, OTHER_KEY, column=columns[0])
    if len(found) > MOST_VERSIONS:
        message = (
            f"has {len(found):,} different values in {quoted}; {MOST_VERSIONS:,} versions are the "
            "most."
        )
        fix = f"{OTHER_KEY.removesuffix('.')}, or cut by date."
        raise file_error(file, message, fix, column=columns[0])
    stated = {version.name: version for version in listed}
    natural = natural_order({*found, *stated})
    order = natural
    if list(stated) != [name for name in natural if name in stated]:
        order = [*stated, *(name for name in natural if name not in stated)]
        others = order[len(stated) :]
        if others:
            result.add(
                Severity.NOTE,
                f": versions not listed in chameleon.toml follow the listed ones: {others[0]}"
                + (f" and {len(others) - 1:,} more." if others[1:] else "."),
                None,
                others[0],
            )
    return [
        Version(name, own.date or _iso_day(name), own.note, file)
        for name in order
        for own in (stated.get(name, Version(name)),)
    ]


def _iso_day(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(name[:10]) if len(name) >= 10 else None
    except ValueError:
        return None


def _day(moment: int) -> dt.date | None:
    day = np.datetime64(moment, "us").astype("datetime64[D]").item()
    return day if isinstance(day, dt.date) else None  # none beyond the year 9999


def _spelled(moment: int) -> str:
    """The moment as text; the last microsecond of a day is the day."""
    if (moment + 1) % _MICROSECONDS_OF_DAY == 0:
        return str(np.datetime64(moment, "us").astype("datetime64[D]"))
    return str(np.datetime64(moment, "us").astype("datetime64[s]")).replace("T", " ")


def _week(thursday: int) -> str:
    day = np.datetime64(thursday, "D").item()
    year, week, _ = day.isocalendar() if isinstance(day, dt.date) else (9999, 53, 0)
    return f"{year}-W{week:02}"
