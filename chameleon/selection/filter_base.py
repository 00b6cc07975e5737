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
    """What filters are applied to."""

    evaluation: Evaluation

    @property
    def dataset(self) -> EvolvingDataset:
        """The dataset of the evaluation."""
        return self.evaluation.dataset

    @cached_property
    def _places(self) -> dict[str, tuple[dict[str, int], str]]:
        return {}

    def code(self, name: str | None, known: Sequence[str], what: str) -> int:
        """The place of a name among the known ones of that sort, -1 for None.

        Their places are looked up once: a link may name thousands, known or not.
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
    """Rows to filter, and the number of the version whose model's outcomes count."""

    version: int
    rows: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Sides(Target):
    """The two versions, by name, whose instances are filtered."""

    primary: str
    secondary: str

    @cached_property
    def pairs(self) -> Pairs:
        """The instances of both, each judged by its own label."""
        return pairs(self.evaluation, primary=self.primary, secondary=self.secondary)

    @cached_property
    def same_label_pairs(self) -> Pairs:
        """The instances of both, judged by the label in the primary version."""
        sides = {"primary": self.primary, "secondary": self.secondary}
        return pairs(self.evaluation, **sides, same_label=True)

    def mask_of(self, instances: NDArray[Any]) -> Mask:
        """A mask of these instances; bool of shape (n_instances,)."""
        mask = np.zeros(self.dataset.instance_count, dtype=np.bool_)
        mask[instances] = True
        return mask


@dataclass(frozen=True)
class Filter(ABC, Generic[V, A]):
    """One removable filter. Each kind is a subclass and a field of `Filters`.

    Filters of one kind widen each other unless their groups differ; all others narrow.

    Attributes
    ----------
    field
        The field of `Filters` that holds the values of the kind.
    key
        The name in a link.
    asks_for
        What the kind asks for, in a sentence.
    view
        Where on screen it is set.
    single
        There is at most one filter of the kind.
    """

    value: V

    field: ClassVar[str]
    key: ClassVar[str]
    asks_for: ClassVar[str]
    view: ClassVar[str]
    single: ClassVar[bool] = False

    @abstractmethod
    def check(self, at: A) -> object:
        """Find what the value names; SelectionError where it does not exist."""

    @abstractmethod
    def matching(self, at: A) -> Mask:
        """The rows or instances that match; SelectionError as `check`."""

    @property
    def group(self) -> Hashable:
        """The filters of the kind that this one widens; groups narrow each other."""
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
        """The values as filters hold them: no repetitions, ends in order."""
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
        """The value of that text; SelectionError where it is none."""
        raise SelectionError(f"The link asks for '{text}', which cannot be read.")

    @classmethod
    def from_query(cls, items: Mapping[str, Sequence[str]]) -> tuple[V, ...]:
        """The values that the items of a link name; SelectionError where one can't be read."""
        texts = items.get(cls.key, ())
        return tuple(map(cls.read, texts[-1:] if cls.single else texts))

    @abstractmethod
    def label(self, kinds: Mapping[str, Kind]) -> str:
        """The filter in words; `kinds` are those of the features."""

    @property
    def side_label(self) -> str:
        """The filter in few words, where it restricts a side."""
        return self.label({})


class RowFilter(Filter[V, Rows]):
    """A filter that one version's row alone can answer; masks have one entry a row."""

    def check(self, at: Rows) -> None:
        """Match no rows: what the value names is looked up all the same."""
        self.matching(replace(at, rows=at.rows[:0]) if len(at.rows) else at)


class InstanceFilter(Filter[V, Sides]):
    """A filter that needs several versions; masks have one entry an instance."""


class JsonText(Filter[V, A]):
    """A filter whose value is a named tuple, in a link a JSON list of its parts.

    Attributes
    ----------
    shape
        The named tuple.
    is_no
        What a text that can't be read is not, in a sentence.
    """

    shape: ClassVar[type[tuple[Any, ...]]]
    is_no: ClassVar[str]

    @property
    def text(self) -> str:
        """A JSON list of the parts."""
        return json.dumps(list(cast("tuple[object, ...]", self.value)), ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> V:
        """The value of that text; SelectionError where it is none."""
        parts = tuple(get_type_hints(cls.shape).values())
        return cast("V", cls.shape(*parsed(text, tuple[parts], cls.is_no)))  # type: ignore[valid-type]


def parsed(text: str, shape: Any, is_no: str) -> Any:  # noqa: ANN401 - any type
    """A JSON text as a value of a shape; SelectionError where it is none."""
    try:
        return msgspec.json.decode(text, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise SelectionError(f"The link asks for '{text}', which is {is_no}.") from None


def escaped(text: str | None) -> str:
    """A label or source as a query value: the absent one and the empty one have signs."""
    if text is None:
        return _ABSENT
    if text == "":
        return _EMPTY
    return _ESCAPE + text if text.startswith(_ESCAPE) else text


def unescaped(value: str) -> str | None:
    """The label or source that a query value stands for."""
    if value == _ABSENT:
        return None
    if value == _EMPTY:
        return ""
    return value[1:] if value.startswith(_ESCAPE) else value
