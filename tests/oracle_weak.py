"""Label probabilities and votes once more, the slow plain way, and projects of them.

Everything is told from the frames as they were written, by dicts and loops in plain floats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests import oracle, oracle_views
from tests.internals import Filters

CLASSES = ("a", "b", "c")
RULES = ("r", "s s")
USABLE = [
    (1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.25, 0.25, 0.5), (0.1, 0.2, 0.7), (0.3, 0.3, 0.4),
    (0.0, -0.0, 1.0), (0.125, 0.5, 0.375), (1 / 3, 1 / 3, 1 / 3), (0.05, 0.9, 0.05),
]  # fmt: skip
UNUSABLE = [
    (0.5, 0.0, 0.0), (1.5, -0.5, 0.0), (None, 0.5, 0.5), (math.nan, 1.0, 0.0),
    (math.inf, 0.0, 0.0),
]  # fmt: skip
NOTHING = (None, None, None)
VOTES = ["a", "b", "c", None, "-1", "zebra"]
Weak = tuple[dict[str, float] | None, dict[str, str | None]]


@dataclass(frozen=True)
class WeakPlan:
    """A generated project with weak labels: what is written, and what is known of it.

    `time` is that of the oracle, as if these columns were not there; `weak` has the probabilities
    (None where unusable) and votes by version and id, `written` the votes as they were written.
    """

    frames: Mapping[str, pl.DataFrame]
    predictions: Mapping[str, pl.DataFrame]
    time: oracle.Timeline
    weak: Mapping[str, Mapping[str, Weak]]
    derived: bool
    written: Mapping[str, Mapping[str, tuple[str | None, ...]]]

    def row(self, key: str, primary: str, secondary: str) -> Weak | None:
        return self.weak[primary].get(key) or self.weak[secondary].get(key)


@st.composite
def weak_plans(draw: st.DrawFn) -> WeakPlan:
    """Two or three versions of up to eight instances; a version may lack columns."""
    derived = draw(st.booleans())
    frames: dict[str, pl.DataFrame] = {}
    bare: dict[str, pl.DataFrame] = {}
    weak: dict[str, dict[str, Weak]] = {}
    written: dict[str, dict[str, tuple[str | None, ...]]] = {}
    for place in range(draw(st.integers(2, 3))):
        version = f"v{place}"
        ids = draw(st.lists(st.integers(0, 7), min_size=2, max_size=8, unique=True))
        has = draw(st.integers(0, 3)) > 0 or place == 0
        rows = st.sampled_from([*USABLE, *USABLE, *UNUSABLE, NOTHING])
        probabilities = [draw(rows) if has else NOTHING for _ in ids]
        rules = [rule for rule in RULES if place == 0 or draw(st.integers(0, 3))]
        votes = {r: [draw(st.sampled_from(VOTES)) for _ in ids] for r in rules}
        known = [_usable(row) for row in _without_empty_columns(probabilities)]
        labels = [draw(st.sampled_from([*CLASSES, None])) for _ in ids]
        base = pl.DataFrame(
            {
                "id": ids,
                "split": [draw(st.sampled_from(["train", "test"])) for _ in ids],
                "x": [draw(st.sampled_from([0.0, 1.0, 2.5])) for _ in ids],
            }
        )
        hard = [likeliest(p) for p in known] if derived else labels
        bare[version] = base.with_columns(label=pl.Series(hard, dtype=pl.String))
        columns = [] if derived else [bare[version]["label"]]
        if has:
            columns += [
                pl.Series(f"label_proba_{name}", [row[k] for row in probabilities], pl.Float64)
                for k, name in enumerate(CLASSES)
            ]
        columns += [pl.Series(f"label_vote_{r}", v, pl.String) for r, v in votes.items()]
        frames[version] = base.with_columns(*columns)
        weak[version] = {
            str(key): (p, {r: _vote(votes, r, k) for r in RULES})
            for k, (key, p) in enumerate(zip(ids, known, strict=True))
        }
        written[version] = {
            str(key): tuple(votes[r][k] if r in votes else None for r in RULES)
            for k, key in enumerate(ids)
        }
    said = {v: {str(key): "a" for key in frame["id"]} for v, frame in frames.items()}
    predictions = {v: f.select("id", prediction=pl.lit("a")) for v, f in frames.items()}
    return WeakPlan(frames, predictions, oracle.timeline(bare, said), weak, derived, written)


def _without_empty_columns(rows: list[tuple[float | None, ...]]) -> list[tuple[float | None, ...]]:
    """A column without any value in a version is none of that version's: its class counts 0."""
    empty = [all(p is None or math.isnan(p) for p in column) for column in zip(*rows, strict=True)]
    if all(empty):
        return rows
    return [tuple(0.0 if no else p for p, no in zip(row, empty, strict=True)) for row in rows]


def _usable(row: tuple[float | None, ...]) -> dict[str, float] | None:
    """The probabilities by class; None where they are none."""
    if any(p is None or not 0 <= p <= 1 for p in row) or abs(sum(row) - 1) > 1e-6:
        return None
    return dict(zip(CLASSES, row, strict=True))


def _vote(votes: Mapping[str, list], rule: str, place: int) -> str | None:
    vote = votes[rule][place] if rule in votes else None
    return None if vote == "-1" else vote


def likeliest(probabilities: Mapping[str, float] | None) -> str | None:
    if probabilities is None:
        return None
    most = max(probabilities.values())
    best = [name for name, p in probabilities.items() if p == most]
    return best[0] if len(best) == 1 else None


