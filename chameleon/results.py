"""The classes of results, for annotations: answers with a frame and more."""

from chameleon.api import Attribution as Attribution
from chameleon.api import Cost as Cost
from chameleon.api import DataChanges as DataChanges
from chameleon.api import DomainClassifierResult as DomainClassifierResult
from chameleon.api import Gate as Gate
from chameleon.api import LabelIssues as LabelIssues
from chameleon.api import PredictionChanges as PredictionChanges
from chameleon.api import Proportion as Proportion
from chameleon.api import Refit as Refit
from chameleon.api import Slices as Slices
from chameleon.api import StepSummary as StepSummary
from chameleon.api import TrainingAttribution as TrainingAttribution
