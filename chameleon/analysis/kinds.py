"""The kinds of data iteration that a step consists of, told from the data, with the evidence.

The kinds are those of Hohman et al., CHI 2020, "Types of data iterations": adding sampled,
specific or synthetic instances, adding labels, removing instances, modifying features or labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.edits import edited_values
from chameleon.analysis.lifts import lifts
from chameleon.dataset import SPLITS, EvolvingDataset
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.steps import Step, step_of

FEWEST = 20
"""Fewer instances on a side, and whether they are like the rest is not told."""

ALPHA = 0.05
CLEAR_LIFT = 1.5
"""A group is clearly over-represented where the whole interval of its lift lies above this, or
where its share is a fifth of all instances larger: a group of 60 % cannot be lifted far."""

CLEAR_GAIN = 0.2
DECLARES = re.compile(r"synthe|augment|generated|simulat|artificial", re.IGNORECASE)
"""Names of sources, and of columns, that declare an instance to be synthetic."""

_SCHEMA = {
    "kind": pl.String,
    "split": pl.String,
    "instances": pl.Int64,
    "sentence": pl.String,
    "by": pl.String,
    "feature": pl.String,
    "group": pl.String,
    "share": pl.Float64,
    "rest_share": pl.Float64,
    "lift": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "q_value": pl.Float64,
    "compared": pl.Int64,
}


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
class _Told:
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

    def with_evidence(self, strongest: dict[str, object], compared: int) -> _Told:
        """The same with the group that stands out most."""
        names = ("by", "feature", "group", "share", "rest_share", "lift", "low", "high", "q_value")
        evidence = {name: strongest[name] for name in names}
        return replace(self, **evidence, compared=compared)  # type: ignore[arg-type]


def iteration_kinds(evaluation: Evaluation, *, primary: str, secondary: str) -> pl.DataFrame:
    """What kinds of iteration lead from the secondary to the primary version, with the evidence.

    Added instances are held against the kept ones of the same split. They are *specific* where a
    label, source or feature range is over-represented: beyond chance with the false discoveries
    among all groups compared held to 5 %, and clearly, by an interval of its lift above 1.5 or by a
    fifth of all instances. Else they are *sampled*. A source that no kept instance has is told,
    but decides nothing: sampled data may come from a new place. With fewer than 20 instances on
    either side it cannot be told. Instances are *synthetic* only where a source, or a boolean or
    text column, declares it by its name. The same evidence says which instances were removed,
    relabelled or edited, held against the others; removed ones also by the errors of the secondary
    version's model.

    Returns
    -------
    pl.DataFrame
        kind (see `IterationKind`), split (null: all), instances (null where columns changed),
        sentence (what was found, in words), and the group that stands out most: by ("label",
        "source", "outcome" or "feature"), feature, group, share, rest_share, lift, low, high,
        q_value (see `lifts`), compared (how many groups were); null where nothing was compared.

    Raises
    ------
    SelectionError
        A version does not exist.
    """
    dataset = evaluation.dataset
    step = step_of(dataset, before=secondary, after=primary)
    found = [
        *_additions(dataset, step),
        *_labels_added(dataset, step),
        *_removals(evaluation, step),
        *_features_modified(evaluation, step, primary, secondary),
        *_labels_modified(dataset, step),
        *_moves(dataset, step),
        *_columns(dataset, step),
    ]
    return pl.DataFrame(found, schema=_SCHEMA) if found else pl.DataFrame(schema=_SCHEMA)


def _additions(dataset: EvolvingDataset, step: Step) -> Iterator[_Told]:
    features = np.flatnonzero(dataset.has_column[step.after])
    for split, added, kept in _by_split(dataset, step.added, step.new):
        what = f"{_counted(len(added), f'{split} instance')} added"
        start = _Told(IterationKind.ADDED, split, len(added), "")
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
    start: _Told,
    what: str,
    added: NDArray[np.int32],
    kept: NDArray[np.int32],
    features: NDArray[np.intp],
) -> _Told:
    groups = lifts(dataset, added, kept, features=features)
    news = groups.filter((pl.col("by") == "source") & (pl.col("rest") == 0))
    groups = groups.filter((pl.col("by") != "source") | (pl.col("rest") > 0))
    content = groups.filter(_CLEAR & (pl.col("by") != "source"))
    sources = groups.filter(_CLEAR & (pl.col("by") == "source"))
    parts: list[str] = []
    if content.is_empty():
        parts.append(
            f"look like the {len(kept):,} kept ones: of {len(groups):,} labels, sources and "
            "feature ranges, none is clearly over-represented"
            if sources.is_empty()
            else f"look like the {len(kept):,} kept ones in labels and features, but not in source"
        )
    else:
        told = _stands_out(content.row(0, named=True), "kept ones")
        parts.append(f"do not look like the {len(kept):,} kept ones: {told}")
    if not sources.is_empty():
        parts.append(_stands_out(sources.row(0, named=True), "kept ones"))
    for line in news.iter_rows(named=True):
        source = f"come from '{line['group']}', a source that no kept one has"
        parts.append(f"{_percent(line['share'])} {source}")
    bare = float((dataset.label[added] < 0).mean())
    if bare:
        parts.append(f"{_percent(bare)} have no label")
    clear = pl.concat([content, sources])
    kind = IterationKind.SAMPLED if clear.is_empty() else IterationKind.SPECIFIC
    strongest = groups if clear.is_empty() else clear
    found = replace(start, kind=kind, sentence=f"{what} {'; '.join(parts)}.")
    if strongest.is_empty():
        return found
    return found.with_evidence(strongest.row(0, named=True), len(groups))


def _synthetic(dataset: EvolvingDataset, split: str, added: NDArray[np.int32]) -> _Told | None:
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
    return _Told(IterationKind.SYNTHETIC, split, count, sentence)


def _labels_added(dataset: EvolvingDataset, step: Step) -> Iterator[_Told]:
    without = dataset.label[step.old] < 0
    got = without & (dataset.label[step.new] >= 0)
    if got.any():
        count = int(got.sum())
        sentence = (
            f"Labels added to {count:,} of the {_counted(int(without.sum()), 'kept instance')} "
            "without one."
        )
        yield _Told(IterationKind.LABELS_ADDED, None, count, sentence)


def _removals(evaluation: Evaluation, step: Step) -> Iterator[_Told]:
    dataset = evaluation.dataset
    features = np.flatnonzero(dataset.has_column[step.before])
    outcome = evaluation.outcome[step.before]
    for split, removed, kept in _by_split(dataset, step.removed, step.old):
        start = _Told(IterationKind.REMOVED, split, len(removed), "")
        what = f"{_counted(len(removed), f'{split} instance')} removed"
        outcomes = (outcome[removed], outcome[kept])
        yield _which(dataset, start, what, removed, kept, features, outcomes)


def _features_modified(
    evaluation: Evaluation, step: Step, primary: str, secondary: str
) -> Iterator[_Told]:
    if not step.edited.any():
        return
    edits = edited_values(evaluation, primary=primary, secondary=secondary)
    most = [
        f"'{line['feature']}' in {line['instances']:,}"
        + (f" ({line['pattern']})" if line["pattern"] else "")
        for line in edits.head(3).iter_rows(named=True)
    ]
    what = (
        f"{_counted(len(edits), 'feature')} modified in "
        f"{_counted(int(step.edited.sum()), 'instance')}, most often {', '.join(most)}"
    )
    start = _Told(IterationKind.FEATURES, None, int(step.edited.sum()), "")
    edited, others = step.old[step.edited], step.old[~step.edited]
    yield _which(evaluation.dataset, start, what, edited, others, step.common)


def _labels_modified(dataset: EvolvingDataset, step: Step) -> Iterator[_Told]:
    before, after = dataset.label[step.old], dataset.label[step.new]
    changed = step.relabelled & (before >= 0)
    if not changed.any():
        return
    pairs, counts = np.unique(
        np.stack([before[changed], after[changed]]), axis=1, return_counts=True
    )
    top = int(np.argmax(counts))
    names = [*dataset.classes, "no label"]
    old, new = (names[int(code)] for code in pairs[:, top])
    what = (
        f"{_counted(int(changed.sum()), 'label')} modified, most often {old} to {new} "
        f"({counts[top]:,})"
    )
    start = _Told(IterationKind.LABELS, None, int(changed.sum()), "")
    yield _which(dataset, start, what, step.old[changed], step.old[~changed], step.common)


def _moves(dataset: EvolvingDataset, step: Step) -> Iterator[_Told]:
    ways = zip(
        dataset.split[step.old[step.moved]], dataset.split[step.new[step.moved]], strict=True
    )
    found, counts = np.unique(np.array(list(ways)).reshape(-1, 2), axis=0, return_counts=True)
    for (old, new), count in zip(found.astype(int), counts, strict=True):
        sentence = (
            f"{_counted(int(count), 'instance')} moved from {SPLITS[old].value} to "
            f"{SPLITS[new].value}."
        )
        yield _Told(IterationKind.MOVED, None, int(count), sentence)


def _columns(dataset: EvolvingDataset, step: Step) -> Iterator[_Told]:
    names = [feature.name for feature in dataset.features]
    old, new = dataset.has_column[step.before], dataset.has_column[step.after]
    kinds = [dataset.project.columns[dataset.versions[v].name] for v in (step.before, step.after)]
    retyped = [
        f"{names[f]} (from {a} to {b})"
        for f in step.common
        if (a := kinds[0].get(names[f])) and (b := kinds[1].get(names[f])) and a != b
    ]
    for kind, found in (
        (IterationKind.JOINED, [names[f] for f in np.flatnonzero(new & ~old)]),
        (IterationKind.LEFT, [names[f] for f in np.flatnonzero(old & ~new)]),
        (IterationKind.RETYPED, retyped),
    ):
        if found:
            more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
            verb = kind.value.split()[-1]
            listed = f"{_counted(len(found), 'column')} {verb}: {', '.join(found[:5])}{more}."
            yield _Told(kind, None, None, listed)


_CLEAR = (pl.col("q_value") <= ALPHA) & (
    (pl.col("low") > CLEAR_LIFT) | (pl.col("share") - pl.col("rest_share") >= CLEAR_GAIN)
)


def _which(
    dataset: EvolvingDataset,
    start: _Told,
    what: str,
    chosen: NDArray[np.int32],
    others: NDArray[np.int32],
    features: NDArray[np.integer],
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None,
) -> _Told:
    """What happened to these rows, and what they have in common against the others."""
    if min(len(chosen), len(others)) < FEWEST:
        too_few = f"which ones cannot be told with fewer than {FEWEST} instances on a side"
        return replace(start, sentence=f"{what}; {too_few}.")
    groups = lifts(dataset, chosen, others, features=features, outcomes=outcomes)
    clear = groups.filter(_CLEAR)
    said = (
        f"they look like the others ({len(groups):,} groups compared)"
        if clear.is_empty()
        else _stands_out(clear.row(0, named=True), "others")
    )
    told = replace(start, sentence=f"{what}; {said}.")
    strongest = groups if clear.is_empty() else clear
    return (
        told
        if strongest.is_empty()
        else told.with_evidence(strongest.row(0, named=True), len(groups))
    )


def _stands_out(line: dict[str, object], others: str) -> str:
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
    words = f"{_percent(share)} {name}, against {_percent(rest)} of the {others}"
    if line["lift"] is None:
        return words
    low, high = (float(str(line[key])) for key in ("low", "high"))
    return f"{words} ({line['lift']:.1f} times as often, interval {low:.1f} to {high:.1f})"


def _percent(share: float) -> str:
    """A share; what is neither none nor all never reads so."""
    return f"{share:.0%}" if share in (0.0, 1.0) or 0.005 <= share < 0.995 else f"{share:.2%}"


def _by_split(
    dataset: EvolvingDataset, chosen: NDArray[np.int32], others: NDArray[np.int32]
) -> Iterator[tuple[str, NDArray[np.int32], NDArray[np.int32]]]:
    for code, split in enumerate(SPLITS):
        own = chosen[dataset.split[chosen] == code]
        if own.size:
            yield split.value, own, others[dataset.split[others] == code]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
