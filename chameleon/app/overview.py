"""The Overview: the Story of a timeline, its payload, its state, and its letters.

The component counts everything that it shows. A commit (a step, a filter, a scope) reaches Python
as its state, which becomes the session's selection; Python answers by a letter.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import Story
from chameleon.app import cached, components, guide, state
from chameleon.app.sidebar import PAGES
from chameleon.app.story_letters import Letter, letter
from chameleon.app.story_state import Looking, State, Translator, looking_of, same_state
from chameleon.app.view import View
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import Selection

STORY = "story"
LETTERS = "story-letters"
_POST = "chameleon.story-post"
_PAGE_OF_NAME = {label.lower(): path for path, label, _ in PAGES}


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """The payload of a timeline as the component gets it: the same objects in every run."""

    story: Story
    head: str
    blob: pl.DataFrame


@dataclass(slots=True)
class _Post:
    """What this session's component knows: the state that it shows, and the last letter."""

    shown: State | None = None
    sent: Letter | None = None
    serial: int = 0


def draw(view: View) -> None:
    """The Story, in what the window leaves to it."""
    guide.draw_introduction(view)
    payload = payload_of(view)
    translator = Translator(view.evaluation, payload.story.grid)
    components.story(
        payload.head, payload.blob, mode="full", key=STORY,
        on_state=partial(_follow, translator), on_open=_open,
    )  # fmt: skip
    looking = looking_of_session(view)
    shown = translator.state(view.selection, looking)
    answer = letter(view, payload.story, translator, looking, shown)
    components.story_letters(_posted(answer), key=LETTERS)


def payload_of(view: View) -> Payload:
    """The payload of the view's timeline, cached until data, models, or layout change."""
    layout = view.evaluation.layout
    return cached.call(story_payload, view.evaluation, also=layout and layout.key)


def story_payload(evaluation: Evaluation) -> Payload:
    """The payload of an evaluation."""
    story = analysis.story(evaluation)
    head = json.dumps(story.head, separators=(",", ":"), allow_nan=False)
    blob = pl.DataFrame({"v": np.frombuffer(story.packed.blob, dtype=np.uint8)})
    return Payload(story, head, blob)


def looking_of_session(view: View) -> Looking:
    """What the session shows besides versions and filters."""
    shares = state.shared_item("shares")
    return Looking(
        scope=view.scope,
        pinned=state.shared_item("pin") is not None,
        shares=None if shares is None else shares == "on",
        open=state.own_item("open"),
    )


def arrive() -> None:
    """Forget what the component knows: a page that is entered has a new one."""
    _post().shown = None


def _follow(translator: Translator) -> None:
    """Show what the component shows. A state that can't be read changes nothing."""
    told = _event("state")
    if told is None:
        return
    post, current = _post(), state.current_selection()
    try:
        selection = translator.selection(told, current)
    except (SelectionError, KeyError, TypeError, ValueError, AttributeError):
        post.shown = None  # so that the letter brings back what is shown
        return
    post.shown = told
    state.show_selection(selection)
    _look(translator, selection, looking_of(told))


def _look(translator: Translator, selection: Selection, looking: Looking) -> None:
    """Write what is shown into the address; what is usual needs no item."""
    usual = analysis.default_scope(translator.dataset)
    pinned = looking.pinned and not translator.is_pinned(selection)
    state.set_shared_item("scope", None if looking.scope == usual else looking.scope)
    state.set_shared_item("pin", "on" if pinned else None)
    shares = {None: None, True: "on", False: "off"}[looking.shares]
    state.set_shared_item("shares", shares)
    state.set_own_item("open", looking.open)


def _open() -> None:
    """Open the page, or the instance, that was clicked."""
    target = _event("open")
    if isinstance(target, dict):
        state.set_own_item("open", str(target.get("instance")), page="Instances")
        target = "instances"
    path = _PAGE_OF_NAME.get(str(target))
    if path is not None:
        guide.go_to(path)


def _event(name: str) -> Any:  # noqa: ANN401 - a component's event
    found: Any = st.session_state.get(STORY)
    return None if found is None else found.get(name)


def _posted(answer: Letter) -> str:
    """The letter as JSON, numbered: equal ones have the same number and aren't sent again."""
    post = _post()
    accepted = same_state(post.shown, answer["state"])
    sent = {**answer, "accepted": accepted}
    if sent != post.sent:
        post.sent, post.serial = sent, post.serial + 1
    post.shown = answer["state"]
    return json.dumps({"serial": post.serial, **sent}, separators=(",", ":"))


def _post() -> _Post:
    found: _Post = st.session_state.setdefault(_POST, _Post())
    return found
