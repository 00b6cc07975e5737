"""What the library says of a step, each result kept by what it was asked for.

As in `cached`, keys are digests and query strings, never frames. What was chosen among the counts
of a step does not narrow them, so that it is no part of the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from chameleon.analysis import (
    Against,
    InstanceList,
    Iteration,
    ToldApart,
    TrainingParts,
    added_against_kept,
    changed_instances,
    data_changes,
    data_changes_by,
    drift_over_versions,
    edited_values,
    feature_drift,
    iteration,
    iteration_kinds,
    removed_against_kept,
    seconds_per_row,
    train_changes,
    training_fits,
    training_seconds,
    value_transitions,
    without_own_choice,
)
from chameleon.app import jobs
from chameleon.app.result_cache import kept
from chameleon.app.work_queue import Question
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import DataChange, Selection


def unchosen(selection: Selection) -> Selection:
    """The selection as the views of the step see it: not narrowed by their own choice."""
    return replace(selection, filters=without_own_choice(selection.filters))


def _asked(selection: Selection) -> dict[str, Any]:
    return {
        "primary": selection.primary,
        "secondary": selection.secondary,
        "filters": selection.filters,
    }


@kept(max_entries=32)
def _step(key: str, before: str, after: str, _evaluation: Evaluation) -> Iteration:
    return iteration(_evaluation.dataset, before=before, after=after)


@kept(max_entries=32)
def _counts(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return data_changes(_evaluation, **_asked(_s))


@kept(max_entries=64)
def _groups(key: str, query: str, by: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return data_changes_by(_evaluation, by, **_asked(_s))


@kept(max_entries=32)
def _edits(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return edited_values(_evaluation, **_asked(_s))


@kept(max_entries=32)
def _transitions(
    key: str, query: str, feature: str, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return value_transitions(_evaluation, feature, **_asked(_s))


@kept(max_entries=32)
def _instances(
    key: str, query: str, change: DataChange, _evaluation: Evaluation, _s: Selection
) -> InstanceList:
    return changed_instances(_evaluation, change, **_asked(_s))


@kept(max_entries=32, show_spinner="Telling the kinds of iteration…")
def _kinds(key: str, primary: str, secondary: str, _evaluation: Evaluation) -> pl.DataFrame:
    return iteration_kinds(_evaluation, primary=primary, secondary=secondary)


@kept(max_entries=32)
def _train(key: str, before: str, after: str, _evaluation: Evaluation) -> Mapping[str, int]:
    return train_changes(_evaluation, before=before, after=after)


@kept(max_entries=8)
def _row_seconds(key: str, _evaluation: Evaluation) -> float | None:
    return seconds_per_row(_evaluation, _evaluation.dataset.versions[-1].name)


@kept(max_entries=32)
def _cost(
    key: str, before: str, after: str, by: str, _evaluation: Evaluation
) -> tuple[int, float | None]:
    fits = training_fits(_evaluation, before=before, after=after, by=by)

    def row_seconds() -> float | None:
        return _row_seconds(key, _evaluation)

    seconds = training_seconds(
        _evaluation, before=before, after=after, fits=fits, row_seconds=row_seconds
    )
    return fits, seconds


@kept(max_entries=32, show_spinner="Measuring drift…")
def _drift(
    key: str, query: str, split: Split | None, exact: bool, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return feature_drift(_evaluation, **_asked(_s), split=split, exact=exact)


@kept(max_entries=32, show_spinner="Testing added against kept…")
def _added(
    key: str, query: str, split: Split | None, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return added_against_kept(_evaluation, **_asked(_s), split=split)


@kept(max_entries=32, show_spinner="Testing removed against kept…")
def _removed(
    key: str, query: str, split: Split | None, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return removed_against_kept(_evaluation, **_asked(_s), split=split)


@kept(max_entries=16, show_spinner="Measuring drift over all versions…")
def _over(key: str, against: Against, split: Split | None, _evaluation: Evaluation) -> pl.DataFrame:
    return drift_over_versions(_evaluation, against=against, split=split)


def step(evaluation: Evaluation, selection: Selection) -> Iteration:
    """`iteration` of the two versions."""
    pair = selection.secondary, selection.primary
    return _step(evaluation.dataset.key, *pair, evaluation)


def counts(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`data_changes` under the selection."""
    asked = unchosen(selection)
    return _counts(evaluation.key, asked.to_query_string(), evaluation, asked)


