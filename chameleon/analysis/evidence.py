"""The kinds of iteration, and which group of instances is the evidence of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.values import value_text
from chameleon.counting import INCORRECT, UNKNOWN
from chameleon.data import SPLITS, BarKind, BinKind, EvolvingDataset, Feature

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
    """The kinds of data iteration; the last ones are not in the paper's list."""

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
class KindEvidence:
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

    def with_evidence(self, strongest: dict[str, object], compared: int) -> KindEvidence:
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


GROUPS = 5
"""A feature's range is cut into so many parts of about equal size: fewer instances would tell
nothing of finer ones."""

LEVEL = 0.95

_SCHEMA = {
    "by": pl.String, "feature": pl.String, "group": pl.String, "chosen": pl.Int64,
    "chosen_of": pl.Int64, "rest": pl.Int64, "rest_of": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Group:
    """A part of the data, and how many of the chosen rows and of the rest lie in it."""

    by: str
    feature: str | None
    group: str
    chosen: int
    chosen_of: int
    rest: int
    rest_of: int


def lifts(
    dataset: EvolvingDataset,
    chosen: NDArray[np.int32],
    rest: NDArray[np.int32],
    *,
    features: NDArray[np.integer],
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None,
) -> pl.DataFrame:
    """How over-represented each label, source, outcome and feature range is among chosen rows.

    Parameters
    ----------
    features
        The features to look at.
    outcomes
        The outcomes of the chosen rows and of the rest; None leaves them out.

    Returns
    -------
    pl.DataFrame
        by ("label", "source", "outcome" or "feature"), feature, group, chosen, chosen_of, rest,
        rest_of (rows of the group, and of all that have a label, source or known outcome), share,
        rest_share, lift (share / rest_share; null where the rest has none), low, high (interval of
        the lift at 95 % for all groups together: Katz's logarithm with 1/2 added, Bonferroni),
        p_value (hypergeometric, for more than by chance), q_value (Benjamini and
        Hochberg). Largest lower end first.
    """
    groups = list(_groups(dataset, chosen, rest, features, outcomes))
    frame = pl.DataFrame(groups, schema=_SCHEMA) if groups else pl.DataFrame(schema=_SCHEMA)
    a, n, b, m = (
        frame[name].to_numpy().astype(np.int64)
        for name in ("chosen", "chosen_of", "rest", "rest_of")
    )
    low, high = _interval(a, n, b, m)
    p_values = _p_values(a, n, b, m)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = a / n, b / m
        lift = shares[0] / shares[1]
    lift[~np.isfinite(lift)] = np.nan
    return frame.with_columns(
        pl.Series("share", shares[0], nan_to_null=True),
        pl.Series("rest_share", shares[1], nan_to_null=True),
        pl.Series("lift", lift, nan_to_null=True),
        pl.Series("low", low),
        pl.Series("high", high),
        pl.Series("p_value", p_values),
        pl.Series("q_value", _controlled(p_values)),
    ).sort("low", descending=True, maintain_order=True)


def _groups(
    dataset: EvolvingDataset,
    chosen: NDArray[np.int32],
    rest: NDArray[np.int32],
    features: NDArray[np.integer],
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
) -> Iterator[_Group]:
    for by, names in (("label", dataset.classes), ("source", dataset.sources)):
        codes: NDArray[np.integer] = getattr(dataset, by)
        sides = [codes[rows].astype(np.int64) for rows in (chosen, rest)]
        sides = [side[side >= 0] for side in sides]
        if all(side.size for side in sides):
            yield from _counted(by, None, list(names), sides[0], sides[1])
    if outcomes is not None:
        known = [of[of != UNKNOWN] for of in outcomes]
        wrong = [int((of == INCORRECT).sum()) for of in known]
        if all(len(of) for of in known):
            yield _Group(
                "outcome", None, "incorrect", wrong[0], len(known[0]), wrong[1], len(known[1])
            )
    for number in features:
        feature = dataset.features[number]
        if feature.bins.kind is not BinKind.TEXT:
            codes = dataset.codes[number]
            part, names_of_parts = _parts(feature, codes[np.concatenate([chosen, rest])])
            sides = [part[codes[rows]] for rows in (chosen, rest)]
            yield from _counted("feature", feature.name, names_of_parts, sides[0], sides[1])


def _counted(
    by: str,
    feature: str | None,
    names: list[str],
    chosen: NDArray[np.int64],
    rest: NDArray[np.int64],
) -> Iterator[_Group]:
    counts = [np.bincount(side, minlength=len(names)) for side in (chosen, rest)]
    for place in np.flatnonzero(counts[0] + counts[1]):
        yield _Group(
            by, feature, names[place],
            int(counts[0][place]), len(chosen), int(counts[1][place]), len(rest),
        )  # fmt: skip


def _parts(feature: Feature, codes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], list[str]]:
    """The part that each code of a feature belongs to, and the parts' names."""
    bars = feature.bins.bars
    if feature.bins.kind is BinKind.CATEGORIES:
        names = [bar.category or bar.kind.value for bar in bars]
        return np.arange(len(bars)), names
    values = feature.bins.missing_code
    counts = np.bincount(codes, minlength=len(bars))
    below = counts[:values].cumsum() - counts[:values]
    part = below * GROUPS // max(int(counts[:values].sum()), 1)
    part = np.concatenate([part, [GROUPS, GROUPS + 1]]).astype(np.int64)
    found: list[str] = []
    for place in range(GROUPS):
        own = np.flatnonzero((part == place) & (counts > 0))
        found.append(_range_words(feature, own) if own.size else "")
    return part, [*found, BarKind.MISSING.value, BarKind.NON_FINITE.value]


def _range_words(feature: Feature, codes: NDArray[np.intp]) -> str:
    first, last = feature.bins.bars[codes[0]], feature.bins.bars[codes[-1]]
    low, high = (
        value_text(float(f"{bound:.15g}") if bound is not None else 0.0, feature.kind)
        for bound in (first.low, last.high)
    )
    return low if first.kind is BarKind.VALUE and low == high else f"{low} to {high}"


def _interval(
    a: NDArray[np.int64], n: NDArray[np.int64], b: NDArray[np.int64], m: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.special import ndtri

    quantile = float(ndtri(1 - (1 - LEVEL) / 2 / max(len(a), 1)))
    middle = np.log((a + 0.5) / (n + 0.5)) - np.log((b + 0.5) / (m + 0.5))
    spread = np.sqrt(1 / (a + 0.5) - 1 / (n + 0.5) + 1 / (b + 0.5) - 1 / (m + 0.5))
    return np.exp(middle - quantile * spread), np.exp(middle + quantile * spread)


def _p_values(
    a: NDArray[np.int64], n: NDArray[np.int64], b: NDArray[np.int64], m: NDArray[np.int64]
) -> NDArray[np.float64]:
    from scipy.stats import hypergeom

    found: NDArray[np.float64] = np.clip(hypergeom.sf(a - 1, n + m, a + b, n), 0.0, 1.0)
    return found


def _controlled(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(p_values):
        return p_values
    from scipy.stats import false_discovery_control

    controlled: NDArray[np.float64] = false_discovery_control(p_values)
    return controlled
