"""The instances behind the filters once more, the slow plain way of tests/oracle."""

from __future__ import annotations

from itertools import pairwise

from chameleon.selection import SensitivityRange
from tests import oracle_views
from tests.oracle import Timeline

HELD = {"correct": "✓", "incorrect": "✗", "unknown": "?"}
LACKING = {"correct": "v", "incorrect": "x", "unknown": "·"}


def line(time: Timeline, key: str, primary: str, secondary: str) -> dict[str, object]:
    """All that a table tells of one instance."""
    own, other = time.versions[primary].get(key), time.versions[secondary].get(key)
    row = own or other
    assert row is not None
    said = [time.said.get(version, {}).get(key) for version in (primary, secondary)]
    versions = list(time.versions)
    course = history(time, key)
    return {
        "instance": key,
        "label": row.label,
        "split": row.split,
        "source": row.source,
        "date": row.date,
        "side": "both" if own and other else "primary" if own else "secondary",
        "primary_prediction": said[0],
        "secondary_prediction": said[1],
        "primary_outcome": oracle_views.judged(time, primary, key, row.label),
        "secondary_outcome": oracle_views.judged(time, secondary, key, (other or row).label),
        "strip": "".join(
            (HELD if key in time.versions[version] else LACKING)[outcome]
            for version, outcome in zip(versions, course, strict=True)
        ),
        "course": course_of([outcome for outcome in course if outcome != "unknown"]),
        "changes": oracle_views.changes(time, key, SensitivityRange(versions[0], versions[-1])),
        "versions": sum(key in rows for rows in time.versions.values()),
        **{f"feature {name}": value for name, value in row.values.items()},
    }


def history(time: Timeline, key: str) -> list[str]:
    """The outcome under every version's model."""
    versions = list(time.versions)
    return [
        oracle_views.judged(
            time, version, key, oracle_views.row_at(time, versions, place, key)[0].label
        )
        for place, version in enumerate(versions)
    ]


def course_of(known: list[str]) -> str | None:
    if len(known) < 2:
        return None
    changes = sum(a != b for a, b in pairwise(known))
    if changes == 1:
        return f"lasting {'improvement' if known[-1] == 'correct' else 'regression'}"
    return "flicker" if changes else "none"


def holds(line: dict[str, object], search: str) -> bool:
    """Whether the search occurs in one of the texts that are looked through."""
    looked = ("instance", "label", "primary_prediction", "secondary_prediction", "source")
    texts = [line[name] for name in looked]
    texts += [value for name, value in line.items() if name.startswith("feature ")]
    return any(isinstance(text, str) and search.lower() in text.lower() for text in texts)
