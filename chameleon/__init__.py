"""See how your labeled dataset changed, version by version, and what it did to your classifier.

>>> import chameleon
>>> evaluation = chameleon.open_sample("digits").evaluate()
>>> step = evaluation.step("1.8", "1.9")
>>> step.attribution()
<Attribution: accuracy −0.078; model +0.053, edited −0.131>
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chameleon.api import Evaluation as Evaluation
    from chameleon.api import ExclusionList as ExclusionList
    from chameleon.api import ExclusionLists as ExclusionLists
    from chameleon.api import Instance as Instance
    from chameleon.api import Project as Project
    from chameleon.api import Step as Step
    from chameleon.api import VersionEvaluation as VersionEvaluation
    from chameleon.api import open_project as open_project
    from chameleon.api import open_sample as open_sample
    from chameleon.api import show_versions as show_versions
    from chameleon.errors import ChameleonError as ChameleonError
    from chameleon.errors import GateError as GateError
    from chameleon.errors import ModelError as ModelError
    from chameleon.errors import ProjectError as ProjectError
    from chameleon.errors import SelectionError as SelectionError
    from chameleon.errors import VersionError as VersionError
    from chameleon.project import Version as Version
    from chameleon.types import Range as Range

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - functions, classes, errors
    "open_project", "open_sample", "show_versions",
    "Project", "Version", "Evaluation", "VersionEvaluation", "Step", "Instance",
    "ExclusionLists", "ExclusionList", "Range",
    "ChameleonError", "ProjectError", "VersionError", "ModelError", "SelectionError", "GateError",
]  # fmt: skip

_SUBMODULES = ("results", "types")
_ELSEWHERE = {
    "Version": "project",
    "Range": "types",
    **{name: "errors" for name in __all__ if name[-5:] == "Error"},
}
"""The modules of the names that `api` doesn't define."""


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f"chameleon.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'chameleon' has no attribute {name!r}")
    found = getattr(import_module(f"chameleon.{_ELSEWHERE.get(name, 'api')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
