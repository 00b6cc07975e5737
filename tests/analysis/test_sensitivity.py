"""Sensitivity: the paper's example, and every count against the oracle."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import internals as chameleon
from tests import oracle, oracle_views
from tests.internals import SelectionError, SensitivityRange
from tests.library import evaluated, examples, temporary_project
from tests.projects import filters_for, opened, plans, version_pairs


def project_of(courses: dict[str, str]):
    """A version a letter: v correct, x incorrect, ? no prediction; one instance a course."""
    versions = len(next(iter(courses.values())))
    frame = pl.DataFrame({"id": list(courses), "label": "a", "split": "test", "x": 1.0})
    said = {
        str(k): pl.DataFrame(
            {
                "id": list(courses),
                "prediction": [{"v": "a", "x": "b", "?": None}[c[k]] for c in courses.values()],
            },
            schema={"id": pl.String, "prediction": pl.String},
        )
        for k in range(versions)
    }
    return temporary_project({str(k): frame for k in range(versions)}, predictions=said)


@pytest.mark.parametrize(
    ("course", "changes"),
    [("xxxvv", 1), ("vvvxx", 1), ("vxvxv", 4), ("vvvvv", 0), ("x??vv", 1), ("v?v?v", 0)],
)
def test_the_papers_example(course, changes):
    with project_of({"one": course}) as folder:
        evaluation = evaluated(folder)
        found = chameleon.sensitivity(evaluation, over=chameleon.SensitivityRange("0", "4"))
    assert found.filter(pl.col("instances") > 0).rows() == [(changes, 1)]


def test_fewer_than_two_known_outcomes_are_counted_beside():
    with project_of({"a": "v???", "b": "????", "c": "vv??"}) as folder:
        found = chameleon.sensitivity(evaluated(folder), over=chameleon.SensitivityRange("0", "3"))
    assert found.rows() == [(0, 1), (None, 2)]


def test_lasting_changes_are_told_from_flicker():
    courses = {"up": "xxvv", "down": "vvxx", "to and fro": "vxvx", "never": "vvvv"}
    with project_of(courses) as folder:
        found = chameleon.most_sensitive(
            evaluated(folder), over=chameleon.SensitivityRange("0", "3")
        )
    told = dict(found.unique("instance").select("instance", "course").iter_rows())
    assert told == {
        "up": "lasting improvement",
        "down": "lasting regression",
        "to and fro": "flicker",
    }
    assert found["instance"][0] == "to and fro"
    strip = found.filter(instance="up")
    assert strip["outcome"].to_list() == ["incorrect", "incorrect", "correct", "correct"]


def test_a_range_upside_down_is_an_error():
    with (
        project_of({"a": "vv"}) as folder,
        pytest.raises(SelectionError, match="Swap"),
    ):
        chameleon.sensitivity(evaluated(folder), over=chameleon.SensitivityRange("1", "0"))


@settings(max_examples=examples(80))
@given(st.data())
def test_every_count_is_that_of_the_oracle(data):
    plan = data.draw(plans())
    names = list(plan.frames)
    ends = sorted(data.draw(st.tuples(*[st.sampled_from(names)] * 2)), key=names.index)
    over = SensitivityRange(*ends, data.draw(st.booleans()), data.draw(st.booleans()))
    primary, secondary = data.draw(version_pairs(plan))
    filters = data.draw(filters_for(plan))
    with opened(plan) as evaluation:
        found = chameleon.sensitivity(
            evaluation, over=over, filters=filters, primary=primary, secondary=secondary
        )
        frame = chameleon.feature_histograms(evaluation, primary=primary, secondary=secondary)
        listed = chameleon.most_sensitive(
            evaluation, over=over, filters=filters, primary=primary, secondary=secondary
        )
        bars = oracle.bars_of(frame)
    time = plan.timeline
    through = oracle_views.keys(time)
    if not filters.is_empty:
        through = oracle_views.through(time, primary, secondary, filters, bars)
    expected = oracle_views.sensitivity(time, over, through)
    assert {c: n for c, n in found.iter_rows() if n} == {c: n for c, n in expected.items() if n}
    changed = {key: oracle_views.changes(time, key, over) for key in through}
    kept = {k: n for k, n in changed.items() if n and oracle_views.held(time, k, over)}
    assert dict(listed.select("instance", "changes").iter_rows()) == kept
