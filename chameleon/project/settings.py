"""What chameleon.toml says, checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chameleon.errors import ProjectError
from chameleon.project.records import (
    SETTINGS_FILE,
    USUAL_NAMES,
    ModelSpec,
    PredictionColumns,
    Problem,
    Settings,
    Severity,
    Version,
    version_name,
)
from chameleon.project.toml_file import read_toml
from chameleon.project.viewer_settings import viewer_spec
from chameleon.project.weak_columns import CLASS, RULE, Pairs, WeakColumns

_KNOWN = {"name", "columns", "model", "versions", "source", "predictions", "viewer", "test"}
_WEAK = ("label_probabilities", "votes")


def read_settings(folder: Path, file: str = SETTINGS_FILE) -> Settings:
    """The settings of a project folder: its chameleon.toml, or defaults where there is none.

    Raises
    ------
    ProjectError
        The file is not valid TOML, too large or nested too deeply, or a value has the wrong type.
    """
    path = folder / file
    if not path.is_file():
        return Settings(name=folder.resolve().name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ProjectError(
            f"{file} is a link out of the project folder. Put the file itself there."
        )
    content = read_toml(path)
    columns = _table(content, "columns")
    problems = [
        *_unknown_keys(content, _KNOWN, "at the top"),
        *_unknown_keys(columns, {*USUAL_NAMES, "ignore", *_WEAK}, "under [columns]"),
    ]
    settings = Settings(
        name=_text(content, "name", folder.resolve().name),
        columns={role: _names(columns, role) for role in USUAL_NAMES if role in columns},
        ignored=_names(columns, "ignore"),
        model=_model_spec(_table(content, "model")),
        source=_table(content, "source"),
        predictions=_prediction_columns(_table(content, "predictions")),
        weak=WeakColumns(_label_probabilities(columns), _votes(columns)),
        viewer=viewer_spec(_table(content, "viewer")),
        golden=_golden(_table(content, "test")),
    )
    versions, own_models, version_problems = _listed_versions(
        content.get("versions", []), files=settings.source_kind == "folder"
    )
    return replace(
        settings,
        versions=versions,
        own_models=own_models,
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


def _label_probabilities(columns: Mapping[str, Any]) -> str | Pairs | None:
    value = columns.get("label_probabilities")
    if value is None or (isinstance(value, str) and _is_template(value, CLASS)):
        return value
    if isinstance(value, dict) and all(isinstance(name, str) for name in value.values()):
        return tuple(value.items())
    raise ProjectError(
        f"{SETTINGS_FILE}: 'label_probabilities' under [columns] must be a column name with "
        f'{CLASS} in it, such as "p_{CLASS}", or the column of every class, such as '
        f'{{ cat = "p_cat", dog = "p_dog" }}, found {value!r}.'
    )


def _votes(columns: Mapping[str, Any]) -> str | tuple[str, ...] | None:
    value = columns.get("votes")
    if value is None or (isinstance(value, str) and _is_template(value, RULE)):
        return value
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ProjectError(
        f"{SETTINGS_FILE}: 'votes' under [columns] must be a column name with {RULE} in it, such "
        f'as "lf_{RULE}", or a list of columns, found {value!r}.'
    )


def _is_template(text: str, placeholder: str) -> bool:
    return text.count(placeholder) == 1 and text != placeholder


def _model_spec(table: Mapping[str, Any], where: str = "[model]") -> ModelSpec:
    """The model code of a table; `where` is what messages call it."""
    if not table:
        return ModelSpec()
    unknown = set(table) - {"estimator", "params"}
    if unknown:
        raise ProjectError(
            f"{SETTINGS_FILE}: unknown key '{min(unknown)}' under {where}. "
            "It may hold 'estimator' and 'params'."
        )
    estimator = _text(table, "estimator", ModelSpec().estimator)
    default = ModelSpec().params if estimator == ModelSpec().estimator else {}
    params = table.get("params", default)
    if not isinstance(params, dict) and params is not default:
        raise ProjectError(
            f"{SETTINGS_FILE}: 'params' under {where} must be a table such as "
            f"{{ random_state = 0 }}, found {params!r}."
        )
    return ModelSpec(estimator=estimator, params=dict(params))


def _prediction_columns(table: Mapping[str, Any]) -> PredictionColumns | None:
    if not table:
        return None
    where = f"{SETTINGS_FILE}: [predictions]"
    unknown = set(table) - {"columns", "proba"}
    if unknown:
        raise ProjectError(
            f"{where} has the unknown key '{min(unknown)}'. It may hold 'columns' and 'proba'."
        )
    said = PredictionColumns(
        columns=_text(table, "columns", ""),
        proba=_text(table, "proba", "") if "proba" in table else None,
    )
    asked = (
        ("columns", said.columns, False, "prediction_{version}"),
        ("proba", said.proba, True, "proba_{version}_{class}"),
    )
    for key, text, must, example in asked:
        if text is None:
            continue
        fixed = text.replace("{version}", "").replace("{class}", "")
        if not fixed or text.count("{version}") > 1 or text.count("{class}") != must:
            raise ProjectError(
                f"{where} '{key}' must be a column name such as \"{example}\", found {text!r}."
            )
    if said.proba is not None and ("{version}" in said.columns) != ("{version}" in said.proba):
        raise ProjectError(
            f"{where} must have {{version}} in both 'columns' and 'proba' or in neither, "
            f"found {said.columns!r} and {said.proba!r}."
        )
    return said


def _golden(table: Mapping[str, Any]) -> str | None:
    """The file of the golden test set."""
    if not table:
        return None
    unknown = set(table) - {"golden"}
    if unknown:
        raise ProjectError(
            f"{SETTINGS_FILE}: [test] has the unknown key '{min(unknown)}'. It may hold 'golden', "
            "the file of a golden test set."
        )
    return _text(table, "golden", "")


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


def _listed_versions(
    entries: object, *, files: bool
) -> tuple[tuple[Version, ...], dict[str, ModelSpec], list[Problem]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProjectError(f"{SETTINGS_FILE}: versions must be written as [[versions]] tables.")
    versions: dict[str, Version] = {}
    own_models: dict[str, ModelSpec] = {}
    problems: list[Problem] = []
    for number, entry in enumerate(entries, start=1):
        problems += _unknown_keys(
            entry, {"name", "file", "date", "note", "model"}, f"in [[versions]] number {number}"
        )
        version = _listed_version(entry, number, files=files)
        if version.name in versions:
            problems.append(
                Problem(
                    Severity.ERROR,
                    f"{SETTINGS_FILE} lists version '{version.name}' twice: the second one "
                    f"({version.file or f'number {number}'}) is left out. "
                    "Give it a name of its own.",
                    version=version.name,
                    file=version.file,
                )
            )
        else:
            versions[version.name] = version
            if "model" in entry:
                own_models[version.name] = _own_model(entry, version)
    return tuple(versions.values()), own_models, problems


def _own_model(entry: Mapping[str, Any], version: Version) -> ModelSpec:
    where = f"'model' of version {version.name}"
    table = entry["model"]
    if not isinstance(table, dict) or not table:
        raise ProjectError(
            f"{SETTINGS_FILE}: the {where} must be a table such as "
            f'{{ estimator = "LogisticRegression" }}, found {table!r}.'
        )
    return _model_spec(table, where)


def _listed_version(entry: Mapping[str, Any], number: int, *, files: bool) -> Version:
    """The version of one [[versions]] table; `files`: a version is a file, which it must name."""
    file = entry.get("file", "")
    if not isinstance(file, str) or (files and not file):
        raise ProjectError(
            f"{SETTINGS_FILE}: [[versions]] number {number} names no file. "
            'Add file = "versions/...".'
        )
    place = file or f"[[versions]] number {number}"
    note, date = entry.get("note"), entry.get("date")
    if note is not None and not isinstance(note, str):
        raise ProjectError(f"{SETTINGS_FILE}: the note of {place} must be a text, found {note!r}.")
    name = entry.get("name", version_name(file))
    if isinstance(name, (float, bool)) or not isinstance(name, (str, int)) or name == "":
        raise ProjectError(
            f"{SETTINGS_FILE}: the name of {place} must be a text in quotes, such as "
            f'name = "1.10", found {name!r}.'
        )
    return Version(name=str(name), date=_date(date, place), note=note, file=file)


def _date(value: object, place: str) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if value is None or isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise ProjectError(
            f"{SETTINGS_FILE}: the date of {place} must be written as 2019-01-11, found {value!r}."
        ) from None
