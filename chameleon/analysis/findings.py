"""Findings about an evolving dataset: its labels, instances, columns, and order.

Every function goes over the versions once and counts arrays; none examines rows one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.measures import TEST, TRAIN
from chameleon.analysis.values import DAY, Codes, Counts, Mask, Rows, id_ranks, value_text
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.project import NOT_A_DATE, Finding, FindingKind, Kind, Severity, Version

EXAMPLES = 3


def ids_of(dataset: EvolvingDataset, instances: Codes) -> tuple[str, ...]:
    """The first few ids, in their order."""
    by_id = np.argsort(id_ranks(dataset)[instances])[:EXAMPLES]
    return tuple(dataset.instance_ids.gather(instances[by_id]).to_list())


def examples_clause(examples: Iterable[str]) -> str:
    """Examples as the end of a clause."""
    named = ", ".join(f"'{example}'" for example in examples)
    return f", such as {named}" if named else ""


def label_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Labels that no earlier version has, and labels missing since the previous version.

    The previous version is the latest one with any label.
    """
    names, column = dataset.classes, dataset.project.roles.label
    seen: Mask | None = None
    previous = (np.zeros(len(names), dtype=np.int64), "")
    for number, version in enumerate(dataset.versions):
        labels = dataset.label[dataset.rows_of(number)]
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
        if not counts.any():
            continue
        if seen is not None:
            new, missing = (counts > 0) & ~seen, (previous[0] > 0) & (counts == 0)
            if new.any():
                count, examples = _few(names, new, counts)
                yield version.finding(
                    Severity.NOTE,
                    f"has {new.sum():,} labels that no earlier version has"
                    f"{examples_clause(examples)}: {count:,} of its instances have them.",
                    column, kind=FindingKind.NEW_LABELS, count=count, examples=examples,
                )  # fmt: skip
            if missing.any():
                count, examples = _few(names, missing, previous[0])
                yield version.finding(
                    Severity.WARNING,
                    f"lacks {missing.sum():,} labels of version {previous[1]}"
                    f"{examples_clause(examples)}: {count:,} instances have them in that version.",
                    column, kind=FindingKind.VANISHED_LABELS, count=count, examples=examples,
                )  # fmt: skip
        seen = counts > 0 if seen is None else seen | (counts > 0)
        previous = (counts, version.name)


def _few(names: Sequence[str], chosen: Mask, counts: Counts) -> tuple[int, tuple[str, ...]]:
    """The number of instances with these labels, and a few of the labels."""
    return int(counts[chosen].sum()), tuple(names[c] for c in np.flatnonzero(chosen)[:EXAMPLES])


def instance_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Instances whose split changed since their last version, and instances that came back."""
    last = np.full(dataset.instance_count, -1, dtype=np.int32)
    held = np.zeros(dataset.instance_count, dtype=np.bool_)
    for number, version in enumerate(dataset.versions):
        own = dataset.row_of_instance(number)
        present = own >= 0
        known = np.flatnonzero(present & (last >= 0) & (own != last))
        moved = known[dataset.split[last[known]] != dataset.split[own[known]]]
        if moved.size:
            yield _changed_split(dataset, version, moved, last, own)
        returned = np.flatnonzero(present & (last >= 0) & ~held)
        if returned.size:
            changed = int((own[returned] != last[returned]).sum())
            examples = ids_of(dataset, returned)
            yield version.finding(
                Severity.NOTE,
                f"contains {returned.size:,} instances again that the previous version "
                f"lacks{examples_clause(examples)}: {changed:,} of them changed.",
                kind=FindingKind.RETURNED, count=int(returned.size), examples=examples,
            )  # fmt: skip
        last = np.where(present, own, last)
        held = present


def _changed_split(
    dataset: EvolvingDataset, version: Version, moved: NDArray[np.intp], last: Rows, own: Rows
) -> Finding:
    ways = len(SPLITS) * dataset.split[last[moved]].astype(np.int64) + dataset.split[own[moved]]
    counts = np.bincount(ways, minlength=len(SPLITS) ** 2)
    listed = ", ".join(
        f"{counts[way]:,} from {SPLITS[way // len(SPLITS)]} to {SPLITS[way % len(SPLITS)]}"
        for way in np.flatnonzero(counts)
    )
    leaks = counts[TRAIN * len(SPLITS) + TEST] + counts[TEST * len(SPLITS) + TRAIN]
    examples = ids_of(dataset, moved)
    return version.finding(
        Severity.WARNING if leaks else Severity.NOTE,
        f"has {moved.size:,} instances in another split than before"
        f"{examples_clause(examples)}: {listed}.",
        dataset.project.roles.split,
        kind=FindingKind.MOVED, count=int(moved.size), examples=examples,
    )  # fmt: skip


def leakage_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Test and validation rows that duplicate the features of a train row of the version."""
    distinct, group = np.unique(dataset.content_hashes(), return_inverse=True)
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        trained = dataset.split[rows] == TRAIN
        train, held_out = rows[trained], rows[~trained]
        in_train = np.zeros(len(distinct), dtype=np.bool_)
        in_train[group[train]] = True
        leaked = held_out[in_train[group[held_out]]]
        if not leaked.size:
            continue
        pairs = group.astype(np.int64) * (len(dataset.classes) + 1) + dataset.label
        other = int((~np.isin(pairs[leaked], pairs[train])).sum())
        examples = ids_of(dataset, dataset.instance[leaked])
        yield version.finding(
            Severity.WARNING,
            f"has {leaked.size:,} of {held_out.size:,} test and validation rows with the features "
            f"of a train row{examples_clause(examples)}: {other:,} of them with a label that no "
            "such train row has.",
            kind=FindingKind.ACROSS_SPLIT, count=int(leaked.size), examples=examples,
        )  # fmt: skip


