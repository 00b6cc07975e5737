"""Probabilistic labels and votes of labelling rules: their columns, and their values by row.

Data programming (Ratner et al., NeurIPS 2016) has rules vote for a class or abstain, and makes
label probabilities of the votes. Both tell the label, so that neither is ever a feature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROBABILITY_PREFIX = "label_proba_"
"""What the columns of label probabilities begin with; the class follows."""

VOTE_PREFIX = "label_vote_"
"""What the columns of votes begin with; the rule's name follows."""

CLASS, RULE = "{class}", "{rule}"
"""What stands for the class, or the rule, in the name of a column in chameleon.toml."""

ABSTAIN = -1

Pairs = tuple[tuple[str, str], ...]
"""Classes, or rules, and the column of each."""


@dataclass(frozen=True, slots=True)
class WeakColumns:
    """What chameleon.toml says of label probabilities and votes; None: found by their names.

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
        template = self.probabilities or PROBABILITY_PREFIX + CLASS
        return _matching(template, CLASS, columns, taken)

    def vote_columns(self, columns: Iterable[str], taken: Collection[str]) -> Pairs:
        """The rules and their columns, in the order they are named, or that of `columns`."""
        if isinstance(self.votes, tuple):
            return tuple((name, name) for name in self.votes)
        return _matching(self.votes or VOTE_PREFIX + RULE, RULE, columns, taken)


def _matching(
    template: str, placeholder: str, columns: Iterable[str], taken: Collection[str]
) -> Pairs:
    before, _, after = template.partition(placeholder)
    least = len(before) + len(after)
    return tuple(
        (name[len(before) : len(name) - len(after)], name)
        for name in columns
        if len(name) > least
        and name.startswith(before)
        and name.endswith(after)
        and name not in taken
    )


@dataclass(frozen=True, slots=True, eq=False)
class WeakLabels:
    """The label probabilities and votes of all distinct rows.

    Attributes
    ----------
    classes
        The dataset's classes, then those that only probabilities or votes name.
    codes
        The classes that have a column of probabilities: int16, indices into `classes`.
    probabilities
        float32 of shape (n_codes, n_rows); NaN in a whole column where a row has none.
    rules
        The labelling rules.
    votes
        int16 of shape (n_rules, n_rows): index into `classes`, -1 where the rule abstains. A rule
        that a version lacks abstains there.
    derived
        Whether the hard label is the class of the largest probability, for want of a column.
    """

    classes: tuple[str, ...]
    codes: NDArray[np.int16]
    probabilities: NDArray[np.float32]
    rules: tuple[str, ...]
    votes: NDArray[np.int16]
    derived: bool

    def has_probabilities(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each row has label probabilities."""
        if not len(self.codes):
            return np.zeros(len(rows), dtype=np.bool_)
        held: NDArray[np.bool_] = ~np.isnan(self.probabilities[0, rows])
        return held

    def likeliest(self, rows: NDArray[np.integer]) -> NDArray[np.int16]:
        """The class of each row's largest probability; -1 where there is none, or a tie."""
        place, _ = largest(self.probabilities[:, rows])
        return np.append(self.codes, np.int16(-1))[place]


def largest(probabilities: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The place of the largest probability of every row, and whether several share it.

    Parameters
    ----------
    probabilities
        Of shape (n_classes, n_rows), as they are stored.

    Returns
    -------
    place
        -1 where there is no probability, or where several are the largest.
    tied
        Whether several are.
    """
    count = probabilities.shape[1]
    if not len(probabilities):
        return np.full(count, -1, dtype=np.intp), np.zeros(count, dtype=np.bool_)
    known = ~np.isnan(probabilities[0])
    filled = np.where(known, probabilities, np.float32(0))
    tied: NDArray[np.bool_] = known & ((filled == filled.max(axis=0)).sum(axis=0) > 1)
    return np.where(known & ~tied, filled.argmax(axis=0), -1), tied
