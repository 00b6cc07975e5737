"""The Story's state, as its component sends it, as the session's selection, and back.

The selection holds values, the component bars and cells: this is the one place that translates.
Filters that the component can't evaluate reach it as masks (view "other").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chameleon.analysis import SCOPES, FittedGrid
from chameleon.counting import CORRECT, INCORRECT, OUTCOMES
from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import (
    FeatureFilter,
    Filters,
    OutcomeChange,
    Region,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    bars_of_filter,
    filter_of_bars,
    has_histogram,
)

State = Mapping[str, Any]

OTHER = "other"
"""The view of filters that only Python can evaluate."""

_FEATURE = "feature:"
_OWN = {
    "regions": "map", "outcome_changes": "flow", "sensitivity": "sensitivity", "labels": "labels"
}  # fmt: skip
"""The view that would set a filter of a field, and therefore isn't narrowed by it."""

_FLOWS = {
    "still correct": (CORRECT, CORRECT),
    "regressed": (CORRECT, INCORRECT),
    "fixed": (INCORRECT, CORRECT),
    "still incorrect": (INCORRECT, INCORRECT),
}
_CHANGE_OF_FLOW = {
    name: OutcomeChange(OUTCOMES[before], OUTCOMES[after])
    for name, (before, after) in _FLOWS.items()
}
_FLOW_OF_CHANGE = {change: name for name, change in _CHANGE_OF_FLOW.items()}


@dataclass(frozen=True, slots=True)
class Looking:
    """What is shown besides versions and filters.

    `pinned` keeps the secondary version while the primary changes; `shares` is None where the
    component decides; `open` is the id of the open instance.
    """

    scope: str = "test"
    pinned: bool = False
    shares: bool | None = None
    open: str | None = None


