"""What every page is handed to draw from, and the parts that pages share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chameleon.app import cached, chart_clicks, state
from chameleon.app.cached import kept
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.selection import Selection

ALL_SPLITS = "all"
Result = TypeVar("Result")

_BREATH_SECONDS = 0.04


class PaintPause:
    """A pause after what a visitor waits for, so that the browser paints it before more arrives.

    It would else draw the whole page in one go. Measured in Chromium: a click shows after 1.4
    instead of 3 times what a page with a single chart takes.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def take(self) -> None:
        """Pause once, where it is wanted."""
        if self.wanted:
            self.wanted = False
            time.sleep(_BREATH_SECONDS)


@dataclass(frozen=True, slots=True)
class View:
    """What a page draws from.

    Attributes
    ----------
    selection
        What this visitor looks at of the evaluation.
    pending
        Whether models are still to come.
    breath
        Wanted after a click; not when the visitor has just come to the page.
    late
        Parts of the page that take long, and their places: see `afterwards`.
    """

    evaluation: Evaluation
    selection: Selection
    pending: bool
    breath: PaintPause
    late: list[tuple[DeltaGenerator, Callable[[], None]]] = field(default_factory=list)

    def call(self, function: Callable[..., Result], **options: object) -> Result:
        """The cached result of a library function for this evaluation and selection."""
        return cached.call(function, self.evaluation, self.selection, **options)  # type: ignore[arg-type]

    def afterwards(self, draw: Callable[[], None], place: DeltaGenerator | None = None) -> None:
        """Draw a part here, or into that place, when everything else of the page stands.

        What takes long to compute is then not in the way of what a click is about; another click
        does not wait for it.
        """
        self.late.append((st.container() if place is None else place, draw))

    def why_empty(self, follows: str, unfiltered: str, filtered: str | None = None) -> str:
        """Why a part has nothing to draw.

        Parameters
        ----------
        follows
            What is drawn once the models are fitted, as in "the matrix follows".
        unfiltered, filtered
            The reason where models are fitted, without and with filters.
        """
        if self.pending:
            return f"The models are being fitted: {follows}."
        return unfiltered if filtered is None or self.selection.filters.is_empty else filtered


Draw = Callable[[View], None]


def in_order(view: View, *parts: tuple[DeltaGenerator, Callable[[], None]]) -> None:
    """Draw parts of a page into their places, the last one being what a visitor looks at most.

    On arrival they come in their order, so that nothing jumps. After a click the last comes first.
    """
    last_first = view.breath.wanted
    for place, draw in (parts[-1], *parts[:-1]) if last_first else parts:
        with place:
            draw()
        view.breath.take()


def is_dark() -> bool:
    """Whether the visitor looks at the dark theme."""
    return (st.context.theme.type or "light") == "dark"


def draw_empty(reason: str) -> None:
    """Say why there is nothing to draw."""
    st.info(reason, icon=":material/info:")


def draw_chart(
    frame: pl.DataFrame,
    build: Callable[..., dict[str, Any]],
    *,
    key: str,
    fields: Sequence[str] = (),
    on_pick: Callable[[chart_clicks.Mark], None] | None = None,
    width: Literal["stretch", "content"] = "stretch",
    **options: object,
) -> None:
    """Draw a frame with the specification that a builder of `chameleon.charts` makes once.

    Parameters
    ----------
    fields, on_pick
        The columns that name a mark, and what a click on one does; None: nothing.
    options
        Those of the builder, beside `dark`.
    """
    spec = _spec(build, build.__name__, {**options, "dark": is_dark()})
    if on_pick is None:
        st.vega_lite_chart(frame, spec, key=key, width=width)
        return
    st.vega_lite_chart(
        frame,
        spec,
        key=chart_clicks.chart_key(key),
        on_select=chart_clicks.on_click(key, fields, on_pick),
        selection_mode="pick",
        width=width,
    )


@kept(max_entries=256)
def _spec(
    _build: Callable[..., dict[str, Any]], name: str, options: dict[str, object]
) -> dict[str, Any]:
    return _build(**options)


def toggle_filter(field: str, value: object) -> None:
    """Set a filter, or remove it where it is set. For callbacks."""
    filters = state.current_filters()
    chosen = getattr(filters, field)
    left = tuple(one for one in chosen if one != value)
    changed: dict[str, Any] = {field: left if value in chosen else (*chosen, value)}
    state.set_filters(replace(filters, **changed))


def occurring_splits(view: View) -> list[str]:
    """The splits that any row of the timeline is in."""
    codes = view.evaluation.dataset.split
    return [split.value for code, split in enumerate(SPLITS) if (codes == code).any()]


def draw_toggle(label: str, *, key: str, why: str | None = None) -> bool:
    """A switch that stays for the session; `why` explains it."""
    return st.toggle(label, key=key, persist_state="session", help=why)


def draw_choice(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: str | None = None,
    names: Mapping[str, str] | None = None,
    why: str | None = None,
) -> str:
    """One of a few options, which stays for the session; at first `default` or the first one."""
    first = options[0] if default is None else default
    chosen = st.segmented_control(
        label,
        options,
        format_func=lambda option: option if names is None else names[option],
        default=first,
        key=key,
        required=True,
        persist_state="session",
        help=why,
    )
    return chosen or first
