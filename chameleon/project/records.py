"""A project: its versions, what their columns mean, and where they come from."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from chameleon.errors import Option, SelectionError, VersionError, choices
from chameleon.project.column_patterns import Pairs, PredictionColumns, WeakColumns
from chameleon.storage import cache_folder, user_cache_folder

SETTINGS_FILE = "chameleon.toml"

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "instance_id", "uid", "key"),
    "label": ("label", "target", "y", "y_true", "class", "ground_truth"),
    "split": ("split", "partition", "subset"),
    "date": ("date",),
    "source": ("source",),
}
"""Column names by which a role is found when chameleon.toml does not name it."""


class Split(Option):
    """The part of the data an instance stands in."""

    TRAIN = "train"
    TEST = "test"
    VALIDATION = "validation"


class Kind(StrEnum):
    """The kind of a column's values, over all versions."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


class Severity(StrEnum):
    """The severity of a problem: it takes away a version or column, trust, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class FindingKind(StrEnum):
    """The findings of the data check. The last two are problems of any other kind."""

    DUPLICATE_IDS = "duplicate ids"
    MISSING_IDS = "missing ids"
    MISSING_LABELS = "missing labels"
    NEW_LABELS = "new labels"
    VANISHED_LABELS = "vanished labels"
    MOVED = "changes of split"
    ACROSS_SPLIT = "equal rows across the split"
    COLUMN_JOINED = "column joined"
    COLUMN_LEFT = "column left"
    COLUMN_RETYPED = "change of type"
    CONSTANT = "constant feature"
    ALL_MISSING = "all missing"
    NON_FINITE = "non-finite values"
    TELLS_LABEL = "tells the label"
    OUT_OF_ORDER = "out of order"
    EQUAL_VERSION = "equal version"
    RETURNED = "lost and found again"
    UNUSABLE = "version left out"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its severity, its place, and what was done about it.

    `kind` is what the data check looks for, `count` the rows or ids concerned, `examples` a few of
    the ids or values; `version`, `file`, and `column` are None where it is no single one.
    """

    severity: Severity
    message: str
    version: str | None = None
    file: str | None = None
    column: str | None = None
    kind: FindingKind | None = None
    count: int | None = None
    examples: tuple[str, ...] = ()

    @classmethod
    def kept(cls, entry: Mapping[str, Any]) -> Finding:
        """The problem of which `dataclasses.asdict` was kept as JSON.

        Raises
        ------
        KeyError, TypeError, ValueError
            It was not written by this release.
        """
        kind = entry["kind"]
        parts = {
            "severity": Severity(entry["severity"]),
            "kind": None if kind is None else FindingKind(kind),
            "examples": tuple(entry["examples"]),
        }
        return cls(**{**entry, **parts})


def with_damage(findings: Iterable[Finding], damaged: Iterable[str]) -> tuple[Finding, ...]:
    """The problems, and a warning for each result that was damaged on disk (`noted_damage`)."""
    told = tuple(findings)
    for result in dict.fromkeys(damaged):
        message = f"The {result} was damaged and has been recomputed. Your data wasn't affected."
        warning = Finding(Severity.WARNING, message)
        told += () if warning in told else (warning,)
    return told


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the dataset. `file`, or folder, is relative to the project folder."""

    name: str
    date: dt.date | None = None
    note: str | None = None
    file: str = ""

    def __str__(self) -> str:
        """The name."""
        return self.name

    @property
    def place(self) -> str:
        """The version and its file, as messages name them."""
        return f"Version {self.name} ({self.file})"

    def finding(
        self,
        severity: Severity,
        message: str,
        column: str | None = None,
        *,
        kind: FindingKind | None = None,
        count: int | None = None,
        examples: Iterable[str] = (),
    ) -> Finding:
        """A problem of this version; the message goes on from the version and its file."""
        between = "" if message.startswith(":") else " "
        text = f"{self.place}{between}{message}"
        return Finding(severity, text, self.name, self.file, column, kind, count, tuple(examples))


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of the id, label, split, date, and source; None where there is none.

    Label probabilities are classes with their columns, votes are rules with theirs. Where there is
    no label column, the label is the class of the largest probability.
    """

    id: tuple[str, ...]
    label: str | None
    split: str | None
    date: str | None
    source: str | None
    label_probabilities: Pairs = ()
    votes: Pairs = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that have a role and are therefore no features."""
        single = (self.label, self.split, self.date, self.source)
        return (*self.id, *(name for name in single if name is not None), *self.weak)

    @property
    def weak(self) -> tuple[str, ...]:
        """The columns of label probabilities and votes; a version may lack them."""
        return tuple(column for _, column in (*self.label_probabilities, *self.votes))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The fixed model code: a scikit-learn classifier by its class name, and its parameters.

    Or `classifier`, an object that a caller passed, told from others by `token`.
    """

    estimator: str = "HistGradientBoostingClassifier"
    params: Mapping[str, Any] = field(
        default_factory=lambda: {
            "random_state": 0,
            "early_stopping": False,
            # without it the fit diverges where a class has very few rows
            "l2_regularization": 1.0,
        }
    )
    classifier: Any = field(default=None, compare=False, repr=False)
    token: str = ""

    @property
    def key(self) -> dict[str, Any]:
        """What decides the model, as plain values for digests."""
        named = {"estimator": self.estimator, "params": dict(self.params)}
        return {**named, "token": self.token} if self.token else named