@dataclass(frozen=True, slots=True)
class Translator:
    """The translation for one evaluation, whose layout is cut into the cells of `grid`."""

    evaluation: Evaluation
    grid: FittedGrid | None

    @property
    def dataset(self) -> EvolvingDataset:
        """The dataset of the evaluation."""
        return self.evaluation.dataset

    @property
    def whole_range(self) -> SensitivityRange:
        """The range of the component's changes of outcome: all versions."""
        names = [version.name for version in self.dataset.versions]
        return SensitivityRange(names[0], names[-1])

    def state(self, selection: Selection, looking: Looking) -> State:
        """The state that shows a selection."""
        return {
            "primary": selection.primary,
            "secondary": selection.secondary,
            "pinned": looking.pinned or self.is_pinned(selection),
            "scope": looking.scope,
            "shares": looking.shares,
            "filters": [*self._drawn(selection), *self._masked(selection)],
            "open": looking.open,
        }

    def is_pinned(self, selection: Selection) -> bool:
        """Return True if the secondary isn't the version before the primary."""
        names = [version.name for version in self.dataset.versions]
        return selection.secondary != names[max(names.index(selection.primary) - 1, 0)]

    def selection(self, state: State, current: Selection) -> Selection:
        """The selection that a state shows; filters of view "other" are those of `current`.

        Raises
        ------
        SelectionError
            The state names a version, feature, or cell that doesn't exist.
        """
        for side in ("primary", "secondary"):
            self.dataset.version_number(str(state[side]))
        kept = self._kept(state, current)
        filters = kept.filters
        for entry in state["filters"]:
            filters = self._with(filters, entry)
        return replace(
            kept, primary=state["primary"], secondary=state["secondary"], filters=filters
        )

    def others(self, selection: Selection) -> dict[str, Selection]:
        """The filters and restrictions that the component can't evaluate, by the key of its mask.

        Each is a selection with that filter, or that restriction of a side, alone.
        """
        bare = replace(
            selection, filters=Filters(), primary_only=Filters(), secondary_only=Filters()
        )
        found: dict[str, Selection] = {}
        for name, values in _fields(selection.filters):
            if not self._draws(selection, name):
                found[name] = replace(bare, filters=replace(Filters(), **{name: values}))
        for feature in selection.filters.features:
            if self._bars(selection, feature) is None:
                key = f"{_FEATURE}{feature.feature}"
                found[key] = replace(bare, filters=Filters(features=(feature,)))
        for side in ("primary_only", "secondary_only"):
            only = getattr(selection, side)
            if not only.is_empty:
                found[side] = replace(bare, **{side: only})
        return found

    def words(self, of: Selection) -> str:
        """The label of one of `others`."""
        kinds = self.dataset.project.kinds
        for side in ("primary", "secondary"):
            only = getattr(of, f"{side}_only")
            if not only.is_empty:
                return ", ".join([getattr(of, side), *(part.label(kinds) for part in only.parts)])
        first, *others = of.filters.parts
        label = first.label(kinds)
        return " or ".join([label, *(part.side_label for part in others)])

    def _drawn(self, selection: Selection) -> Iterator[State]:
        """The filters that the component's views show."""
        filters, kinds = selection.filters, self.dataset.project.kinds
        for part in _parts(filters, "features"):
            bars = self._bars(selection, part.value)
            if bars is not None:
                yield {
                    "view": "feature", "feature": part.value.feature, "bars": bars,
                    "label": part.label(kinds),
                }  # fmt: skip
        if filters.regions and self._draws(selection, "regions"):
            cells = self._cells(filters.regions)
            words = "1 cell of the map" if len(cells) == 1 else f"{len(cells)} cells of the map"
            yield {"view": "map", "cells": cells, "label": words}
        if filters.outcome_changes and self._draws(selection, "outcome_changes"):
            flows = [_FLOW_OF_CHANGE[change] for change in filters.outcome_changes]
            yield {"view": "flow", "outcomes": flows, "label": " or ".join(flows)}
        if filters.sensitivity is not None and self._draws(selection, "sensitivity"):
            changes = filters.sensitivity.changes
            label = _parts(filters, "sensitivity")[0].label(kinds)
            yield {"view": "sensitivity", "from": min(changes), "to": max(changes), "label": label}
        if filters.labels and self._draws(selection, "labels"):
            words = " or ".join(map(str, filters.labels))
            yield {"view": "labels", "labels": list(filters.labels), "label": f"label {words}"}

    def _masked(self, selection: Selection) -> Iterator[State]:
        for key, alone in self.others(selection).items():
            entry = {"view": OTHER, "mask": key, "label": self.words(alone)}
            own = _OWN.get(key, key if key.startswith(_FEATURE) else None)
            yield entry if own is None else entry | {"own": own}

    def _draws(self, selection: Selection, field: str) -> bool:
        """Return True if a view of the component shows the filters of a field as they are."""
        filters = selection.filters
        match field:
            case "features":
                return True  # one by one: see `_bars`
            case "outcome_changes":
                return all(change in _FLOW_OF_CHANGE for change in filters.outcome_changes)
            case "sensitivity" if filters.sensitivity is not None:
                over, changes = filters.sensitivity
                whole = over == self.whole_range
                return whole and sorted(changes) == [*range(min(changes), max(changes) + 1)]
        if selection.read != "primary":  # the component reads the primary's row first
            return False
        match field:
            case "labels":
                return all(label is not None for label in filters.labels)
            case "regions":
                return self._are_cells(filters.regions)
        return False

    def _bars(self, selection: Selection, chosen: FeatureFilter) -> list[int] | None:
        """The bars that a filter consists of; None where it isn't made of whole ones."""
        feature = self.dataset.features[self.dataset.feature_number(chosen.feature)]
        if selection.read != "primary" or not has_histogram(feature):
            return None
        bars = bars_of_filter(feature, chosen)
        made = filter_of_bars(feature, bars)
        return sorted(bars) if bars and _same_values(made, chosen) else None

    def _are_cells(self, regions: Sequence[Region]) -> bool:
        layout = self.evaluation.layout
        if self.grid is None or layout is None:
            return False
        return all(
            region.layout == layout.key and self.grid.cells(region) is not None
            for region in regions
        )

    def _cells(self, regions: Sequence[Region]) -> list[int]:
        assert self.grid is not None
        return sorted({cell for region in regions for cell in self.grid.cells(region) or ()})

    def _kept(self, state: State, current: Selection) -> Selection:
        """The current selection with those filters alone that remain in the state as masks."""
        masks = {entry["mask"] for entry in state["filters"] if entry["view"] == OTHER}
        kept = replace(current, filters=Filters(), primary_only=Filters(), secondary_only=Filters())
        for key, alone in self.others(current).items():
            if key not in masks:
                continue
            if key in ("primary_only", "secondary_only"):
                kept = replace(kept, **{key: getattr(alone, key)})
                continue
            changes = dict(_fields(alone.filters))
            if "features" in changes:
                changes["features"] = (*kept.filters.features, *changes["features"])
            kept = replace(kept, filters=replace(kept.filters, **changes))
        return kept

    def _with(self, filters: Filters, entry: State) -> Filters:
        """The filters with one more, as the component states it."""
        match entry["view"]:
            case "feature":
                name = entry["feature"]
                feature = self.dataset.features[self.dataset.feature_number(name)]
                if not has_histogram(feature):
                    return filters
                bars = [bar for bar in entry["bars"] if 0 <= bar < feature.bins.count]
                return filters.with_feature(filter_of_bars(feature, bars))
            case "map":
                return replace(filters, regions=self._regions(entry["cells"]))
            case "flow":
                known = [_CHANGE_OF_FLOW[o] for o in entry["outcomes"] if o in _CHANGE_OF_FLOW]
                return replace(filters, outcome_changes=tuple(known))
            case "sensitivity":
                changes = tuple(range(int(entry["from"]), int(entry["to"]) + 1))
                return replace(filters, sensitivity=SensitivityChoice(self.whole_range, changes))
            case "labels":
                return replace(filters, labels=tuple(entry["labels"]))
        return filters

    def _regions(self, cells: Sequence[int]) -> tuple[Region, ...]:
        layout: Layout | None = self.evaluation.layout
        if self.grid is None or layout is None:
            raise SelectionError("There is no map to filter by yet.")
        return self.grid.regions(layout, cells)


