"""The frame around every page: opening, sidebar, timeline, filter chips, and the page's own view.

Every page calls `page` and may be the first one a visitor opens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from chameleon import analysis
from chameleon.app import guide, projects, server, sidebar, state, story_host
from chameleon.app.background import Opening
from chameleon.app.check import draw_findings
from chameleon.app.formatting import plain
from chameleon.app.view import Draw, PaintPause, View, draw_until, in_order
from chameleon.models import Evaluation

ICON = str(Path(__file__).parent / "icon.png")

_SIDEBAR_PIXELS = 256

_ASSETS = Path(__file__).parent / "components" / "assets"
_STYLE = (_ASSETS / "page.css").read_text(encoding="utf-8")
_FILLING_STYLE = (_ASSETS / "filling_page.css").read_text(encoding="utf-8")


def page(title: str, question: str, draw: Draw, *, fills_window: bool = False) -> None:
    """Draw one page: its title, the question that it answers, and its own view.

    After a click the view is sent before everything around it, because the visitor waits for it. On
    arrival the page is drawn from top to bottom, so that nothing jumps. A view that `fills_window`
    has a timeline and filter chips of its own, and no title.
    """
    arrived = _begin(title)
    guide.enter_step_page()
    opened = projects.opened()
    state.read_tour_step()
    if not opened.complete:
        _draw_progress(opened)  # first of all: that of the run before would interrupt this one
    head, own = st.container(), st.container()
    evaluation = opened.evaluation  # once: it may be cancelled while this run draws
    if evaluation is None:
        with head:
            _draw_head(opened)
            _warn_of_link(last=opened.complete)
        if state.was_clicked():  # else the link's selection waits for the data
            state.write_address(None, projects.item())
        return
    guide.begin_step(evaluation.dataset.project.path)
    selection = state.selection_of_session(evaluation)
    pause = PaintPause(wanted=not arrived)
    view = View(
        evaluation, selection, pending=not opened.complete, pause=pause, scope=_scope(evaluation)
    )

    def draw_head() -> None:
        _draw_head(opened, evaluation.dataset.project.name)
        state.write_address(selection, projects.item())
        with st.sidebar:
            guide.warn_of_file(view)
            with st.container(horizontal=True, key="help"):
                guide.draw_offer(view)
                guide.draw_glossary()
        if fills_window:
            st.html(f"<style>{_FILLING_STYLE}</style>")
        else:
            with st.container(key="strip"):
                story_host.draw(view, "strip")
            _draw_title(title, question)
        guide.draw_step(view)
        _warn_of_link(last=not view.pending)

    in_order(view, (head, draw_head), (own, partial(draw, view)))
    _draw_sidebar(view)
    for place, draw_late in view.late:
        with place:
            draw_late()


def _draw_sidebar(view: View) -> None:
    """The filters, the model, and the findings."""
    evaluation = view.evaluation
    with st.sidebar:
        sidebar.draw_filters(view)
        st.caption(f"Model: {plain(evaluation.model)}")
        if not evaluation.findings:
            st.caption("No problems were found in this project.")
        draw_findings(evaluation.findings)


def _scope(evaluation: Evaluation) -> str:
    """The rows that outcomes are counted on."""
    asked = state.shared_item("scope")
    offered = analysis.scopes_of(evaluation.dataset)
    return asked if asked in offered else analysis.default_scope(evaluation.dataset)


def data_page(title: str, question: str, draw: Callable[[], None]) -> None:
    """Draw a page about the data, which needs no evaluation and waits for none; see `page`."""
    _begin(title)
    name, _ = projects.shown()
    st.html(f"<style>{_STYLE}</style>")
    sidebar.draw_navigation(None)
    if projects.item() is not None:
        state.write_address(None, name)
    _draw_title(title, question)
    _warn_of_link(last=True)
    draw()


def _begin(title: str) -> bool:
    """Begin a page; return True if the visitor comes from another one."""
    server.stay_offline()  # a host may run the page without the app that `streamlit run` serves
    st.set_page_config(
        page_title=f"{title} - Chameleon", page_icon=ICON, layout="wide",
        initial_sidebar_state=_SIDEBAR_PIXELS,
    )  # fmt: skip
    guide.record_arrival(linked=len(st.query_params) > 0)
    arrived = state.enter_page(title)
    if arrived:
        story_host.arrive()
    return arrived


def _draw_title(title: str, question: str) -> None:
    with st.container(horizontal=True, key="page-title"):
        st.markdown(f"#### {title}", width="content")
        st.markdown(question, width="content")


def _warn_of_link(*, last: bool) -> None:
    """Name the parts of a link that don't exist; see `state.messages`."""
    for message in state.messages(last=last):
        st.warning(f"{plain(message)} The rest of the link is shown.", icon=":material/link_off:")


def _draw_head(opened: Opening, project: str | None = None) -> None:
    """The style, the navigation, and the reason for an empty or incomplete page."""
    st.html(f"<style>{_STYLE}</style>")
    sidebar.draw_navigation(project)
    if opened.error is not None:
        st.error(plain(opened.error), icon=":material/error:")
    if opened.evaluation is None and opened.complete:
        st.caption("Chameleon shows a project when at least one version of it can be used.")


def _draw_progress(opened: Opening) -> None:
    """Show the progress of the opening, and draw the page again after every stage."""
    has_data = opened.evaluation is not None

    def draw() -> None:
        progress = opened.progress
        if progress is None:
            st.progress(0.0, text="Opening the project…")
            return
        also = " You can look at the data; outcomes follow." if has_data else ""
        st.progress(
            progress.done / progress.total,
            text=f"{progress.stage} version {plain(progress.version)}: "
            f"{progress.done} of {progress.total} done.{also}",
        )

    draw_until(
        lambda: opened.complete or (opened.evaluation is not None) is not has_data, draw,
        seconds=0.7,
    )  # fmt: skip
