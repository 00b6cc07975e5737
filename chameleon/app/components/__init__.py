"""The views of our own: the Feature View and the Story (Streamlit components v2)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import polars as pl
import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer
from streamlit.runtime import Runtime

_ASSETS = Path(__file__).parent / "assets"
_registering = threading.Lock()

Mode = Literal["full", "strip", "map", "flow", "sensitivity"]
"""The parts of the Story: all of it, versions and filters alone, or one part, large."""


class FeatureStats(TypedDict):
    """Per split: minimum, mean, maximum, and the number of missing values."""

    primary: Sequence[Sequence[float | None]]
    secondary: Sequence[Sequence[float | None]]


class FeatureRow(TypedDict):
    """One feature of the Feature View.

    Bars are in this order: below, ranges or categories, above, missing, nonfinite. `edges` has one
    entry more than there are ranges (dates: milliseconds since 1970, UTC); `categories` (or
    `values`) one per bar. `counts` has per split six arrays with a number per bar: primary correct,
    incorrect, unknown, then the secondary's; `ghost` per split the primary's unfiltered three;
    `labels` per split and class an array with a number per bar. A `note` replaces the histogram.
    """

    name: str
    kind: Literal["number", "integer", "date", "category", "boolean", "text"]
    edges: Sequence[float] | None
    categories: Sequence[str] | None
    values: NotRequired[Sequence[float] | None]
    other: int | None
    extras: Sequence[Literal["below", "above", "missing", "nonfinite"]]
    low: float | None
    high: float | None
    note: str | None
    stats: FeatureStats
    counts: Sequence[Sequence[Sequence[int]]]
    ghost: Sequence[Sequence[Sequence[int]]] | None
    labels: Sequence[Sequence[Sequence[int]]] | None
    selected: Sequence[int]


class FeatureViewPayload(TypedDict):
    """Everything the Feature View draws. JSON: no NaN, no infinity, no numpy arrays.

    `totals` has per split the primary's and the secondary's instances shown; without it they are
    taken from the row with the most filters.
    """

    primary: str
    secondary: str
    splits: Sequence[str]
    mode: Literal["counts", "shares"]
    outcomes: bool
    features: Sequence[FeatureRow]
    classes: Sequence[str] | None
    totals: NotRequired[Sequence[Sequence[int]]]


def _renderer(short: str, js: str, css: str | None = None) -> ComponentRenderer:
    """Register one component with the running server; return the command that mounts it.

    JS and CSS are asset files, not inline text, which would be sent again with every change of the
    data. Streamlit finds the assets of *installed* packages only, and this app also runs from a
    checkout, so the folder is registered at every mount: AppTest has a new runtime per test, and a
    module is imported once. The content's hash is part of the name and so of the address: no
    browser or proxy can mix old and new files after an update. Every component has the whole
    folder, because they share files.
    """
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(_ASSETS.rglob("*.[jc]s*")):
        digest.update(path.read_bytes())
    short = f"{short}-{digest.hexdigest()}"
    name = f"chameleon.{short}"
    with _registering:
        manager = get_bidi_component_manager()
        if manager.get_component_asset_root(name) is None:
            component = ComponentConfig(name=short, asset_dir=_ASSETS.name)
            manifest = ComponentManifest("chameleon", "0", [component])
            manager.register_from_manifest(manifest, _ASSETS.parent)
        return st.components.v2.component(name, js=js, css=css)


def feature_view(
    payload: FeatureViewPayload | Mapping[str, Any], *, key: str, on_select: Callable[[], None]
) -> None:
    """Draw the Feature View.

    Only the bars in a feature's `selected` are drawn as chosen: a choice that the caller doesn't
    echo there leaves no trace. `on_select` is called before the script runs, with the `feature`,
    the numbers of its `bars` (empty to clear its filter), and `extend` (Shift: add them to it) in
    ``st.session_state[key]["select"]``.
    """
    if Runtime.exists():
        _renderer("feature-view", "feature_view/view.js", "feature_view/view.css")(
            key=key, data=payload, on_select_change=on_select
        )


def story(
    head: str,
    blob: pl.DataFrame | None,
    *,
    mode: Mode,
    key: str,
    on_state: Callable[[], None],
    on_open: Callable[[], None],
) -> None:
    """Draw the Story of a payload: `head` as JSON, and the bytes of `blob` in its column "v".

    It draws nothing before the first letter of `story_letters`. The callbacks are called before the
    script runs: `on_state` with what is shown in ``st.session_state[key]["state"]``, `on_open` with
    the page, or {"instance": id}, to open in ``st.session_state[key]["open"]``. The mode "strip"
    needs no `blob`.
    """
    if Runtime.exists():
        _renderer("story", "story/streamlit.js", "story/story.css")(
            key=key, data={"head": head, "blob": blob, "mode": mode},
            on_state_change=on_state, on_open_change=on_open,
        )  # fmt: skip


def story_letters(letter: str, *, key: str) -> None:
    """Send a letter, as JSON, to the Story of this page.

    The function of a component is called only if its data changed, and then all data are sent. So
    the Story, whose data are megabytes, has this second component beside it.
    """
    if Runtime.exists():
        _renderer("story-letters", "story/letters.js")(key=key, data={"letter": letter})
