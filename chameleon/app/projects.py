"""The project that this visitor looks at, and the progress of its opening.

A visitor sees names only: the operator's addresses are paths of the server.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from itertools import count
from pathlib import Path

import streamlit as st

from chameleon.app import state, uploads
from chameleon.app.opening import Opening, Workshop
from chameleon.app.operator import operator
from chameleon.errors import ChameleonError
from chameleon.project import SETTINGS_FILE, address_of
from chameleon.selection import QueryItems, Selection

_SWITCH = "project-switch"
_MOMENT_SECONDS = 0.4


@st.cache_resource(show_spinner=False)
def workshop() -> Workshop:
    """The workshop in which all projects of this server are opened."""
    return Workshop()


def choices() -> dict[str, str]:
    """The address of every project there is for this visitor, by name."""
    found: dict[str, str] = {}
    for address in operator().addresses:
        found[_free(_name(address), (*found, uploads.NAME))] = address
    own = uploads.upload_of_session()
    if own is not None:
        found[uploads.NAME] = str(own.project)
    return found


def shown() -> tuple[str, str]:
    """The name and the address of the project this visitor looks at."""
    offered = choices()
    name = state.project_of_session(list(offered))
    return name, offered[name]


def opened() -> Opening:
    """The opening of the project this visitor looks at; new version files make a new one."""
    name, address = shown()
    own = uploads.upload_of_session()
    if name == uploads.NAME and own is not None:
        found = own.opened(workshop())
    else:
        found = workshop().opening(address, umap=operator().umap)
    found.wait(_MOMENT_SECONDS)  # what is kept on disk is there at once: no flash of a bar
    return found


def item() -> str | None:
    """The project's name in the address; None where there is only one project."""
    return state.current_project() if len(choices()) > 1 else None


def link_items(selection: Selection) -> QueryItems:
    """The items of an address that shows this selection of the project looked at."""
    name = item()
    own: QueryItems = () if name is None else ((state.PROJECT_ITEM, name),)
    return own + selection.to_query()


def may_lay_out(opened: Opening) -> bool:
    """Return True if this visitor may ask for a new layout.

    The operator's project gets one of a visitor's asking only in place of the first picture.
    """
    evaluation = opened.evaluation
    if opened.private is not None or operator().may_write:
        return True
    return not operator().umap and evaluation is not None and opened.wants_layout(again=False)


def lay_out_again() -> None:
    """Compute a new layout of the project this visitor looks at. For callbacks."""
    current = opened()
    if may_lay_out(current):
        workshop().lay_out(current, again=True)


def draw_switch() -> None:
    """Let the visitor choose among several projects."""
    names = list(choices())
    if len(names) < 2:
        return
    st.session_state[_SWITCH] = state.current_project()
    st.selectbox(
        "Project",
        names,
        key=_SWITCH,
        on_change=lambda: state.choose_project(st.session_state[_SWITCH]),
        format_func=lambda name: "Your upload" if name == uploads.NAME else name,
    )


def draw_layout_state() -> None:
    """Show how far the layout is, and draw the page anew when it is ready."""
    current = opened()
    if current.layout_refused:
        st.caption(current.layout_refused)
    process = current.layout_process
    if process is None or process.finished:
        if process is not None and process.error:
            st.caption(f"The layout could not be computed: {process.error}")
        return
    before = current.evaluation

    @st.fragment(run_every=1.0)
    def watch() -> None:
        if process.finished and current.evaluation is not before:
            st.rerun(scope="app")
        progress = process.progress
        st.progress(progress.share, text=f"Laying out by UMAP: {progress.stage}")

    watch()


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken."""
    numbered = (f"{name} ({number})" for number in count(2))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def _name(address: str) -> str:
    """The name of a project, on one line: what its settings say, else its last path component."""
    place = Path(address.partition("?")[0])
    settings = (place if place.is_dir() else place.parent) / SETTINGS_FILE
    try:
        changed = settings.stat().st_mtime_ns
    except OSError:
        changed = 0
    return _said_name(address, changed)


@lru_cache(maxsize=256)
def _said_name(address: str, changed: int) -> str:
    try:
        name = address_of(address).settings.name
    except (ChameleonError, OSError):
        name = Path(address.partition("?")[0]).name
    return " ".join(name.split()) or "project"
