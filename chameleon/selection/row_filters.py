"""The kinds of filters that depend on one version's row alone; see `Filter` for the methods."""

from __future__ import annotations

import datetime as dt
import json
import math
from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import OUTCOMES
from chameleon.data import SPLITS
from chameleon.errors import SelectionError
from chameleon.project import ABSTAIN, Kind, Split, WeakLabels
from chameleon.selection.filter_base import (
    JsonText,
    Mask,
    QueryItems,
    RowFilter,
    Rows,
    Target,
    escaped,
    not_readable,
    unescaped,
)
from chameleon.selection.filter_values import (
    FeatureFilter,
    LabelProbability,
    Range,
    Region,
    RuleVote,
    filter_words,
    shortened,
)

__all__ = ["ROW_FILTERS", "votes_of"]

C = TypeVar("C", bound=Hashable)
Days = tuple[dt.date | None, dt.date | None]


class _CodeFilter(RowFilter[C]):
    """A filter by a column of codes, all of them at once: there may be thousands."""

    view = "the sidebar"

    @abstractmethod
    def names(self, at: Rows) -> Sequence[str]:
        """The names of the codes."""

    def codes(self, at: Rows) -> NDArray[Any]:
        """The code of every row."""
        codes: NDArray[Any] = getattr(at.dataset, self.key)[at.rows]
        return codes

    def matching(self, at: Rows) -> Mask:
        return self.mask([self], at)

    @classmethod
    def mask(cls, parts: Sequence[_CodeFilter[C]], at: Rows) -> Mask:
        names = parts[0].names(at)
        values = [None if part.value is None else str(part.value) for part in parts]
        return np.isin(parts[0].codes(at), [at.code(value, names, cls.key) for value in values])

    @property
    def side_label(self) -> str:
        return f"no {self.key}" if self.value is None else str(self.value)

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"{self.key}: {self.side_label}"


class SplitFilter(_CodeFilter[Split]):
    """Instances of a split."""

    field, key, asks_for = "splits", "split", "splits"

    def names(self, at: Rows) -> Sequence[str]:
        return SPLITS

    @classmethod
    def read(cls, text: str) -> Split:
        if text not in list(Split):
            raise not_readable(text, "a split")
        return Split(text)


class OutcomeFilter(_CodeFilter[str]):
    """Instances of an outcome under the primary version's model."""

    field, key, asks_for = "outcomes", "outcome", "outcomes"

    def names(self, at: Rows) -> Sequence[str]:
        return OUTCOMES

    def codes(self, at: Rows) -> NDArray[Any]:
        outcomes: NDArray[np.uint8] = at.evaluation.outcome[at.version, at.rows]
        return outcomes

    @classmethod
    def read(cls, text: str) -> str:
        if text not in OUTCOMES:
            raise not_readable(text, "an outcome")
        return text


class _NameFilter(_CodeFilter[str | None]):
    """A filter by a name; None matches instances without one."""

    @property
    def text(self) -> str:
        return escaped(self.value)

    @classmethod
    def read(cls, text: str) -> str | None:
        return unescaped(text)


class LabelFilter(_NameFilter):
    """Instances of a label."""

    field, key, asks_for = "labels", "label", "labels"

    def names(self, at: Rows) -> Sequence[str]:
        return at.dataset.classes


class SourceFilter(_NameFilter):
    """Instances of a source."""

    field, key, asks_for = "sources", "source", "sources"

    def names(self, at: Rows) -> Sequence[str]:
        return at.dataset.sources


class DateFilter(RowFilter[Days]):
    """Instances dated from a first day to a last one, both included; either may be open."""

    field, key, asks_for, view, single = "dates", "date", "dates", "the sidebar", True

    @classmethod
    def normal(cls, values: tuple[Days, ...]) -> tuple[Days, ...]:
        return tuple(
            (last, first) if first and last and last < first else (first, last)
            for first, last in values
        )

    def matching(self, at: Rows) -> Mask:
        dates, (first, last) = at.dataset.date[at.rows], self.value
        mask: Mask = ~np.isnat(dates)
        if first is not None:
            mask &= dates >= np.datetime64(first, "us")
        if last is not None:
            mask &= dates.astype("datetime64[D]") <= np.datetime64(last, "D")
        return mask

    @property
    def text(self) -> str:
        first, last = ("" if day is None else day.isoformat() for day in self.value)
        return f"{first}..{last}"

    @classmethod
    def read(cls, text: str) -> Days:
        first, _, last = text.partition("..")
        try:
            return (
                dt.date.fromisoformat(first) if first else None,
                dt.date.fromisoformat(last) if last else None,
            )
        except ValueError:
            raise not_readable(text, "a range of dates such as 2019-01-01..2019-02-01") from None

    @property
    def side_label(self) -> str:
        first, last = self.value
        return f"from {first or 'the first'} to {last or 'the last'}"

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"date: {self.side_label}"


