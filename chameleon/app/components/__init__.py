"""The two views of our own: the version timeline and the Feature View (Streamlit components v2)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer
from streamlit.runtime import Runtime

__all__ = [
    "BarChoice",
    "FeatureRow",
    "FeatureViewPayload",
    "TimelineVersion",
    "VersionChoice",
    "feature_view",
    "timeline",
]

_ASSETS = Path(__file__).parent / "assets"
_registering = threading.Lock()


class TimelineVersion(TypedDict):
    """One version as the timeline shows it; the date is ISO text."""

    name: str
    date: str | None
    instances: int
    train_accuracy: float | None
    test_accuracy: float | None
    note: str | None


class VersionChoice(TypedDict):
    """What a click or key on the timeline asks for: the version at `index` as this side."""

    side: Literal["primary", "secondary"]
    index: int


class FeatureStats(TypedDict):
    """Per split: minimum, mean, maximum and the number of missing values."""

    primary: Sequence[Sequence[float | None]]
    secondary: Sequence[Sequence[float | None]]


class FeatureRow(TypedDict):
    """One feature of the Feature View.

    Bars stand in this order: below, ranges or categories, above, missing, nonfinite. `edges` has
    one entry more than there are ranges (dates: milliseconds since 1970, UTC); `categories` (or
    `values`) one per bar. `counts` holds per split six arrays with a number a bar: primary correct,
    incorrect, unknown, then the secondary's; `ghost` per split the primary's unfiltered three;
    `labels` per split and class an array with a number a bar. A `note` stands instead of a
    histogram.
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

    `totals` gives per split the primary's and the secondary's instances shown; without it they are
    taken from the row that is narrowed most.
    """

    primary: str
    secondary: str
    splits: Sequence[str]
    mode: Literal["counts", "shares"]
    outcomes: bool
    features: Sequence[FeatureRow]
    classes: Sequence[str] | None
    totals: NotRequired[Sequence[Sequence[int]]]


class BarChoice(TypedDict):
    """What a click, brush or key on a histogram asks for.

    `bars` are bar numbers of that feature, empty to clear its filter; `extend` (Shift) adds to it.
    """

    feature: str
    bars: list[int]
    extend: bool


def _renderer(folder: str) -> ComponentRenderer:
    """Return the mounting command of one component, registered with the running server.

    JS and CSS are asset files, not inline text: inline text is sent again with every change of the
    data. Streamlit only finds the assets of *installed* packages by itself, and this app also runs
    from a checkout, so the folder is registered here. This happens at every mount, because AppTest
    has a new runtime per test and a module is imported once. The content's hash is part of the name
    and so of the address: no browser or proxy can mix old and new files after an update. Both
    components have the whole folder, as they share a file.
    """
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(_ASSETS.rglob("*.[jc]s*")):
        digest.update(path.read_bytes())
    short = f"{folder}-{digest.hexdigest()}"
    name = f"chameleon.{short}"
    with _registering:
        manager = get_bidi_component_manager()
        if manager.get_component_asset_root(name) is None:
            component = ComponentConfig(name=short, asset_dir=_ASSETS.name)
            manifest = ComponentManifest("chameleon", "0", [component])
            manager.register_from_manifest(manifest, _ASSETS.parent)
        return st.components.v2.component(name, js=f"{folder}/view.js", css=f"{folder}/view.css")


def _mount(
    folder: str,
    payload: object,
    *,
    key: str,
    event: str,
    callback: Callable[[], None] | None,
) -> object:
    # Without a server (a page run by plain python) there is nothing to draw on.
    if not Runtime.exists():
        return None
    # Streamlit gives an event only a place in the result when it has a callback.
    on_event: dict[str, Any] = {f"on_{event}_change": callback or (lambda: None)}
    return _renderer(folder)(key=key, data=payload, **on_event)[event]


def timeline(
    versions: Sequence[TimelineVersion],
    *,
    primary: int,
    secondary: int,
    pending: bool = False,
    key: str = "timeline",
    on_pick: Callable[[], None] | None = None,
) -> VersionChoice | None:
    """Draw the version timeline and return the choice made in it, in the one run after it.

    Parameters
    ----------
    versions
        From old to new.
    primary, secondary
        Positions in `versions`; they may be the same. What is given here is shown as chosen.
    pending
        Accuracies that are None are then said to be on their way, not missing.
    key
        Of the element, and of its choice in ``st.session_state``.
    on_pick
        Called without arguments before the script runs. It reads the choice as
        ``st.session_state[key]["pick"]``, a `VersionChoice`.
    """
    payload = {
        "versions": [dict(version) for version in versions],
        "primary": primary,
        "secondary": secondary,
        "pending": pending,
    }
    choice = _mount("timeline", payload, key=key, event="pick", callback=on_pick)
    return cast("VersionChoice | None", choice)


def feature_view(
    payload: FeatureViewPayload | Mapping[str, Any],
    *,
    key: str,
    on_select: Callable[[], None] | None = None,
) -> BarChoice | None:
    """Draw the Feature View and return the bars chosen in it, in the one run after it.

    Parameters
    ----------
    payload
        See `FeatureViewPayload`. Only the bars in a feature's ``selected`` are drawn as chosen: a
        choice that the caller does not echo there leaves no trace.
    key
        Of the element, and of its choice in ``st.session_state``.
    on_select
        Called without arguments before the script runs. It reads the choice as
        ``st.session_state[key]["select"]``, a `BarChoice`.
    """
    choice = _mount("feature_view", payload, key=key, event="select", callback=on_select)
    return cast("BarChoice | None", choice)
