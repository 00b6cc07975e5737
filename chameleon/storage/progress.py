"""How far a long piece of work is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """The step of a long piece of work that begins now.

    Attributes
    ----------
    stage
        What is being done: "Reading", "Fitting" or "Predicting".
    version
        The version it is done for.
    done, total
        How many steps of this stage are behind, and how many there are.
    """

    stage: str
    version: str
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]
