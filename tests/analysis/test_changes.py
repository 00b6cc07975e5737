"""The prediction change matrix against the oracle, and the figures made from it."""

import dataclasses
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from chameleon.analysis.outcomes import CELLS
from chameleon.counting import OUTCOMES
from tests import internals as chameleon
from tests import oracle, oracle_views
from tests.internals import Filters, OutcomeChange
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
