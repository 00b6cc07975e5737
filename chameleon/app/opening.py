"""Which project is shown, and the work of opening it: reading, fitting, one at a time."""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import streamlit as st

from chameleon.dataset_store import evolving_dataset
from chameleon.errors import ChameleonError
from chameleon.layout import LayoutProcess, kept_layout, umap_process
from chameleon.models import Evaluation, evaluate, without_predictions
from chameleon.progress import Progress
from chameleon.sources import folder_stamp, open_project

PROJECT_VARIABLE = "CHAMELEON_PROJECT"
UMAP_VARIABLE = "CHAMELEON_UMAP"
"""Set to "off" where no layout shall be computed unless somebody asks for one."""

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
    layout_process
        The process that computes the layout; None where none is needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.progress: Progress | None = None
        self.evaluation: Evaluation | None = None
        self.error: str | None = None
        self.layout_process: LayoutProcess | None = None
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
            self.evaluation = without_predictions(dataset)
            self.evaluation = evaluate(project, progress=self._note)
            if os.environ.get(UMAP_VARIABLE, "on") != "off":
                self.lay_out(again=False)
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

    def lay_out(self, *, again: bool) -> None:
        """Compute the layout in a process of its own, where there is none or a new one is wanted.

        It takes the place of the first picture when it is ready.
        """
        evaluation = self.evaluation
        if evaluation is None or (kept_layout(evaluation.dataset) is not None and not again):
            return
        if self.layout_process is not None and not self.layout_process.finished:
            return
        self.layout_process = umap_process(evaluation.dataset, again=again)
        threading.Thread(target=self._await_layout, daemon=True).start()

    def _await_layout(self) -> None:
        process, evaluation = self.layout_process, self.evaluation
        if process is None or evaluation is None:
            return
        process.wait()
        layout = kept_layout(evaluation.dataset)
        if layout is not None:
            self.evaluation = replace(evaluation, layout=layout)

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


def lay_out_again() -> None:
    """Compute a new layout of the operator's project. For callbacks."""
    opening().lay_out(again=True)


def draw_layout_state() -> None:
    """Show how far the layout is, and draw the page anew when it is ready."""
    opened = opening()
    process = opened.layout_process
    if process is None or process.finished:
        if process is not None and process.error:
            st.caption(f"The layout could not be computed: {process.error}")
        return
    before = opened.evaluation

    @st.fragment(run_every=1.0)
    def watch() -> None:
        if process.finished and opened.evaluation is not before:
            st.rerun(scope="app")
        progress = process.progress
        st.progress(progress.share, text=f"Laying out by UMAP: {progress.stage}")

    watch()
