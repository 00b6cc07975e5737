"""The frames of the analyses: their columns are documented, and nothing they read is changed."""

import inspect
import re

import pytest

from tests import internals as chameleon
from tests import tiny
from tests.api.test_capabilities import reached
from tests.app import showcases
from tests.library import evaluated


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


# ---------------------------------------------------------------- columns (DESIGN section 5)


PROMISED = {
    "version_metrics": [
        "version", "date", "instances", "train_instances", "test_instances", "train_accuracy",
        "test_accuracy",
    ],
    "feature_histograms": [
        "feature", "split", "bin", "low", "high", "category", "primary_correct",
        "primary_incorrect", "primary_unknown", "secondary_correct", "secondary_incorrect",
        "secondary_unknown",
    ],
    "feature_summary": ["feature", "version", "split", "min", "max", "mean", "missing"],
    "check": [
        "version", "severity", "kind", "column", "count", "examples", "message", "done",
    ],
}  # fmt: skip


def listed() -> chameleon.ExclusionList:
    lists = chameleon.ExclusionLists()
    lists.add_entries("l", [("a", "why", 0)])
    lists.add_rule("l", chameleon.ExclusionRule(0, "outcome=correct", "v2", "v1", added=1))
    return lists.of("l")


def feature(e) -> str:
    return e.dataset.features[1].name


def instance(e) -> str:
    return e.dataset.instance_ids[4]


VERSIONS = {"primary": "v2", "secondary": "v1"}
RESULTS = {
    "version_metrics": lambda e: chameleon.version_metrics(e),
    "version_sizes": lambda e: chameleon.version_sizes(e),
    "feature_histograms": lambda e: chameleon.feature_histograms(e, **VERSIONS),
    "feature_labels": lambda e: chameleon.feature_labels(e, **VERSIONS),
    "feature_over_versions": lambda e: chameleon.feature_over_versions(e, feature(e), **VERSIONS),
    "feature_ranking": lambda e: chameleon.feature_ranking(
        chameleon.feature_histograms(e, **VERSIONS)
    ),
    "feature_summary": lambda e: chameleon.feature_summary(e, **VERSIONS),
    "check": lambda e: chameleon.check(e),
    "feature_drift": lambda e: chameleon.feature_drift(e, **VERSIONS),
    "drift_over_versions": lambda e: chameleon.drift_over_versions(e),
    "added_against_kept": lambda e: chameleon.added_against_kept(e, **VERSIONS),
    "removed_against_kept": lambda e: chameleon.removed_against_kept(e, **VERSIONS),
    "data_changes": lambda e: chameleon.data_changes(e, **VERSIONS),
    "data_changes_by": lambda e: chameleon.data_changes_by(e, "split", **VERSIONS),
    "edited_values": lambda e: chameleon.edited_values(e, **VERSIONS),
    "value_transitions": lambda e: chameleon.value_transitions(e, feature(e), **VERSIONS),
    "iteration_kinds": lambda e: chameleon.iteration_kinds(e, **VERSIONS),
    "weak_labels": lambda e: chameleon.weak_labels(e, **VERSIONS),
    "weak_label_totals": lambda e: chameleon.weak_label_totals(e, **VERSIONS),
    "label_probability_histogram": lambda e: chameleon.label_probability_histogram(e, **VERSIONS),
    "labeling_functions": lambda e: chameleon.labeling_functions(e, **VERSIONS),
    "confusion": lambda e: chameleon.confusion(e, **VERSIONS),
    "errors_by": lambda e: chameleon.errors_by(e, "label", **VERSIONS),
    "failure_sets": lambda e: chameleon.failure_sets(e, **VERSIONS),
    "ranked_errors": lambda e: chameleon.ranked_errors(e, **VERSIONS),
    "exclusion_list_members": lambda e: chameleon.exclusion_list_members(e, listed(), version="v2"),
    "exclusion_list_counts": lambda e: chameleon.exclusion_list_counts(e, listed(), version="v2"),
    "instances": lambda e: chameleon.instances(e, **VERSIONS, features=()).frame,
    "instance_groups": lambda e: chameleon.instance_groups(e, **VERSIONS),
    "instance_versions": lambda e: chameleon.instance_versions(e, instance(e)),
    "instance_rows": lambda e: chameleon.instance_rows(e, instance(e)),
    "instance_places": lambda e: chameleon.instance_places(e, instance(e), **VERSIONS),
    "nearest_instances": lambda e: chameleon.nearest_instances(e, instance(e), **VERSIONS),
}
"""How every function that returns a frame is called."""

