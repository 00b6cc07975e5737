"""The columns of a version: their kinds, and their values in one canonical form.

One value has one form in every version and file format, so that equal things are equal:
numbers are float64 with -0.0 as 0.0 and NaN as missing, dates are naive microseconds in UTC,
ids and labels are text (7 and 7.0 are "7", but "007" stays "007").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

import numpy as np
import polars as pl
import polars.selectors as selectors
from numpy.typing import NDArray

from chameleon.project.findings import Finding, FindingKind, Severity
from chameleon.project.records import Kind, Split, Version, natural_order

SPLIT_NAMES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("test", "testing"), Split.TEST),
    **dict.fromkeys(("val", "valid", "validation", "dev"), Split.VALIDATION),
}

MISSING_TOKENS = ("", "NA", "N/A", "null", "NULL", "None")
"""Signs of a missing value among the numbers, booleans, or dates of a text file."""

NOT_A_DATE = int(np.iinfo(np.int64).min)

EXACT_INTEGER = 2**53  # above it, not every integer is a float64
_LEADING_ZERO = r"^[+-]?0[0-9]"
_DATE = r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}.*)?$"
_INTEGRAL_FLOAT = r"^([+-]?[0-9]+)\.0+$"


def named(*names: str) -> pl.Expr:
    """The columns of exactly these names; `pl.col` takes "*" for all and "^...$" for a pattern."""
    return selectors.by_name(*names).as_expr()


def listed(names: Iterable[str], most: int = 30) -> str:
    """The first of the names, and the number of others."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def quoted(names: Iterable[str], most: int = 30) -> str:
    """The first of the names in quotes, and the number of others."""
    return listed((f"'{name}'" for name in names), most)


def usual_column(usual: Sequence[str], *headers: Iterable[str]) -> str | None:
    """The column of most headers with one of the usual names, whatever its case; or None.

    Of several the first usual name counts, and of one name the spelling in lower case.
    """
    counts = Counter(name for header in headers for name in header if name.casefold() in usual)

    def rank(name: str) -> tuple[int, int, bool, str]:
        folded = name.casefold()
        return -counts[name], usual.index(folded), name != folded, name

    return min(counts, key=rank, default=None)


def column_kinds(frame: pl.DataFrame) -> dict[str, Kind | None]:
    """The kind of every column of an untyped file (CSV); None if all values are missing.

    A kind is one that every value can be read as. A leading zero, as in 007, makes it text.
    """
    # most columns are numbers: all are tried at once, on all cores
    figures = frame.select(
        absent=pl.concat_list(pl.all().null_count()),
        no_number=pl.concat_list(pl.all().cast(pl.Float64, strict=False).null_count()),
        padded=pl.concat_list(pl.all().str.contains(_LEADING_ZERO).any()),
    ).row(0)
    return {
        column.name: Kind.NUMBER
        if no_number == absent < len(column) and not padded
        else _kind_beside_tokens(column)
        for column, absent, no_number, padded in zip(frame, *figures, strict=True)
    }


def unnamed(column: pl.Series) -> pl.Series:
    """The column without its name: many methods of a polars Series fail on one like "^a.*$"."""
    return column.alias("")


def _kind_beside_tokens(column: pl.Series) -> Kind | None:
    column = unnamed(column)
    values = column.filter(~column.is_in(MISSING_TOKENS)).drop_nulls()
    if values.is_empty():
        return None
    for kind, reads in _READERS.items():
        if reads(values.head(100)) and reads(values):  # the first rows decide for most columns
            return kind
    return Kind.TEXT


def type_kind(dtype: pl.DataType) -> Kind | None:
    """The kind of a typed column, None without any value; TypeError for lists, structs, bytes."""
    if dtype == pl.Null:
        return None
    if dtype == pl.Boolean:
        return Kind.BOOLEAN
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Time):
        return Kind.NUMBER
    if dtype in (pl.Date, pl.Datetime):
        return Kind.DATE
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return Kind.TEXT
    raise TypeError(str(dtype))


