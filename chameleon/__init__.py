"""Chameleon: how a dataset changed, version by version, and what it did to the model.

The functions here are the ones the pages of the app use:

>>> import chameleon
>>> project = chameleon.open_project("sample_data/digits")
>>> evaluation = chameleon.evaluate(project)
>>> chameleon.version_metrics(evaluation)
"""

from chameleon.analysis.added import added_against_kept, removed_against_kept
from chameleon.analysis.attribution import Attribution, attribute_change
from chameleon.analysis.blacklists import blacklist_hits, blacklist_members
from chameleon.analysis.changes import (
    ChangeStatistics,
    Rate,
    change_statistics,
    class_changes,
    prediction_changes,
    prediction_changes_by,
)
from chameleon.analysis.check import check
from chameleon.analysis.comparison import Iteration, compare_data
from chameleon.analysis.confusion import confusion, errors_by
from chameleon.analysis.correlation import feature_correlations
from chameleon.analysis.drift import Against, drift_over_versions, feature_drift
from chameleon.analysis.edits import edited_values, value_transitions
from chameleon.analysis.embedding import cell_groups, embedding_cells
from chameleon.analysis.evidence import IterationKind
from chameleon.analysis.failure_sets import failure_sets
from chameleon.analysis.histograms import (
    feature_histograms,
    feature_labels,
    feature_over_versions,
    feature_summary,
)
from chameleon.analysis.instances import (
    InstancePage,
    TableForm,
    instance_file,
    instance_groups,
    instances,
)
from chameleon.analysis.iteration import (
    InstanceList,
    changed_instances,
    data_changes,
    data_changes_by,
)
from chameleon.analysis.iteration_of import IterationOf, iteration_of
from chameleon.analysis.kinds import iteration_kinds
from chameleon.analysis.labelling_rules import labelling_rules
from chameleon.analysis.metrics import version_metrics, version_sizes
from chameleon.analysis.mistakes import ranked_mistakes
from chameleon.analysis.model_tests import frozen_test, model_on_tests
from chameleon.analysis.near import nearest_instances
from chameleon.analysis.one_instance import instance_places, instance_rows, instance_versions
from chameleon.analysis.ranking import feature_ranking, subset_distances
from chameleon.analysis.sensitivity import most_sensitive, sensitivity
from chameleon.analysis.slices import Slice, Slices, changed_slices
from chameleon.analysis.step_summary import Sentence, Topic, step_summary
from chameleon.analysis.suspicion import LabelSuspicion, label_suspicion
from chameleon.analysis.telling_apart import ToldApart, can_be_told_apart
from chameleon.analysis.training import (
    TrainingParts,
    attribute_training,
    training_fits,
    training_seconds,
)
from chameleon.analysis.weak_labels import (
    ProbabilityChange,
    WeakLabel,
    has_weak_labels,
    label_probability_change,
    label_probability_histogram,
    weak_label_of,
    weak_label_totals,
    weak_labels,
)
from chameleon.analysis.without import WithoutInstances, without
from chameleon.blacklist_tables import (
    ReadBlacklist,
    blacklist_csv,
    blacklist_parquet,
    read_blacklist,
)
from chameleon.blacklists import Blacklist, BlacklistRule, Blacklists, Put, open_blacklists
from chameleon.errors import (
    ChameleonError,
    ModelError,
    ProjectError,
    SelectionError,
    VersionError,
)
from chameleon.filter_expressions import FilterExpression, filter_expression
from chameleon.golden import GoldenTest, golden_test
from chameleon.models import Evaluation, evaluate
from chameleon.progress import Progress
from chameleon.project import (
    ModelSpec,
    NoticeKind,
    PredictionColumns,
    Problem,
    Project,
    Settings,
    Version,
    ViewerKind,
    ViewerSpec,
)
from chameleon.selection import FeatureFilter, Filters, Range, Selection
from chameleon.settings_text import settings_text
from chameleon.sources import open_project
from chameleon.view_filters import (
    AlwaysFails,
    ClassChange,
    ConfusionCell,
    DataChange,
    Happened,
    LabelProbability,
    OutcomeChange,
    Region,
    RuleVote,
    SensitivityChoice,
    SensitivityRange,
    VoteChange,
    Voted,
)
from chameleon.weak import WeakColumns

__all__ = [
    "Against",
    "AlwaysFails",
    "Attribution",
    "Blacklist",
    "BlacklistRule",
    "Blacklists",
    "ChameleonError",
    "ChangeStatistics",
    "ClassChange",
    "ConfusionCell",
    "DataChange",
    "Evaluation",
    "FeatureFilter",
    "FilterExpression",
    "Filters",
    "GoldenTest",
    "Happened",
    "InstanceList",
    "InstancePage",
    "Iteration",
    "IterationKind",
    "IterationOf",
    "LabelProbability",
    "LabelSuspicion",
    "ModelError",
    "ModelSpec",
    "NoticeKind",
    "OutcomeChange",
    "PredictionColumns",
    "ProbabilityChange",
    "Problem",
    "Progress",
    "Project",
    "ProjectError",
    "Put",
    "Range",
    "Rate",
    "ReadBlacklist",
    "Region",
    "RuleVote",
    "Selection",
    "SelectionError",
    "SensitivityChoice",
    "SensitivityRange",
    "Sentence",
    "Settings",
    "Slice",
    "Slices",
    "TableForm",
    "ToldApart",
    "Topic",
    "TrainingParts",
    "Version",
    "VersionError",
    "ViewerKind",
    "ViewerSpec",
    "VoteChange",
    "Voted",
    "WeakColumns",
    "WeakLabel",
    "WithoutInstances",
    "added_against_kept",
    "attribute_change",
    "attribute_training",
    "blacklist_csv",
    "blacklist_hits",
    "blacklist_members",
    "blacklist_parquet",
    "can_be_told_apart",
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
    "evaluate",
    "failure_sets",
    "feature_correlations",
    "feature_drift",
    "feature_histograms",
    "feature_labels",
    "feature_over_versions",
    "feature_ranking",
    "feature_summary",
    "filter_expression",
    "frozen_test",
    "golden_test",
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
    "label_suspicion",
    "labelling_rules",
    "model_on_tests",
    "most_sensitive",
    "nearest_instances",
    "open_blacklists",
    "open_project",
    "prediction_changes",
    "prediction_changes_by",
    "ranked_mistakes",
    "read_blacklist",
    "removed_against_kept",
    "sensitivity",
    "settings_text",
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
    "without",
]

__version__ = "0.1.0"
