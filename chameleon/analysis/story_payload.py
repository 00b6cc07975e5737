"""The Story's payload: what a browser needs to show any step of a timeline without asking.

A head (JSON) with the versions, their metrics, and the facts of consecutive steps, and a block of
bytes with the rows (`chameleon.data.packing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.data_changes import iteration
from chameleon.analysis.drift import DRAWS, LEVEL, step_distances
from chameleon.analysis.embedding import FittedGrid, default_cells
from chameleon.analysis.facts import facts_by_scope
from chameleon.analysis.metrics import version_metrics
from chameleon.analysis.scope_rows import ALL, SCOPES, scopes_of
from chameleon.analysis.values import SPLIT_NAMES, Counts, Floats
from chameleon.counting import CORRECT, UNKNOWN
from chameleon.data import (
    MOST_ROWS,
    BinKind,
    EvolvingDataset,
    Judged,
    PackedRows,
    packed_rows,
    viewer_of,
)
from chameleon.models import Evaluation, cached_array
from chameleon.project import Split, ViewerKind
from chameleon.selection import SensitivityRange, sensitivity_of
from chameleon.storage import digest

FORMAT = 1

MOST_LEVELS = 10_000
"""Pairs of a step and a feature beyond which a level is drawn for the step shown alone.

A level of one split takes 4 ms: more than a minute of one core at 10,000."""

_SPLITS = (Split.TRAIN, Split.TEST)


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """The payload of a timeline.

    `head` can be written as JSON; `grid` has the cells of the map, None without a layout. If it
    `is_complete`, facts, drift, and chance levels of every step are in it.
    """

    head: Mapping[str, Any]
    packed: PackedRows
    grid: FittedGrid | None
    is_complete: bool


def story(evaluation: Evaluation, *, levels: Floats | None = None, most: int = MOST_ROWS) -> Story:
    """The payload of a timeline; nothing in it depends on the versions shown or on filters.

    `levels` are those of `step_levels`; without them, the array drift is left out. Of more than
    `most` rows, a sample is packed. Facts and drift, which are always those of all rows, then take
    too long for all steps, and are those of `pair_facts` alone.

    `head` has, besides what `PackedRows` describes: format, key (a digest of all of it), project,
    model, versions (name, date, note, and instances by split), steps (per version: added, removed,
    relabeled, labeled, edited, moved, and model where its code changed; None for the first),
    metrics (per scope and version: known outcomes, accuracy, low, high), scopes (those with rows),
    facts (per scope and version: those of the step into it, see `StepFacts`), classes, grid
    (columns, lines), layout, viewer, and image (shape and features, where the codes are gray
    pixels). The array drift has shape (n_versions, n_features, 4): train distance, test distance,
    and their chance levels, of the step into the version.
    """
    dataset, layout = evaluation.dataset, evaluation.layout
    grid = None
    if layout is not None:
        grid = FittedGrid.of_layout(layout, default_cells(dataset))
    whole = dataset.row_count <= most
    also = {"drift": _drift(dataset, levels)} if whole and levels is not None else {}
    packed = packed_rows(dataset, _judged(evaluation, grid), also=also, most=most)
    head = {
        "format": FORMAT,
        "project": dataset.project.name,
        "model": evaluation.model,
        "versions": _versions(dataset),
        "steps": _steps(evaluation),
        "metrics": _metrics(evaluation),
        "scopes": scopes_of(dataset),
        "facts": _facts(evaluation, known=whole),
        "classes": list(evaluation.classes),
        "grid": [0, 0] if grid is None else [grid.columns, grid.lines],
        "layout": None if layout is None else layout.method,
        "viewer": str(viewer_of(dataset).kind),
        "image": _image(dataset),
        **packed.head,
    }
    key = digest(head, packed.blob)
    return Story({"key": key, **head}, packed, grid, is_complete=bool(also))


def pair_facts(evaluation: Evaluation, *, before: str, after: str) -> dict[str, Any]:
    """The facts and the drift of a step that isn't in the head.

    primary, secondary, facts (per scope), and drift (per feature, as in the head; None for NaN).
    """
    dataset = evaluation.dataset
    names = {"before": before, "after": after}
    drift = _step_drift(dataset, before, after, chance=True)
    return {
        "primary": after,
        "secondary": before,
        "facts": {scope: asdict(facts)
                  for scope, facts in facts_by_scope(evaluation, **names).items()},
        "drift": [[None if np.isnan(one) else float(one) for one in of] for of in drift],
    }  # fmt: skip


def step_levels(dataset: EvolvingDataset) -> Floats:
    """The chance levels of drift of the step into each version; cached on disk.

    Of shape (n_versions, n_features, 2): train, then test; NaN where undefined.
    """

    def find() -> Floats:
        found = np.full((len(dataset.versions), len(dataset.features), 2), np.nan)
        names = [version.name for version in dataset.versions]
        for number, (before, after) in enumerate(pairwise(names), start=1):
            found[number] = _step_drift(dataset, before, after, chance=True)[:, 2:]
        return found

    if dataset.project.cached_only:
        return find()
    asked = (dataset.key, [version.name for version in dataset.versions], DRAWS, LEVEL)
    return cached_array(dataset.project, "levels", "chance levels of drift", asked, find)


def _versions(dataset: EvolvingDataset) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, version in enumerate(dataset.versions):
        splits = dataset.split[dataset.rows_of(number)]
        instances = np.bincount(splits, minlength=len(SPLIT_NAMES)).tolist()
        found.append(
            {
                "name": version.name,
                "date": None if version.date is None else version.date.isoformat(),
                "note": version.note,
                "instances": dict(zip(SPLIT_NAMES, instances, strict=True)),
            }
        )
    return found


def _judged(evaluation: Evaluation, grid: FittedGrid | None) -> Judged:
    dataset = evaluation.dataset
    names = [version.name for version in dataset.versions]
    sensitivity = sensitivity_of(evaluation, SensitivityRange(names[0], names[-1]))
    cell: Counts = np.zeros(dataset.row_count, np.int64) if grid is None else grid.numbers
    return Judged(
        classes=evaluation.classes,
        predicted=evaluation.predicted,
        outcome=evaluation.outcome,
        cell=cell,
        changes=np.where(sensitivity.counted, sensitivity.changes, -1),
    )


def _metrics(evaluation: Evaluation) -> dict[str, list[list[float | None]]]:
    """Known outcomes, accuracy, low, and high of every version, by scope."""
    found: dict[str, list[list[float | None]]] = {scope: [] for scope in SCOPES}
    for number, row in enumerate(version_metrics(evaluation).iter_rows(named=True)):
        for split in SPLIT_NAMES:
            known = row[f"{split}_instances"] - row[f"{split}_unknown"]
            ends = (row.get(f"{split}_accuracy_{end}") for end in ("low", "high"))
            found[split].append([known, row[f"{split}_accuracy"], *ends])
        outcomes = evaluation.outcome[number, evaluation.dataset.rows_of(number)]
        known = int((outcomes != UNKNOWN).sum())
        correct = int((outcomes == CORRECT).sum())
        found[ALL].append([known, correct / known if known else None, None, None])
    return found


def _steps(evaluation: Evaluation) -> list[dict[str, Any] | None]:
    dataset = evaluation.dataset
    model_of = dataset.project.settings.model_of
    steps: list[dict[str, Any] | None] = [None]
    for before, after in pairwise(version.name for version in dataset.versions):
        found = iteration(dataset, before=before, after=after)
        steps.append(
            {
                "added": found.added,
                "removed": found.removed,
                "relabeled": found.relabeled,
                "labeled": found.labeled,
                "edited": found.edited,
                "moved": found.changed_split,
                "model": model_of(before) != model_of(after),
            }
        )
    return steps


def _facts(evaluation: Evaluation, *, known: bool) -> dict[str, list[dict[str, Any] | None]]:
    """The facts of the step into each version, by scope; None for the first, and unless `known`."""
    dataset = evaluation.dataset
    names = [version.name for version in dataset.versions]
    found: dict[str, list[dict[str, Any] | None]] = {
        scope: [None] * len(names) for scope in scopes_of(dataset)
    }
    for number, (before, after) in enumerate(pairwise(names) if known else (), start=1):
        for scope, facts in facts_by_scope(evaluation, before=before, after=after).items():
            found[scope][number] = asdict(facts)
    return found


def _drift(dataset: EvolvingDataset, levels: Floats) -> NDArray[np.float32]:
    names = [version.name for version in dataset.versions]
    found = np.full((len(names), len(dataset.features), 4), np.nan, dtype=np.float32)
    for number, (before, after) in enumerate(pairwise(names), start=1):
        found[number] = _step_drift(dataset, before, after, chance=False)
    found[:, :, 2:] = levels
    return found


def _step_drift(dataset: EvolvingDataset, before: str, after: str, *, chance: bool) -> Floats:
    """Train distance, test distance, and their chance levels; of shape (n_features, 4)."""
    train, test = (
        step_distances(dataset, before=before, after=after, split=split, chance=chance)
        for split in _SPLITS
    )
    return np.stack([train[:, 0], test[:, 0], train[:, 1], test[:, 1]], axis=1)


def _image(dataset: EvolvingDataset) -> dict[str, Any] | None:
    """The features that are the gray pixels of an image, in their order."""
    viewer = viewer_of(dataset)
    if viewer.kind is not ViewerKind.IMAGE or viewer.shape is None or len(viewer.shape) != 2:
        return None
    features = [dataset.feature_number(name) for name in viewer.columns]
    if any(dataset.features[number].bins.kind is not BinKind.VALUES for number in features):
        return None
    return {"shape": list(viewer.shape), "features": features}
