"""The matrix, the sensitivity and their filters once more, the slow plain way of tests/oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from chameleon.selection import AlwaysFails, Filters, SensitivityRange
from tests import oracle
from tests.oracle import Row, Timeline


def judged(time: Timeline, version: str, key: str, label: str | None) -> str:
    """The outcome of what a version's model says of an instance, against a label."""
    said = time.said.get(version, {}).get(key)
    if label is None or said is None:
        return "unknown"
    return "correct" if said == label else "incorrect"


def pair(
    time: Timeline, key: str, primary: str, secondary: str, *, same_label: bool
) -> tuple[str, str] | None:
    """Outcome before and after; None where a version lacks the instance."""
    old, new = time.versions[secondary].get(key), time.versions[primary].get(key)
    if old is None or new is None:
        return None
    before = judged(time, secondary, key, new.label if same_label else old.label)
    return before, judged(time, primary, key, new.label)


def matrix(
    time: Timeline, primary: str, secondary: str, through: set[str], *, same_label: bool = False
) -> dict[tuple[str, str], dict[str, int]]:
    """The four cells by (before, after): instances, relabeled, edited."""
    cells = {
        (a, b): {"instances": 0, "relabeled": 0, "edited": 0}
        for a in ("correct", "incorrect")
        for b in ("correct", "incorrect")
    }
    common = [n for n in time.columns[primary] if n in time.columns[secondary]]
    for key in through:
        both = pair(time, key, primary, secondary, same_label=same_label)
        if both is None or "unknown" in both:
            continue
        old, new = time.versions[secondary][key], time.versions[primary][key]
        cells[both]["instances"] += 1
        cells[both]["relabeled"] += old.label != new.label
        cells[both]["edited"] += any(old.values[n] != new.values[n] for n in common)
    return cells


def class_pairs(time: Timeline, primary: str, secondary: str, through: set[str]) -> Counter:
    """How many instances changed from one predicted class to another."""
    counts: Counter = Counter()
    for key in through:
        if key not in time.versions[primary] or key not in time.versions[secondary]:
            continue
        old = time.said.get(secondary, {}).get(key)
        new = time.said.get(primary, {}).get(key)
        if old is not None and new is not None and old != new:
            counts[old, new] += 1
    return counts


def row_at(time: Timeline, versions: list[str], place: int, key: str) -> tuple[Row, bool]:
    """The row used at a version, and whether it is the version's own (DESIGN section 2.6)."""
    own = time.versions[versions[place]].get(key)
    if own is not None:
        return own, True
    earlier = [v for v in reversed(versions[:place]) if key in time.versions[v]]
    later = [v for v in versions[place:] if key in time.versions[v]]
    return time.versions[(earlier or later)[0]][key], False


def changes(time: Timeline, key: str, over: SensitivityRange) -> int | None:
    """How often the outcome, or predicted class, changed; None with fewer than two known ones."""
    versions = list(time.versions)
    places = range(versions.index(over.first), versions.index(over.last) + 1)
    told: list[str] = []
    for place in places:
        row, own = row_at(time, versions, place, key)
        if over.held_only and not own:
            continue
        said = time.said.get(versions[place], {}).get(key)
        if over.classes:
            told += [said] if said is not None else []
        else:
            found = judged(time, versions[place], key, row.label)
            told += [found] if found != "unknown" else []
    if len(told) < 2:
        return None
    return sum(a != b for a, b in pairwise(told))


def held(time: Timeline, key: str, over: SensitivityRange) -> bool:
    """Whether at least one version of the range holds the instance."""
    versions = list(time.versions)
    chosen = versions[versions.index(over.first) : versions.index(over.last) + 1]
    return any(key in time.versions[version] for version in chosen)


def sensitivity(time: Timeline, over: SensitivityRange, through: set[str]) -> Counter:
    """Instances by their number of changes; None for those with fewer than two known ones."""
    return Counter(changes(time, key, over) for key in through if held(time, key, over))


def confused(time: Timeline, version: str, key: str) -> tuple[str, str] | None:
    """True class and prediction in a version; None where either, or the instance, is missing."""
    row = time.versions[version].get(key)
    said = time.said.get(version, {}).get(key)
    return None if row is None or row.label is None or said is None else (row.label, said)


def always_fails(time: Timeline, key: str, over: AlwaysFails) -> bool:
    """Whether every version of the range gets the instance wrong; unknown outcomes are skipped."""
    versions = list(time.versions)
    told = []
    for place in range(versions.index(over.first), versions.index(over.last) + 1):
        row, own = row_at(time, versions, place, key)
        if own or not over.held_only:
            told.append(judged(time, versions[place], key, row.label))
    known = [word for word in told if word != "unknown"]
    return bool(known) and set(known) == {"incorrect"} and held(time, key, over)


def keys(time: Timeline) -> set[str]:
    """All instances of all versions."""
    return {key for rows in time.versions.values() for key in rows}


def through(
    time: Timeline,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
) -> set[str]:
    """The instances that all filters let through, those made in views included."""
    return {
        key
        for key in keys(time)
        if oracle.passes(time, key, primary, secondary, filters, bars)
        and _passes_views(time, key, primary, secondary, filters)
    }


def happened(time: Timeline, before: str, after: str, key: str) -> set[object]:
    """All that happened to an instance in the step: words, and (edited, feature) pairs."""
    old, new = time.versions[before].get(key), time.versions[after].get(key)
    if old is None or new is None:
        return set() if old is new else {"added" if old is None else "removed"}
    common = [n for n in time.columns[before] if n in time.columns[after]]
    found: set[object] = {("edited", n) for n in common if old.values[n] != new.values[n]}
    if found:
        found.add("edited")
    if old.label != new.label:
        found |= {"relabeled"} | ({"labeled"} if old.label is None else set())
    if old.split != new.split:
        found.add("changed_split")
    return found or {"unchanged"}


def _passes_views(time: Timeline, key: str, primary: str, secondary: str, filters: Filters) -> bool:
    if filters.outcome_changes and not any(
        pair(time, key, primary, secondary, same_label=same) == (before, after)
        for before, after, same in filters.outcome_changes
    ):
        return False
    if filters.class_changes:
        both = key in time.versions[primary] and key in time.versions[secondary]
        said = tuple(time.said.get(v, {}).get(key) for v in (secondary, primary))
        if not both or said not in [tuple(change) for change in filters.class_changes]:
            return False
    if filters.data_changes:
        found = happened(time, secondary, primary, key)
        if not any(
            c in found or (c.feature is None and c[0] in found) for c in filters.data_changes
        ):
            return False
    if filters.sensitivity is not None:
        over, numbers = filters.sensitivity
        count = changes(time, key, over) if held(time, key, over) else None
        if count not in numbers:
            return False
    if filters.confusions and not any(
        confused(time, secondary if cell.secondary else primary, key)
        == (cell.label, cell.prediction)
        for cell in filters.confusions
    ):
        return False
    return filters.always_fails is None or always_fails(time, key, filters.always_fails)