def groups(evaluation: Evaluation, selection: Selection, by: str) -> pl.DataFrame:
    """`data_changes_by` under the selection, not narrowed by the choice of a group itself."""
    asked = unchosen(selection)
    others: dict[str, Any] = {f"{by}s": ()}
    asked = replace(asked, filters=replace(asked.filters, **others))
    return _groups(evaluation.key, asked.to_query_string(), by, evaluation, asked)


def edits(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`edited_values` under the selection."""
    asked = unchosen(selection)
    return _edits(evaluation.key, asked.to_query_string(), evaluation, asked)


def transitions(evaluation: Evaluation, selection: Selection, feature: str) -> pl.DataFrame:
    """`value_transitions` of one feature under the selection."""
    asked = unchosen(selection)
    return _transitions(evaluation.key, asked.to_query_string(), feature, evaluation, asked)


def instances(evaluation: Evaluation, selection: Selection, change: DataChange) -> InstanceList:
    """`changed_instances` under the selection."""
    asked = unchosen(selection)
    return _instances(evaluation.key, asked.to_query_string(), change, evaluation, asked)


def kinds(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`iteration_kinds` of the two versions."""
    return _kinds(evaluation.key, selection.primary, selection.secondary, evaluation)


def train(evaluation: Evaluation, before: str, after: str) -> Mapping[str, int]:
    """`train_changes` between two versions."""
    return _train(evaluation.key, before, after, evaluation)


def training_cost(
    evaluation: Evaluation, before: str, after: str, by: str
) -> tuple[int, float | None]:
    """`training_fits` and `training_seconds` between two versions."""
    return _cost(evaluation.key, before, after, by, evaluation)


def drift(
    evaluation: Evaluation, selection: Selection, split: Split | None, *, exact: bool
) -> pl.DataFrame:
    """`feature_drift` under the selection."""
    asked = unchosen(selection)
    return _drift(evaluation.key, asked.to_query_string(), split, exact, evaluation, asked)


def added(evaluation: Evaluation, selection: Selection, split: Split | None) -> pl.DataFrame:
    """`added_against_kept` under the selection."""
    asked = unchosen(selection)
    return _added(evaluation.key, asked.to_query_string(), split, evaluation, asked)


def removed(evaluation: Evaluation, selection: Selection, split: Split | None) -> pl.DataFrame:
    """`removed_against_kept` under the selection."""
    asked = unchosen(selection)
    return _removed(evaluation.key, asked.to_query_string(), split, evaluation, asked)


def over_versions(evaluation: Evaluation, against: Against, split: Split | None) -> pl.DataFrame:
    """`drift_over_versions` of the evaluation."""
    return _over(evaluation.dataset.key, against, split, evaluation)


def telling_apart(
    evaluation: Evaluation, selection: Selection, split: Split | None
) -> Question[ToldApart]:
    """`can_be_told_apart` under the selection, to be asked for."""
    return jobs.fit_question(
        "domain classifier", evaluation,
        selection=unchosen(selection).to_query_string(), split=split,
    )  # fmt: skip


def training(
    evaluation: Evaluation,
    before: str,
    after: str,
    *,
    metric: str,
    of_class: str | None,
    by: str,
) -> Question[TrainingParts]:
    """`attribute_training` between two versions, to be asked for."""
    return jobs.fit_question(
        "training", evaluation, before=before, after=after, metric=metric, of_class=of_class, by=by
    )
