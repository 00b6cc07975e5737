"""A project: where the versions are, what their columns mean, and what chameleon.toml says."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from chameleon.errors import ProjectError, SelectionError

SETTINGS_FILE = "chameleon.toml"

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "instance_id", "uid", "key"),
    "label": ("label", "target", "y", "y_true", "class", "ground_truth"),
    "split": ("split", "partition", "subset"),
    "date": ("date",),
    "source": ("source",),
}
"""Column names by which a role is found when chameleon.toml does not name it."""


class Split(StrEnum):
    """The part of the data an instance stands in."""

    TRAIN = "train"
    TEST = "test"
    VALIDATION = "validation"


class Kind(StrEnum):
    """What the values of a column are, over all versions."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


class Severity(StrEnum):
    """How much a problem takes away: a version or column, trust, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """What was found wrong, and what was done about it."""

    severity: Severity
    message: str
    version: str | None = None
    file: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the dataset. `file` is relative to the project folder."""

    name: str
    date: dt.date | None = None
    note: str | None = None
    file: str = ""

    @property
    def place(self) -> str:
        """The version and its file, as messages name them."""
        return f"Version {self.name} ({self.file})"


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns carry the id, label, split, date and source; None where there is none."""

    id: tuple[str, ...]
    label: str
    split: str | None
    date: str | None
    source: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that have a role and are therefore no features."""
        single = (self.label, self.split, self.date, self.source)
        return (*self.id, *(name for name in single if name is not None))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The fixed model code: a scikit-learn classifier by its class name, and its parameters."""

    estimator: str = "HistGradientBoostingClassifier"
    params: Mapping[str, Any] = field(
        default_factory=lambda: {"random_state": 0, "early_stopping": False}
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """What chameleon.toml says, checked; the defaults where it is silent."""

    name: str
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    model: ModelSpec = field(default_factory=ModelSpec)
    versions: tuple[Version, ...] = ()
    problems: tuple[Problem, ...] = ()


class VersionSource(Protocol):
    """Where versions come from. A further kind of source offers these and nothing more."""

    def versions(self) -> tuple[Version, ...]:
        """All versions, old to new, usable or not."""

    def problems(self) -> tuple[Problem, ...]:
        """What was found wrong while listing the versions."""

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's table. Columns read from text without types are all of type String."""

    def fingerprint(self, version: Version) -> str:
        """A digest of the version's content, remembered while its file stays untouched."""

    def untyped(self, version: Version) -> bool:
        """Whether the version is plain text (CSV), so that types are found from the values."""


@dataclass(frozen=True, slots=True)
class Project:
    """An opened evolving dataset: its usable versions, their columns, and what was found wrong.

    Attributes
    ----------
    path
        The project folder.
    versions
        The usable versions, old to new.
    kinds
        The kind of every feature over all versions, in the order features first appear.
    columns
        The features each version has, with the kind they have there (None: without a value), by
        version name. An absent feature counts as missing.
    problems
        What was found wrong, and what was done about it. Versions with an error are left out.
    fingerprints
        A digest of each version's content, by version name.
    """

    path: Path
    name: str
    settings: Settings
    source: VersionSource
    versions: tuple[Version, ...]
    roles: Roles
    kinds: Mapping[str, Kind]
    columns: Mapping[str, Mapping[str, Kind | None]]
    problems: tuple[Problem, ...]
    fingerprints: Mapping[str, str]

    def version(self, name: str) -> Version:
        """The version of that name.

        Raises
        ------
        SelectionError
            No usable version has that name.
        """
        for version in self.versions:
            if version.name == name:
                return version
        known = ", ".join(version.name for version in self.versions)
        raise SelectionError(f"There is no version '{name}' in {self.name}. Versions: {known}.")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which 1.2 comes before 1.10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(p), p) if p.isdecimal() else (1, 0, p.casefold()) for p in parts)


