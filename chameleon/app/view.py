"""What every page is handed to draw from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from chameleon.models import Evaluation
from chameleon.selection import Selection


@dataclass(frozen=True, slots=True)
class View:
    """The evaluation, what this visitor looks at of it, and whether models are still to come."""

    evaluation: Evaluation
    selection: Selection
    pending: bool


Draw = Callable[[View], None]


def is_dark() -> bool:
    """Whether the visitor looks at the dark theme."""
    return (st.context.theme.type or "light") == "dark"
