"""The rows of a scope in two versions, by what happened to them, judged by both models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.metrics import in_split
from chameleon.analysis.outcomes import mcnemar
from chameleon.analysis.values import SPLIT_NAMES, Mask, Rows
from chameleon.counting import CORRECT, INCORRECT, UNKNOWN
from chameleon.data import EvolvingDataset, Pair, pair_of
from chameleon.models import Evaluation

ALL = "all"
SCOPES = ("test", "train", "validation", ALL)
"""The scopes: the rows of a split, or all of them."""

_TEST = "test"

MOST_LABELS = 5
FEWEST_ROWS = 10
"""A label with fewer rows in the scope has no stable share of errors."""

Outcomes = NDArray[np.uint8]
Table = tuple[tuple[tuple[int, int], tuple[int, int]], tuple[tuple[int, int], tuple[int, int]]]


def scopes_of(dataset: EvolvingDataset) -> list[str]:
    """The scopes with rows in any version."""
    used = np.unique(dataset.split).tolist()
    return [scope for scope in SCOPES if scope == ALL or SPLIT_NAMES.index(scope) in used]


def default_scope(dataset: EvolvingDataset) -> str:
    """The scope of a dataset where none is chosen: test rows, if it has any, else all."""
    tested = (dataset.split == SPLIT_NAMES.index(_TEST)).any()
    return _TEST if tested else ALL


@dataclass(frozen=True, slots=True)
class UnchangedRows:
    """Numbers of correct predictions on unchanged rows, and of flips; `p` of McNemar's test."""

    n: int
    before: int
    after: int
    fixed: int
    regressed: int
    p: float | None


@dataclass(frozen=True, slots=True)
class EditedRows:
    """Numbers of correct predictions on edited or relabeled rows.

    `before` is of the old rows with the old model, `old` of the new rows with the old model, `new`
    of the new rows with the new model; `p_test` compares the first two, `p_model` the last two.
    `old` is None where the old model doesn't predict all of them.
    """

    n: int
    before: int
    old: int | None
    new: int
    p_test: float | None
    p_model: float | None


