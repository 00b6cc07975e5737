"""From bars to their values, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.data import BarKind
from chameleon.selection import bars_of_filter, chosen_filter, filter_of_bars, instance_mask
from tests import internals as chameleon
from tests.internals import FeatureFilter, Filters, Range, Selection
from tests.library import TREE, evaluated, examples, plain, write_project
from tests.projects import opened, plans


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> chameleon.Evaluation:
    """A feature of every kind, with bars below and above, "other", missing and infinite values."""
    count = 600
    tails = [-1e6, *[(i * 37 % 1000) / 1000 for i in range(count - 2)], 1e6]
    tails[5], tails[6] = None, float("inf")
    frame = plain(
        count,
        number=tails,
        few=[i % 4 for i in range(count)],
        yes=[i % 3 == 0 for i in range(count)],
        text=[f"t{min(i % 90, i % 25)}" for i in range(count)],
    )
    return evaluated(write_project(tmp_path_factory.mktemp("wide"), {"1": frame}, toml=TREE))


def rows_in_bars(evaluation: chameleon.Evaluation, number: int, codes: set[int]) -> np.ndarray:
    """The instances of the only version whose value has one of these codes."""
    dataset = evaluation.dataset
    return np.sort(dataset.instance[np.isin(dataset.codes[number], list(codes))])


def test_a_filter_of_bars_matches_exactly_their_values(wide):
    random = np.random.default_rng(3)
    for number, feature in enumerate(wide.dataset.features):
        bars = range(feature.bins.count)
        choices = [{code} for code in bars]
        choices += [set(random.choice(bars, len(bars) // 2, replace=False)) for _ in range(4)]
        for codes in choices:
            one = filter_of_bars(feature, codes)
            filters = Filters().with_feature(one)
            wanted = rows_in_bars(wide, number, codes)
            if one.is_empty:
                assert feature.bins.kind == "text"
                continue
            mask = instance_mask(wide, Selection("1", "1", filters))
            np.testing.assert_array_equal(np.flatnonzero(mask), wanted)
            assert codes == set(bars_of_filter(feature, one))
            link = Selection("1", "1", filters).to_query_string()
            assert Selection.from_query_string(link, Selection("", "")).filters == filters


@settings(max_examples=examples(40))
@given(st.data())
def test_bars_become_values_and_bars_again(data):
    plan = data.draw(plans())
    with opened(plan) as evaluation:
        features = evaluation.dataset.features
    for feature in features:
        codes = data.draw(st.sets(st.integers(0, feature.bins.count - 1)))
        assert set(bars_of_filter(feature, filter_of_bars(feature, codes))) == codes


def test_adjacent_ranges_become_one(wide):
    feature = wide.dataset.features[wide.dataset.feature_number("number")]
    edges = feature.bins.edges
    one = filter_of_bars(feature, [3, 4, 5, 9])
    assert one.ranges == (Range(edges[2], edges[5]), Range(edges[8], edges[9]))
    assert feature.bins.bars[31].kind is BarKind.ABOVE
    last = filter_of_bars(feature, [30]).ranges
    assert last == (Range(edges[29], edges[30], closed=True),)


def test_choosing_bars_replaces_adds_and_removes(small):
    feature = small.dataset.features[small.dataset.feature_number("colour")]
    nothing = FeatureFilter("colour")
    blue, red = ([c for c, bar in enumerate(feature.bins.bars) if bar.category == name]
                 for name in ("blue", "red"))  # fmt: skip
    only_blue = chosen_filter(feature, nothing, blue, extend=False)
    assert only_blue.categories == ("blue",)
    assert chosen_filter(feature, only_blue, red, extend=False).categories == ("red",)
    assert chosen_filter(feature, only_blue, blue, extend=False) == nothing
    both = chosen_filter(feature, only_blue, red, extend=True)
    assert set(both.categories) == {"blue", "red"}
    assert chosen_filter(feature, both, red, extend=True) == only_blue
    assert chosen_filter(feature, both, [], extend=True) == nothing
