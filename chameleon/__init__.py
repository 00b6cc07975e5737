"""Chameleon: how a dataset changed, version by version, and what it did to the model.

The functions here are the ones the pages of the app use:

>>> import chameleon
>>> project = chameleon.open_project("sample_data/digits")
>>> evaluation = chameleon.evaluate(project)
>>> chameleon.version_metrics(evaluation)
"""

from chameleon.analysis.comparison import Iteration, compare_data
from chameleon.analysis.histograms import (
    feature_histograms,
    feature_labels,
    feature_over_versions,
    feature_summary,
)
from chameleon.analysis.metrics import version_metrics, version_sizes
from chameleon.analysis.ranking import feature_ranking
from chameleon.errors import (
    ChameleonError,
    ModelError,
    ProjectError,
    SelectionError,
    VersionError,
)
from chameleon.models import Evaluation, evaluate
from chameleon.progress import Progress
from chameleon.project import Problem, Project, Version
from chameleon.selection import FeatureFilter, Filters, Range, Selection
from chameleon.sources import open_project

__all__ = [
    "ChameleonError",
    "Evaluation",
    "FeatureFilter",
    "Filters",
    "Iteration",
    "ModelError",
    "Problem",
    "Progress",
    "Project",
    "ProjectError",
    "Range",
    "Selection",
    "SelectionError",
    "Version",
    "VersionError",
    "compare_data",
    "evaluate",
    "feature_histograms",
    "feature_labels",
    "feature_over_versions",
    "feature_ranking",
    "feature_summary",
    "open_project",
    "version_metrics",
    "version_sizes",
]

__version__ = "0.1.0"
