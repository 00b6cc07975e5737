"""A step in three to five plain sentences, made by rules, and the verdict they come to."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from chameleon.analysis.attribution import Attribution, IterationOf, attribute_change
from chameleon.analysis.kinds import counted, iteration_kinds
from chameleon.analysis.slices import Slice, Slices, changed_slices
from chameleon.analysis.training import TrainingParts, train_changes
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import FeatureFilter, Filters, Selection, range_words

PART_WORDS = {
    "leakage": "leaked or unknown rows, excluded",
    "model": "the model: its train data",
    "test": "the test set",
    "removed": "test rows removed",
    "added": "test rows added",
    "relabeled": "test labels changed",
    "edited": "test features changed",
}
"""The names of the parts of an attribution."""

MODEL_WORDS = {
    IterationOf.DATA: PART_WORDS["model"],
    IterationOf.NOTHING: PART_WORDS["model"],
    IterationOf.MODEL: "the model: its code",
    IterationOf.MIXED: "the model: its code and train data",
    IterationOf.UNKNOWN: "the model: its data or its code",
}
"""The names of the model contribution, by what the step changed for the model."""

_CODE = {
    IterationOf.MODEL: "only the model code changed for the model: a model change",
    IterationOf.MIXED: "the model code changed as well: a mixed change",
    IterationOf.UNKNOWN: "the predictions are external, so the model may have changed too: "
    "a mixed change",
}
_STRICT = 2.576 / 1.960
"""A 95% interval, this much wider, is a 99% one: five parts then err in 5% together."""

_LEAKAGE = "leakage, not a real change"
_SMALL = 1e-12


class Topic(StrEnum):
    """The topic of a sentence."""

    DATA = "What changed"
    METRIC = "The metric"
    CAUSE = "Why"
    TRAINING = "Which train data"
    GROUP = "Where"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence on a step.

    `filters` match the instances of its slice; None without one. `named` are the causes that it
    names, as the parts in `Attribution` or `TrainingParts`, and "duplicates" where duplicates of
    train rows cause the change; empty where nothing is clear of noise.
    """

    topic: Topic
    text: str
    filters: Filters | None = None
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounds:
    """The results that the sentences on a step are made from.

    `found` is the attribution, `fair` the one without duplicates of train rows, where there are
    any; the others are the results of `iteration_kinds`, `changed_slices`, `train_changes`, and
    `attribute_training`.
    """

    found: Attribution
    fair: Attribution | None
    kinds: pl.DataFrame
    slices: Slices
    changes: Mapping[str, int]
    training: TrainingParts | None = None


def step_summary(
    evaluation: Evaluation,
    *,
    before: str,
    after: str,
    metric: str = "accuracy",
    of_class: str | None = None,
    training: TrainingParts | None = None,
) -> tuple[Sentence, ...]:
    """The change of the data, the change of the metric, and its cause, in sentences.

    A cause is named where the interval of its part excludes zero; where the whole change is within
    noise, only where it does so at 99%. Intervals cover sampling noise; training noise is only in
    `training`, the result of `attribute_training` if known: where nothing in it is clear of noise,
    the model is no cause either.
    """
    step: dict[str, Any] = {"before": before, "after": after}
    asked = {**step, "metric": metric, "of_class": of_class}
    found = attribute_change(evaluation, **asked)
    fair = (
        attribute_change(evaluation, **asked, exclude_duplicates=True) if found.duplicates else None
    )
    kinds = iteration_kinds(evaluation, Selection(primary=after, secondary=before))
    slices, changes = changed_slices(evaluation, **step), train_changes(evaluation, **step)
    return sentences(evaluation, Grounds(found, fair, kinds, slices, changes, training))


def sentences(evaluation: Evaluation, grounds: Grounds) -> tuple[Sentence, ...]:
    """`step_summary` from earlier results."""
    found, training = grounds.found, grounds.training
    result = [_of_data(found, grounds.kinds), _of_metric(found)]
    if found.change is not None:
        result.append(_of_cause(grounds))
        if training is not None and training.reason is None:
            result.append(_of_training(training))
    return (*result, _of_group(grounds.slices, evaluation.dataset.project.kinds))


