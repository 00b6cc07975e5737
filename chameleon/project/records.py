"""A project: its versions, settings, columns by their role, and the source of its versions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from chameleon.errors import Option, VersionError, place_of, sentence
from chameleon.project.findings import Finding, FindingKind, Severity
from chameleon.storage import cache_folder, user_cache_folder

OPEN_AGAIN = "Open the project again."
SETTINGS_FILE = "chameleon.toml"
VERSIONS_FOLDER = "versions"
MEMORY_FOLDER = ".memory"
"""The folder of versions that a caller passed as frames, which messages say are in memory."""
PREDICTIONS_FOLDER = "predictions"
SHIPPED_FOLDERS = ("layout", "evaluation")
"""Folders of computed tables that may be shipped with a project."""

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "instance_id", "uid", "key"),
    "label": ("label", "target", "y", "y_true", "class", "ground_truth"),
    "split": ("split", "partition", "subset"),
    "date": ("date",),
    "source": ("source",),
}
"""Column names by which a role is found when chameleon.toml does not name it."""

CLASS, RULE, VERSION = "{class}", "{rule}", "{version}"
"""Placeholders in the name of a column in chameleon.toml."""

Pairs = tuple[tuple[str, str], ...]  # classes, or labeling functions, and the column of each


class Split(Option):
    """The part of the data an instance belongs to."""

    TRAIN = "train"
    TEST = "test"
    VALIDATION = "validation"


class Kind(StrEnum):
    """The kind of a column's values in all versions."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the dataset. `file`, or folder, is relative to the project folder."""

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
        return f"Version {self.name} ({self.file_words})"

    @property
    def file_words(self) -> str:
        """The file as messages name it; a frame that a caller passed has none."""
        return "in memory" if self.file.startswith(f"{MEMORY_FOLDER}/") else self.file

    def sentence(self, message: str) -> str:
        """The message after the version and its file."""
        return sentence(self.place, message)

    def finding(
        self,
        severity: Severity,
        message: str,
        column: str | None = None,
        *,
        kind: FindingKind | None = None,
        count: int | None = None,
        examples: tuple[str, ...] = (),
    ) -> Finding:
        """A finding in this version; the message continues after the version and its file."""
        text = self.sentence(message)
        return Finding(severity, text, self.name, self.file, column, kind, count, examples)

    def error(self, message: str, *, fix: str | None = None) -> VersionError:
        """The error to raise about this version; the message continues after its file."""
        return VersionError(self.sentence(message), version=self.name, file=self.file, fix=fix)

    @property
    def changed(self) -> VersionError:
        """The error to raise if its content changed since the project was opened."""
        return self.error("changed since the project was opened.", fix=OPEN_AGAIN)


def matching(template: str, placeholder: str, columns: Iterable[str]) -> Pairs:
    """The columns that match a template, each after its text in place of the placeholder."""
    before, found, after = template.partition(placeholder)
    least = len(before) + len(after)
    return tuple(
        (name[len(before) : len(name) - len(after)], name)
        for name in columns
        if found and len(name) > least and name.startswith(before) and name.endswith(after)
    )


@dataclass(frozen=True, slots=True)
class WeakColumns:
    """Columns of label probabilities and votes in chameleon.toml; None: found by their names.

    Labeling functions vote for a class or abstain, and label probabilities are made of the votes
    (data programming, Ratner et al., NeurIPS 2016). None of the columns is ever a feature, unless
    an empty tuple lets it be one.
    """

    probabilities: str | Pairs | None = None  # a name with {class} in it, or that of every class
    votes: str | tuple[str, ...] | None = None  # a name with {rule} in it, or the columns

    def pairs(self, columns: Collection[str], taken: Collection[str]) -> tuple[Pairs, Pairs]:
        """The classes and the labeling functions with their columns, in the order of `columns`.

        `taken` columns are never found by a name.
        """
        classes, votes = self.probabilities, self.votes
        if not isinstance(classes, tuple):
            free = [name for name in columns if name not in taken]
            classes = matching(classes or "label_proba_{class}", CLASS, free)
        if isinstance(votes, tuple):
            return classes, tuple((name, name) for name in votes)
        free = [name for name in columns if name not in {*taken, *(name for _, name in classes)}]
        return classes, matching(votes or "label_vote_{rule}", RULE, free)


