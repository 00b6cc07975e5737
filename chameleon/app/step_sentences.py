"""The step in plain sentences, each with a link to the view that its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from chameleon import analysis
from chameleon.analysis import Attribution, Grounds, Sentence, Topic, TrainingParts, sentences
from chameleon.app import cached, state
from chameleon.app.formatting import plain, shortened
from chameleon.app.view import View

_PAGES: Mapping[Topic, tuple[str, str]] = {
    Topic.DATA: ("pages/iteration.py", "Data changes"),
    Topic.METRIC: ("pages/timeline.py", "Timeline"),
}
_PLACES: Mapping[Topic, tuple[str, str]] = {
    Topic.CAUSE: ("both-models-on-both-test-sets", "Four corners"),
    Topic.TRAINING: ("what-moved-the-metric", "Way of the metric"),
    Topic.GROUP: ("where-did-accuracy-change", "Groups"),
}
"""Headings of the Attribution page, by the anchors that Streamlit gives them."""

_LONGEST = 700


def draw(
    view: View, found: Attribution, fair: Attribution | None, training: TrainingParts | None
) -> None:
    """Three to five sentences; `fair` is the attribution without twins of train rows."""
    evaluation, before, after = view.evaluation, found.before, found.after
    grounds = Grounds(
        found,
        fair,
        cached.call(analysis.iteration_kinds, evaluation, view.selection),
        cached.call(analysis.changed_slices, evaluation, before=before, after=after),
        cached.call(analysis.train_changes, evaluation, before=before, after=after),
        training,
    )
    told = sentences(evaluation, grounds)
    for sentence in told:
        with st.container(gap=None):
            text = plain(shortened(sentence.text, _LONGEST))
            st.markdown(f"**{sentence.topic.value}.** {text}{_place(sentence)}")
            _link(sentence)


def _place(sentence: Sentence) -> str:
    """The link to a place further down, as Markdown; none where `_link` draws one."""
    if sentence.topic in _PAGES or sentence.filters is not None:
        return ""
    anchor, label = _PLACES[sentence.topic]
    return f" [{label}](#{anchor})"


def _link(sentence: Sentence) -> None:
    """A link within this visit, so that versions and project stay; or the filter to a group."""
    if sentence.topic in _PAGES:
        page, label = _PAGES[sentence.topic]
        st.page_link(page, label=label, icon=":material/arrow_forward:")
    elif sentence.filters is not None:
        st.button(
            "Filter to them", key=f"summary-{sentence.topic.name.lower()}", type="tertiary",
            icon=":material/filter_alt:", on_click=state.set_filters, args=(sentence.filters,),
        )  # fmt: skip
