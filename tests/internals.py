"""The functions of the rooms under one name, with versions and filters as keywords.

Tests of the rooms call them as `internals.prediction_changes(evaluation, primary=…, secondary=…)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any

from chameleon import analysis, data, errors, layout, models, project, selection, storage
from chameleon.analysis import matching

_ROOMS = (analysis, models, project, selection, storage, data, layout, errors)
_SIDES = ("filters", "primary_only", "secondary_only")


__all__ = sorted({name for room in _ROOMS if room is not errors for name in room.__all__})


def __getattr__(name: str) -> Any:
    for room in _ROOMS:
        if hasattr(room, name):
            found = getattr(room, name)
            return keyword_form(found) if inspect.isfunction(found) else found
    raise AttributeError(name)


def keyword_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with versions and filters as keywords; other functions as they are."""
    declared = getattr(function, matching._DECLARED, None)
    if declared is None:
        return function
    parts = ("primary", "secondary", *declared.fields)
    form = signature(function)
    others = [one for name, one in form.parameters.items() if name != "selection"]
    keywords = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in parts]
    first = [one for one in others if one.kind is not Parameter.KEYWORD_ONLY]
    rest = [one for one in others if one.kind is Parameter.KEYWORD_ONLY]
    form = form.replace(parameters=[*first, *keywords, *rest])

    @wraps(function)
    def with_keywords(*args: object, **options: object) -> object:
        given = form.bind(*args, **options).arguments
        asked = {name: given.pop(name, None) for name in parts}
        over = given.get("over")
        asked["primary"] = asked["primary"] or getattr(over, "last", None)
        asked["secondary"] = asked["secondary"] or getattr(over, "first", asked["primary"])
        return function(selection=selection.Selection.of(**asked), **given)

    return with_keywords
