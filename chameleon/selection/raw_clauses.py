"""Conditions on the raw columns of a version's file: as text for polars and pandas, and as polars.

Each condition is true or false for every row, never null, so that its negation is the rest. The
text is only ever handed out; what the app itself evaluates is the polars expression beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from chameleon.project import MISSING_TOKENS, Kind, named
from chameleon.selection.filter_values import FeatureFilter, Range

_WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_TEXT = (pl.String, pl.Categorical, pl.Enum)


class NoClauseError(Exception):
    """Something has no form as a condition on raw values; the message says what."""


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """One condition: its text for polars (as `pl`), for pandas (as `pd`, of `frame`), and itself.

    `pandas` is None where pandas has no exact form of it.
    """

    polars: str
    pandas: str | None
    test: pl.Expr


NEVER = Clause("pl.lit(False)", "pd.Series(False, index=frame.index)", pl.lit(value=False))
ALWAYS = Clause("pl.lit(True)", "pd.Series(True, index=frame.index)", pl.lit(value=True))


def all_of(clauses: Sequence[Clause]) -> Clause:
    """True where all of them are; of none, always."""
    return _joined(clauses, "&", ALWAYS)


def any_of(clauses: Sequence[Clause]) -> Clause:
    """True where any of them is; of none, never."""
    return _joined(clauses, "|", NEVER)


def _joined(clauses: Sequence[Clause], sign: str, of_none: Clause) -> Clause:
    clauses = [clause for clause in clauses if clause is not of_none]
    if not clauses:
        return of_none
    if len(clauses) == 1:
        return clauses[0]
    test = clauses[0].test
    for clause in clauses[1:]:
        test = test & clause.test if sign == "&" else test | clause.test
    pandas = [clause.pandas for clause in clauses]
    return Clause(
        f" {sign} ".join(f"({clause.polars})" for clause in clauses),
        None if None in pandas else f" {sign} ".join(f"({text})" for text in pandas),
        test,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A column in a form in which both libraries compare it exactly."""

    polars: str
    pandas: str | None
    column: pl.Expr

    def clause(self, polars: str, pandas: str, test: pl.Expr) -> Clause:
        """A condition by what follows the column in either library."""
        ours = None if self.pandas is None else f"{self.pandas}{pandas}"
        return Clause(f"{self.polars}{polars}", ours, test)

    def is_in(self, values: list[object], among: pl.Series | None = None) -> Clause:
        """True where the column has one of these values, in polars one of `among`."""
        test = self.column.is_in(values if among is None else among)
        return self.clause(
            f".is_in({values!r}).fill_null(False)",
            f".isin({values!r})",
            test.fill_null(value=False),
        )

    def is_missing(self, *, nan: bool) -> Clause:
        """True where the column has no value, or with `nan` no number."""
        if nan:
            missing_one = self.column.fill_nan(None).is_null()
            return self.clause(".fill_nan(None).is_null()", ".isna()", missing_one)
        return self.clause(".is_null()", ".isna()", self.column.is_null())


def one_of(frame: pl.DataFrame) -> Clause:
    """True where the columns have the values of one of these rows, none of them missing."""
    if frame.is_empty():
        return NEVER
    frame = frame.sort(named(*frame.columns))
    forms = [_form(name, dtype) for name, dtype in frame.schema.items()]
    values = [frame.select(form.column)[:, 0].to_list() for form in forms]
    if len(forms) == 1:
        return forms[0].is_in(list(dict.fromkeys(values[0])))
    rows = list(dict.fromkeys(zip(*values, strict=True)))
    structs = [{str(place): value for place, value in enumerate(row)} for row in rows]
    fields = [form.column.alias(str(place)) for place, form in enumerate(forms)]
    text = ", ".join(f"{form.polars}.alias('{place}')" for place, form in enumerate(forms))
    known = [form.pandas for form in forms if form.pandas is not None]
    pandas = f"pd.MultiIndex.from_arrays([{', '.join(known)}]).isin({rows!r})"
    return Clause(
        f"pl.struct({text}).is_in({structs!r}).fill_null(False)",
        f"pd.Series({pandas}, index=frame.index)" if len(known) == len(forms) else None,
        pl.struct(fields).is_in(structs).fill_null(value=False),
    )


