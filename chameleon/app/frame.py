"""The frame around every page: opening, sidebar, timeline, filter chips, and the page's own view.

Every page calls `page` and may be the first one a visitor opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import streamlit as st

from chameleon import analysis
from chameleon.app import cached, guide, projects, server, sidebar, state
from chameleon.app.background import Opening
from chameleon.app.check import draw_findings
from chameleon.app.components import timeline
from chameleon.app.formatting import brief, plain
from chameleon.app.view import Draw, PaintPause, View, draw_until, in_order
from chameleon.selection import Filters, RegionFilter

ICON = str(Path(__file__).parent / "icon.png")

_STYLE = (Path(__file__).parent / "components" / "assets" / "page.css").read_text(encoding="utf-8")


def page(title: str, question: str, draw: Draw) -> None:
    """Draw one page: its title, the question that it answers, and its own view.

    After a click the view is sent before everything around it, because the visitor waits for it. On
    arrival the page is drawn from top to bottom, so that nothing jumps.
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
    view = View(evaluation, selection, pending=not opened.complete, pause=pause)

    def draw_head() -> None:
        _draw_head(opened, evaluation.dataset.project.name)
        state.write_address(selection, projects.item())
        with st.sidebar:
            guide.warn_of_file(view)
            guide.draw_offer(view)
            guide.draw_glossary()
        _draw_title(title, question)
        guide.draw_step(view)
        _draw_timeline(view)
        _warn_of_link(last=not view.pending)
        draw_chips(view)

    in_order(view, (head, draw_head), (own, partial(draw, view)))
    with st.sidebar:
        sidebar.draw_filters(view)
        st.caption(f"Model: {plain(evaluation.model)}")
        if not evaluation.findings:
            st.caption("No problems were found in this project.")
        draw_findings(evaluation.findings)
    for place, draw_late in view.late:
        with place:
            draw_late()


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
        initial_sidebar_state="auto",
    )  # fmt: skip
    guide.record_arrival(linked=len(st.query_params) > 0)
    return state.enter_page(title)


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


def _draw_timeline(view: View) -> None:
    names = view.version_names
    timeline(
        [
            {
                "name": row["version"],
                "date": None if row["date"] is None else row["date"].isoformat(),
                "instances": row["instances"],
                "train_accuracy": row["train_accuracy"],
                "test_accuracy": row["test_accuracy"],
                "note": row["note"],
            }
            for row in view.call(analysis.version_metrics).iter_rows(named=True)
        ],
        primary=names.index(view.selection.primary),
        secondary=names.index(view.selection.secondary),
        pending=view.pending,
        key="timeline",
        on_pick=partial(state.pick_version, "timeline", names),
    )


@dataclass(frozen=True, slots=True)
class _Chip:
    """The label of a filter, and the function that removes it from `field` of the selection."""

    words: str
    without: Callable[[Filters], Filters]
    field: str = "filters"


def draw_chips(view: View) -> None:
    """A removable chip for each filter, and the number of instances that match them."""
    found = view.call(analysis.selected)
    chips = list(_chips(view))
    # as high with chips as without (see the page's style): the first click must move nothing
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips")
    if not chips:
        names = " and ".join(map(brief, view.versions.values()))
        row.caption(f"All {found.of:,} instances of {names}, unfiltered.")
        return
    with row:
        st.markdown(f"**{found.instances:,} of {found.of:,} instances**", width="content")
        for number, chip in enumerate(chips):
            st.button(
                f"{brief(chip.words, 60)} :material/close:", key=f"chip-{number}",
                help=f"Remove filter: {plain(chip.words)}",
                on_click=state.change, args=(chip.field, chip.without),
            )  # fmt: skip
        st.button("Clear all", key="clear-all", type="tertiary", on_click=state.clear)
    if found.instances == 0:
        st.info(
            "No instance in either version matches all filters. Remove one: "
            + "; ".join(_relief(view, chips)),
            icon=":material/filter_alt_off:",
        )


def _chips(view: View) -> Iterator[_Chip]:
    kinds, selection = view.evaluation.dataset.project.kinds, view.selection
    for part in selection.filters.parts:
        if not isinstance(part, RegionFilter):
            yield _Chip(part.label(kinds), partial(Filters.without, part=part))
    cells = len(selection.filters.regions)
    if cells:
        words = "a cell of the embedding" if cells == 1 else f"{cells} cells of the embedding"
        yield _Chip(words, partial(replace, regions=()))
    for side, words in view.sides.items():
        field = f"{side}_only"
        if not getattr(selection, field).is_empty:
            yield _Chip(f"{side} is {words}", lambda _: Filters(), field)


def _relief(view: View, chips: list[_Chip]) -> Iterator[str]:
    """The number of instances without each chip."""
    for chip in chips:
        relaxed = state.changed(view.selection, chip.field, chip.without)
        count = cached.call(analysis.selected, view.evaluation, relaxed).instances
        yield f"removing *{brief(chip.words)}* shows {count:,}"


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
