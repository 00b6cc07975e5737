"""Selections and filters: to a mask, and to an address and back without losing a value."""

import datetime as dt
import time
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chameleon.counting import OUTCOMES
from chameleon.project import Split
from chameleon.selection import instance_mask, usable
from tests import internals as chameleon
from tests import oracle
from tests.internals import FeatureFilter, Filters, Range, Selection
from tests.library import TREE, evaluated, examples, plain, write_project
from tests.projects import filters_for, opened, plans, version_pairs

DEFAULT = Selection("1.0", "1.1")
AWKWARD = [
    "", " ", "'", '"', "[x]", "{}", "a..b", "..", "0..1", "=", "=a", "~", "~0", "~~", "~a", "\n",
    "\r\n", "\t", "&", "a=b&c=d", "+", "%", "%20", "#", "?", "/", "\\", ";", "é", "日本", "🦎",
    "\x00", "other", "missing", "non-finite", "None", "f:", "f:x", "primary", "split",
]  # fmt: skip
NAMES = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=6))
NUMBERS = st.floats(allow_nan=False)
DATES = st.none() | st.dates()
FEATURES = st.builds(
    FeatureFilter,
    feature=NAMES,
    ranges=st.lists(
        st.builds(Range, NUMBERS, NUMBERS, st.booleans(), st.booleans()), max_size=2
    ).map(tuple),
    categories=st.lists(NAMES, max_size=2).map(tuple),
    other=st.booleans(),
    missing=st.booleans(),
    non_finite=st.booleans(),
).filter(lambda one: not one.is_empty)
FILTERS = st.builds(
    Filters,
    splits=st.lists(st.sampled_from(list(Split)), max_size=2).map(tuple),
    labels=st.lists(st.none() | NAMES, max_size=2).map(tuple),
    sources=st.lists(st.none() | NAMES, max_size=2).map(tuple),
    dates=st.none() | st.tuples(DATES, DATES),
    outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=2).map(tuple),
    features=st.lists(FEATURES, max_size=2, unique_by=lambda one: one.feature).map(tuple),
)
VERSIONS = NAMES.filter(bool)  # a version has a name


# ---------------------------------------------------------------- to an address and back


@settings(max_examples=examples(300))
@given(VERSIONS, VERSIONS, FILTERS)
@example("1.0", "~", Filters(labels=(None, "", "~", "~0"), dates=(None, None)))
@example("a", "b", Filters(features=(FeatureFilter("", (Range(-0.0, float("inf"), True),)),)))
@example(
    "a", "b", Filters(features=(FeatureFilter("x", (Range(np.float64(0.1), np.float64(9)),)),))
)
def test_a_link_gives_back_the_same_selection(primary, secondary, filters):
    selection = Selection(primary, secondary, filters)
    text = selection.to_query_string()
    assert Selection.from_query_string(text, DEFAULT) == selection
    assert Selection.from_query(selection.to_query(), DEFAULT) == selection
    assert text.isascii()
    assert not set(text) & set(" \"'<>#\n")


@given(FILTERS)
def test_missing_items_of_a_link_are_those_of_the_default(filters):
    items = filters.to_query()
    assert Selection.from_query(items, DEFAULT) == replace(DEFAULT, filters=filters)
    assert Selection.from_query_string("", DEFAULT) == DEFAULT
    assert Selection.from_query_string("page=2&primary=2.0", DEFAULT) == Selection("2.0", "1.1")


def test_a_link_is_short_and_readable():
    filters = Filters(
        splits=(Split.TEST,),
        labels=("cat", None),
        dates=(dt.date(2019, 1, 11), None),
        features=(
            FeatureFilter("size", (Range(0.5, 2.5), Range(2.5, 3, closed=True)), missing=True),
            FeatureFilter("colour", categories=("red",), other=True),
        ),
    )
    assert replace(DEFAULT, filters=filters).to_query() == (
        ("primary", "1.0"), ("secondary", "1.1"), ("split", "test"), ("label", "cat"),
        ("label", "~"), ("date", "2019-01-11.."), ("f:size", "0.5..2.5"), ("f:size", "2.5..=3.0"),
        ("f:size", "missing"), ("f:colour", "=red"), ("f:colour", "other"),
    )  # fmt: skip


@pytest.mark.parametrize("nested", ["[" * 50_000, "[" * 9_000 + "]" * 9_000, "9" * 5_000])
@pytest.mark.parametrize(
    "item",
    ["class-change", "confusion", "sensitivity", "always-fails", "vote", "vote-change",
     "label-probability"],
)  # fmt: skip
def test_a_link_of_thousands_of_brackets_or_digits_is_refused_with_words(item, nested):
    with pytest.raises(chameleon.SelectionError, match="link"):
        Selection.from_query(((item, nested),), DEFAULT)


