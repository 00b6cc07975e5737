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

from chameleon.analysis.edits import edited_values
from chameleon.analysis.evidence import (
    CLEAR,
    DECLARES,
    FEWEST,
    IterationKind,
    KindEvidence,
    by_split,
    counted,
    lifts,
    percent,
    stands_out,
)
from chameleon.analysis.matching import of_selection
from chameleon.data import SPLITS, EvolvingDataset, Pair, pair_of
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection

_SCHEMA = {
    "kind": pl.String, "split": pl.String, "instances": pl.Int64, "sentence": pl.String,
    "by": pl.String, "feature": pl.String, "group": pl.String, "share": pl.Float64,
    "rest_share": pl.Float64, "lift": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "q_value": pl.Float64, "compared": pl.Int64,
}  # fmt: skip


@of_selection()
def iteration_kinds(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The kinds of iteration from the secondary to the primary version, with the evidence.

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
    """
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    found = [
        *additions(dataset, pair),
        *_labels_added(dataset, pair),
        *_removals(evaluation, pair),
        *_features_modified(evaluation, pair, selection),
        *_labels_modified(dataset, pair),
        *_moves(dataset, pair),
        *_columns(dataset, pair),
    ]
    return pl.DataFrame(found, schema=_SCHEMA) if found else pl.DataFrame(schema=_SCHEMA)


def _labels_added(dataset: EvolvingDataset, pair: Pair) -> Iterator[KindEvidence]:
    without = dataset.label[pair.old] < 0
    got = without & (dataset.label[pair.new] >= 0)
    if got.any():
        count = int(got.sum())
        sentence = (
            f"Labels added to {count:,} of the {counted(int(without.sum()), 'kept instance')} "
            "without one."
        )
        yield KindEvidence(IterationKind.LABELS_ADDED, None, count, sentence)


def _removals(evaluation: Evaluation, pair: Pair) -> Iterator[KindEvidence]:
    dataset = evaluation.dataset
    features = np.flatnonzero(dataset.has_column[pair.before])
    outcome = evaluation.outcome[pair.before]
    for split, removed, kept in by_split(dataset, pair.removed, pair.old):
        start = KindEvidence(IterationKind.REMOVED, split, len(removed), "")
        what = f"{counted(len(removed), f'{split} instance')} removed"
        outcomes = (outcome[removed], outcome[kept])
        yield _which(dataset, start, what, removed, kept, features, outcomes)


def _features_modified(
    evaluation: Evaluation, pair: Pair, selection: Selection
) -> Iterator[KindEvidence]:
    if not pair.edited.any():
        return
    edits = edited_values(evaluation, selection)
    most = [
        f"'{line['feature']}' in {line['instances']:,}"
        + (f" ({line['pattern']})" if line["pattern"] else "")
        for line in edits.head(3).iter_rows(named=True)
    ]
    what = (
        f"{counted(len(edits), 'feature')} modified in "
        f"{counted(int(pair.edited.sum()), 'instance')}, most often {', '.join(most)}"
    )
    start = KindEvidence(IterationKind.FEATURES, None, int(pair.edited.sum()), "")
    edited, others = pair.old[pair.edited], pair.old[~pair.edited]
    yield _which(evaluation.dataset, start, what, edited, others, pair.common)


def _labels_modified(dataset: EvolvingDataset, pair: Pair) -> Iterator[KindEvidence]:
    before, after = dataset.label[pair.old], dataset.label[pair.new]
    changed = pair.relabeled & (before >= 0)
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
    start = KindEvidence(IterationKind.LABELS, None, int(changed.sum()), "")
    yield _which(dataset, start, what, pair.old[changed], pair.old[~changed], pair.common)


def _moves(dataset: EvolvingDataset, pair: Pair) -> Iterator[KindEvidence]:
    ways = zip(
        dataset.split[pair.old[pair.changed_split]],
        dataset.split[pair.new[pair.changed_split]],
        strict=True,
    )
    found, counts = np.unique(np.array(list(ways)).reshape(-1, 2), axis=0, return_counts=True)
    for (old, new), count in zip(found.astype(int), counts, strict=True):
        sentence = (
            f"{counted(int(count), 'instance')} moved from {SPLITS[old].value} to "
            f"{SPLITS[new].value}."
        )
        yield KindEvidence(IterationKind.MOVED, None, int(count), sentence)


def _columns(dataset: EvolvingDataset, pair: Pair) -> Iterator[KindEvidence]:
    names = [feature.name for feature in dataset.features]
    old, new = dataset.has_column[pair.before], dataset.has_column[pair.after]
    kinds = [dataset.project.columns[dataset.versions[v].name] for v in (pair.before, pair.after)]
    retyped = [
        f"{names[f]} (from {a} to {b})"
        for f in pair.common
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
            yield KindEvidence(kind, None, None, listed)


def _which(
    dataset: EvolvingDataset,
    start: KindEvidence,
    what: str,
    chosen: NDArray[np.int32],
    others: NDArray[np.int32],
    features: NDArray[np.integer],
    outcomes: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None,
) -> KindEvidence:
    """The kind of these rows, and the group that stands out among them against the others."""
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


def additions(dataset: EvolvingDataset, pair: Pair) -> Iterator[KindEvidence]:
    """The added instances by split, and those that are declared synthetic."""
    features = np.flatnonzero(dataset.has_column[pair.after])
    for split, added, kept in by_split(dataset, pair.added, pair.new):
        what = f"{counted(len(added), f'{split} instance')} added"
        start = KindEvidence(IterationKind.ADDED, split, len(added), "")
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
    start: KindEvidence,
    what: str,
    added: NDArray[np.int32],
    kept: NDArray[np.int32],
    features: NDArray[np.intp],
) -> KindEvidence:
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


def _synthetic(
    dataset: EvolvingDataset, split: str, added: NDArray[np.int32]
) -> KindEvidence | None:
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
    return KindEvidence(IterationKind.SYNTHETIC, split, count, sentence)
