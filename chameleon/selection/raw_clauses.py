"""Conditions on the raw columns of a version's file: as text for polars and pandas, and as polars.

Each condition is true or false for every row, never null, so that its negation is the rest. Only
the polars expression is evaluated; the texts are exported.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from chameleon.project import MISSING_TOKENS, Kind, named
from chameleon.selection.filter_values import FeatureFilter, Range

_WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_TEXT = (pl.String, pl.Categorical, pl.Enum)
_OPERATORS = {
    "&": operator.and_, "|": operator.or_,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


class NoClauseError(Exception):
    """Something has no form as a condition on raw values; the message is the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """One condition: as text for polars (as `pl`) and pandas (of `frame`), and as an expression.

    `pandas` is None if pandas has no exact form of it.
    """

    polars: str
    pandas: str | None
    test: pl.Expr

    def filled(self) -> Clause:
        """The condition, false where it would be null."""
        text = f"({self.polars}).fill_null(False)"
        return Clause(text, self.pandas, self.test.fill_null(value=False))


NEVER = Clause("pl.lit(False)", "pd.Series(False, index=frame.index)", pl.lit(value=False))
ALWAYS = Clause("pl.lit(True)", "pd.Series(True, index=frame.index)", pl.lit(value=True))


def all_of(clauses: Sequence[Clause]) -> Clause:
    """True where all of them are true; always for none."""
    return _joined(clauses, "&", ALWAYS)


def any_of(clauses: Sequence[Clause]) -> Clause:
    """True where any of them is true; never for none."""
    return _joined(clauses, "|", NEVER)


