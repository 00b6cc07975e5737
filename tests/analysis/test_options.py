"""Whatever does not exist is named, with what does."""

import pytest

from tests import internals as chameleon
from tests.internals import (
    AlwaysFails,
    ChangeType,
    ClassChange,
    ConfusionCell,
    DataChange,
    Filters,
    OutcomeChange,
    SelectionError,
    SensitivityChoice,
    SensitivityRange,
    ViewerKind,
    ViewerSpec,
)
from tests.library import TREE, evaluated, plain, write_project

SIDES = {"primary": "v2", "secondary": "v1"}
VERSIONS = "v1, v2, v10"


@pytest.mark.parametrize(
    ("named", "listed"),
    [
        ({"splits": ("bogus",)}, "train, test, validation"),
        ({"outcomes": ("bogus",)}, "correct, incorrect, unknown"),
        ({"outcome_changes": (OutcomeChange("correct", "bogus"),)}, "correct, incorrect"),
        ({"outcome_changes": (OutcomeChange("bogus", "correct"),)}, "correct, incorrect"),
        ({"class_changes": (ClassChange("cat", "bogus"),)}, "cat, dog"),
        ({"confusions": (ConfusionCell("bogus", "cat"),)}, "cat, dog"),
        ({"data_changes": (DataChange("bogus"),)}, ", ".join(ChangeType)),
        ({"data_changes": (DataChange("edited", "bogus"),)}, "colour, fresh, size"),
        ({"sensitivity": SensitivityChoice(SensitivityRange("bogus", "v2"), (1,))}, VERSIONS),
        ({"always_fails": AlwaysFails("v1", "bogus")}, VERSIONS),
    ],
)
def test_a_filter_by_what_does_not_exist_lists_what_does(small, named, listed):
    with pytest.raises(SelectionError, match=rf"'bogus'.*Choose one of: {listed}\."):
        chameleon.instances(small, **SIDES, filters=Filters(**named))


@pytest.mark.parametrize(
    "asked",
    [
        lambda e, v: chameleon.feature_histograms(e, primary=v, secondary="v1"),
        lambda e, v: chameleon.feature_summary(e, primary="v1", secondary=v),
        lambda e, v: chameleon.attribute_change(e, before="v1", after=v),
        lambda e, v: chameleon.sensitivity(
            e, over=chameleon.SensitivityRange("v1", "v2"), primary=v
        ),
        lambda e, v: chameleon.most_sensitive(
            e, over=chameleon.SensitivityRange("v1", "v2"), secondary=v
        ),
        lambda e, v: chameleon.compare_data(e.dataset.project, before=v, after="v2"),
        lambda e, v: chameleon.fixed_test_set(e, test=v),
    ],
)
def test_a_version_that_does_not_exist_is_told_with_those_that_do(small, asked):
    with pytest.raises(SelectionError, match=rf"no version 'bogus'.*Choose one of: {VERSIONS}\."):
        asked(small, "bogus")


def test_a_class_is_only_asked_for_with_its_recall(small):
    with pytest.raises(SelectionError, match="isn't of one class"):
        chameleon.attribute_change(small, before="v1", after="v2", of_class="cat")


def test_many_names_are_listed_in_part(tmp_path):
    labels = [f"class {number:02}" for number in range(50)]
    e = evaluated(write_project(tmp_path / "p", {"1": plain(50, label=labels)}, toml=TREE))
    with pytest.raises(SelectionError, match=r"class 18, class 19 and 30 more\.$"):
        chameleon.instances(e, primary="1", secondary="1", filters=Filters(labels=("bogus",)))


def test_the_kind_of_a_viewer_may_be_text():
    assert ViewerSpec("text") == ViewerSpec(ViewerKind.TEXT)
    with pytest.raises(ValueError, match=", ".join(ViewerKind)):
        ViewerSpec("bogus")
