"""Checks of a version's file: its columns, ids, labels, splits, and label probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import VersionError
from chameleon.project.columns import (
    MISSING_TOKENS,
    SPLIT_NAMES,
    column_kinds,
    key_text,
    listed,
    named,
    plain_text,
    quoted,
    reads_as_date,
    split_codes,
    type_kind,
    unnamed,
)
from chameleon.project.files import CONTRADICTS, READ_ERRORS
from chameleon.project.findings import FileFindings, FindingKind, Severity
from chameleon.project.records import Kind, Roles, Split, Version, VersionSource

ABSTAIN = -1
EXAMPLES = 3
CONTINUOUS_VALUES = 20  # a label with more distinct values, some of them fractions, is a quantity
TOLERANCE = 1e-6  # the probabilities of a row sum to 1 within this


def version_header(source: VersionSource, version: Version) -> FileFindings:
    """The kind of every usable column; the file is read whole, once for its content.

    The types of a CSV are found only in this way, and so is damage in the middle of any file.
    """
    findings = FileFindings()
    try:
        source.hold(version)
        for severity, remark in source.remarks(version):
            findings.add(severity, remark)
        schema = source.scan(version).collect_schema()
        whole = source.scan(version).collect() if source.untyped(version) else None
        if whole is not None:
            findings.columns.update(column_kinds(whole))
        else:
            _typed_columns(findings, source, version, schema)
    except (*READ_ERRORS, VersionError) as error:
        findings.add_unreadable(source, version, error)
        return findings
    for name in schema:
        base, _, number = name.rpartition("_duplicated_")
        if whole is not None and number.isdecimal() and base in schema:
            findings.add(
                Severity.WARNING,
                f"repeats the column name '{base}': the later one is renamed '{name}'.",
                name,
            )
    findings.findings.sort(key=lambda finding: finding.column or "")  # not in the columns' order
    return findings


def _typed_columns(
    findings: FileFindings,
    source: VersionSource,
    version: Version,
    schema: Mapping[str, pl.DataType],
) -> None:
    for name, dtype in schema.items():
        try:
            findings.columns[name] = type_kind(dtype)
        except TypeError:
            findings.add(
                Severity.WARNING,
                f"has {dtype} in column '{name}', which isn't a single value: it is left out.",
                name,
            )
    columns = [name for name, kind in findings.columns.items() if kind is not None]
    if columns:  # every page must be decoded for that
        source.scan(version).select(named(*columns).hash().sum()).collect(engine="streaming")
    if source.pooled:
        counts = source.scan(version).select(pl.len().alias("\0"), pl.all().null_count()).collect()
        rows, *absent = counts.row(0)
        empty = [n for n, count in zip(counts.columns[1:], absent, strict=True) if count == rows]
        findings.columns.update(dict.fromkeys(name for name in empty if name in findings.columns))
    findings.columns.update(_written_dates(source, version, findings.columns))


def _written_dates(
    source: VersionSource, version: Version, columns: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Text columns all of whose values are dates: JSON and many writers have no type for them."""
    texts = [name for name, kind in columns.items() if kind is Kind.TEXT]
    head = source.scan(version).select(named(*texts)).head(100).collect()
    likely = [column.name for column in head if _all_dates(column)]
    if not likely:
        return {}
    whole = source.scan(version).select(named(*likely)).collect()
    return {column.name: Kind.DATE for column in whole if _all_dates(column)}


def _all_dates(column: pl.Series) -> bool:
    values = unnamed(column).cast(pl.String).drop_nulls()
    return not values.is_empty() and reads_as_date(values)


