"""The kinds of data iteration that a step consists of, told from the data, with the evidence.

The kinds are those of Hohman et al., CHI 2020, "Types of data iterations": adding sampled,
specific or synthetic instances, adding labels, removing instances, modifying features or labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.additions import additions
from chameleon.analysis.arguments import of_selection
from chameleon.analysis.edits import edited_values
from chameleon.analysis.evidence import (
    CLEAR,
    FEWEST,
    IterationKind,
    Told,
    by_split,
    counted,
    stands_out,
)
from chameleon.analysis.lifts import lifts
from chameleon.data import SPLITS, EvolvingDataset, Step, step_of
from chameleon.models import Evaluation
from chameleon.selection import Selection

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


@of_selection()
def iteration_kinds(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
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
    step = step_of(dataset, before=selection.secondary, after=selection.primary)
    found = [
        *additions(dataset, step),
        *_labels_added(dataset, step),
        *_removals(evaluation, step),
        *_features_modified(evaluation, step, selection),
        *_labels_modified(dataset, step),
        *_moves(dataset, step),
        *_columns(dataset, step),
    ]
    return pl.DataFrame(found, schema=_SCHEMA) if found else pl.DataFrame(schema=_SCHEMA)


def _labels_added(dataset: EvolvingDataset, step: Step) -> Iterator[Told]:
    without = dataset.label[step.old] < 0
    got = without & (dataset.label[step.new] >= 0)
    if got.any():
        count = int(got.sum())
        sentence = (
            f"Labels added to {count:,} of the {counted(int(without.sum()), 'kept instance')} "
            "without one."
        )
        yield Told(IterationKind.LABELS_ADDED, None, count, sentence)


def _removals(evaluation: Evaluation, step: Step) -> Iterator[Told]:
    dataset = evaluation.dataset
    features = np.flatnonzero(dataset.has_column[step.before])
    outcome = evaluation.outcome[step.before]
    for split, removed, kept in by_split(dataset, step.removed, step.old):
        start = Told(IterationKind.REMOVED, split, len(removed), "")
        what = f"{counted(len(removed), f'{split} instance')} removed"
        outcomes = (outcome[removed], outcome[kept])
        yield _which(dataset, start, what, removed, kept, features, outcomes)


def _features_modified(evaluation: Evaluation, step: Step, selection: Selection) -> Iterator[Told]:
    if not step.edited.any():
        return
    edits = edited_values(evaluation, selection)
    most = [
        f"'{line['feature']}' in {line['instances']:,}"
        + (f" ({line['pattern']})" if line["pattern"] else "")
        for line in edits.head(3).iter_rows(named=True)
    ]
    what = (
        f"{counted(len(edits), 'feature')} modified in "
        f"{counted(int(step.edited.sum()), 'instance')}, most often {', '.join(most)}"
    )
    start = Told(IterationKind.FEATURES, None, int(step.edited.sum()), "")
    edited, others = step.old[step.edited], step.old[~step.edited]
    yield _which(evaluation.dataset, start, what, edited, others, step.common)


def _labels_modified(dataset: EvolvingDataset, step: Step) -> Iterator[Told]:
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
        f"{counted(int(changed.sum()), 'label')} modified, most often {old} to {new} "
        f"({counts[top]:,})"
    )
    start = Told(IterationKind.LABELS, None, int(changed.sum()), "")
    yield _which(dataset, start, what, step.old[changed], step.old[~changed], step.common)


def _moves(dataset: EvolvingDataset, step: Step) -> Iterator[Told]:
    ways = zip(
        dataset.split[step.old[step.moved]], dataset.split[step.new[step.moved]], strict=True
    )
    found, counts = np.unique(np.array(list(ways)).reshape(-1, 2), axis=0, return_counts=True)
    for (old, new), count in zip(found.astype(int), counts, strict=True):
        sentence = (
            f"{counted(int(count), 'instance')} moved from {SPLITS[old].value} to "
            f"{SPLITS[new].value}."
        )
        yield Told(IterationKind.MOVED, None, int(count), sentence)


def _columns(dataset: EvolvingDataset, step: Step) -> Iterator[Told]:
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
            listed = f"{counted(len(found), 'column')} {verb}: {', '.join(found[:5])}{more}."
            yield Told(kind, None, None, listed)


def _which(
    dataset: EvolvingDataset,
    start: Told,
    what: str,
    chosen: NDArray[np.int32],
    others: NDArray[np.int32],
    features: NDArray[np.integer],
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None,
) -> Told:
    """What happened to these rows, and what they have in common against the others."""
    if min(len(chosen), len(others)) < FEWEST:
        too_few = f"which ones cannot be told with fewer than {FEWEST} instances on a side"
        return replace(start, sentence=f"{what}; {too_few}.")
    groups = lifts(dataset, chosen, others, features=features, outcomes=outcomes)
    clear = groups.filter(CLEAR)
    said = (
        f"they look like the others ({len(groups):,} groups compared)"
        if clear.is_empty()
        else stands_out(clear.row(0, named=True), "others")
    )
    told = replace(start, sentence=f"{what}; {said}.")
    strongest = groups if clear.is_empty() else clear
    return (
        told
        if strongest.is_empty()
        else told.with_evidence(strongest.row(0, named=True), len(groups))
    )
