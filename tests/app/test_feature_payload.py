"""The Feature View's payload: the library's counts, in the drawing order of the component."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import COUNT_COLUMNS, selected
from chameleon.app.feature_payload import Options, choose_bars, feature_payload
from chameleon.project import Split
from chameleon.selection import bars_of_filter
from tests import internals as chameleon
from tests.internals import FeatureFilter, Filters, Range, Selection
from tests.library import examples

EVERYTHING = Options(shares=True, labels=True, validation=True)
FILTERS = [
    Filters(),
    Filters(splits=(Split.TEST,), labels=("yes",)),
    Filters(outcomes=("incorrect",), features=(FeatureFilter("few", categories=("red",)),)),
    Filters(features=(FeatureFilter("wide", (Range(-1.0, 0.5),), missing=True),)),
    Filters(labels=("yes",), features=(FeatureFilter("wide", (Range(1e8, 1e9),)),)),
]


def names_of(evaluation):
    return [feature.name for feature in evaluation.dataset.features]


def payload_of(evaluation, filters, options=EVERYTHING, versions=("b", "a")):
    return feature_payload(evaluation, Selection(*versions, filters), names_of(evaluation), options)


def drawn_kinds(row):
    """The library's kind of every bar of a payload's row, in drawing order."""
    middle = "range" if row["edges"] else "value" if row["values"] else "category"
    count = len(row["edges"]) - 1 if row["edges"] else len(row["categories"])
    has = row["extras"].__contains__
    return [
        *(["below"] if has("below") else []),
        *[middle] * count,
        *(["above"] if has("above") else []),
        *(["missing"] if has("missing") else []),
        *(["non-finite"] if has("nonfinite") else []),
    ]


@pytest.mark.parametrize("filters", FILTERS)
def test_every_count_is_that_of_the_frame(kinds, filters):
    payload = payload_of(kinds, filters)
    assert json.loads(json.dumps(payload, allow_nan=False)) == payload
    frame = chameleon.feature_histograms(kinds, primary="b", secondary="a", filters=filters)
    whole = chameleon.feature_histograms(kinds, primary="b", secondary="a")
    assert payload["splits"] == ["train", "test", "validation"]
    for row in payload["features"]:
        if row["note"]:
            continue
        for place, split in enumerate(payload["splits"]):
            wanted = frame.filter(feature=row["name"], split=split)
            kinds_drawn = drawn_kinds(row)
            hidden = [name for name in ("below", "above", "missing", "non-finite")
                      if name not in kinds_drawn]  # fmt: skip
            shown = wanted.filter(~wanted["bar"].is_in(hidden))
            assert len(shown) == len(kinds_drawn)
            if row["edges"] is not None:
                assert shown["bar"].to_list() == kinds_drawn
                scale = 1000.0 if row["kind"] == "date" else 1.0
                lows = [low / scale for low in shown.filter(bar="range")["low"]]
                assert lows == row["edges"][:-1]
            assert row["counts"][place] == [shown[name].to_list() for name in COUNT_COLUMNS]
            # bars that are not drawn are empty
            assert wanted.select(COUNT_COLUMNS).to_numpy().sum() == np.sum(row["counts"][place])
            if filters.is_empty:
                assert row["ghost"] is None
                continue
            behind = whole.filter(feature=row["name"], split=split)
            behind = behind.filter(~behind["bar"].is_in(hidden))
            assert row["ghost"][place] == [behind[name].to_list() for name in COUNT_COLUMNS[:3]]


@pytest.mark.parametrize("filters", FILTERS)
def test_the_labels_of_a_bar_add_up_to_its_instances(kinds, filters):
    payload = payload_of(kinds, filters)
    assert payload["classes"] == ["maybe", "no", "yes", "no label"]
    for row in payload["features"]:
        if row["note"]:
            assert row["labels"] is None
            continue
        for counts, labels in zip(row["counts"], row["labels"], strict=True):
            assert len(labels) == 4
            assert np.array_equal(np.sum(counts[:3], axis=0), np.sum(labels, axis=0))


@pytest.mark.parametrize("filters", FILTERS)
def test_totals_are_the_selected_instances(kinds, filters):
    payload = payload_of(kinds, filters)
    counted = selected(kinds, Selection("b", "a", filters))
    assert payload["totals"] == [list(counted.by_split[split]) for split in payload["splits"]]
    free = next(row for row in payload["features"] if row["name"] == "flag")
    for place, both in enumerate(payload["totals"]):
        assert [np.sum(free["counts"][place][:3]), np.sum(free["counts"][place][3:])] == both


def test_dates_are_milliseconds_and_statistics_the_summary(kinds):
    payload = payload_of(kinds, Filters())
    summary = chameleon.feature_summary(kinds, primary="b", secondary="a")
    for row in payload["features"]:
        scale = 1000.0 if row["kind"] == "date" else 1.0
        for side, version in (("primary", "b"), ("secondary", "a")):
            for place, split in enumerate(payload["splits"]):
                wanted = summary.filter(feature=row["name"], version=version, split=split)
                low, mean, high, missing = row["stats"][side][place]
                assert missing == wanted["missing"].item()
                for found, column in ((low, "min"), (mean, "mean"), (high, "max")):
                    value = wanted[column].item()
                    assert found == (None if value is None else value / scale)


def test_validation_is_there_only_where_it_is_asked_for(kinds):
    assert payload_of(kinds, Filters(), Options())["splits"] == ["train", "test"]
    row = payload_of(kinds, Filters(), Options())["features"][0]
    assert len(row["counts"]) == len(row["stats"]["primary"]) == 2


def test_a_text_that_nearly_always_differs_has_a_note_instead_of_bars(kinds):
    row = payload_of(kinds, Filters())["features"][-1]
    assert row["name"] == "words"
    assert row["kind"] == "text"
    assert row["note"]
    assert np.sum([len(array) for split in row["counts"] for array in split]) == 0
    assert choose_bars(kinds, Filters(), "words", [0], extend=False) == Filters()


@settings(max_examples=examples(80))
@given(st.data())
def test_bars_that_were_chosen_come_back_as_chosen(kinds, data):
    """A choice of bars marks exactly these; the same choice again removes it."""
    row = data.draw(st.sampled_from(payload_of(kinds, Filters())["features"][:-1]))
    bars = range(len(drawn_kinds(row)))
    first = data.draw(st.sampled_from(bars))
    last = data.draw(st.sampled_from(bars[first:]))
    chosen = list(bars[first : last + 1])
    filters = choose_bars(kinds, Filters(), row["name"], chosen, extend=False)
    marked = next(
        r for r in payload_of(kinds, filters)["features"] if r["name"] == row["name"]
    )  # fmt: skip
    assert marked["selected"] == chosen
    assert choose_bars(kinds, filters, row["name"], chosen, extend=False) == Filters()
    assert choose_bars(kinds, filters, row["name"], [], extend=False) == Filters()
    further = data.draw(st.sampled_from(bars))
    wider = choose_bars(kinds, filters, row["name"], [further], extend=True)
    place = kinds.dataset.feature_number(row["name"])
    feature = kinds.dataset.features[place]
    expected = set(chosen) ^ {further} if further in chosen else {*chosen, further}
    assert len(bars_of_filter(feature, wider.of_feature(row["name"]))) == len(expected)


@settings(max_examples=examples(60))
@given(st.data())
def test_the_counts_of_chosen_bars_are_the_instances_shown(kinds, data):
    """A filter made from bars matches exactly the instances that those bars counted."""
    before = payload_of(kinds, Filters())
    row = data.draw(st.sampled_from(before["features"][:-1]))
    bars = data.draw(
        st.lists(st.sampled_from(range(len(drawn_kinds(row)))), min_size=1, max_size=4, unique=True)
    )
    filters = choose_bars(kinds, Filters(), row["name"], bars, extend=False)
    after = payload_of(kinds, filters)
    other = next(r for r in after["features"] if r["name"] not in (row["name"], "words"))
    for place in range(3):
        # of the primary: the filter reads each instance's row in it
        counted = sum(row["counts"][place][outcome][bar] for outcome in range(3) for bar in bars)
        assert counted == np.sum(other["counts"][place][:3])
        assert counted == after["totals"][place][0]


def test_no_outcomes_leave_everything_unknown(showcase):
    folder = showcase("without_outcomes")
    evaluation = chameleon.evaluate(chameleon.open_project(folder))
    payload = payload_of(evaluation, Filters(), versions=("1.1", "1.0"))
    assert payload["outcomes"] is False
    for row in payload["features"]:
        for counts in row["counts"]:
            assert np.sum([counts[0], counts[1], counts[3], counts[4]]) == 0
            assert np.sum([counts[2], counts[5]]) > 0