def checked_version(
    source: VersionSource, version: Version, columns: Mapping[str, str | None], roles: Roles
) -> FileFindings:
    """Findings in the columns with a role."""
    findings = FileFindings()
    needed = [name for name in (*roles.id, roles.label, roles.split) if name is not None]
    absent = [name for name in needed if name not in columns]
    if len(absent) == len(needed) > 1 and source.untyped(version):
        findings.add(
            Severity.ERROR,
            f"has none of the columns {quoted(needed)}. Columns found: {listed(columns)}. If its "
            "first line is no header, write one; or name others under [columns] in chameleon.toml.",
            needed[0],
        )
        return findings
    for name in absent:
        role = "label" if name == roles.label else "split" if name == roles.split else "id"
        findings.add(
            Severity.ERROR,
            f"has no column '{name}' ({role}). Columns found: {listed(columns)}. Rename it in the "
            "file, or name another under [columns] in chameleon.toml.",
            name,
        )
    if not findings.usable:
        return findings
    probable = [column for _, column in roles.label_probabilities if column in columns]
    try:
        source.hold(version)
        wanted = [*needed, *probable] or list(columns)[:1]
        frame = source.scan(version).select(named(*wanted)).collect()
    except (*READ_ERRORS, VersionError) as error:
        findings.add_unreadable(source, version, error)
        return findings
    if frame.is_empty():
        findings.add(Severity.ERROR, "has column names but no rows. Write its rows.")
        return findings
    untyped = source.untyped(version)
    key = id_keys(frame, roles.id, untyped=untyped) if roles.id else None
    probabilities = read_probabilities(frame, roles)
    if roles.label is None:
        stated = probabilities.labels(roles).alias(roles.label_probabilities[0][1])
        label = stated
    else:
        stated = frame[roles.label]
        label = key_text(stated, untyped=untyped)
    if key is not None:
        split = pl.repeat(None, len(key), dtype=pl.Int32, eager=True)
        if roles.split is not None:
            split = pl.Series(split_codes(frame[roles.split]))
        files_of = partial(_files_of_ids, source, version, roles)
        rows = pl.DataFrame({"id": key, "label": label, "split": split})
        _check_ids(findings, rows, roles, files_of, pooled=source.pooled)
    check_probabilities(findings, probabilities, key, derives=roles.label is None)
    _check_labels(findings, stated, key, untyped=untyped and roles.label is not None)
    if roles.split is not None:
        _check_splits(findings, frame[roles.split], label, stated.name)
    return findings


def id_keys(frame: pl.DataFrame, names: Sequence[str], *, untyped: bool) -> pl.Series:
    """The id of every row, from the columns of these names."""
    return joined_key([key_text(frame[name], untyped=untyped) for name in names])


def joined_key(parts: Sequence[pl.Series]) -> pl.Series:
    """One text per row from the id columns; null if one of them is."""
    if len(parts) == 1:
        return parts[0]
    escaped = [
        part.str.replace_all("\\", "\\\\", literal=True).str.replace_all("|", "\\|", literal=True)
        for part in parts
    ]
    frame = pl.DataFrame({f"part{i}": part for i, part in enumerate(escaped)})
    return frame.select(pl.concat_str(pl.all(), separator="|"))[:, 0]


def first_few(texts: pl.Series) -> list[str]:
    """The first of the texts in their order, whatever the order of the rows."""
    return texts.drop_nulls().bottom_k(EXAMPLES).sort().to_list()


def _files_of_ids(
    source: VersionSource, version: Version, roles: Roles, wanted: Sequence[str]
) -> list[str]:
    """The files with these ids, where the version has several."""
    parts = source.parts(version)
    if len(parts) < 2:
        return []
    untyped = source.untyped(version)
    found: list[str] = []
    for file, scan in parts.items():
        ids = scan.select(named(*roles.id)).collect()
        key = id_keys(ids, roles.id, untyped=untyped)
        if key.is_in(pl.Series(wanted).implode()).any():
            found.append(file)
    return found


def _check_ids(
    findings: FileFindings,
    rows: pl.DataFrame,
    roles: Roles,
    files_of: Callable[[Sequence[str]], list[str]],
    *,
    pooled: bool,
) -> None:
    name, key = ", ".join(roles.id), rows["id"]
    absent = key.null_count()
    if absent:
        findings.add(
            Severity.ERROR,
            f"has no id ('{name}') in {absent:,} of {len(key):,} rows. Give every row an id.",
            roles.id[0],
            kind=FindingKind.MISSING_IDS,
            count=absent,
        )
        return
    if key.n_unique() == len(key):
        return
    repeated = key.filter(key.is_duplicated()).unique()
    shown = first_few(repeated)
    examples = quoted(shown)
    files = files_of(shown)
    if files:
        examples += f" (in {', '.join(files)})"
    findings.add(
        Severity.ERROR,
        f"repeats {len(repeated):,} ids ('{name}'), such as {examples}{_how_they_differ(rows)}. "
        "Keep one row per id, or name several columns as id under [columns] in chameleon.toml."
        + (" Or is the table read wrongly? See reading under [source]." if pooled else ""),
        roles.id[0],
        kind=FindingKind.DUPLICATE_IDS,
        count=len(repeated),
        examples=tuple(shown),
    )


