"""The check of options: every string that a method takes is one of its type's literals."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, wraps
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from chameleon import types
from chameleon.errors import SelectionError
from chameleon.project import Split

Class = TypeVar("Class")
Function = TypeVar("Function", bound=Callable[..., Any])


def require_option(value: object, allowed: Sequence[str | None], name: str) -> None:
    """Raise SelectionError unless the value is one of those allowed."""
    if any(value is one or (isinstance(value, str) and value == one) for one in allowed):
        return
    near = get_close_matches(str(value), [one for one in allowed if one is not None], 1)
    nearest = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(map(repr, allowed))
    raise SelectionError(f"{name} must be one of {listed}, found {value!r}.{nearest}")


def split_of(asked: str | None) -> Split | None:
    """The split of an option; None for all rows."""
    return None if asked in (None, "all") else Split(asked)


@cache
def options_of(function: Callable[..., Any]) -> Mapping[str, tuple[str | None, ...]]:
    """The allowed values of every option of a function, by the option's name.

    An option is annotated with a `Literal` of `chameleon.types`, or with such a type or None.
    """
    found = {n: _allowed(str(text)) for n, text in inspect.get_annotations(function).items()}
    return {name: allowed for name, allowed in found.items() if allowed and name != "return"}


def _allowed(annotation: str) -> tuple[str | None, ...]:
    names = annotation.split(" | ")
    literals = [getattr(types, name, None) for name in names if name != "None"]
    if not literals or any(get_origin(one) is not Literal for one in literals):
        return ()
    return (*(v for one in literals for v in get_args(one)), *([None] if "None" in names else []))


def checks_options(cls: type[Class]) -> type[Class]:
    """A class whose public methods check their options when they are called."""
    for name, function in list(vars(cls).items()):
        if inspect.isfunction(function) and not name.startswith("_"):
            setattr(cls, name, checked(function))
    return cls


def checked(function: Function) -> Function:
    """A function that checks its options when it is called."""
    if not options_of(function):
        return function
    form = inspect.signature(function)

    @wraps(function)
    def method(*args: object, **options: object) -> object:
        given = form.bind(*args, **options).arguments
        for name, allowed in options_of(function).items():
            if name in given:
                require_option(given[name], allowed, name)
        return function(*args, **options)

    return cast("Function", method)
