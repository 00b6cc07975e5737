"""Histograms and the figures that features are sorted by, against the oracle and plain loops."""

import datetime as dt
from collections import Counter

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from chameleon.analysis import COUNT_COLUMNS, feature_ranking
from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle
from tests.internals import FeatureFilter, Filters, Range
from tests.library import evaluated, examples, plain, write_project
from tests.projects import Plan, filtered_steps, opened

PLACE = ("feature", "split", "bin")


def counted(frame: pl.DataFrame, places: tuple[str, ...] = PLACE) -> Counter:
    """The counts of a library frame that are not zero, as the oracle keeps them."""
    columns = (*COUNT_COLUMNS, "correct", "incorrect", "unknown")
    found: Counter = Counter()
    for line in frame.iter_rows(named=True):
        for column in columns:
            if line.get(column):
                found[(*(line[name] for name in places), column)] += line[column]
    return found


# ---------------------------------------------------------------- counted by hand


def test_a_histogram_counts_what_a_reader_counts(small):
    frame = chameleon.feature_histograms(small, primary="v2", secondary="v1")
    red = frame.filter(feature="colour", split="train", category="red")
    assert red.select(COUNT_COLUMNS).row(0) == (2, 0, 0, 1, 1, 0)  # a, e against a, e
    blue = frame.filter(feature="colour", split="train", category="blue")
    assert blue.select(COUNT_COLUMNS).row(0) == (3, 0, 0, 1, 0, 1)  # b, d, f against b, f
    missing = frame.filter(feature="colour", split="test", bar="missing")
    assert missing.select(COUNT_COLUMNS).row(0) == (1, 0, 0, 0, 0, 0)  # g
    infinite = frame.filter(feature="size", split="train", bar="non-finite")
    assert infinite.select(COUNT_COLUMNS).row(0) == (1, 0, 0, 0, 0, 0)  # e
    absent = frame.filter(feature="fresh", split="train", bar="missing")
    assert absent.select(COUNT_COLUMNS).row(0) == (0, 0, 0, 2, 1, 1)  # all train rows of v1


def test_a_filter_reads_the_primary_and_else_the_secondary(small):
    # in v10 d is a test row, in v2 a train row; c is in v10 alone
    only_test = Filters(splits=(Split.TEST,))
    frame = chameleon.feature_histograms(
        small, primary="v10", secondary="v2", filters=only_test
    ).filter(feature="colour")
    by_split = frame.group_by("split").agg(pl.col(COUNT_COLUMNS).sum()).sort("split")
    assert by_split.rows() == [
        ("test", 1, 2, 0, 1, 0, 0),  # c, d, g against g
        ("train", 0, 0, 0, 1, 0, 0),  # d, which was a train row
    ]


def test_a_summary_holds_what_a_reader_reckons(small):
    frame = chameleon.feature_summary(small, primary="v2", secondary="v1")
    size = frame.filter(feature="size")
    assert size.rows() == [
        ("size", "v2", "train", 1.5, 6.5, 3.75, 0, 5),  # e is infinite, not missing
        ("size", "v2", "test", 7.5, 7.5, 7.5, 0, 1),
        ("size", "v1", "train", 1.5, 6.5, 3.5, 1, 4),
        ("size", "v1", "test", 3.5, 4.5, 4.0, 0, 2),
    ]
    colour = frame.filter(feature="colour")
    assert colour["min"].null_count() == len(colour)
    assert colour["missing"].to_list() == [0, 1, 0, 0]
    fresh = frame.filter(feature="fresh", version="v1")
    assert fresh.select("mean", "missing").rows() == [(None, 4), (None, 2)]


# ---------------------------------------------------------------- laws, against the oracle


