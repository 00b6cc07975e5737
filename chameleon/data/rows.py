"""The distinct rows while they are gathered, and the label probabilities and votes of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import VersionError
from chameleon.project import (
    ABSTAIN,
    Finding,
    Project,
    Severity,
    Version,
    WeakLabels,
    distinct_codes,
    key_text,
    natural_order,
    read_probabilities,
)

_ABSTAINS = ("", "-1")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_PLACE = re.compile(r"[0-9]{1,9}")  # Python refuses to read thousands of digits
_EXAMPLES = 3
_MOST_CLASSES = int(np.iinfo(np.int16).max)

_SINGLE: Mapping[str, type[np.generic]] = {
    "instance": np.int32, "label": np.int32, "split": np.int32, "source": np.int32,
    "date": np.int64, "previous": np.int64,
}  # fmt: skip
"""Arrays with one number a row."""


class Dictionary:
    """Numbers of texts in the order in which new texts come (sorted within a version)."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.numbers = {text: number for number, text in enumerate(texts)}

    def encode(self, texts: pl.Series) -> NDArray[np.int32]:
        """The number of every text, -1 where it is missing."""
        distinct, codes = distinct_codes(texts)
        for text in distinct:
            self.numbers.setdefault(text, len(self.numbers))
        numbers = [*(self.numbers[text] for text in distinct), -1]
        return np.array(numbers, dtype=np.int32)[codes]


@dataclass(slots=True)
class VersionColumns:
    """One version's rows in canonical form; every array has one entry per row."""

    key: pl.Series
    split_key: pl.Series | None
    label: NDArray[np.int32]
    split: NDArray[np.int32] | None
    source: NDArray[np.int32]
    date: NDArray[np.int64]
    values: NDArray[np.float64]
    weak: NDArray[np.int32]


