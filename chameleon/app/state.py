"""What this visitor looks at: kept in the session, written to the address, read from links."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import streamlit as st

from chameleon.errors import SelectionError
from chameleon.filters import Filters, QueryItems
from chameleon.models import Evaluation
from chameleon.selection import Selection, usable

_SELECTION = "chameleon.selection"
_WRITTEN = "chameleon.written"
_COMPLAINTS = "chameleon.complaints"
_CLICKED = "chameleon.clicked"
_LEFT = "chameleon.left"

_LAG_SECONDS = 10.0
"""So long after it was left, an address counts as lagging behind, and not as the Back button."""

_LEFT_KEPT = 20


def selection_of_session(evaluation: Evaluation) -> Selection:
    """The session's selection, made usable for this evaluation.

    An address that was not written by this session (a link, a reload) is read; on a change of
    page the address comes without a query, and the session's selection stays.
    """
    default = Selection.newest(evaluation)
    current = cast("Selection | None", st.session_state.get(_SELECTION))
    items = _address()
    clicked = st.session_state.pop(_CLICKED, False)
    if current is None or (items and not clicked and not _is_echo(items)):
        try:
            current = Selection.from_query(items, default)
        except SelectionError as error:
            st.session_state[_COMPLAINTS] = (str(error),)
            current = current or default
        _leave(items)  # taken over; what still comes with it lags behind
    selection, complaints = usable(evaluation, current, default)
    if complaints:
        st.session_state[_COMPLAINTS] = complaints
    st.session_state[_SELECTION] = selection
    return selection


def _is_echo(items: QueryItems) -> bool:
    """Whether the address is one that this session wrote: the present one, or one just left.

    A browser sends a click with the address that it knows then, which lags behind by the way to
    the server and back.
    """
    if items == st.session_state.get(_WRITTEN):
        return True
    left = cast("dict[QueryItems, float]", st.session_state.get(_LEFT, {}))
    return time.monotonic() - left.get(items, -math.inf) < _LAG_SECONDS


def write_address(selection: Selection) -> None:
    """Let the address bar name the selection, so that copying it copies the view."""
    items = selection.to_query()
    before = st.session_state.get(_WRITTEN)
    if before is not None and before != items:
        _leave(before)
    st.session_state[_WRITTEN] = items
    if _address() == items:
        return
    query: dict[str, list[str]] = {}
    for name, value in items:
        query.setdefault(name, []).append(value)
    st.query_params.from_dict(query)


def _leave(address: QueryItems) -> None:
    left = cast("dict[QueryItems, float]", st.session_state.setdefault(_LEFT, {}))
    left.pop(address, None)
    left[address] = time.monotonic()
    while len(left) > _LEFT_KEPT:
        left.pop(next(iter(left)))


def take_complaints() -> tuple[str, ...]:
    """What a link asked for that does not exist; told once."""
    return cast("tuple[str, ...]", st.session_state.pop(_COMPLAINTS, ()))


def select_versions(*, primary: str | None = None, secondary: str | None = None) -> None:
    """Look at other versions. For callbacks: the script runs afterwards."""
    current = _current()
    _choose(
        replace(
            current,
            primary=primary or current.primary,
            secondary=secondary or current.secondary,
        )
    )


def set_filters(filters: Filters) -> None:
    """Filter by these instead. For callbacks: the script runs afterwards."""
    _choose(replace(_current(), filters=filters))


def changed(selection: Selection, field: str, change_of: Callable[[Filters], Filters]) -> Selection:
    """The selection with its filters, or one side's restriction, changed.

    Parameters
    ----------
    field
        "filters", "primary_only" or "secondary_only".
    """
    changes: dict[str, Any] = {field: change_of(getattr(selection, field))}
    return replace(selection, **changes)


def change(field: str, change_of: Callable[[Filters], Filters]) -> None:
    """Change the filters, or one side's restriction. For callbacks."""
    _choose(changed(_current(), field, change_of))


def filters_become_side(field: str) -> None:
    """Restrict a side to what the filters now let through, and take these filters off.

    What only two versions together can tell stays a filter. For callbacks.
    """
    current = _current()
    changes: dict[str, Any] = {field: current.filters.of_rows}
    rest = current.filters.of_instances
    _choose(replace(current, filters=rest, **changes))


def clear() -> None:
    """Take off all filters and restrictions. For callbacks."""
    current = _current()
    _choose(Selection(current.primary, current.secondary))


def current_filters() -> Filters:
    """The filters as they are now; in a callback, newer than what the script last drew."""
    return _current().filters


def pick_version(key: str, names: Sequence[str]) -> None:
    """Take over what was picked on the timeline of that key."""
    choice = st.session_state[key]["pick"]
    if choice is None or not 0 <= choice["index"] < len(names):
        return
    name = names[choice["index"]]
    if choice["side"] == "primary":
        select_versions(primary=name)
    else:
        select_versions(secondary=name)


def _choose(selection: Selection) -> None:
    """Take a selection over from a click; it counts more than the address the click came with."""
    st.session_state[_SELECTION] = selection
    st.session_state[_CLICKED] = True


def _current() -> Selection:
    return cast("Selection", st.session_state[_SELECTION])


def _address() -> tuple[tuple[str, str], ...]:
    query = st.query_params
    return tuple((name, value) for name in query for value in query.get_all(name))
