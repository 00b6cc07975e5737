"""Pages of a long list: which one is looked at, and the control that turns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import streamlit as st

_KEPT = "paged:"


@dataclass
class _Paged:
    """Where a visitor stands in a list.

    Attributes
    ----------
    number
        The page looked at, from 1.
    about
        What the list is made of.
    control
        Counts the controls: one whose page is set from here is a new one, as a control's value
        cannot be.
    start
        The page that the control began with.
    """

    number: int = 1
    about: str | None = None
    control: int = 0
    start: int = 1


def offset_of(name: str, limit: int, *, about: object) -> int:
    """The place of the first entry of the page that is looked at; the first page of another list.

    Parameters
    ----------
    name
        The list's name, also of its control.
    about
        What the list is made of: where that changes, the first page is looked at again.
    """
    paged = _paged(name)
    if paged.about not in (None, repr(about)):
        turn_to(name, 1)
    paged.about = repr(about)
    return (paged.number - 1) * limit


def turn_to(name: str, number: int) -> None:
    """Look at that page, from 1. Before its control is drawn, or in a callback."""
    paged = _paged(name)
    paged.number = paged.start = number
    paged.control += 1


def draw_pages(name: str, found: int, limit: int) -> None:
    """Draw the control, with what is shown in words."""
    paged, pages = _paged(name), max(-(-found // limit), 1)
    key = f"{name}-page-{paged.control}"
    if key not in st.session_state:  # a control goes with its page
        paged.start = min(paged.number, pages)

    def turn() -> None:
        paged.number = int(st.session_state[key])

    first = (paged.number - 1) * limit
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(
                pages, default=paged.start, key=key, on_change=turn, max_visible_pages=7,
                width="content",
            )  # fmt: skip
        st.caption(
            f"{min(first + 1, found):,} to {min(first + limit, found):,} of {found:,} instances",
            width="content",
        )


def _paged(name: str) -> _Paged:
    return cast("_Paged", st.session_state.setdefault(_KEPT + name, _Paged()))
