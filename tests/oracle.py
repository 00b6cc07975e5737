"""The same counts, made the slow plain way: dicts and loops over the versions as they were given.

Nothing here uses an array, a code or a mask of the library. Only the edges of the bins are taken
from it; which bin a value falls into is decided here, by DESIGN section 2.4.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from chameleon.selection import FeatureFilter, Filters

Value = float | str | None
SPLIT_OF = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
}  # fmt: skip
ROLES = ("id", "label", "split", "date", "source")


@dataclass(frozen=True)
class Row:
    """One instance in one version, as it was written."""

    label: str | None
    split: str
    date: dt.datetime | None
    source: str | None
    values: Mapping[str, Value]


@dataclass
class Timeline:
    """The versions as dicts from id to row, old to new, and what each model says by id."""

    versions: dict[str, dict[str, Row]]
    said: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)

    kinds: dict[str, dict[str, str]] = field(default_factory=dict)

    def kind(self, version: str, feature: str) -> str | None:
        return self.kinds[version].get(feature)

    @property
    def features(self) -> list[str]:
        names = {name for names in self.columns.values() for name in names}
        return sorted(names, key=str.casefold)

    @property
    def splits(self) -> list[str]:
        found = {row.split for rows in self.versions.values() for row in rows.values()}
        return [split for split in ("train", "test", "validation") if split in found]

    @property
    def labels(self) -> set[str]:
        found = {row.label for rows in self.versions.values() for row in rows.values()}
        return found - {None}


def timeline(
    frames: Mapping[str, pl.DataFrame], said: Mapping[str, Mapping[str, str | None]]
) -> Timeline:
    """The timeline of frames with an id column; a missing split column is not for the oracle."""
    result = Timeline({}, said, {})
    every = dict.fromkeys(
        name for frame in frames.values() for name in frame.columns if name not in ROLES
    )
    for version, frame in frames.items():
        result.columns[version] = [name for name in frame.columns if name not in ROLES]
        result.kinds[version] = {
            name: kind_of(frame.schema[name]) for name in result.columns[version]
        }
        rows: dict[str, Row] = {}
        for line in frame.iter_rows(named=True):
            rows[spelled(line["id"])] = Row(
                label=spelled(line["label"]),
                split=SPLIT_OF[line["split"].strip().lower()],
                date=as_datetime(line.get("date")),
                source=spelled(line.get("source")),
                values={name: canonical(line.get(name)) for name in every},
            )
        result.versions[version] = rows
    return result


def spelled(value: object) -> str | None:
    """An id, label or source as text: 7 and 7.0 are both "7"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def kind_of(dtype: pl.DataType) -> str | None:
    """The kind that a typed file gives a column, whether it holds values or not."""
    if dtype == pl.Null:
        return None
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    return "text" if dtype == pl.String else "number"


def as_datetime(value: object) -> dt.datetime | None:
    if value is None or isinstance(value, dt.datetime):
        return value
    assert isinstance(value, dt.date)
    return dt.datetime(value.year, value.month, value.day)


def canonical(value: object) -> Value:
    """A feature's value: a number, microseconds of a date, a text, or None where it is missing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dt.date):
        moment = as_datetime(value)
        assert moment is not None
        return float((moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1))
    number = float(value)  # type: ignore[arg-type]
    return None if math.isnan(number) else number


def outcome(time: Timeline, version: str, key: str, row: Row) -> str:
    """Correct, incorrect or unknown: the row's own label decides (DESIGN 2.2)."""
    said = time.said.get(version, {}).get(key)
    if row.label is None or said is None:
        return "unknown"
    return "correct" if said == row.label else "incorrect"


# ---------------------------------------------------------------- filters (DESIGN 2.8)


def passes(
    time: Timeline,
    key: str,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
    *,
    without: str | None = None,
) -> bool:
    """Whether an instance is let through, read from the primary, else from the secondary."""
    row = time.versions[primary].get(key) or time.versions[secondary].get(key)
    if row is None:
        return False
    asked = [
        (filters.splits, row.split in [str(s) for s in filters.splits]),
        (filters.labels, row.label in filters.labels),
        (filters.sources, row.source in filters.sources),
        (filters.outcomes, outcome(time, primary, key, row) in filters.outcomes),
        (filters.dates, filters.dates is not None and day_within(row.date, *filters.dates)),
    ]
    if not all(passing for wanted, passing in asked if wanted):
        return False
    return all(
        value_passes(row.values[one.feature], one, bars[one.feature])
        for one in filters.features
        if one.feature != without
    )


