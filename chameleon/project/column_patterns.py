"""Columns found by their names: predictions from files, label probabilities, and votes.

Data programming (Ratner et al., NeurIPS 2016) has rules vote for a class or abstain, and makes
label probabilities of the votes. These and predictions tell the label: none is ever a feature.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

PROBABILITY_PREFIX = "label_proba_"
"""Columns of label probabilities begin with it; the class follows."""

VOTE_PREFIX = "label_vote_"
"""Columns of votes begin with it; the rule's name follows."""

CLASS, RULE, VERSION = "{class}", "{rule}", "{version}"
"""Placeholders in the name of a column in chameleon.toml."""

Pairs = tuple[tuple[str, str], ...]
"""Classes, or rules, and the column of each."""


def matching(template: str, placeholder: str, columns: Iterable[str]) -> Pairs:
    """The columns of that name with anything for the placeholder, and what is there."""
    before, found, after = template.partition(placeholder)
    least = len(before) + len(after)
    return tuple(
        (name[len(before) : len(name) - len(after)], name)
        for name in columns
        if found and len(name) > least and name.startswith(before) and name.endswith(after)
    )


@dataclass(frozen=True, slots=True)
class WeakColumns:
    """Columns of label probabilities and votes in chameleon.toml; None: found by their names.

    Attributes
    ----------
    probabilities
        A column's name with {class} in it, or the column of every class. None at all (an empty
        tuple) lets columns that look like it be features.
    votes
        A column's name with {rule} in it, or the columns.
    """

    probabilities: str | Pairs | None = None
    votes: str | tuple[str, ...] | None = None

    def probability_columns(self, columns: Iterable[str], taken: Collection[str]) -> Pairs:
        """The classes and their columns, in the order they are named, or that of `columns`.

        Parameters
        ----------
        columns
            All columns there are.
        taken
            Columns with another role, and those that are no features: never found by a name.
        """
        if isinstance(self.probabilities, tuple):
            return self.probabilities
        free = [name for name in columns if name not in taken]
        return matching(self.probabilities or PROBABILITY_PREFIX + CLASS, CLASS, free)

    def vote_columns(self, columns: Iterable[str], taken: Collection[str]) -> Pairs:
        """The rules and their columns, in the order they are named, or that of `columns`."""
        if isinstance(self.votes, tuple):
            return tuple((name, name) for name in self.votes)
        free = [name for name in columns if name not in taken]
        return matching(self.votes or VOTE_PREFIX + RULE, RULE, free)


@dataclass(slots=True)
class VersionPredictionColumns:
    """The columns of one version's predicted class, or None, and of its probabilities by class."""

    prediction: str | None = None
    shares: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PredictionColumns:
    """The names of columns that hold predictions made elsewhere.

    Attributes
    ----------
    columns
        The column with the predicted class, such as "prediction_{version}". Without {version}
        it holds the predictions of the version whose row it is.
    proba
        The column with the probability of a class, such as "proba_{version}_{class}"; None where
        there is none.
    """

    columns: str
    proba: str | None = None

    def holds(self, column: str) -> bool:
        """Return True if the column holds predictions, of whichever version."""
        templates = [self.columns] if self.proba is None else [self.columns, self.proba]
        return any(re.fullmatch(_pattern(text), column, re.DOTALL) for text in templates)

    def of_versions(
        self, columns: Iterable[str], versions: Collection[str]
    ) -> dict[str, VersionPredictionColumns]:
        """The columns of every version's predictions, by version name.

        Where a name reads in two ways (version 1 and class 2_a, or version 1_2 and class a), the
        longer version has it.
        """
        found = {version: VersionPredictionColumns() for version in versions}
        names, proba = list(columns), self.proba or ""
        if VERSION not in self.columns:
            for own in found.values():
                own.prediction = self.columns if self.columns in names else None
                own.shares = dict(matching(proba, CLASS, names))
            return found
        longest_first = sorted(found, key=len, reverse=True)
        exact = {self.columns.replace(VERSION, version): version for version in longest_first}
        for column in names:
            if column in exact:
                found[exact[column]].prediction = column
        taken = {name for name in names if name in exact}
        for version in longest_first:
            free = [column for column in names if column not in taken]
            found[version].shares = dict(matching(proba.replace(VERSION, version), CLASS, free))
            taken.update(found[version].shares.values())
        return found


def _pattern(template: str) -> str:
    return "(.+)".join(re.escape(part) for part in re.split(r"\{version\}|\{class\}", template))