class RegionFilter(RowFilter[Region]):
    """Instances in a rectangle of the embedding; in a link the layout's key and the bounds."""

    field, key, asks_for, view = "regions", "cell", "cells of the embedding", "the embedding"

    def matching(self, at: Rows) -> Mask:
        layout, region = at.evaluation.layout, self.value
        if layout is None:
            raise SelectionError("There is no embedding to filter by.")
        if region.layout != layout.key:
            raise SelectionError(
                "The cells of the embedding were selected in a layout that is no longer shown."
            )
        # exactly as the bounds are: a float32 would be compared with rounded bounds
        x, y = layout.x[at.rows].astype(np.float64), layout.y[at.rows].astype(np.float64)
        mask: Mask = (x >= region.x0) & (x < region.x1) & (y >= region.y0) & (y < region.y1)
        return mask

    @property
    def text(self) -> str:
        return "_".join([self.value.layout, *(repr(float(bound)) for bound in self.value[1:])])

    @classmethod
    def read(cls, text: str) -> Region:
        layout, *bounds = text.split("_")
        try:
            x0, x1, y0, y1 = (float(bound) for bound in bounds)
        except ValueError:
            raise not_readable(text, "a cell of the embedding") from None
        if not all(math.isfinite(bound) for bound in (x0, x1, y0, y1)):
            raise not_readable(text, "a cell with finite bounds")
        return Region(layout, *sorted((x0, x1)), *sorted((y0, y1)))

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return "a cell of the embedding"


class VoteFilter(JsonText[RuleVote, Rows], RowFilter[RuleVote]):
    """Instances by the vote of a labeling function, combined with AND across functions."""

    field, key, asks_for, view = "votes", "vote", "votes of labeling functions", "the weak labels"
    shape, meaning = RuleVote, "a vote"

    @property
    def group(self) -> Hashable:
        return self.value.rule

    def matching(self, at: Rows) -> Mask:
        rule, vote = self.value
        weak, votes = votes_of(at, rule)
        code = ABSTAIN if vote is None else at.code(vote, weak.classes, "class")
        mask: Mask = votes[at.rows] == code
        return mask

    def label(self, kinds: Mapping[str, Kind]) -> str:
        rule, vote = self.value
        voted = "abstains" if vote is None else f"votes {shortened(vote)}"
        return f"{shortened(rule)}: {voted}"