def day_within(moment: dt.datetime | None, first: dt.date | None, last: dt.date | None) -> bool:
    if moment is None:
        return False
    day = moment.date()
    return (first is None or day >= first) and (last is None or day <= last)


def value_passes(value: Value, one: FeatureFilter, bars: Iterable[dict]) -> bool:
    if value is None:
        return one.missing
    if isinstance(value, str):
        shown = {bar["category"] for bar in bars if bar["bar"] == "category"}
        has_other = any(bar["bar"] == "other" for bar in bars)
        return value in one.categories or (one.other and has_other and value not in shown)
    if math.isinf(value):
        return one.non_finite
    return any(
        (r.low < value or (value == r.low and not r.open))
        and (value < r.high or (value == r.high and r.closed))
        for r in one.ranges
    )


# ---------------------------------------------------------------- bins (DESIGN 2.4)


def bars_of(histograms: pl.DataFrame) -> dict[str, list[dict]]:
    """The bars of every feature, in the order of the library's frame, each once."""
    found: dict[str, list[dict]] = {}
    for line in histograms.iter_rows(named=True):
        bars = found.setdefault(line["feature"], [])
        if line["bin"] not in [bar["bin"] for bar in bars]:
            bars.append({name: line[name] for name in ("bin", "bar", "low", "high", "category")})
    return found


def bin_of(value: Value, bars: list[dict]) -> int:
    """The one bar that a value belongs to."""
    holding = [bar["bin"] for bar in bars if holds(bar, value, bars)]
    assert len(holding) == 1, f"{value!r} is in the bars {holding} of {bars}"
    return holding[0]


def holds(bar: dict, value: Value, bars: list[dict]) -> bool:
    kind = bar["bar"]
    if value is None or kind == "missing":
        return value is None and kind == "missing"
    if isinstance(value, str):
        shown = {other["category"] for other in bars if other["bar"] == "category"}
        return {
            "category": bar["category"] == value,
            "other": value not in shown,
            "text": True,
        }.get(kind, False)
    if math.isinf(value) or kind == "non-finite":
        return math.isinf(value) and kind == "non-finite"
    ranges = [other for other in bars if other["bar"] == "range"]
    return {
        "value": bar["low"] == value,
        "below": bool(ranges) and value < ranges[0]["low"],
        "above": bool(ranges) and value > ranges[-1]["high"],
        "range": bool(ranges)
        and (bar["low"] <= value < bar["high"] or (bar == ranges[-1] and value == bar["high"])),
    }.get(kind, False)


# ---------------------------------------------------------------- what the library counts


def feature_histograms(
    time: Timeline,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
) -> Counter:
    """How many instances by (feature, split, bin, "primary_correct" and the like)."""
    counts: Counter = Counter()
    for feature in time.features:
        for side, version in (("primary", primary), ("secondary", secondary)):
            for key, row in time.versions[version].items():
                if passes(time, key, primary, secondary, filters, bars, without=feature):
                    code = bin_of(row.values[feature], bars[feature])
                    column = f"{side}_{outcome(time, version, key, row)}"
                    counts[feature, row.split, code, column] += 1
    return counts


def feature_labels(
    time: Timeline,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
) -> Counter:
    """How many instances of the primary by (feature, split, bin, label)."""
    counts: Counter = Counter()
    for feature in time.features:
        for key, row in time.versions[primary].items():
            if passes(time, key, primary, secondary, filters, bars, without=feature):
                code = bin_of(row.values[feature], bars[feature])
                counts[feature, row.split, code, row.label] += 1
    return counts


def feature_over_versions(
    time: Timeline,
    feature: str,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
) -> Counter:
    """How many instances by (version, split, bin, outcome)."""
    narrowed = filters.without_feature(feature) != Filters()
    counts: Counter = Counter()
    for version, rows in time.versions.items():
        for key, row in rows.items():
            if narrowed and not passes(
                time, key, primary, secondary, filters, bars, without=feature
            ):
                continue
            code = bin_of(row.values[feature], bars[feature])
            counts[version, row.split, code, outcome(time, version, key, row)] += 1
    return counts


def feature_summary(time: Timeline, primary: str, secondary: str) -> dict[tuple, dict]:
    """Minimum, maximum, mean, missing and instances by (feature, version, split)."""
    result: dict[tuple, dict] = {}
    for feature in time.features:
        for version in dict.fromkeys((primary, secondary)):
            for split in time.splits:
                rows = [r for r in time.versions[version].values() if r.split == split]
                values = [row.values[feature] for row in rows]
                finite = [v for v in values if isinstance(v, float) and math.isfinite(v)]
                result[feature, version, split] = {
                    "min": min(finite, default=None),
                    "max": max(finite, default=None),
                    "mean": math.fsum(finite) / len(finite) if finite else None,
                    "missing": sum(value is None for value in values),
                    "instances": len(rows),
                }
    return result


