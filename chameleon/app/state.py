"""The selection of this visitor: stored in the session, written to the address, read from links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from chameleon.app import chart_clicks
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import Filters, QueryItems, Selection, usable

_PROJECT = "chameleon.project"
_OTHERS = "chameleon.selections"
_SELECTION = "chameleon.selection"
_WRITTEN = "chameleon.written"
_COMPLAINTS = "chameleon.complaints"
_CLICKED = "chameleon.clicked"
_LEFT = "chameleon.left"
_STALE = "chameleon.stale"
_TOUR = "chameleon.tour"

PROJECT_ITEM = "project"
"""The item of the address that names the project, where there are several."""

TOUR_ITEM = "tour"
"""The item of the address that names the step of the guided tour, while one is taken."""

_LEFT_KEPT = 20

_OWN = "own-items"  # goes with the project: it names its instances
OWN_ITEMS = ("open", "find")
"""Items of the address that a page may have beside the selection: see `own_item`."""


def project_of_session(names: Sequence[str]) -> str:
    """The project shown: the one chosen last or named by a link, else the first of `names`."""
    items = _address()
    current = cast("str | None", st.session_state.get(_PROJECT))
    followed = current in names and (bool(st.session_state.get(_CLICKED)) or _is_echo(items))
    asked = None if followed else dict(items).get(PROJECT_ITEM)
    if asked is not None and asked not in names:
        st.session_state[_STALE] = (
            f"There is no project '{asked}' here. What a visitor brought along is shown to that "
            "visitor only, and ends with the visit.",
        )
        asked = None
    chosen = asked or (current if current in names else None) or names[0]
    enter_project(chosen)
    return chosen


def enter_project(name: str) -> None:
    """Show that project; the selection in another one stays there."""
    before = st.session_state.get(_PROJECT)
    if before == name:
        return
    st.session_state[_PROJECT] = name
    if before is None:
        return
    end_tour()
    others = cast("dict[str, Selection]", st.session_state.setdefault(_OTHERS, {}))
    current = st.session_state.pop(_SELECTION, None)
    if current is not None:
        others[before] = current
    if name in others:
        st.session_state[_SELECTION] = others.pop(name)
    chart_clicks.clear_charts()
    for key in list(st.session_state):  # options, added filters: all of them name this data
        if not str(key).startswith("chameleon."):
            del st.session_state[key]
    st.session_state.pop("chameleon.added", None)


def choose_project(name: str) -> None:
    """Show that project. For callbacks: the script runs afterwards."""
    enter_project(name)
    st.session_state[_CLICKED] = True


def forget_project(name: str) -> None:
    """Forget what was chosen in a project that is gone, or is another one now."""
    cast("dict[str, Selection]", st.session_state.get(_OTHERS, {})).pop(name, None)
    if st.session_state.get(_PROJECT) == name:
        st.session_state.pop(_SELECTION, None)


def current_project() -> str | None:
    """The project this visitor looks at; None before the first page."""
    return cast("str | None", st.session_state.get(_PROJECT))


def selection_of_session(evaluation: Evaluation) -> Selection:
    """The session's selection, made usable for this evaluation.

    An address that was not written by this session (a link, a reload) is read; on a change of
    page the address comes without a query, and the session's selection stays.
    """
    default = Selection.newest(evaluation)
    current = cast("Selection | None", st.session_state.get(_SELECTION))
    items = _address()
    clicked = st.session_state.pop(_CLICKED, False)
    if clicked and current is None:
        current = default  # another project was chosen: the address is the other one's
    if current is None or (items and not clicked and not _is_echo(items)):
        try:
            current = Selection.from_query(items, default)
        except SelectionError as error:
            st.session_state[_COMPLAINTS] = (str(error),)
            current = current or default
        _own_items().update({k: v for k, v in items if k in OWN_ITEMS})
        _leave(items)  # taken over; what still comes with it lags behind
    selection, complaints = usable(evaluation, current, default)
    if complaints:
        st.session_state[_COMPLAINTS] = complaints
    st.session_state[_SELECTION] = selection
    return selection


def tour_step() -> int | None:
    """The step of the guided tour, counted from 1; None outside of it."""
    return cast("int | None", st.session_state.get(_TOUR))


def take_tour(number: int) -> None:
    """Go to that step of the tour."""
    st.session_state[_TOUR] = number


def end_tour() -> None:
    """End the tour."""
    st.session_state.pop(_TOUR, None)


def read_tour_step() -> None:
    """Go to the step that a link names; before the link's selection is read."""
    items = _address()
    if not items or st.session_state.get(_CLICKED) or _is_echo(items):
        return
    asked = dict(items).get(TOUR_ITEM, "")
    if asked.isdecimal() and len(asked) < 4:
        take_tour(int(asked))
    else:
        end_tour()