def common_kind(kinds: Iterable[Kind | None]) -> Kind:
    """The kind that can represent all of these without losing a value."""
    found = {kind for kind in kinds if kind is not None}
    if len(found) == 1:
        return found.pop()
    return Kind.NUMBER if found <= {Kind.NUMBER, Kind.BOOLEAN} else Kind.TEXT


def feature_numbers(column: pl.Series, kind: Kind) -> NDArray[np.float64]:
    """The values of a number, boolean, or date column as float64; missing values are NaN.

    Booleans are 0 and 1, durations and times seconds, dates microseconds since 1970 in UTC.
    Infinities stay.
    """
    column = unnamed(column)
    if column.dtype == pl.String:
        column = _from_text(column, kind)
    if kind is Kind.DATE:
        column = _microseconds(column)
    elif column.dtype in (pl.Duration, pl.Time):
        nanoseconds = column.cast(pl.Duration("ns")).dt.total_nanoseconds().cast(pl.Float64)
        return nanoseconds.to_numpy() / 1e9  # polars may divide to the neighboring float
    return column.cast(pl.Float64).to_numpy()


def key_text(column: pl.Series, *, untyped: bool) -> pl.Series:
    """Ids, labels, and sources as text in one spelling, so that 7, 7.0, and "7" are the same.

    In an untyped file, 7.0 becomes "7" only if all values are numbers.
    """
    column = unnamed(column)
    if untyped and column.dtype == pl.String:
        column = column.replace("", None)
        kind = column_kinds(column.to_frame())[column.name]
        if kind is Kind.NUMBER:
            return column.str.replace(_INTEGRAL_FLOAT, "$1")
        return column.str.to_lowercase() if kind is Kind.BOOLEAN else column
    return plain_text(column)


def plain_text(column: pl.Series) -> pl.Series:
    """The column as text: whole floats without ".0", booleans as true and false, dates in ISO."""
    column = unnamed(column)
    if column.dtype.is_float():
        return column.fill_nan(None).cast(pl.String).str.replace(_INTEGRAL_FLOAT, "$1")
    if column.dtype == pl.Datetime:
        return _microseconds(column).cast(pl.Datetime("us")).dt.to_string("iso")
    if column.dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.cast(pl.String)


def distinct_codes(texts: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """The sorted distinct texts, and each row's place among them (after the last: missing)."""
    distinct = texts.drop_nulls().unique().sort()
    codes = texts.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64)
    return distinct.to_list(), codes.fill_null(len(distinct)).to_numpy()


def split_codes(column: pl.Series) -> NDArray[np.int32]:
    """The split of every row as an index into `Split`; -1 if its name is unknown."""
    distinct, codes = distinct_codes(plain_text(column))
    order = list(Split)
    known = [SPLIT_NAMES.get(name.strip().casefold()) for name in distinct]
    places = [-1 if split is None else order.index(split) for split in known]
    return np.array([*places, -1], dtype=np.int32)[codes]


def date_numbers(column: pl.Series) -> tuple[NDArray[np.int64], int]:
    """The dates of instances in microseconds since 1970 in UTC, and the number of unreadable ones.

    Missing and unreadable dates are the smallest int64 (NaT).
    """
    column = unnamed(column)
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        column = column.set(column.is_in(MISSING_TOKENS), None)
        read = _parsed_dates(column)
    elif column.dtype in (pl.Date, pl.Datetime):
        read = column
    else:
        read = pl.repeat(None, len(column), dtype=pl.Datetime("us"), eager=True)
    numbers = _microseconds(read)
    return numbers.fill_null(NOT_A_DATE).to_numpy(), numbers.null_count() - column.null_count()


