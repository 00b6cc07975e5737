"""Bins: where the edges are, and that every value falls where DESIGN 2.4 says."""

import datetime as dt
import math
import sys
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from chameleon.data import BarKind, BinKind, evolving_dataset
from chameleon.data.bins import RANGE_COUNT, number_bins, text_bins
from chameleon.project import Kind
from tests import internals as chameleon
from tests import oracle
from tests.library import TREE, evaluated, examples, plain, write_project

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)
USUAL = st.one_of(
    st.integers(-40, 40).map(float),
    st.integers(-400, 400).map(lambda k: k * 0.1),
    st.floats(-1e6, 1e6),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e300, -1e-300, 5e-324]),
)


def frame_bars(bins: chameleon.data.bins.Bins) -> list[dict]:
    return [
        {"bin": code, "bar": bar.kind, "low": bar.low, "high": bar.high, "category": bar.category}
        for code, bar in enumerate(bins.bars)
    ]


def check_codes(values: list[float], kind: Kind = Kind.NUMBER) -> chameleon.data.bins.Bins:
    """The bins of the values, after every code was compared with the plain loop's."""
    array = np.array(values, dtype=np.float64)
    bins = number_bins(array, kind)
    bars = frame_bars(bins)
    wanted = [oracle.bin_of(None if math.isnan(v) else v, bars) for v in values]
    assert bins.codes(array).tolist() == wanted
    assert bins.count == len(bars)
    return bins


@settings(max_examples=examples(150))
@given(st.lists(st.one_of(USUAL, NUMBERS), min_size=1, max_size=60))
@example([1.7e308, -1.7e308, 0.5])
@example([1.7e308] * 3 + [1.6e308, 0.5])
@example([5e-324, 1e-323, 0.0, 2e-323])
@example([5e-324, 0.5])
@example([0.1 + 0.2, 0.3])
@example([1e16 + 2 * k for k in range(40)])
def test_codes_are_those_of_a_plain_loop(values):
    check_codes(values)


@settings(max_examples=examples(100))
@given(
    st.sampled_from([0.1, 0.01, 0.25, 0.3, 1.0, 7.0, 1e-7, 1e7]),
    st.integers(-50, 50),
    st.integers(2, 120),
)
def test_multiples_of_a_step_fall_right_of_the_edge_they_equal(step, first, count):
    values = [(first + k) * step for k in range(count)]
    bins = check_codes([*values, first * step + step / 3])
    assume(bins.kind is BinKind.RANGES)
    edges = bins.edges
    codes = bins.codes(np.array(edges))
    assert codes.tolist() == [*range(1, RANGE_COUNT + 1), RANGE_COUNT]  # the last is closed


@settings(max_examples=examples(100))
@given(st.lists(st.floats(-1e12, 1e12), min_size=5, max_size=200))
def test_ranges_are_30_of_equal_width_that_hold_the_middle_99_percent(values):
    bins = check_codes(values)
    assume(bins.kind is BinKind.RANGES)
    edges = np.array(bins.edges)
    assert len(edges) == RANGE_COUNT + 1
    widths = np.diff(edges)
    assert (widths > 0).all()
    scale = max(abs(edges[0]), abs(edges[-1]))
    np.testing.assert_allclose(widths, widths[0], rtol=1e-6, atol=scale * 4e-16)
    outside = sum(value < edges[0] or value > edges[-1] for value in values)
    if len(set(values)) > 1:
        assert outside <= 0.01 * len(values) + 1
    assert (bins.low, bins.high) == (min(values), max(values))
    below, above = bins.bars[0], bins.bars[RANGE_COUNT + 1]
    assert (below.kind, above.kind) == (BarKind.BELOW, BarKind.ABOVE)
    assert below.low == min(bins.low, edges[0])
    assert above.high == max(bins.high, edges[-1])


LARGEST = sys.float_info.max
ENDS = [LARGEST, -LARGEST, 1.74e308, 1e300, -1e300, 1e21, 1e-300, 5e-324, -5e-324, 0.5, 0.0]


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(ENDS),
        min_size=1,
        max_size=60,
    )
)
def test_edges_of_any_numbers_are_finite_and_ascend(values):
    bins = check_codes([*values, 0.25])
    assert bins.kind is BinKind.RANGES
    assert np.isfinite(bins.edges).all()
    assert all(a < b for a, b in pairwise(bins.edges))


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (36.4, 41.2), (1e-5, 3e-4), (0, 1e9)]
)
def test_edges_are_round_numbers(low, high):
    values = np.linspace(low, high, 1000) + 1e-9 * high
    for edge in number_bins(values, Kind.NUMBER).edges:
        assert len(f"{edge:.15g}".replace(".", "").replace("-", "").strip("0")) <= 6, edge


def test_the_edges_are_not_moved_by_one_wild_value():
    calm = list(np.linspace(0, 1, 1000))
    edges = number_bins(np.array(calm), Kind.NUMBER).edges
    wild = number_bins(np.array([*calm, 1e9, -1e9]), Kind.NUMBER)
    assert wild.edges == edges
    assert (wild.bars[0].low, wild.bars[RANGE_COUNT + 1].high) == (-1e9, 1e9)


def test_few_different_integers_get_a_bar_a_value():
    bins = check_codes([3.0, -1.0, 3.0, 7.0, float("nan")])
    assert bins.kind is BinKind.VALUES
    assert bins.values == (-1.0, 3.0, 7.0)
    assert check_codes([float(k) for k in range(30)]).kind is BinKind.VALUES
    assert check_codes([float(k) for k in range(31)]).kind is BinKind.RANGES