def looking_of(state: State) -> Looking:
    """The part of a state besides versions and filters; unknown values are the default ones."""
    scope, shares, instance = state.get("scope"), state.get("shares"), state.get("open")
    return Looking(
        scope=scope if scope in SCOPES else "test",
        pinned=state.get("pinned") is True,
        shares=shares if isinstance(shares, bool) else None,
        open=instance if isinstance(instance, str) else None,
    )


def same_state(one: State | None, other: State | None) -> bool:
    """Return True if two states show the same; labels and the order of filters don't matter."""
    return one is not None and other is not None and _comparable(one) == _comparable(other)


def merged_state(told: State, known: State, current: State) -> State:
    """The told state with what the session changed since the component's `known` state.

    A click in the sidebar and a step in the component may cross on their way: neither undoes the
    other. Where both changed the same thing, the component's change holds.
    """
    before, now = (_filters_by_key(state) for state in (known, current))
    kept = [
        entry for key, entry in _filters_by_key(told).items() if key in now or key not in before
    ]
    views = {_view_of(entry) for entry in kept}
    added = [
        entry for key, entry in now.items() if key not in before and _view_of(entry) not in views
    ]
    versions = {
        name: (told if told[name] != known[name] else current)[name]
        for name in ("primary", "secondary")
    }
    return {**told, **versions, "filters": [*kept, *added]}


def _view_of(entry: State) -> tuple[Any, ...]:
    """A component has one filter of each of these."""
    return entry["view"], entry.get("feature"), entry.get("mask")


def _comparable(state: State) -> object:
    shown = ("primary", "secondary", "pinned", "scope", "shares", "open")
    return {name: state.get(name) for name in shown}, set(_filters_by_key(state))


def _filters_by_key(state: State) -> dict[frozenset[tuple[str, Any]], State]:
    """The filters by what they keep: labels and the order of values don't matter."""

    def fixed(value: object) -> object:
        return tuple(sorted(value, key=str)) if isinstance(value, list | tuple) else value

    return {
        frozenset((name, fixed(value)) for name, value in entry.items() if name != "label"): entry
        for entry in state["filters"]
    }


def _same_values(one: FeatureFilter, other: FeatureFilter) -> bool:
    return (set(one.ranges), set(one.categories), one.flags) == (
        set(other.ranges), set(other.categories), other.flags
    )  # fmt: skip


def _parts(filters: Filters, field: str) -> list[Any]:
    """The filters of a field, each of which can be removed."""
    return [part for part in filters.parts if part.field == field]


def _fields(filters: Filters) -> Iterator[tuple[str, Any]]:
    """The fields of filters that filter, and their values."""
    for kind in filters.by_kind:
        yield kind.field, getattr(filters, kind.field)
