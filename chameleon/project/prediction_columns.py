"""Columns of predictions that were made elsewhere: whose they are, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chameleon.project.records import PredictionColumns, Version


@dataclass(slots=True)
class SaidColumns:
    """The columns of one version's predictions.

    Attributes
    ----------
    prediction
        The column with the predicted class; None where there is none.
    shares
        The column with the probability of each class, by class.
    """

    prediction: str | None = None
    shares: dict[str, str] = field(default_factory=dict)


def is_said(asked: PredictionColumns | None, column: str) -> bool:
    """Whether the column holds predictions, of whichever version, and is therefore no feature."""
    if asked is None:
        return False
    templates = [asked.columns] if asked.proba is None else [asked.columns, asked.proba]
    return any(re.fullmatch(_pattern(text), column, re.DOTALL) for text in templates)


def said_columns(
    asked: PredictionColumns, columns: Iterable[str], versions: Sequence[Version]
) -> dict[str, SaidColumns]:
    """The columns of every version's predictions, by version name.

    Where a name reads in two ways (version 1 and class 2_a, or version 1_2 and class a), the
    longer version has it.
    """
    found = {version.name: SaidColumns() for version in versions}
    longest_first = sorted(found, key=len, reverse=True)
    names = list(columns)
    exact = {asked.columns.replace("{version}", name): name for name in longest_first}
    if "{version}" not in asked.columns:
        longest_first = []
        for said in found.values():
            said.prediction = asked.columns if asked.columns in names else None
            said.shares = _shares(asked.proba or "", names)
    taken: set[str] = set()
    for column in names if longest_first else ():
        if column in exact:
            found[exact[column]].prediction = column
            taken.add(column)
    for name in longest_first if asked.proba is not None else ():
        rest = [column for column in names if column not in taken]
        found[name].shares = _shares((asked.proba or "").replace("{version}", name), rest)
        taken.update(found[name].shares.values())
    return found


def _shares(template: str, names: Iterable[str]) -> dict[str, str]:
    before, placeholder, after = template.partition("{class}")
    if not placeholder:
        return {}
    least = len(before) + len(after)
    return {
        name[len(before) : len(name) - len(after)]: name
        for name in names
        if len(name) > least and name.startswith(before) and name.endswith(after)
    }


def _pattern(template: str) -> str:
    return "(.+)".join(re.escape(part) for part in re.split(r"\{version\}|\{class\}", template))
