"""Chameleon: how a dataset changed, version by version, and what it did to the model.

The functions here are the ones the pages of the app use:

>>> import chameleon
>>> project = chameleon.open_project("sample_data/digits")
>>> evaluation = chameleon.evaluate(project)
>>> chameleon.version_metrics(evaluation)
"""

from chameleon.analysis.added import added_against_kept, removed_against_kept
from chameleon.analysis.attribution import Attribution, attribute_change
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
from chameleon.analysis.correlation import feature_correlations
from chameleon.analysis.drift import Against, drift_over_versions, feature_drift
from chameleon.analysis.edits import edited_values, value_transitions
from chameleon.analysis.embedding import cell_groups, embedding_cells
from chameleon.analysis.evidence import IterationKind
from chameleon.analysis.histograms import (
    feature_histograms,
    feature_labels,
    feature_over_versions,
    feature_summary,
)
from chameleon.analysis.iteration import (
    InstanceList,
    changed_instances,
    data_changes,
    data_changes_by,
)
from chameleon.analysis.kinds import iteration_kinds
from chameleon.analysis.metrics import version_metrics, version_sizes
from chameleon.analysis.model_tests import frozen_test, model_on_tests
from chameleon.analysis.ranking import feature_ranking, subset_distances
from chameleon.analysis.sensitivity import most_sensitive, sensitivity
from chameleon.analysis.slices import Slice, Slices, changed_slices
from chameleon.analysis.step_summary import Sentence, Topic, step_summary
from chameleon.analysis.telling_apart import ToldApart, can_be_told_apart
from chameleon.analysis.training import (
    TrainingParts,
    attribute_training,
    training_fits,
    training_seconds,
)
from chameleon.errors import (
    ChameleonError,
    ModelError,
    ProjectError,
    SelectionError,
    VersionError,
)
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
)
from chameleon.selection import FeatureFilter, Filters, Range, Selection
from chameleon.settings_text import settings_text
from chameleon.sources import open_project
from chameleon.view_filters import (
    ClassChange,
    DataChange,
    Happened,
    OutcomeChange,
    Region,
    SensitivityChoice,
    SensitivityRange,
)

__all__ = [
    "Against",
    "Attribution",
    "ChameleonError",
    "ChangeStatistics",
    "ClassChange",
    "DataChange",
    "Evaluation",
    "FeatureFilter",
    "Filters",
    "GoldenTest",
    "Happened",
    "InstanceList",
    "Iteration",
    "IterationKind",
    "ModelError",
    "ModelSpec",
    "NoticeKind",
    "OutcomeChange",
    "PredictionColumns",
    "Problem",
    "Progress",
    "Project",
    "ProjectError",
    "Range",
    "Rate",
    "Region",
    "Selection",
    "SelectionError",
    "SensitivityChoice",
    "SensitivityRange",
    "Sentence",
    "Settings",
    "Slice",
    "Slices",
    "ToldApart",
    "Topic",
    "TrainingParts",
    "Version",
    "VersionError",
    "added_against_kept",
    "attribute_change",
    "attribute_training",
    "can_be_told_apart",
    "cell_groups",
    "change_statistics",
    "changed_instances",
    "changed_slices",
    "check",
    "class_changes",
    "compare_data",
    "data_changes",
    "data_changes_by",
    "drift_over_versions",
    "edited_values",
    "embedding_cells",
    "evaluate",
    "feature_correlations",
    "feature_drift",
    "feature_histograms",
    "feature_labels",
    "feature_over_versions",
    "feature_ranking",
    "feature_summary",
    "frozen_test",
    "golden_test",
    "iteration_kinds",
    "model_on_tests",
    "most_sensitive",
    "open_project",
    "prediction_changes",
    "prediction_changes_by",
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
]

__version__ = "0.1.0"