STEP = {"before": "v1", "after": "v2"}
OTHERS = {
    "attribute_change": lambda e: chameleon.attribute_change(e, **STEP, resamples=10),
    "attribute_training": lambda e: chameleon.attribute_training(e, **STEP, repeats=1),
    "training_fits": lambda e: chameleon.training_fits(e, **STEP),
    "training_seconds": lambda e: chameleon.training_seconds(e, **STEP, fits=1),
    "step_summary": lambda e: chameleon.step_summary(e, **STEP),
    "changed_slices": lambda e: chameleon.changed_slices(e, **STEP),
    "iteration_of": lambda e: chameleon.iteration_of(e, **STEP),
    "compare_data": lambda e: chameleon.compare_data(e.dataset.project, **STEP),
    "domain_classifier": lambda e: chameleon.domain_classifier(e, **VERSIONS),
    "change_statistics": lambda e: chameleon.change_statistics(e, **VERSIONS),
    "changed_instances": lambda e: chameleon.changed_instances(
        e, chameleon.DataChange("edited"), **VERSIONS
    ),
    "class_changes": lambda e: chameleon.class_changes(e, **VERSIONS),
    "prediction_changes": lambda e: chameleon.prediction_changes(e, **VERSIONS),
    "prediction_changes_by": lambda e: chameleon.prediction_changes_by(e, "label", **VERSIONS),
    "feature_correlations": lambda e: chameleon.feature_correlations(e, **VERSIONS),
    "subset_distances": lambda e: chameleon.subset_distances(
        chameleon.feature_histograms(e, **VERSIONS, filters=chameleon.Filters(labels=("a",))),
        chameleon.feature_histograms(e, **VERSIONS),
    ),
    "instance_file": lambda e: chameleon.instance_file(e, "csv", **VERSIONS),
    "sensitivity": lambda e: chameleon.sensitivity(e, first="v1", last="v10"),
    "most_sensitive": lambda e: chameleon.most_sensitive(e, first="v1", last="v10"),
    "model_on_tests": lambda e: chameleon.model_on_tests(e),
    "fixed_test_set": lambda e: chameleon.fixed_test_set(e, test="v1"),
    "label_issues": lambda e: chameleon.label_issues(e, "v2", folds=2),
    "label_probability_change": lambda e: chameleon.label_probability_change(e, **VERSIONS),
    "weak_label_of": lambda e: chameleon.weak_label_of(e, instance(e), "v1"),
    "has_weak_labels": lambda e: chameleon.has_weak_labels(e),
    "filter_expression": lambda e: chameleon.filter_expression(e, listed(), version="v2"),
    "refit_without": lambda e: chameleon.refit_without(e, "v2", [instance(e)]),
}
"""How the other functions of an evaluation are called."""


@pytest.mark.parametrize("name", PROMISED)
def test_promised_columns_are_there(small, name):
    frame = RESULTS[name](small)
    assert set(PROMISED[name]) <= set(frame.columns)
    assert len(frame)


@pytest.mark.parametrize("name", RESULTS)
def test_every_column_of_a_result_is_documented(small, name):
    documentation = inspect.getdoc(getattr(chameleon, name)).split("Returns\n-------")[1]
    templates = {  # {s}_{metric} stands for these
        f"{split}_": "{s}_" for split in ("train", "test", "validation")
    }
    for column in RESULTS[name](small).columns:
        spelled = column
        for start, template in templates.items():
            spelled = (
                template + spelled.removeprefix(start) if spelled.startswith(start) else spelled
            )
        spelled = re.sub(r"^\{s\}_(\w+)_reason$", "{s}_{metric}_reason", spelled)
        assert re.search(rf"(?<![\w{{]){re.escape(spelled)}(?!\w)", documentation), column


@pytest.mark.parametrize("name", RESULTS)
def test_results_never_change_what_they_are_given(small, name):
    before = [getattr(small, array).tobytes() for array in ("predicted", "outcome")]
    codes = small.dataset.codes.tobytes()
    assert RESULTS[name](small).equals(RESULTS[name](small))
    assert [getattr(small, array).tobytes() for array in ("predicted", "outcome")] == before
    assert small.dataset.codes.tobytes() == codes


@pytest.fixture(scope="module")
def gaps(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(showcases.write_gaps(tmp_path_factory.mktemp("gaps") / "gaps"))


@pytest.mark.parametrize("name", [*RESULTS, *OTHERS])
def test_columns_without_values_break_nothing(gaps, name):
    assert feature(gaps).startswith("never_")
    found = {**RESULTS, **OTHERS}[name](gaps)
    assert found is not None or name == "weak_label_of"  # there are none


def test_every_function_of_an_evaluation_is_called_here():
    functions = [n for n in reached() if inspect.isfunction(getattr(chameleon, n, None))]
    of_evaluations = {
        name for name in functions
        if {"Evaluation", "Project | Evaluation"}
        & {p.annotation for p in inspect.signature(getattr(chameleon, name)).parameters.values()}
    }  # fmt: skip
    needs_files_or_layout = {"golden_test", "embedding_cells", "cell_groups"}
    assert of_evaluations - needs_files_or_layout <= {*RESULTS, *OTHERS}
