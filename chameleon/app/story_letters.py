"""Letters to the Story: small answers that reach it without its payload being sent again."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from chameleon import analysis
from chameleon.analysis import Story
from chameleon.app import cached, viewers
from chameleon.app.story_state import Looking, State, Translator
from chameleon.app.view import View
from chameleon.app.viewers import Picture, PictureError
from chameleon.data import viewed_values, viewer_of
from chameleon.errors import ChameleonError
from chameleon.project import ViewerKind
from chameleon.selection import (
    Filters,
    RegionFilter,
    Selection,
    held_rows,
    instance_mask,
    instance_numbers,
)

_PICTURE_SIDE = 160
_MOST_EDITED = 3

Letter = Mapping[str, Any]


def letter(
    view: View, story: Story, translator: Translator, looking: Looking, shown: State
) -> Letter:
    """What Python adds to a state: `accepted` and `serial` are added on sending.

    key (of the payload), state, masks (of filters that the component can't evaluate), pair (facts
    and drift of a step that the payload lacks), instance (the open one), matching (instances that
    match the filters in the scope, of all), and empty (the filter whose removal shows most, where
    nothing matches).
    """
    return {
        "key": story.head["key"],
        "state": shown,
        "masks": masks(view, story, translator),
        "pair": _pair(view, story),
        "instance": None if looking.open is None else _instance(view, looking.open),
        "matching": _matching(view, looking.scope),
        "empty": _empty(view),
    }


def masks(view: View, story: Story, translator: Translator) -> list[dict[str, str]]:
    """Filters and restrictions as a bit per packed row, in base64."""
    found: list[dict[str, str]] = []
    for key, alone in translator.others(view.selection).items():
        side = key.removesuffix("_only") if key.endswith("_only") else "both"
        rows = _matching_rows(view, alone, side)
        packed = base64.b64encode(story.packed.mask(rows)).decode()
        label = translator.words(alone)
        found.append({"mask": key, "label": label, "rows": packed, "side": side})
    return found


def _matching_rows(view: View, alone: Selection, side: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    evaluation = view.evaluation
    if side == "both":
        return instance_mask(evaluation, alone)[evaluation.dataset.instance]
    primary, secondary = held_rows(evaluation, alone)
    return primary if side == "primary" else secondary


def _pair(view: View, story: Story) -> dict[str, Any] | None:
    primary, secondary = view.selection.primary, view.selection.secondary
    names = view.version_names
    follows = names.index(primary) == names.index(secondary) + 1
    if primary == secondary or (follows and story.is_complete):
        return None
    return cached.call(analysis.pair_facts, view.evaluation, before=secondary, after=primary)


def _matching(view: View, scope: str) -> list[int]:
    """The primary's instances that match the filters in the scope, and all of them."""

    def count(selection: Selection) -> int:
        found = cached.call(analysis.selected, view.evaluation, selection)
        return found.primary if scope == "all" else found.by_split[scope][0]

    return [count(view.selection), count(view.unfiltered)]


def _empty(view: View) -> dict[str, Any] | None:
    if view.call(analysis.selected).instances:
        return None
    shows = (
        (words, cached.call(analysis.selected, view.evaluation, relaxed).instances)
        for words, relaxed in _relaxed(view)
    )
    words, count = max(shows, key=lambda one: one[1], default=("", 0))
    return {"filter": words, "shows": count} if count else None


def _relaxed(view: View) -> Iterator[tuple[str, Selection]]:
    """Every filter, all cells together, and every restriction: its label, and the rest alone."""
    kinds, selection = view.evaluation.dataset.project.kinds, view.selection
    filters = selection.filters
    for part in filters.parts:
        if not isinstance(part, RegionFilter):
            yield part.label(kinds), replace(selection, filters=filters.without(part))
    cells = len(filters.regions)
    if cells:
        words = "a cell of the embedding" if cells == 1 else f"{cells} cells of the embedding"
        yield words, replace(selection, filters=replace(filters, regions=()))
    for side, words in view.sides.items():
        without: dict[str, Any] = {f"{side}_only": Filters()}
        relaxed = replace(selection, **without)
        if relaxed != selection:
            yield f"{side} is {words}", relaxed


def _instance(view: View, instance: str) -> dict[str, Any] | None:
    """The details of one instance; None if there is no such one.

    id; values (feature, secondary, primary), as text; text, where the data are texts; image
    (secondary, primary), as data addresses, where the pixels are no codes; predictions (version,
    class, probability); changes, in words.
    """
    evaluation = view.evaluation
    try:
        versions = analysis.instance_versions(evaluation, instance)
    except ChameleonError:
        return None
    rows = analysis.instance_rows(evaluation, instance)
    held = dict(versions.filter("present").select("version", "row").iter_rows())
    values = {
        row: dict(of.filter("is_feature").select("column", "value").iter_rows())
        for (row,), of in rows.group_by("row", maintain_order=True)
    }
    none: dict[str, str | None] = {}
    shown_sides = (view.selection.secondary, view.selection.primary)
    sides = [values.get(held.get(version, 0), none) for version in shown_sides]
    names = [feature.name for feature in evaluation.dataset.features]
    shown = ("version", "prediction", "probability_of_prediction")
    return {
        "id": instance,
        "values": [[name, *(side.get(name) for side in sides)] for name in names],
        "predictions": [list(row) for row in versions.select(shown).iter_rows()],
        "changes": _changes_in_words(rows),
        **_viewed(view, instance),
    }


def _changes_in_words(rows: pl.DataFrame) -> list[str]:
    """A sentence for each row of an instance that differs from the one before."""
    found: list[str] = []
    before: dict[str, str | None] = {}
    for (_, versions), of in rows.group_by("row", "versions", maintain_order=True):
        now = dict(of.select("column", "value").iter_rows())
        changed = of.filter("changed")
        parts = [
            f"{name} {before.get(name) or 'missing'} → {now[name] or 'missing'}"
            for name in changed.filter(~pl.col("is_feature"))["column"]
        ]
        edited = changed.filter("is_feature")["column"].to_list()
        if edited:
            more = len(edited) - _MOST_EDITED
            listed = ", ".join(edited[:_MOST_EDITED]) + (f", and {more} more" if more > 0 else "")
            parts.append(f"{listed} edited")
        if parts:
            found.append(f"{versions}: {'; '.join(parts)}")
        before = now
    return found


def _viewed(view: View, instance: str) -> dict[str, Any]:
    """The text of an instance, or its pictures in both versions as data addresses."""
    dataset = view.evaluation.dataset
    viewer = viewer_of(dataset)
    number = instance_numbers(dataset, pl.Series([instance]))[0]
    sides = [view.selection.secondary, view.selection.primary]
    rows = [dataset.row_of_instance(dataset.version_number(name))[number] for name in sides]
    held = [row for row in rows if row >= 0]
    if not held or viewer.kind not in (ViewerKind.TEXT, ViewerKind.IMAGE):
        return {"text": None, "image": None}
    try:
        values = viewed_values(dataset, viewer, np.array(held), first=sides)
    except ChameleonError:  # its file changed, or can't be read any more
        return {"text": None, "image": None}
    if viewer.kind is ViewerKind.TEXT:
        return {"text": values[-1], "image": None}
    made = iter(viewers.pictures(dataset, viewer, values, side=_PICTURE_SIDE))
    return {"text": None, "image": [_address(next(made)) if row >= 0 else None for row in rows]}


def _address(picture: Picture) -> str | None:
    """A picture as a data address; None where there is none."""
    if isinstance(picture, PictureError):
        return None
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
