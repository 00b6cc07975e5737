"""How an analysis takes a selection, and the keyword form in which the package offers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar, cast

from chameleon.models import Evaluation
from chameleon.selection import Filters, Selection

Function = TypeVar("Function", bound=Callable[..., Any])

FILTERS = ("filters",)
FILTERS_AND_PRIMARY = (*FILTERS, "primary_only")
EVERYTHING = (*FILTERS_AND_PRIMARY, "secondary_only")

_DECLARED = "of_selection"


@dataclass(frozen=True, slots=True)
class _Declared:
    """What an analysis takes of a selection, besides the two versions.

    Attributes
    ----------
    fields
        Of the selection; the others change nothing.
    own
        Of the filters: its view highlights these instead of being narrowed by them.
    defaults
        Where the keyword form takes a version from that is not given, by its side.
    """

    fields: tuple[str, ...]
    own: tuple[str, ...]
    defaults: Mapping[str, str]

    def part(self, selection: Selection) -> Selection:
        kept = {field: getattr(selection, field) for field in self.fields}
        part = Selection(selection.primary, selection.secondary, **kept)
        return without_fields(part, *self.own)


def of_selection(
    *fields: str, own: Sequence[str] = (), **defaults: str
) -> Callable[[Function], Function]:
    """A decorator of an analysis `(evaluation, selection, …)`: it sees what it declares alone."""

    def decorate(function: Function) -> Function:
        declared = _Declared(fields, tuple(own), defaults)

        @wraps(function)
        def analysis(
            evaluation: Evaluation, selection: Selection, *args: object, **options: object
        ) -> object:
            return function(evaluation, declared.part(selection), *args, **options)

        analysis.__dict__[_DECLARED] = declared
        return cast("Function", analysis)

    return decorate


def selection_part(function: Callable[..., object], selection: Selection) -> Selection | None:
    """What an analysis depends on of a selection; None where it takes none."""
    declared: _Declared | None = getattr(function, _DECLARED, None)
    return None if declared is None else declared.part(selection)


def without_fields(selection: Selection, *fields: str) -> Selection:
    """The selection without the filters of these fields."""
    nothing: dict[str, Any] = {field: getattr(Filters(), field) for field in fields}
    return (
        replace(selection, filters=replace(selection.filters, **nothing)) if fields else selection
    )


def keyword_form(function: Function) -> Function:
    """The function with versions and filters as keywords; other functions as they are."""
    declared: _Declared | None = getattr(function, _DECLARED, None)
    if declared is None:
        return function
    original = signature(function)
    sides = {
        name: Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None if name in declared.defaults or name in EVERYTHING else Parameter.empty,
            annotation="Filters | None" if name in EVERYTHING else "str",
        )
        for name in ("primary", "secondary", *declared.fields)
    }
    for name in declared.defaults:
        sides[name] = sides[name].replace(annotation="str | None")
    others = [found for name, found in original.parameters.items() if name != "selection"]
    first = [found for found in others if found.kind is not Parameter.KEYWORD_ONLY]
    keywords = [found for found in others if found.kind is Parameter.KEYWORD_ONLY]
    form = original.replace(parameters=[*first, *sides.values(), *keywords])

    @wraps(function)
    def with_keywords(*args: object, **options: object) -> object:
        given = form.bind(*args, **options).arguments
        asked = {name: given.pop(name, None) for name in sides}
        for name, other in declared.defaults.items():
            asked[name] = asked[name] or asked.get(other) or given.get(other)
        return function(selection=Selection.of(**asked), **given)

    with_keywords.__dict__["__signature__"] = form
    with_keywords.__module__ = "chameleon"
    return cast("Function", with_keywords)
