"""Guided tours: a few steps through a project, each a sentence and a view to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chameleon.errors import ProjectError
from chameleon.project.toml_file import read_toml

TOUR_FILE = "tour.toml"
"""Where a project's tour stands, beside its chameleon.toml; a project needs none."""

_KNOWN = {"title", "text", "page", "link", "options"}


@dataclass(frozen=True, slots=True)
class TourStep:
    """One stop of a tour.

    Attributes
    ----------
    title, text
        What it is about, and what to see.
    page
        The page to open, by the last part of its address; empty for the Overview.
    query
        The selection, as items of an address.
    options
        How the page's switches stand, by their keys.
    """

    title: str
    text: str
    page: str = ""
    query: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str | bool | int] = field(default_factory=dict)


def read_tour(folder: Path) -> tuple[TourStep, ...]:
    """The steps of a project's tour.toml, in their order; empty where there is none.

    Each is a table [[steps]] with `title`, `text`, and optional `page`, `link` (the query of an
    address, as the address bar shows it) and `options` (switches of the page by their keys).

    Raises
    ------
    ProjectError
        The file cannot be read, or a step is not written like that.
    """
    path = folder / TOUR_FILE
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return ()
    content = read_toml(path)
    steps = content.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ProjectError(f"{TOUR_FILE}: steps must be written as [[steps]] tables.")
    return tuple(_step(step, number) for number, step in enumerate(steps, start=1))


def _step(entry: Mapping[str, Any], number: int) -> TourStep:
    where = f"{TOUR_FILE}: [[steps]] number {number}"
    unknown = set(entry) - _KNOWN
    if unknown:
        raise ProjectError(
            f"{where} has the unknown key '{min(unknown)}'. Known keys: "
            f"{', '.join(sorted(_KNOWN))}."
        )
    for key in ("title", "text"):
        if key not in entry:
            raise ProjectError(f"{where} has no '{key}'.")
    for key in ("title", "text", "page", "link"):
        if not isinstance(entry.get(key, ""), str):
            raise ProjectError(f"{where}: '{key}' must be a text, found {entry[key]!r}.")
    options = entry.get("options", {})
    if not isinstance(options, dict) or not all(
        isinstance(value, (str, bool, int)) for value in options.values()
    ):
        raise ProjectError(
            f"{where}: 'options' must be a table of texts, numbers and switches, found {options!r}."
        )
    return TourStep(
        title=entry["title"],
        text=entry["text"],
        page=entry.get("page", ""),
        query=tuple(parse_qsl(entry.get("link", ""), keep_blank_values=True)),
        options=options,
    )