def _how_they_differ(rows: pl.DataFrame) -> str:
    """The numbers of repeated ids with several labels, or in several splits, as a clause."""
    repeated = rows.filter(pl.col("id").is_duplicated()).group_by("id").n_unique()
    labels, splits = ((repeated[name] > 1).sum() for name in ("label", "split"))
    parts = [f"{labels:,} of them with different labels"] if labels else []
    parts += [f"{splits:,} in more than one split"] if splits else []
    return f": {', '.join(parts)}" if parts else ", all with one label each"


def _check_labels(
    findings: FileFindings, label: pl.Series, key: pl.Series | None, *, untyped: bool
) -> None:
    name, label = label.name, unnamed(label)
    numbers = label
    if untyped and column_kinds(label.to_frame())[""] is Kind.NUMBER:
        numbers = label.cast(pl.Float64, strict=False)
    if numbers.dtype.is_float():
        finite = numbers.filter(numbers.is_finite())
        fractions = finite.filter(finite != finite.floor())
        if len(fractions) and finite.n_unique() > CONTINUOUS_VALUES:
            findings.add(
                Severity.ERROR,
                f"has a label ('{name}') of {finite.n_unique():,} different numbers, such as "
                f"{fractions.sort()[0]:g}: a quantity. Chameleon is for classification. "
                "Cut it into classes, or name another label under [columns].",
                name,
            )
            return
    missing = key_text(label, untyped=untyped).is_null()
    absent = int(missing.sum())
    of_ids = [] if key is None else first_few(key.filter(missing))
    if absent:
        every = absent == len(label)
        findings.add(
            Severity.WARNING if every else Severity.NOTE,
            f"has no label in any of its {absent:,} rows: no model is fitted, no outcome known."
            if every
            else f"has no label in {absent:,} of {len(label):,} rows: they are not fitted, and "
            "their outcome is unknown.",
            name,
            kind=FindingKind.MISSING_LABELS,
            count=absent,
            examples=tuple(of_ids),
        )


def _check_splits(
    findings: FileFindings, split: pl.Series, label: pl.Series, label_name: str
) -> None:
    codes = split_codes(split)
    unknown = plain_text(split).filter(pl.Series(codes < 0))
    if len(unknown):
        against = unknown.filter(unknown.str.contains(CONTRADICTS, literal=True)).drop_nulls()
        if len(against):
            findings.add(
                Severity.ERROR,
                f"has rows whose split ('{split.name}') contradicts their file: "
                f"{first_few(against)[0]}, in {len(against):,} of {len(split):,} rows. Correct the "
                "column, or move the rows.",
                split.name,
            )
            return
        values = unknown.unique().sort().head(3)
        spelled = ", ".join("no value" if value is None else f"'{value}'" for value in values)
        findings.add(
            Severity.ERROR,
            f"has an unknown split ('{split.name}'): {spelled}, in {len(unknown):,} of "
            f"{len(split):,} rows. Known splits: {', '.join(SPLIT_NAMES)}.",
            split.name,
        )
        return
    order = list(Split)
    train = label.filter(pl.Series(codes == order.index(Split.TRAIN))).drop_nulls()
    if not (codes == order.index(Split.TEST)).any():
        message = "has no test rows: its test metrics are undefined."
        findings.add(Severity.WARNING, message, split.name)
    if train.n_unique() == 1:
        findings.add(
            Severity.WARNING,
            f"has only one class in its train rows ('{train[0]}'): no model can be fitted.",
            label_name,
        )
    elif train.is_empty():
        findings.add(Severity.WARNING, "has no labeled train rows: no model can be fitted.")


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
            ids = key.filter(pl.Series(fault.rows)).drop_nulls().head(EXAMPLES).to_list()
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
            f"{quoted(found.absent[:EXAMPLES])}: their classes have the probability 0.",
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