def version_metrics(time: Timeline) -> dict[str, dict]:
    """Instances, and for each split instances, unknown and accuracy, by version."""
    result: dict[str, dict] = {}
    for version, rows in time.versions.items():
        found: dict = {"instances": len(rows)}
        for split in ("train", "test", "validation"):
            own = [
                outcome(time, version, key, row) for key, row in rows.items() if row.split == split
            ]
            correct, incorrect = own.count("correct"), own.count("incorrect")
            known = correct + incorrect
            found[f"{split}_instances"] = len(own)
            found[f"{split}_unknown"] = own.count("unknown")
            found[f"{split}_accuracy"] = correct / known if known else None
        result[version] = found
    return result


def compare_data(time: Timeline, before: str, after: str) -> dict[str, object]:
    """What `Iteration` holds, field by field."""
    old, new = time.versions[before], time.versions[after]
    common = [name for name in time.columns[before] if name in time.columns[after]]
    relabeled, edited, moved, redated, resourced = set(), set(), set(), set(), set()
    edits: Counter = Counter()
    kept = [key for key in old if key in new]
    for key in kept:
        a, b = old[key], new[key]
        changed = [name for name in common if a.values[name] != b.values[name]]
        edits.update(changed)
        for group, differs in (
            (relabeled, a.label != b.label),
            (edited, bool(changed)),
            (moved, a.split != b.split),
            (redated, a.date != b.date),
            (resourced, a.source != b.source),
        ):
            if differs:
                group.add(key)
    return {
        "before": before,
        "after": after,
        "added": sum(key not in old for key in new),
        "removed": sum(key not in new for key in old),
        "shared": len(kept),
        "relabeled": len(relabeled),
        "labeled": sum(old[key].label is None for key in relabeled),
        "label_removed": sum(new[key].label is None for key in relabeled),
        "edited": len(edited),
        "changed_split": len(moved),
        "redated": len(redated),
        "resourced": len(resourced),
        "overlaps": {
            "relabeled_and_edited": len(relabeled & edited),
            "relabeled_and_changed_split": len(relabeled & moved),
            "edited_and_changed_split": len(edited & moved),
            "relabeled_edited_and_changed_split": len(relabeled & edited & moved),
        },
        "unchanged": sum(key not in relabeled | edited | moved for key in kept),
        "edited_features": dict(edits),
        "columns_added": {n for n in time.columns[after] if n not in time.columns[before]},
        "columns_removed": {n for n in time.columns[before] if n not in time.columns[after]},
        "columns_retyped": {
            n
            for n in common
            if None not in (a := time.kind(before, n), b := time.kind(after, n)) and a != b
        },
    }


def selected(
    time: Timeline,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: Mapping[str, list[dict]],
) -> dict[str, object]:
    """What `Selected` holds, field by field."""
    first, second = set(time.versions[primary]), set(time.versions[secondary])
    through = {
        key for key in first | second if passes(time, key, primary, secondary, filters, bars)
    }
    by_split = {
        split: tuple(
            sum(rows[key].split == split for key in through if key in rows)
            for rows in (time.versions[primary], time.versions[secondary])
        )
        for split in ("train", "test", "validation")
    }
    outcomes = tuple(
        {split: _right_of_known(told, split) for split in ("train", "test", "validation")}
        for told in (
            [(row.split, outcome(time, v, key, row)) for key, row in time.versions[v].items()]
            for v in (primary, secondary)
        )
    )
    return {
        "outcomes": outcomes,
        "by_split": by_split,
        "instances": len(through),
        "of": len(first | second),
        "primary": len(through & first),
        "of_primary": len(first),
        "secondary": len(through & second),
        "of_secondary": len(second),
    }


def _right_of_known(told: list[tuple[str, str]], split: str) -> tuple[int, int]:
    known = [o for s, o in told if s == split and o != "unknown"]
    return known.count("correct"), len(known)


def distinct_rows(time: Timeline) -> int:
    """How many different contents the instances have over the timeline."""
    return len(
        {
            (key, row.label, row.split, row.date, row.source, *sorted(row.values.items()))
            for rows in time.versions.values()
            for key, row in rows.items()
        }
    )
