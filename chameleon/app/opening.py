"""Which project is shown, and the work of opening it: reading, fitting, one at a time."""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from chameleon.dataset_store import evolving_dataset
from chameleon.errors import ChameleonError
from chameleon.models import Evaluation, evaluate, kept_evaluation, without_predictions
from chameleon.progress import Progress
from chameleon.sources import folder_stamp, open_project

PROJECT_VARIABLE = "CHAMELEON_PROJECT"
SAMPLE = Path(__file__).parents[2] / "sample_data" / "digits"

_log = logging.getLogger(__name__)


class Opening:
    """One project being opened in the background, and what there is of it so far.

    Attributes
    ----------
    progress
        The step that is being done; None before the first one.
    evaluation
        None until the data is read; then one without outcomes, until the models are there.
    complete
        Whether nothing is left to do, in success or failure.
    error
        The message of what cannot be used; None where all went well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.progress: Progress | None = None
        self.evaluation: Evaluation | None = None
        self.error: str | None = None
        self._finished = threading.Event()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self._finished.is_set()

    def wait(self, seconds: float) -> None:
        """Wait until complete, but not longer than that."""
        self._finished.wait(seconds)

    def run(self) -> None:
        """Open the project, read its data, and make or read its predictions."""
        try:
            project = open_project(self.path)
            dataset = evolving_dataset(project, progress=self._note)
            self.evaluation = kept_evaluation(project) or without_predictions(dataset)
            self.evaluation = evaluate(project, progress=self._note)
        except ChameleonError as error:
            self.error = str(error)
        except Exception:  # a fault of ours: the operator's log has it, the visitor a sentence
            _log.exception("Opening the project failed")
            self.error = (
                "Something went wrong inside Chameleon while it opened this project. "
                "The log of the server says what."
            )
        finally:
            self._finished.set()

    def _note(self, progress: Progress) -> None:
        self.progress = progress


class Workshop:
    """All projects that were opened, by folder and state; the work is done one after another."""

    _REMEMBERED = 4

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openings: dict[tuple[Path, object], Opening] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chameleon-opening")

    def opening(self, path: Path) -> Opening:
        """The opening of a project as its files are now; begun where it is new."""
        key = (path, folder_stamp(path))
        with self._lock:
            found = self._openings.get(key)
            if found is None:
                found = self._openings[key] = Opening(path)
                for forgotten in list(self._openings)[: -self._REMEMBERED]:
                    del self._openings[forgotten]
                self._worker.submit(found.run)
        return found


@st.cache_resource(show_spinner=False)
def _workshop() -> Workshop:
    return Workshop()


def project_path() -> Path:
    """The folder the operator named on the command line or in the environment, or the sample."""
    named = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    named = named or os.environ.get(PROJECT_VARIABLE)
    return Path(named).expanduser() if named else SAMPLE


def opening() -> Opening:
    """The opening of the operator's project; new version files make a new one."""
    found = _workshop().opening(project_path())
    found.wait(0.4)  # what is kept on disk is there at once: no flash of a progress bar
    return found
