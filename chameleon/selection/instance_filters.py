"""The kinds of filters that depend on several versions, or name instances; see `Filter`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import CORRECT, INCORRECT, OUTCOMES, UNKNOWN
from chameleon.data import EvolvingDataset, Pair, pair_of
from chameleon.errors import SelectionError
from chameleon.project import ABSTAIN, Kind
from chameleon.selection.exclusion_lists import open_exclusion_lists
from chameleon.selection.filter_base import (
    InstanceFilter,
    JsonText,
    Mask,
    QueryItems,
    Sides,
    not_readable,
    parsed,
)
from chameleon.selection.filter_values import (
    AlwaysFails,
    ChangeType,
    ClassChange,
    ConfusionCell,
    DataChange,
    OutcomeChange,
    SensitivityChoice,
    SensitivityRange,
    VoteChange,
    Voted,
    shortened,
)
from chameleon.selection.histories import rows_by_version, sensitivity_of, version_range
from chameleon.selection.row_filters import votes_of

__all__ = ["INSTANCE_FILTERS", "InstanceSet", "instance_numbers", "rows_of_change", "vote_changed"]

_SAME_LABEL = "!"
_KNOWN = OUTCOMES[:UNKNOWN]
_VOTED = {
    Voted.CHANGED: "changed its vote",
    Voted.STARTED: "started voting",
    Voted.STOPPED: "stopped voting",
    Voted.SWITCHED: "votes for another class",
}
_MOST_COUNTS = 3


class OutcomeChangeFilter(InstanceFilter[OutcomeChange]):
    """Shared instances by their outcome in each version.

    In a link correct>incorrect, with a final "!" for `same_label`.
    """

    field, key, asks_for = "outcome_changes", "change", "changes of outcomes"
    view = "the change matrix"

    def check(self, at: Sides) -> tuple[int, ...]:
        return tuple(at.code(outcome, _KNOWN, "known outcome") for outcome in self.value[:2])

    def matching(self, at: Sides) -> Mask:
        before, after = self.check(at)
        both = at.same_label_pairs if self.value.same_label else at.pairs
        return at.mask_of(both.instance[(both.secondary == before) & (both.primary == after)])

    @property
    def text(self) -> str:
        before, after, same_label = self.value
        return f"{before}>{after}{_SAME_LABEL if same_label else ''}"

    @classmethod
    def read(cls, text: str) -> OutcomeChange:
        before, _, after = text.removesuffix(_SAME_LABEL).partition(">")
        if before not in _KNOWN or after not in _KNOWN:
            raise not_readable(text, "a cell of the change matrix")
        return OutcomeChange(before, after, text.endswith(_SAME_LABEL))

    def label(self, kinds: Mapping[str, Kind]) -> str:
        before, after, same_label = self.value
        against = ", against the primary's label" if same_label else ""
        return f"{before} before, {after} after{against}"


class ClassChangeFilter(JsonText[ClassChange, Sides], InstanceFilter[ClassChange]):
    """Shared instances by the class predicted in each version."""

    field, key, asks_for = "class_changes", "class-change", "changes of predicted classes"
    view = "the class table"
    shape, meaning = ClassChange, "a change of class"

    def check(self, at: Sides) -> tuple[int, ...]:
        return tuple(at.code(name, at.evaluation.classes, "class") for name in self.value)

    def matching(self, at: Sides) -> Mask:
        both, (before, after) = at.pairs, self.check(at)
        wanted = (both.secondary_class == before) & (both.primary_class == after)
        return at.mask_of(both.instance[wanted])

    def label(self, kinds: Mapping[str, Kind]) -> str:
        before, after = self.value
        return f"predicted {shortened(before)} before, {shortened(after)} after"


class DataChangeFilter(InstanceFilter[DataChange]):
    """Instances by their change in the step; in a link added, edited, or edited:width."""

    field, key, asks_for = "data_changes", "data-change", "changes of the data"
    view = "the data changes"

    def check(self, at: Sides) -> None:
        _checked(at.dataset, self.value)

    def matching(self, at: Sides) -> Mask:
        pair = pair_of(at.dataset, before=at.secondary, after=at.primary)
        return at.mask_of(at.dataset.instance[rows_of_change(at.dataset, pair, self.value)])

    @property
    def text(self) -> str:
        happened, feature = self.value
        return happened.value if feature is None else f"{happened}:{feature}"

    @classmethod
    def read(cls, text: str) -> DataChange:
        word, colon, feature = text.partition(":")
        if word not in list(ChangeType) or (colon and word != ChangeType.EDITED):
            raise not_readable(text, "a change of the data")
        return DataChange(ChangeType(word), feature if colon else None)

    def label(self, kinds: Mapping[str, Kind]) -> str:
        happened, feature = self.value
        words = ChangeType(happened).words
        return words if feature is None else f"{words} in {shortened(feature)}"


def rows_of_change(dataset: EvolvingDataset, pair: Pair, change: DataChange) -> NDArray[np.int32]:
    """One row per instance with that change: its row in `after`, or in `before` if removed."""
    match _checked(dataset, change).happened:
        case ChangeType.ADDED:
            return pair.added
        case ChangeType.REMOVED:
            return pair.removed
    return pair.new[_shared_of_change(dataset, pair, change)]


def _checked(dataset: EvolvingDataset, change: DataChange) -> DataChange:
    happened = ChangeType(change.happened)
    if change.feature is not None:
        dataset.feature_number(change.feature)
        if happened is not ChangeType.EDITED:
            raise SelectionError(f"Only 'edited' names a feature, not '{happened}'.")
    return change


def _shared_of_change(dataset: EvolvingDataset, pair: Pair, change: DataChange) -> Mask:
    """The shared instances with that change; bool of shape (n_shared,)."""
    match change.happened:
        case ChangeType.RELABELED:
            return pair.relabeled
        case ChangeType.LABELED:
            unlabeled: Mask = pair.relabeled & (dataset.label[pair.old] < 0)
            return unlabeled
        case ChangeType.EDITED if change.feature is not None:
            return pair.edited_in(dataset.feature_number(change.feature))
        case ChangeType.EDITED:
            return pair.edited
        case ChangeType.CHANGED_SPLIT:
            return pair.changed_split
    return pair.unchanged


class SensitivityFilter(InstanceFilter[SensitivityChoice]):
    """Instances by the number of changes of their outcome or predicted class."""

    field, key, asks_for, single = "sensitivity", "sensitivity", "sensitivity", True
    view = "the sensitivity histogram"

    def check(self, at: Sides) -> None:
        version_range(at.dataset, self.value.over.first, self.value.over.last)

    def matching(self, at: Sides) -> Mask:
        sensitivity = sensitivity_of(at.evaluation, self.value.over)
        mask: Mask = sensitivity.counted & np.isin(sensitivity.changes, self.value.changes)
        return mask

    @property
    def text(self) -> str:
        return json.dumps([*self.value.over, list(self.value.changes)], ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> SensitivityChoice:
        shape = tuple[str, str, bool, bool, tuple[int, ...]]
        *over, changes = parsed(text, shape, "a sensitivity")
        if any(count < 0 for count in changes):
            raise not_readable(text, "a sensitivity")
        return SensitivityChoice(SensitivityRange(*over), tuple(dict.fromkeys(changes)))

    def label(self, kinds: Mapping[str, Kind]) -> str:
        over, numbers = self.value
        changed = "class" if over.classes else "outcome"
        counts = sorted(numbers)
        runs = len(counts) > _MOST_COUNTS and counts[-1] - counts[0] == len(counts) - 1
        times = f"{counts[0]} to {counts[-1]}" if runs else ", ".join(str(n) for n in counts)
        return f"{changed} changed {times} times, {shortened(over.first)} to {shortened(over.last)}"


class ConfusionFilter(JsonText[ConfusionCell, Sides], InstanceFilter[ConfusionCell]):
    """Instances of a version by their label and predicted class there."""

    field, key, asks_for = "confusions", "confusion", "cells of a confusion matrix"
    view = "the confusion matrix"
    shape, meaning = ConfusionCell, "a cell of a confusion matrix"

    def check(self, at: Sides) -> tuple[int, ...]:
        return tuple(at.code(name, at.evaluation.classes, "class") for name in self.value[:2])

    def matching(self, at: Sides) -> Mask:
        label, prediction = self.check(at)
        version = at.dataset.version_number(at.secondary if self.value.secondary else at.primary)
        rows = at.dataset.row_of_instance(version)
        predicted = at.evaluation.predicted[version, rows]
        mask: Mask = (rows >= 0) & (at.dataset.label[rows] == label) & (predicted == prediction)
        return mask

    def label(self, kinds: Mapping[str, Kind]) -> str:
        label, prediction, secondary = self.value
        side = "secondary" if secondary else "primary"
        if label == prediction:
            return f"{shortened(label)} correctly predicted by the {side}"
        return f"{shortened(label)} predicted as {shortened(prediction)} by the {side}"


class AlwaysFailsFilter(JsonText[AlwaysFails, Sides], InstanceFilter[AlwaysFails]):
    """Instances that the model of every version in a range gets wrong."""

    field, key, asks_for, single = "always_fails", "always-fails", "constant failures", True
    view = "the failures"
    shape, meaning = AlwaysFails, "a range of versions"

    def check(self, at: Sides) -> None:
        version_range(at.dataset, self.value.first, self.value.last)

    def matching(self, at: Sides) -> Mask:
        dataset = at.dataset
        versions = version_range(dataset, self.value.first, self.value.last)
        held, wrong, right = np.zeros((3, dataset.instance_count), dtype=np.bool_)
        for version, (rows, own) in zip(versions, rows_by_version(dataset, versions), strict=True):
            held |= own
            outcome = at.evaluation.outcome[version, rows]
            counted = own | (not self.value.held_only)
            wrong |= counted & (outcome == INCORRECT)
            right |= counted & (outcome == CORRECT)
        return held & wrong & ~right

    def label(self, kinds: Mapping[str, Kind]) -> str:
        first, last = shortened(self.value.first), shortened(self.value.last)
        return f"incorrect in every version, {first} to {last}"


class VoteChangeFilter(JsonText[VoteChange, Sides], InstanceFilter[VoteChange]):
    """Shared instances by the change of a labeling function's vote."""

    field, key, asks_for = "vote_changes", "vote-change", "changes of votes"
    view = "the weak labels"
    shape, meaning = VoteChange, "a change of votes"

    def check(self, at: Sides) -> None:
        votes_of(at, self.value.rule)
        Voted(self.value.voted)

    def matching(self, at: Sides) -> Mask:
        (_, votes), both = votes_of(at, self.value.rule), at.pairs
        before, after = votes[both.pair.old], votes[both.pair.new]
        return at.mask_of(both.instance[vote_changed(before, after, Voted(self.value.voted))])

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"{shortened(self.value.rule)}: {_VOTED[self.value.voted]}"