def _of_data(found: Attribution, kinds: pl.DataFrame) -> Sentence:
    step = f"From {found.before} to {found.after}"
    if kinds.is_empty():
        same = f"{step} no instance changed"
        if found.iteration is IterationOf.UNKNOWN:
            same += ", so any difference comes from the predictions: a model change"
        elif found.iteration in _CODE:
            same += f"; {_CODE[found.iteration]}"
        return Sentence(Topic.DATA, f"{same}.")
    sizes = kinds.with_columns(pl.col("instances").fill_null(0))
    first = sizes.sort("instances", descending=True, maintain_order=True).row(0, named=True)
    others = (
        sizes.filter(pl.col("kind") != first["kind"])
        .group_by("kind", maintain_order=True)
        .agg(pl.col("instances").sum())
    )
    text = f"{step}, {first['kind']}: {first['sentence'].removesuffix('.')}"
    if len(others):
        listed = [f"{kind} ({count:,})" if count else kind for kind, count in others.iter_rows()]
        text += f"; also {', '.join(listed)}"
    if found.iteration in _CODE:
        text += f"; {_CODE[found.iteration]}"
    return Sentence(Topic.DATA, f"{text}.", named=tuple(kinds["kind"].unique(maintain_order=True)))


def _of_metric(found: Attribution) -> Sentence:
    name = found.metric.replace("_", " ")
    if found.change is None:
        return Sentence(Topic.METRIC, f"The change of {name} is undefined: {found.reason}")
    change, low, high = found.change
    values, sizes = found.crossed["value"], found.crossed["instances"]
    steps = f"{name} {values[0]:.4f} → {values[3]:.4f}"
    interval = ""
    if low is not None and high is not None:
        interval = f", 95% CI {low:+.4f} to {high:+.4f}"
    steps += f" ({change:+.4f}{interval})"
    tested = f"{counted(sizes[0], 'test instance')} before and {sizes[3]:,} after"
    if found.within_noise:
        text = f"No detectable change: {steps} is consistent with chance ({tested})"
    else:
        verb = "rose" if change > 0 else "fell" if change < 0 else "is unchanged"
        text = f"{name.capitalize()} {verb}: {steps} on {tested}"
        text += ", more than sampling noise explains" if low is not None and change else ""
    if None not in (found.reported_before, found.reported_after) and _guard(found):
        text += f"; with leaked rows {found.reported_before:.4f} → {found.reported_after:.4f}"
    named = () if found.within_noise or not change else ("change",)
    return Sentence(Topic.METRIC, f"{text}.", named=named)


def _of_cause(grounds: Grounds) -> Sentence:
    found, training = grounds.found, grounds.training
    duplicates = _duplicates(found, grounds.fair)
    named = _causes(found)
    noisy = training is not None and training.repeats > 1 and training.clear.is_empty()
    model_is_noise = noisy and "model" in named
    if noisy:
        named = tuple(part for part in named if part != "model")
    values = dict(found.parts.select("part", "value").iter_rows())
    clauses = [duplicates] if duplicates else []
    if "leakage" in named:
        clauses.append(
            f"{counted(found.leaked, 'test instance')} in a train set changed the reported value "
            f"by {values['leakage']:+.4f}: {_LEAKAGE}"
        )
    causes = [part for part in named if part != "leakage"]
    if causes:
        listed = (_part_clause(found, part, values[part], grounds.changes) for part in causes)
        clauses.append(f"{_headline(found, causes, values)}: {'; '.join(listed)}")
    if model_is_noise:
        model = values["model"]
        clauses.append(f"the model contribution ({model:+.4f}) isn't clear of training noise")
    elif not named:
        clauses.append(_nothing_named(found, values))
    elif found.within_noise and causes:
        clauses.append("these contributions are clear of noise but cancel out in total")
    if found.is_ambiguous and (not found.within_noise or _clear(found, 1.0)):
        clauses.append(
            f"the attribution is ambiguous: model and test set interact ({found.interaction:+.4f}, "
            "more than half of the change)"
        )
    if "model" in named and found.iteration is IterationOf.DATA and training is None:
        clauses.append("training noise isn't included")
    clauses += _excluded(found, named, duplicates=duplicates is None)
    text = "; ".join(clauses)
    named = ("duplicates", *named) if duplicates else named
    return Sentence(Topic.CAUSE, f"{text[0].upper()}{text[1:]}.", named=named)