def read_settings(folder: Path) -> Settings:
    """The settings of a project folder: its chameleon.toml, or defaults where there is none.

    Raises
    ------
    ProjectError
        The file is not valid TOML, or a value has the wrong type.
    """
    path = folder / SETTINGS_FILE
    if not path.is_file():
        return Settings(name=folder.resolve().name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{SETTINGS_FILE} is not valid TOML: {error}.") from error
    columns = _table(content, "columns")
    problems = [
        *_unknown_keys(content, {"name", "columns", "model", "versions"}, "at the top"),
        *_unknown_keys(columns, {*USUAL_NAMES, "ignore"}, "under [columns]"),
    ]
    versions, version_problems = _listed_versions(content.get("versions", []))
    return Settings(
        name=_text(content, "name", folder.resolve().name),
        columns={role: _names(columns, role) for role in USUAL_NAMES if role in columns},
        ignored=_names(columns, "ignore"),
        model=_model_spec(_table(content, "model")),
        versions=versions,
        problems=(*problems, *version_problems),
    )


def _table(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise ProjectError(f"{SETTINGS_FILE}: [{key}] must be a table, found {value!r}.")
    return value


def _text(content: Mapping[str, Any], key: str, default: str) -> str:
    value = content.get(key, default)
    if not isinstance(value, str) or not value.strip():
        raise ProjectError(f"{SETTINGS_FILE}: '{key}' must be a text, found {value!r}.")
    return value


def _names(columns: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = columns.get(key, ())
    names = (value,) if isinstance(value, str) else value
    several = key in ("id", "ignore")
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise ProjectError(
            f"{SETTINGS_FILE}: '{key}' under [columns] must be a column name"
            f"{' or a list of them' if several else ''}, found {value!r}."
        )
    if key != "ignore" and (not names or (len(names) > 1 and not several)):
        raise ProjectError(
            f"{SETTINGS_FILE}: '{key}' under [columns] must name one column, found {value!r}."
        )
    return tuple(names)


def _model_spec(table: Mapping[str, Any]) -> ModelSpec:
    if not table:
        return ModelSpec()
    unknown = set(table) - {"estimator", "params"}
    if unknown:
        raise ProjectError(
            f"{SETTINGS_FILE}: unknown key '{min(unknown)}' under [model]. "
            "It may hold 'estimator' and 'params'."
        )
    estimator = _text(table, "estimator", ModelSpec().estimator)
    default = ModelSpec().params if estimator == ModelSpec().estimator else {}
    params = table.get("params", default)
    if not isinstance(params, dict) and params is not default:
        raise ProjectError(
            f"{SETTINGS_FILE}: 'params' under [model] must be a table such as "
            f"{{ random_state = 0 }}, found {params!r}."
        )
    return ModelSpec(estimator=estimator, params=dict(params))


def _unknown_keys(table: Mapping[str, Any], known: set[str], where: str) -> list[Problem]:
    return [
        Problem(
            Severity.WARNING,
            f"{SETTINGS_FILE}: unknown key '{key}' {where}; it is not used. "
            f"Known keys: {', '.join(sorted(known))}.",
            file=SETTINGS_FILE,
        )
        for key in table
        if key not in known
    ]


def _listed_versions(entries: object) -> tuple[tuple[Version, ...], list[Problem]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProjectError(f"{SETTINGS_FILE}: versions must be written as [[versions]] tables.")
    versions: dict[str, Version] = {}
    problems: list[Problem] = []
    for number, entry in enumerate(entries, start=1):
        problems += _unknown_keys(
            entry, {"name", "file", "date", "note"}, f"in [[versions]] number {number}"
        )
        version = _listed_version(entry, number)
        if version.name in versions:
            problems.append(
                Problem(
                    Severity.ERROR,
                    f"{SETTINGS_FILE} lists version '{version.name}' twice: the second one "
                    f"({version.file}) is left out. Give it a name of its own.",
                    version=version.name,
                    file=version.file,
                )
            )
        else:
            versions[version.name] = version
    return tuple(versions.values()), problems


def _listed_version(entry: Mapping[str, Any], number: int) -> Version:
    file = entry.get("file")
    if not isinstance(file, str) or not file:
        raise ProjectError(
            f"{SETTINGS_FILE}: [[versions]] number {number} names no file. "
            'Add file = "versions/...".'
        )
    note, date = entry.get("note"), entry.get("date")
    if note is not None and not isinstance(note, str):
        raise ProjectError(f"{SETTINGS_FILE}: the note of {file} must be a text, found {note!r}.")
    name = entry.get("name", version_name(file))
    if isinstance(name, (float, bool)) or not isinstance(name, (str, int)) or name == "":
        raise ProjectError(
            f"{SETTINGS_FILE}: the name of {file} must be a text in quotes, such as "
            f'name = "1.10", found {name!r}.'
        )
    return Version(
        name=str(name),
        date=_date(date, file),
        note=note,
        file=file,
    )


def _date(value: object, file: str) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if value is None or isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise ProjectError(
            f"{SETTINGS_FILE}: the date of {file} must be written as 2019-01-11, found {value!r}."
        ) from None


def version_name(file: str) -> str:
    """The name a version takes from its file: the file's name without its endings."""
    name = Path(file).name
    return re.sub(r"\.(parquet|csv|csv\.gz|arrow|feather|jsonl)$", "", name, flags=re.IGNORECASE)
