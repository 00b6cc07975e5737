"""What every page is handed to draw from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chameleon.app import cached
from chameleon.models import Evaluation
from chameleon.selection import Selection

Result = TypeVar("Result")

_BREATH_SECONDS = 0.04


class Breath:
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
    breath: Breath
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
