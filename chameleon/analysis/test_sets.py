"""Test sets of two versions, instance by instance, guarded against leaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.measures import Floats, Measure
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.models import Evaluation
from chameleon.project import Split

TRAIN, TEST = SPLITS.index(Split.TRAIN), SPLITS.index(Split.TEST)

PARTS = ("removed", "added", "relabelled", "edited")
"""What can happen to an instance of a test set. One that is relabelled and edited counts as
relabelled; one that comes from, or goes to, another split as added, or removed; a column that
joins or leaves edits what has a value there."""

_hashes: WeakKeyDictionary[EvolvingDataset, NDArray[np.uint64]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The instances of either test set, and what both models make of their rows.

    Attributes
    ----------
    part
        int of shape (n_instances,): 0 for those that stayed the same, else 1 + index in PARTS.
    traits
        float64 of shape (n_instances, 2 rows, 2 models, n_traits): of the old and the new row,
        under the old and the new model; NaN where the test set has no such row.
    """

    part: NDArray[np.intp]
    traits: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts by their numbers."""
        return ("same", *PARTS)

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many instances are of each part."""
        found = np.bincount(self.part, minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class KeptTests:
    """Both test sets after the guard, and how many instances it took out.

    `left_twins` are the twins that were taken out; `twins` all that were found; `rows` the rows of
    both test sets that are left.
    """

    segments: Segments
    rows: tuple[NDArray[np.int32], NDArray[np.int32]]
    size_before: int
    size_after: int
    leaked: int
    unknown: int
    twins: int
    left_twins: int
    note: str | None


def kept_tests(
    evaluation: Evaluation, measure: Measure, before: str, after: str, *, without_twins: bool
) -> KeptTests:
    """The test sets of two versions without the instances that either model was fitted on."""
    dataset = evaluation.dataset
    numbers = dataset.version_number(before), dataset.version_number(after)
    rows = [dataset.row_of_instance(number) for number in numbers]
    tested = [_in_split(dataset, own, TEST) for own in rows]
    trained = [_in_split(dataset, own, TRAIN) for own in rows]
    union = tested[0] | tested[1]
    leaks = union & (trained[0] | trained[1])
    instances = np.flatnonzero(union & ~leaks)
    traits = _traits(measure, numbers, rows, tested, instances)
    has_row = np.stack([of_side[instances] for of_side in tested], axis=1)
    judged = np.isfinite(traits).all(axis=(2, 3))
    known = (judged | ~has_row).all(axis=1)
    instances, traits, has_row = instances[known], traits[known], has_row[known]
    twins = _twins(dataset, rows, tested, trained, instances)
    kept = ~twins if without_twins else np.ones(len(instances), dtype=np.bool_)
    instances, traits, has_row = instances[kept], traits[kept], has_row[kept]
    part = _parts(dataset, rows[0][instances], rows[1][instances], has_row)
    sizes = has_row.sum(axis=0)
    note = None
    for name, whole, size in zip((before, after), tested, sizes, strict=True):
        if not whole.any():
            note = note or f"Version {name} has no test rows."
        elif not size:
            note = note or (
                f"No test instance of version {name} is left to score: all stand in a train set, "
                "or have no label or no prediction of one of the models."
            )
    return KeptTests(
        segments=Segments(part, traits),
        rows=(rows[0][instances][has_row[:, 0]], rows[1][instances][has_row[:, 1]]),
        size_before=int(sizes[0]),
        size_after=int(sizes[1]),
        leaked=int(leaks.sum()),
        unknown=int((~known).sum()),
        twins=int(twins.sum()),
        left_twins=int((~kept).sum()),
        note=note,
    )


def _in_split(dataset: EvolvingDataset, rows: NDArray[np.int32], split: int) -> NDArray[np.bool_]:
    """The instances whose row in a version stands in that split; shape (n_instances,)."""
    found: NDArray[np.bool_] = (rows >= 0) & (dataset.split[rows] == split)
    return found


def _traits(
    measure: Measure,
    models: tuple[int, int],
    rows: list[NDArray[np.int32]],
    tested: list[NDArray[np.bool_]],
    instances: NDArray[np.intp],
) -> Floats:
    sides: list[Floats] = []
    for own, of_side in zip(rows, tested, strict=True):
        by_model = np.stack([measure.traits(model, own[instances]) for model in models], axis=1)
        by_model[~of_side[instances]] = np.nan
        sides.append(by_model)
    return np.stack(sides, axis=1)


def _parts(
    dataset: EvolvingDataset,
    old: NDArray[np.int32],
    new: NDArray[np.int32],
    has_row: NDArray[np.bool_],
) -> NDArray[np.intp]:
    part = np.zeros(len(old), dtype=np.intp)
    both = has_row.all(axis=1)
    hashes = hashes_of(dataset)
    part[both & (hashes[old] != hashes[new])] = 1 + PARTS.index("edited")
    part[both & (dataset.label[old] != dataset.label[new])] = 1 + PARTS.index("relabelled")
    part[~has_row[:, 1]] = 1 + PARTS.index("removed")
    part[~has_row[:, 0]] = 1 + PARTS.index("added")
    return part


def _twins(
    dataset: EvolvingDataset,
    rows: list[NDArray[np.int32]],
    tested: list[NDArray[np.bool_]],
    trained: list[NDArray[np.bool_]],
    instances: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """The instances of which a test row has the features of a train row of either version."""
    hashes = hashes_of(dataset)
    learnt = np.concatenate([hashes[own[t]] for own, t in zip(rows, trained, strict=True)])
    twin = np.zeros(len(instances), dtype=np.bool_)
    for own, of_side in zip(rows, tested, strict=True):
        twin |= of_side[instances] & np.isin(hashes[own[instances]], learnt)
    return twin


def hashes_of(dataset: EvolvingDataset) -> NDArray[np.uint64]:
    """The content hash of every row, kept as long as the dataset."""
    if dataset not in _hashes:
        _hashes[dataset] = dataset.content_hashes()
    return _hashes[dataset]
