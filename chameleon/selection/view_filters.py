"""What can be chosen in the views beside the Feature View, as values that a link can carry."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

from chameleon.errors import Option, SelectionError

OUTCOME_WORDS = ("correct", "incorrect")
_SAME_LABEL = "!"


class OutcomeChange(NamedTuple):
    """A cell of the prediction change matrix: the outcome before and after.

    `same_label` judges both against the primary row's label, instead of each against its own.
    """

    secondary: str
    primary: str
    same_label: bool = False

    def to_text(self) -> str:
        """Such as correct>incorrect; a "!" at the end stands for `same_label`."""
        return f"{self.secondary}>{self.primary}{_SAME_LABEL if self.same_label else ''}"

    @classmethod
    def from_text(cls, text: str) -> OutcomeChange:
        """The cell of that text.

        Raises
        ------
        SelectionError
            It names none.
        """
        before, _, after = text.removesuffix(_SAME_LABEL).partition(">")
        if before not in OUTCOME_WORDS or after not in OUTCOME_WORDS:
            raise SelectionError(f"The link asks for '{text}', which is no cell of the matrix.")
        return cls(before, after, text.endswith(_SAME_LABEL))


class ClassChange(NamedTuple):
    """A cell of the class-to-class table: the class predicted before and after."""

    secondary: str
    primary: str

    def to_text(self) -> str:
        """A JSON list of both."""
        return json.dumps(list(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> ClassChange:
        """The cell of that text.

        Raises
        ------
        SelectionError
            It is no list of two classes.
        """
        found = _json(text)
        if not isinstance(found, list) or len(found) != 2 or not _all_texts(found):
            raise SelectionError(f"The link asks for '{text}', which is no change of class.")
        return cls(*found)


class ConfusionCell(NamedTuple):
    """A cell of a confusion matrix: a true class and what one version's model says of it.

    Both are read from that version: its own row's label, its own model's prediction.

    Attributes
    ----------
    label, prediction
        The classes.
    secondary
        Whether the cell is the secondary version's instead of the primary's.
    """

    label: str
    prediction: str
    secondary: bool = False

    def to_text(self) -> str:
        """A JSON list of its parts."""
        return json.dumps(list(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> ConfusionCell:
        """The cell of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(label), str(prediction), bool(secondary)]:
                return cls(label, prediction, secondary)
        raise SelectionError(f"The link asks for '{text}', which is no cell of a confusion matrix.")


class Happened(Option):
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

    happened: Happened
    feature: str | None = None

    def to_text(self) -> str:
        """Such as added, edited, or edited:width."""
        return self.happened.value if self.feature is None else f"{self.happened}:{self.feature}"

    @classmethod
    def from_text(cls, text: str) -> DataChange:
        """The change of that text.

        Raises
        ------
        SelectionError
            It names none.
        """
        word, colon, feature = text.partition(":")
        known = word in list(Happened) and (not colon or word == Happened.EDITED)
        if not known:
            raise SelectionError(f"The link asks for a change '{text}', which does not exist.")
        return cls(Happened(word), feature if colon else None)


class Voted(Option):
    """How the vote of a labelling rule can change from the secondary to the primary version.

    It starts (abstained before), stops (abstains after) or switches to another class; `CHANGED` is
    any of these.
    """

    CHANGED = "changed"
    STARTED = "started"
    STOPPED = "stopped"
    SWITCHED = "switched"


class VoteChange(NamedTuple):
    """Instances of both versions for which the vote of a labelling rule changed, and how."""

    rule: str
    voted: Voted = Voted.CHANGED

    def to_text(self) -> str:
        """A JSON list of both."""
        return json.dumps([self.rule, self.voted.value], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> VoteChange:
        """The change of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(rule), str(word)] if word in list(Voted):
                return cls(rule, Voted(word))
        raise SelectionError(f"The link asks for a change of votes '{text}', which does not exist.")


class RuleVote(NamedTuple):
    """What a labelling rule votes for; None: it abstains."""

    rule: str
    vote: str | None

    def to_text(self) -> str:
        """A JSON list of both."""
        return json.dumps(list(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> RuleVote:
        """The vote of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(rule), str() | None as vote]:
                return cls(rule, vote)
        raise SelectionError(f"The link asks for a vote '{text}', which cannot be read.")


