"""The state of a visit: project, selection, and tour, in the session and the address; chart clicks.

A chart's own selection outlives changes of its data and cannot be set from the script. It is
therefore read as a stream of clicks: the mark that appeared in it or left it was clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import Filters, QueryItems, Selection, usable

PROJECT_ITEM = "project"
"""The address item that names the project, where there are several."""

TOUR_ITEM = "tour"
"""The address item that names the step of the guided tour, during one."""

OWN_ITEMS = ("open", "find")
"""Items of the address that a page may have beside the selection: see `own_item`."""

SHARED_ITEMS = ("scope", "pin", "shares")
"""Items of the address beside the selection that all pages share: see `shared_item`."""

Mark = tuple[object, ...]
"""The values of a chart's fields that identify a mark."""

_VISIT = "chameleon.visit"
_MOST_LEFT = 20
_MOST_OFFERED = 60  # a link for every page, of the latest few runs


@dataclass
class _Visit:
    """The state of one session.

    `selections` are those of other projects, `own_items` the address items of each page,
    `shared_items` those of all pages.
    `written` is the address written last, `left` those before it, and `offered` those in links to
    other pages. `clicked` is True from a click to the end of the run that it leads to. `stale` and
    `messages` are about parts of a link that don't exist. `charts` has the marks of each chart's
    last event, `numbers` counts how often a chart was cleared, and `number` how often all were.
    """

    project: str | None = None
    selection: Selection | None = None
    selections: dict[str, Selection] = field(default_factory=dict)
    tour: int | None = None
    page: str = ""
    own_items: dict[str, dict[str, str]] = field(default_factory=dict)
    shared_items: dict[str, str] = field(default_factory=dict)
    written: QueryItems | None = None
    left: list[QueryItems] = field(default_factory=list)
    offered: list[QueryItems] = field(default_factory=list)
    clicked: bool = False
    stale: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    charts: dict[str, list[Mark]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    number: int = 0


def _visit() -> _Visit:
    return cast("_Visit", st.session_state.setdefault(_VISIT, _Visit()))


def project_of_session(names: Sequence[str]) -> str:
    """The project shown: the one chosen last or named by a link, else the first of `names`."""
    visit, items = _visit(), _address()
    current = visit.project if visit.project in names else None
    followed = current is not None and (visit.clicked or _is_echo(items))
    asked = None if followed else dict(items).get(PROJECT_ITEM)
    if asked is not None and asked not in names:
        visit.stale = (
            f"There is no project '{asked}'. An upload is visible to its visitor only and deleted "
            "at the end of the visit.",
        )
        asked = None
    chosen = asked or current or names[0]
    _enter_project(chosen)
    return chosen


def _enter_project(name: str) -> None:
    """Show that project; the selection of another one is restored on return."""
    visit = _visit()
    before, visit.project = visit.project, name
    if before is None or before == name:
        return
    visit.tour = None
    if visit.selection is not None:
        visit.selections[before] = visit.selection
    visit.selection = visit.selections.pop(name, None)
    visit.own_items, visit.shared_items = {}, {}
    visit.charts = {}
    visit.number = max([visit.number, *visit.numbers.values()]) + 1
    visit.numbers = {}
    for key in list(st.session_state):  # options, added filters: all of them name its data
        if not str(key).startswith("chameleon."):
            del st.session_state[key]


def choose_project(name: str) -> None:
    """Show that project. For callbacks: the script runs afterwards."""
    _enter_project(name)
    _visit().clicked = True


def forget_project(name: str) -> None:
    """Forget the selection of a project that was removed or replaced."""
    visit = _visit()
    visit.selections.pop(name, None)
    if visit.project == name:
        visit.selection = None


def current_project() -> str | None:
    """The project shown; None before the first page."""
    return _visit().project


def selection_of_session(evaluation: Evaluation) -> Selection:
    """The session's selection, made usable for this evaluation.

    An address that this session has not written (a link, a reload) is read. A change of page has an
    address without a query and leaves the selection as it is.
    """
    visit, items = _visit(), _address()
    default = Selection.opening(evaluation)
    clicked, visit.clicked = visit.clicked, False
    current = visit.selection
    if clicked and current is None:
        current = default  # another project was chosen: the address is the earlier one's
    if current is None or (items and not clicked and not _is_echo(items)):
        follow_link(items, default)
        current, visit.clicked = visit.selection or current or default, False
        _own_items().update({k: v for k, v in items if k in OWN_ITEMS})
        visit.shared_items = {k: v for k, v in items if k in SHARED_ITEMS}
        _leave(items)  # read now; events that still carry it lag behind
    visit.selection, messages = usable(evaluation, current, default)
    visit.messages = messages or visit.messages
    return visit.selection


def follow_link(query: QueryItems, default: Selection) -> None:
    """Show the selection of these address items, completed by `default`. For callbacks."""
    try:
        show_selection(Selection.from_query(query, default))
    except SelectionError as error:
        _visit().messages = (str(error),)


def tour_step() -> int | None:
    """The step of the guided tour, from 1; None outside of it."""
    return _visit().tour


def set_tour_step(number: int | None) -> None:
    """Go to that step of the tour, or end it."""
    _visit().tour = number


def read_tour_step() -> None:
    """Go to the step that a link names. Before the link's selection is read."""
    items = _address()
    if items and not _visit().clicked and not _is_echo(items):
        asked = dict(items).get(TOUR_ITEM, "")
        set_tour_step(int(asked) if asked.isdecimal() and len(asked) < 4 else None)


def _is_echo(items: QueryItems) -> bool:
    """Return True if this session wrote the address: the present or an earlier one, or a link.

    A browser sends a click with the address that it knows then, which lags behind by one round
    trip, and so does the address in a link to a page. The Back and Forward buttons also ask for an
    address that was left; the browser marks it.
    """
    if items == _visit().written:
        return True
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        return False
    return items in _visit().left or items in _visit().offered


def write_address(selection: Selection | None, project: str | None) -> None:
    """Write project and selection into the address bar, so that copying it copies the view.

    `selection` is None before there is data, `project` where there is only one.
    """
    visit, items = _visit(), _address_items(selection, project)
    if visit.written is not None and visit.written != items:
        _leave(visit.written)
    visit.written = items
    if _address() != items:
        st.query_params.from_dict(_by_name(items))


def page_query(page: str, project: str | None) -> dict[str, list[str]]:
    """The address items of another page, for a link to it.

    A link without them makes two entries in the browser's history: without and with them.
    """
    items = _address_items(_visit().selection, project, page)
    offered = _visit().offered
    _visit().offered = [*(one for one in offered if one != items), items][-_MOST_OFFERED:]
    return _by_name(items)


def _address_items(
    selection: Selection | None, project: str | None, page: str | None = None
) -> QueryItems:
    """The items of the address of this page, or of another one."""
    visit = _visit()
    items: QueryItems = () if project is None else ((PROJECT_ITEM, project),)
    if selection is None:
        return items
    tour = () if visit.tour is None else ((TOUR_ITEM, str(visit.tour)),)
    own = (*visit.shared_items.items(), *_own_items(page).items())
    return (*items, *selection.to_query(), *tour, *own)


def _by_name(items: QueryItems) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in items:
        query.setdefault(name, []).append(value)
    return query


def _leave(address: QueryItems) -> None:
    others = [one for one in _visit().left if one != address]
    _visit().left = [*others, address][-_MOST_LEFT:]


def own_item(name: str) -> str | None:
    """An item of this page's address beside the selection, such as the open instance."""
    return _own_items().get(name)


def set_own_item(name: str, value: str | None, *, page: str | None = None) -> None:
    """Set or remove an item of the address of this page, or of another one. For callbacks."""
    _set_item(_own_items(page), name, value)


def _own_items(page: str | None = None) -> dict[str, str]:
    return _visit().own_items.setdefault(page or _visit().page, {})


def shared_item(name: str) -> str | None:
    """An item of the address that all pages share, such as the scope."""
    return _visit().shared_items.get(name)


def set_shared_item(name: str, value: str | None) -> None:
    """Set or remove an item of the address that all pages share. For callbacks."""
    _set_item(_visit().shared_items, name, value)


def _set_item(items: dict[str, str], name: str, value: str | None) -> None:
    if value is None:
        items.pop(name, None)
    else:
        items[name] = value
    _visit().clicked = True


def messages(*, last: bool) -> tuple[str, ...]:
    """Messages about parts of a link that don't exist.

    Pages show them until one that is complete (`last`) has done so: an earlier one is drawn anew.
    """
    visit = _visit()
    found = (*visit.stale, *visit.messages)
    if last:
        visit.stale = visit.messages = ()
    return found


def was_clicked() -> bool:
    """Return True if a click led to this run, so that the address lags behind."""
    return _visit().clicked


def show_selection(selection: Selection) -> None:
    """Show another selection, which outranks the address that a click came with. For callbacks."""
    visit = _visit()
    visit.selection, visit.clicked = selection, True


def current_selection() -> Selection:
    """The present selection; in a callback, newer than that of the last run."""
    return cast("Selection", _visit().selection)


def select_versions(*, primary: str | None = None, secondary: str | None = None) -> None:
    """Show other versions. For callbacks: the script runs afterwards."""
    now = current_selection()
    show_selection(
        replace(now, primary=primary or now.primary, secondary=secondary or now.secondary)
    )


def set_filters(filters: Filters) -> None:
    """Replace all filters. For callbacks: the script runs afterwards."""
    show_selection(replace(current_selection(), filters=filters))


def replace_filter(field: str, value: object) -> None:
    """Replace one field of the filters. For callbacks."""
    changes: dict[str, Any] = {field: value}
    set_filters(replace(current_filters(), **changes))


def toggle_filter(field: str, value: object) -> None:
    """Add a value to a filter, or remove it. For callbacks."""
    chosen = getattr(current_filters(), field)
    left = tuple(one for one in chosen if one != value)
    replace_filter(field, left if value in chosen else (*chosen, value))


def filters_become_side(field: str) -> None:
    """Restrict one side by the filters of rows; those of several versions stay filters."""
    current = current_selection()
    changes: dict[str, Any] = {field: current.filters.of_rows}
    show_selection(replace(current, filters=current.filters.of_instances, **changes))


def current_filters() -> Filters:
    """The present filters; in a callback, newer than those of the last run."""
    return current_selection().filters


def _address() -> QueryItems:
    query = st.query_params
    return tuple((name, value) for name in query for value in query.get_all(name))


def enter_page(page: str) -> bool:
    """Enter a page; return True if the visitor comes from another one.

    The clicks in its charts are then forgotten, because Streamlit drops their selections.
    """
    visit = _visit()
    if visit.page == page:
        return False
    visit.page, visit.charts = page, {}
    return True


def chart_key(name: str) -> str:
    """The key of a chart; it changes when the chart's own selection has to be cleared."""
    visit = _visit()
    return f"{name}-{visit.numbers.get(name, visit.number)}"


def clear_chart(name: str) -> None:
    """Draw a chart anew, without its own selection."""
    visit = _visit()
    visit.numbers[name] = visit.numbers.get(name, visit.number) + 1
    visit.charts.pop(name, None)


def chart_selection(name: str) -> dict[str, object]:
    """The selections of a chart by their names."""
    return dict(st.session_state[chart_key(name)]["selection"])


def clicked_marks(name: str, fields: Sequence[str]) -> list[Mark]:
    """The marks clicked since the last event of a chart, by the values of their fields."""
    picked = cast("list[dict[str, object]]", chart_selection(name).get("pick") or [])
    now = [tuple(mark.get(field) for field in fields) for mark in picked]
    before = _visit().charts.get(name, [])
    _visit().charts[name] = now
    appeared = [mark for mark in now if mark not in before]
    return appeared + [mark for mark in before if mark not in now]


def on_click(
    name: str, fields: Sequence[str], toggle: Callable[[Mark], None]
) -> Callable[[], None]:
    """A callback that toggles the clicked mark.

    A double click clears the chart's own selection of several marks at once, and toggles none.
    """

    def callback() -> None:
        marks = clicked_marks(name, fields)
        if len(marks) == 1:
            toggle(marks[0])

    return callback