def _microseconds(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(pl.Datetime("us")).cast(pl.Int64)


def _from_text(column: pl.Series, kind: Kind) -> pl.Series:
    values = column.set(column.is_in(MISSING_TOKENS), None)
    if kind is Kind.DATE:
        return _parsed_dates(values)
    if kind is Kind.BOOLEAN:
        return values.str.to_lowercase() == "true"
    lowered = values.str.to_lowercase()
    truth = {"true": "1", "false": "0"}  # a boolean column that is a number elsewhere
    return lowered.replace(truth).cast(pl.Float64)


def _parsed_dates(values: pl.Series) -> pl.Series:
    values = values.set(~values.str.contains(_DATE), None)
    if values.null_count() == len(values):
        return pl.repeat(None, len(values), dtype=pl.Datetime("us"), eager=True)
    zoned = values.str.contains(r"(Z|[+-][0-9]{2}:?[0-9]{2})$") & values.str.contains("[T ]")
    plain = _parsed(values.set(zoned, None), None)
    if not zoned.any():
        return plain
    utc = _parsed(values.set(~zoned, None), "UTC").dt.replace_time_zone(None)
    return plain.zip_with(~zoned.fill_null(value=False), utc)


def _parsed(values: pl.Series, time_zone: str | None) -> pl.Series:
    try:
        return values.str.to_datetime(
            "%+" if time_zone else None, strict=False, time_unit="us", time_zone=time_zone
        )
    except pl.exceptions.ComputeError:  # no value shows a format, such as 2019-13-45 alone
        return pl.repeat(
            None, len(values), dtype=pl.Datetime("us", time_zone=time_zone), eager=True
        )


def reads_as_date(values: pl.Series) -> bool:
    """Return True if every text is an ISO date, with or without a time."""
    if not values.str.contains(_DATE).all():
        return False
    return _parsed_dates(values).null_count() == 0


_READERS: Mapping[Kind, Callable[[pl.Series], bool]] = {
    Kind.BOOLEAN: lambda values: values.str.to_lowercase().is_in(["true", "false"]).all(),
    Kind.NUMBER: lambda values: (
        values.cast(pl.Float64, strict=False).null_count() == values.null_count()
        and not values.str.contains(_LEADING_ZERO).any()
    ),
    Kind.DATE: reads_as_date,
}


def common_kinds(
    headers: Mapping[Version, Mapping[str, str | None]], excluded: Set[str]
) -> tuple[dict[str, Kind], list[Finding]]:
    """One kind per feature over all versions, in natural order, and findings about changes.

    `headers` are the kinds of every version's columns, `excluded` those that are no features.
    """
    features = natural_order({name for header in headers.values() for name in header} - excluded)
    kinds: dict[str, Kind] = {}
    findings: list[Finding] = []
    for feature in features:
        found = {
            version: Kind(kind)
            for version, header in headers.items()
            if (kind := header.get(feature)) is not None
        }
        # a column without any value counts as numbers
        kinds[feature] = common_kind(found.values()) if found else Kind.NUMBER
        if len(set(found.values())) > 1:
            findings.append(_change_of_type(feature, found, kinds[feature]))
    return kinds, findings


def _change_of_type(feature: str, found: Mapping[Version, Kind], common: Kind) -> Finding:
    versions = list(found)
    at = next(i for i in range(1, len(versions)) if found[versions[i]] != found[versions[i - 1]])
    before, after = versions[at - 1], versions[at]
    lossless = common is Kind.NUMBER
    what = (
        "true counts as 1 and false as 0"
        if lossless
        else "it is treated as text in every version, because only text can represent all its "
        "values. Correct the odd version to get its histogram back"
    )
    return Finding(
        Severity.NOTE if lossless else Severity.WARNING,
        f"Column '{feature}' is {found[before]} in version {before.name} ({before.file}) and "
        f"{found[after]} in version {after.name} ({after.file}): {what}.",
        version=after.name,
        file=after.file,
        column=feature,
        kind=FindingKind.COLUMN_RETYPED,
    )
