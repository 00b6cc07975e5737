"""Confusion matrices, errors by group and sets of failures, against the oracle and sklearn."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from chameleon.analysis import FAILURE_SETS, failure_filters
from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection import instance_mask, usable
from tests import internals as chameleon
from tests import oracle, oracle_failures, oracle_views
from tests.internals import AlwaysFails, ConfusionCell, Filters, Selection, SensitivityRange
from tests.library import evaluated, examples, write_project
from tests.projects import filtered_steps, opened

SPLITS = st.sampled_from([None, *Split])


def counts(frame: pl.DataFrame, side: str) -> dict[tuple[str, str], int]:
    found = frame.filter(pl.col(side) > 0)
    return {(a, b): n for a, b, n in found.select("label", "prediction", side).iter_rows()}


@settings(max_examples=examples(30))
@given(st.data())
def test_both_matrices_are_those_of_the_oracle_and_of_sklearn(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    split = data.draw(SPLITS)
    sides = {"primary": primary, "secondary": secondary}
    with opened(plan) as evaluation:
        found = chameleon.confusion(evaluation, **sides, filters=filters, split=split)
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    through = None if filters.is_empty else through
    for side, version in sides.items():
        rows = oracle_failures.counted(time, version, through, split)
        assert counts(found, side) == dict(oracle_failures.confusion(time, version, through, split))
        names = sorted({name for told in rows.values() for name in told})
        if len(names) < 2:
            continue  # sklearn warns of one class only
        labels, said = zip(*rows.values(), strict=True)
        matrix = confusion_matrix(labels, said, labels=names)
        expected = {(names[a], names[b]): int(n) for (a, b), n in np.ndenumerate(matrix) if n}
        assert counts(found, side) == expected
        shares = confusion_matrix(labels, said, labels=names, normalize="true")
        for a, b, share in found.select("label", "prediction", f"{side}_share").iter_rows():
            if a in labels and b in names:
                assert share == pytest.approx(shares[names.index(a), names.index(b)])
            elif a not in labels:
                assert share is None
    assert (found["primary"] - found["secondary"]).equals(found["difference"], check_names=False)
    assert found.filter((pl.col("primary") == 0) & (pl.col("secondary") == 0)).is_empty()


@settings(max_examples=examples(30))
@given(st.data())
def test_errors_by_group_are_those_of_the_oracle_with_exact_intervals(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    split = data.draw(SPLITS)
    by = data.draw(st.sampled_from(["label", "source"]))
    sides = {"primary": primary, "secondary": secondary}
    with opened(plan) as evaluation:
        found = chameleon.errors_by(evaluation, by, **sides, filters=filters, split=split)
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    through = None if filters.is_empty else through
    expected = {
        side: oracle_failures.errors(time, version, by, through, split)
        for side, version in sides.items()
    }
    assert set(found["group"]) == {*expected["primary"], *expected["secondary"]}
    for row in found.iter_rows(named=True):
        for side in sides:
            errors, known, unknown, learnt = expected[side].get(row["group"], (0, 0, 0, False))
            told = [row[f"{side}_{name}"] for name in ("errors", "instances", "unknown")]
            assert told == [errors, known, unknown]
            low, high = row[f"{side}_low"], row[f"{side}_high"]
            if not known:
                assert row[f"{side}_rate"] is None
                assert row[f"{side}_reason"]
            if not known or learnt:
                assert low is high is None
                assert row[f"{side}_reason"]
            else:
                exact = binomtest(errors, known).proportion_ci(0.95, method="exact")
                assert (low, high) == pytest.approx((exact.low, exact.high))
    assert found["primary_errors"].to_list() == sorted(found["primary_errors"], reverse=True)


@settings(max_examples=examples(30))
@given(st.data())
def test_the_sets_hold_what_the_oracle_finds_and_what_their_filter_lets_through(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    names = list(plan.frames)
    ends = sorted(data.draw(st.tuples(*[st.sampled_from(names)] * 2)), key=names.index)
    over = SensitivityRange(*ends, data.draw(st.booleans()))
    sides = {"primary": primary, "secondary": secondary}
    with opened(plan) as evaluation:
        found = chameleon.failure_sets(evaluation, **sides, filters=filters, over=over)
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
        for name, count in found.iter_rows():
            chosen = failure_filters(evaluation, name, filters, over)
            if chosen is not None:
                mask = instance_mask(evaluation, Selection(primary, secondary, chosen))
                assert mask.sum() == count
                again = chameleon.failure_sets(evaluation, **sides, filters=chosen, over=over)
                assert again.equals(found)  # a set chosen narrows none of them
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    for name, count in found.iter_rows():
        held = {
            key
            for key in through
            if oracle_failures.in_set(time, name, key, primary, secondary, over)
        }
        assert len(held) == count, name


def test_a_reader_can_count_the_tiny_project(small):
    found = chameleon.confusion(small, primary="v10", secondary="v1")
    cells = {(a, b): (old, new, more) for a, b, old, new, more, *_ in found.iter_rows()}
    assert cells == {
        ("cat", "cat"): (1, 2, 1), ("cat", "dog"): (1, 1, 0),
        ("dog", "cat"): (1, 2, 1), ("dog", "dog"): (2, 1, -1),
    }  # fmt: skip
    sides = {"primary": "v10", "secondary": "v2"}
    sets = dict(chameleon.failure_sets(small, **sides).iter_rows())
    # a, d and g were right in v2 and are wrong in v10; nobody's outcome changed more than once
    assert sets == {
        "fails in every version": 0, "newly failing": 3, "fixed": 0, "flickering": 0,
    }  # fmt: skip
    alone = SensitivityRange("v10", "v10")
    sets = dict(chameleon.failure_sets(small, **sides, over=alone).iter_rows())
    assert sets["fails in every version"] == 3


def test_a_cell_that_is_chosen_highlights_and_does_not_narrow_its_matrix(small):
    sides = {"primary": "v10", "secondary": "v1"}
    free = chameleon.confusion(small, **sides)
    chosen = Filters(confusions=(ConfusionCell("dog", "cat"),))
    assert chameleon.confusion(small, **sides, filters=chosen).equals(free)
    mask = instance_mask(small, Selection("v10", "v1", chosen))
    assert mask.sum() == free.filter(label="dog", prediction="cat")["primary"].item()
    ids = small.dataset.instance_ids.filter(pl.Series(mask))
    assert set(ids) == {"d", "g"}
    with pytest.raises(SelectionError, match="no class 'eel'"):
        instance_mask(
            small, Selection("v10", "v1", Filters(confusions=(ConfusionCell("eel", "cat"),)))
        )
    with pytest.raises(SelectionError, match="no set"):
        failure_filters(small, "all", Filters(), SensitivityRange("v1", "v2"))
    with pytest.raises(ValueError, match="by must be"):
        chameleon.errors_by(small, "colour", **sides)
    assert failure_filters(
        small, FAILURE_SETS[-1], Filters(), SensitivityRange("v1", "v2")
    ) is None  # fmt: skip


@pytest.mark.parametrize("classes", [1, 60])
def test_any_number_of_classes_is_counted(tmp_path, classes):
    random = np.random.default_rng(classes)
    label = random.integers(0, classes, 400)
    said = np.where(random.random(400) < 0.7, label, random.integers(0, classes, 400))
    frame = pl.DataFrame(
        {"id": range(400), "label": [f"c{k}" for k in label], "split": "test", "x": label * 1.0}
    )
    folder = write_project(
        tmp_path / "p", {"1": frame},
        predictions={"1": pl.DataFrame({"id": range(400), "prediction": [f"c{k}" for k in said]})},
    )  # fmt: skip
    evaluation = evaluated(folder)
    found = chameleon.confusion(evaluation, primary="1", secondary="1")
    if classes > 1:  # sklearn warns of one class only
        matrix = confusion_matrix(frame["label"], [f"c{k}" for k in said])
        assert sorted(found["primary"]) == sorted(matrix[matrix > 0].tolist())
    else:
        assert found.select("label", "prediction", "primary").rows() == [("c0", "c0", 400)]
    assert set(found["difference"]) == {0}
    by_class = chameleon.errors_by(evaluation, "label", primary="1", secondary="1")
    assert len(by_class) == len(set(label.tolist()))
    assert by_class["primary_errors"].sum() == int((label != said).sum())


def test_fields_are_kept_apart_from_restrictions():
    cell = ConfusionCell("a", "b", secondary=True)
    filters = dataclasses.replace(Filters(), confusions=(cell,))
    assert filters.of_rows.is_empty
    assert filters.of_instances == filters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confusion", "cat"), ("confusion", '["cat"]'), ("confusion", '["cat", 1, true]'),
        ("confusion", '["cat", "dog", 1]'), ("always-fails", "v1"),
        ("always-fails", '["v1", "v2"]'),
    ],
)  # fmt: skip
def test_a_link_that_cannot_be_read_is_said_to_be_none(name, value):
    with pytest.raises(SelectionError, match="The link contains"):
        Filters.from_query([(name, value)])


def test_what_of_a_link_is_gone_is_left_out_and_told(small):
    kept = ConfusionCell("cat", "dog")
    cells = (kept, ConfusionCell("cat", "eel"))
    filters = Filters(confusions=cells, always_fails=AlwaysFails("v2", "v1"))
    asked = Selection("v2", "v1", filters)
    found, complaints = usable(small, asked, Selection("v10", "v2"))
    assert found == Selection("v2", "v1", Filters(confusions=(kept,)))
    assert len(complaints) == 2
