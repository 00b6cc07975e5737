"""What happened to the instances of a step, and how edited values changed."""

import math
from collections import Counter
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.selection import ChangeType, DataChange, Filters, Selection, instance_mask
from tests import internals as chameleon
from tests import oracle, oracle_views
from tests.internals import (
    changed_instances,
    data_changes,
    data_changes_by,
    edited_values,
    value_transitions,
)
from tests.library import examples
from tests.planted import looked_at, population
from tests.projects import filters_for, opened, plans, version_pairs

FIRST = {"primary": "v2", "secondary": "v1"}
SECOND = {"primary": "v10", "secondary": "v2"}


def test_counts_are_what_a_reader_counts(small):
    frame = data_changes(small, **FIRST)
    assert dict(frame.select("change", "instances").iter_rows()) == {
        "added": 1, "removed": 1, "relabeled": 2, "labeled": 1, "edited": 1, "changed_split": 1,
        "unchanged": 1,
    }  # fmt: skip
    assert frame["total"].unique().to_list() == [7]
    by_label = data_changes_by(small, "label", **FIRST)
    assert by_label["group"].to_list() == ["cat", "dog"]  # f has a label in v2
    assert by_label["added"].to_list() == [1, 0]  # g
    assert by_label["removed"].to_list() == [1, 0]  # c
    assert by_label["relabeled"].to_list() == [1, 1]  # b, f
    assert by_label["instances"].to_list() == [4, 3]
    by_split = data_changes_by(small, "split", **FIRST)
    assert by_split.select("group", "changed_split").rows() == [("train", 1), ("test", 0)]


def test_every_count_opens_its_instances(small):
    found = changed_instances(small, DataChange(ChangeType.EDITED), **SECOND)
    assert (found.instances, found.rows) == (2, 4)
    values = found.frame.select("instance", "feature", "value_before", "value_after")
    assert values.rows() == [
        ("e", "fresh", "false", None),
        ("e", "size", "inf", None),
        ("g", "colour", None, "blue"),
        ("g", "size", "7.5", "8.5"),
    ]
    size = changed_instances(small, DataChange(ChangeType.EDITED, "size"), **SECOND)
    assert size.frame["instance"].to_list() == ["e", "g"]
    relabeled = changed_instances(small, DataChange(ChangeType.RELABELED), **FIRST)
    columns = ("instance", "label_before", "label_after")
    assert relabeled.frame.select(columns).rows() == [("b", "dog", "cat"), ("f", None, "dog")]
    moved = changed_instances(small, DataChange(ChangeType.CHANGED_SPLIT), **FIRST)
    assert moved.frame.select("instance", "split_before", "split_after").rows() == [
        ("d", "test", "train")
    ]
    removed = changed_instances(small, DataChange(ChangeType.REMOVED), **FIRST)
    assert removed.frame.select(columns).rows() == [("c", "cat", None)]


def test_lists_are_capped_and_say_how_long_they_are(small):
    found = changed_instances(small, DataChange(ChangeType.EDITED), **SECOND, most=1)
    assert (len(found.frame), found.instances, found.rows) == (1, 2, 4)
    found = changed_instances(small, DataChange(ChangeType.UNCHANGED), **SECOND, most=2)
    assert (len(found.frame), found.instances) == (2, 3)


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_counts_and_lists_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    sides = {"primary": primary, "secondary": secondary}
    filters = data.draw(filters_for(plan))
    time = plan.timeline
    happened = data.draw(st.sampled_from(list(ChangeType)))
    feature = data.draw(st.sampled_from([None, *time.features]))
    change = DataChange(happened, feature if happened is ChangeType.EDITED else None)
    with opened(plan) as evaluation:
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
        counts = data_changes(evaluation, **sides, filters=filters)
        groups = data_changes_by(evaluation, "label", **sides, filters=filters)
        listed = changed_instances(evaluation, change, **sides, filters=filters, most=10_000)
        edits = edited_values(evaluation, **sides, filters=filters)
        mask = instance_mask(evaluation, Selection(primary, secondary, Filters(
            data_changes=(change,))))  # fmt: skip
        chosen = set(evaluation.dataset.instance_ids.filter(pl.Series(mask)))
    through = oracle_views.through(time, primary, secondary, filters, bars)
    told = {k: oracle_views.happened(time, secondary, primary, k) for k in oracle_views.keys(time)}
    expected = Counter(word for key in through for word in told[key])
    assert {a: n for a, n, _ in counts.iter_rows()} == {h.value: expected[h] for h in ChangeType}
    assert counts["total"][0] == len(through)
    for word in ChangeType:
        assert groups[word.value].sum() == expected[word]
    key_of = "edited" if change.feature is None else ("edited", change.feature)
    wanted = key_of if happened is ChangeType.EDITED else happened.value
    assert chosen == {key for key, words in told.items() if wanted in words}
    assert set(listed.frame["instance"]) == chosen & through
    assert listed.instances == len(chosen & through)
    assert dict(edits.select("feature", "instances").iter_rows()) == {
        name: expected["edited", name] for name in time.features if expected["edited", name]
    }
    for line in edits.iter_rows(named=True):
        check_edits(time, line, secondary, primary, through, told)


