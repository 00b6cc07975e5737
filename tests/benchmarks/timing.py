"""Times taken side by side, so that what the machine does besides weighs on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(*works: Callable[[], object], rounds: int) -> list[float]:
    """The median time of each, taken in turn: first of all, second of all, ..."""
    taken = [[seconds(work) for work in works] for _ in range(rounds)]
    return [statistics.median(times) for times in zip(*taken, strict=True)]
