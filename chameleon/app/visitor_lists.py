"""A visitor's exclusion lists, and the form that adds instances to them from any page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl
import streamlit as st

from chameleon.app.formatting import filters_words, plain, shortened
from chameleon.app.operator import operator
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
_MESSAGE = "chameleon.exclusion-lists-message"
_CHOSEN = "chameleon.exclusion_list"
_NEW = -1


@dataclass(frozen=True, slots=True)
class VisitorLists:
    """The exclusion lists that a visitor has of a project.

    Attributes
    ----------
    why_session
        The reason why they exist in this session only; None if they are stored in the project.
    error
        The reason why the project's own lists can't be used; None if they can.
    """

    lists: ExclusionLists
    why_session: str | None = None
    error: str | None = None


def visitor_lists(evaluation: Evaluation) -> VisitorLists:
    """The visitor's lists of a project, opened once per session."""
    project = evaluation.dataset.project
    stores = cast("dict[str, VisitorLists]", st.session_state.setdefault(_STORES, {}))
    key = str(exclusion_lists_path(project))
    if key not in stores:
        stores[key] = opened_lists(project)
    return stores[key]


def opened_lists(project: Project) -> VisitorLists:
    """The lists of a project, in its folder if this visitor may write there."""
    path = exclusion_lists_path(project)
    if project.private is not None:
        return VisitorLists(ExclusionLists(), "your upload is deleted when you leave")
    why = None
    if not operator().may_write:
        why = "this server doesn't let visitors write into the project"
    elif not can_be_written(path):
        why = "the project folder is read-only"
    try:
        if why is None:
            return VisitorLists(ExclusionLists(path))
        return VisitorLists(ExclusionLists.copied(path), why)
    except ChameleonError as error:
        return VisitorLists(ExclusionLists(), "the project's lists can't be used", str(error))


def chosen_list(evaluation: Evaluation) -> str | None:
    """The list that this visitor last opened or added to; None if there is no list."""
    names = _names(evaluation)
    chosen = st.session_state.get(_CHOSEN)
    return chosen if chosen in names else next(iter(names), None)


def choose_list(name: str) -> None:
    """Open that list from now on."""
    st.session_state[_CHOSEN] = name


def _names(evaluation: Evaluation) -> tuple[str, ...]:
    """The names of the lists; none if they can't be read, which is reported."""
    try:
        return visitor_lists(evaluation).lists.names
    except ChameleonError as error:
        _report(str(error), icon=":material/error:")
        return ()


def change_lists(change: Callable[[], str]) -> None:
    """Change a list in a callback, and show the returned sentence or the error on the next run."""
    try:
        _report(change())
    except ChameleonError as error:
        _report(str(error), icon=":material/error:")


def _report(text: str, icon: str = ":material/check:") -> None:
    st.session_state[_MESSAGE] = (text, icon)


def draw_message() -> None:
    """Show the result of the last change, once.

    The container exists at all times: elements below must not move, or the browser would replace
    them and close what was opened in them.
    """
    message = st.session_state.pop(_MESSAGE, None)
    with st.container():
        if message is not None:
            text, icon = message
            shown = st.error if "error" in icon else st.success
            shown(plain(text), icon=icon)


def added_words(added: AddResult, name: str, noun: str) -> str:
    """The result of adding to a list, in a sentence."""
    already = f"; {added.already:,} already on it" if added.already else ""
    nouns = noun if added.new == 1 else f"{noun}s"
    return f"{added.new:,} {nouns} added to '{shortened(name)}'{already}."


def draw_add(view: View, instances: Sequence[str] | pl.Series, *, key: str) -> None:
    """Draw a button with a form that adds these instances, or the filters as a rule, to a list.

    Parameters
    ----------
    instances
        Their ids, such as those ticked in a table; without any there is only the rule.
    key
        Separates several forms on one page.
    """
    with st.popover("Add to exclusion list…", icon=":material/playlist_add:"):
        draw_add_form(view, instances, key=key)
    with st.container():
        if st.session_state.pop(f"{key}-done", False):
            draw_message()


def draw_add_form(view: View, instances: Sequence[str] | pl.Series, *, key: str) -> None:
    """Draw the form of `draw_add`, for a page about exclusion lists."""
    names = _names(view.evaluation)
    current = chosen_list(view.evaluation)
    at = names.index(current) if current in names else len(names)
    place = st.selectbox(
        "List",
        [*range(len(names)), _NEW],
        index=at,
        key=f"{key}-list-{len(names)}-{at}",  # a new widget when another list is open
        format_func=lambda k: "New list…" if k == _NEW else shortened(names[k]),
    )
    if place == _NEW:
        st.text_input("Name of the new list", key=f"{key}-name", max_chars=LONGEST_NAME)
    st.text_input(
        "Reason", key=f"{key}-reason", max_chars=LONGEST_REASON,
        placeholder="Why they should be excluded",
    )  # fmt: skip
    old = None if place in (None, _NEW) else names[place]
    filters = (view.selection.filters, view.selection.primary_only)
    count = len(instances)
    with st.container(horizontal=True):
        st.button(
            f"Add {count:,} instance{'' if count == 1 else 's'}",
            key=f"{key}-instances",
            disabled=not count,
            on_click=_add,
            args=(view, instances, old, key),
        )
        st.button(
            "Add filters as a rule",
            key=f"{key}-rule",
            disabled=all(one.is_empty for one in filters),
            help="A rule excludes all instances that match the filters, in later versions too.",
            on_click=_add,
            args=(view, None, old, key),
        )
    kinds = view.evaluation.dataset.project.kinds
    st.caption(f"As a rule: {plain(filters_words(filters, kinds, 'no filter is set'))}.")


def _add(
    view: View, instances: Sequence[str] | pl.Series | None, old: str | None, key: str
) -> None:
    """Add instances, or without them the filters as a rule, to the list chosen in a form."""
    name = old if old is not None else str(st.session_state.get(f"{key}-name", ""))
    reason = str(st.session_state.get(f"{key}-reason", ""))

    def change() -> str:
        lists = visitor_lists(view.evaluation).lists
        if instances is None:
            return added_words(lists.add_rule(name, rule_of(view.selection, reason)), name, "rule")
        return added_words(lists.add(name, instances, reason), name, "instance")

    change_lists(change)
    choose_list(" ".join(name.split()))
    st.session_state[f"{key}-done"] = True