def vote_changed(before: NDArray[np.int16], after: NDArray[np.int16], voted: Voted) -> Mask:
    """The votes that changed in that way; bool of the shape of `before`."""
    abstained, abstains = before == ABSTAIN, after == ABSTAIN
    changed: Mask = before != after
    match voted:
        case Voted.STARTED:
            changed &= abstained
        case Voted.STOPPED:
            changed &= abstains
        case Voted.SWITCHED:
            changed &= ~abstained & ~abstains
    return changed


class InstanceSet:
    """Instances that conditions from code match, by their ascending numbers."""

    def __init__(self, numbers: NDArray[np.int32]) -> None:
        self.numbers = numbers
        self.digest = hashlib.blake2b(numbers.tobytes(), digest_size=16).hexdigest()

    @classmethod
    def of_mask(cls, mask: Mask) -> InstanceSet:
        """The instances of a mask of shape (n_instances,)."""
        return cls(np.flatnonzero(mask).astype(np.int32))

    def __and__(self, other: InstanceSet) -> InstanceSet:
        return InstanceSet(np.intersect1d(self.numbers, other.numbers, assume_unique=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InstanceSet) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:  # also the key in caches
        return f"InstanceSet({self.digest})"


class InstanceSetFilter(InstanceFilter[InstanceSet]):
    """The instances of a set; it has no text in a link."""

    field, key, asks_for, single = "chosen", "chosen", "instances chosen in code", True
    view = "code"

    def check(self, at: Sides) -> None:
        if len(self.value.numbers) and self.value.numbers[-1] >= at.dataset.instance_count:
            raise SelectionError("The instances were chosen in other data.")

    def matching(self, at: Sides) -> Mask:
        self.check(at)
        return at.mask_of(self.value.numbers)

    def to_query(self) -> QueryItems:
        raise SelectionError(
            "A polars expression, an empty list, or two conditions of one kind can't be linked or "
            "stored as a rule. Use one keyword condition of each kind, such as source='vendor'."
        )

    @classmethod
    def from_query(cls, items: Mapping[str, Sequence[str]]) -> tuple[InstanceSet, ...]:
        return ()

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"{len(self.value.numbers):,} instances chosen in code"


class _NamedFilter(InstanceFilter[str]):
    """A filter by a name, which is its text in a link."""

    def check(self, at: Sides) -> None:
        self.matching(at)

    @classmethod
    def read(cls, text: str) -> str:
        return text


class IdFilter(_NamedFilter):
    """Instances by their ids, all of them at once: there may be thousands."""

    field, key, asks_for = "instances", "instance", "instances by id"
    view = "the instances"

    def matching(self, at: Sides) -> Mask:
        return self.mask([self], at)

    @classmethod
    def mask(cls, parts: Sequence[IdFilter], at: Sides) -> Mask:
        ids = [part.value for part in parts]
        numbers = instance_numbers(at.dataset, pl.Series(ids, dtype=pl.String))
        if (numbers < 0).any():
            absent = ids[int(np.argmin(numbers))]
            raise SelectionError(f"There is no instance '{absent}' in this dataset.")
        return at.mask_of(numbers)

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"instance {shortened(self.value)}"


class ExcludedFilter(_NamedFilter):
    """Instances that are on the project's exclusion list of that name in either version."""

    field, key, asks_for = "excluded", "excluded", "exclusion lists"
    view = "the exclusion list"

    def matching(self, at: Sides) -> Mask:
        from chameleon.selection.selections import excluded_mask

        content = open_exclusion_lists(at.dataset.project).of(self.value)
        masks = [
            excluded_mask(at.evaluation, content, version=v) for v in (at.primary, at.secondary)
        ]
        return masks[0] | masks[1]

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"on exclusion list {shortened(self.value)}"


def instance_numbers(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.int64]:
    """Instance numbers for ids; -1 for ids in no version."""
    known = pl.DataFrame({"id": dataset.instance_ids}).with_row_index("number")
    joined = pl.DataFrame({"id": ids.cast(pl.String)}).join(
        known, on="id", how="left", maintain_order="left"
    )
    return joined["number"].cast(pl.Int64).fill_null(-1).to_numpy()


INSTANCE_FILTERS = (
    OutcomeChangeFilter, ClassChangeFilter, DataChangeFilter, SensitivityFilter, ConfusionFilter,
    AlwaysFailsFilter, VoteChangeFilter, IdFilter, ExcludedFilter, InstanceSetFilter,
)  # fmt: skip