def how(before: str | None, after: str | None) -> set[str]:
    """All words for a change of a vote; none where it is the same."""
    if before == after:
        return set()
    word = "started" if before is None else "stopped" if after is None else "switched"
    return {"changed", word}


def passes(plan: WeakPlan, key: str, primary: str, secondary: str, filters: Filters) -> bool:
    """Whether an instance passes the filters by votes and probabilities, and all others."""
    row = plan.row(key, primary, secondary)
    if row is None or not oracle.passes(plan.time, key, primary, secondary, filters, {}):
        return False
    probabilities, votes = row
    for rule in {rule for rule, _ in filters.votes}:
        if votes[rule] not in [vote for r, vote in filters.votes if r == rule]:
            return False
    for name in {one.of_class for one in filters.label_probabilities}:
        p = None if probabilities is None else probabilities[name]
        ranges = [(low, high) for c, low, high in filters.label_probabilities if c == name]
        if p is None or not any(lo <= p and (p < hi or p == hi == 1) for lo, hi in ranges):
            return False
    if not filters.vote_changes:
        return True
    old, new = plan.weak[secondary].get(key), plan.weak[primary].get(key)
    if old is None or new is None:
        return False
    return any(v.value in how(old[1][r], new[1][r]) for r, v in filters.vote_changes)


def through(plan: WeakPlan, primary: str, secondary: str, filters: Filters) -> set[str]:
    keys = oracle_views.keys(plan.time)
    return {key for key in keys if passes(plan, key, primary, secondary, filters)}


def mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def entropy(probabilities: Mapping[str, float]) -> float:
    return -math.fsum(p * math.log2(p) for p in probabilities.values() if p > 0)


def distance(old: Mapping[str, float], new: Mapping[str, float]) -> float:
    return math.fsum(abs(old[name] - new[name]) for name in CLASSES) / 2


def class_figures(plan: WeakPlan, version: str, keys: set[str], name: str) -> dict[str, object]:
    """The figures of `weak_labels` for one class and side."""
    told = [
        (p, plan.time.versions[version][key].label)
        for key, (p, _) in plan.weak[version].items()
        if key in keys and p is not None
    ]
    own = [p for p, _ in told if likeliest(p) == name]
    hard = [p for p, label in told if label == name]
    return {
        "instances": len(told),
        "mean": mean([p[name] for p, _ in told]),
        "most_likely": len(own),
        "confidence": mean([max(p.values()) for p in own]),
        "entropy": mean([entropy(p) for p in own]),
        "hard": len(hard),
        "disagreements": sum(likeliest(p) not in (None, name) for p in hard),
    }


def rule_figures(plan: WeakPlan, version: str, keys: set[str], rule: str) -> dict[str, object]:
    """The figures of `labeling_functions` for one rule and side."""
    rows = {key: row for key, row in plan.weak[version].items() if key in keys}
    cast = {key: votes for key, (_, votes) in rows.items() if votes[rule] is not None}
    others = {
        key: [v for r, v in votes.items() if r != rule and v is not None]
        for key, votes in cast.items()
    }
    labels = {key: plan.time.versions[version][key].label for key in cast if not plan.derived}
    judged = [key for key, label in labels.items() if label is not None]
    correct = sum(cast[key][rule] == labels[key] for key in judged)
    exact = binomtest(correct, len(judged)).proportion_ci(0.95, "exact") if judged else None
    return {
        "instances": len(rows),
        "votes": len(cast),
        "coverage": len(cast) / len(rows) if rows else None,
        "overlaps": sum(bool(found) for found in others.values()),
        "conflicts": sum(any(v != cast[k][rule] for v in found) for k, found in others.items()),
        "judged": len(judged),
        "correct": correct,
        "accuracy": correct / len(judged) if judged else None,
        "low": None if exact is None else float(exact.low),
        "high": None if exact is None else float(exact.high),
    }


def step_figures(
    plan: WeakPlan, primary: str, secondary: str, keys: set[str], rule: str
) -> dict[str, object]:
    """The figures of `labeling_functions` for one rule and the step."""
    old, new = plan.weak[secondary], plan.weak[primary]
    kept = [key for key in old if key in new and key in keys]
    words = {key: how(old[key][1][rule], new[key][1][rule]) for key in kept}
    moved = {
        key: distance(old[key][0], new[key][0])
        for key in kept
        if old[key][0] is not None and new[key][0] is not None
    }
    changed = [d for key, d in moved.items() if words[key]]
    other = [d for key, d in moved.items() if not words[key]]
    whole = math.fsum(moved.values())
    return {
        "shared": len(kept),
        **{
            word: sum(word in found for found in words.values())
            for word in ("changed", "started", "stopped", "switched")
        },
        "compared": len(moved),
        "changed_distance": mean(changed),
        "other_distance": mean(other),
        "changed_share": math.fsum(changed) / whole if whole else None,
    }


def distinct_rows(plan: WeakPlan) -> int:
    """How many different contents the instances have; no vote and a vote of -1 are two."""
    return len(
        {
            (
                key, row.label, row.split, *sorted(row.values.items()),
                None if (w := plan.weak[version][key])[0] is None else tuple(w[0].values()),
                plan.written[version][key],
            )
            for version, rows in plan.time.versions.items()
            for key, row in rows.items()
        }
    )  # fmt: skip
