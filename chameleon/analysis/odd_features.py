"""FileFindings about features: no value, one value, infinite values, or target leakage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.notices import Notice, examples_clause, ids_of
from chameleon.analysis.values import value_text
from chameleon.data import BinKind, EvolvingDataset, Feature, SummaryField
from chameleon.project import FindingKind, Kind, Severity

TELLS_AT_LEAST = 0.95
"""Lambda from which a feature tells the label: of 20 wrong guesses it leaves one."""

FEWEST_ROWS = 50
ROWS_A_VALUE = 5
"""With fewer labelled rows, or fewer for each bin that holds some, chance alone tells the label."""

_LARGEST_TABLE = 2_000_000


def value_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Features that are all missing, or constant, in a version that has the column."""
    summary = dataset.summary
    rows = summary[..., SummaryField.ROWS].sum(axis=1)
    missing = summary[..., SummaryField.MISSING].sum(axis=1)
    low = np.fmin.reduce(summary[..., SummaryField.MINIMUM], axis=1)
    high = np.fmax.reduce(summary[..., SummaryField.MAXIMUM], axis=1)
    non_finite = _non_finite(dataset)
    valued = rows - missing
    empty = dataset.has_column & (valued == 0)
    constant = (non_finite == 0) & (valued >= 2) & (low == high)
    for number, feature in np.argwhere(empty | constant):
        version, told = dataset.versions[number], dataset.features[feature]
        if empty[number, feature]:
            yield Notice(
                Severity.WARNING,
                FindingKind.ALL_MISSING,
                f"{version.place} has no value of '{told.name}' in any of its "
                f"{int(rows[number, feature]):,} rows.",
                version.name,
                told.name,
                int(rows[number, feature]),
            )
            continue
        value = spelled_value(dataset, told, float(low[number, feature]))
        yield Notice(
            Severity.NOTE,
            FindingKind.CONSTANT,
            f"{version.place} has one value of '{told.name}' only, '{value}', in "
            f"{int(valued[number, feature]):,} of {int(rows[number, feature]):,} rows; the others "
            "are missing."
            if missing[number, feature]
            else f"{version.place} has one value of '{told.name}' only, '{value}', in all of its "
            f"{int(rows[number, feature]):,} rows.",
            version.name,
            told.name,
            int(valued[number, feature]),
            (value,),
        )


def spelled_value(dataset: EvolvingDataset, feature: Feature, value: float) -> str:
    """A stored value as a person would write it."""
    if feature.kind is Kind.TEXT:
        return str(dataset.texts[feature.name][int(value)])
    if feature.kind is not Kind.NUMBER:
        return value_text(value, feature.kind)
    return f"{value:.12g}"


def _non_finite(dataset: EvolvingDataset) -> NDArray[np.int64]:
    """int64 of shape (n_versions, n_features): values that are infinite."""
    counts = np.zeros((len(dataset.versions), len(dataset.features)), dtype=np.int64)
    for number, feature in enumerate(dataset.features):
        rows = np.flatnonzero(dataset.codes[number] == feature.bins.missing_code + 1)
        if rows.size:
            counts[:, number] = dataset.present[:, rows].sum(axis=1)
    return counts


