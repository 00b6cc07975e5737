"""What columns are, and one spelling for equal things."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.data import evolving_dataset
from chameleon.project import Kind, Severity, Split, columns
from tests import internals as chameleon
from tests.library import TREE, errors_of, messages, plain, write_project, write_version


def read_kind(*values: str | None) -> Kind | None:
    """The kind of a CSV column of these values."""
    frame = pl.DataFrame({"column": pl.Series(values, dtype=pl.String)})
    return columns.column_kinds(frame)["column"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "-3e4", ""], Kind.NUMBER),
        (["1", "inf", "-inf", "NaN", None], Kind.NUMBER),
        (["1", "NA", "null", "None", "N/A"], Kind.NUMBER),
        (["007", "008"], Kind.TEXT), (["0", "0.5", "-0"], Kind.NUMBER),
        (["true", "False", "TRUE", ""], Kind.BOOLEAN), (["true", "1"], Kind.TEXT),
        (["2019-01-11", "2019-1-2"], Kind.DATE),
        (["2019-01-11T10:00:00", "2019-01-11T10:00:00Z"], Kind.DATE),
        (["2019-01-11", "yesterday"], Kind.TEXT), (["2019-13-45"], Kind.TEXT),
        (["red", "1"], Kind.TEXT), (["", "NA", None], None), ([None], None), ([], None),
    ],
)  # fmt: skip
def test_a_csv_column_is_what_all_its_values_read_as(values, kind):
    assert read_kind(*values) == kind


def test_one_odd_value_far_down_is_seen():
    assert read_kind(*["1"] * 5000, "x") is Kind.TEXT
    assert read_kind(*["true"] * 5000, "x") is Kind.TEXT
    assert read_kind(*["2019-01-11"] * 5000, "x") is Kind.TEXT
    assert read_kind(*[""] * 5000, "1") is Kind.NUMBER


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (pl.Int8(), Kind.NUMBER), (pl.UInt64(), Kind.NUMBER), (pl.Decimal(10, 2), Kind.NUMBER),
        (pl.Duration(), Kind.NUMBER), (pl.Time(), Kind.NUMBER), (pl.Boolean(), Kind.BOOLEAN),
        (pl.Date(), Kind.DATE), (pl.Datetime("ns", "Europe/Zurich"), Kind.DATE),
        (pl.String(), Kind.TEXT), (pl.Categorical(), Kind.TEXT), (pl.Enum(["a"]), Kind.TEXT),
        (pl.Null(), None),
    ],
)  # fmt: skip
def test_a_typed_column_is_what_its_type_says(dtype, kind):
    assert columns.type_kind(dtype) == kind


@pytest.mark.parametrize("dtype", [pl.List(pl.Int8), pl.Struct({"a": pl.Int8}), pl.Binary()])
def test_lists_structs_and_bytes_are_no_features(dtype):
    with pytest.raises(TypeError):
        columns.type_kind(dtype)


@given(st.lists(st.sampled_from([*Kind, None]), min_size=1).filter(any))
def test_a_common_kind_holds_every_kind_and_its_order_is_no_matter(kinds):
    found = columns.common_kind(kinds)
    assert found is columns.common_kind(reversed(kinds))
    if set(kinds) - {None} == {found}:
        return
    assert found is (Kind.NUMBER if set(kinds) <= {Kind.NUMBER, Kind.BOOLEAN, None} else Kind.TEXT)


@given(st.integers(-(2**53), 2**53))
def test_an_id_reads_alike_as_integer_float_and_text(number):
    spelled = {
        columns.key_text(pl.Series([number]), untyped=False).item(),
        columns.key_text(pl.Series([str(number)]), untyped=False).item(),
        columns.key_text(pl.Series([str(number)]), untyped=True).item(),
        columns.key_text(pl.Series([f"{number}.0"]), untyped=True).item(),
    }
    if abs(number) < 10**15:  # beyond, polars spells floats as 1e16
        spelled.add(columns.key_text(pl.Series([float(number)]), untyped=False).item())
    assert spelled == {str(number)}


@pytest.mark.parametrize(
    ("values", "untyped", "spelled"),
    [
        (["007", "7.0"], True, ["007", "7.0"]),
        ([True, False, None], False, ["true", "false", None]),
        (["True", "False", ""], True, ["true", "false", None]),
        (["TRUE", "FALSE", None], True, ["true", "false", None]),
        ([1.0, float("nan"), None], False, ["1", None, None]),
        (["a", "", None], True, ["a", None, None]),
    ],
)
def test_ids_and_labels_have_one_spelling_in_every_format(values, untyped, spelled):
    assert columns.key_text(pl.Series(values), untyped=untyped).to_list() == spelled


def test_numbers_are_floats_booleans_0_and_1_and_dates_microseconds():
    numbers = columns.feature_numbers(pl.Series([True, False, None]), Kind.BOOLEAN)
    np.testing.assert_array_equal(numbers, [1, 0, np.nan])
    numbers = columns.feature_numbers(pl.Series([1, None, 3]), Kind.NUMBER)
    np.testing.assert_array_equal(numbers, [1, np.nan, 3])
    numbers = columns.feature_numbers(pl.Series([float("inf"), float("nan"), None]), Kind.NUMBER)
    np.testing.assert_array_equal(numbers, [np.inf, np.nan, np.nan])
    numbers = columns.feature_numbers(pl.Series([dt.timedelta(minutes=1)]), Kind.NUMBER)
    np.testing.assert_array_equal(numbers, [60])
    numbers = columns.feature_numbers(pl.Series([dt.time(1, 0, 1)]), Kind.NUMBER)
    np.testing.assert_array_equal(numbers, [3601])
    day = pl.Series([dt.date(1970, 1, 2), None])
    for column in (day, day.cast(pl.Datetime("ns")), day.cast(pl.String)):
        numbers = columns.feature_numbers(column, Kind.DATE)
        np.testing.assert_array_equal(numbers, [86_400e6, np.nan])


def test_an_hour_is_the_same_in_every_time_zone():
    utc = pl.Series([dt.datetime(2020, 6, 1, 10)]).dt.replace_time_zone("UTC")
    spelled = pl.Series(["2020-06-01T12:00:00+02:00"])
    naive = pl.Series([dt.datetime(2020, 6, 1, 10)])
    found = {
        columns.feature_numbers(column, Kind.DATE).item()
        for column in (utc, utc.dt.convert_time_zone("Asia/Tokyo"), spelled, naive)
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", Split.TRAIN), ("Training", Split.TRAIN), (" TEST ", Split.TEST),
        ("testing", Split.TEST), ("val", Split.VALIDATION), ("Valid", Split.VALIDATION),
        ("validation", Split.VALIDATION), ("dev", Split.VALIDATION), ("holdout", None),
        (None, None),
    ],
)  # fmt: skip
def test_splits_go_by_their_usual_names(name, split):
    code = columns.split_codes(pl.Series([name], dtype=pl.String)).item()
    assert (None if code < 0 else list(Split)[code]) is split


@given(st.lists(st.sampled_from([dt.date(1600, 2, 29), dt.date(2262, 4, 12), None]), max_size=4))
def test_dates_of_instances_are_the_same_typed_and_spelled(days):
    column = pl.Series(days, dtype=pl.Date)
    typed, unread = columns.date_numbers(column)
    spelled, unread_text = columns.date_numbers(column.cast(pl.String))
    np.testing.assert_array_equal(typed, spelled)
    assert (unread, unread_text) == (0, 0)


@pytest.mark.parametrize(
    "dates",
    [
        pl.Series(["soon"] * 20), pl.Series(["2019-01-11"] * 19 + ["soon"]),
        pl.Series(["soon"] * 20, dtype=pl.Categorical), pl.Series([2019] * 20),
        pl.Series([True] * 20), pl.Series([dt.time(1, 2)] * 20), pl.Series([["2019-01-11"]] * 20),
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_missing_and_said_to_be(tmp_path, dates):
    folder = write_project(tmp_path, {"1": plain(date=dates)}, toml=TREE)
    dataset = evolving_dataset(chameleon.open_project(folder))
    unread = int(np.isnat(dataset.date).sum())
    assert unread == (1 if dates.dtype == pl.String and "2019-01-11" in dates else 20)
    found = (*dataset.project.findings, *dataset.findings)
    warning = next(p for p in found if p.column == "date")
    assert warning.severity is Severity.WARNING
    assert "Version 1 (versions/1.parquet)" in warning.message


# ---------------------------------------------------------------- types that change


def test_an_integer_that_becomes_a_float_is_one_number_and_no_problem(tmp_path):
    frames = {"1": plain(k=list(range(20))), "2": plain(k=[i + 0.5 for i in range(20)])}
    project = chameleon.open_project(write_project(tmp_path, frames))
    assert project.kinds["k"] is Kind.NUMBER
    assert not project.findings


def test_a_boolean_that_becomes_a_number_counts_as_0_and_1(tmp_path):
    frames = {"1": plain(k=[True] * 20), "2": plain(k=[1] * 20)}
    project = chameleon.open_project(write_project(tmp_path, frames))
    assert project.kinds["k"] is Kind.NUMBER
    assert [p.severity for p in project.findings] == [Severity.NOTE]
    assert chameleon.compare_data(project, before="1", after="2").edited == 0


@pytest.mark.parametrize("odd", [["n/k"] * 20, [dt.date(2020, 1, 1)] * 20])
def test_a_change_of_type_that_loses_values_names_both_versions(tmp_path, odd):
    frames = {"1": plain(k=[1.5] * 20), "2": plain(k=odd), "3": plain(k=[2.5] * 20)}
    project = chameleon.open_project(write_project(tmp_path, frames))
    assert project.kinds["k"] is Kind.TEXT
    (finding,) = project.findings
    assert finding.severity is Severity.WARNING
    assert finding.column == "k"
    for words in ("'k'", "version 1 (versions/1.parquet)", "version 2 (versions/2.parquet)"):
        assert words in finding.message
    assert chameleon.compare_data(project, before="1", after="3").edited == 20


def test_a_number_spelled_in_a_text_column_equals_itself_over_versions(tmp_path):
    frames = {"1": plain(k=[7] * 20), "2": plain(k=[7.0] * 20), "3": plain(k=["7"] * 19 + ["x"])}
    project = chameleon.open_project(write_project(tmp_path, frames))
    assert chameleon.compare_data(project, before="1", after="2").edited == 0
    assert chameleon.compare_data(project, before="2", after="3").edited == 1


def test_a_column_without_any_value_takes_the_kind_of_other_versions(tmp_path):
    empty = pl.Series("k", [None] * 20)
    frames = {"1": plain(k=empty), "2": plain(k=["red"] * 20), "3": plain(k=empty)}
    folder = write_project(tmp_path, frames)
    assert chameleon.open_project(folder).kinds["k"] is Kind.TEXT
    write_version(folder, "4", plain(k=[""] * 20), form="csv")
    project = chameleon.open_project(folder)
    assert project.kinds["k"] is Kind.TEXT
    assert not errors_of(project)


def test_integers_beyond_a_float_are_said_to_be_rounded(tmp_path):
    folder = write_project(tmp_path, {"1": plain(k=[2**53 + i for i in range(20)])}, toml=TREE)
    dataset = evolving_dataset(chameleon.open_project(folder))
    assert "beyond 2^53 in 'k'" in messages(dataset.findings)
