"""Putting instances on an exclusion list from any page, and where this visitor's lists live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl
import streamlit as st

from chameleon.app.formatting import filters_words, plain, shortened
from chameleon.app.server import operator
from chameleon.app.view import View
from chameleon.errors import ChameleonError
from chameleon.models import Evaluation
from chameleon.project import Project
from chameleon.selection import (
    LONGEST_NAME,
    LONGEST_REASON,
    AddResult,
    ExclusionLists,
    can_be_written,
    exclusion_lists_path,
    rule_of,
)

_STORES = "chameleon.exclusion_lists"
_SAID = "chameleon.exclusion-lists-said"
_CHOSEN = "chameleon.exclusion_list"
_NEW = -1


@dataclass(frozen=True, slots=True)
class Shelf:
    """The lists that a visitor has of a project.

    Attributes
    ----------
    lists
        The store.
    why_session
        Why they live in this session only; None where they are kept in the project.
    error
        Why the project's own lists cannot be used; None where they can.
    """

    lists: ExclusionLists
    why_session: str | None = None
    error: str | None = None


def shelf(evaluation: Evaluation) -> Shelf:
    """Where the lists of this project are for this visitor; opened once a visit."""
    project = evaluation.dataset.project
    stores = cast("dict[str, Shelf]", st.session_state.setdefault(_STORES, {}))
    key = str(exclusion_lists_path(project))
    if key not in stores:
        stores[key] = _opened(project)
    return stores[key]


def _opened(project: Project) -> Shelf:
    path = exclusion_lists_path(project)
    if project.private is not None:
        return Shelf(ExclusionLists(), "what you brought along ends with your visit")
    why = None
    if not operator().may_write:
        why = "the operator of this server does not let visitors write into the project"
    elif not can_be_written(path):
        why = "the project folder cannot be written"
    try:
        if why is None:
            return Shelf(ExclusionLists(path))
        return Shelf(ExclusionLists.copied(path), why)
    except ChameleonError as error:
        return Shelf(ExclusionLists(), "the lists of the project cannot be used", str(error))


def chosen_list(evaluation: Evaluation) -> str | None:
    """The list this visitor looked at, or put something on, last; None where there is none."""
    names = names_of(evaluation)
    chosen = st.session_state.get(_CHOSEN)
    return chosen if chosen in names else next(iter(names), None)


def choose_list(name: str) -> None:
    """Look at that list from now on."""
    st.session_state[_CHOSEN] = name


def names_of(evaluation: Evaluation) -> tuple[str, ...]:
    """The names of the lists; none where they cannot be read, which is said."""
    try:
        return shelf(evaluation).lists.names
    except ChameleonError as error:
        say(str(error), icon=":material/error:")
        return ()


def changing(change: Callable[[], str]) -> None:
    """Change a list in a callback, and say what came of it once the page is drawn."""
    try:
        say(change())
    except ChameleonError as error:
        say(str(error), icon=":material/error:")


def say(text: str, icon: str = ":material/check:") -> None:
    """Have a sentence shown by the next `draw_said`."""
    st.session_state[_SAID] = (text, icon)


def draw_said() -> None:
    """Show what came of the last change, once.

    Its place is there at all times: what stands below must not move, or the browser would take
    it for something new and close what was opened in it.
    """
    said = st.session_state.pop(_SAID, None)
    with st.container():
        if said is not None:
            text, icon = said
            shown = st.error if "error" in icon else st.success
            shown(plain(text), icon=icon)


def put_words(put: AddResult, name: str, what: str = "instances") -> str:
    """What came of putting something on a list."""
    already = f"; {put.already:,} were on it already" if put.already else ""
    return f"{put.new:,} {what} put on '{shortened(name)}'{already}."


def draw_put(view: View, instances: Sequence[str] | pl.Series, *, key: str = "put") -> None:
    """Draw a small form that puts these instances, or the filters as a rule, on a list.

    Parameters
    ----------
    instances
        Their ids, such as those chosen in a table; with none there is only the rule.
    key
        Tells several forms on one page apart.
    """
    with st.popover("Put on an exclusion list…", icon=":material/playlist_add:"):
        draw_put_form(view, instances, key=key)
    with st.container():
        if st.session_state.pop(f"{key}-done", False):
            draw_said()


def draw_put_form(view: View, instances: Sequence[str] | pl.Series, *, key: str) -> None:
    """The form of `draw_put` itself, for a page about exclusion lists."""
    names = names_of(view.evaluation)
    current = chosen_list(view.evaluation)
    places = [*range(len(names)), _NEW]
    at = names.index(current) if current in names else len(names)
    place = st.selectbox(
        "List",
        places,
        index=at,
        key=f"{key}-list-{len(names)}-{at}",  # anew where another list is looked at
        format_func=lambda k: "A new list…" if k == _NEW else shortened(names[k]),
    )
    if place == _NEW:
        st.text_input("Name of the new list", key=f"{key}-name", max_chars=LONGEST_NAME)
    st.text_input(
        "Reason", key=f"{key}-reason", max_chars=LONGEST_REASON,
        placeholder="Why they should not be used",
    )  # fmt: skip
    old = None if place in (None, _NEW) else names[place]
    count = len(instances)
    rule = view.selection.filters.is_empty and view.selection.primary_only.is_empty
    with st.container(horizontal=True):
        st.button(
            f"Put {count:,} instance{'' if count == 1 else 's'}",
            key=f"{key}-instances",
            disabled=not count,
            on_click=_put_instances,
            args=(view, instances, old, key),
        )
        st.button(
            "Put the filters as a rule",
            key=f"{key}-rule",
            disabled=rule,
            help="A rule holds whatever the filters let through, in every later version too.",
            on_click=_put_rule,
            args=(view, old, key),
        )
    kinds = view.evaluation.dataset.project.kinds
    parts = (view.selection.filters, view.selection.primary_only)
    st.caption(f"As a rule: {plain(filters_words(parts, kinds, 'no filter is set'))}.")


def _named(old: str | None, key: str) -> str:
    return old if old is not None else str(st.session_state.get(f"{key}-name", ""))


def _put_instances(
    view: View, instances: Sequence[str] | pl.Series, old: str | None, key: str
) -> None:
    name, reason = _named(old, key), str(st.session_state.get(f"{key}-reason", ""))

    def change() -> str:
        put = shelf(view.evaluation).lists.put(name, instances, reason)
        return put_words(put, name, "instance" if put.new == 1 else "instances")

    _done(change, name, key)


def _put_rule(view: View, old: str | None, key: str) -> None:
    name, reason = _named(old, key), str(st.session_state.get(f"{key}-reason", ""))

    def change() -> str:
        rule = rule_of(view.selection, reason)
        put = shelf(view.evaluation).lists.put_rule(name, rule)
        return put_words(put, name, "rule")

    _done(change, name, key)


def _done(change: Callable[[], str], name: str, key: str) -> None:
    changing(change)
    choose_list(" ".join(name.split()))
    st.session_state[f"{key}-done"] = True