UNREADABLE = [
    "split=holdout", "split=", "outcome=perhaps", "date=soon", "date=2019-02-30..", "f:x=1",
    "f:x=a..b", "f:x=..", "f:x=nan..1", "f:x=1..nan",
]  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_value_that_cannot_be_read_is_an_error_that_shows_it(text):
    with pytest.raises(chameleon.SelectionError, match="link") as raised:
        Selection.from_query_string(text, DEFAULT)
    assert f"'{text.partition('=')[2]}'" in str(raised.value)


@settings(max_examples=examples(200))
@given(st.text(alphabet="abf:=.&~%0123456789+-_ split", max_size=30))
def test_any_link_is_read_or_rejected(text):
    try:
        selection = Selection.from_query_string(text, DEFAULT)
    except chameleon.SelectionError:
        return
    assert Selection.from_query_string(selection.to_query_string(), DEFAULT) == selection


# ---------------------------------------------------------------- frozen values


def test_selections_and_filters_are_values_and_never_change():
    one = FeatureFilter("x", missing=True)
    filters = Filters(labels=("a",))
    for thing, name in ((one, "missing"), (filters, "labels"), (DEFAULT, "primary")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, None)
    assert hash(Selection("a", "b", filters)) == hash(Selection("a", "b", Filters(labels=("a",))))


def test_the_filter_of_a_feature_is_replaced_and_removed():
    x, y = FeatureFilter("x", missing=True), FeatureFilter("y", other=True)
    both = Filters(splits=(Split.TEST,)).with_feature(x).with_feature(y)
    assert both.features == (x, y)
    changed = both.with_feature(FeatureFilter("x", non_finite=True))
    assert changed.of_feature("x") == FeatureFilter("x", non_finite=True)
    assert changed.of_feature("y") == y
    assert both.features == (x, y)
    assert both.without_feature("x").features == (y,)
    assert both.with_feature(FeatureFilter("y")).features == (x,)
    assert both.of_feature("z").is_empty
    assert both.without_feature("x").without_feature("y") == Filters(splits=(Split.TEST,))


def test_filters_without_values_are_empty():
    assert Filters().is_empty
    assert Filters(features=(FeatureFilter("x"),)).is_empty
    assert not Filters(dates=(None, None)).is_empty  # instances without a date don't match
    for name, value in (("labels", (None,)), ("splits", (Split.TEST,)), ("outcomes", ("unknown",))):
        assert not Filters(**{name: value}).is_empty


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("split=train&split=train", 1), ("label=a&label=~&label=a&label=~", 2),
        ("f:x=0..1&f:x=missing&f:x=0..1&f:x=missing", 1), ("f:c=%3Da&f:c=%3Da", 1),
        ("change=correct>incorrect&change=correct>incorrect", 1), ("date=..&date=..", 1),
        ('vote=["r", "a"]&vote=["r","a"]', 1), ("cell=k_0_1_0_1&cell=k_0.0_1.0_1_0", 1),
        ('sensitivity=["1","2",false,false,[2,2]]', 1), ("data-change=added&data-change=added", 1),
    ],
)  # fmt: skip
def test_what_a_link_repeats_is_one_filter_and_is_removed_at_once(text, parts):
    filters = Selection.from_query_string(text, DEFAULT).filters
    assert len(filters.parts) == parts
    assert len({(kind, value) for kind, value in filters.to_query()}) == len(filters.to_query())
    for part in filters.parts:
        filters = filters.without(part)
    assert filters.is_empty
    assert filters == Filters()


@pytest.mark.parametrize(
    ("text", "ordered"),
    [
        ("date=2030-01-01..2020-01-01", "date=2020-01-01..2030-01-01"),
        ("f:x=5..=3", "f:x=3..=5"),
        ("f:x=5<..3", "f:x=3<..5"),
        ("f:x=inf..-inf", "f:x=-inf<..=inf"),
        ("cell=k_1_0_4_2", "cell=k_0_1_2_4"),
    ],
)
def test_reversed_ends_of_a_link_are_put_in_order(text, ordered):
    reversed_one = Selection.from_query_string(text, DEFAULT)
    assert reversed_one == Selection.from_query_string(ordered, DEFAULT)


# ---------------------------------------------------------------- to a mask


@settings(max_examples=examples(80))
@given(st.data())
def test_the_instances_that_match_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    filters = data.draw(filters_for(plan))
    time = plan.timeline
    with opened(plan) as evaluation:
        selection = Selection(primary, secondary, filters)
        assert usable(evaluation, selection, selection) == (selection, ())
        ids = evaluation.dataset.instance_ids
        frame = chameleon.feature_histograms(evaluation, primary=primary, secondary=secondary)
        bars = oracle.bars_of(frame)
        for without in (None, *time.features):
            mask = instance_mask(evaluation, selection, without=without)
            through = {
                key
                for key in ids
                if oracle.passes(time, key, primary, secondary, filters, bars, without=without)
            }
            assert set(ids.filter(mask)) == through


