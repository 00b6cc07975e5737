"""What the data check should notice, found the slow plain way: dicts and loops over instances."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

import polars as pl

from tests import oracle

Key = tuple[str, str, str | None]
KINDS = {
    "Float64": "number", "Int64": "number", "Boolean": "boolean", "Date": "date",
    "Datetime": "date", "String": "text",
}  # fmt: skip
AT_LEAST, FEWEST, A_VALUE = 0.95, 50, 5


def noticed(
    frames: Mapping[str, pl.DataFrame], time: oracle.Timeline
) -> dict[Key, tuple[int | None, set[str]]]:
    """The count, and all that may be an example, by version, kind and column.

    The labels that features tell are in `told_labels`.
    """
    looks = (labels, instances, identities, across, columns, kinds, values, dates, equals)
    found: dict[Key, tuple[int | None, set[str]]] = {}
    for look in looks:
        for key, count, examples in look(time) if look is not kinds else kinds(frames):
            assert key not in found
            found[key] = (count, set(examples))
    return found


Found = Iterator[tuple[Key, int | None, list[str]]]


def labels(time: oracle.Timeline) -> Found:
    seen: set[str] = set()
    before: Counter = Counter()
    for version, rows in time.versions.items():
        absent = [key for key, row in rows.items() if row.label is None]
        if absent:
            yield (version, "missing labels", "label"), len(absent), absent
        now = Counter(row.label for row in rows.values() if row.label is not None)
        if not now:
            continue
        new, gone = [n for n in now if n not in seen], [n for n in before if n not in now]
        if seen and new:
            yield (version, "new labels", "label"), sum(now[n] for n in new), new
        if gone:
            yield (version, "vanished labels", "label"), sum(before[n] for n in gone), gone
        seen |= set(now)
        before = now


def instances(time: oracle.Timeline) -> Found:
    names = list(time.versions)
    for place, version in enumerate(names):
        moved, returned = [], []
        for key, row in time.versions[version].items():
            earlier = [name for name in names[:place] if key in time.versions[name]]
            if not earlier:
                continue
            if time.versions[earlier[-1]][key].split != row.split:
                moved.append(key)
            if earlier[-1] != names[place - 1]:
                returned.append(key)
        if moved:
            yield (version, "changed split", "split"), len(moved), moved
        if returned:
            yield (version, "removed and added again", None), len(returned), returned


def identities(time: oracle.Timeline) -> Found:
    for before, version in pairwise(time.versions):
        old, new = time.versions[before], time.versions[version]
        gone, came = [k for k in old if k not in new], [k for k in new if k not in old]
        pairs = [(a, b) for a in came for b in gone if bare(a) == bare(b)]
        if new and 10 * len(pairs) >= len(new):
            yield (
                (version, "changed ids", "id"),
                len(pairs),
                [key for pair in pairs for key in pair],
            )
        elif old and new and len(came) == len(new):
            yield (version, "changed ids", "id"), len(new), came


def bare(key: str) -> str:
    return re.sub(r"^0+|\.0$", "", key.strip())


def across(time: oracle.Timeline) -> Found:
    for version, rows in time.versions.items():
        train = [row.values for row in rows.values() if row.split == "train"]
        equal = [k for k, row in rows.items() if row.split != "train" and row.values in train]
        if equal:
            yield (version, "train-test leakage", None), len(equal), equal


def columns(time: oracle.Timeline) -> Found:
    names = list(time.versions)
    for before, version in pairwise(names):
        size = len(time.versions[version])
        old, new = time.columns[before], time.columns[version]
        yield from (((version, "column added", n), size, []) for n in new if n not in old)
        yield from (((version, "column removed", n), size, []) for n in old if n not in new)


def kinds(frames: Mapping[str, pl.DataFrame]) -> Found:
    last: dict[str, str] = {}
    for version, frame in frames.items():
        for name, dtype in frame.schema.items():
            kind = KINDS.get(str(dtype.base_type()))
            if name in oracle.ROLES or kind is None:
                continue
            if last.get(name, kind) != kind:
                yield (version, "change of type", name), None, []
            last[name] = kind


def values(time: oracle.Timeline) -> Found:
    for version, rows in time.versions.items():
        for name in time.columns[version]:
            known = {k: r.values[name] for k, r in rows.items() if r.values[name] is not None}
            infinite = [k for k, v in known.items() if isinstance(v, float) and math.isinf(v)]
            if infinite:
                yield (version, "non-finite values", name), len(infinite), infinite
            if not known:
                yield (version, "all missing", name), len(rows), []
            elif len(known) > 1 and len(set(known.values())) == 1 and not infinite:
                yield (version, "constant feature", name), len(known), [None]


def dates(time: oracle.Timeline) -> Found:
    before = None
    for version, rows in time.versions.items():
        newest = max((row.date for row in rows.values() if row.date), default=None)
        if newest and before and newest < before:
            days = [str(newest.date()), str(before.date())]
            yield (version, "out of order", "date"), None, days
        before = newest or before


def equals(time: oracle.Timeline) -> Found:
    names = list(time.versions)
    for place, version in enumerate(names):
        same = [n for n in names[:place] if time.versions[n] == time.versions[version]]
        if same:
            yield (version, "identical version", None), len(time.versions[version]), same[:1]


def told_labels(pairs: list[tuple[object, str | None]]) -> int | None:
    """How many labels a feature alone tells, from (value, label) a row; None where too few."""
    known = [(value, label) for value, label in pairs if label is not None]
    most = max(Counter(label for _, label in known).values(), default=0)
    groups: dict[object, Counter] = defaultdict(Counter)
    for value, label in known:
        groups[value][label] += 1
    right = sum(max(group.values()) for group in groups.values())
    if len(known) < max(FEWEST, A_VALUE * len(groups)) or most == len(known):
        return None
    return right if right - most >= AT_LEAST * (len(known) - most) else None
