"""FileFindings about an evolving dataset: its labels, instances, columns, and order.

Every function goes over the versions once and counts arrays; none looks at rows one by one.
Features are looked at in `chameleon.analysis.odd_features`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.instance_order import id_ranks
from chameleon.analysis.values import value_text
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.project import NOT_A_DATE, FindingKind, Kind, Severity, Split, Version

EXAMPLES = 3
_DAY = 86_400_000_000
TRAIN, TEST = SPLITS.index(Split.TRAIN), SPLITS.index(Split.TEST)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that was noticed; see `chameleon.check` for the fields."""

    severity: Severity
    kind: FindingKind
    message: str
    version: str | None = None
    column: str | None = None
    count: int | None = None
    examples: tuple[str, ...] = ()

    @property
    def of(self) -> tuple[str | None, FindingKind, str | None]:
        """The key of a finding: no two share it."""
        return self.version, self.kind, self.column


def ids_of(dataset: EvolvingDataset, instances: NDArray[np.integer]) -> tuple[str, ...]:
    """The first few ids, in their order."""
    by_id = np.argsort(id_ranks(dataset)[instances])[:EXAMPLES]
    return tuple(dataset.instance_ids.gather(instances[by_id]).to_list())


def examples_clause(examples: Iterable[str]) -> str:
    """Examples as the end of a clause."""
    named = ", ".join(f"'{example}'" for example in examples)
    return f", such as {named}" if named else ""


def label_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Labels that no earlier version has, and labels of the version before that are gone.

    The version before is the latest one that has labels at all.
    """
    names, column = dataset.classes, dataset.project.roles.label
    seen: NDArray[np.bool_] | None = None
    before = (np.zeros(len(names), dtype=np.int64), "")
    for number, version in enumerate(dataset.versions):
        labels = dataset.label[dataset.rows_of(number)]
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
        if not counts.any():
            continue
        if seen is not None:
            new, gone = (counts > 0) & ~seen, (before[0] > 0) & (counts == 0)
            if new.any():
                figures = _few(names, new, counts)
                yield Notice(
                    Severity.NOTE,
                    FindingKind.NEW_LABELS,
                    f"{version.place} has {new.sum():,} labels that no earlier version has"
                    f"{examples_clause(figures[1])}: {figures[0]:,} of its instances have them.",
                    version.name,
                    column,
                    *figures,
                )
            if gone.any():
                figures = _few(names, gone, before[0])
                yield Notice(
                    Severity.WARNING,
                    FindingKind.VANISHED_LABELS,
                    f"{version.place} lacks {gone.sum():,} labels of version {before[1]}"
                    f"{examples_clause(figures[1])}: {figures[0]:,} instances had them there.",
                    version.name,
                    column,
                    *figures,
                )
        seen = counts > 0 if seen is None else seen | (counts > 0)
        before = (counts, version.name)


def _few(
    names: Sequence[str], which: NDArray[np.bool_], counts: NDArray[np.int64]
) -> tuple[int, tuple[str, ...]]:
    """How many instances have these labels, and a few of the labels."""
    return int(counts[which].sum()), tuple(names[c] for c in np.flatnonzero(which)[:EXAMPLES])


def instance_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Instances whose split changed since they were last seen, and instances that came back."""
    last = np.full(dataset.instance_count, -1, dtype=np.int32)
    held = np.zeros(dataset.instance_count, dtype=np.bool_)
    for number, version in enumerate(dataset.versions):
        own = dataset.row_of_instance(number)
        here = own >= 0
        known = np.flatnonzero(here & (last >= 0) & (own != last))
        moved = known[dataset.split[last[known]] != dataset.split[own[known]]]
        if moved.size:
            yield _moved(dataset, version, moved, last, own)
        returned = np.flatnonzero(here & (last >= 0) & ~held)
        if returned.size:
            changed = int((own[returned] != last[returned]).sum())
            examples = ids_of(dataset, returned)
            yield Notice(
                Severity.NOTE,
                FindingKind.RETURNED,
                f"{version.place} has {returned.size:,} instances back that the version before "
                f"lacks{examples_clause(examples)}: {changed:,} of them changed.",
                version.name,
                None,
                int(returned.size),
                examples,
            )
        last = np.where(here, own, last)
        held = here


def _moved(
    dataset: EvolvingDataset,
    version: Version,
    moved: NDArray[np.intp],
    last: NDArray[np.int32],
    own: NDArray[np.int32],
) -> Notice:
    ways = len(SPLITS) * dataset.split[last[moved]].astype(np.int64) + dataset.split[own[moved]]
    counts = np.bincount(ways, minlength=len(SPLITS) ** 2)
    told = ", ".join(
        f"{counts[way]:,} from {SPLITS[way // len(SPLITS)]} to {SPLITS[way % len(SPLITS)]}"
        for way in np.flatnonzero(counts)
    )
    leaks = counts[TRAIN * len(SPLITS) + TEST] + counts[TEST * len(SPLITS) + TRAIN]
    examples = ids_of(dataset, moved)
    return Notice(
        Severity.WARNING if leaks else Severity.NOTE,
        FindingKind.MOVED,
        f"{version.place} has {moved.size:,} instances in another split than before"
        f"{examples_clause(examples)}: {told}.",
        version.name,
        dataset.project.roles.split,
        int(moved.size),
        examples,
    )


