"""The reading of a table that [source] asks for, or the question to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta

from chameleon.errors import ProjectError
from chameleon.project.columns import listed
from chameleon.project.readings import MOST_VERSIONS, ByDate, ByValidity, ByVersion, Reading
from chameleon.project.records import SETTINGS_FILE, USUAL_NAMES, Settings
from chameleon.project.toml_file import Column, Table, checked, must, toml_text

CUTS = ("day", "week", "month")
USUAL_VERSION = (
    "version", "dataset_version", "data_version", "batch", "release", "snapshot", "revision",
)  # fmt: skip
START, END = "valid_from", "valid_to"

_WHERE = f"{SETTINGS_FILE}: [source]"


class _Source(Table):
    kind: Any = None
    file: Any = None
    reading: Annotated[
        Literal["snapshot", "since", "valid"] | None,
        must(
            'one of snapshot, since, valid (to cut by a date column, write date = "..." and '
            'cut = "month" instead)'
        ),
    ] = None
    version: Column | None = None
    valid_from: Column | None = None
    valid_to: Column | None = None
    inclusive: Annotated[bool, must("true or false")] = False
    date: Column | None = None
    cut: Annotated[Literal["day", "week", "month"] | None, must(f"one of {', '.join(CUTS)}")] = None
    steps: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_VERSIONS)] | None,
        must(f"a whole number from 1 to {MOST_VERSIONS:,}"),
    ] = None


class _Content(Table):
    source: _Source


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that [source] may say of a table, and what it means."""

    source: Mapping[str, Any]
    meaning: str


def asked_reading(
    settings: Settings, columns: Sequence[str], evidence: Callable[[str], str]
) -> Reading:
    """The reading that [source] states of a table with these columns.

    Parameters
    ----------
    evidence
        What the table shows of a version column; asked where [source] does not say enough.

    Raises
    ------
    ProjectError
        [source] is wrong, names a column that is not there, or does not say how to read the
        table; the message then asks, with the lines to write.
    """
    source = settings.source
    checked({"source": source}, _Content, SETTINGS_FILE)
    reading = source.get("reading")
    by_date = {"date", "cut", "steps"} & set(source)
    if by_date and (reading is not None or "version" in source):
        other = "reading" if reading is not None else "version"
        raise ProjectError(
            f"{_WHERE} has '{min(by_date)}' and '{other}': cut by date, or read a version column, "
            "but not both."
        )
    if by_date:
        return _by_date(settings, columns)
    if reading == "valid" or (reading is None and {START, END} & set(source)):
        return _by_validity(source, columns)
    column = source.get("version") or guessed(columns, USUAL_VERSION)
    if reading is None:
        found = evidence(column) if column is not None and column in columns else ""
        raise ProjectError(_question(settings, columns, found))
    if column is None:
        raise ProjectError(
            f"{_WHERE} names no version column, and none has a usual name. Columns found: "
            f'{listed(columns)}. Write version = "...".'
        )
    return ByVersion(_present(column, "version", columns), cumulative=reading == "since")


def guessed(columns: Sequence[str], usual: Sequence[str]) -> str | None:
    """The column that has the first of the usual names, whatever its case; None without one."""
    by_name = {name.casefold(): name for name in sorted(columns)}  # lower case comes last
    return next((by_name[name] for name in usual if name in by_name), None)


def _by_validity(source: Mapping[str, Any], columns: Sequence[str]) -> ByValidity:
    if "version" in source:
        raise ProjectError(
            f"{_WHERE} has 'version', which the reading valid does not use: it reads valid_from "
            "and valid_to."
        )
    start, end = source.get(START, START), source.get(END, END)
    if start == end:
        raise ProjectError(f"{_WHERE} names '{start}' as both valid_from and valid_to.")
    return ByValidity(
        _present(start, START, columns),
        _present(end, END, columns),
        inclusive=source.get("inclusive", False),
    )


def _by_date(settings: Settings, columns: Sequence[str]) -> ByDate:
    source = settings.source
    cut, steps = source.get("cut"), source.get("steps")
    if (cut is None) == (steps is None):
        raise ProjectError(
            f"{_WHERE} must have either cut or steps beside the date, found "
            f'{"both" if cut is not None else "neither"}. Write cut = "month" (or week, or day), '
            "or steps = 10."
        )
    named = settings.columns.get("date", ())
    column = source.get("date") or (named[0] if named else guessed(columns, USUAL_NAMES["date"]))
    if column is None:
        raise ProjectError(
            f"{_WHERE} names no date column, and none has a usual name. Columns found: "
            f'{listed(columns)}. Write date = "...".'
        )
    return ByDate(_present(column, "date", columns), cut, steps)


def _present(column: str, key: str, columns: Sequence[str]) -> str:
    if column in columns:
        return column
    raise ProjectError(
        f"{_WHERE} {key} is '{column}', but the table has no such column. Columns found: "
        f"{listed(columns)}."
    )


def reading_choices(file: str, columns: Sequence[str]) -> tuple[Choice, ...]:
    """Possible [source] tables for these columns; "..." where no column is guessed."""
    version = guessed(columns, USUAL_VERSION) or "..."
    date = guessed(columns, USUAL_NAMES["date"]) or "..."
    span = {key: guessed(columns, (key,)) or "..." for key in (START, END)}
    by_version = {"file": file, "version": version}
    return (
        Choice(
            {**by_version, "reading": "snapshot"},
            "each row is repeated in every version that holds it",
        ),
        Choice(
            {**by_version, "reading": "since"},
            "each row stands once, with the version that brought it",
        ),
        Choice(
            {"file": file, "reading": "valid", **span},
            "each row says from which version on it holds, and from which on no longer",
        ),
        Choice(
            {"file": file, "date": date, "cut": "month"},
            "a version is all rows up to the end of a month (or week, or day)",
        ),
        Choice(
            {"file": file, "date": date, "steps": 10},
            "a version is all rows up to a tenth, two tenths ... of the time",
        ),
    )


def _question(settings: Settings, columns: Sequence[str], evidence: str) -> str:
    """The question to ask: the columns found, the choices, and the lines to write for each."""
    file = str(settings.source.get("file", "data.csv"))
    named = toml_text({"file": file}).strip()
    choices: list[str] = []
    addresses: list[str] = []
    for choice in reading_choices(file, columns):
        said = {key: value for key, value in choice.source.items() if key != "file"}
        if "version" in said and "version" in settings.source:
            said["version"] = settings.source["version"]
        lines = toml_text(said).strip().replace("\n", ", ")
        addresses.append(f"{file}?{urlencode(said)}")
        choices.append(f"{lines} ({choice.meaning})")
    return (
        f"How does {file} hold its versions? Columns found: {listed(columns)}.{evidence} Write "
        f"into {SETTINGS_FILE} beside it [source], {named} and, a line each, one of: "
        f'{"; ".join(choices)}. Or say it where you open the table, as in "{addresses[0]}".'
    )
