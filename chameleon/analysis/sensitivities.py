"""How often outcomes changed over a range of versions, and for whom.

Method: Hohman et al., CHI 2020, "Sensitivity Histogram".
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import FILTERS, of_selection
from chameleon.counting import OUTCOMES, UNKNOWN
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import (
    Selection,
    SensitivityRange,
    instance_mask,
    rows_by_version,
    sensitivity_of,
    version_range,
)


@of_selection(*FILTERS, own=["sensitivity"], primary="last", secondary="first")
def sensitivity(
    evaluation: Evaluation,
    selection: Selection,
    *,
    first: str,
    last: str,
    held_only: bool = False,
    classes: bool = False,
) -> pl.DataFrame:
    """How many instances changed their outcome how often, from one version to another.

    Counted are the instances that at least one version of the range holds and whose outcome is
    known at least twice. Bars chosen in the histogram do not narrow it.

    Parameters
    ----------
    first, last
        The range of versions, both included.
    primary, secondary
        The versions that filters are read from; `last` and `first` where they are not given.
    held_only
        Count only versions that hold the instance, instead of asking about its nearest row.
    classes
        Count changes of the predicted class instead of the outcome.

    Returns
    -------
    pl.DataFrame
        changes, instances: from 0 to the most changes; then a row whose changes are null, for
        instances with fewer than two known outcomes.

    Raises
    ------
    SelectionError
        A version does not exist, or the range is upside down.
    """
    over = SensitivityRange(first, last, held_only, classes)
    found = sensitivity_of(evaluation, over)
    through = _through(evaluation, selection)
    counted = found.counted & through
    counts = np.bincount(found.changes[counted])
    if not len(counts):
        counts = np.zeros(1, dtype=np.int64)
    few = int((found.held & through & ~found.counted).sum())
    return pl.DataFrame(
        {"changes": [*range(len(counts)), None], "instances": [*counts.tolist(), few]},
        schema={"changes": pl.Int64, "instances": pl.Int64},
    )


@of_selection(*FILTERS, primary="last", secondary="first")
def most_sensitive(
    evaluation: Evaluation,
    selection: Selection,
    *,
    first: str,
    last: str,
    held_only: bool = False,
    classes: bool = False,
    most: int = 30,
) -> pl.DataFrame:
    """The instances that changed most often, with what every version's model says of them.

    Returns
    -------
    pl.DataFrame
        instance (id), changes, course, place, version, outcome ("correct", "incorrect",
        "unknown", "absent"), predicted, in_train: one row an instance and version, the most
        sensitive first, ties by id. `course` tells a lasting improvement or regression (one
        change that held to the end) from flicker, or "none". "absent" stands where `held_only`
        is set and the version lacks the instance.
    """
    dataset = evaluation.dataset
    found = sensitivity_of(evaluation, SensitivityRange(first, last, held_only, classes))
    through = _through(evaluation, selection)
    chosen = np.flatnonzero(found.counted & through & (found.changes > 0))
    ids = dataset.instance_ids.gather(chosen)
    order = pl.DataFrame({"changes": -found.changes[chosen], "id": ids}).select(
        pl.arg_sort_by("changes", "id")
    )[:, 0]
    top = chosen[order.to_numpy()[:most]]
    versions = version_range(dataset, first, last)
    frames: list[pl.DataFrame] = []
    outcomes: list[NDArray[np.uint8]] = []
    train = SPLITS.index(Split.TRAIN)
    for number, (rows, own) in zip(versions, rows_by_version(dataset, versions), strict=True):
        row, held = rows[top], own[top]
        outcome = evaluation.outcome[number, row]
        told = np.where(held, outcome, UNKNOWN) if held_only else outcome
        outcomes.append(told.astype(np.uint8))
        predicted = evaluation.predicted[number, row]
        frames.append(
            pl.DataFrame(
                {
                    "instance": dataset.instance_ids.gather(top),
                    "changes": found.changes[top],
                    "place": np.arange(len(top)),
                    "version": [dataset.versions[number].name] * len(top),
                    "outcome": [
                        "absent" if held_only and not h else OUTCOMES[o]
                        for h, o in zip(held, outcome, strict=True)
                    ],
                    "predicted": [None if p < 0 else evaluation.classes[p] for p in predicted],
                    "in_train": held & (dataset.split[row] == train),
                },
                schema={
                    "instance": pl.String,
                    "changes": pl.Int64,
                    "place": pl.Int64,
                    "version": pl.String,
                    "outcome": pl.String,
                    "predicted": pl.String,
                    "in_train": pl.Boolean,
                },
            )
        )
    courses = [course(column) for column in np.array(outcomes).T] if len(top) else []
    named = pl.DataFrame(
        {"place": np.arange(len(top)), "course": courses},
        schema={"place": pl.Int64, "course": pl.String},
    )
    return pl.concat(frames).join(named, on="place", how="left", maintain_order="left")


def course(outcomes: NDArray[np.uint8]) -> str:
    """What became of an instance: one lasting change, or several."""
    known = outcomes[outcomes != UNKNOWN]
    changes = int((known[1:] != known[:-1]).sum())
    if changes == 0:
        return "none"
    if changes > 1:
        return "flicker"
    return f"lasting {'improvement' if OUTCOMES[known[-1]] == 'correct' else 'regression'}"


def _through(evaluation: Evaluation, selection: Selection) -> NDArray[np.bool_]:
    """The instances that the filters let through."""
    for name in (selection.primary, selection.secondary):
        evaluation.dataset.version_number(name)
    if selection.filters.is_empty:
        return np.ones(evaluation.dataset.instance_count, dtype=np.bool_)
    return instance_mask(evaluation, selection)
