"""By what features are sorted, against figures reckoned in plain loops."""

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from chameleon.analysis import COUNT_COLUMNS, feature_ranking
from tests import internals as chameleon
from tests.library import evaluated, examples, plain, write_project

COUNTS = st.lists(st.integers(0, 50), min_size=6, max_size=6)


def frame_of(**splits: list[list[int]]) -> pl.DataFrame:
    """The histogram of one feature with these counts a bar."""
    rows = [("x", split, *counts) for split, bars in splits.items() for counts in bars]
    return pl.DataFrame(rows, schema=["feature", "split", *COUNT_COLUMNS], orient="row")


def plain_error_figures(bars: list[list[int]]) -> tuple[float | None, float | None]:
    """How unevenly errors fall, and how much that changed, by the words of the docstring."""
    total = sum(c + i for c, i, *_ in bars)
    if not total:
        return None, None
    overall = sum(i for _, i, *_ in bars) / total
    spread = 0.0
    shared, change = 0, 0.0
    for correct, incorrect, _, was_correct, was_incorrect, _ in bars:
        known, earlier = correct + incorrect, was_correct + was_incorrect
        if known:
            spread += known / total * abs(incorrect / known - overall)
        if known and earlier:
            shared += known
            change += known * abs(incorrect / known - was_incorrect / earlier)
    return spread, change / shared if shared else None


@settings(max_examples=examples(100))
@given(st.lists(COUNTS, min_size=1, max_size=6), st.lists(COUNTS, min_size=1, max_size=6))
def test_the_figures_are_those_of_a_plain_loop(train, test):
    ranking = feature_ranking(frame_of(train=train, test=test)).row(0, named=True)
    assume(sum(c + i for c, i, *_ in test))  # else train rows are judged
    spread, change = plain_error_figures(test)
    assert ranking["error_unevenness"] == pytest.approx(spread)
    assert ranking["error_unevenness_change"] == pytest.approx(change)
    p, q = ([sum(bar[k : k + 3]) for bar in train] for k in (0, 3))
    if sum(p) and sum(q):
        wanted = jensenshannon(p, q, base=2)
        assert ranking["js_distance"] == pytest.approx(wanted, abs=1e-7)
    else:
        assert ranking["js_distance"] is None


def test_ranking_sees_the_feature_that_changed_and_the_one_that_errors_fall_on(tmp_path):
    count = 40
    steady = [float(i % 4) for i in range(count)]
    halves = ["train"] * 20 + ["test"] * 20
    frames = {
        name: plain(
            count,
            moved=[i % 3 + shift for i in range(count)],
            steady=steady,
            label=["a"] * count,
            split=halves,
        )
        for name, shift in (("1", 0), ("2", 10))
    }
    # the models err exactly where steady is 3
    answers = ["b" if value == 3 else "a" for value in steady]
    said = pl.DataFrame({"id": range(count), "prediction": answers})
    folder = write_project(tmp_path, frames, predictions={"1": said, "2": said})
    frame = chameleon.feature_histograms(evaluated(folder), primary="2", secondary="1")
    ranking = chameleon.feature_ranking(frame).rows_by_key("feature", unique=True)
    assert ranking["moved"][0] == 1.0
    assert ranking["steady"][0] == 0.0
    # a quarter errs: a bar of rate 1 with weight 1/4, bars of rate 0 with weight 3/4
    assert ranking["steady"][1] == pytest.approx(0.25 * 0.75 + 0.75 * 0.25)
    assert ranking["steady"][2] == 0.0
    assert ranking["moved"][2] is None


BARS = [[3, 1, 0, 2, 2, 0], [1, 3, 0, 2, 2, 0]]


@pytest.mark.parametrize("test", [[], [[0] * 6, [0] * 6]])
def test_without_any_test_row_errors_are_those_of_train_rows(test):
    assert feature_ranking(frame_of(train=BARS, test=test)).row(0)[2:] == (0.25, 0.25)


def test_without_any_known_outcome_there_are_no_error_figures():
    ranking = feature_ranking(frame_of(train=[[0, 0, 4, 0, 0, 4]], test=[[0, 0, 1, 0, 0, 1]]))
    assert ranking.row(0) == ("x", 0.0, None, None)
