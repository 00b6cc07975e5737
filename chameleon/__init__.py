"""Chameleon: how a dataset changed, version by version, and what it did to the model.

The functions here are the ones the pages of the app use:

>>> import chameleon
>>> project = chameleon.open_project("sample_data/digits")
>>> evaluation = chameleon.evaluate(project)
>>> chameleon.version_metrics(evaluation)
"""

from typing import Any

import lazy_loader

_NAMES = {
    "analysis": [
        "DriftReference",
        "Attribution",
        "ChangeStatistics",
        "InstanceList",
        "InstancePage",
        "Iteration",
        "IterationKind",
        "IterationOf",
        "LabelIssues",
        "ProbabilityChange",
        "Rate",
        "Sentence",
        "Slice",
        "Slices",
        "TableForm",
        "DomainClassifierResult",
        "Topic",
        "TrainingParts",
        "WeakLabel",
        "RefitWithout",
        "added_against_kept",
        "attribute_change",
        "attribute_training",
        "exclusion_list_counts",
        "exclusion_list_members",
        "domain_classifier",
        "cell_groups",
        "change_statistics",
        "changed_instances",
        "changed_slices",
        "check",
        "class_changes",
        "compare_data",
        "confusion",
        "data_changes",
        "data_changes_by",
        "drift_over_versions",
        "edited_values",
        "embedding_cells",
        "errors_by",
        "failure_sets",
        "feature_correlations",
        "feature_drift",
        "feature_histograms",
        "feature_labels",
        "feature_over_versions",
        "feature_ranking",
        "feature_summary",
        "fixed_test_set",
        "has_weak_labels",
        "instance_file",
        "instance_groups",
        "instance_places",
        "instance_rows",
        "instance_versions",
        "instances",
        "iteration_kinds",
        "iteration_of",
        "label_probability_change",
        "label_probability_histogram",
        "label_issues",
        "labeling_functions",
        "model_on_tests",
        "most_sensitive",
        "nearest_instances",
        "prediction_changes",
        "prediction_changes_by",
        "ranked_errors",
        "removed_against_kept",
        "sensitivity",
        "step_summary",
        "subset_distances",
        "training_fits",
        "training_seconds",
        "value_transitions",
        "version_metrics",
        "version_sizes",
        "weak_label_of",
        "weak_label_totals",
        "weak_labels",
        "refit_without",
    ],
    "errors": ["ChameleonError", "ModelError", "ProjectError", "SelectionError", "VersionError"],
    "models": ["Evaluation", "GoldenTest", "evaluate", "golden_test"],
    "project": [
        "ModelSpec",
        "FindingKind",
        "PredictionColumns",
        "Finding",
        "Project",
        "Settings",
        "Version",
        "ViewerKind",
        "ViewerSpec",
        "WeakColumns",
        "open_project",
        "settings_text",
    ],
    "selection": [
        "AlwaysFails",
        "ExclusionList",
        "ExclusionRule",
        "ExclusionLists",
        "ClassChange",
        "ConfusionCell",
        "DataChange",
        "FeatureFilter",
        "FilterExpression",
        "Filters",
        "ChangeType",
        "LabelProbability",
        "OutcomeChange",
        "AddResult",
        "Range",
        "ImportedList",
        "Region",
        "RuleVote",
        "Selection",
        "SensitivityChoice",
        "SensitivityRange",
        "VoteChange",
        "Voted",
        "exclusion_list_csv",
        "exclusion_list_parquet",
        "filter_expression",
        "open_exclusion_lists",
        "read_exclusion_list",
    ],
    "storage": ["Progress"],
}
"""The public names by the room that defines them."""

_found, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_NAMES)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    found = _found(name)
    if name in _NAMES["analysis"]:
        from chameleon.analysis import keyword_form

        found = keyword_form(found)
    globals()[name] = found  # one object a name
    return found


__version__ = "0.1.0"
