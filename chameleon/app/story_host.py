"""The host of the Story: its payload, its state, and its letters.

The component counts everything that it shows. A commit (a step, a filter, a scope) reaches Python
as its state, which becomes the session's selection; Python answers by a letter. The Overview has
all of it, other pages a strip with the versions and filters.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from numpy.typing import NDArray

from chameleon import analysis
from chameleon.analysis import Story
from chameleon.app import cached, components, guide, projects, state
from chameleon.app.cached import kept
from chameleon.app.components import Mode
from chameleon.app.sidebar import PAGES
from chameleon.app.story_letters import Letter, letter
from chameleon.app.story_state import (
    Looking,
    State,
    Translator,
    looking_of,
    merged_state,
    same_state,
)
from chameleon.app.view import View
from chameleon.data import MOST_ROWS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import Selection

STORY = "story"
PART = "story-part"
LETTERS = "story-letters"
_POST = "chameleon.story-post"
_KEPT_LETTERS = 50
_WAIT_SECONDS = 0.3
_STRIP = ("format", "key", "project", "model", "versions", "steps", "metrics", "scopes", "facts")
_PAGE_OF_NAME = {title.lower(): path for path, title in PAGES}


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """The payload of a timeline as components get it: the same objects in every run.

    `strip` is the part of the head that the strip needs.
    """

    story: Story
    head: str
    strip: str
    blob: pl.DataFrame


@dataclass(slots=True)
class _Post:
    """What this session's component knows: the state that it shows, and the last letter.

    `told` is the last state that it sent, with the number of the last letter before it. `letters`
    has the states of the latest letters by number. `bare` has the keys of evaluations whose payload
    it got without chance levels: another one would draw everything anew.
    """

    shown: State | None = None
    told: tuple[int, State] | None = None
    letters: dict[int, State] = field(default_factory=dict)
    sent: Letter | None = None
    serial: int = 0
    bare: set[str] = field(default_factory=set)


class _Levels:
    """The chance levels of a dataset, drawn in the background: None until they are there."""

    def __init__(self, dataset: EvolvingDataset) -> None:
        self.values: NDArray[np.float64] | None = None
        self._finished = threading.Event()
        steps = len(dataset.versions) * len(dataset.features)
        if dataset.row_count <= MOST_ROWS and steps <= analysis.MOST_LEVELS:
            projects.workshop().levels.take(partial(self._draw, dataset))

    def wait(self, seconds: float) -> None:
        """Wait a moment: what is cached on disk is there at once."""
        self._finished.wait(seconds)

    def _draw(self, dataset: EvolvingDataset) -> None:
        try:
            self.values = analysis.step_levels(dataset)
        finally:
            self._finished.set()


def draw(view: View, mode: Mode) -> None:
    """The Story, or one of its parts, with the state of the session."""
    payload = payload_of(view)
    translator = Translator(view.evaluation, payload.story.grid)
    is_strip = mode == "strip"
    components.story(
        payload.strip if is_strip else payload.head, None if is_strip else payload.blob, mode=mode,
        key=STORY, on_state=partial(_follow, translator, STORY), on_open=partial(_open, STORY),
    )  # fmt: skip
    looking = looking_of_session(view)
    shown = translator.state(view.selection, looking)
    answer = letter(view, payload.story, translator, looking, shown)
    components.story_letters(_posted(answer), key=LETTERS)


def draw_part(view: View, part: Mode) -> None:
    """One large part of the Story on a page with the strip, whose letters reach it as well."""
    payload = payload_of(view)
    translator = Translator(view.evaluation, payload.story.grid)
    components.story(
        payload.head, payload.blob, mode=part, key=PART,
        on_state=partial(_follow, translator, PART), on_open=partial(_open, PART),
    )  # fmt: skip


def payload_of(view: View) -> Payload:
    """The payload of the view's timeline, cached until data, models, or layout change."""
    evaluation = view.evaluation
    levels = _levels(evaluation)
    also = (evaluation.layout and evaluation.layout.key, levels is not None)
    return cached.call(story_payload, evaluation, also=also, given={"levels": levels})


