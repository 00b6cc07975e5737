"""A guided tour through a project: where it can be begun, and its present step above the page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import streamlit as st

from chameleon.app import sidebar, state
from chameleon.app.formatting import plain
from chameleon.app.view import View
from chameleon.errors import ProjectError
from chameleon.project import TOUR_FILE, TourStep, read_tour
from chameleon.selection import QueryItems, Selection

_PAGE_FILES = {"": sidebar.PAGES[0][0]} | {
    PurePosixPath(path).stem: path for path, *_ in sidebar.PAGES[1:]
}
"""The files of the pages, by the last part of their addresses."""

_SET = "chameleon.tour-set"
_PAGE = "chameleon.tour-page"

OPTIONS: Mapping[str, type] = MappingProxyType(
    {
        "features-over-versions": bool,
        "over-feature": str,
        "over-shares": bool,
        "features-sort": str,
        "features-shares": bool,
        "features-labels": bool,
        "embedding-colour": str,
        "sensitivity-scale": str,
        "timeline-metric": str,
    }
)
"""The switches of pages that a step may set, and what they hold. A tour comes with the data and
may be a stranger's: it may set nothing else."""


def begin(folder: Path) -> None:
    """Set the switches of the step that a link or a click has just come to.

    Before anything of the page is drawn: a widget cannot be set afterwards.
    """
    number = state.tour_step()
    if number is None:
        st.session_state.pop(_SET, None)
        return
    steps = _steps(folder)
    if not 1 <= number <= len(steps):
        state.end_tour()
        return
    coming = (str(folder), number)
    if st.session_state.get(_SET) == coming:
        return
    st.session_state[_SET] = coming
    for key, value in steps[number - 1].options.items():
        if isinstance(value, OPTIONS.get(key, ())):
            st.session_state[key] = value


def offer(view: View, *, key: str = "tour-offer") -> None:
    """A button to the first step, where the project has a tour and none is taken."""
    steps = _steps(view.evaluation.dataset.project.path)
    if steps and state.tour_step() is None:
        _button(view, steps, 1, "Guided tour", ":material/tour:", key=key)


def draw(view: View) -> None:
    """The present step, with buttons to the one before and the next."""
    steps, number = _steps(view.evaluation.dataset.project.path), state.tour_step()
    if number is None or not 1 <= number <= len(steps):
        return
    step, back, forth = steps[number - 1], ":material/arrow_back:", ":material/arrow_forward:"
    with st.container(border=True, key="tour"):
        left, right = st.columns([7, 3], vertical_alignment="center")
        left.markdown(
            f":material/tour: **{plain(step.title)}** &ensp;:gray[:small[step {number} of "
            f"{len(steps)}]]  \n{plain(step.text)}"
        )
        with right.container(
            horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"
        ):
            if number > 1:
                _button(view, steps, number - 1, "Back", back, key="tour-back")
            if number < len(steps):
                _button(view, steps, number + 1, "Next", forth, key="tour-next")
            st.button("End the tour", key="tour-end", type="tertiary", on_click=state.end_tour)


def _button(
    view: View, steps: tuple[TourStep, ...], number: int, label: str, icon: str, *, key: str
) -> None:
    """A button to a step. No link: the address of a step just left counts as lagging behind."""
    step = steps[number - 1]
    path = _PAGE_FILES.get(step.page)
    if path is None:
        st.caption(f"{plain(TOUR_FILE)}, step {number}: there is no page '{plain(step.page)}'.")
        return
    st.button(label, key=key, icon=icon, on_click=_go, args=(view, step.query, number, path))


def _go(view: View, query: QueryItems, number: int, path: str) -> None:
    state.follow_link(query, Selection.newest(view.evaluation))
    state.take_tour(number)
    st.session_state[_PAGE] = path


def go() -> None:
    """Change to the page of the step that was asked for. A callback cannot do it itself."""
    path = st.session_state.pop(_PAGE, None)
    if path is not None:
        st.switch_page(path)


def warn_of_file(view: View) -> None:
    """Say why a tour.toml is no tour."""
    try:
        read_tour(view.evaluation.dataset.project.path)
    except ProjectError as error:
        st.warning(plain(str(error)), icon=":material/tour:")


def _steps(folder: Path) -> tuple[TourStep, ...]:
    with suppress(ProjectError):
        return read_tour(folder)
    return ()
