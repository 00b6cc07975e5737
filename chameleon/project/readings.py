"""Readings of one table's rows as versions: snapshot, since, valid, and cuts by date.

Each reading looks at the distinct values of its key columns only, and says which of them every
version holds. So a row belongs to a version by its key values alone, whatever else it holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import ProjectError
from chameleon.project.columns import NOT_A_DATE, date_numbers, plain_text
from chameleon.project.records import Finding, Severity, Version, natural_order

MOST_VERSIONS = 1_000
"""More versions than this are a wrong column rather than a timeline."""

ROWS = "\0rows"
"""The column of a key table that counts the rows of the table with these key values."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One version, and which key values it holds: a bool a row of the key table."""

    version: Version
    keys: NDArray[np.bool_]


@dataclass(slots=True)
class Timeline:
    """The versions of a table, old to new, and what was found wrong with its keys."""

    held: list[Held] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class Reading(Protocol):
    """One way in which a table holds versions."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The key columns."""

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions of a table.

        Parameters
        ----------
        keys
            The distinct values of the key columns, and how many rows have them (`ROWS`).
        file
            The table's file, as messages name it.
        listed
            What chameleon.toml says of versions: order, date and note by name.
        """


@dataclass(frozen=True, slots=True)
class ByVersion:
    """A version column; each version holds its own rows, or with `cumulative` all before too."""

    column: str
    cumulative: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The version column."""
        return (self.column,)

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions that the column names; see `Reading.timeline`."""
        result = Timeline()
        versions = version_names(keys[self.column])
        tell_absent(result, file, self.column, versions.is_null(), keys)
        order = _ordered(result, set(versions.drop_nulls()), file, listed, (self.column,))
        rank = _ranks(versions, order)
        for number, version in enumerate(order):
            held = (rank <= number) & (rank >= 0) if self.cumulative else rank == number
            if (rank == number).any():
                result.held.append(Held(version, held))
            else:
                tell_listed(result, version, f"no row of {file} has it in '{self.column}'")
        return result


@dataclass(frozen=True, slots=True)
class ByValidity:
    """Two columns: the first version that holds the row, and the first one that no longer does.

    An empty start or end is open. With `inclusive` the second names the last version that holds
    the row.
    """

    start: str
    end: str
    inclusive: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The two columns."""
        return (self.start, self.end)

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """Every value of the two columns as a version; see `Reading.timeline`."""
        result = Timeline()
        starts, ends = version_names(keys[self.start]), version_names(keys[self.end])
        found = {*starts.drop_nulls(), *ends.drop_nulls()}
        order = _ordered(result, found, file, listed, self.columns)
        first, last = _ranks(starts, order), _ranks(ends, order)
        first[starts.is_null().to_numpy()] = 0
        last[ends.is_null().to_numpy()] = len(order)
        self._tell_odd(result, keys, file, first, last)
        for number, version in enumerate(order):
            held = (first <= number) & (number <= last if self.inclusive else number < last)
            if held.any():
                result.held.append(Held(version, held))
                continue
            result.findings.append(
                Finding(
                    Severity.NOTE,
                    f"{file}: no row is valid at '{version.name}' ('{self.end}'), so that it is "
                    "no version.",
                    version.name,
                    file,
                    self.end,
                )
            )
        return result

    def _tell_odd(
        self,
        result: Timeline,
        keys: pl.DataFrame,
        file: str,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> None:
        rows = keys[ROWS].to_numpy()
        total = int(rows.sum())

        def tell(severity: Severity, odd: NDArray[np.bool_], message: str) -> None:
            if odd.any():
                at = int(np.flatnonzero(odd)[0])
                start, end = (keys[name][at] for name in self.columns)
                example = f"{'the first' if start is None else start} to {end}"
                said = f"{file}: {int(rows[odd].sum()):,} of {total:,} rows {message}"
                said = said.replace("EXAMPLE", example)
                result.findings.append(Finding(severity, said, None, file, self.start))

        tell(
            Severity.ERROR,
            last < first,
            f"end before they begin ('{self.start}' to '{self.end}': EXAMPLE): no version holds "
            "them. Correct the two columns, or the order of the versions under [[versions]].",
        )
        if not self.inclusive:
            tell(
                Severity.ERROR,
                last == first,
                f"end where they begin ('{self.start}' to '{self.end}': EXAMPLE): no version "
                f"holds them, because '{self.end}' names the first version that no longer does. "
                "If it names the last one that does, write inclusive = true under [source] in "
                "chameleon.toml.",
            )
        tell(
            Severity.NOTE,
            version_names(keys[self.start]).is_null().to_numpy(),
            f"have no start ('{self.start}'): they are held from the first version on.",
        )


def version_names(values: pl.Series) -> pl.Series:
    """The versions that values name; null where they are empty."""
    texts = plain_text(values)
    if values.dtype == pl.Datetime:
        texts = texts.str.replace(r"[T ]00:00:00(\.0+)?$", "")
    return texts.set(texts.str.strip_chars() == "", None)


def _ranks(names: pl.Series, order: Sequence[Version]) -> NDArray[np.int64]:
    """The place of each name in the order, -1 where there is none."""
    places = {version.name: number for number, version in enumerate(order)}
    return np.array([places.get(name, -1) for name in names.to_list()], dtype=np.int64)


def _ordered(
    result: Timeline,
    found: set[str],
    file: str,
    listed: Sequence[Version],
    columns: Sequence[str],
) -> list[Version]:
    """All versions in order: natural, unless chameleon.toml lists them in another one."""
    if not found and not listed:
        raise ProjectError(
            f"{file} has no version: {_quoted(columns)} {'has' if len(columns) == 1 else 'have'} "
            "no value in any row. Name another column under [source] in chameleon.toml."
        )
    if len(found) > MOST_VERSIONS:
        raise ProjectError(
            f"{file} has {len(found):,} different values in {_quoted(columns)}; {MOST_VERSIONS:,} "
            "versions are the most. Name another column under [source] in chameleon.toml, or cut "
            "by date."
        )
    said = {version.name: version for version in listed}
    natural = natural_order({*found, *said})
    order = natural
    if list(said) != [name for name in natural if name in said]:
        order = [*said, *(name for name in natural if name not in said)]
        if len(order) > len(said):
            result.findings.append(
                Finding(
                    Severity.NOTE,
                    f"{file}: version {order[len(said)]} is not listed in chameleon.toml, as are "
                    f"{len(order) - len(said):,} in all: they follow the listed versions.",
                    order[len(said)],
                    file,
                )
            )
    return [
        Version(name, own.date or _iso_day(name), own.note, file)
        for name in order
        for own in (said.get(name, Version(name)),)
    ]


def tell_absent(
    result: Timeline,
    file: str,
    column: str,
    absent: pl.Series,
    keys: pl.DataFrame,
    what: str = "version",
) -> None:
    """Note how many rows have no value in a key column, and are left out."""
    count = int(keys[ROWS].filter(absent).sum())
    if count:
        result.findings.append(
            Finding(
                Severity.ERROR,
                f"{file}: {count:,} of {keys[ROWS].sum():,} rows have no {what} ('{column}'): they "
                f"are left out. Give every row a {what}.",
                None,
                file,
                column,
            )
        )


def tell_listed(result: Timeline, version: Version, why: str) -> None:
    """Note a version that chameleon.toml lists and the table does not hold."""
    result.findings.append(
        Finding(
            Severity.ERROR,
            f"Version {version.name} is listed in chameleon.toml, but {why}. Correct its name.",
            version.name,
        )
    )


def _quoted(columns: Sequence[str]) -> str:
    return " and ".join(f"'{column}'" for column in columns)


def _iso_day(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(name[:10]) if len(name) >= 10 else None
    except ValueError:
        return None


_MICROSECONDS_OF_DAY = 86_400_000_000
_DAYS_FROM_A_MONDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True)
class ByDate:
    """A date column; a version a day, week or month, or `steps` of equal length, all cumulative.

    Version k holds every row up to and including its last day. Weeks begin on Monday and are
    numbered by ISO 8601. Days begin at midnight UTC.
    """

    column: str
    cut: str | None
    steps: int | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The date column."""
        return (self.column,)

    def timeline(self, keys: pl.DataFrame, file: str, listed: Sequence[Version]) -> Timeline:
        """The versions that the cut gives; see `Reading.timeline`."""
        result = Timeline()
        values = keys[self.column]
        moments, _ = date_numbers(values)
        known = moments != NOT_A_DATE
        empty = version_names(values).is_null()
        tell_absent(result, file, self.column, empty, keys, "date")
        unread = ~known & ~empty.to_numpy()
        if unread.any():
            count = int(keys[ROWS].to_numpy()[unread].sum())
            result.findings.append(
                Finding(
                    Severity.ERROR,
                    f"{file}: {count:,} of {keys[ROWS].sum():,} rows have a date in "
                    f"'{self.column}' that cannot be read, such as "
                    f"'{values[int(np.flatnonzero(unread)[0])]}': they are left out. Write dates "
                    "as 2019-01-11.",
                    None,
                    file,
                    self.column,
                )
            )
        if not known.any():
            reasons = " ".join(finding.message for finding in result.findings)
            raise ProjectError(f"{file} cannot be cut by '{self.column}': no date. {reasons}")
        ends, periods = self._ends(moments[known])
        if len(ends) > MOST_VERSIONS:
            raise ProjectError(
                f"{file} cut by {self.cut or 'steps'} of '{self.column}' gives {len(ends):,} "
                f"versions; {MOST_VERSIONS:,} are the most. Under [source] in chameleon.toml, "
                'write cut = "month" or steps = 10.'
            )
        said = {version.name: version for version in listed}
        for end, name in zip(ends, periods, strict=True):
            own = said.pop(name, Version(name))
            version = Version(
                name,
                own.date or _day(end),
                own.note or f"everything up to {_spelled(end)}",
                file,
            )
            result.held.append(Held(version, known & (moments <= end)))
        for version in said.values():
            tell_listed(result, version, f"the cut of {file} gives no such version")
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


def _day(moment: int) -> dt.date | None:
    day = np.datetime64(moment, "us").astype("datetime64[D]").item()
    return day if isinstance(day, dt.date) else None  # beyond the year 9999 there is none


def _spelled(moment: int) -> str:
    """The moment as a person reads it; the last microsecond of a day is the day."""
    if (moment + 1) % _MICROSECONDS_OF_DAY == 0:
        return str(np.datetime64(moment, "us").astype("datetime64[D]"))
    return str(np.datetime64(moment, "us").astype("datetime64[s]")).replace("T", " ")


def _week(thursday: int) -> str:
    day = np.datetime64(thursday, "D").item()
    year, week, _ = day.isocalendar() if isinstance(day, dt.date) else (9999, 53, 0)
    return f"{year}-W{week:02}"