class LabelProbabilityFilter(JsonText[LabelProbability, Rows], RowFilter[LabelProbability]):
    """Instances by the label probability of a class, combined with AND across classes."""

    field, key, view = "label_probabilities", "label-probability", "the weak labels"
    asks_for = "label probabilities"
    shape, meaning = LabelProbability, "a range of label probabilities"

    @property
    def group(self) -> Hashable:
        return self.value.of_class

    def matching(self, at: Rows) -> Mask:
        weak, name = at.dataset.weak, self.value.of_class
        names = [] if weak is None else [weak.classes[code] for code in weak.codes.tolist()]
        if weak is None or name not in names:
            raise SelectionError(
                f"There are no label probabilities of a class '{name}' in this dataset."
            )
        shares = weak.probabilities[names.index(name), at.rows]
        # bounds are rounded as the stored values were, so that 0.3 is at least 0.3
        low, high = np.float32(self.value.low), np.float32(self.value.high)
        mask: Mask = (shares >= low) & (shares <= high if high >= 1 else shares < high)
        return mask

    @property
    def text(self) -> str:
        name, low, high = self.value
        return json.dumps([name, float(low), float(high)], ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> LabelProbability:
        found = super().read(text)
        if not 0 <= found.low <= found.high <= 1:
            raise not_readable(text, cls.meaning)
        return found

    def label(self, kinds: Mapping[str, Kind]) -> str:
        name, low, high = self.value
        return f"probability of {shortened(name)}: {low:g} to {high:g}"


class ValueFilter(RowFilter[FeatureFilter]):
    """Instances by their values of a feature, combined with AND across features.

    In a link each part is an item: 0.5..2.5, 0.5<..=2.5, =text, other, missing, non-finite.
    """

    field, key, asks_for, view = "features", "f:", "values of features", "the Feature View"

    @property
    def group(self) -> Hashable:
        return self.value.feature

    @classmethod
    def normal(cls, values: tuple[FeatureFilter, ...]) -> tuple[FeatureFilter, ...]:
        return tuple(dict.fromkeys(one for one in values if not one.is_empty))

    def matching(self, at: Rows) -> Mask:
        dataset, one, name = at.dataset, self.value, self.value.feature
        number = at.code(name, [feature.name for feature in dataset.features], "feature")
        bins, is_text = dataset.features[number].bins, dataset.features[number].kind is Kind.TEXT
        if is_text and one.ranges:
            raise SelectionError(f"Feature '{name}' is text, which can't be filtered by ranges.")
        if not is_text and (one.categories or one.other):
            raise SelectionError(f"Feature '{name}' isn't text. Filter it by ranges.")
        mask = np.zeros(len(at.rows), dtype=np.bool_)
        asked = (one.other and bins.other, one.missing, one.non_finite)
        for code, wanted in enumerate(asked, start=bins.missing_code - 1):
            if wanted:
                mask |= dataset.codes[number, at.rows] == code
        if one.ranges:
            numbers = np.asarray(dataset.values[number])[at.rows]
            finite = np.isfinite(numbers)
            for limits in one.ranges:
                mask |= finite & _inside(numbers, limits)
        if one.categories:
            texts = dataset.texts[name].is_in(list(one.categories)).to_numpy()
            mask |= np.isin(dataset.values[number][at.rows], np.flatnonzero(texts))
        return mask

    def to_query(self) -> QueryItems:
        parts = [
            f"{float(r.low)!r}{'<' if r.open else ''}..{'=' if r.closed else ''}{float(r.high)!r}"
            for r in self.value.ranges
        ]
        parts += [f"={category}" for category in self.value.categories]
        return tuple((self.key + self.value.feature, part) for part in (*parts, *self.value.flags))

    @classmethod
    def from_query(cls, items: Mapping[str, Sequence[str]]) -> tuple[FeatureFilter, ...]:
        return tuple(
            _feature_filter(name.removeprefix(cls.key), parts)
            for name, parts in items.items()
            if name.startswith(cls.key)
        )

    @property
    def side_label(self) -> str:
        return shortened(self.value.feature)

    def label(self, kinds: Mapping[str, Kind]) -> str:
        return f"{self.side_label}: {filter_words(self.value, kinds[self.value.feature])}"


def votes_of(at: Target, rule: str) -> tuple[WeakLabels, NDArray[Any]]:
    """The weak labels, and the votes of a labeling function; SelectionError if it is unknown."""
    weak = at.dataset.weak
    if weak is None:
        raise SelectionError(f"There is no labeling function '{rule}' in this dataset.")
    return weak, weak.votes[at.code(rule, weak.rules, "labeling function")]


def _feature_filter(feature: str, parts: Sequence[str]) -> FeatureFilter:
    flags = {"other", "missing", "non-finite"} & {*parts}
    others = [part for part in parts if part not in flags]
    return FeatureFilter(
        feature=feature,
        ranges=tuple(_range(feature, part) for part in others if not part.startswith("=")),
        categories=tuple(part[1:] for part in others if part.startswith("=")),
        other="other" in flags,
        missing="missing" in flags,
        non_finite="non-finite" in flags,
    )


def _range(feature: str, text: str) -> Range:
    low, _, high = text.partition("..")
    try:
        found = Range(
            float(low.removesuffix("<")),
            float(high.removeprefix("=")),
            closed=high.startswith("="),
            open=low.endswith("<"),
        )
    except ValueError:
        raise not_readable(text, f"a range of feature '{feature}' such as 0..2.5") from None
    if math.isnan(found.low) or math.isnan(found.high):
        raise not_readable(text, f"a range of feature '{feature}' with bounds")
    return found


def _inside(values: NDArray[np.float64], limits: Range) -> Mask:
    above = values > limits.low if limits.open else values >= limits.low
    below = values <= limits.high if limits.closed else values < limits.high
    inside: Mask = above & below
    return inside


ROW_FILTERS = (
    SplitFilter, LabelFilter, SourceFilter, DateFilter, OutcomeFilter, RegionFilter, VoteFilter,
    LabelProbabilityFilter, ValueFilter,
)  # fmt: skip
