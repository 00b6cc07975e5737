"""Guided tours: a few steps through a project, each a sentence and a view to open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec

from chameleon.project.toml_file import Table, checked, must, read_toml

TOUR_FILE = "tour.toml"
"""The file of a project's tour, beside its chameleon.toml; a project needs none."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """One stop of a tour: what it is about and what to see, and the view to open.

    `page` is the last part of a page's address, empty for the Overview. `query` is the selection,
    as items of an address, and `options` the page's switches by their keys.
    """

    title: str
    text: str
    page: str = ""
    query: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str | bool | int] = field(default_factory=dict)


class _Step(Table):
    title: Annotated[str, must("a text")]
    text: Annotated[str, must("a text")]
    page: Annotated[str, must("a text")] = ""
    link: Annotated[str, must("a text")] = ""
    options: Annotated[
        dict[str, str | bool | int], must("a table of texts, numbers and switches")
    ] = msgspec.field(default_factory=dict)


class _Tour(Table):
    steps: Annotated[tuple[_Step, ...], must("written as [[steps]] tables")]


def read_tour(folder: Path) -> tuple[TourStep, ...]:
    """The steps of a project's tour.toml, in their order; empty without one.

    Each is a table [[steps]] with `title`, `text`, and optional `page`, `link` (the query of an
    address, as the address bar shows it) and `options` (switches of the page by their keys).
    """
    path = folder / TOUR_FILE
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return ()
    tour = checked(read_toml(path), _Tour, TOUR_FILE)
    return tuple(
        TourStep(
            title=step.title,
            text=step.text,
            page=step.page,
            query=tuple(parse_qsl(step.link, keep_blank_values=True)),
            options=step.options,
        )
        for step in tour.steps
    )