def _joined(clauses: Sequence[Clause], sign: str, of_none: Clause) -> Clause:
    clauses = [clause for clause in clauses if clause is not of_none]
    if len(clauses) < 2:
        return clauses[0] if clauses else of_none
    pandas = [f"({clause.pandas})" for clause in clauses if clause.pandas is not None]
    return Clause(
        f" {sign} ".join(f"({clause.polars})" for clause in clauses),
        f" {sign} ".join(pandas) if len(pandas) == len(clauses) else None,
        reduce(_OPERATORS[sign], (clause.test for clause in clauses)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A column in a form in which both libraries compare it exactly."""

    polars: str
    pandas: str | None
    column: pl.Expr

    def clause(self, polars: str, pandas: str, test: pl.Expr) -> Clause:
        """A condition by the text that follows the column in each library."""
        ours = None if self.pandas is None else f"{self.pandas}{pandas}"
        return Clause(f"{self.polars}{polars}", ours, test)

    def compared(self, sign: str, value: float) -> Clause:
        """The column compared with a number; null where it is missing."""
        text = repr(value) if math.isfinite(value) else f"float('{value}')"
        test: pl.Expr = _OPERATORS[sign](self.column, value)
        return self.clause(f" {sign} {text}", f" {sign} {text}", test)

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
            no_number = self.column.fill_nan(None).is_null()
            return self.clause(".fill_nan(None).is_null()", ".isna()", no_number)
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


def _raw(name: str) -> _Form:
    """A column as it is. `pl.col` takes "*" for all columns and "^...$" for a pattern."""
    if name == "*" or name.startswith("^"):
        return _Form(f"pl.selectors.by_name({name!r}).as_expr()", f"frame[{name!r}]", named(name))
    return _Form(f"pl.col({name!r})", f"frame[{name!r}]", named(name))


def _form(name: str, dtype: pl.DataType) -> _Form:
    raw = _raw(name)
    if dtype in (pl.String, pl.Int64, pl.Float64, pl.Boolean):
        return raw
    if dtype in _WHOLE:
        return _Form(f"{raw.polars}.cast(pl.Int64)", raw.pandas, raw.column.cast(pl.Int64))
    if dtype.is_float():
        return _Form(f"{raw.polars}.cast(pl.Float64)", raw.pandas, raw.column.cast(pl.Float64))
    if dtype == pl.Date or _is_micro(dtype):
        return _moments(name, dtype)
    # categories, decimals, times: as polars writes them
    pandas = raw.pandas if dtype in _TEXT else None
    if dtype == pl.UInt64:  # beyond Int64; as text nothing is rounded
        pandas = f"{raw.pandas}.map(lambda value: str(int(value)), na_action='ignore')"
    return _Form(f"{raw.polars}.cast(pl.String)", pandas, raw.column.cast(pl.String))


def missing(name: str, dtype: pl.DataType) -> Clause:
    """True where the column has no value; in a text file also where it is empty."""
    return _raw(name).is_missing(nan=dtype.is_float())


def feature_clause(
    chosen: FeatureFilter,
    kind: Kind,
    dtype: pl.DataType,
    *,
    untyped: bool,
    shown: Sequence[str],
    has_empty: bool,
) -> Clause:
    """True for the values that match a feature's filter; NoClauseError without an exact form.

    `kind` is the feature's over all versions, `dtype` that of its raw column in this one, text
    where the file is `untyped`. `shown` are the categories of its histogram, others are "other";
    with `has_empty` it has empty texts.
    """
    if kind is Kind.TEXT:
        if untyped and has_empty:
            raise NoClauseError(
                f"pandas can't separate an empty text of '{chosen.feature}' from a missing one"
            )
        return _text_clause(chosen, dtype, shown)
    numbers = _numbers(chosen.feature, kind, dtype, untyped=untyped)
    parts = [_within(numbers, limits) for limits in chosen.ranges]
    if chosen.missing:
        parts.append(numbers.is_missing(nan=True))
    if chosen.non_finite:
        infinite = numbers.column.is_infinite().fill_null(value=False)
        pandas = ".isin([float('inf'), float('-inf')])"
        parts.append(numbers.clause(".is_infinite().fill_null(False)", pandas, infinite))
    return any_of(parts)


def _within(numbers: _Form, limits: Range) -> Clause:
    """Polars takes NaN for the largest number: only finite values may be compared."""
    finite = numbers.clause(".is_finite()", ".abs() < float('inf')", numbers.column.is_finite())
    low = numbers.compared(">" if limits.open else ">=", float(limits.low))
    return all_of(
        [finite, low, numbers.compared("<=" if limits.closed else "<", float(limits.high))]
    ).filled()


def _numbers(name: str, kind: Kind, dtype: pl.DataType, *, untyped: bool) -> _Form:
    """A number, boolean, or date feature as Float64, its missing values null or NaN."""
    if kind is Kind.DATE:
        form = _moments(name, dtype)
        return _Form(f"{form.polars}.cast(pl.Float64)", form.pandas, form.column.cast(pl.Float64))
    raw = _raw(name)
    if untyped and kind is Kind.NUMBER:
        tokens = [token for token in MISSING_TOKENS if token]
        return _Form(
            f"{raw.polars}.cast(pl.Float64, strict=False)",
            f"{raw.pandas}.where(~{raw.pandas}.isin({tokens!r})).astype('float64')",
            raw.column.cast(pl.Float64, strict=False),
        )
    plain = dtype in _WHOLE or dtype in (pl.UInt64, pl.Float32, pl.Float64, pl.Boolean)
    if untyped or not plain:
        raise NoClauseError(f"the values of '{name}' are written as {dtype}")
    pandas = f"{raw.pandas}.astype('float64')"
    return _Form(f"{raw.polars}.cast(pl.Float64)", pandas, raw.column.cast(pl.Float64))


def _text_clause(chosen: FeatureFilter, dtype: pl.DataType, shown: Sequence[str]) -> Clause:
    name = chosen.feature
    if dtype not in _TEXT:
        raise NoClauseError(f"'{name}' is text in other versions and {dtype} in this one")

    def one_text_of(texts: Sequence[str]) -> Clause:
        return _form(name, dtype).is_in(list(texts), pl.Series(texts, dtype=pl.String).implode())

    parts: list[Clause] = []
    if chosen.categories:
        parts.append(one_text_of(chosen.categories))
    if chosen.missing:
        parts.append(missing(name, dtype))
    if chosen.other:
        known, raw = one_text_of(shown), _raw(name)
        is_other = raw.column.is_not_null() & ~known.test
        parts.append(
            raw.clause(
                f".is_not_null() & ~({known.polars})", f".notna() & ~({known.pandas})", is_other
            )
        )
    return any_of(parts)


def moment_clause(name: str, dtype: pl.DataType, first: int | None, last: int | None) -> Clause:
    """True where a date is at least `first` and before `last`, in microseconds since 1970.

    NoClauseError if the file's values aren't dates.
    """
    form = _moments(name, dtype)
    parts = [form.clause(".is_not_null()", ".notna()", form.column.is_not_null())]
    parts += [] if first is None else [form.compared(">=", first)]
    parts += [] if last is None else [form.compared("<", last)]
    return all_of(parts).filled()


def _is_micro(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Datetime) and dtype.time_unit in ("us", "ms")


def _moments(name: str, dtype: pl.DataType) -> _Form:
    """Dates as whole microseconds since 1970 in UTC; NoClauseError if they aren't dates."""
    if dtype != pl.Date and not _is_micro(dtype):
        raise NoClauseError(f"the dates of '{name}' are written as {dtype}")
    raw = _raw(name)
    column, polars = raw.column, raw.polars
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        polars += ".dt.convert_time_zone('UTC').dt.replace_time_zone(None)"
    zoneless = f"pd.to_datetime({raw.pandas}, utc=True).dt.tz_localize(None)"
    return _Form(
        f"{polars}.cast(pl.Datetime('us')).cast(pl.Int64)",
        f"(({zoneless} - pd.Timestamp(0)) / pd.Timedelta(1, 'us'))",
        column.cast(pl.Datetime("us")).cast(pl.Int64),
    )