def _form(name: str, dtype: pl.DataType) -> _Form:
    column, polars, pandas = named(name), _polars(name), _pandas(name)
    if dtype in (pl.String, pl.Int64, pl.Float64, pl.Boolean):
        return _Form(polars, pandas, column)
    if dtype in _WHOLE:
        return _Form(f"{polars}.cast(pl.Int64)", pandas, column.cast(pl.Int64))
    if dtype.is_float():
        return _Form(f"{polars}.cast(pl.Float64)", pandas, column.cast(pl.Float64))
    if dtype == pl.UInt64:  # beyond Int64; as text nothing is rounded
        return _Form(
            f"{polars}.cast(pl.String)",
            f"{pandas}.map(lambda value: str(int(value)), na_action='ignore')",
            column.cast(pl.String),
        )
    if dtype == pl.Date or _is_micro(dtype):
        return _moments(name, dtype)
    # categories, decimals, times: as polars writes them
    known = pandas if dtype in _TEXT else None
    return _Form(f"{polars}.cast(pl.String)", known, column.cast(pl.String))


def missing(name: str, dtype: pl.DataType) -> Clause:
    """True where the column has no value; in a text file also where it is empty."""
    return _Form(_polars(name), _pandas(name), named(name)).is_missing(nan=dtype.is_float())


def feature_clause(
    chosen: FeatureFilter,
    kind: Kind,
    dtype: pl.DataType,
    *,
    untyped: bool,
    shown: Sequence[str],
    has_empty: bool,
) -> Clause:
    """True for the values that match a feature's filter.

    Parameters
    ----------
    kind, dtype
        The kind of the feature over all versions, and the type of its raw column in this one.
    untyped
        The file is text, all columns read as text.
    shown
        The categories of its histogram; others are "other".
    has_empty
        It has empty texts, which pandas cannot tell from missing ones in a CSV.

    Raises
    ------
    NoClauseError
        Its raw values have no exact form in this version.
    """
    if kind is Kind.TEXT:
        if untyped and has_empty:
            raise NoClauseError(
                f"pandas cannot tell an empty text of '{chosen.feature}' from a missing one"
            )
        return _text_clause(chosen, dtype, shown)
    numbers = _numbers(chosen.feature, kind, dtype, untyped=untyped)
    parts = [_within(numbers, limits) for limits in chosen.ranges]
    if chosen.missing:
        parts.append(numbers.is_missing(nan=True))
    if chosen.non_finite:
        infinite = numbers.column.is_infinite().fill_null(value=False)
        parts.append(
            numbers.clause(
                ".is_infinite().fill_null(False)", ".isin([float('inf'), float('-inf')])", infinite
            )
        )
    return any_of(parts)


def _within(numbers: _Form, limits: Range) -> Clause:
    """Polars takes NaN for the largest number: only finite values may be compared."""
    low, high = float(limits.low), float(limits.high)
    above, below = ">" if limits.open else ">=", "<=" if limits.closed else "<"
    column = numbers.column
    test = column.is_finite() & (column > low if limits.open else column >= low)
    test &= column <= high if limits.closed else column < high
    text = numbers.polars
    pandas = None
    if numbers.pandas is not None:
        inside = f"({numbers.pandas} {above} {_figure(low)}) & ({numbers.pandas} {below} "
        finite = f"({numbers.pandas}.abs() < float('inf'))"
        pandas = f"{finite} & {inside}{_figure(high)})"
    return Clause(
        f"({text}.is_finite() & ({text} {above} {_figure(low)}) & ({text} {below} "
        f"{_figure(high)})).fill_null(False)",
        pandas,
        test.fill_null(value=False),
    )


def _figure(value: float) -> str:
    return repr(value) if math.isfinite(value) else f"float('{value}')"