@dataclass(slots=True)
class VersionPredictionColumns:
    """The columns of one version's predicted class, if any, and of its probabilities by class."""

    prediction: str | None = None
    shares: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """The columns with external predictions.

    `columns` names the predicted class, such as "prediction_{version}"; without {version}, that
    of the row's version. `proba` names probabilities, such as "proba_{version}_{class}".
    """

    columns: str
    proba: str | None = None

    def holds(self, column: str) -> bool:
        """Return True if the column contains predictions of any version."""
        templates = [re.split(r"\{version\}|\{class\}", t) for t in (self.columns, self.proba) if t]
        patterns = ["(.+)".join(map(re.escape, parts)) for parts in templates]
        return any(re.fullmatch(pattern, column, re.DOTALL) for pattern in patterns)

    def of_versions(
        self, columns: Iterable[str], versions: Collection[str]
    ) -> dict[str, VersionPredictionColumns]:
        """The columns of every version's predictions, by version name.

        Where a name can be read in two ways (version 1 and class 2_a, or version 1_2 and class a),
        it belongs to the longer version.
        """
        found = {version: VersionPredictionColumns() for version in versions}
        names, proba = list(columns), self.proba or ""
        if VERSION not in self.columns:
            for own in found.values():
                own.prediction = self.columns if self.columns in names else None
                own.shares = dict(matching(proba, CLASS, names))
            return found
        longest_first = sorted(found, key=len, reverse=True)
        exact = {self.columns.replace(VERSION, version): version for version in longest_first}
        taken = {name for name in names if name in exact}
        for column in taken:
            found[exact[column]].prediction = column
        for version in longest_first:
            free = [column for column in names if column not in taken]
            found[version].shares = dict(matching(proba.replace(VERSION, version), CLASS, free))
            taken.update(found[version].shares.values())
        return found


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of the id, label, split, date, and source; None without one.

    Label probabilities are classes with their columns, votes are labeling functions with theirs.
    Without a label column, the label is the class of the largest probability.
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
        """All columns with a role, which are therefore no features."""
        single = (self.label, self.split, self.date, self.source)
        return (*self.id, *(name for name in single if name is not None), *self.weak)

    @property
    def weak(self) -> tuple[str, ...]:
        """The columns of label probabilities and votes; a version may lack them."""
        return tuple(column for _, column in (*self.label_probabilities, *self.votes))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The fixed model code: a scikit-learn classifier by its class name, and its parameters.

    Or `classifier`, an object that a caller passed; `token` distinguishes it from others.
    """

    estimator: str = "HistGradientBoostingClassifier"
    params: Mapping[str, Any] = field(
        default_factory=lambda: {
            "random_state": 0,
            "early_stopping": False,
            # without it the fit diverges if a class has very few rows
            "l2_regularization": 1.0,
        }
    )
    classifier: Any = field(default=None, compare=False, repr=False)
    token: str = ""

    @property
    def key(self) -> dict[str, Any]:
        """The values that decide the model, for digests."""
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

    `columns` are names in order, or patterns in which "*" matches anything. `shape` is rows,
    columns, and, for colors, 3 of an image of pixel columns; None if it is a square.
    """

    kind: ViewerKind
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Take the kind also as text."""
        object.__setattr__(self, "kind", ViewerKind(self.kind))


@dataclass(frozen=True, slots=True)
class Settings:
    """The content of chameleon.toml, checked, with defaults.

    `columns` are by role; `source` is checked by the kind of source that it names; `golden` is
    relative to the project folder; `open_at` is the version that is shown first, None for the
    newest one; the parts with the errors in `findings` are not used.
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
    open_at: str | None = None
    findings: tuple[Finding, ...] = ()
    weak: WeakColumns = field(default_factory=WeakColumns)

    @property
    def source_kind(self) -> str:
        """The kind that [source] names; else a table if it names a file, or a folder."""
        return str(self.source.get("kind", "table" if "file" in self.source else "folder"))

    def holds_predictions(self, column: str) -> bool:
        """Return True if a column contains predictions, and is therefore no feature."""
        return self.predictions is not None and self.predictions.holds(column)

    def model_code(self, versions: Iterable[str]) -> tuple[object, ...]:
        """The model code of these versions as plain values, for digests."""
        own = {name: self.own_models[name].key for name in versions if name in self.own_models}
        return (self.model.key, own) if own else (self.model.key,)

    def model_of(self, version: str) -> ModelSpec:
        """The model code of that version."""
        return self.own_models.get(version, self.model)


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """External predictions of one version, in a table with the ids.

    `prediction` is the column with the predicted class, `shares` those of probabilities by class.
    `own` is True for the version's rows; None if all are.
    """

    file: str
    table: pl.LazyFrame
    fingerprint: str
    untyped: bool
    prediction: str
    shares: Mapping[str, str]
    own: pl.Expr | None = None


