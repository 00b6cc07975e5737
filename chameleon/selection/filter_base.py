"""The base of every kind of filter: its value, its text in a link, its check, mask, and label."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError, choices
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection.histories import Pairs, pairs

QueryItems = tuple[tuple[str, str], ...]
Mask = NDArray[np.bool_]
V = TypeVar("V", bound=Hashable)
A = TypeVar("A", bound="Target")

_ABSENT, _EMPTY, _ESCAPE = "~", "~0", "~"


@dataclass(frozen=True, eq=False)
class Target:
    """The data that filters are applied to."""

    evaluation: Evaluation

    @property
    def dataset(self) -> EvolvingDataset:
        """The dataset of the evaluation."""
        return self.evaluation.dataset

    @cached_property
    def _places(self) -> dict[str, tuple[dict[str, int], str]]:
        return {}

    def code(self, name: str | None, known: Sequence[str], what: str) -> int:
        """The place of a name among the known ones, -1 for None; SelectionError if unknown.

        Places are cached by `what`: a link may contain thousands of names.
        """
        if what not in self._places:
            places = {one: place for place, one in enumerate(known)}
            self._places[what] = places, choices(known)
        places, listed = self._places[what]
        if name is None:
            return -1
        if name not in places:
            raise SelectionError(f"There is no {what} '{name}' in this dataset. {listed}")
        return places[name]


@dataclass(frozen=True, eq=False)
class Rows(Target):
    """Rows to filter, and the number of the version whose model predicts them."""

    version: int
    rows: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Sides(Target):
    """The two versions, by name, whose instances are filtered."""

    primary: str
    secondary: str

    @cached_property
    def pairs(self) -> Pairs:
        """The shared instances, each evaluated against its own label."""
        return pairs(self.evaluation, primary=self.primary, secondary=self.secondary)

    @cached_property
    def same_label_pairs(self) -> Pairs:
        """The shared instances, evaluated against the label in the primary version."""
        return pairs(
            self.evaluation, primary=self.primary, secondary=self.secondary, same_label=True
        )

    def mask_of(self, instances: NDArray[Any]) -> Mask:
        """A mask of these instances; bool of shape (n_instances,)."""
        mask = np.zeros(self.dataset.instance_count, dtype=np.bool_)
        mask[instances] = True
        return mask


@dataclass(frozen=True)
class Filter(ABC, Generic[V, A]):
    """One removable filter. Each kind is a subclass and a field of `Filters`.

    Filters of one kind and group are combined with OR, all others with AND. `field` is the field
    of `Filters` with the values of the kind, and `key` its name in a link. In messages, `asks_for`
    is the property that is filtered, and `view` the view that sets it. Of a `single` kind there is
    at most one filter.
    """

    value: V

    field: ClassVar[str]
    key: ClassVar[str]
    asks_for: ClassVar[str]
    view: ClassVar[str]
    single: ClassVar[bool] = False

    @abstractmethod
    def check(self, at: A) -> object:
        """Look up the value; SelectionError if something it names does not exist."""

    @abstractmethod
    def matching(self, at: A) -> Mask:
        """The rows or instances that match; SelectionError as `check`."""

    @property
    def group(self) -> Hashable:
        """The group that this filter belongs to."""
        return None

    @classmethod
    def mask(cls, parts: Sequence[Any], at: A) -> Mask:
        """The rows or instances that match these filters of the kind, at least one."""
        groups: dict[Hashable, Mask] = {}
        for part in parts:
            mask, group = part.matching(at), part.group
            groups[group] = mask | groups[group] if group in groups else mask
        return cast("Mask", np.logical_and.reduce(list(groups.values())))

    @classmethod
    def normal(cls, values: tuple[V, ...]) -> tuple[V, ...]:
        """The values without repetitions, ends in order."""
        return tuple(dict.fromkeys(values))

    @property
    def text(self) -> str:
        """The value as text in a link."""
        return str(self.value)

    def to_query(self) -> QueryItems:
        """The items of a link."""
        return ((self.key, self.text),)

    @classmethod
    def read(cls, text: str) -> V:
        """The value of a text in a link; SelectionError if it can't be read."""
        raise SelectionError(f"The link contains '{text}', which can't be read.")

    @classmethod
    def from_query(cls, items: Mapping[str, Sequence[str]]) -> tuple[V, ...]:
        """The values in the items of a link; SelectionError if one can't be read."""
        texts = items.get(cls.key, ())
        return tuple(map(cls.read, texts[-1:] if cls.single else texts))

    @abstractmethod
    def label(self, kinds: Mapping[str, Kind]) -> str:
        """The filter in words; `kinds` are those of the features."""

    @property
    def side_label(self) -> str:
        """The filter in few words, as a restriction of a side."""
        return self.label({})


class RowFilter(Filter[V, Rows]):
    """A filter that depends on one version's row alone; masks have one entry per row."""

    def check(self, at: Rows) -> None:
        """Match no rows, which looks up the value all the same."""
        self.matching(replace(at, rows=at.rows[:0]) if len(at.rows) else at)


class InstanceFilter(Filter[V, Sides]):
    """A filter that depends on several versions; masks have one entry per instance."""


class JsonText(Filter[V, A]):
    """A filter whose value is a named tuple of type `shape`, in a link a JSON list of its parts.

    `meaning` describes the value in errors.
    """

    shape: ClassVar[type[tuple[Any, ...]]]
    meaning: ClassVar[str]

    @property
    def text(self) -> str:
        """A JSON list of the parts."""
        return json.dumps(list(cast("tuple[object, ...]", self.value)), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> V:
        """The value of a text in a link; SelectionError if it can't be read."""
        parts = tuple(get_type_hints(cls.shape).values())
        return cast("V", cls.shape(*parsed(text, tuple[parts], cls.meaning)))  # type: ignore[valid-type]


def parsed(text: str, shape: Any, meaning: str) -> Any:  # noqa: ANN401 - any type
    """A JSON text as a value of a type; SelectionError if it isn't one."""
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise not_readable(text, meaning) from None


def not_readable(text: str, meaning: str) -> SelectionError:
    """The error for a text in a link that can't be read."""
    return SelectionError(f"The link contains '{text}', which is not {meaning}.")


def escaped(text: str | None) -> str:
    """A label or source as a query value: ~ for no label, ~0 for an empty one."""
    if text is None:
        return _ABSENT
    if text == "":
        return _EMPTY
    return _ESCAPE + text if text.startswith(_ESCAPE) else text


def unescaped(value: str) -> str | None:
    """The label or source of a query value."""
    if value == _ABSENT:
        return None
    if value == _EMPTY:
        return ""
    return value[1:] if value.startswith(_ESCAPE) else value