def follow_link(query: QueryItems, default: Selection) -> None:
    """Show what the items of an address name, else what `default` has. For callbacks."""
    try:
        _choose(Selection.from_query(query, default))
    except SelectionError as error:
        st.session_state[_COMPLAINTS] = (str(error),)


def _is_echo(items: QueryItems) -> bool:
    """Return True if the address is one that this session wrote: the present one, or one left.

    A browser sends a click with the address that it knows then, which lags behind by the way to
    the server and back. The Back and Forward buttons ask for an address that was left as well;
    the browser says so.
    """
    if items == st.session_state.get(_WRITTEN):
        return True
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        return False
    return items in cast("list[QueryItems]", st.session_state.get(_LEFT, []))


def write_address(selection: Selection | None, project: str | None) -> None:
    """Let the address bar name project and selection, so that copying it copies the view.

    `selection` is None where there is no data yet, `project` where there is only one.
    """
    items: QueryItems = () if project is None else ((PROJECT_ITEM, project),)
    if selection is not None:
        step = tour_step()
        items += selection.to_query()
        items += () if step is None else ((TOUR_ITEM, str(step)),)
        items += tuple(_own_items().items())
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
    left = cast("list[QueryItems]", st.session_state.get(_LEFT, []))
    others = [one for one in left if one != address]
    st.session_state[_LEFT] = [*others, address][-_LEFT_KEPT:]


def own_item(name: str) -> str | None:
    """A part of this page's address beside the selection, such as the open instance."""
    return _own_items().get(name)


def set_own_item(name: str, value: str | None) -> None:
    """Put a part into this page's address, or remove it. For callbacks."""
    if value is None:
        _own_items().pop(name, None)
    else:
        _own_items()[name] = value
    st.session_state[_CLICKED] = True


def _own_items() -> dict[str, str]:
    pages = cast("dict[str, dict[str, str]]", st.session_state.setdefault(_OWN, {}))
    return pages.setdefault(chart_clicks.current_page(), {})


def complaints(*, last: bool) -> tuple[str, ...]:
    """Messages about what a link names that does not exist, until a complete page shows them.

    `last` says that this page is complete: another one is drawn anew.
    """
    found: tuple[str, ...] = ()
    for key in (_STALE, _COMPLAINTS):
        found += cast("tuple[str, ...]", st.session_state.get(key, ()))
        if last:
            st.session_state.pop(key, None)
    return found


def was_clicked() -> bool:
    """Return True if a click of this visitor led to this run, so that the address lags behind."""
    return bool(st.session_state.get(_CLICKED))


def select_versions(*, primary: str | None = None, secondary: str | None = None) -> None:
    """Show other versions. For callbacks: the script runs afterwards."""
    now = _current()
    sides = primary or now.primary, secondary or now.secondary
    _choose(replace(now, primary=sides[0], secondary=sides[1]))


def set_filters(filters: Filters) -> None:
    """Filter by these instead. For callbacks: the script runs afterwards."""
    _choose(replace(_current(), filters=filters))


def changed(selection: Selection, field: str, change_of: Callable[[Filters], Filters]) -> Selection:
    """The selection with "filters", "primary_only" or "secondary_only" changed."""
    changes: dict[str, Any] = {field: change_of(getattr(selection, field))}
    return replace(selection, **changes)


def change(field: str, change_of: Callable[[Filters], Filters]) -> None:
    """Change the filters, or one side's restriction. For callbacks."""
    _choose(changed(_current(), field, change_of))


def filters_become_side(field: str) -> None:
    """Turn the filters into the restriction of a side; those of several versions stay filters."""
    current = _current()
    changes: dict[str, Any] = {field: current.filters.of_rows}
    rest = current.filters.of_instances
    _choose(replace(current, filters=rest, **changes))


def clear() -> None:
    """Remove all filters and restrictions. For callbacks."""
    current = _current()
    _choose(Selection(current.primary, current.secondary))


def current_filters() -> Filters:
    """The filters as they are now; in a callback, newer than what the script last drew."""
    return _current().filters


def pick_version(key: str, names: Sequence[str]) -> None:
    """Show the version picked on the timeline of that key."""
    choice = st.session_state[key]["pick"]
    if choice is None or not 0 <= choice["index"] < len(names):
        return
    side = "primary" if choice["side"] == "primary" else "secondary"
    select_versions(**{side: names[choice["index"]]})


def _choose(selection: Selection) -> None:
    """Set the selection by a click; it counts more than the address the click came with."""
    st.session_state[_SELECTION] = selection
    st.session_state[_CLICKED] = True


def _current() -> Selection:
    return cast("Selection", st.session_state[_SELECTION])


def _address() -> tuple[tuple[str, str], ...]:
    query = st.query_params
    return tuple((name, value) for name in query for value in query.get_all(name))
