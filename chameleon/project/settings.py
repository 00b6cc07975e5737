"""The content of chameleon.toml: checked when it is read, and written."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chameleon.errors import file_error
from chameleon.project.findings import Finding, Severity
from chameleon.project.records import (
    CLASS,
    RULE,
    SETTINGS_FILE,
    USUAL_NAMES,
    ModelSpec,
    PredictionColumns,
    Settings,
    Version,
    ViewerKind,
    ViewerSpec,
    WeakColumns,
    version_name,
)
from chameleon.project.toml_file import (
    Column,
    Filled,
    Table,
    Text,
    checked,
    must,
    read_toml,
    toml_text,
)

MOST_PIXELS = 4096 * 4096
_MOST_PATTERNS = 20

OneColumn = Annotated[
    str | Annotated[list[str], Meta(min_length=1, max_length=1)] | None, must("one column name")
]


class _Columns(Table):
    id: Annotated[
        str | Annotated[list[str], Filled] | None, must("a column name or a list of them")
    ] = None
    label: OneColumn = None
    split: OneColumn = None
    date: OneColumn = None
    source: OneColumn = None
    ignore: Annotated[str | tuple[str, ...], must("a column name or a list of them")] = ()
    label_probabilities: Annotated[
        str | dict[str, str] | None,
        must(
            f'a column name with {CLASS} in it, such as "p_{CLASS}", or the column of every class, '
            'such as { cat = "p_cat", dog = "p_dog" }'
        ),
    ] = None
    votes: Annotated[
        str | list[str] | None,
        must(f'a column name with {RULE} in it, such as "lf_{RULE}", or a list of columns'),
    ] = None

    def __post_init__(self) -> None:
        templates = (
            ("label_probabilities", self.label_probabilities, CLASS, f"p_{CLASS}"),
            ("votes", self.votes, RULE, f"lf_{RULE}"),
        )
        for key, text, sign, example in templates:
            if isinstance(text, str) and (text.count(sign) != 1 or text == sign):
                raise ValueError(
                    f"'{key}' must be a column name with {sign} in it, such as \"{example}\", "
                    f"found {text!r}."
                )


class _Model(Table):
    estimator: Text | None = None
    params: Annotated[dict[str, Any] | None, must("a table such as { random_state = 0 }")] = None

    def spec(self) -> ModelSpec:
        default = ModelSpec()
        estimator = self.estimator or default.estimator
        usual = default.params if estimator == default.estimator else {}
        return ModelSpec(estimator, dict(usual if self.params is None else self.params))


class _Predictions(Table):
    columns: Text
    proba: Text | None = None

    def __post_init__(self) -> None:
        asked = (
            ("columns", self.columns, False, "prediction_{version}"),
            ("proba", self.proba, True, "proba_{version}_{class}"),
        )
        for key, text, with_class, example in asked:
            if text is None:
                continue
            fixed = text.replace("{version}", "").replace("{class}", "")
            if not fixed or text.count("{version}") > 1 or text.count("{class}") != with_class:
                raise ValueError(
                    f"'{key}' must be a column name such as \"{example}\", found {text!r}."
                )
        if self.proba is not None and ("{version}" in self.columns) != ("{version}" in self.proba):
            raise ValueError(
                "must have {version} in both 'columns' and 'proba' or in neither, "
                f"found {self.columns!r} and {self.proba!r}."
            )


class _Viewer(Table):
    kind: Annotated[ViewerKind, must("one of " + ", ".join(f'"{kind}"' for kind in ViewerKind))]
    column: Column | None = None
    columns: Annotated[
        Column | list[Column] | None, must("a list of column names or a pattern")
    ] = None
    shape: Annotated[
        Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=2, max_length=3)] | None,
        must("[rows, columns] or [rows, columns, 3], such as [8, 8]"),
    ] = None

    def __post_init__(self) -> None:
        if self.column is not None and self.columns is not None:
            raise ValueError("has both 'column' and 'columns'. Keep one of them.")
        names, shape = self.names, self.shape
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"'columns' names '{twice}' twice.")
        patterns = sum("*" in name for name in names)
        if patterns > _MOST_PATTERNS:  # every column is compared with each
            raise ValueError(
                f"'columns' has {patterns:,} patterns, and at most {_MOST_PATTERNS} are read. "
                "Leave some out."
            )
        if shape and (shape[2:] not in ((), (1,), (3,)) or shape[0] * shape[1] > MOST_PIXELS):
            raise ValueError(
                "'shape' must be [rows, columns] or [rows, columns, 3], such as [8, 8], "
                f"found {list(shape)!r}."
            )
        if self.kind is ViewerKind.PLAIN and (names or shape):
            raise ValueError('kind = "plain" has no columns and no shape.')
        if self.kind is not ViewerKind.PLAIN and not names:
            raise ValueError(
                'names no column. Add column = "...", columns = ["...", "..."] or a pattern such '
                'as columns = "pixel_*".'
            )
        if self.kind is ViewerKind.TEXT and len(names) > 1:
            raise ValueError(f'kind = "text" wants one column, found {list(names)!r}.')
        if shape and self.kind is not ViewerKind.IMAGE:
            raise ValueError("'shape' belongs to kind = \"image\" only.")

    @property
    def names(self) -> tuple[str, ...]:
        return _names(self.columns if self.column is None else self.column)


class _Test(Table):
    golden: Text


class _Listed(Table):
    name: Annotated[
        Annotated[str, Filled] | int | None, must('a text in quotes, such as name = "1.10"')
    ] = None
    file: Annotated[str, must("a text")] = ""
    date: Any = None
    note: Annotated[str | None, must("a text")] = None
    model: _Model | None = None

    def __post_init__(self) -> None:
        _day(self.date)
        if self.model is not None and self.model == _Model():
            raise ValueError(
                "'model' must be a table such as { estimator = \"LogisticRegression\" }, found {}."
            )

    def version(self) -> Version:
        name = version_name(self.file) if self.name is None else str(self.name)
        return Version(name=name, date=_day(self.date), note=self.note, file=self.file)


def _day(value: object) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if value is None or isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"'date' must be written as 2019-01-11, found {value!r}.") from None


class _Content(Table):
    name: Text | None = None
    open_at: Annotated[str | None, must('the name of a version in quotes, such as "1.10"')] = None
    columns: _Columns = msgspec.field(default_factory=_Columns)
    model: _Model = msgspec.field(default_factory=_Model)
    versions: Annotated[tuple[_Listed, ...], must("written as [[versions]] tables")] = ()
    source: dict[str, Any] = msgspec.field(default_factory=dict)
    predictions: _Predictions | None = None
    viewer: _Viewer | None = None
    test: _Test | None = None


def read_settings(folder: Path, file: str = SETTINGS_FILE) -> Settings:
    """The settings of a project folder: its chameleon.toml, or defaults without one."""
    path = folder / file
    if not path.is_file():
        return Settings(name=folder.resolve().name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise file_error(file, "is a link out of the project folder.", "Put the file itself there.")
    return settings_of(read_toml(path), folder.resolve().name)


def settings_of(given: Mapping[str, Any], name: str) -> Settings:
    """The settings of a table with the keys of chameleon.toml; `name` if it has none."""
    filled = {key: value for key, value in given.items() if value != {}}
    content = checked(filled, _Content, SETTINGS_FILE)
    columns = {role: _names(getattr(content.columns, role)) for role in USUAL_NAMES}
    weak, votes = content.columns.label_probabilities, content.columns.votes
    found, viewer = content.predictions, content.viewer
    settings = Settings(
        name=content.name or name,
        columns={role: names for role, names in columns.items() if names},
        ignored=_names(content.columns.ignore),
        model=content.model.spec(),
        source=content.source,
        predictions=None if found is None else PredictionColumns(found.columns, found.proba),
        weak=WeakColumns(
            tuple(weak.items()) if isinstance(weak, dict) else weak,
            tuple(votes) if isinstance(votes, list) else votes,
        ),
        viewer=None if viewer is None else ViewerSpec(viewer.kind, viewer.names, viewer.shape),
        golden=None if content.test is None else content.test.golden,
        open_at=content.open_at,
    )
    return _with_versions(settings, content.versions)


def _names(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _with_versions(settings: Settings, entries: Iterable[_Listed]) -> Settings:
    versions: dict[str, Version] = {}
    own_models: dict[str, ModelSpec] = {}
    findings: list[Finding] = []
    for number, entry in enumerate(entries, start=1):
        if settings.source_kind == "folder" and not entry.file:
            message = f": [[versions]] number {number} names no file."
            raise file_error(SETTINGS_FILE, message, 'Add file = "versions/...".')
        version = entry.version()
        if version.name in versions:
            message = (
                f"{SETTINGS_FILE} lists version '{version.name}' twice: the second one "
                f"({version.file or f'number {number}'}) is left out. Give it another name."
            )
            findings.append(Finding(Severity.ERROR, message, version.name, version.file))
            continue
        versions[version.name] = version
        if entry.model is not None:
            own_models[version.name] = entry.model.spec()
    return replace(
        settings, versions=tuple(versions.values()), own_models=own_models, findings=tuple(findings)
    )


def merged_settings(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of settings merged, the last one first; None leaves a key as it is."""
    merged: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            if isinstance(value, Mapping) and isinstance(merged.get(key, {}), Mapping):
                inner = merged_settings(merged.get(key, {}), value)
                if inner:
                    merged[key] = inner
            elif value is not None:
                merged[key] = value
    return merged