class Rows:
    """The distinct rows. Arrays are longer than `count`; the rest is spare room.

    `newest` is the latest row of every instance, `previous` the row before it, -1 without one, so
    that a version's row can be compared with all earlier ones of its instance. `weak` contains
    label probabilities, by their bits, and votes: `weak_count` numbers per row.
    """

    instance: NDArray[np.int32]
    label: NDArray[np.int32]
    split: NDArray[np.int32]
    source: NDArray[np.int32]
    date: NDArray[np.int64]
    previous: NDArray[np.int64]

    def __init__(self, features: int, weak_count: int = 0) -> None:
        self.count = 0
        for name, dtype in _SINGLE.items():
            setattr(self, name, np.empty(0, dtype))
        self.newest = np.empty(0, np.int64)
        self.values = np.empty((features, 0))
        self.weak = np.empty((weak_count, 0), dtype=np.int32)

    def _reserve(self, more: int) -> None:
        """Make room for more rows."""
        needed, capacity = self.count + more, len(self.instance)
        if needed <= capacity:
            return
        capacity = max(needed, int(capacity * 1.5))
        for name in (*_SINGLE, "values", "weak"):
            old = getattr(self, name)
            grown = np.empty((*old.shape[:-1], capacity), dtype=old.dtype)
            grown[..., : self.count] = old[..., : self.count]
            setattr(self, name, grown)

    def meet(self, instances: int) -> None:
        """Make room for instances up to that number."""
        unmet = np.full(instances - len(self.newest), -1, dtype=np.int64)
        self.newest = np.concatenate([self.newest, unmet])

    def begin(self, instance: NDArray[np.int32], columns: VersionColumns, instances: int) -> None:
        """Store the first rows: those of an instance follow each other, old to new."""
        self.meet(instances)
        self._append(np.full(len(instance), -1, dtype=np.int64), instance, columns)
        again = np.flatnonzero(instance[1:] == instance[:-1]) + 1
        self.previous[again] = again - 1
        self.newest[instance] = np.arange(len(instance))  # of several, the last one stays

    def stored(self, instance: NDArray[np.int32], columns: VersionColumns) -> NDArray[np.int64]:
        """The number of each row of the version, after new rows were stored."""
        rows = self._matched(instance, columns)
        self._append(rows, instance, columns)
        return rows

    def _matched(self, instance: NDArray[np.int32], columns: VersionColumns) -> NDArray[np.int64]:
        """The known row equal to each row of the version, -1 without one."""
        assert columns.split is not None
        pairs: list[tuple[NDArray[np.generic], NDArray[np.generic]]] = [
            (self.label, columns.label),
            (self.split, columns.split),
            (self.source, columns.source),
            (self.date, columns.date),
            # NaN is one bit pattern here, so that equal bits are equal values
            *zip(self.values.view(np.int64), columns.values.view(np.int64), strict=True),
            *zip(self.weak, columns.weak, strict=True),
        ]
        rows = np.full(len(instance), -1, dtype=np.int64)
        candidate = self.newest[instance]
        pending = np.flatnonzero(candidate >= 0)
        while pending.size:
            known = candidate[pending]
            everything = pending.size == len(instance)
            same = np.ones(pending.size, dtype=np.bool_)
            for old, new in pairs:
                same &= old[known] == (new if everything else new[pending])
            rows[pending[same]] = known[same]
            pending = pending[~same]
            candidate[pending] = self.previous[candidate[pending]]
            pending = pending[candidate[pending] >= 0]
        return rows

    def _append(
        self, rows: NDArray[np.int64], instance: NDArray[np.int32], columns: VersionColumns
    ) -> None:
        """Store the rows that were not matched, and fill in their numbers."""
        fresh = np.flatnonzero(rows < 0)
        if not fresh.size:
            return
        self._reserve(fresh.size)
        place = slice(self.count, self.count + fresh.size)
        self.instance[place] = instance[fresh]
        for name in ("label", "split", "source", "date"):
            getattr(self, name)[place] = getattr(columns, name)[fresh]
        self.previous[place] = self.newest[instance[fresh]]
        for stored, own in zip(self.values, columns.values, strict=True):
            stored[place] = own[fresh]
        self.weak[:, place] = columns.weak[:, fresh]
        numbers = np.arange(place.start, place.stop)
        self.newest[instance[fresh]] = numbers
        rows[fresh] = numbers
        self.count += fresh.size


