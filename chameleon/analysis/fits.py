"""The analyses that fit models, by name, with options that can be written as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chameleon.analysis.domain_classifier import ToldApart, can_be_told_apart
from chameleon.analysis.label_issues import LabelSuspicion, label_suspicion
from chameleon.analysis.refit_without import WithoutInstances, without
from chameleon.analysis.training import TrainingParts, attribute_training
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Selection
from chameleon.storage import ProgressCallback

Fit = LabelSuspicion | ToldApart | TrainingParts | WithoutInstances


def _domain_classifier(
    evaluation: Evaluation, *, selection: str, split: str | None, progress: ProgressCallback
) -> ToldApart:
    return can_be_told_apart(
        evaluation,
        Selection.from_query_string(selection, Selection("", "")),
        split=None if split is None else Split(split),
        progress=progress,
    )


FITS: dict[str, Callable[..., Fit]] = {
    "label issues": label_suspicion,
    "domain classifier": _domain_classifier,
    "training": attribute_training,
    "without": without,
}


def run_fit(
    name: str, evaluation: Evaluation, options: Mapping[str, Any], progress: ProgressCallback
) -> Fit:
    """The result of the analysis of that name.

    Parameters
    ----------
    options
        Its keyword arguments as JSON has them.
    progress
        Called before every fit; what it raises ends the work.
    """
    return FITS[name](evaluation, **options, progress=progress)
