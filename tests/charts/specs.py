"""Reading a Vega-Lite specification, and choosing the options to draw with."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl


def nodes(spec: Any) -> Iterator[dict[str, Any]]:
    """Every object in a specification."""
    if isinstance(spec, dict):
        yield spec
        for value in spec.values():
            yield from nodes(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from nodes(value)


def fields(spec: dict[str, Any]) -> set[str]:
    """The columns that a specification asks of its frame."""
    named = {node["field"] for node in nodes(spec) if isinstance(node.get("field"), str)}
    asked = {
        name
        for node in nodes(spec)
        for value in node.values()
        if isinstance(value, str)
        for name in re.findall(r"datum\.(\w+)", value)
    }
    return named | asked - {"value", "label"}  # an axis has a datum of its own


def checked(
    build: Callable[..., dict[str, Any]],
    frame: pl.DataFrame,
    *options: Any,
    pick: Sequence[str] = (),
    **named: Any,
) -> dict[str, Any]:
    """The light specification; both themes are sound, use columns of the frame, and select."""
    for dark in (True, False):
        spec = build(*options, dark=dark, **named)
        assert is_sound(spec)
        made = {node["as"] for node in nodes(spec) if isinstance(node.get("as"), str)}
        assert fields(spec) - made <= set(frame.columns)
        picks = [node["select"] for node in nodes(spec) if node.get("name") == "pick"]
        assert picks == [{"type": "point", "fields": list(pick), "toggle": "true"}] * bool(pick)
    return spec


def is_sound(spec: dict[str, Any]) -> bool:
    """Return True if it is JSON without NaN, has no data, and describes itself."""
    text = json.dumps(spec, allow_nan=False)
    assert "data" not in spec
    assert "datasets" not in spec
    assert not [node for node in nodes(spec) if "values" in node and "url" in node]
    assert len(spec["description"]) > 20
    assert "$schema" in spec
    assert len(text) < 20_000
    return True


def encodings(spec: dict[str, Any], channel: str) -> list[dict[str, Any]]:
    """One channel in all layers."""
    return [
        node["encoding"][channel]
        for node in nodes(spec)
        if isinstance(node.get("encoding"), dict) and channel in node["encoding"]
    ]


def pairwise(*factors: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Few combinations in which any two values of two factors meet."""

    def pairs(places: tuple[int, ...]) -> set[Any]:
        return set(itertools.combinations(enumerate(places), 2))

    every = list(itertools.product(*(range(len(factor)) for factor in factors)))
    missing = set().union(*(pairs(places) for places in every))
    found = []
    while missing:
        best = max(every, key=lambda places: len(pairs(places) & missing))
        missing -= pairs(best)
        found.append(tuple(factor[k] for factor, k in zip(factors, best, strict=True)))
    return found