def check_edits(time, line, before, after, through, told):
    feature = line["feature"]
    keys = [key for key in through if ("edited", feature) in told[key]]
    pairs = [(time.versions[before][k].values[feature], time.versions[after][k].values[feature])
             for k in keys]  # fmt: skip
    assert line["became_missing"] == sum(b is None for _, b in pairs)
    assert line["was_missing"] == sum(a is None for a, _ in pairs)
    assert line["most_instances"] == max(Counter(pairs).values())
    finite = [p for p in pairs if all(isinstance(v, float) and math.isfinite(v) for v in p)]
    if line["median_shift"] is not None:
        assert line["median_shift"] == pytest.approx(median(b - a for a, b in finite))


def test_patterns_of_edits_are_named(tmp_path):
    frame = population(300, 41)
    few = pl.col("id") < 80
    plans = {
        "f1": pl.col("f1") * 10, "f2": (pl.col("f2") / 16).round(4), "f3": pl.col("f3") + 2.5,
        "f4": pl.lit(None, dtype=pl.Float64), "f5": pl.col("f5") ** 3, "colour": pl.lit("pink"),
    }  # fmt: skip
    edited = frame.with_columns(
        pl.when(few).then(new).otherwise(name).alias(name) for name, new in plans.items()
    )
    evaluation = looked_at(tmp_path, {"1": frame, "2": edited})
    found = edited_values(evaluation, primary="2", secondary="1")
    patterns = dict(found.select("feature", "pattern").iter_rows())
    assert patterns == {
        "f1": "times 10", "f2": "divided by 16", "f3": "plus 2.5", "f4": "became missing",
        "f5": None, "colour": None,
    }  # fmt: skip
    assert set(found["instances"]) == {80}
    back = edited_values(evaluation, primary="1", secondary="2")
    patterns = dict(back.select("feature", "pattern").iter_rows())
    assert (patterns["f1"], patterns["f3"], patterns["f4"]) == (
        "divided by 10", "minus 2.5", "was missing",
    )  # fmt: skip


def test_transitions_count_what_became_what(tmp_path):
    frame = population(60, 42).with_columns(colour=pl.lit("red"))
    edited = frame.with_columns(
        colour=pl.when(pl.col("id") < 30).then(pl.lit("blue"))
        .when(pl.col("id") < 40).then(pl.lit(None)).otherwise("colour")
    )  # fmt: skip
    evaluation = looked_at(tmp_path, {"1": frame, "2": edited})
    sides = {"primary": "2", "secondary": "1"}
    found = value_transitions(evaluation, "colour", **sides)
    assert found.rows() == [("red", "blue", 30), ("red", None, 10)]
    assert value_transitions(evaluation, "colour", **sides, most=1).rows() == [("red", "blue", 30)]
    assert value_transitions(evaluation, "f0", **sides).is_empty()
    with pytest.raises(chameleon.SelectionError, match="no feature"):
        value_transitions(evaluation, "nothing", **sides)


def test_an_unknown_group_is_a_programmer_s_error(small):
    with pytest.raises(ValueError, match="'date'"):
        data_changes_by(small, "date", **FIRST)


def test_a_link_with_an_unknown_change_says_so():
    for text in ("vanished", "added:x", ""):
        with pytest.raises(chameleon.SelectionError, match="not a change of the data"):
            Filters.from_query([("data-change", text)])
    (change,) = Filters.from_query([("data-change", "edited:a:b")]).data_changes
    assert change == DataChange(ChangeType.EDITED, "a:b")