class ViewerKind(Option):
    """The view of an instance; each has a file in `chameleon/app/viewers`."""

    IMAGE = "image"
    TEXT = "text"
    SENSOR = "sensor"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class ViewerSpec:
    """The table [viewer]: the view of an instance, and its columns.

    `columns` are names in order, or patterns in which "*" stands for anything. `shape` is rows,
    columns and, for colors, 3 of an image of pixel columns; None where it is a square.
    """

    kind: ViewerKind
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Take the kind also as text."""
        object.__setattr__(self, "kind", ViewerKind(self.kind))


@dataclass(frozen=True, slots=True)
class Settings:
    """The content of chameleon.toml, checked, with defaults for what it lacks.

    `columns` are those with a role, by role. `source` is the table as it is written; the kind of
    source that it names checks it. `golden` is relative to the project folder. `problems` are what
    was found wrong in the file, and is not used.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    model: ModelSpec = field(default_factory=ModelSpec)
    own_models: Mapping[str, ModelSpec] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    predictions: PredictionColumns | None = None
    viewer: ViewerSpec | None = None
    golden: str | None = None
    findings: tuple[Finding, ...] = ()
    weak: WeakColumns = field(default_factory=WeakColumns)

    @property
    def source_kind(self) -> str:
        """The kind of source: what [source] names, a table where it names a file, or a folder."""
        return str(self.source.get("kind", "table" if "file" in self.source else "folder"))

    def holds_predictions(self, column: str) -> bool:
        """Return True if a column holds predictions, and is therefore no feature."""
        return self.predictions is not None and self.predictions.holds(column)

    def model_code(self, versions: Iterable[str]) -> tuple[object, ...]:
        """The model code of these versions as plain values, for digests."""
        own = {name: self.own_models[name].key for name in versions if name in self.own_models}
        return (self.model.key, own) if own else (self.model.key,)

    def model_of(self, version: str) -> ModelSpec:
        """The model code of that version: its own, or the fixed one."""
        return self.own_models.get(version, self.model)


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """Predictions of one version, made elsewhere, in a table that also holds the ids.

    `file` is where they are, as messages name it; `fingerprint` changes when they do; `untyped`
    tables are plain text. `prediction` is the column with the predicted class, `shares` the columns
    of probabilities by class. `own` tells the rows of the version itself; None where all are.
    """

    file: str
    table: pl.LazyFrame
    fingerprint: str
    untyped: bool
    prediction: str
    shares: Mapping[str, str]
    own: pl.Expr | None = None


