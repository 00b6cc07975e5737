"""The attribution of a change of accuracy once more, by dicts, loops and all orders of events."""

from __future__ import annotations

from itertools import permutations
from statistics import mean

from tests.oracle import Timeline

PARTS = ("removed", "added", "relabeled")
Labels = dict[str, str | None]


def accuracy(time: Timeline, model: str, labels: Labels) -> float | None:
    """The share of instances that a model gets right; None of no instances."""
    if not labels:
        return None
    return mean(time.said[model][key] == label for key, label in labels.items())


def guarded(time: Timeline, before: str, after: str) -> tuple[Labels, Labels, int, int]:
    """Both test sets as labels by id, and how many were leaked and unknown."""
    old, new = (
        {key: row.label for key, row in time.versions[version].items() if row.split == "test"}
        for version in (before, after)
    )
    learnt = {
        key
        for version in (before, after)
        for key, row in time.versions[version].items()
        if row.split == "train"
    }
    both = set(old) | set(new)
    leaked = both & learnt
    unknown = {
        key
        for key in both - leaked
        if any(time.said.get(model, {}).get(key) is None for model in (before, after))
        or any(labels[key] is None for labels in (old, new) if key in labels)
    }
    out = leaked | unknown
    kept = tuple({k: v for k, v in labels.items() if k not in out} for labels in (old, new))
    return kept[0], kept[1], len(leaked), len(unknown)


def happen(labels: Labels, event: str, old: Labels, new: Labels) -> Labels:
    """The test set after one more thing happened to it."""
    if event == "removed":
        return {key: label for key, label in labels.items() if key in new}
    if event == "added":
        return labels | {key: label for key, label in new.items() if key not in old}
    return {key: new[key] if key in old and key in new else v for key, v in labels.items()}


def parts_brought(time: Timeline, before: str, after: str) -> dict[str, float] | None:
    """What each event brought, averaged over all orders and both models; None if undefined."""
    old, new, *_ = guarded(time, before, after)
    brought: dict[str, list[float]] = {part: [] for part in PARTS}
    for model in (before, after):
        for order in permutations(PARTS):
            labels = old
            for event in order:
                then = happen(labels, event, old, new)
                values = accuracy(time, model, labels), accuracy(time, model, then)
                if values[0] is None or values[1] is None:
                    return None
                brought[event].append(values[1] - values[0])
                labels = then
            assert labels == new
    return {part: mean(values) for part, values in brought.items()}
