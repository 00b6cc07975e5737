"""Label probabilities and votes: those of a version's file, checked, and those of all rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.project.columns import MISSING_TOKENS, quoted, unnamed
from chameleon.project.findings import FileFindings, Severity
from chameleon.project.records import Roles

ABSTAIN = -1

TOLERANCE = 1e-6  # the probabilities of a row sum to 1 within this
_EXAMPLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """An error in the label probabilities of some rows: a clause, a column, the rows."""

    clause: str
    column: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ReadProbabilities:
    """The label probabilities of one version.

    `values` are of shape (n_classes, n_rows), in the order of the roles; NaN in a whole column if
    the row has none, or unusable ones. `absent` are columns without any value in the version while
    others have some: their classes count 0. In `tied` rows several classes share the largest one.
    """

    values: NDArray[np.float32]
    absent: tuple[str, ...]
    faults: tuple[Fault, ...]
    tied: NDArray[np.bool_]

    def labels(self, roles: Roles) -> pl.Series:
        """The class of the largest probability as String; null without one, or at a tie."""
        names = [*(name for name, _ in roles.label_probabilities), None]
        place, _ = largest(self.values)
        chosen = np.where(place < 0, len(names) - 1, place)
        return pl.Series("label", names, dtype=pl.String).gather(chosen)


def read_probabilities(frame: pl.DataFrame, roles: Roles) -> ReadProbabilities:
    """The label probabilities of a version's rows, from the columns in its file."""
    asked = roles.label_probabilities
    values = np.full((len(asked), len(frame)), np.nan, dtype=np.float32)
    given = {
        place: _numbers(frame[column])
        for place, (_, column) in enumerate(asked)
        if column in frame.columns
    }
    held = {place: found for place, found in given.items() if not found[1].all()}
    if not held:
        return ReadProbabilities(values, (), (), np.zeros(len(frame), dtype=np.bool_))
    columns = {place: asked[place][1] for place in held}
    numbers = np.array([found[0] for found in held.values()])
    missing = np.array([found[1] for found in held.values()])
    faults = tuple(_faults(list(columns.values()), numbers, missing))
    usable = ~missing.any(axis=0)
    for fault in faults:
        usable &= ~fault.rows
    values[:, usable] = 0
    for place, found in zip(held, numbers, strict=True):
        values[place, usable] = found[usable] + 0.0  # -0.0 becomes 0.0
    absent = tuple(column for place, (_, column) in enumerate(asked) if place not in held)
    return ReadProbabilities(values, absent, faults, largest(values)[1])


def _numbers(column: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values as numbers, infinite if they are none, and True for each that is missing."""
    column = unnamed(column)
    if column.dtype == pl.Boolean or column.dtype.is_temporal():
        column = column.cast(pl.String)  # no probability, although it is stored as a number
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
        column = column.set(column.is_in(MISSING_TOKENS), None)
    elif column.dtype.is_float():
        column = column.fill_nan(None)
    missing = column.is_null().to_numpy()
    numbers = column.cast(pl.Float64, strict=False).fill_nan(None).fill_null(np.inf)
    return numbers.to_numpy(), missing


def _faults(
    columns: list[str], numbers: NDArray[np.float64], missing: NDArray[np.bool_]
) -> Iterator[Fault]:
    sound = ~missing.any(axis=0)
    for place, column in enumerate(columns):
        outside = ~missing[place] & ~((numbers[place] >= 0) & (numbers[place] <= 1))
        if outside.any():
            sound &= ~outside
            least = numbers[place, outside].min()
            such = f", such as {least:g}" if np.isfinite(least) else ""
            yield Fault(
                f"has a label probability ('{column}') that isn't a number from 0 to 1{such}",
                column,
                outside,
            )
    for place, column in enumerate(columns):
        partly = missing[place] & ~missing.all(axis=0)
        if partly.any():
            yield Fault(
                f"has no label probability in '{column}', but in other columns", column, partly
            )
    sums = np.where(sound, numbers, 1 / len(columns)).sum(axis=0)
    wrong = np.abs(sums - 1) > TOLERANCE
    if wrong.any():
        yield Fault(
            f"has label probabilities ({quoted(columns, 5)}) that do not sum to 1 within "
            f"{TOLERANCE:g}, such as {sums[wrong].min():.7g}",
            columns[0],
            wrong,
        )


def check_probabilities(
    findings: FileFindings, found: ReadProbabilities, key: pl.Series | None, *, derives: bool
) -> None:
    """Add findings about label probabilities; `derives`: the label is made of them."""
    count = len(found.tied)
    for fault in found.faults:
        ids: list[str] = []
        if key is not None:
            ids = key.filter(pl.Series(fault.rows)).drop_nulls().head(_EXAMPLES).to_list()
        wrong = int(fault.rows.sum())
        findings.add(
            Severity.WARNING,
            f"{fault.clause}, in {wrong:,} of {count:,} rows"
            + (f", such as ids {quoted(ids)}" if ids else "")
            + ". These rows count as without label probabilities.",
            fault.column,
            count=wrong,
            examples=tuple(ids),
        )
    if found.absent:
        findings.add(
            Severity.NOTE,
            f"has no value in {len(found.absent):,} columns of label probabilities, such as "
            f"{quoted(found.absent[:_EXAMPLES])}: their classes have the probability 0.",
            found.absent[0],
        )
    tied = int(found.tied.sum())
    if derives and tied:
        findings.add(
            Severity.WARNING,
            f"has several largest label probabilities in {tied:,} of {count:,} rows: these have no "
            "label. Add a label column with theirs.",
            count=tied,
        )


@dataclass(frozen=True, slots=True, eq=False)
class WeakLabels:
    """The label probabilities and votes of all distinct rows.

    `classes` are the dataset's, then those that only probabilities or votes name; `codes` the
    places of those with a column of probabilities. `probabilities` are of shape (n_codes, n_rows),
    NaN in a whole column if a row has none. `votes` of the labeling functions (`rules`) are of
    shape (n_rules, n_rows): places in `classes`, -1 if one abstains, as it does in a version
    without its column. `derived` is True if the label is the class of the largest probability,
    without a label column.
    """

    classes: tuple[str, ...]
    codes: NDArray[np.int16]
    probabilities: NDArray[np.float32]
    rules: tuple[str, ...]
    votes: NDArray[np.int16]
    derived: bool

    def has_probabilities(self, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
        """True for each row with label probabilities."""
        if not len(self.codes):
            return np.zeros(len(rows), dtype=np.bool_)
        return np.asarray(~np.isnan(self.probabilities[0, rows]))

    def likeliest(self, rows: NDArray[np.integer]) -> NDArray[np.int16]:
        """The class of each row's largest probability; -1 without one, or at a tie."""
        place, _ = largest(self.probabilities[:, rows])
        return np.append(self.codes, np.int16(-1))[place]


def largest(probabilities: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The place of the largest of (n_classes, n_rows) probabilities per row, and ties.

    The place is -1 without a probability, and at a tie.
    """
    count = probabilities.shape[1]
    if not len(probabilities):
        return np.full(count, -1, dtype=np.intp), np.zeros(count, dtype=np.bool_)
    known = ~np.isnan(probabilities[0])
    filled = np.where(known, probabilities, np.float32(0))
    tied: NDArray[np.bool_] = known & ((filled == filled.max(axis=0)).sum(axis=0) > 1)
    return np.where(known & ~tied, filled.argmax(axis=0), -1), tied