def settings_text(settings: Settings) -> str:
    """The chameleon.toml of these settings, without defaults and findings; see `toml_text`."""
    return toml_text(settings_content(settings))


def settings_content(settings: Settings) -> dict[str, Any]:
    """The settings as a table with the keys of chameleon.toml."""
    weak, viewer, found = settings.weak, settings.viewer, settings.predictions
    probabilities = weak.probabilities
    columns: dict[str, Any] = {
        role: names[0] if len(names) == 1 else names for role, names in settings.columns.items()
    }
    columns |= {
        "ignore": settings.ignored or None,
        "label_probabilities": dict(probabilities)
        if isinstance(probabilities, tuple)
        else probabilities,
        "votes": weak.votes,
    }
    versions = [
        _filled(
            name=version.name,
            file=version.file or None,
            date=version.date,
            note=version.note,
            model=_model(settings.own_models.get(version.name)),
        )
        for version in settings.versions
    ]
    content = _filled(
        name=settings.name,
        open_at=settings.open_at,
        source=settings.source or None,
        columns=_filled(**columns),
        viewer=viewer
        and _filled(kind=viewer.kind.value, columns=viewer.columns or None, shape=viewer.shape),
        predictions=found and _filled(columns=found.columns, proba=found.proba),
        model=None if settings.model == ModelSpec() else _model(settings.model),
        test=_filled(golden=settings.golden),
        versions=versions or None,
    )
    return content or {}


def _filled(**table: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any value of TOML
    """The entries that are not None; None if all are."""
    return {key: value for key, value in table.items() if value is not None} or None


def _model(spec: ModelSpec | None) -> dict[str, Any] | None:
    return None if spec is None else {"estimator": spec.estimator, "params": dict(spec.params)}
