"""A table cut by a date column: a version a day, week or month, or equal steps of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import ProjectError
from chameleon.project.columns import NOT_A_DATE, date_numbers
from chameleon.project.readings import (
    MOST_VERSIONS,
    ROWS,
    Held,
    Timeline,
    tell_absent,
    tell_listed,
    version_names,
)
from chameleon.project.records import Problem, Severity, Version

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
            result.problems.append(
                Problem(
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
            reasons = " ".join(problem.message for problem in result.problems)
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
