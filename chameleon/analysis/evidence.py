"""One kind of iteration that was found, and the group of instances that is its evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset

FEWEST = 20
"""Fewer instances on a side, and whether they are like the rest is not told."""

ALPHA = 0.05
CLEAR_LIFT = 1.5
"""A group is clearly over-represented where the whole interval of its lift lies above this, or
where its share is a fifth of all instances larger: a group of 60 % cannot be lifted far."""

CLEAR_GAIN = 0.2
DECLARES = re.compile(r"synthe|augment|generated|simulat|artificial", re.IGNORECASE)
"""Names of sources, and of columns, that declare an instance to be synthetic."""


class IterationKind(StrEnum):
    """What a step does to the data; the last ones are not in the paper's list."""

    SAMPLED = "sampled instances added"
    SPECIFIC = "specific instances added"
    ADDED = "instances added"
    SYNTHETIC = "synthetic instances added"
    LABELS_ADDED = "labels added"
    REMOVED = "instances removed"
    FEATURES = "features modified"
    LABELS = "labels modified"
    JOINED = "columns joined"
    LEFT = "columns left"
    RETYPED = "columns retyped"
    MOVED = "instances moved"


@dataclass(frozen=True, slots=True)
class Told:
    """One kind that was found; `instances` is None where columns, not instances, changed."""

    kind: str
    split: str | None
    instances: int | None
    sentence: str
    by: str | None = None
    feature: str | None = None
    group: str | None = None
    share: float | None = None
    rest_share: float | None = None
    lift: float | None = None
    low: float | None = None
    high: float | None = None
    q_value: float | None = None
    compared: int | None = None

    def with_evidence(self, strongest: dict[str, object], compared: int) -> Told:
        """The same with the group that stands out most."""
        names = ("by", "feature", "group", "share", "rest_share", "lift", "low", "high", "q_value")
        evidence = {name: strongest[name] for name in names}
        return replace(self, **evidence, compared=compared)  # type: ignore[arg-type]


CLEAR = (pl.col("q_value") <= ALPHA) & (
    (pl.col("low") > CLEAR_LIFT) | (pl.col("share") - pl.col("rest_share") >= CLEAR_GAIN)
)


def stands_out(line: dict[str, object], others: str) -> str:
    """How over-represented a group is, in words."""
    group = line["group"]
    match line["by"]:
        case "feature":
            name = f"have '{line['feature']}' {group}"
        case "outcome":
            name = "are errors of the model before"
        case by:
            name = f"are of {by} '{group}'"
    share, rest = (float(str(line[key])) for key in ("share", "rest_share"))
    words = f"{percent(share)} {name}, against {percent(rest)} of the {others}"
    if line["lift"] is None:
        return words
    low, high = (float(str(line[key])) for key in ("low", "high"))
    return f"{words} ({line['lift']:.1f} times as often, interval {low:.1f} to {high:.1f})"


def percent(share: float) -> str:
    """A share; what is neither none nor all never reads so."""
    return f"{share:.0%}" if share in (0.0, 1.0) or 0.005 <= share < 0.995 else f"{share:.2%}"


def by_split(
    dataset: EvolvingDataset, chosen: NDArray[np.int32], others: NDArray[np.int32]
) -> Iterator[tuple[str, NDArray[np.int32], NDArray[np.int32]]]:
    """The chosen rows and the others of every split that holds any chosen one."""
    for code, split in enumerate(SPLITS):
        own = chosen[dataset.split[chosen] == code]
        if own.size:
            yield split.value, own, others[dataset.split[others] == code]


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as "1 label" and "2,000 labels"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
