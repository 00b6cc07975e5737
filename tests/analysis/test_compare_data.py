"""What changed between two versions, against the oracle, and its laws."""

from dataclasses import fields
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import timeline_changes
from tests import internals as chameleon
from tests import oracle, tiny
from tests.library import evaluated, examples, temporary_project, write_project
from tests.projects import plans, version_pairs


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