def _numbers(name: str, kind: Kind, dtype: pl.DataType, *, untyped: bool) -> _Form:
    """A number, boolean or date feature as Float64, its missing values null or NaN."""
    column, polars, pandas = named(name), _polars(name), _pandas(name)
    if kind is Kind.DATE:
        if dtype != pl.Date and not _is_micro(dtype):
            raise NoClauseError(f"the dates of '{name}' are written as {dtype}")
        moments = _moments(name, dtype)
        return _Form(
            f"{moments.polars}.cast(pl.Float64)", moments.pandas, moments.column.cast(pl.Float64)
        )
    if untyped and kind is Kind.NUMBER:
        tokens = [token for token in MISSING_TOKENS if token]
        return _Form(
            f"{polars}.cast(pl.Float64, strict=False)",
            f"{pandas}.where(~{pandas}.isin({tokens!r})).astype('float64')",
            column.cast(pl.Float64, strict=False),
        )
    plain = dtype in _WHOLE or dtype in (pl.UInt64, pl.Float32, pl.Float64, pl.Boolean)
    if untyped or not plain:
        raise NoClauseError(f"the values of '{name}' are written as {dtype}")
    return _Form(
        f"{polars}.cast(pl.Float64)", f"{pandas}.astype('float64')", column.cast(pl.Float64)
    )


def _text_clause(chosen: FeatureFilter, dtype: pl.DataType, shown: Sequence[str]) -> Clause:
    name = chosen.feature
    if dtype not in _TEXT:
        raise NoClauseError(f"'{name}' is text in other versions and {dtype} in this one")
    parts: list[Clause] = []
    if chosen.categories:
        parts.append(_in_texts(name, dtype, chosen.categories))
    if chosen.missing:
        parts.append(missing(name, dtype))
    if chosen.other:
        known = _in_texts(name, dtype, shown)
        parts.append(
            Clause(
                f"{_polars(name)}.is_not_null() & ~({known.polars})",
                f"{_pandas(name)}.notna() & ~({known.pandas})",
                named(name).is_not_null() & ~known.test,
            )
        )
    return any_of(parts)


def _in_texts(name: str, dtype: pl.DataType, texts: Sequence[str]) -> Clause:
    return _form(name, dtype).is_in(list(texts), pl.Series(texts, dtype=pl.String).implode())


def moment_clause(name: str, dtype: pl.DataType, first: int | None, last: int | None) -> Clause:
    """True where a date is at least `first` and before `last`, in microseconds since 1970.

    NoClauseError where the dates are no dates in the file.
    """
    if dtype != pl.Date and not _is_micro(dtype):
        raise NoClauseError(f"the dates of '{name}' are written as {dtype}")
    moments = _moments(name, dtype)
    test = moments.column.is_not_null()
    polars, pandas = f"{moments.polars}.is_not_null()", f"{moments.pandas}.notna()"
    if first is not None:
        test &= moments.column >= first
        polars += f" & ({moments.polars} >= {first})"
        pandas += f" & ({moments.pandas} >= {first})"
    if last is not None:
        test &= moments.column < last
        polars += f" & ({moments.polars} < {last})"
        pandas += f" & ({moments.pandas} < {last})"
    return Clause(f"({polars}).fill_null(False)", pandas, test.fill_null(value=False))


def _is_micro(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Datetime) and dtype.time_unit in ("us", "ms")


def _moments(name: str, dtype: pl.DataType) -> _Form:
    """Dates as whole microseconds since 1970 in UTC."""
    column, polars = named(name), _polars(name)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        polars += ".dt.convert_time_zone('UTC').dt.replace_time_zone(None)"
    zoneless = f"pd.to_datetime({_pandas(name)}, utc=True).dt.tz_localize(None)"
    return _Form(
        f"{polars}.cast(pl.Datetime('us')).cast(pl.Int64)",
        f"(({zoneless} - pd.Timestamp(0)) / pd.Timedelta(1, 'us'))",
        column.cast(pl.Datetime("us")).cast(pl.Int64),
    )


def _polars(name: str) -> str:
    """`pl.col` takes "*" for all columns and "^...$" for a pattern."""
    if name == "*" or name.startswith("^"):
        return f"pl.selectors.by_name({name!r}).as_expr()"
    return f"pl.col({name!r})"


def _pandas(name: str) -> str:
    return f"frame[{name!r}]"
