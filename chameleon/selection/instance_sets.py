"""Filters that name instances: by id, by exclusion list, or as a set from code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import SelectionError
from chameleon.project import Kind
from chameleon.selection.filter_base import InstanceFilter, Mask, QueryItems, Sides
from chameleon.selection.filter_values import shortened


class InstanceSet:
    """Instances that conditions from code match; equal where the instances are.

    Attributes
    ----------
    numbers
        Their numbers, ascending; int32.
    """

    def __init__(self, numbers: NDArray[np.int32]) -> None:
        self.numbers = numbers
        self.digest = hashlib.blake2b(numbers.tobytes(), digest_size=16).hexdigest()

    @classmethod
    def of_mask(cls, mask: Mask) -> InstanceSet:
        """The instances of a mask of shape (n_instances,)."""
        return cls(np.flatnonzero(mask).astype(np.int32))

    def __and__(self, other: InstanceSet) -> InstanceSet:
        """The instances of both."""
        return InstanceSet(np.intersect1d(self.numbers, other.numbers, assume_unique=True))

    def __eq__(self, other: object) -> bool:
        """Compare by the instances."""
        return isinstance(other, InstanceSet) and self.digest == other.digest

    def __hash__(self) -> int:
        """Hash as `__eq__` compares."""
        return hash(self.digest)

    def __repr__(self) -> str:
        """The set by its digest, which is also its key in caches."""
        return f"InstanceSet({self.digest})"


class InstanceSetFilter(InstanceFilter[InstanceSet]):
    """The instances of a set; it has no text in a link."""

    field, key, asks_for, single = "chosen", "chosen", "instances chosen in code", True
    view = "code"

    def check(self, at: Sides) -> None:
        """Refuse a set of other data."""
        if len(self.value.numbers) and self.value.numbers[-1] >= at.dataset.instance_count:
            raise SelectionError("The instances were chosen in other data.")

    def matching(self, at: Sides) -> Mask:
        """The instances of the set."""
        self.check(at)
        return at.mask_of(self.value.numbers)

    def to_query(self) -> QueryItems:
        """Refuse: there is no text for it."""
        raise SelectionError(
            "A polars expression, an empty list, or two conditions of one kind can't be linked or "
            "stored as a rule. Use one keyword condition of each kind, such as source='vendor'."
        )

    @classmethod
    def from_query(cls, items: Mapping[str, Sequence[str]]) -> tuple[InstanceSet, ...]:
        """Nothing: no link holds it."""
        return ()

    def label(self, kinds: Mapping[str, Kind]) -> str:
        """The number of instances."""
        return f"{len(self.value.numbers):,} instances chosen in code"


class IdFilter(InstanceFilter[str]):
    """Instances by their ids."""

    field, key, asks_for = "instances", "instance", "instances by id"
    view = "the instances"

    def check(self, at: Sides) -> None:
        """Refuse an id that no version has."""
        self.matching(at)

    def matching(self, at: Sides) -> Mask:
        """The instance of that id."""
        return self.mask([self], at)

    @classmethod
    def mask(cls, parts: Sequence[IdFilter], at: Sides) -> Mask:
        """The instances of these ids, looked up at once."""
        from chameleon.selection.selections import instance_numbers

        ids = [part.value for part in parts]
        numbers = instance_numbers(at.dataset, pl.Series(ids, dtype=pl.String))
        if (numbers < 0).any():
            absent = ids[int(np.argmin(numbers))]
            raise SelectionError(f"There is no instance '{absent}' in this dataset.")
        return at.mask_of(numbers)

    @classmethod
    def read(cls, text: str) -> str:
        """The id."""
        return text

    def label(self, kinds: Mapping[str, Kind]) -> str:
        """The id."""
        return f"instance {shortened(self.value)}"


class ExcludedFilter(InstanceFilter[str]):
    """Instances on the project's exclusion list of that name, as the primary version has them."""

    field, key, asks_for = "excluded", "excluded", "exclusion lists"
    view = "the exclusion list"

    def check(self, at: Sides) -> None:
        """Refuse a list that doesn't exist."""
        self.matching(at)

    def matching(self, at: Sides) -> Mask:
        """The instances on the list."""
        from chameleon.selection.exclusion_lists import open_exclusion_lists
        from chameleon.selection.selections import excluded_mask

        content = open_exclusion_lists(at.dataset.project).of(self.value)
        masks = [
            excluded_mask(at.evaluation, content, version=v) for v in (at.primary, at.secondary)
        ]
        return masks[0] | masks[1]

    @classmethod
    def read(cls, text: str) -> str:
        """The name of the list."""
        return text

    def label(self, kinds: Mapping[str, Kind]) -> str:
        """The name of the list."""
        return f"on exclusion list {shortened(self.value)}"


SET_FILTERS = (IdFilter, ExcludedFilter, InstanceSetFilter)