def _headline(found: Attribution, causes: list[str], values: Mapping[str, float]) -> str:
    """The direction of the model, the test set, or both."""
    clauses: list[str] = []
    test = sum(values[part] for part in causes if part != "model") * found.better
    if "model" in causes:
        clauses.append(
            f"the model got {'better' if values['model'] * found.better > 0 else 'worse'}"
        )
    if causes != ["model"]:
        clauses.append(f"the test set got {'easier' if test > 0 else 'harder'}")
    return " and ".join(clauses)


def _part_clause(found: Attribution, part: str, value: float, changes: Mapping[str, int]) -> str:
    """A part, its contribution, and its size in words."""
    shown = f"{value:+.4f}"
    if part != "model":
        size = found.parts.filter(part=part)["instances"][0]
        return f"{PART_WORDS[part]} {shown} ({counted(size, 'instance')})"
    if found.iteration is IterationOf.MODEL:
        return f"model contribution {shown}, by its code alone"
    if found.iteration in _CODE:
        return f"model contribution {shown}, by its data or by its code"
    listed = " and ".join(f"{count:,} {kind}" for kind, count in changes.items())
    if len(changes) == 1:
        return f"model contribution {shown} (only {listed} train instances changed)"
    return f"model contribution {shown} ({listed} train instances; only refits can separate them)"


def _nothing_named(found: Attribution, values: Mapping[str, float]) -> str:
    test = sum(value for part, value in values.items() if part not in ("leakage", "model"))
    if not any(abs(value) > _SMALL for part, value in values.items() if part != "leakage"):
        return "neither the model nor the test set changed the metric"
    known = found.change is not None and found.change[1] is not None
    why = "are consistent with chance" if known else "have no interval"
    if _clear(found, 1.0):
        why = (
            "aren't clear of noise at 99%, as causes must be where the whole change is consistent "
            "with chance"
        )
    model = values["model"]
    contributions = f"the model ({model:+.4f}) and test-set ({test:+.4f}) contributions"
    return f"no cause can be named: {contributions} {why}"


def _duplicates(found: Attribution, fair: Attribution | None) -> str | None:
    """A clause on duplicates of train rows, if little of the change is left without them."""
    if fair is None or fair.change is None or found.change is None or found.within_noise:
        return None
    if abs(fair.change[0]) > abs(found.change[0]) / 2:
        return None
    return (
        f"{_duplicate_count(found)}. Without them the change is {fair.change[0]:+.4f}: {_LEAKAGE}"
    )


def _duplicate_count(found: Attribution) -> str:
    verb = "duplicates" if found.duplicates == 1 else "duplicate"
    return f"{counted(found.duplicates, 'test instance')} {verb} a train row"


def _excluded(found: Attribution, named: tuple[str, ...], *, duplicates: bool) -> list[str]:
    counts = [
        (0 if "leakage" in named else found.leaked, "in a train set"),
        (found.unknown, "without label or prediction"),
    ]
    listed = [f"{counted(count, 'test instance')} {which}" for count, which in counts if count]
    clauses = [f"excluded: {' and '.join(listed)}"] if listed else []
    if found.duplicates and duplicates:
        clauses.append(_duplicate_count(found))
    return [*clauses, found.reason.removesuffix(".")] if found.reason else clauses


def _guard(found: Attribution) -> float:
    """The effect of leaked rows on the reported metric; 0 where none leaked."""
    guards = found.parts.filter(part="leakage")["value"]
    return float(guards[0]) if found.leaked and len(guards) else 0.0


def _clear(found: Attribution, widened: float) -> list[tuple[float, str]]:
    """The sizes and names of the parts whose interval, this much wider, excludes zero."""
    clear: list[tuple[float, str]] = []
    for part, value, low, high, _ in found.parts.iter_rows():
        if part == "leakage" or low is None or abs(value) < _SMALL:
            continue
        reach = (low - value) * widened, (high - value) * widened
        if not value + reach[0] <= 0 <= value + reach[1]:
            clear.append((abs(value), part))
    return clear


