"""Sets of failures that are worth a click, each a filter for every view."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from chameleon.analysis.arguments import FILTERS, of_selection
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import (
    AlwaysFails,
    Filters,
    OutcomeChange,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    instance_mask,
    version_range,
)

FAILURE_SETS = ("fails in every version", "newly failing", "fixed", "flickering")
"""In every version of the range: no known outcome is correct, and one at least is known. Newly
failing: correct in the secondary version, incorrect in the primary. Fixed: the reverse.
Flickering: the outcome changed twice at least over the range."""


def failure_filters(
    evaluation: Evaluation, name: str, filters: Filters, over: SensitivityRange
) -> Filters | None:
    """The filters with that set in place of any other; None where there can be no such instance.

    Parameters
    ----------
    name
        One of FAILURE_SETS.
    over
        The versions that count for the first and the last of them.

    Raises
    ------
    SelectionError
        There is no such set, or a version does not exist.
    """
    if name not in FAILURE_SETS:
        raise SelectionError(f"There is no set '{name}'. There are: {', '.join(FAILURE_SETS)}.")
    steps = len(version_range(evaluation.dataset, over.first, over.last)) - 1
    free = replace(filters, outcome_changes=(), sensitivity=None, always_fails=None)
    match name:
        case "fails in every version":
            fails = AlwaysFails(over.first, over.last, over.held_only)
            return replace(free, always_fails=fails)
        case "newly failing":
            return replace(free, outcome_changes=(OutcomeChange("correct", "incorrect"),))
        case "fixed":
            return replace(free, outcome_changes=(OutcomeChange("incorrect", "correct"),))
    if steps < 2:
        return None  # two changes need three versions
    twice = SensitivityChoice(over._replace(classes=False), tuple(range(2, steps + 1)))
    return replace(free, sensitivity=twice)


@of_selection(*FILTERS, own=["outcome_changes", "sensitivity", "always_fails"])
def failure_sets(
    evaluation: Evaluation, selection: Selection, *, over: SensitivityRange | None = None
) -> pl.DataFrame:
    """How many instances are in each set of failures, under the filters.

    What was chosen among the sets, in the change matrix or in the sensitivity histogram does not
    narrow them.

    Parameters
    ----------
    over
        The versions that count for the first and the last set; all where it is not given.

    Returns
    -------
    pl.DataFrame
        set (see FAILURE_SETS), instances (of either version).

    Raises
    ------
    SelectionError
        A version or value does not exist.
    """
    names = [version.name for version in evaluation.dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    counts: list[int] = []
    for name in FAILURE_SETS:
        chosen = failure_filters(evaluation, name, selection.filters, over)
        if chosen is None:
            counts.append(0)
        else:
            of_set = replace(selection, filters=chosen)
            counts.append(int(instance_mask(evaluation, of_set).sum()))
    return pl.DataFrame(
        {"set": FAILURE_SETS, "instances": counts},
        schema={"set": pl.String, "instances": pl.Int64},
    )
