"""Clicks in charts: the chart only tells what was clicked, the session holds what is chosen.

A chart's own selection outlives changes of its data and cannot be set from here. It is therefore
read as a stream of clicks: the mark that came or went since the last event was clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import streamlit as st

_SEEN = "chameleon.seen:"
_NONCE = "chameleon.nonce:"
_FIRST = "chameleon.first-nonce"
_PAGE = "chameleon.page"

Mark = tuple[object, ...]


def enter_page(page: str) -> bool:
    """Whether the visitor comes from elsewhere.

    The charts of the page before are then forgotten: Streamlit drops their selections on the way.
    """
    if st.session_state.get(_PAGE) == page:
        return False
    st.session_state[_PAGE] = page
    for key in list(st.session_state):
        if str(key).startswith(_SEEN):
            del st.session_state[key]
    return True


def current_page() -> str:
    """The page this visitor looks at."""
    return str(st.session_state.get(_PAGE, ""))


def chart_key(name: str) -> str:
    """The key of a chart; it changes when the chart's own selection has to be cleared."""
    return f"{name}-{_nonce(name)}"


def clear_chart(name: str) -> None:
    """Draw a chart anew, without its own selection."""
    st.session_state[_NONCE + name] = _nonce(name) + 1
    st.session_state.pop(_SEEN + name, None)


def clear_charts() -> None:
    """Draw all charts anew, without their own selections: they show other data now."""
    nonces = [str(key) for key in st.session_state if str(key).startswith(_NONCE)]
    highest = max([_nonce(""), *(int(st.session_state[key]) for key in nonces)])
    for key in [*nonces, *(k for k in st.session_state if str(k).startswith(_SEEN))]:
        del st.session_state[key]
    st.session_state[_FIRST] = highest + 1


def _nonce(name: str) -> int:
    return int(st.session_state.get(_NONCE + name, st.session_state.get(_FIRST, 0)))


def clicked(name: str, fields: Sequence[str]) -> list[Mark]:
    """The marks that were clicked since the chart's last event, by the values of their fields."""
    picked = selection_of(name).get("pick") or []
    now = [
        tuple(mark.get(field) for field in fields)
        for mark in cast("list[dict[str, object]]", picked)
    ]
    seen = cast("list[Mark]", st.session_state.get(_SEEN + name, []))
    st.session_state[_SEEN + name] = now
    return [mark for mark in now if mark not in seen] + [mark for mark in seen if mark not in now]


def selection_of(name: str) -> dict[str, object]:
    """What the chart's event carries, by the name of the selection."""
    event = st.session_state[chart_key(name)]
    return dict(event["selection"])


def on_click(
    name: str, fields: Sequence[str], toggle: Callable[[Mark], None]
) -> Callable[[], None]:
    """A callback that toggles the mark that was clicked.

    A double click clears the chart's own selection of several marks at once: that is no click.
    """

    def callback() -> None:
        marks = clicked(name, fields)
        if len(marks) == 1:
            toggle(marks[0])

    return callback
