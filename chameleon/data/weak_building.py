"""Label probabilities and votes while a dataset is built: one version at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.rows import Dictionary
from chameleon.errors import VersionError
from chameleon.project import (
    ABSTAIN,
    Finding,
    Project,
    Severity,
    Version,
    WeakLabels,
    key_text,
    natural_order,
    read_probabilities,
)

_ABSTAINS = ("", "-1")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_PLACE = re.compile(r"[0-9]{1,9}")  # Python refuses to read thousands of digits
_EXAMPLES = 3
_MOST_CLASSES = int(np.iinfo(np.int16).max)


class WeakBuilder:
    """Takes in the columns of each version old to new; `labels` is the result.

    Attributes
    ----------
    count
        So many numbers stand for the label probabilities and votes of a row.
    problems
        What was noticed; complete once `labels` was made.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        roles = project.roles
        self._classes = [name for name, _ in roles.label_probabilities]
        self._votes = roles.votes
        self._texts = Dictionary()
        self._lacking: list[set[str]] = []
        self.count = len(self._classes) + len(self._votes)
        self.findings: list[Finding] = []

    def read(self, frame: pl.DataFrame, *, untyped: bool) -> tuple[NDArray[np.int32], pl.Series]:
        """The next version's numbers, and the class of every row's largest probability.

        Returns
        -------
        numbers
            int32 of shape (count, n_rows): the bits of the float32 probabilities, then the votes;
            equal numbers are equal values. No vote and a vote of -1 stay two until all versions
            are known: -1 may be a class of a later one.
        likeliest
            String; null where there is no probability, or where several are the largest.
        """
        probabilities = read_probabilities(frame, self._project.roles)
        held = [name for name, column in self._votes if column in frame.columns]
        self._lacking.append({name for name, _ in self._votes} - set(held))
        votes = np.full((len(self._votes), len(frame)), -1, dtype=np.int32)
        for place, (name, column) in enumerate(self._votes):
            if name in held:
                votes[place] = self._texts.encode(key_text(frame[column], untyped=untyped))
        numbers = np.concatenate([probabilities.values.view(np.int32), votes])
        return numbers, probabilities.labels(self._project.roles)

    def labels(
        self, numbers: NDArray[np.int32], labels: Sequence[str], held: Sequence[NDArray[np.int64]]
    ) -> WeakLabels | None:
        """The label probabilities and votes of the distinct rows; None where there are no columns.

        Parameters
        ----------
        numbers
            Those of the distinct rows, of shape (count, n_rows).
        labels
            The labels of the dataset, by their codes.
        held
            The rows that each version holds.
        """
        if not self.count:
            return None
        known = [*labels, *(name for name in self._classes if name not in labels)]
        by_text = self._meanings(known)
        said = {name for name in by_text.values() if name is not None}
        new = natural_order(said - set(known))
        classes = (*known, *new)
        if len(classes) > _MOST_CLASSES:
            raise VersionError(
                f"The votes of labelling rules in {self._project.name} name {len(classes):,} "
                "classes: these are no votes. Name the columns of votes under [columns] in "
                "chameleon.toml."
            )
        code = {name: number for number, name in enumerate(classes)}
        codes = [ABSTAIN if name is None else code[name] for name in by_text.values()]
        split = len(self._classes)
        votes = np.array([*codes, ABSTAIN], dtype=np.int16)[numbers[split:]]
        first_new = len(known) if new else None
        for number, version in enumerate(self._project.versions):
            self._tell(version, votes[:, held[number]], classes, first_new, self._lacking[number])
        return WeakLabels(
            classes=classes,
            codes=np.array([code[name] for name in self._classes], dtype=np.int16),
            probabilities=np.ascontiguousarray(numbers[:split]).view(np.float32),
            rules=tuple(name for name, _ in self._votes),
            votes=votes,
            derived=self._project.roles.label is None,
        )

    def _meanings(self, known: Sequence[str]) -> dict[str, str | None]:
        """The class that each text votes for, in the order of their numbers; None: abstains.

        A whole number that is no class's name stands for the class at its place among the
        probabilities, as label models write it; never where any class has a number for a name.
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
            told = ", ".join(f"{text} as '{by_place[text]}'" for text in sorted(by_place)[:5])
            self._note(
                "votes are read as places among the classes of the label probabilities, in the "
                f"order of chameleon.toml or of their names: {told}. Write the names of classes "
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

    def _tell(
        self,
        version: Version,
        votes: NDArray[np.int16],
        classes: Sequence[str],
        first_new: int | None,
        lacking: set[str],
    ) -> None:
        """Note votes for classes that nothing else names, and rules that never vote."""
        for (rule, column), own in zip(self._votes, votes, strict=True):
            if rule in lacking:
                continue
            if (own == ABSTAIN).all():
                self.findings.append(
                    version.finding(
                        Severity.NOTE,
                        f"has no vote in '{column}': the rule abstains on all of its "
                        f"{len(own):,} rows.",
                        column,
                    )
                )
            unknown = own[own >= first_new] if first_new is not None else own[:0]
            if unknown.size:
                found = tuple(classes[code] for code in np.unique(unknown)[:_EXAMPLES])
                named = ", ".join(f"'{name}'" for name in found)
                self.findings.append(
                    version.finding(
                        Severity.WARNING,
                        f"has votes in '{column}' for a class that no label and no label "
                        f"probability names, such as {named}, in {unknown.size:,} of "
                        f"{len(own):,} rows: they count as votes for that class. Leave a cell "
                        "empty, or write -1, to abstain.",
                        column,
                        count=int(unknown.size),
                        examples=found,
                    )
                )