def _levels(evaluation: Evaluation) -> NDArray[np.float64] | None:
    """The chance levels, if they were there when this session first needed them."""
    bare = _post().bare
    found = _levels_of(evaluation.dataset, evaluation.dataset.key)
    if evaluation.key in bare:
        return None
    found.wait(_WAIT_SECONDS)
    if found.values is None:
        bare.add(evaluation.key)
    return found.values


@kept(max_entries=8)
def _levels_of(_dataset: EvolvingDataset, key: str) -> _Levels:
    return _Levels(_dataset)


def story_payload(evaluation: Evaluation, *, levels: NDArray[np.float64] | None) -> Payload:
    """The payload of an evaluation, with the chance levels of `step_levels`, if known."""
    story = analysis.story(evaluation, levels=levels)
    strip = {name: story.head[name] for name in _STRIP}
    blob = pl.DataFrame({"v": np.frombuffer(story.packed.blob, dtype=np.uint8)})
    return Payload(story, _json(story.head), _json(strip), blob)


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


def _follow(translator: Translator, key: str) -> None:
    """Show what a component shows. A state that can't be read changes nothing."""
    told = _event(key, "state")
    if told is None:
        return
    post, current = _post(), state.current_selection()
    try:
        merged = _with_changes_since(translator, post, told, current)
        selection = translator.selection(merged, current)
    except (SelectionError, KeyError, TypeError, ValueError, AttributeError):
        post.shown = None  # so that the letter brings back what is shown
        return
    post.shown = told
    state.show_selection(selection)
    _look(translator, selection, looking_of(told))


def _with_changes_since(
    translator: Translator, post: _Post, told: State, current: Selection
) -> State:
    """The told state with the session's changes since the letter that the component had seen."""
    seen, before = told["seen"], post.told
    known = post.letters.get(seen)
    post.told = post.serial, told
    if known is None:
        return told
    if before is not None and seen <= before[0]:  # it knows what it sent, too
        known = {**before[1], "filters": [*known["filters"], *before[1]["filters"]]}
    return merged_state(told, known, translator.state(current, looking_of(told)))


def _look(translator: Translator, selection: Selection, looking: Looking) -> None:
    """Write what is shown into the address; what is usual needs no item."""
    usual = analysis.default_scope(translator.dataset)
    pinned = looking.pinned and not translator.is_pinned(selection)
    state.set_shared_item("scope", None if looking.scope == usual else looking.scope)
    state.set_shared_item("pin", "on" if pinned else None)
    shares = {None: None, True: "on", False: "off"}[looking.shares]
    state.set_shared_item("shares", shares)
    state.set_own_item("open", looking.open)


def _open(key: str) -> None:
    """Open the page, or the instance, that was clicked."""
    target = _event(key, "open")
    if isinstance(target, dict):
        state.set_own_item("open", str(target.get("instance")), page="Instances")
        target = "instances"
    path = _PAGE_OF_NAME.get(str(target))
    if path is not None:
        guide.go_to(path)


def _event(key: str, name: str) -> Any:  # noqa: ANN401 - a component's event
    found: Any = st.session_state.get(key)
    return None if found is None else found.get(name)


def _posted(answer: Letter) -> str:
    """The letter as JSON, numbered: equal ones have the same number and aren't sent again."""
    post = _post()
    accepted = same_state(post.shown, answer["state"])
    sent = {**answer, "accepted": accepted}
    if sent != post.sent:
        post.sent, post.serial = sent, post.serial + 1
    post.shown = post.letters[post.serial] = answer["state"]
    post.letters.pop(post.serial - _KEPT_LETTERS, None)
    return _json({"serial": post.serial, **sent})


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _post() -> _Post:
    found: _Post = st.session_state.setdefault(_POST, _Post())
    return found
