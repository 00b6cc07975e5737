"""The text of a chameleon.toml that says what given settings say."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from chameleon.project.records import ModelSpec, Settings
from chameleon.project.viewer_settings import viewer_table

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def settings_text(settings: Settings) -> str:
    """The chameleon.toml that gives these settings again when it is read.

    Defaults are not written; problems are what was found in a file, and no settings.

    Raises
    ------
    ValueError
        TOML cannot hold a value: None, an integer beyond 64 bits, half of a surrogate pair.
    """
    columns: dict[str, Any] = {
        role: names[0] if len(names) == 1 else list(names)
        for role, names in settings.columns.items()
    }
    if settings.ignored:
        columns["ignore"] = list(settings.ignored)
    weak = settings.weak
    if weak.probabilities is not None:
        said_so = weak.probabilities
        columns["label_probabilities"] = said_so if isinstance(said_so, str) else dict(said_so)
    if weak.votes is not None:
        columns["votes"] = weak.votes
    said = settings.predictions
    predictions = {} if said is None else {"columns": said.columns, "proba": said.proba}
    model = settings.model
    tables: dict[str, Mapping[str, Any]] = {
        "source": settings.source,
        "columns": columns,
        "viewer": viewer_table(settings.viewer),
        "predictions": {key: value for key, value in predictions.items() if value is not None},
        "model": {} if model == ModelSpec() else _model(model),
        "test": {} if settings.golden is None else {"golden": settings.golden},
    }
    lines = [_line("name", settings.name)]
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *(_line(key, value) for key, value in table.items())]
    for version in settings.versions:
        own = settings.own_models.get(version.name)
        told = {
            "name": version.name,
            "file": version.file or None,
            "date": version.date,
            "note": version.note,
            "model": None if own is None else _model(own),
        }
        lines += ["", "[[versions]]"]
        lines += [_line(key, value) for key, value in told.items() if value is not None]
    return "\n".join(lines) + "\n"


def _model(spec: ModelSpec) -> dict[str, Any]:
    return {"estimator": spec.estimator, "params": dict(spec.params)}


def toml_value(value: object) -> str:
    """A value as TOML spells it.

    Raises
    ------
    ValueError
        TOML cannot hold it.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"TOML has no integer as large as {value}.")
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case str():
            return _quoted(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(toml_value(part) for part in value)}]"
        case Mapping():
            pairs = [f"{_key(key)} = {toml_value(part)}" for key, part in value.items()]
            return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    raise ValueError(f"TOML cannot hold {value!r}.")


def _line(key: str, value: object) -> str:
    return f"{_key(key)} = {toml_value(value)}"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"TOML cannot hold the text {text!r}.") from error
    # JSON escapes what TOML wants escaped, but for the delete character
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