def across_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Test and validation rows whose features all equal those of a train row of the version."""
    distinct, group = np.unique(dataset.content_hashes(), return_inverse=True)
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        trained = dataset.split[rows] == TRAIN
        train, held_out = rows[trained], rows[~trained]
        in_train = np.zeros(len(distinct), dtype=np.bool_)
        in_train[group[train]] = True
        equal = held_out[in_train[group[held_out]]]
        if not equal.size:
            continue
        pairs = group.astype(np.int64) * (len(dataset.classes) + 1) + dataset.label
        other = int((~np.isin(pairs[equal], pairs[train])).sum())
        examples = ids_of(dataset, dataset.instance[equal])
        yield Notice(
            Severity.WARNING,
            FindingKind.ACROSS_SPLIT,
            f"{version.place} has {equal.size:,} of {held_out.size:,} test and validation rows "
            f"with the features of a train row{examples_clause(examples)}: {other:,} of them with "
            "a label that no such train row has.",
            version.name,
            None,
            int(equal.size),
            examples,
        )


def column_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Features that join or leave, and that are of another type than when last seen."""
    columns = dataset.project.columns
    last: dict[str, Kind] = {}
    for number, version in enumerate(dataset.versions):
        if number:
            before, now = dataset.has_column[number - 1], dataset.has_column[number]
            for feature in np.flatnonzero(before != now):
                yield _joined_or_left(dataset, number, int(feature), joined=bool(now[feature]))
        for name, kind in columns[version.name].items():
            if kind is None:
                continue
            if last.get(name, kind) is not kind:
                yield Notice(
                    Severity.NOTE,
                    FindingKind.COLUMN_RETYPED,
                    f"{version.place} has column '{name}' as {kind}, after {last[name]}.",
                    version.name,
                    name,
                    int(dataset.present[number].sum()),
                )
            last[name] = kind


def _joined_or_left(dataset: EvolvingDataset, number: int, feature: int, *, joined: bool) -> Notice:
    version, name = dataset.versions[number], dataset.features[feature].name
    before = dataset.versions[number - 1].name
    figure = int(dataset.present[number].sum())
    said = f"has the column '{name}', which version {before} lacks"
    if not joined:
        said = f"lacks the column '{name}', which version {before} has"
    return Notice(
        Severity.NOTE if joined else Severity.WARNING,
        FindingKind.COLUMN_JOINED if joined else FindingKind.COLUMN_LEFT,
        f"{version.place} {said}.",
        version.name,
        name,
        figure,
    )


def order_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Versions dated before an earlier one, by their own or their instances' newest date."""
    yield from _descending(dataset)
    newest_before: tuple[int, str] | None = None
    for number, version in enumerate(dataset.versions):
        dates = dataset.date[dataset.rows_of(number)].view(np.int64)
        newest = int(dates.max()) if dates.size else NOT_A_DATE
        if newest == NOT_A_DATE:
            continue
        if newest_before is not None and newest < newest_before[0]:
            day, day_before = (_day(moment) for moment in (newest, newest_before[0]))
            yield Notice(
                Severity.NOTE,
                FindingKind.OUT_OF_ORDER,
                f"{version.place} has no instance newer than {day}, but version "
                f"{newest_before[1]} before it has one of {day_before}.",
                version.name,
                dataset.project.roles.date,
                None,
                (day, day_before),
            )
        newest_before = (newest, version.name)


def _descending(dataset: EvolvingDataset) -> Iterator[Notice]:
    latest: Version | None = None
    for version in dataset.versions:
        if version.date is None:
            continue
        if latest is not None and latest.date is not None and version.date < latest.date:
            yield Notice(
                Severity.WARNING,
                FindingKind.OUT_OF_ORDER,
                f"{version.place} is dated {version.date}, but follows version {latest.name} of "
                f"{latest.date}.",
                version.name,
                None,
                None,
                (str(version.date), str(latest.date)),
            )
        latest = version


def _day(microseconds: int) -> str:
    return value_text(float(microseconds - microseconds % _DAY), Kind.DATE)


def equal_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Versions that hold the very rows of an earlier one."""
    first: dict[bytes, Version] = {}
    for number, version in enumerate(dataset.versions):
        held = hashlib.blake2b(np.packbits(dataset.present[number]).tobytes()).digest()
        other = first.setdefault(held, version)
        if other is not version:
            yield Notice(
                Severity.WARNING,
                FindingKind.EQUAL_VERSION,
                f"{version.place} holds the very rows of version {other.name}.",
                version.name,
                None,
                int(dataset.present[number].sum()),
                (other.name,),
            )
