"""The classes of results, for annotations: answers with a frame and more."""

from chameleon.api.results import Attribution as Attribution
from chameleon.api.results import Cost as Cost
from chameleon.api.results import DataChanges as DataChanges
from chameleon.api.results import DomainClassifierResult as DomainClassifierResult
from chameleon.api.results import Gate as Gate
from chameleon.api.results import LabelIssues as LabelIssues
from chameleon.api.results import PredictionChanges as PredictionChanges
from chameleon.api.results import Proportion as Proportion
from chameleon.api.results import Refit as Refit
from chameleon.api.results import Slices as Slices
from chameleon.api.results import StepSummary as StepSummary
from chameleon.api.results import TrainingAttribution as TrainingAttribution