class VersionSource(Protocol):
    """A source of versions. A further kind offers `versions`, `scan`, and `fingerprint`.

    What else is here has an answer that most kinds can keep.
    """

    pooled: bool = False
    """True if all versions share the columns of one table, so that a column without any value in
    a version is not one of that version's."""

    def versions(self) -> tuple[Version, ...]:
        """All versions, old to new, usable or not."""

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's table, once it is collected; only columns that are data."""

    def fingerprint(self, version: Version) -> str:
        """A digest of the version's content, remembered while its files stay untouched.

        Raises
        ------
        OSError
            A file cannot be read.
        """

    def hold(self, version: Version) -> None:
        """Read the version's content into memory, as far as it fits, for the scans that follow.

        Raises
        ------
        OSError
            A file cannot be read.
        """

    def release(self, version: Version) -> None:
        """Let go of what is held for the version: its rows were stored."""

    def findings(self) -> tuple[Finding, ...]:
        """Problems found while listing the versions."""
        return ()

    def other_columns(self) -> Collection[str]:
        """Columns of its files that are no data, such as those that tell versions."""
        return ()

    def untyped(self, version: Version) -> bool:
        """Return True if the version is plain text (CSV): all its columns are String."""
        return False

    def remarks(self, version: Version) -> tuple[tuple[Severity, str], ...]:
        """Unusual ways in which the version is written, and how it is read.

        Raises
        ------
        VersionError
            It is written so that its rows cannot be told.
        """
        return ()

    def parts(self, version: Version) -> Mapping[str, pl.LazyFrame]:
        """The tables the version is put together from, by file, so that messages can name it."""
        return {version.file: self.scan(version)}

    def unreadable(self, version: Version, error: BaseException) -> VersionError:
        """The error to raise where reading the version ended in that error."""
        return VersionError(f"{version.place} could not be read: {error}")

    def predictions(self, version: Version) -> PredictionTable | None:
        """The version's predictions that stand in the data itself; None where there are none."""
        return None


@dataclass(frozen=True, slots=True)
class Project:
    """An opened evolving dataset: its usable versions, their columns, and what was found wrong.

    Attributes
    ----------
    path
        The project folder, or the file where a single table was opened.
    address
        What `open_project` was given, to open the project again.
    versions
        The usable versions, old to new.
    kinds
        The kind of every feature over all versions, in natural order of their names.
    columns
        The features each version has, with the kind they have there (None: without a value), by
        version name. An absent feature counts as missing.
    problems
        What was found wrong, and what was done about it. Versions with an error are left out.
    fingerprints
        A digest of each version's content, by version name.
    private
        The one folder in which anything of the project may be kept; None where it is kept as
        usual, beside the project and in the user's cache folder.
    cached_only
        Whether nothing is built or fitted in this process: cached results are used, as another
        process computed them.
    prediction_files
        Files of external predictions by version name, in place of those of the folder; empty for
        none.
    """

    path: Path
    address: str
    name: str
    settings: Settings
    source: VersionSource
    versions: tuple[Version, ...]
    roles: Roles
    kinds: Mapping[str, Kind]
    columns: Mapping[str, Mapping[str, Kind | None]]
    findings: tuple[Finding, ...]
    fingerprints: Mapping[str, str]
    private: Path | None = None
    cached_only: bool = False
    prediction_files: Mapping[str, Path] | None = None

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
        known = choices(version.name for version in self.versions)
        raise SelectionError(f"There is no version '{name}' in {self.name}. {known}")

    @property
    def results_folder(self) -> Path:
        """The folder of everything computed from this project."""
        return self.private or cache_folder(self.path)

    @property
    def models_folder(self) -> Path:
        """The folder of fitted models, readable by this user alone."""
        return (self.private or user_cache_folder()) / "models"


def natural_key(name: str) -> tuple[tuple[int, int, str, str], ...]:
    """A sort key by which 1.2 comes before 1.10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple(
        _number_key(p) if p[0] in "0123456789" else (1, 0, p.casefold(), "") for p in parts
    )


def natural_order(names: Iterable[str]) -> list[str]:
    """The names in natural order; ties, such as "a" and "A", by their code points."""
    return sorted(names, key=lambda name: (natural_key(name), name))


def _number_key(digits: str) -> tuple[int, int, str, str]:
    """By value; as text, because Python refuses to read thousands of digits as a number."""
    bare = digits.lstrip("0")
    return 0, len(bare), bare, digits


def version_name(file: str) -> str:
    """The name a version takes from its file: the file's name without its endings."""
    name = Path(file).name
    return re.sub(r"\.(parquet|csv|csv\.gz|arrow|feather|jsonl)$", "", name, flags=re.IGNORECASE)
