"""The project of this visitor: its choice, its opening, and its layout.

A visitor sees names only: the operator's addresses are paths of the server.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from itertools import count
from pathlib import Path

import streamlit as st

from chameleon.app import state, uploads
from chameleon.app.background import Opening, Workshop
from chameleon.app.server import operator
from chameleon.app.view import draw_bound, draw_until
from chameleon.errors import ChameleonError
from chameleon.project import SETTINGS_FILE, address_of
from chameleon.selection import QueryItems, Selection

_WAIT_SECONDS = 0.4


@st.cache_resource(show_spinner=False)
def workshop() -> Workshop:
    """The workshop of this server."""
    return Workshop()


def choices() -> dict[str, str]:
    """The addresses of all projects for this visitor, by name."""
    found: dict[str, str] = {}
    for address in operator().addresses:
        found[_free(_name(address), (*found, uploads.NAME))] = address
    own = uploads.upload_of_session()
    if own is not None:
        found[uploads.NAME] = str(own.project)
    return found


def shown() -> tuple[str, str]:
    """The name and the address of the project shown."""
    offered = choices()
    name = state.project_of_session(list(offered))
    return name, offered[name]


def opened() -> Opening:
    """The opening of the project shown; new version files make a new one."""
    name, address = shown()
    own = uploads.upload_of_session()
    if name == uploads.NAME and own is not None:
        found = own.opened(workshop())
    else:
        found = workshop().opening(address, umap=operator().umap)
    found.wait(_WAIT_SECONDS)  # what is cached is there at once: no flash of a bar
    return found


def item() -> str | None:
    """The project's name in the address; None where there is only one project."""
    return state.current_project() if len(choices()) > 1 else None


def link_items(selection: Selection) -> QueryItems:
    """The address items of this selection of the project shown."""
    name = item()
    own: QueryItems = () if name is None else ((state.PROJECT_ITEM, name),)
    return own + selection.to_query()


def may_lay_out(opening: Opening) -> bool:
    """Return True if this visitor may ask for a new layout.

    Without the operator's permission to write, a visitor can only replace the operator's first
    layout.
    """
    if opening.private is not None or operator().may_write:
        return True
    missing = opening.evaluation is not None and opening.wants_layout(again=False)
    return missing and not operator().umap


def lay_out_again() -> None:
    """Compute a new layout of the project shown. For callbacks."""
    current = opened()
    if may_lay_out(current):
        current.lay_out(workshop().layouts, again=True)


def draw_switch() -> bool:
    """Let the visitor choose among several projects; return False if there is only one."""
    names = list(choices())
    if len(names) < 2:
        return False
    draw_bound(
        st.selectbox, "Project", names, key="project-switch", value=state.current_project(),
        change=state.choose_project,
        format_func=lambda name: "Your upload" if name == uploads.NAME else name,
        label_visibility="collapsed",
    )  # fmt: skip
    return True


def draw_layout_progress() -> None:
    """Show the progress of the layout, or why it failed."""
    current = opened()
    if current.layout_refused:
        st.caption(current.layout_refused)
    process = current.layout_process
    if process is None or process.finished:
        if process is not None and process.error:
            st.caption(f"The layout could not be computed: {process.error}")
        return
    before = current.evaluation

    def draw() -> None:
        progress = process.progress
        st.progress(progress.share, text=f"Computing the UMAP layout: {progress.stage}")

    draw_until(
        lambda: process.finished and current.evaluation is not before, draw, seconds=1.0
    )  # fmt: skip


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number if it is taken."""
    numbered = (f"{name} ({number})" for number in count(2))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def _name(address: str) -> str:
    """The name of a project, on one line: that of its settings, else its last path component."""
    place = Path(address.partition("?")[0])
    settings = (place if place.is_dir() else place.parent) / SETTINGS_FILE
    try:
        changed = settings.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _name_in_settings(address, changed)


@lru_cache(maxsize=256)
def _name_in_settings(address: str, changed: int) -> str:
    try:
        name = address_of(address).settings.name
    except (ChameleonError, OSError):
        name = Path(address.partition("?")[0]).name
    return " ".join(name.split()) or "project"
