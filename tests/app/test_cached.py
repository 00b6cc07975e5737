"""The cached call: one computation for everything that a result depends on."""

from dataclasses import replace

import pytest

from chameleon.analysis import FILTERS, of_selection
from chameleon.app import cached
from chameleon.project import Split
from tests import tiny
from tests.internals import Evaluation, Filters, Selection
from tests.library import evaluated

SIDES = Selection("v2", "v1")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


def counting(name):
    """An analysis that returns how often it ran, and highlights its own filter of labels."""
    runs = []

    @of_selection(*FILTERS, own=["labels"])
    def runs_of(evaluation, selection, *, option=0, by="label"):
        runs.append(selection)
        return len(runs)

    runs_of.__qualname__ = name  # the name of its cache
    return runs_of


def test_a_result_is_computed_once_for_what_it_depends_on(small):
    analysis = counting("depends")
    assert cached.call(analysis, small, SIDES) == cached.call(analysis, small, SIDES) == 1
    own = replace(SIDES, filters=Filters(labels=("cat",)))
    side = replace(SIDES, primary_only=Filters(splits=(Split.TEST,)))
    assert [cached.call(analysis, small, asked) for asked in (own, side)] == [1, 1]
    narrower = replace(SIDES, filters=Filters(splits=(Split.TEST,)))
    others = (narrower, replace(SIDES, primary="v10"))
    assert [cached.call(analysis, small, asked) for asked in others] == [2, 3]
    assert cached.call(analysis, small, SIDES, option=1) == 4
    assert cached.call(analysis, small, SIDES, also="file") == 5
    assert cached.call(analysis, small, SIDES) == 1


def test_a_note_added_to_a_version_is_shown(small):
    analysis, project = counting("notes"), small.dataset.project
    versions = tuple(replace(version, note="new") for version in project.versions)
    dataset = replace(small.dataset, project=replace(project, versions=versions))
    assert cached.call(analysis, small, SIDES) == 1
    assert cached.call(analysis, replace(small, dataset=dataset), SIDES) == 2


def test_results_are_bounded(small):
    analysis = counting("bounded")
    found = [cached.call(analysis, small, SIDES, option=option) for option in range(33)]
    assert found == list(range(1, 34))
    assert cached.call(analysis, small, SIDES, option=32) == 33
    assert cached.call(analysis, small, SIDES, option=0) == 34
