"""The text of a chameleon.toml that holds given settings."""

from __future__ import annotations

from typing import Any

from chameleon.project.records import ModelSpec, Settings
from chameleon.project.toml_file import toml_text


def settings_text(settings: Settings) -> str:
    """The chameleon.toml that gives these settings again when it is read.

    Defaults and problems are not written.

    Raises
    ------
    ValueError
        TOML cannot hold a value: None, an integer beyond 64 bits, half of a surrogate pair.
    """
    columns: dict[str, Any] = {
        role: names[0] if len(names) == 1 else names for role, names in settings.columns.items()
    }
    weak, viewer, said = settings.weak, settings.viewer, settings.predictions
    probabilities = weak.probabilities
    content = {
        "name": settings.name,
        "source": settings.source or None,
        "columns": _filled(
            {
                **columns,
                "ignore": settings.ignored or None,
                "label_probabilities": dict(probabilities)
                if isinstance(probabilities, tuple)
                else probabilities,
                "votes": weak.votes,
            }
        ),
        "viewer": viewer
        and _filled(
            {
                "kind": viewer.kind.value,
                "columns": viewer.columns or None,
                "shape": viewer.shape,
            }
        ),
        "predictions": said and _filled({"columns": said.columns, "proba": said.proba}),
        "model": None if settings.model == ModelSpec() else _model(settings.model),
        "test": _filled({"golden": settings.golden}),
        "versions": [
            _filled(
                {
                    "name": version.name,
                    "file": version.file or None,
                    "date": version.date,
                    "note": version.note,
                    "model": _model(settings.own_models.get(version.name)),
                }
            )
            for version in settings.versions
        ]
        or None,
    }
    return toml_text(_filled(content) or {})


def _filled(table: dict[str, Any]) -> dict[str, Any] | None:
    """The entries that are not None; None where all are."""
    return {key: value for key, value in table.items() if value is not None} or None


def _model(spec: ModelSpec | None) -> dict[str, Any] | None:
    return None if spec is None else {"estimator": spec.estimator, "params": dict(spec.params)}
