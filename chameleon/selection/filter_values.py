"""The values that filters hold: frozen, and never bin numbers, so that links outlive new data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from chameleon.errors import Option


class Range(NamedTuple):
    """Values from `low` up to `high`: `low` itself unless `open`, `high` only where `closed`."""

    low: float
    high: float
    closed: bool = False
    open: bool = False

    @property
    def in_order(self) -> Range:
        """The range between the same ends, the lower one first."""
        if self.low <= self.high:
            return self
        return Range(self.high, self.low, closed=not self.open, open=not self.closed)


@dataclass(frozen=True, slots=True)
class FeatureFilter:
    """Values of one feature. Its parts widen each other.

    Attributes
    ----------
    feature
        The feature's name.
    ranges
        Ranges of numbers or dates (microseconds since 1970); of booleans 0 and 1.
    categories
        Texts.
    other
        Texts that the histogram merges into "other".
    missing, non_finite
        Missing values, and infinite ones.
    """

    feature: str
    ranges: tuple[Range, ...] = ()
    categories: tuple[str, ...] = ()
    other: bool = False
    missing: bool = False
    non_finite: bool = False

    def __post_init__(self) -> None:
        """Put reversed ranges in order, and drop repetitions."""
        ranges = tuple(dict.fromkeys(limits.in_order for limits in self.ranges))
        object.__setattr__(self, "ranges", ranges)
        object.__setattr__(self, "categories", tuple(dict.fromkeys(self.categories)))

    @property
    def flags(self) -> tuple[str, ...]:
        """Of "other", "missing", and "non-finite" those that match."""
        found = {"other": self.other, "missing": self.missing, "non-finite": self.non_finite}
        return tuple(name for name, wanted in found.items() if wanted)

    @property
    def is_empty(self) -> bool:
        """Return True if the filter asks for nothing."""
        return not (self.ranges or self.categories or self.flags)


class OutcomeChange(NamedTuple):
    """A cell of the prediction change matrix: the outcome before and after.

    `same_label` judges both against the primary row's label, instead of each against its own.
    """

    secondary: str
    primary: str
    same_label: bool = False


class ClassChange(NamedTuple):
    """A cell of the class-to-class table: the class predicted before and after."""

    secondary: str
    primary: str


class ConfusionCell(NamedTuple):
    """A cell of a confusion matrix: a true class and the class one version's model predicts.

    Both are read from the primary version, or from the secondary one: its own row's label, its
    own model's prediction.
    """

    label: str
    prediction: str
    secondary: bool = False


class ChangeType(Option):
    """What can happen to an instance in the step from the secondary to the primary version.

    An instance is added, removed or kept; a kept one is relabelled, edited, moved to another
    split, several of these, or unchanged. `LABELLED` is relabelled from no label at all.
    """

    ADDED = "added"
    REMOVED = "removed"
    RELABELLED = "relabelled"
    LABELLED = "labelled"
    EDITED = "edited"
    MOVED = "moved"
    UNCHANGED = "unchanged"


class DataChange(NamedTuple):
    """What happened to the instance in the step; where it was edited, perhaps in which feature."""

    happened: ChangeType
    feature: str | None = None


class Voted(Option):
    """How the vote of a labeling function can change from the secondary to the primary version.

    It starts (abstained before), stops (abstains after) or switches to another class; `CHANGED` is
    any of these.
    """

    CHANGED = "changed"
    STARTED = "started"
    STOPPED = "stopped"
    SWITCHED = "switched"


class VoteChange(NamedTuple):
    """Instances of both versions for which the vote of a labeling function changed, and how."""

    rule: str
    voted: Voted = Voted.CHANGED


class RuleVote(NamedTuple):
    """The vote of a labeling function; None: it abstains."""

    rule: str
    vote: str | None


class LabelProbability(NamedTuple):
    """Label probabilities of a class from `low` up to below `high`; 1 itself where `high` is 1."""

    of_class: str
    low: float
    high: float


class SensitivityRange(NamedTuple):
    """The versions, `first` and `last` included, and the changes that the sensitivity counts.

    `held_only` counts only versions that hold the instance, `classes` changes of the predicted
    class instead of changes of the outcome.
    """

    first: str
    last: str
    held_only: bool = False
    classes: bool = False


class SensitivityChoice(NamedTuple):
    """Bars of the sensitivity histogram: numbers of changes, over a range of versions."""

    over: SensitivityRange
    changes: tuple[int, ...]


class AlwaysFails(NamedTuple):
    """Instances that every version of a range gets wrong, `first` and `last` included.

    At least one outcome is known, and every known one is incorrect. Rows stand in for versions
    that lack the instance as they do for the sensitivity, unless `held_only`.
    """

    first: str
    last: str
    held_only: bool = False


class Region(NamedTuple):
    """A rectangle of the embedding, [x0, x1) by [y0, y1), in the layout of that key."""

    layout: str
    x0: float
    x1: float
    y0: float
    y1: float
