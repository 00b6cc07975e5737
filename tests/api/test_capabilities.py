"""Every capability of the library's functions is reached through the public interface."""

import chameleon
from chameleon.api import plots, weak

REACHED = """
evaluate Project.evaluate
check Project.findings
settings_text Project.settings_toml
Settings Project.settings
compare_data Project.compare
data_changes Step.data
data_changes_by Step.data
changed_instances Step.edited_instances
instances Step.instances
instance_file Step.write_instances
instance_versions Instance.versions
instance_rows Instance.rows
instance_places Instance.quantiles
nearest_instances Instance.neighbors
iteration_kinds Step.kinds
iteration_of Step.change_type
edited_values Step.edits
value_transitions Step.edited_values
feature_drift Step.drift
drift_over_versions Evaluation.drift
group_drift Step.group_drift
domain_classifier Step.domain_classifier
feature_histograms Step.histograms
feature_labels Step.histograms
feature_over_versions Evaluation.histograms
feature_summary Step.features
feature_ranking Step.features
subset_distances Step.features
feature_correlations VersionEvaluation.correlations
version_metrics Evaluation.metrics
version_sizes Evaluation.sizes
prediction_changes Step.prediction_changes
prediction_changes_by Step.prediction_changes
change_statistics results.PredictionChanges
Proportion results.Proportion
class_changes Step.class_changes
failure_sets Step.failure_sets
confusion VersionEvaluation.confusion
errors_by VersionEvaluation.errors
ranked_errors VersionEvaluation.ranked_errors
label_issues VersionEvaluation.label_issues
sensitivity Evaluation.sensitivity
most_sensitive Evaluation.sensitive_instances
SensitivityRange Evaluation.between
embedding_cells Step.embedding
cell_groups Step.embedding
changed_slices Step.slices
attribute_change Step.attribution
attribute_training Step.training_attribution
training_fits Step.training_cost
training_seconds Step.training_cost
step_summary Step.summary
facts_by_scope Step.summary
fixed_test_set Evaluation.fixed_test_set
model_on_tests Evaluation.cross_test
golden_test Evaluation.golden_predictions
refit_without VersionEvaluation.refit_without
weak_labels WeakLabels.by_class
weak_label_totals WeakLabels.totals
label_probability_histogram WeakLabels.histogram
label_probability_change WeakLabels.changes
labeling_functions WeakLabels.labeling_functions
vote_changes WeakLabels.vote_changes
has_weak_labels Evaluation.has_weak_labels
weak_label_of Instance.weak_label
open_exclusion_lists Evaluation.exclusion_lists
exclusion_list_members ExclusionList.members
exclusion_list_counts ExclusionList.counts
exclusion_list_csv ExclusionList.write
exclusion_list_parquet ExclusionList.write
read_exclusion_list ExclusionLists.read
filter_expression ExclusionList.code
Filters Step.filter
Selection Step.link
Selection.from_query_string Evaluation.from_link
"""


def reached():
    """The names of the rooms that the interface reaches."""
    return {line.split()[0] for line in REACHED.strip().splitlines()}


def test_every_capability_is_reached():
    owners = {"WeakLabels": weak.WeakLabels, "results": chameleon.results, "plots": plots}
    pairs = [line.split() for line in REACHED.strip().splitlines()]
    assert len(pairs) == len({old for old, _ in pairs})
    for _, place in pairs:
        owner, name = place.split(".")
        assert hasattr(owners.get(owner) or getattr(chameleon, owner), name), place


def test_every_analysis_that_other_rooms_use_is_reached_or_not_a_capability():
    """A new function of `analysis` is offered, or is listed with the reason why it isn't."""
    from chameleon import analysis

    helpers = {
        "cells_in_regions", "region_of_cells", "without_cell", "failure_filters", "counted",
        "matching_iteration",
        "feature_columns", "instance_groups", "label_issue_fits", "of_selection",
        "selected", "selection_part", "without_fields", "run_fit", "sentences", "train_changes",
        "seconds_per_row", "shown_row", "timeline_changes", "iteration", "data_check",
        "feature_table", "golden_predictions", "model_origins", "raw_columns", "row_predictions",
        "version_rows", "write_table", "step_verdict",
        "weak_label_frame", "default_cells", "default_scope", "pair_facts", "step_facts",
        "step_levels", "story", "scopes_of",
    }  # fmt: skip
    functions = {name for name in analysis.__all__ if name[0].islower()}
    assert functions - reached() - helpers == set()
    assert helpers <= functions
