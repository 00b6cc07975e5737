"""Options and names: text is taken for an option, and whatever does not exist is listed."""

import inspect
from dataclasses import fields

import pytest

from chameleon import analysis
from chameleon.errors import Option
from chameleon.project import Split
from tests import internals as chameleon
from tests import tiny
from tests.internals import (
    AlwaysFails,
    ChangeType,
    ClassChange,
    ConfusionCell,
    DataChange,
    DriftReference,
    FeatureFilter,
    Filters,
    OutcomeChange,
    RuleVote,
    SelectionError,
    SensitivityChoice,
    SensitivityRange,
    TableForm,
    ViewerKind,
    ViewerSpec,
    VoteChange,
    Voted,
)
from tests.library import TREE, evaluated, plain, write_project

SIDES = {"primary": "v2", "secondary": "v1"}
SPLITS = "train, test, validation"
VERSIONS = "v1, v2, v10"


def filtered(**named):
    return lambda e: chameleon.instances(e, **SIDES, filters=Filters(**named))


OPTIONS = {
    ("added_against_kept", "split"): (Split.TEST, SIDES),
    ("domain_classifier", "split"): (Split.TEST, SIDES),
    ("confusion", "split"): (Split.TEST, SIDES),
    ("drift_over_versions", "against"): (DriftReference.FIRST, {}),
    ("drift_over_versions", "split"): (Split.TRAIN, {}),
    ("errors_by", "split"): (Split.TEST, {**SIDES, "by": "label"}),
    ("feature_drift", "split"): (Split.TRAIN, SIDES),
    ("instance_file", "form"): (TableForm.CSV, SIDES),
    ("ranked_errors", "split"): (Split.TEST, SIDES),
    ("removed_against_kept", "split"): (Split.TEST, SIDES),
}
"""Every argument that is an option, a value of it, and the other arguments."""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_an_option_may_be_text_and_other_text_raises(small, name, option):
    value, others = OPTIONS[name, option]

    def called(with_value):
        found = getattr(chameleon, name)(small, **others, **{option: with_value})
        if isinstance(found, chameleon.DomainClassifierResult):
            return [str(getattr(found, field.name)) for field in fields(found)]
        return found.rows() if hasattr(found, "rows") else found

    assert called(value.value) == called(value)
    listed = ", ".join(type(value))
    with pytest.raises(ValueError, match=rf"There is no \w+ 'bogus'\. Choose one of: {listed}\."):
        called("bogus")


def test_every_option_of_a_function_is_tried():
    options = {kind.__name__ for kind in Option.__subclasses__()}
    functions = {name: getattr(chameleon, name) for name in analysis.__all__}
    found = {
        (name, parameter.name)
        for name, function in functions.items()
        if inspect.isfunction(function)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation.removesuffix(" | None") in options
    }
    assert found == set(OPTIONS)


def test_drift_against_the_first_version_is_not_the_one_against_the_version_before(small):
    first = chameleon.drift_over_versions(small, against="first")
    assert set(first["before"]) == {"v1"}
    assert set(chameleon.drift_over_versions(small)["before"]) == {"v1", "v2"}


@pytest.mark.parametrize(
    ("named", "listed"),
    [
        ({"splits": ("bogus",)}, SPLITS),
        ({"labels": ("bogus",)}, "cat, dog"),
        ({"outcomes": ("bogus",)}, "correct, incorrect, unknown"),
        ({"features": (FeatureFilter("bogus", missing=True),)}, "colour, fresh, size"),
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
    filters = Filters(**named)
    for asked in (
        lambda: chameleon.instances(small, **SIDES, filters=filters),
        lambda: chameleon.feature_drift(small, **SIDES, filters=filters),
    ):
        with pytest.raises(SelectionError, match=rf"'bogus'.*Choose one of: {listed}\."):
            asked()


@pytest.mark.parametrize("happened", [h for h in ChangeType if h is not ChangeType.EDITED])
def test_only_an_edit_names_a_feature(small, happened):
    with pytest.raises(SelectionError, match="Only 'edited' names a feature"):
        chameleon.changed_instances(small, DataChange(happened, "size"), **SIDES)


@pytest.mark.parametrize(
    "only",
    [
        {"data_changes": (DataChange("edited"),)},
        {"outcome_changes": (OutcomeChange("correct", "incorrect"),)},
        {"always_fails": AlwaysFails("v1", "v2")},
    ],
)
@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_a_side_restricted_by_both_versions_is_refused(small, only, side):
    restricted = {f"{side}_only": Filters(**only)}
    with pytest.raises(SelectionError, match=f"The {side} side can't be restricted"):
        chameleon.confusion(small, **SIDES, **restricted)


@pytest.mark.parametrize(
    "asked",
    [
        lambda e, v: chameleon.feature_histograms(e, primary=v, secondary="v1"),
        lambda e, v: chameleon.sensitivity(e, first="v1", last="v2", primary=v),
        lambda e, v: chameleon.most_sensitive(e, first="v1", last="v2", secondary=v),
        lambda e, v: chameleon.compare_data(e.dataset.project, before=v, after="v2"),
        lambda e, v: chameleon.fixed_test_set(e, test=v),
    ],
)
def test_a_version_that_does_not_exist_is_told_with_those_that_do(small, asked):
    with pytest.raises(SelectionError, match=rf"no version 'bogus'.*Choose one of: {VERSIONS}\."):
        asked(small, "bogus")


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss"])
def test_a_class_is_only_asked_for_with_its_recall(small, metric):
    asked = {"before": "v1", "after": "v2", "metric": metric}
    with pytest.raises(SelectionError, match="isn't of one class"):
        chameleon.attribute_change(small, **asked, of_class="cat")


def test_many_names_are_listed_in_part(tmp_path):
    labels = [f"class {number:02}" for number in range(50)]
    e = evaluated(write_project(tmp_path / "p", {"1": plain(50, label=labels)}, toml=TREE))
    with pytest.raises(SelectionError, match=r"class 18, class 19 and 30 more\.$"):
        chameleon.instances(e, primary="1", secondary="1", filters=Filters(labels=("bogus",)))


def test_votes_take_options_as_text(tmp_path):
    votes = {"1": ["a", None, "b", "a"], "2": ["a", "b", None, "b"]}
    versions = {name: plain(4, label_vote_r=of) for name, of in votes.items()}
    e = evaluated(write_project(tmp_path / "p", versions, toml=TREE))
    sides = {"primary": "2", "secondary": "1"}

    def found(**named):
        return chameleon.instances(e, **sides, filters=Filters(**named)).frame["instance"].to_list()

    assert found(vote_changes=(VoteChange("r", "started"),)) == ["1"]
    with pytest.raises(SelectionError, match=", ".join(Voted)):
        found(vote_changes=(VoteChange("r", "bogus"),))
    with pytest.raises(SelectionError, match=r"no labeling function 'bogus'.*Choose one of: r"):
        found(vote_changes=(VoteChange("bogus"),))
    with pytest.raises(SelectionError, match=r"no class 'bogus'.*Choose one of: a, b"):
        found(votes=(RuleVote("r", "bogus"),))


def test_the_kind_of_a_viewer_may_be_text():
    assert ViewerSpec("text") == ViewerSpec(ViewerKind.TEXT)
    with pytest.raises(ValueError, match=", ".join(ViewerKind)):
        ViewerSpec("bogus")
