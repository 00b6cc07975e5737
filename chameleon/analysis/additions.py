"""Whether the instances that a step added are sampled, specific, or declared synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.evidence import (
    CLEAR,
    DECLARES,
    FEWEST,
    IterationKind,
    Told,
    by_split,
    counted,
    percent,
    stands_out,
)
from chameleon.analysis.lifts import lifts
from chameleon.data import EvolvingDataset, Step
from chameleon.project import Kind


def additions(dataset: EvolvingDataset, step: Step) -> Iterator[Told]:
    """The added instances by split, and those that are declared synthetic."""
    features = np.flatnonzero(dataset.has_column[step.after])
    for split, added, kept in by_split(dataset, step.added, step.new):
        what = f"{counted(len(added), f'{split} instance')} added"
        start = Told(IterationKind.ADDED, split, len(added), "")
        if min(len(added), len(kept)) < FEWEST:
            why = (
                f"whether they are a sample like the rest cannot be told: {len(added):,} against "
                f"{len(kept):,} kept {split} instances, and {FEWEST} of each are needed"
            )
            yield replace(start, sentence=f"{what}; {why}.")
        else:
            yield _judged(dataset, start, what, added, kept, features)
        synthetic = _synthetic(dataset, split, added)
        if synthetic is not None:
            yield synthetic


def _judged(
    dataset: EvolvingDataset,
    start: Told,
    what: str,
    added: NDArray[np.int32],
    kept: NDArray[np.int32],
    features: NDArray[np.intp],
) -> Told:
    groups = lifts(dataset, added, kept, features=features)
    news = groups.filter((pl.col("by") == "source") & (pl.col("rest") == 0))
    groups = groups.filter((pl.col("by") != "source") | (pl.col("rest") > 0))
    content = groups.filter(CLEAR & (pl.col("by") != "source"))
    sources = groups.filter(CLEAR & (pl.col("by") == "source"))
    parts: list[str] = []
    if content.is_empty():
        parts.append(
            f"look like the {len(kept):,} kept ones: of {len(groups):,} labels, sources and "
            "feature ranges, none is clearly over-represented"
            if sources.is_empty()
            else f"look like the {len(kept):,} kept ones in labels and features, but not in source"
        )
    else:
        told = stands_out(content.row(0, named=True), "kept ones")
        parts.append(f"do not look like the {len(kept):,} kept ones: {told}")
    if not sources.is_empty():
        parts.append(stands_out(sources.row(0, named=True), "kept ones"))
    for line in news.iter_rows(named=True):
        source = f"come from '{line['group']}', a source that no kept one has"
        parts.append(f"{percent(line['share'])} {source}")
    bare = float((dataset.label[added] < 0).mean())
    if bare:
        parts.append(f"{percent(bare)} have no label")
    clear = pl.concat([content, sources])
    kind = IterationKind.SAMPLED if clear.is_empty() else IterationKind.SPECIFIC
    strongest = groups if clear.is_empty() else clear
    found = replace(start, kind=kind, sentence=f"{what} {'; '.join(parts)}.")
    if strongest.is_empty():
        return found
    return found.with_evidence(strongest.row(0, named=True), len(groups))


def _synthetic(dataset: EvolvingDataset, split: str, added: NDArray[np.int32]) -> Told | None:
    """The added rows that a source or a column declares to be synthetic."""
    declared = np.zeros(len(added), dtype=np.bool_)
    by: list[str] = []
    names = [number for number, name in enumerate(dataset.sources) if DECLARES.search(name)]
    from_source = np.isin(dataset.source[added], names)
    if from_source.any():
        own = {dataset.sources[code] for code in dataset.source[added[from_source]]}
        by.append("source " + ", ".join(f"'{name}'" for name in sorted(own)))
        declared |= from_source
    for number, feature in enumerate(dataset.features):
        if not DECLARES.search(feature.name) or feature.kind not in (Kind.BOOLEAN, Kind.NUMBER):
            continue
        values = dataset.values[number][added]
        if np.isin(values[np.isfinite(values)], (0.0, 1.0)).all() and (values == 1.0).any():
            by.append(f"column '{feature.name}'")
            declared |= values == 1.0
    if not by:
        return None
    count = int(declared.sum())
    sentence = (
        f"{count:,} of the {len(added):,} added {split} instances are declared synthetic by "
        f"{' and '.join(by)}."
    )
    return Told(IterationKind.SYNTHETIC, split, count, sentence)
