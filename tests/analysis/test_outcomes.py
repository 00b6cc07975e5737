"""Change matrix, confusion, errors by group, and sets of failures, against oracle and sklearn."""

import dataclasses
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import confusion_matrix

from chameleon.analysis import FAILURE_SETS, failure_filters
from chameleon.analysis.outcomes import CELLS
from chameleon.counting import OUTCOMES
from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection import instance_mask, usable
from tests import internals as chameleon
from tests import oracle, oracle_failures, oracle_views
from tests.internals import (
    AlwaysFails,
    ConfusionCell,
    Filters,
    OutcomeChange,
    Selection,
    SensitivityRange,
)
from tests.library import evaluated, examples, temporary_project
from tests.projects import filtered_steps, opened, plans, version_pairs


def matrix_of(frame: pl.DataFrame) -> dict[tuple[str, str], dict[str, int]]:
    return {
        (row["secondary"], row["primary"]): {
            name: row[name] for name in ("instances", "relabeled", "edited")
        }
        for row in frame.iter_rows(named=True)
    }


@settings(max_examples=examples(60))
@given(st.data())
def test_the_matrix_and_the_class_table_are_those_of_the_oracle(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    same_label = data.draw(st.booleans())
    sides = {"primary": primary, "secondary": secondary}
    with opened(plan) as evaluation:
        found = chameleon.prediction_changes(
            evaluation, **sides, filters=filters, same_label=same_label
        )
        classes = chameleon.class_changes(evaluation, **sides, filters=filters)
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    expected = oracle_views.matrix(time, primary, secondary, through, same_label=same_label)
    assert matrix_of(found) == expected
    pairs = {(a, b): n for a, b, n, *_ in classes.iter_rows()}
    assert pairs == dict(oracle_views.class_pairs(time, primary, secondary, through))


@settings(max_examples=examples(40))
@given(st.data())
def test_the_matrix_keeps_its_laws(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    sides, same = {"primary": primary, "secondary": secondary}, {"same_label": True}
    change = OutcomeChange(*(OUTCOMES[code] for code in data.draw(st.sampled_from(CELLS))))
    chosen = Filters(outcome_changes=(change,))
    with opened(plan) as evaluation:
        free = chameleon.prediction_changes(evaluation, **sides)
        back = chameleon.prediction_changes(evaluation, primary=secondary, secondary=primary)
        still = chameleon.prediction_changes(evaluation, primary=primary, secondary=primary)
        assert chameleon.class_changes(evaluation, primary=primary, secondary=primary).is_empty()
        assert chameleon.prediction_changes(evaluation, **sides, filters=chosen).equals(free)
        selection = chameleon.Selection(primary, secondary, chosen)
        matching = chameleon.selection.instance_mask(evaluation, selection).sum()
        parts = [chameleon.prediction_changes_by(evaluation, by, **sides)
                 for by in ("split", "label")]  # fmt: skip
        statistics = chameleon.change_statistics(evaluation, **sides, **same)
        relabeled = matrix_of(chameleon.prediction_changes(evaluation, **sides, **same))
    with pytest.raises(ValueError, match="by must be"):
        chameleon.prediction_changes_by(evaluation, "colour", **sides)
    whole = matrix_of(free)
    # a chosen cell filters others by its count, but not the matrix
    assert matching == whole[change.secondary, change.primary]["instances"]
    # splits and classes add up to the matrix
    for part in parts:
        assert {key: part["_".join(key)].sum() for key in whole} == {
            key: cell["instances"] for key, cell in whole.items()
        }
    # swapping the versions transposes it; a version against itself has empty off-diagonals
    assert whole == {(b, a): cell for (a, b), cell in matrix_of(back).items()}
    for (a, b), cell in matrix_of(still).items():
        assert cell["relabeled"] == cell["edited"] == 0
        assert a == b or cell["instances"] == 0
    # accuracies on common unchanged instances differ by the flip rates
    total = sum(cell["instances"] for cell in relabeled.values())
    wins, losses = statistics.positive_flips, statistics.negative_flips
    if not total:
        assert losses.share is None
        assert losses.reason
    else:
        known = ("correct", "incorrect")
        after = sum(relabeled[b, "correct"]["instances"] for b in known) / total
        before = sum(relabeled["correct", a]["instances"] for a in known) / total
        assert after - before == pytest.approx(wins.share - losses.share)


def flipped_project(before: list[bool], after: list[bool], split: str, *, relabel: bool = False):
    """Two versions whose predictions are right or wrong as told; labels all "a"."""
    ids = [f"i{k}" for k in range(len(before))]
    frame = pl.DataFrame(
        {"id": ids, "label": ["a"] * len(ids), "split": [split] * len(ids), "x": range(len(ids))}
    )
    other = frame.with_columns(label=pl.lit("b")) if relabel else frame
    said = {
        "1": pl.DataFrame({"id": ids, "prediction": ["a" if ok else "b" for ok in before]}),
        "2": pl.DataFrame({"id": ids, "prediction": ["a" if ok else "b" for ok in after]}),
    }
    return temporary_project({"1": frame, "2": other}, predictions=said)


def test_mcnemar_and_intervals_are_the_exact_binomial_ones():
    before = [True] * 10 + [False] * 3 + [True] * 37
    after = [False] * 10 + [True] * 3 + [True] * 37
    with flipped_project(before, after, "test") as folder:
        found = chameleon.change_statistics(evaluated(folder), primary="2", secondary="1")
    assert (found.fair_negative_flips.count, found.fair_negative_flips.total) == (10, 50)
    # twice the smaller tail of 13 fair throws
    assert found.mcnemar_p == pytest.approx(2 * binom.cdf(3, 13, 0.5))
    low, high = found.fair_negative_flips.ci_low, found.fair_negative_flips.ci_high
    assert binom.sf(9, 50, low) == pytest.approx(0.025)
    assert binom.cdf(10, 50, high) == pytest.approx(0.025)
    assert found.flip_ratio == pytest.approx(0.3)
    assert found.churn.count == 13


@pytest.mark.parametrize(("split", "relabel"), [("train", False), ("test", True)])
def test_train_rows_and_relabelled_rows_prove_nothing(split, relabel):
    with flipped_project([True] * 4, [False] * 4, split, relabel=relabel) as folder:
        found = chameleon.change_statistics(evaluated(folder), primary="2", secondary="1")
    assert found.fair_negative_flips.total == 0
    assert found.fair_negative_flips.share is None
    assert "test instance" in found.fair_negative_flips.reason
    assert found.mcnemar_p is None


def test_undefined_ratios_are_none():
    with flipped_project([True] * 3, [True] * 3, "test") as folder:
        found = chameleon.change_statistics(evaluated(folder), primary="2", secondary="1")
    assert found.flip_ratio is None
    assert found.mcnemar_p is None
    assert dataclasses.asdict(found.negative_flips)["count"] == 0
    assert np.isclose(found.fair_negative_flips.ci_low, 0)


def test_the_class_table_of_thousands_of_classes_fits_in_memory(small):
    classes = (*small.classes, *(f"class {number}" for number in range(6_000)))
    many = dataclasses.replace(small, classes=classes)
    sides = {"primary": "v2", "secondary": "v1"}
    expected = chameleon.class_changes(small, **sides)
    tracemalloc.start()
    found = chameleon.class_changes(many, **sides)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.equals(expected)
    assert peak < 5_000_000  # three counts for each of 36 million pairs took 860 MB


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