class WeakBuilder:
    """Takes in the label probabilities and votes of each version old to new.

    `count` numbers per row are needed for them. `findings` are complete once `labels` was called.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._classes = [name for name, _ in project.roles.label_probabilities]
        self._votes = project.roles.votes
        self._texts = Dictionary()
        self._lacking: list[set[str]] = []
        self.count = len(self._classes) + len(self._votes)
        self.findings: list[Finding] = []

    def read(self, frame: pl.DataFrame, *, untyped: bool) -> tuple[NDArray[np.int32], pl.Series]:
        """The next version's numbers, and the class of every row's largest probability, if any.

        The numbers are int32 of shape (count, n_rows): the bits of the float32 probabilities, then
        the votes; equal numbers are equal values. No vote and a vote of -1 differ until all
        versions are known: -1 may be a class of a later one.
        """
        probabilities = read_probabilities(frame, self._project.roles)
        votes = np.full((len(self._votes), len(frame)), -1, dtype=np.int32)
        self._lacking.append({name for name, column in self._votes if column not in frame.columns})
        for place, (name, column) in enumerate(self._votes):
            if name not in self._lacking[-1]:
                votes[place] = self._texts.encode(key_text(frame[column], untyped=untyped))
        numbers = np.concatenate([probabilities.values.view(np.int32), votes])
        return numbers, probabilities.labels(self._project.roles)

    def labels(
        self, numbers: NDArray[np.int32], labels: Sequence[str], held: Sequence[NDArray[np.int64]]
    ) -> WeakLabels | None:
        """The label probabilities and votes of the distinct rows; None without such columns.

        `numbers` are of shape (count, n_rows), `labels` by their codes; `held` are the rows of each
        version.
        """
        if not self.count:
            return None
        known = [*labels, *(name for name in self._classes if name not in labels)]
        by_text = self._meanings(known)
        new = natural_order({name for name in by_text.values() if name is not None} - set(known))
        classes = (*known, *new)
        if len(classes) > _MOST_CLASSES:
            raise VersionError(
                f"The votes of labeling functions in {self._project.name} name {len(classes):,} "
                "classes: these are no votes.",
                fix="Name the columns of votes under [columns] in chameleon.toml.",
            )
        code: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
        code[None] = ABSTAIN
        codes = [code[name] for name in by_text.values()]
        split = len(self._classes)
        votes = np.array([*codes, ABSTAIN], dtype=np.int16)[numbers[split:]]
        for number, version in enumerate(self._project.versions):
            self._check(version, votes[:, held[number]], classes, len(known), self._lacking[number])
        return WeakLabels(
            classes=classes,
            codes=np.array([code[name] for name in self._classes], dtype=np.int16),
            probabilities=np.ascontiguousarray(numbers[:split]).view(np.float32),
            rules=tuple(name for name, _ in self._votes),
            votes=votes,
            derived=self._project.roles.label is None,
        )

    def _meanings(self, known: Sequence[str]) -> dict[str, str | None]:
        """The class of each text of a vote, in the order of their numbers; None: it abstains.

        A whole number that is no class's name is the place of a class among the probabilities, as
        label models write it, unless any class has a number as its name.
        """
        numbered = any(_NUMBER.fullmatch(name) for name in known)
        by_place: dict[str, str] = {}
        meanings: dict[str, str | None] = {}
        for text in self._texts.numbers:
            meanings[text] = text
            if text in known:
                continue
            if text in _ABSTAINS:
                meanings[text] = None
            elif not numbered and _PLACE.fullmatch(text) and int(text) < len(self._classes):
                meanings[text] = by_place[text] = self._classes[int(text)]
        if by_place:
            read = ", ".join(f"{text} as '{by_place[text]}'" for text in sorted(by_place)[:5])
            self._note(
                "votes are read as places among the classes of the label probabilities, in the "
                f"order of chameleon.toml or of their names: {read}. Write the names of classes "
                "instead where that is wrong."
            )
        if "-1" in known and "-1" in meanings:
            self._note(
                "a vote of -1 is one for the class '-1', because there is one: only a missing vote "
                "abstains."
            )
        return meanings

    def _note(self, message: str) -> None:
        self.findings.append(Finding(Severity.NOTE, f"{self._project.name}: {message}"))

    def _check(
        self,
        version: Version,
        votes: NDArray[np.int16],
        classes: Sequence[str],
        known: int,
        lacking: set[str],
    ) -> None:
        """Note votes for classes beyond the first `known`, and functions that never vote."""
        for (rule, column), own in zip(self._votes, votes, strict=True):
            if rule in lacking:
                continue
            if (own == ABSTAIN).all():
                message = (
                    f"has no vote in '{column}': the labeling function abstains on all of its "
                    f"{len(own):,} rows."
                )
                self.findings.append(version.finding(Severity.NOTE, message, column))
            unknown = own[own >= known]
            if unknown.size:
                found = tuple(classes[code] for code in np.unique(unknown)[:_EXAMPLES])
                named = ", ".join(f"'{name}'" for name in found)
                message = (
                    f"has votes in '{column}' for a class that no label and no label probability "
                    f"names, such as {named}, in {unknown.size:,} of {len(own):,} rows: they count "
                    "as votes for that class. Leave a cell empty, or write -1, to abstain."
                )
                self.findings.append(
                    version.finding(
                        Severity.WARNING, message, column, count=int(unknown.size), examples=found
                    )
                )