def column_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Features that are added or removed, and features whose type changed."""
    columns = dataset.project.columns
    last: dict[str, Kind] = {}
    for number, version in enumerate(dataset.versions):
        count = int(dataset.present[number].sum())
        if number:
            previous = dataset.versions[number - 1].name
            before, now = dataset.has_column[number - 1], dataset.has_column[number]
            for feature in np.flatnonzero(before != now):
                name, added = dataset.features[feature].name, now[feature]
                verbs = ("has", "lacks") if added else ("lacks", "has")
                yield version.finding(
                    Severity.NOTE if added else Severity.WARNING,
                    f"{verbs[0]} the column '{name}', which version {previous} {verbs[1]}.",
                    name,
                    kind=FindingKind.COLUMN_JOINED if added else FindingKind.COLUMN_LEFT,
                    count=count,
                )
        for name, kind in columns[version.name].items():
            if kind is None:
                continue
            if last.get(name, kind) is not kind:
                message = f"has column '{name}' as {kind}, after {last[name]}."
                retyped = FindingKind.COLUMN_RETYPED
                yield version.finding(Severity.NOTE, message, name, kind=retyped, count=count)
            last[name] = kind


def order_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Versions dated before an earlier one, by their own or their instances' newest date."""
    latest: Version | None = None
    newest_before: tuple[int, str] | None = None
    for number, version in enumerate(dataset.versions):
        if version.date is not None:
            if latest is not None and latest.date is not None and version.date < latest.date:
                yield version.finding(
                    Severity.WARNING,
                    f"is dated {version.date}, but follows version {latest.name} of {latest.date}.",
                    kind=FindingKind.OUT_OF_ORDER,
                    examples=(str(version.date), str(latest.date)),
                )
            latest = version
        dates = dataset.date[dataset.rows_of(number)].view(np.int64)
        newest = int(dates.max()) if dates.size else NOT_A_DATE
        if newest == NOT_A_DATE:
            continue
        if newest_before is not None and newest < newest_before[0]:
            day, before = (
                value_text(float(moment - moment % DAY), Kind.DATE)
                for moment in (newest, newest_before[0])
            )
            yield version.finding(
                Severity.NOTE,
                f"has no instance newer than {day}, but version {newest_before[1]} before it has "
                f"one of {before}.",
                dataset.project.roles.date,
                kind=FindingKind.OUT_OF_ORDER, examples=(day, before),
            )  # fmt: skip
        newest_before = (newest, version.name)


def identical_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Versions that are identical to an earlier one."""
    first: dict[bytes, Version] = {}
    for number, version in enumerate(dataset.versions):
        held = hashlib.blake2b(np.packbits(dataset.present[number]).tobytes()).digest()
        other = first.setdefault(held, version)
        if other is not version:
            yield version.finding(
                Severity.WARNING,
                f"is identical to version {other.name}.",
                kind=FindingKind.EQUAL_VERSION,
                count=int(dataset.present[number].sum()), examples=(other.name,),
            )  # fmt: skip
