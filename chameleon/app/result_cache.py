"""Results kept between runs: for all visitors, or for the one who brought the data."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, cast

import streamlit as st

from chameleon.app import uploads

Asked = ParamSpec("Asked")
Result = TypeVar("Result")


def kept(
    *, max_entries: int, show_spinner: bool | str = False
) -> Callable[[Callable[Asked, Result]], Callable[Asked, Result]]:
    """A decorator that keeps a function's results by its arguments, as `st.cache_resource` does.

    Arguments that begin with an underscore are no part of the key. What a visitor looks at who
    brought the data along is kept for that session only, and goes when its connection ends.
    Results are shared and must not be changed.
    """

    def decorate(function: Callable[Asked, Result]) -> Callable[Asked, Result]:
        def keeper(scope: Literal["global", "session"]) -> Callable[Asked, Result]:
            decorate = st.cache_resource(
                max_entries=max_entries, show_spinner=show_spinner, scope=scope
            )
            return cast("Callable[Asked, Result]", decorate(function))

        shared, own = keeper("global"), keeper("session")

        @wraps(function)
        def choose(*args: Asked.args, **kwargs: Asked.kwargs) -> Result:
            keeping = own if uploads.is_shown() else shared
            return keeping(*args, **kwargs)

        return choose

    return decorate
