"""Confusions, errors, sets and mistakes once more, the slow plain way of tests/oracle."""

from __future__ import annotations

from collections import Counter

from chameleon.selection import AlwaysFails, SensitivityRange
from tests import oracle_views
from tests.oracle import Timeline


def counted(
    time: Timeline, version: str, through: set[str] | None, split: str | None
) -> dict[str, tuple[str, str]]:
    """True class and prediction of every instance of a version that counts."""
    found = {}
    for key, row in time.versions[version].items():
        told = oracle_views.confused(time, version, key)
        passing = through is None or key in through
        if told is not None and passing and split in (None, row.split):
            found[key] = told
    return found


def confusion(time: Timeline, version: str, through: set[str] | None, split: str | None) -> Counter:
    """How many instances by (true class, prediction)."""
    return Counter(counted(time, version, through, split).values())


def errors(
    time: Timeline, version: str, by: str, through: set[str] | None, split: str | None
) -> dict[str | None, tuple[int, int, int, bool]]:
    """Errors, known outcomes, unknown ones, and whether a train row is among the known."""
    found: dict[str | None, list] = {}
    for key, row in time.versions[version].items():
        if (through is not None and key not in through) or split not in (None, row.split):
            continue
        word = oracle_views.judged(time, version, key, row.label)
        line = found.setdefault(getattr(row, by), [0, 0, 0, False])
        line[0] += word == "incorrect"
        line[1] += word != "unknown"
        line[2] += word == "unknown"
        line[3] |= word != "unknown" and row.split == "train"
    return {group: tuple(line) for group, line in found.items()}


def in_set(
    time: Timeline, name: str, key: str, primary: str, secondary: str, over: SensitivityRange
) -> bool:
    """Whether an instance of either version is in a set of failures."""
    both = oracle_views.pair(time, key, primary, secondary, same_label=False)
    if name == "newly failing":
        return both == ("correct", "incorrect")
    if name == "fixed":
        return both == ("incorrect", "correct")
    if name == "fails in every version":
        return oracle_views.always_fails(time, key, AlwaysFails(*over[:3]))
    changes = oracle_views.changes(time, key, over)
    return changes is not None and changes >= 2 and oracle_views.held(time, key, over)