DAYS = [
    (dt.date(2019, 1, 11), dt.date(2019, 1, 12), [1, 2, 3]),
    (dt.date(2019, 1, 12), None, [3, 4]),
    (None, dt.date(2019, 1, 11), [0, 1, 2]),
    (None, None, [0, 1, 2, 3, 4]),
]
MOMENTS = [
    dt.datetime(1969, 12, 31, 23, 59),
    dt.datetime(2019, 1, 11),
    dt.datetime(2019, 1, 11, 23, 59, 59, 999999),
    dt.datetime(2019, 1, 12, 12),
    dt.datetime(2019, 1, 13),
    None,
]


@pytest.fixture(scope="module")
def bounds(tmp_path_factory) -> chameleon.Evaluation:
    frame = plain(6, date=MOMENTS)
    return evaluated(write_project(tmp_path_factory.mktemp("bounds"), {"1": frame}, toml=TREE))


def matching(evaluation, filters, primary="1", secondary="1"):
    mask = instance_mask(evaluation, Selection(primary, secondary, filters))
    return sorted(evaluation.dataset.instance_ids.filter(mask))


@pytest.mark.parametrize(("first", "last", "inside"), DAYS)
def test_the_first_and_the_last_day_are_included_to_their_end(bounds, first, last, inside):
    assert matching(bounds, Filters(dates=(first, last))) == [str(key) for key in inside]


def test_the_newest_version_is_compared_with_the_one_before(small, bounds):
    assert Selection.newest(small) == Selection("v10", "v2")
    assert Selection.newest(bounds) == Selection("1", "1")


MISSING = [
    (Selection("v3", "v1"), "'v3'"),
    (Selection("v1", "v3"), "'v3'"),
    (Selection("v1", "v2", Filters(labels=("bird",))), "'bird'"),
    (Selection("v1", "v2", Filters(sources=("nowhere",))), "'nowhere'"),
    (Selection("v1", "v2", Filters(features=(FeatureFilter("weight", missing=True),))), "'weight'"),
    (Selection("v1", "v2", Filters(features=(FeatureFilter("size", other=True),))), "'size'"),
    (
        Selection("v1", "v2", Filters(features=(FeatureFilter("colour", (Range(0, 1),)),))),
        "'colour'",
    ),
]


@pytest.mark.parametrize(("selection", "name"), MISSING)
def test_what_does_not_exist_is_an_error_or_is_dropped_with_a_message(small, selection, name):
    with pytest.raises(chameleon.SelectionError, match=name):
        instance_mask(small, selection)
    default = Selection("v10", "v2")
    kept, messages = usable(small, selection, default)
    assert usable(small, kept, default) == (kept, ())
    assert kept.filters == Filters()
    assert len(messages) == 1
    assert name in messages[0]


@pytest.mark.parametrize("side", ["primary", "secondary"])
@pytest.mark.parametrize(
    ("item", "value"),
    [("confusion", '["cat", "dog", false]'), ("always-fails", '["v1", "v2", false]'),
     ("change", "correct>incorrect"), ("data-change", "added")],
)  # fmt: skip
def test_a_side_is_restricted_only_by_filters_of_its_rows(small, side, item, value):
    default = Selection("v2", "v1")
    items = ((f"{side}.{item}", value), (f"{side}.split", "test"))
    asked = Selection.from_query(items, default)
    assert getattr(asked, f"{side}_only") != Filters(splits=(Split.TEST,))
    kept, messages = usable(small, asked, default)
    assert getattr(kept, f"{side}_only") == Filters(splits=(Split.TEST,))
    assert len(messages) == 1
    assert f"The {side} side can't be restricted" in messages[0]


def test_an_absent_category_matches_nothing_and_is_no_error(small):
    filters = Filters(features=(FeatureFilter("colour", categories=("green",)),))
    assert matching(small, filters, "v1", "v2") == []
    known = Selection("v1", "v2", Filters(labels=("cat",), splits=(Split.TEST,)))
    assert usable(small, known, known) == (known, ())


def test_a_link_of_thousands_of_names_takes_time_in_proportion(tmp_path):
    names = [f"source {number}" for number in range(12_000)]
    frame = plain(len(names), source=names)
    evaluation = evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))
    asked = Selection("1", "1", Filters(sources=(*names, *(f"no {one}" for one in names))))
    begun = time.process_time()
    kept, messages = usable(evaluation, asked, asked)
    assert time.process_time() - begun < 3  # 12,000 labels took 9.5 s
    assert kept == Selection("1", "1", Filters(sources=tuple(names)))
    assert "11,980 more" in messages[-1]
    assert instance_mask(evaluation, kept).all()
