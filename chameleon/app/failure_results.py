"""What the library says of failures, each result kept by what it was asked for.

As in `cached`, keys are digests and query strings, never frames. What was chosen in a view does not
narrow it, so that it is no part of its key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from chameleon.analysis import LabelSuspicion, confusion, errors_by, failure_sets, ranked_mistakes
from chameleon.app import jobs
from chameleon.app.result_cache import kept
from chameleon.app.work_queue import Question
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Selection, SensitivityRange


def _asked(selection: Selection) -> dict[str, Any]:
    return {
        "primary": selection.primary,
        "secondary": selection.secondary,
        "filters": selection.filters,
    }


def _sides(selection: Selection) -> dict[str, Any]:
    only = {"primary_only": selection.primary_only, "secondary_only": selection.secondary_only}
    return _asked(selection) | only


@kept(max_entries=32)
def _confusion(
    key: str, query: str, split: Split | None, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return confusion(_evaluation, **_sides(_s), split=split)


@kept(max_entries=64)
def _errors(
    key: str, query: str, by: str, split: Split | None, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return errors_by(_evaluation, by, **_sides(_s), split=split)


@kept(max_entries=32)
def _sets(
    key: str, query: str, over: SensitivityRange, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return failure_sets(_evaluation, **_asked(_s), over=over)


@kept(max_entries=32)
def _mistakes(
    key: str, query: str, by: str, over: SensitivityRange, split: Split | None, most: int,
    judged: bool, _evaluation: Evaluation, _s: Selection, _suspicion: LabelSuspicion | None,
) -> pl.DataFrame:  # fmt: skip
    return ranked_mistakes(
        _evaluation,
        **_asked(_s),
        primary_only=_s.primary_only,
        by=by,
        over=over,
        split=split,
        most=most,
        suspicion=_suspicion,
    )


def matrices(evaluation: Evaluation, selection: Selection, split: Split | None) -> pl.DataFrame:
    """`confusion` under the selection, not narrowed by the choice of cells."""
    asked = replace(selection, filters=replace(selection.filters, confusions=()))
    return _confusion(evaluation.key, asked.to_query_string(), split, evaluation, asked)


def errors(
    evaluation: Evaluation, selection: Selection, by: str, split: Split | None
) -> pl.DataFrame:
    """`errors_by` under the selection, not narrowed by the choice of a group itself."""
    own: dict[str, Any] = {f"{by}s": ()}
    asked = replace(selection, filters=replace(selection.filters, **own))
    return _errors(evaluation.key, asked.to_query_string(), by, split, evaluation, asked)


def sets(evaluation: Evaluation, selection: Selection, over: SensitivityRange) -> pl.DataFrame:
    """`failure_sets` under the selection."""
    return _sets(evaluation.key, selection.to_query_string(), over, evaluation, selection)


def mistakes(
    evaluation: Evaluation,
    selection: Selection,
    by: str,
    over: SensitivityRange,
    split: Split | None,
    *,
    most: int,
) -> pl.DataFrame:
    """`ranked_mistakes` under the selection; with suspicion once it was asked for."""
    found = jobs.answer(judging(evaluation, selection.primary))
    return _mistakes(
        evaluation.key, selection.to_query_string(), by, over, split, most, found is not None,
        evaluation, selection, found,
    )  # fmt: skip


def judging(evaluation: Evaluation, version: str) -> Question[LabelSuspicion]:
    """`label_suspicion` of a version, to be asked for."""
    return jobs.fit_question("label issues", evaluation, version=version)
