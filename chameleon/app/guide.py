"""Help for visitors: the glossary, the introduction on arrival, and the guided tour."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import streamlit as st

from chameleon.app import projects, sidebar, state
from chameleon.app.formatting import plain
from chameleon.app.view import View
from chameleon.errors import ProjectError
from chameleon.project import TOUR_FILE, TourStep, read_tour
from chameleon.selection import QueryItems, Selection

WORDS = {
    "version": "one state of the dataset. The timeline has a box for each, from old to new.",
    "primary, blue": "the version shown: the blue arrowhead above its box.",
    "secondary, pink": "the version it is compared with: the pink arrowhead below. Purple is what "
    "both have in common.",
    "instance": "one entity in the data, with the same id in every version.",
    "row": "one content of an instance; an edited instance has several rows.",
    "correct, incorrect": "the version's own model predicts the instance's label, or another "
    "class. Unknown: there is no label or no prediction; it is never counted as incorrect.",
    "above and below the axis": "bars above count correct instances, bars below incorrect ones. "
    "The halves are not the labels.",
    "train and test accuracy": "the share of a version's own train or test rows that its own model "
    "predicts correctly.",
    "fixed, regressed": "incorrect in the secondary and correct in the primary version, or the "
    "other way. Each is a flip: fixed a positive, regressed a negative one.",
    "sensitivity": "the number of an instance's outcome changes over the versions. Flickering: two "
    "or more.",
    "cell": "one square of the embedding: instances with similar features. Large: many; blue: "
    "mostly correct; red: mostly incorrect.",
    "step": "two versions, usually consecutive: instances were added, removed, relabeled, or "
    "edited from one to the other.",
    "model change, mixed change": "a step with the same data and another model; mixed: data and "
    "model changed at once, so that neither can be named as the cause.",
    "drift": "the change of a feature's distribution between two versions, shown with its chance "
    "level.",
    "lift": "the ratio of a share in one group to that in another: 2 is twice as often.",
    "golden test set": "curated test rows in a file of their own, in no version, which every "
    "version's model predicts.",
    "label issue": "a label that is likely wrong: models that never saw it give it little "
    "probability.",
    "exclusion list": "instances to leave out, each with a reason. It deletes nothing. A rule on "
    "it names instances by filters instead of one by one.",
    "labeling function, label probability": "weak labels come from labeling functions that vote "
    "for a class or abstain; the probability of each class is computed from their votes.",
    "filters": "conditions on the instances shown. A click on nearly any mark sets one; the chips "
    "under the timeline remove them.",
}
"""The app's terms, in the order in which a visitor meets them."""

_PAGE_FILES = {"": sidebar.PAGES[0][0]} | {
    PurePosixPath(path).stem: path for path, *_ in sidebar.PAGES[1:]
}
"""The files of the pages, by the last part of their addresses."""

_INTRODUCED = "chameleon.introduced"
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
        "embedding-color": str,
        "sensitivity-scale": str,
        "timeline-metric": str,
    }
)
"""The options of pages that a step may set, and their types. A tour comes with the data and may be
a stranger's: it may set nothing else."""


def draw_glossary() -> None:
    """All terms behind a button."""
    with st.popover("Words and colors", type="tertiary"):
        st.markdown("\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS.items()))


def record_arrival(*, linked: bool) -> None:
    """Record once per session whether the visitor followed a link, which needs no introduction."""
    st.session_state.setdefault(_INTRODUCED, linked)


def draw_introduction(view: View) -> None:
    """A few sentences for a new visitor, until they are closed."""
    if st.session_state.get(_INTRODUCED, True) or state.tour_step() is not None:
        return
    with st.container(border=True, key="hello"):
        left, right = st.columns([7, 3], vertical_alignment="center")
        left.markdown(
            "**New here?** Each point of the line is a version with a model trained on it; click "
            "one. **Blue** is the version shown, **pink** the one it is compared with. Click any "
            "other mark to see its instances in all views."
        )
        with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
            draw_offer(view, key="hello-tour")
            st.button("Got it", key="hello-seen", on_click=_close_introduction)


def _close_introduction() -> None:
    st.session_state[_INTRODUCED] = True


def begin_step(folder: Path) -> None:
    """Set the options of a step that a link or a click has just led to.

    Before anything of the page is drawn: a widget cannot be set afterwards.
    """
    number = state.tour_step()
    if number is None:
        st.session_state.pop(_SET, None)
        return
    steps = _steps(folder)
    if not 1 <= number <= len(steps):
        state.set_tour_step(None)
        return
    coming = (str(folder), number)
    if st.session_state.get(_SET) == coming:
        return
    st.session_state[_SET] = coming
    for key, value in steps[number - 1].options.items():
        if isinstance(value, OPTIONS.get(key, ())):
            st.session_state[key] = value


def draw_offer(view: View, *, key: str = "tour-offer") -> None:
    """A button to the first step, where the project has a tour that has not begun."""
    steps = _steps(view.evaluation.dataset.project.path)
    if steps and state.tour_step() is None:
        _draw_button(view, steps, 1, "Guided tour", ":material/tour:", key=key)


def draw_step(view: View) -> None:
    """The present step, with buttons to the previous and the next one."""
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
                _draw_button(view, steps, number - 1, "Back", back, key="tour-back")
            if number < len(steps):
                _draw_button(view, steps, number + 1, "Next", forth, key="tour-next")
            st.button(
                "End the tour",
                key="tour-end",
                type="tertiary",
                on_click=state.set_tour_step,
                args=(None,),
            )


def _draw_button(
    view: View, steps: tuple[TourStep, ...], number: int, label: str, icon: str, *, key: str
) -> None:
    """A button to a step; the address of a link would count as one that lags behind."""
    step = steps[number - 1]
    path = _PAGE_FILES.get(step.page)
    if path is None:
        st.caption(f"{plain(TOUR_FILE)}, step {number}: there is no page '{plain(step.page)}'.")
        return
    st.button(label, key=key, icon=icon, on_click=_go, args=(view, step.query, number, path))


def _go(view: View, query: QueryItems, number: int, path: str) -> None:
    state.follow_link(query, Selection.opening(view.evaluation))
    state.set_tour_step(number)
    go_to(path)


def go_to(path: str) -> None:
    """Change to another page in the run that follows. For callbacks."""
    st.session_state[_PAGE] = path


def enter_step_page() -> None:
    """Change to the page that was clicked: a callback cannot do it itself."""
    path = st.session_state.pop(_PAGE, None)
    if path is not None:
        query = state.page_query(dict(sidebar.PAGES)[path], projects.item())
        st.switch_page(path, query_params=query)


def warn_of_file(view: View) -> None:
    """Explain why a tour.toml cannot be used."""
    try:
        read_tour(view.evaluation.dataset.project.path)
    except ProjectError as error:
        st.warning(plain(str(error)), icon=":material/tour:")


def _steps(folder: Path) -> tuple[TourStep, ...]:
    with suppress(ProjectError):
        return read_tour(folder)
    return ()
