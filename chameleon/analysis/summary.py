"""A step in three to five plain sentences, made by rules from what the library found of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from chameleon.analysis.attribution import Attribution, IterationOf, attribute_change
from chameleon.analysis.evidence import counted
from chameleon.analysis.kinds import iteration_kinds
from chameleon.analysis.slices import Slice, Slices, changed_slices
from chameleon.analysis.training import TrainingParts, train_changes
from chameleon.models import Evaluation
from chameleon.selection import FeatureFilter, Filters, Range, Selection

PART_WORDS = {
    "guard": "leaked or unknown rows, taken out",
    "model": "the model: its train data",
    "test": "the test set",
    "removed": "test rows removed",
    "added": "test rows added",
    "relabelled": "test labels changed",
    "edited": "test features changed",
}
"""What the parts of an attribution are called."""

MODEL_WORDS = {
    IterationOf.DATA: PART_WORDS["model"],
    IterationOf.NOTHING: PART_WORDS["model"],
    IterationOf.MODEL: "the model: its code",
    IterationOf.ENTANGLED: "the model: its code and train data",
    IterationOf.UNTOLD: "the model: its data or its code",
}
"""What the part of the model is called, by what the step changed for it."""

_STRICT = 2.576 / 1.960
"""An interval at 95 %, so much wider, is one at 99 %: five parts then err in 5 % together."""


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

    Attributes
    ----------
    topic
        What it is about.
    text
        The sentence, with names as they stand in the data.
    filters
        What lets the instances through that it tells of; None where it tells of no group.
    named
        The causes that it names, as the parts are called in `Attribution` or `TrainingParts`, and
        "twins" where test rows that equal train rows make the change; none where it says that
        nothing stands out.
    """

    topic: Topic
    text: str
    filters: Filters | None = None
    named: tuple[str, ...] = ()


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

    A cause is named where the interval of its part leaves out zero; where the whole change is
    within noise, only where it does so at 99 %. Intervals are over test instances: how another
    training would turn out is only in `training`, and where that is given and nothing in it stands
    out, the model is no cause either.

    Parameters
    ----------
    metric, of_class
        As for `attribute_change`.
    training
        What `attribute_training` told of the step, where it was asked.

    Returns
    -------
    tuple of Sentence
        On the data, the metric, its cause, the train data where they were taken apart, and the
        group in which accuracy changed most.
    """
    step: dict[str, Any] = {"before": before, "after": after}
    asked = {**step, "metric": metric, "of_class": of_class}
    found = attribute_change(evaluation, **asked)
    fair = attribute_change(evaluation, **asked, without_twins=True) if found.twins else None
    return sentences(
        evaluation,
        Grounds(
            found,
            fair,
            iteration_kinds(evaluation, Selection(primary=after, secondary=before)),
            changed_slices(evaluation, **step),
            train_changes(evaluation, **step),
            training,
        ),
    )


@dataclass(frozen=True, slots=True)
class Grounds:
    """The results that the sentences on a step are made from.

    Attributes
    ----------
    found, fair
        The attribution as it was asked for, and without twins of train rows, where there are any.
    kinds, slices, changes, training
        As `iteration_kinds`, `changed_slices`, `train_changes` and `attribute_training` tell them.
    """

    found: Attribution
    fair: Attribution | None
    kinds: pl.DataFrame
    slices: Slices
    changes: Mapping[str, int]
    training: TrainingParts | None = None


def sentences(evaluation: Evaluation, grounds: Grounds) -> tuple[Sentence, ...]:
    """`step_summary` from what was found before."""
    found, training = grounds.found, grounds.training
    told = [_of_data(found, grounds.kinds), _of_metric(found)]
    if found.change is not None:
        told.append(_of_cause(grounds))
        if training is not None and training.note is None:
            told.append(_of_training(training))
    return (*told, _of_group(grounds.slices))


_CODE = {
    IterationOf.MODEL: "the model code changed and the train data did not: a model iteration",
    IterationOf.ENTANGLED: "the model code changed as well: an entangled iteration",
    IterationOf.UNTOLD: "the predictions were made elsewhere, so that the model may have changed "
    "too: an entangled iteration",
}
"""What is said of the step beside what happened to the data."""


def group_words(filters: Filters) -> str:
    """A group of `changed_slices` in words."""
    return " and ".join(_filter_words(part.key, part.value) for part in filters.parts)


def _of_data(found: Attribution, kinds: pl.DataFrame) -> Sentence:
    step = f"From {found.before} to {found.after}"
    if kinds.is_empty():
        same = f"{step} no instance changed"
        if found.iteration is IterationOf.UNTOLD:
            same += ": whatever differs comes from the predictions, a model iteration"
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
    told = f"{step}, {first['kind']}: {first['sentence'].removesuffix('.')}"
    if len(others):
        listed = [f"{kind} ({count:,})" if count else kind for kind, count in others.iter_rows()]
        told += f"; also {', '.join(listed)}"
    if found.iteration in _CODE:
        told += f"; {_CODE[found.iteration]}"
    return Sentence(Topic.DATA, f"{told}.", named=tuple(kinds["kind"].unique(maintain_order=True)))


def _of_metric(found: Attribution) -> Sentence:
    name = found.metric.replace("_", " ").capitalize()
    if found.change is None:
        return Sentence(Topic.METRIC, f"{name} has no change to explain: {found.note}")
    change, low, high = found.change
    values, sizes = found.corners["value"], found.corners["instances"]
    told = (
        f"{name} on test rows went from {values[0]:.4f} ({counted(sizes[0], 'instance')}) to "
        f"{values[3]:.4f} ({sizes[3]:,}): {change:+.4f}"
    )
    if low is not None and high is not None:
        told += f", 95 % interval {low:+.4f} to {high:+.4f}"
    reported = (found.reported_before, found.reported_after)
    if None not in reported and _guard(found):
        told += f" (as reported {reported[0]:.4f} to {reported[1]:.4f}, leaked rows included)"
    if found.within_noise:
        told += "; this is within the noise of these test rows and may be chance"
    elif low is not None and change:
        told += "; this is more than the noise of these test rows"
    named = () if found.within_noise or not change else ("change",)
    return Sentence(Topic.METRIC, f"{told}.", named=named)


def _of_cause(grounds: Grounds) -> Sentence:
    found = grounds.found
    twins = _twins(found, grounds.fair)
    named = _causes(found)
    training = grounds.training
    quiet = training is not None and training.repeats > 1 and training.clear.is_empty()
    beside_noise = quiet and "model" in named
    if quiet:
        named = tuple(part for part in named if part != "model")
    values = dict(found.parts.select("part", "value").iter_rows())
    told = [twins] if twins else []
    if "guard" in named:
        told.append(
            f"{counted(found.leaked, 'test instance')} that stand in a train set moved the "
            f"reported figure by {values['guard']:+.4f}: a leak, no gain"
        )
    for place, part in enumerate(p for p in named if p != "guard"):
        words = _part_words(found, part, grounds.changes)
        told.append(f"{'' if place else 'main cause: '}{words.format(f'{values[part]:+.4f}')}")
    if beside_noise:
        told.append(
            f"the model ({values['model']:+.4f}) does not stand out from the noise of refits"
        )
    elif not named:
        told.append(_nothing_named(found, values))
    elif found.within_noise and named != ("guard",):
        told.append("the parts stand out though they cancel in the whole")
    if found.ambiguous and not found.within_noise:
        told.append(
            "the split is ambiguous, as model and test set act together (interaction "
            f"{found.interaction:+.4f}, more than half of the change)"
        )
    if "model" in named and found.iteration is IterationOf.DATA and training is None:
        told.append("how another training would turn out is not in this")
    told += _left_out(found, named, twins=twins is None)
    text = "; ".join(told)
    if twins:
        named = ("twins", *named)
    return Sentence(Topic.CAUSE, f"{text[0].upper()}{text[1:]}.", named=named)


def _part_words(found: Attribution, part: str, changes: Mapping[str, int]) -> str:
    """The part in words, with a place for its value; braces occur nowhere else in it."""
    if part != "model":
        size = found.parts.filter(part=part)["instances"][0]
        return f"{PART_WORDS[part]} {{}} ({counted(size, 'instance')})"
    if found.iteration is IterationOf.MODEL:
        return "the model {}: its code, for its train data stayed as they were"
    if found.iteration in _CODE:
        return "the model {}, whether by its data or by its code"
    listed = " and ".join(f"{count:,} {kind}" for kind, count in changes.items())
    if len(changes) == 1:
        return f"{PART_WORDS[part]} {{}} (nothing but {listed} train instances changed there)"
    return f"{PART_WORDS[part]} {{}} (of {listed}, which only refits can tell apart)"


def _nothing_named(found: Attribution, values: dict[str, float]) -> str:
    test = sum(value for part, value in values.items() if part not in ("guard", "model"))
    if not any(abs(value) > 1e-12 for part, value in values.items() if part != "guard"):
        return "neither the model nor the test set changed the metric"
    known = found.change is not None and found.change[1] is not None
    why = "within noise" if known else "without an interval"
    return (
        f"no cause can be named: the model ({values['model']:+.4f}) and the test set ({test:+.4f}) "
        f"are {why}"
    )


def _twins(found: Attribution, fair: Attribution | None) -> str | None:
    """A clause on duplicates of train rows, if little of the change is left without them."""
    if fair is None or fair.change is None or found.change is None or found.within_noise:
        return None
    if abs(fair.change[0]) > abs(found.change[0]) / 2:
        return None
    return (
        f"{counted(found.twins, 'test instance')} equal a train row in all features, and without "
        f"them the change is {fair.change[0]:+.4f}: a leak, no gain"
    )


def _left_out(found: Attribution, named: tuple[str, ...], *, twins: bool) -> list[str]:
    counts = [
        (0 if "guard" in named else found.leaked, "that stand in a train set"),
        (found.unknown, "without label or prediction"),
    ]
    taken = [f"{counted(count, 'test instance')} {what}" for count, what in counts if count]
    told = [f"left out: {' and '.join(taken)}"] if taken else []
    if found.twins and twins:
        told.append(f"{counted(found.twins, 'test instance')} equal a train row in all features")
    return [*told, found.note.removesuffix(".")] if found.note else told


def _guard(found: Attribution) -> float:
    """How far leaked rows moved the reported metric; 0 where none leaked."""
    guards = found.parts.filter(part="guard")["value"]
    return float(guards[0]) if found.leaked and len(guards) else 0.0


def _causes(found: Attribution) -> tuple[str, ...]:
    """The parts that stand out from noise, the largest first; a leak that outweighs the change."""
    widened = _STRICT if found.within_noise else 1.0
    causes: list[tuple[float, str]] = []
    for part, value, low, high, _ in found.parts.iter_rows():
        if part == "guard" or low is None or abs(value) < 1e-12:
            continue
        reach = (low - value) * widened, (high - value) * widened
        if not value + reach[0] <= 0 <= value + reach[1]:
            causes.append((abs(value), part))
    guard = abs(_guard(found))
    change = abs(found.change[0]) if found.change is not None else 0.0
    if guard > max(change, 1e-12) or guard > max((size for size, _ in causes), default=math.inf):
        causes.append((guard, "guard"))
    return tuple(part for _, part in sorted(causes, key=lambda cause: -cause[0]))


def _of_training(training: TrainingParts) -> Sentence:
    clear = training.clear
    if clear.is_empty():
        why = "within it" if training.repeats > 1 else "which was not measured"
        listed = ", ".join(f"{p} {v:+.4f}" for p, v in training.parts[:, :2].iter_rows())
        told = f"Of the train data no change stands out from the noise of refits: {listed}, {why}"
    else:
        listed = ", ".join(
            f"{row['part']} {row['value']:+.4f} ± {row['reach']:.4f} "
            f"({counted(row['instances'], 'instance')})"
            for row in clear.head(3).iter_rows(named=True)
        )
        told = f"In the train data it was {listed}"
        if len(clear) < len(training.parts):
            told += "; the other changes are not to be told from the noise of refits"
    if not training.exact:
        told += " (by sampled orders)"
    return Sentence(Topic.TRAINING, f"{told}.", named=tuple(clear["part"]))


def _of_group(slices: Slices) -> Sentence:
    groups: list[Slice] = [*slices.worse[:1], *slices.better[:1]]
    if not groups:
        return Sentence(
            Topic.GROUP,
            f"No group of instances is confirmed to have changed in accuracy ({slices.tried[0]:,} "
            f"groups were looked at in {slices.instances:,} test instances of both versions).",
        )
    most = max(groups, key=lambda group: abs(group.change))
    verb = "worse" if most.change < 0 else "better"
    told = (
        f"The group that became {verb} most: {group_words(most.filters)}, accuracy "
        f"{most.before:.3f} to {most.after:.3f} in {counted(most.instances, 'test instance')}; "
        "confirmed for these two models, not for what another training would give"
    )
    return Sentence(Topic.GROUP, f"{told}.", most.filters, named=(verb,))


def _filter_words(name: str, value: object) -> str:
    if not isinstance(value, FeatureFilter):
        return f"no {name}" if value is None else f"{name} '{value}'"
    parts = [_range_words(limits) for limits in value.ranges]
    parts += [f"'{category}'" for category in value.categories]
    flags = {"other": value.other, "missing": value.missing, "non-finite": value.non_finite}
    parts += [name for name, wanted in flags.items() if wanted]
    return f"'{value.feature}' {' or '.join(parts)}"


def _range_words(limits: Range) -> str:
    if math.isinf(limits.low) and math.isinf(limits.high):
        return "any number"
    if math.isinf(limits.low):
        return f"{'at most' if limits.closed else 'below'} {limits.high:g}"
    if math.isinf(limits.high):
        return f"{'above' if limits.open else 'at least'} {limits.low:g}"
    return f"{limits.low:g}" if limits.low == limits.high else f"{limits.low:g} to {limits.high:g}"