class VersionSource(Protocol):
    """A source of versions. A kind of source defines `versions`, `scan`, and `fingerprint`.

    The rest has defaults that suit most kinds. Reading a file that can't be read raises OSError.
    """

    pooled: bool = False
    """True if all versions share the columns of one table, so that a column without any value in
    a version isn't one of that version's."""

    def versions(self) -> tuple[Version, ...]:
        """All versions, old to new, usable or not."""

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's table, lazily; only columns that are data."""

    def fingerprint(self, version: Version) -> str:
        """A digest of the version's content, cached while its files stay untouched."""

    def hold(self, version: Version) -> None:
        """Read the version's content into memory, if it fits, for the scans that follow."""

    def release(self, version: Version) -> None:
        """Free the content of the version in memory: its rows were stored."""

    def findings(self) -> tuple[Finding, ...]:
        """Findings of listing the versions."""
        return ()

    def other_columns(self) -> Collection[str]:
        """Columns of its files that are no data, such as those that name versions."""
        return ()

    def untyped(self, version: Version) -> bool:
        """Return True if the version is plain text (CSV): all its columns are String."""
        return False

    def remarks(self, version: Version) -> tuple[tuple[Severity, str], ...]:
        """Unusual features of the version's files; VersionError if its rows are ambiguous."""
        return ()

    def parts(self, version: Version) -> Mapping[str, pl.LazyFrame]:
        """The tables that make up the version, by file, so that messages can name it."""
        return {version.file: self.scan(version)}

    def unreadable(self, version: Version, error: BaseException) -> VersionError:
        """The error to raise after that error of reading the version."""
        return version.error(f"could not be read: {error}")

    def predictions(self, version: Version) -> PredictionTable | None:
        """The version's predictions in the data itself, or None."""
        return None


@dataclass(frozen=True, slots=True)
class Project:
    """An opened evolving dataset: its usable versions, their columns, and the findings.

    `path` is the project folder or the single table, `address` the argument of `open_project`, of
    which `private` and `cached_only` are options. `versions` are the usable ones, old to new.
    `kinds` are those of the features over all versions, in natural order; `columns`, by version
    name, those in each version (None: without a value). `fingerprints` are by version name.
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
        """The version of that name."""
        return self.versions[place_of(name, [v.name for v in self.versions], "version")]

    @property
    def results_folder(self) -> Path:
        """The folder of cached results."""
        return self.private or cache_folder(self.path)

    @property
    def models_folder(self) -> Path:
        """The folder of fitted models, readable by this user alone."""
        return (self.private or user_cache_folder()) / "models"


def natural_key(name: str) -> tuple[tuple[int, int, str, str], ...]:
    """A sort key by which 1.2 comes before 1.10."""
    return tuple(
        # by value; as text, because Python refuses to read thousands of digits as a number
        (0, len(bare := part.lstrip("0")), bare, part)
        if part[0] in "0123456789"
        else (1, 0, part.casefold(), "")
        for part in re.findall(r"[0-9]+|[^0-9]+", name)
    )


def natural_order(names: Iterable[str]) -> list[str]:
    """The names in natural order; ties, such as "a" and "A", by their code points."""
    return sorted(names, key=lambda name: (natural_key(name), name))


def version_name(file: str) -> str:
    """The name of a version from its file: the file's name without its endings."""
    name = Path(file).name
    return re.sub(r"\.(parquet|csv|csv\.gz|arrow|feather|jsonl)$", "", name, flags=re.IGNORECASE)