@settings(max_examples=examples(60))
@given(st.lists(st.integers(-(10**6), 10**6), min_size=31, max_size=90, unique=True))
def test_many_different_integers_get_whole_edges(values):
    bins = check_codes([float(v) for v in values])
    assert bins.kind is BinKind.RANGES
    assert all(edge.is_integer() for edge in bins.edges)


def test_integers_of_which_nearly_all_are_0_get_whole_edges():
    bins = number_bins(np.array([0.0] * 19_960 + [1000.0 + k for k in range(40)]), Kind.NUMBER)
    assert all(edge.is_integer() for edge in bins.edges)


def test_a_constant_fraction_is_held_by_one_range():
    bins = check_codes([0.1] * 50)
    codes = set(bins.codes(np.array([0.1] * 50)).tolist())
    assert len(codes) == 1
    assert bins.bars[codes.pop()].kind is BarKind.RANGE


@pytest.mark.parametrize("values", [[float("nan")] * 4, [float("inf"), float("nan")], []])
def test_without_any_finite_value_there_are_only_the_two_last_bars(values):
    bins = check_codes(values)
    assert [bar.kind for bar in bins.bars] == [BarKind.MISSING, BarKind.NON_FINITE]


def test_a_boolean_has_a_bar_for_both_values_even_where_one_is_absent():
    bins = check_codes([1.0, 1.0, float("nan")], Kind.BOOLEAN)
    assert bins.values == (0.0, 1.0)


# ---------------------------------------------------------------- dates


DAY = 86_400_000_000


@settings(max_examples=examples(100))
@given(
    st.datetimes(dt.datetime(1500, 1, 1), dt.datetime(2400, 1, 1)),
    st.lists(st.integers(0, 10**15), min_size=1, max_size=40),
)
def test_dates_get_30_equal_steps_of_a_clock_or_calendar(start, steps):
    first = (start - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    bins = check_codes([float(first + step) for step in steps], Kind.DATE)
    widths = set(np.diff(bins.edges).tolist())
    assert len(widths) == 1
    assert widths.pop() >= 1_000_000


def test_a_year_of_days_is_cut_at_midnight():
    days = np.arange(365) * float(DAY) + 17_897 * DAY
    bins = number_bins(days, Kind.DATE)
    assert all(edge % DAY == 0 for edge in bins.edges)
    codes = bins.codes(days)
    assert codes.min() >= 1
    assert codes.max() <= RANGE_COUNT


def test_all_of_one_day_is_one_range():
    bins = check_codes([17_897.0 * DAY] * 9, Kind.DATE)
    assert len({bins.codes(np.array([17_897.0 * DAY])).item()}) == 1


# ---------------------------------------------------------------- text


def test_the_most_frequent_texts_come_first_and_the_rest_is_other():
    counts = {f"t{k:02}": 100 - k for k in range(25)}
    bins = text_bins(counts, holders=2000)
    assert bins.categories == tuple(f"t{k:02}" for k in range(20))
    assert bins.other == 5
    assert [bar.kind for bar in bins.bars[-3:]] == [
        BarKind.OTHER, BarKind.MISSING, BarKind.NON_FINITE,
    ]  # fmt: skip


def test_other_never_stands_for_a_single_category():
    bins = text_bins({f"t{k}": 5 for k in range(21)}, holders=105)
    assert (len(bins.categories), bins.other) == (21, 0)
    assert text_bins({f"t{k}": 5 for k in range(22)}, holders=110).other == 2


def test_equally_frequent_texts_stand_in_their_own_order():
    assert text_bins({"b": 2, "a": 2, "c": 3}, holders=7).categories == ("c", "a", "b")


def test_nearly_all_distinct_texts_have_no_histogram_but_one_bar():
    bins = text_bins({f"comment {k}": 1 for k in range(100)}, holders=110)
    assert bins.kind is BinKind.TEXT
    assert [bar.kind for bar in bins.bars] == [
        BarKind.TEXT, BarKind.MISSING, BarKind.NON_FINITE,
    ]  # fmt: skip
    few = text_bins({f"name {k}": 1 for k in range(10)}, holders=10)
    assert few.kind is BinKind.CATEGORIES  # ten instances of ten names are a picture still


def test_free_text_over_many_versions_is_still_free_text(tmp_path):
    comments = [f"comment {i}" for i in range(60)]
    frames = {str(v): plain(60, comment=comments, x=[i + v for i in range(60)]) for v in range(5)}
    project = chameleon.open_project(write_project(tmp_path, frames, toml=TREE))
    feature = evolving_dataset(project).features[0]
    assert (feature.name, feature.bins.kind) == ("comment", BinKind.TEXT)


def test_a_category_named_as_a_bar_is_a_category(tmp_path):
    names = ["other", "missing", "text", "", "non-finite", None]
    frame = plain(24, kind=[names[i % 6] for i in range(24)])
    evaluation = evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))
    counts = chameleon.feature_histograms(evaluation, primary="1", secondary="1").filter(
        feature="kind"
    )
    primary = pl.sum_horizontal("primary_correct", "primary_incorrect", "primary_unknown")
    by_bar = counts.group_by("bar", "category").agg(primary.sum().alias("n"))
    found = {(bar, category): n for bar, category, n in by_bar.rows()}
    assert found.pop(("missing", None)) == 4
    assert found.pop(("non-finite", None)) == 0
    assert found == {("category", name): 4 for name in names if name is not None}