class LabelProbability(NamedTuple):
    """Label probabilities of a class from `low` up to below `high`; 1 itself where `high` is 1."""

    of_class: str
    low: float
    high: float

    def to_text(self) -> str:
        """A JSON list of the parts."""
        return json.dumps([self.of_class, float(self.low), float(self.high)], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> LabelProbability:
        """The range of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(name), float() | int() as low, float() | int() as high]:
                bounds = (low, high)
                if not any(isinstance(b, bool) for b in bounds) and 0 <= low <= high <= 1:
                    return cls(name, float(low), float(high))
        raise SelectionError(f"The link asks for label probabilities '{text}', which are none.")


class SensitivityRange(NamedTuple):
    """What sensitivity is counted over.

    Attributes
    ----------
    first, last
        Names of versions, both included.
    held_only
        Whether only versions that hold the instance count.
    classes
        Whether changes of the predicted class are counted instead of changes of the outcome.
    """

    first: str
    last: str
    held_only: bool = False
    classes: bool = False


class SensitivityChoice(NamedTuple):
    """Bars of the sensitivity histogram: numbers of changes, over a range of versions."""

    over: SensitivityRange
    changes: tuple[int, ...]

    def to_text(self) -> str:
        """A JSON list of the range's parts and the numbers."""
        return json.dumps([*self.over, list(self.changes)], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> SensitivityChoice:
        """The choice of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(first), str(last), bool(held), bool(classes), [*changes]]:
                numbers = tuple(n for n in changes if type(n) is int and n >= 0)
                if len(numbers) == len(changes):
                    return cls(SensitivityRange(first, last, held, classes), numbers)
        raise SelectionError(f"The link asks for a sensitivity '{text}', which cannot be read.")


class AlwaysFails(NamedTuple):
    """Instances that every version of a range gets wrong.

    At least one outcome is known, and every known one is incorrect. Rows stand in for versions
    that lack the instance as they do for the sensitivity.

    Attributes
    ----------
    first, last
        Names of versions, both included.
    held_only
        Whether only versions that hold the instance count.
    """

    first: str
    last: str
    held_only: bool = False

    def to_text(self) -> str:
        """A JSON list of its parts."""
        return json.dumps(list(self), ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> AlwaysFails:
        """The range of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        match _json(text):
            case [str(first), str(last), bool(held)]:
                return cls(first, last, held)
        raise SelectionError(f"The link asks for '{text}', which is no range of versions.")


class Region(NamedTuple):
    """A rectangle of the embedding, [x0, x1) by [y0, y1), in the layout of that key."""

    layout: str
    x0: float
    x1: float
    y0: float
    y1: float

    def to_text(self) -> str:
        """The layout's key and the four bounds."""
        return "_".join([self.layout, *(repr(float(bound)) for bound in self[1:])])

    @classmethod
    def from_text(cls, text: str) -> Region:
        """The region of that text.

        Raises
        ------
        SelectionError
            It is none.
        """
        layout, *bounds = text.split("_")
        try:
            x0, x1, y0, y1 = (float(bound) for bound in bounds)
        except ValueError:
            raise SelectionError(
                f"The link asks for a cell '{text}', which cannot be read."
            ) from None
        if not all(math.isfinite(bound) for bound in (x0, x1, y0, y1)):
            raise SelectionError(f"The link asks for a cell '{text}' without bounds.")
        return cls(layout, x0, x1, y0, y1)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # a link may nest thousands of lists
        return None


def _all_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