@dataclass(frozen=True, slots=True)
class OneSidedRows:
    """Numbers of correct predictions on new or removed rows by the old and the new model.

    None for a model that doesn't predict all of them; `p` compares the two models.
    """

    n: int
    old: int | None
    new: int | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Errors:
    """Incorrect predictions after and before.

    `labels` has (label, errors, rows with the label), the highest share first.
    """

    n: int
    before: int
    labels: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ScopeRows:
    """The outcomes of the rows of a scope, each of shape (n_instances,), UNKNOWN without a row.

    `before` and `after` are of each version's own model on its own row; `old_on_new` of the old
    model on the new row, `new_on_old` of the new model on the old row. `same` is True where the row
    is in both versions with the same features and label; `label` is that of the new row, -1 without
    one.
    """

    pair: Pair
    label: NDArray[np.int16]
    before: Outcomes
    after: Outcomes
    old_on_new: Outcomes
    new_on_old: Outcomes
    same: Mask

    @classmethod
    def of(cls, evaluation: Evaluation, *, before: str, after: str, scope: str) -> ScopeRows:
        """The rows of a scope in two versions."""
        dataset = evaluation.dataset
        pair = pair_of(dataset, before=before, after=after)
        rows = [pair.rows_before, pair.rows_after]
        if scope != ALL:
            code = SPLIT_NAMES.index(scope)
            rows = [np.where(in_split(dataset, of, code), of, -1) for of in rows]
        old, new = rows
        hashes, label = dataset.content_hashes(), dataset.label
        alike = (hashes[old] == hashes[new]) & (label[old] == label[new])
        return cls(
            pair=pair,
            label=np.where(new >= 0, label[new], np.int16(-1)),
            before=_outcomes(evaluation, pair.before, old),
            after=_outcomes(evaluation, pair.after, new),
            old_on_new=_outcomes(evaluation, pair.before, new),
            new_on_old=_outcomes(evaluation, pair.after, old),
            same=np.asarray((old >= 0) & (new >= 0) & alike),
        )

    @property
    def table(self) -> Table:
        """(correct, known) by model, then by rows, before and after."""
        return (
            (_counted(self.before), _counted(self.old_on_new)),
            (_counted(self.new_on_old), _counted(self.after)),
        )

    @property
    def unchanged(self) -> UnchangedRows:
        """The counts of unchanged rows."""
        of = self._in_both & self.same
        fixed, regressed = _flips(self.before[of], self.after[of])
        return UnchangedRows(
            n=int(of.sum()),
            before=_correct(self.before[of]),
            after=_correct(self.after[of]),
            fixed=fixed,
            regressed=regressed,
            p=mcnemar(regressed, fixed),
        )

    @property
    def edited(self) -> EditedRows:
        """The counts of edited or relabeled rows."""
        of = self._in_both & ~self.same
        before, old, new = self.before[of], self.old_on_new[of], self.after[of]
        known = not (old == UNKNOWN).any()
        return EditedRows(
            n=int(of.sum()),
            before=_correct(before),
            old=_correct(old) if known else None,
            new=_correct(new),
            p_test=mcnemar(*_flips(before, old)) if known else None,
            p_model=mcnemar(*_flips(old, new)) if known else None,
        )

    @property
    def added(self) -> OneSidedRows:
        """The counts of new rows: those that no prediction of the old version was judged on."""
        of = (self.before == UNKNOWN) & (self.after != UNKNOWN)
        return _one_sided(self.old_on_new[of], self.after[of])

    @property
    def removed(self) -> OneSidedRows:
        """The counts of removed rows."""
        of = (self.before != UNKNOWN) & (self.after == UNKNOWN)
        return _one_sided(self.before[of], self.new_on_old[of])

    def errors(self, classes: tuple[str, ...]) -> Errors:
        """The errors of both models on their own rows, and the labels with most of them."""
        known = (self.after != UNKNOWN) & (self.label >= 0)
        wrong = known & (self.after == INCORRECT)
        rows, errors = (
            np.bincount(self.label[of], minlength=len(classes)) for of in (known, wrong)
        )
        listed = errors > 0
        if (listed & (rows >= FEWEST_ROWS)).any():
            listed &= rows >= FEWEST_ROWS
        found = np.flatnonzero(listed)
        found = found[np.argsort(-errors[found] / rows[found], kind="stable")][:MOST_LABELS]
        return Errors(
            n=int((self.after == INCORRECT).sum()),
            before=int((self.before == INCORRECT).sum()),
            labels=tuple((classes[k], int(errors[k]), int(rows[k])) for k in found),
        )

    @property
    def _in_both(self) -> Mask:
        return np.asarray((self.before != UNKNOWN) & (self.after != UNKNOWN))


def _outcomes(evaluation: Evaluation, model: int, rows: Rows) -> Outcomes:
    return np.where(rows >= 0, evaluation.outcome[model, rows], np.uint8(UNKNOWN))


def _one_sided(old: Outcomes, new: Outcomes) -> OneSidedRows:
    known = [not (side == UNKNOWN).any() for side in (old, new)]
    return OneSidedRows(
        n=len(new),
        old=_correct(old) if known[0] else None,
        new=_correct(new) if known[1] else None,
        p=mcnemar(*_flips(old, new)) if all(known) else None,
    )


def _counted(outcomes: Outcomes) -> tuple[int, int]:
    return _correct(outcomes), int((outcomes != UNKNOWN).sum())


def _correct(outcomes: Outcomes) -> int:
    return int((outcomes == CORRECT).sum())


def _flips(before: Outcomes, after: Outcomes) -> tuple[int, int]:
    """Numbers of instances that were fixed, and that regressed."""
    fixed = (before == INCORRECT) & (after == CORRECT)
    regressed = (before == CORRECT) & (after == INCORRECT)
    return int(fixed.sum()), int(regressed.sum())
