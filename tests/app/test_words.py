"""Numbers, dates, and filters as text, and foreign text that Markdown must not interpret."""

import datetime as dt
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.app import formatting
from chameleon.project import Kind
from chameleon.selection import filter_words
from tests.internals import (
    AlwaysFails,
    ConfusionCell,
    FeatureFilter,
    Filters,
    LabelProbability,
    Range,
    RuleVote,
    Selection,
    SensitivityChoice,
    SensitivityRange,
)

INF = math.inf
MICROSECONDS = 1e6


def read(markdown):
    """Escaped Markdown as a reader sees it: without backslashes before punctuation."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


@given(st.text())
def test_plain_text_is_unchanged_on_one_line(text):
    shown = formatting.plain(text)
    assert read(shown) == (" ".join(text.split()) or "(no text)")
    assert "\n" not in shown


@given(st.text(alphabet="*_`[]()<>#+-.!|~$:^=&\"'/@{}\\ab1 \n", max_size=30))
def test_every_sign_of_markdown_is_escaped(text):
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", formatting.plain(text))
    assert not re.search(r"[*_`\[\]<>#|~$:^&{}\\]", bare) or bare == "(no text)"


@given(st.text(), st.integers(1, 60))
def test_shortened_text_is_no_longer_than_asked(text, length):
    short = formatting.shortened(text, length)
    assert len(short) <= length
    assert short == text if len(text) <= length else short.endswith("…")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (-0.5, "-0.5"), (1234567.0, "1,234,567"), (0.1 + 0.2, "0.3"),
        (1e300, "1e+300"), (INF, "∞"), (-INF, "-∞"), (12.0, "12"),
    ],
)  # fmt: skip
def test_numbers_are_short(value, shown):
    assert formatting.number(value) == shown


@given(st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30)))
def test_a_date_reads_as_its_day_and_minute(moment):
    since = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    shown = formatting.date(float(since))
    read_back = dt.datetime.fromisoformat(shown)
    # a float holds microseconds exactly for 285 years around 1970 only
    assert abs((read_back - moment).total_seconds()) <= 61


def test_undefined_figures_are_a_dash():
    assert formatting.figure(None) == "-"
    assert formatting.figure(0.97134) == "0.971"
    assert formatting.figure(1.0, 1) == "1.0"


@pytest.mark.parametrize(
    ("limits", "kind", "shown"),
    [
        (Range(0.5, 2.5), Kind.NUMBER, "0.5 to 2.5"),
        (Range(-INF, 3.0), Kind.NUMBER, "below 3"),
        (Range(-INF, 3.0, closed=True), Kind.NUMBER, "at most 3"),
        (Range(8.0, INF, open=True), Kind.NUMBER, "above 8"),
        (Range(8.0, INF), Kind.NUMBER, "at least 8"),
        (Range(-INF, INF), Kind.NUMBER, "any number"),
        (Range(4.0, 4.0, closed=True), Kind.NUMBER, "4"),
        (Range(1.0, 1.0, closed=True), Kind.BOOLEAN, "true"),
        (Range(0.0, 0.0, closed=True), Kind.BOOLEAN, "false"),
        (Range(0.0, 86400 * MICROSECONDS), Kind.DATE, "1970-01-01 to 1970-01-02"),
        (Range(60 * MICROSECONDS, INF), Kind.DATE, "at least 1970-01-01 00:01"),
    ],
)
def test_ranges_as_text(limits, kind, shown):
    assert formatting.range_words(limits, kind) == shown


def test_a_long_filter_names_four_parts_and_counts_the_rest():
    chosen = FeatureFilter(
        "f", ranges=(Range(0.0, 1.0),), categories=("a", "b" * 50), other=True, missing=True,
        non_finite=True,
    )  # fmt: skip
    assert filter_words(chosen, Kind.NUMBER) == (f"0 to 1, a, {'b' * 39}…, other and 2 more")
    assert filter_words(FeatureFilter("f", missing=True), Kind.TEXT) == "missing"


def test_bars_and_ends_of_every_kind_have_words(kinds):
    ends = {feature.name: formatting.ends_words(feature) for feature in kinds.dataset.features}
    assert ends["whole"] == "0 to 5"
    assert ends["few"].count("…") == 1
    assert ends["moment"] == "2020-01-01 to 2020-02-11 16:00" or " to " in ends["moment"]
    assert ends["words"] == ""
    for feature in kinds.dataset.features:
        found = [formatting.bar_words(bar, feature.kind) for bar in feature.bins.bars]
        assert all(found)
        assert len(set(found)) == len(found)
        assert "missing" in found
    wide = kinds.dataset.features[kinds.dataset.feature_number("wide")]
    words = [formatting.bar_words(bar, wide.kind) for bar in wide.bins.bars]
    assert words[0].startswith("below -")
    assert [w for w in words if w.startswith("above ")]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("confusions", ConfusionCell("3", "8"), "3 predicted as 8 by the primary"),
        ("confusions", ConfusionCell("3", "3", True), "3 correctly predicted by the secondary"),
        ("always_fails", AlwaysFails("1.0", "1.9"), "incorrect in every version, 1.0 to 1.9"),
        (
            "sensitivity", SensitivityChoice(SensitivityRange("1.0", "1.9"), (2, 3, 4, 5)),
            "outcome changed 2 to 5 times, 1.0 to 1.9",
        ),
        (
            "sensitivity", SensitivityChoice(SensitivityRange("1.0", "1.9"), (2, 3, 5)),
            "outcome changed 2, 3, 5 times, 1.0 to 1.9",
        ),
    ],
)  # fmt: skip
def test_filters_by_failures_as_text(field, value, shown):
    filters = Filters(**{field: (value,) if field == "confusions" else value})
    assert formatting.filters_words((filters,), {}) == shown


def test_a_side_names_its_restrictions():
    only = Filters(
        labels=("x: y",),
        votes=(RuleVote("r: s", None),),
        label_probabilities=(LabelProbability("cat", 0.5, 1),),
    )
    words = formatting.side_words(Selection("2", "1", primary_only=only), primary=True)
    assert words == "2, x: y, r: s: abstains, probability of cat: 0.5 to 1"