def non_finite_notices(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Features with infinite values, by version."""
    counts = _non_finite(dataset)
    for number, feature in np.argwhere(counts):
        version, told = dataset.versions[number], dataset.features[feature]
        odd = dataset.codes[feature] == told.bins.missing_code + 1
        rows = np.flatnonzero(odd & dataset.present[number])
        examples = ids_of(dataset, dataset.instance[rows])
        yield Notice(
            Severity.WARNING,
            FindingKind.NON_FINITE,
            f"{version.place} has {rows.size:,} infinite values of '{told.name}'"
            f"{examples_clause(examples)}.",
            version.name,
            told.name,
            int(rows.size),
            examples,
        )


def target_leakage_findings(dataset: EvolvingDataset) -> Iterator[Notice]:
    """Features that alone tell nearly every label of a version.

    Guessing each labelled row's label as the most frequent one of its bin (of its category, where
    there are not too many) leaves at most 5 % of the mistakes of always guessing the most
    frequent label: Goodman and Kruskal's lambda (1954, J. Am. Stat. Assoc. 49, section 5) is at
    least 0.95.
    """
    totals = _label_counts(dataset)
    base = totals.max(axis=1, initial=0)
    rows = totals.sum(axis=1)
    asked = (rows >= FEWEST_ROWS) & (base < rows)
    if not asked.any():
        return
    for number, feature in enumerate(dataset.features):
        right, used = _guessed_right(dataset, number)
        told = (right - base) >= TELLS_AT_LEAST * (rows - base)
        for at in np.flatnonzero(asked & told & (rows >= ROWS_A_VALUE * used)):
            version = dataset.versions[at]
            yield Notice(
                Severity.WARNING,
                FindingKind.TELLS_LABEL,
                f"{version.place}: '{feature.name}' alone tells {right[at]:,} of "
                f"{rows[at]:,} labels; always guessing the most frequent one gets {base[at]:,}.",
                version.name,
                feature.name,
                int(right[at]),
                _telling_values(dataset, number, int(at)),
            )


def _label_counts(dataset: EvolvingDataset) -> NDArray[np.int64]:
    """int64 of shape (n_versions, n_classes): the labelled rows."""
    counts = np.zeros((len(dataset.versions), len(dataset.classes)), dtype=np.int64)
    for number in range(len(dataset.versions)):
        labels = dataset.label[dataset.rows_of(number)]
        counts[number] = np.bincount(labels[labels >= 0], minlength=len(dataset.classes))
    return counts


def _guessed_right(
    dataset: EvolvingDataset, feature: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """By version, the labels guessed right from one feature, and how many bins hold any row.

    Counts change only by the rows that join or leave.
    """
    codes, size = _groups(dataset, feature)
    classes = len(dataset.classes)
    labelled = dataset.label >= 0
    keys = codes * classes + dataset.label
    counts = np.zeros((size, classes), dtype=np.int64)
    right, used = (np.zeros(len(dataset.versions), dtype=np.int64) for _ in range(2))
    before = np.zeros(dataset.row_count, dtype=np.bool_)
    for number, held in enumerate(dataset.present):
        changed = (held != before) & labelled
        for rows, sign in ((changed & held, 1), (changed & before, -1)):
            found = np.bincount(keys[rows], minlength=size * classes)
            counts += sign * found.reshape(size, classes)
        right[number] = counts.max(axis=1, initial=0).sum()
        used[number] = counts.any(axis=1).sum()
        before = held
    return right, used


def _groups(dataset: EvolvingDataset, number: int) -> tuple[NDArray[np.int64], int]:
    """The bin of every row, or its category where those beyond the shown ones can be told too."""
    feature = dataset.features[number]
    if feature.kind is Kind.TEXT and feature.bins.kind is not BinKind.TEXT:
        texts = len(dataset.texts[feature.name])
        if texts * len(dataset.classes) <= _LARGEST_TABLE:
            values = np.asarray(dataset.values[number])
            return np.where(np.isnan(values), texts, values).astype(np.int64), texts + 1
    return dataset.codes[number].astype(np.int64), feature.bins.count


def _telling_values(dataset: EvolvingDataset, number: int, version: int) -> tuple[str, ...]:
    """A value of the feature and its label, for each of a few labels."""
    rows = dataset.rows_of(version)
    rows = rows[(dataset.label[rows] >= 0) & ~np.isnan(dataset.values[number][rows])]
    _, first = np.unique(dataset.label[rows], return_index=True)
    feature = dataset.features[number]
    return tuple(
        f"{spelled_value(dataset, feature, float(dataset.values[number][row]))}: "
        f"{dataset.classes[dataset.label[row]]}"
        for row in rows[first[:3]]
    )