def _causes(found: Attribution) -> tuple[str, ...]:
    """The parts that are clear of noise, the largest first; a leak that outweighs the change."""
    causes = _clear(found, _STRICT if found.within_noise else 1.0)
    guard = abs(_guard(found))
    change = abs(found.change[0]) if found.change is not None else 0.0
    if guard > max(change, _SMALL) or guard > max((size for size, _ in causes), default=math.inf):
        causes.append((guard, "leakage"))
    return tuple(part for _, part in sorted(causes, key=lambda cause: -cause[0]))


def _of_training(training: TrainingParts) -> Sentence:
    clear = training.clear
    if clear.is_empty():
        listed = ", ".join(
            f"{part} {value:+.4f}" for part, value in training.parts[:, :2].iter_rows()
        )
        text = f"No change of the train data is clear of training noise: {listed}"
        text += "" if training.repeats > 1 else "; the noise was not measured"
    else:
        listed = ", ".join(
            f"{row['part']} {row['value']:+.4f} ± {row['half_width']:.4f} "
            f"({counted(row['instances'], 'instance')})"
            for row in clear.head(3).iter_rows(named=True)
        )
        text = f"In the train data, these changes are clear of training noise: {listed}"
        if len(clear) < len(training.parts):
            text += "; the others are not"
    text += "" if training.exact else " (by sampled orders)"
    return Sentence(Topic.TRAINING, f"{text}.", named=tuple(clear["part"]))


def _of_group(slices: Slices, kinds: Mapping[str, Kind]) -> Sentence:
    groups: list[Slice] = [*slices.worse[:1], *slices.better[:1]]
    if not groups:
        return Sentence(
            Topic.GROUP,
            f"No slice has a confirmed change of accuracy ({slices.tried[0]:,} slices of "
            f"{slices.instances:,} test instances of both versions were examined).",
        )
    most = max(groups, key=lambda group: abs(group.change))
    verb = "worse" if most.change < 0 else "better"
    text = (
        f"The slice that got {verb} most is {group_words(most.filters, kinds)}: accuracy "
        f"{most.accuracy_before:.1%} → {most.accuracy_after:.1%} on "
        f"{counted(most.instances, 'test instance')}; training noise isn't included"
    )
    return Sentence(Topic.GROUP, f"{text}.", most.filters, named=(verb,))


def group_words(filters: Filters, kinds: Mapping[str, Kind]) -> str:
    """A slice of `changed_slices` in words; `kinds` are those of the features."""
    return " and ".join(_filter_words(part.key, part.value, kinds) for part in filters.parts)


def _filter_words(name: str, value: object, kinds: Mapping[str, Kind]) -> str:
    if not isinstance(value, FeatureFilter):
        return f"no {name}" if value is None else f"{name} '{value}'"
    parts = [range_words(limits, kinds[value.feature]) for limits in value.ranges]
    parts += [f"'{category}'" for category in value.categories]
    return f"'{value.feature}' {' or '.join([*parts, *value.flags])}"


_ROUNDED = 1e-12


def step_verdict(found: Attribution, causes: Collection[str]) -> str:
    """The verdict on a step; `causes` are those that the sentences of `step_summary` name."""
    if found.change is None:
        counted = found.crossed["instances"].max()
        return "not_comparable" if counted else "too_little_data"
    if "duplicates" in causes:
        return "seen_in_training"
    values = dict(found.parts.select("part", "value").iter_rows())
    model = values.get("model") or 0.0
    test = sum(value or 0.0 for part, value in values.items() if part not in ("leakage", "model"))
    by_model = "model" in causes
    by_test = any(cause in values and cause not in ("leakage", "model") for cause in causes)
    if by_model and by_test:
        return "both"
    if by_model:
        return "model_better" if model * found.better > 0 else "model_worse"
    if by_test:
        return "test_easier" if test * found.better > 0 else "test_harder"
    return "no_change" if abs(model) + abs(test) < _ROUNDED else "no_detectable_change"