@settings(max_examples=examples(60))
@given(st.data())
def test_every_frame_is_that_of_the_oracle(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    time, sides = plan.timeline, {"primary": primary, "secondary": secondary}
    feature = data.draw(st.sampled_from(time.features))
    with opened(plan) as evaluation:
        frame = chameleon.feature_histograms(evaluation, **sides, filters=filters)
        straight = chameleon.feature_histograms(evaluation, **sides)
        swapped = chameleon.feature_histograms(evaluation, primary=secondary, secondary=primary)
        empty = Filters(features=(FeatureFilter(feature),))
        assert straight.equals(chameleon.feature_histograms(evaluation, **sides, filters=empty))
        labels = chameleon.feature_labels(evaluation, **sides, filters=filters)
        multiples = chameleon.feature_over_versions(evaluation, feature, **sides, filters=filters)
        summary = chameleon.feature_summary(evaluation, **sides)
    bars = oracle.bars_of(frame)
    assert counted(frame) == oracle.feature_histograms(time, primary, secondary, filters, bars)
    check_counts_sum(plan, frame, primary, secondary, filters, bars)
    turned = swapped.select(*PLACE, *COUNT_COLUMNS[3:], *COUNT_COLUMNS[:3])
    assert turned.rows() == straight.select(*PLACE, *COUNT_COLUMNS).rows()
    found = Counter({line[:4]: line[4] for line in labels.rows() if line[4]})
    assert found == oracle.feature_labels(time, primary, secondary, filters, bars)
    one_label = labels.filter(pl.col("label").is_null())
    assert one_label.select(PLACE).rows() == frame.select(PLACE).rows()
    wanted = oracle.feature_over_versions(time, feature, primary, secondary, filters, bars)
    assert counted(multiples, ("version", "split", "bin")) == wanted
    figures = {row[:3]: dict(zip(summary.columns[3:], row[3:], strict=True)) for row in
               summary.rows()}  # fmt: skip
    wanted = oracle.feature_summary(time, primary, secondary)
    assert figures.keys() == wanted.keys()
    for place, line in wanted.items():
        assert figures[place] == pytest.approx(line), place


def check_counts_sum(
    plan: Plan,
    frame: pl.DataFrame,
    primary: str,
    secondary: str,
    filters: Filters,
    bars: dict[str, list[dict]],
) -> None:
    """Every feature without a filter of its own counts each filtered instance once."""
    time = plan.timeline
    passing = oracle.selected(time, primary, secondary, filters, bars)
    own = {one.feature for one in filters.features}
    for feature in set(time.features) - own:
        sums = frame.filter(feature=feature).select(pl.col(COUNT_COLUMNS).sum()).row(0)
        assert (sum(sums[:3]), sum(sums[3:])) == (passing["primary"], passing["secondary"])


def many(version: int) -> pl.DataFrame:
    """700 instances with a tail on either side, 25 texts, dates and integers."""
    numbers = [-1e5 if i < 3 else 1e5 if i < 6 else (i * 271 % 700) / 700 for i in range(700)]
    return plain(
        700,
        x=[None if i % 50 == 9 else n + (i % 3) * version for i, n in enumerate(numbers)],
        text=[f"t{min(i % 40, i % 25)}" for i in range(700)],
        day=[dt.date(2019, 1, 1) + dt.timedelta(days=i % 90 + version) for i in range(700)],
        whole=[i % 61 for i in range(700)],
        source=["a", "b", None, "a", "c"] * 140,
    )[version * 80 :]


MANY_FILTERS = [
    Filters(),
    Filters(labels=("a",), splits=(Split.TRAIN, Split.TEST)),
    Filters(sources=("b", None), outcomes=("incorrect",)),
    Filters(features=(FeatureFilter("x", (Range(0.25, 0.3), Range(1, 2, closed=True))),)),
    Filters(
        outcomes=("correct",),
        features=(FeatureFilter("text", other=True), FeatureFilter("whole", (Range(3, 9),))),
    ),
]


@pytest.mark.parametrize("filters", MANY_FILTERS)
def test_larger_data_is_counted_as_the_oracle_counts_it(tmp_path, filters):
    frames = {"1": many(0), "2": many(1)}
    answers = {
        name: pl.DataFrame({"id": range(700), "prediction": ["a", "b", "b"] * 233 + ["a"]})
        for name in frames
    }
    time = oracle.timeline(frames, {n: said_by(frame) for n, frame in answers.items()})
    folder = write_project(tmp_path, frames, predictions=answers)
    versions = {"primary": "2", "secondary": "1", "filters": filters}
    evaluation = evaluated(folder)
    frame = chameleon.feature_histograms(evaluation, **versions)
    bars = oracle.bars_of(frame)
    assert {bar["bar"] for bar in bars["x"]} >= {"below", "range", "above"}
    assert "other" in [bar["bar"] for bar in bars["text"]]
    assert counted(frame) == oracle.feature_histograms(time, "2", "1", filters, bars)


def said_by(answers: pl.DataFrame) -> dict[str, str]:
    return {str(key): said for key, said in answers.rows()}


# ---------------------------------------------------------------- the rest of the promises


def test_the_bins_are_the_same_whatever_the_versions_and_filters(small):
    skeleton = [*PLACE, "bar", "low", "high", "category"]
    narrowed = Filters(labels=("cat",), features=(FeatureFilter("size", (Range(0, 3),)),))
    frames = [
        chameleon.feature_histograms(small, primary=a, secondary=b, filters=filters)
        for a, b, filters in (("v1", "v2", None), ("v10", "v1", narrowed))
    ]
    assert frames[0].select(skeleton).equals(frames[1].select(skeleton))


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


BARS = [[3, 1, 0, 2, 2, 0], [1, 3, 0, 2, 2, 0]]


@pytest.mark.parametrize("test", [[], [[0] * 6, [0] * 6]])
def test_without_any_test_row_errors_are_those_of_train_rows(test):
    assert feature_ranking(frame_of(train=BARS, test=test)).row(0)[2:] == (0.25, 0.25)


def test_without_any_known_outcome_there_are_no_error_figures():
    ranking = feature_ranking(frame_of(train=[[0, 0, 4, 0, 0, 4]], test=[[0, 0, 1, 0, 0, 1]]))
    assert ranking.row(0) == ("x", 0.0, None, None)
