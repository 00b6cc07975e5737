"""What changed between two versions, what happened to its instances, and how values changed."""

import math
from collections import Counter
from dataclasses import fields
from itertools import pairwise
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import timeline_changes
from chameleon.selection import ChangeType, DataChange, Filters, Selection, instance_mask
from tests import internals as chameleon
from tests import oracle, oracle_views, tiny
from tests.internals import (
    changed_instances,
    data_changes,
    data_changes_by,
    edited_values,
    value_transitions,
)
from tests.library import evaluated, examples, temporary_project, write_project
from tests.planted import looked_at, population
from tests.projects import filters_for, opened, plans, version_pairs


@pytest.fixture(scope="module")
def project(small) -> chameleon.Project:
    return small.dataset.project


def as_dict(step: chameleon.Iteration) -> dict[str, object]:
    """The fields as the oracle keeps them."""
    found = {one.name: getattr(step, one.name) for one in fields(step)}
    found["edited_features"] = dict(step.edited_features.rows())
    found["columns_added"] = set(step.columns_added)
    found["columns_removed"] = set(step.columns_removed)
    found["columns_retyped"] = set(step.columns_retyped)
    return found


def test_a_step_is_what_a_reader_counts(project):
    first = chameleon.compare_data(project, before="v1", after="v2")
    assert (first.added, first.removed, first.shared) == (1, 1, 5)  # g; c; a b d e f
    assert (first.relabeled, first.labeled, first.edited, first.changed_split) == (2, 1, 1, 1)
    assert first.unchanged == 1
    assert first.columns_added == ("fresh",)
    second = chameleon.compare_data(project, before="v2", after="v10")
    assert (second.added, second.removed, second.shared) == (1, 0, 6)  # c comes back
    assert (second.relabeled, second.edited, second.changed_split) == (1, 2, 1)  # g; e g; d
    assert (
        second.overlaps["relabeled_and_edited"],
        second.overlaps["edited_and_changed_split"],
    ) == (1, 0)
    assert second.unchanged == 3  # a b f
    assert second.edited_features.rows() == [("size", 2), ("colour", 1), ("fresh", 1)]


@settings(max_examples=examples(60))
@given(st.data())
def test_steps_are_those_of_the_oracle_and_keep_their_laws(data):
    plan = data.draw(plans())
    before, after = data.draw(version_pairs(plan))
    with temporary_project(plan.frames) as folder:
        project = chameleon.open_project(folder)
        step = chameleon.compare_data(project, before=before, after=after)
        back = chameleon.compare_data(project, before=after, after=before)
        still = chameleon.compare_data(project, before=after, after=after)
    assert as_dict(step) == oracle.compare_data(plan.timeline, before, after)
    # disjoint and complete
    assert step.removed + step.shared == len(plan.frames[before])
    assert step.added + step.shared == len(plan.frames[after])
    # inclusion and exclusion over the overlaps
    changed = (
        step.relabeled + step.edited + step.changed_split - sum(step.overlaps.values())
        + 2 * step.overlaps["relabeled_edited_and_changed_split"]
    )  # fmt: skip
    assert changed + step.unchanged == step.shared
    # backwards the same changes, with the ends exchanged
    assert (back.added, back.removed, back.shared) == (step.removed, step.added, step.shared)
    assert (back.edited, back.changed_split) == (step.edited, step.changed_split)
    assert (back.labeled, back.label_removed) == (step.label_removed, step.labeled)
    assert back.columns_added == step.columns_removed
    # a version against itself
    assert (still.added, still.removed) == (0, 0)
    assert still.unchanged == still.shared == len(plan.frames[after])
    assert still.edited_features.is_empty()


def test_the_timeline_is_one_step_after_the_other(small, project):
    frame = timeline_changes(small.dataset)
    steps = [
        chameleon.compare_data(project, before=a, after=b) for a, b in pairwise(["v1", "v2", "v10"])
    ]
    assert frame.columns[:2] == ["before", "after"]
    for line, step in zip(frame.iter_rows(named=True), steps, strict=True):
        assert line["relabeled"] + line["labeled"] == step.relabeled
        for name in ("before", "after", "added", "removed", "edited", "changed_split", "unchanged"):
            assert line[name] == getattr(step, name)


def test_a_single_version_has_no_step(tmp_path):
    folder = write_project(tmp_path, {"v1": tiny.FRAMES["v1"]})
    assert timeline_changes(evaluated(folder).dataset).is_empty()


@pytest.mark.parametrize(
    ("first", "second", "relabeled", "edited"),
    [
        (1, 1.0, 0, 0),
        (0.0, -0.0, 0, 0),
        (None, float("nan"), 0, 0),
        (1, 2, 0, 1),
        (None, 0, 0, 1),
        (float("inf"), float("-inf"), 0, 1),
        (True, 1, 0, 0),
    ],
)
def test_equal_values_are_equal_whatever_their_type(tmp_path, first, second, relabeled, edited):
    frames = {
        name: pl.DataFrame({"id": [1, 2], "label": ["a", "b"], "x": [value, value]})
        for name, value in (("1", first), ("2", second))
    }
    project = chameleon.open_project(write_project(tmp_path, frames))
    step = chameleon.compare_data(project, before="1", after="2")
    assert (step.relabeled, step.edited) == (relabeled, edited * 2)


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
