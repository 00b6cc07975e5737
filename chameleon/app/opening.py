"""The work of opening projects: reading, fitting and laying out, one after another."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, replace
from pathlib import Path

from chameleon.app.upload_process import in_child
from chameleon.app.work_queue import FAULT, Line
from chameleon.data import evolving_dataset
from chameleon.errors import ChameleonError
from chameleon.layout import LayoutProcess, cached_layout
from chameleon.models import Evaluation, dataset_evaluation, without_predictions
from chameleon.project import Limits, Project, folder_stamp, open_project, with_damage
from chameleon.storage import Progress, noted_damage, upload_limits

MOST_WAITING = 8
"""So many projects may wait for their turn; more are asked to come back later."""


_log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Nobody waits for the work any more."""


class Opening:
    """One project being opened in the background, and what there is of it so far.

    Parameters
    ----------
    address
        What `open_project` is given.
    private
        The one folder in which anything of an upload may be kept; None for the operator's
        projects. A child process reads and evaluates an upload.
    limits
        What an upload may ask for.

    Attributes
    ----------
    progress
        The step that is being done; None before the first one.
    evaluation
        None until the data is read; then one without outcomes, until the models are there.
    error
        The message of what cannot be used; None where all went well.
    refused
        Whether it had no place in the line: it may have one later.
    layout_process
        The process that computes the layout; None where none is needed.
    layout_refused
        Why no layout can be computed now; None where one can.
    """

    def __init__(
        self, address: str, *, private: Path | None = None, limits: Limits | None = None
    ) -> None:
        self.address = address
        self.private = private
        self.progress: Progress | None = None
        self.evaluation: Evaluation | None = None
        self.error: str | None = None
        self.refused = False
        self.layout_process: LayoutProcess | None = None
        self.layout_refused: str | None = None
        self._limits = limits or Limits()
        self._finished = threading.Event()
        self._cancelled = threading.Event()

    @property
    def complete(self) -> bool:
        """Return True if nothing is left to do, in success or failure."""
        return self._finished.is_set()

    def wait(self, seconds: float | None) -> None:
        """Wait until complete, but not longer than that."""
        self._finished.wait(seconds)

    def cancel(self) -> None:
        """End the work at its next step: nobody waits for it."""
        self._cancelled.set()
        if self.layout_process is not None:
            self.layout_process.cancel()

    def refuse(self, busy: str) -> None:
        """End before the work begins, because too much of it waits."""
        self.refused, self.error = True, busy
        self._finished.set()

    def run(self, layouts: Line | None) -> None:
        """Open the project, read its data, make or read its predictions, and ask for a layout.

        Parameters
        ----------
        layouts
            Where layouts wait for their turn; None where none is computed by itself.
        """
        try:
            self._require_wanted()
            with noted_damage() as damaged:
                if self.private is not None:
                    damaged += self._cache_in_child(self.private)
                evaluation = self._evaluated()
            # also what was found before the evaluation looked for it: the layout
            findings = with_damage(evaluation.findings, damaged)
            self.evaluation = replace(evaluation, findings=findings)
            if layouts is not None:
                self.lay_out(layouts, again=False)
        except CancelledError:
            self.evaluation = None
        except ChameleonError as error:
            self.error = str(error)
        except BaseException as error:  # polars raises panics that are no Exception
            if not self._cancelled.is_set():  # else its folder was removed while it worked
                _log.error("Opening the project failed", exc_info=error)
            self.error = FAULT
        finally:
            self._finished.set()

    def wants_layout(self, *, again: bool) -> bool:
        """Return True if there is a layout to compute: there is none, or a new one is wanted."""
        if self.evaluation is None or self._cancelled.is_set():
            return False
        if self.layout_process is not None and not self.layout_process.finished:
            return False
        return again or cached_layout(self.evaluation.dataset) is None

    def lay_out(self, line: Line, *, again: bool) -> None:
        """Let the layout be computed in a process of its own, when its turn comes.

        It takes the place of the first picture when it is ready.
        """
        if not self.wants_layout(again=again) or self.evaluation is None:
            return
        process = LayoutProcess(self.evaluation.dataset, again=again)
        taken = line.take(lambda: self._await_layout(process))
        self.layout_refused = None if taken else line.busy
        if taken:
            self.layout_process = process

    def _await_layout(self, process: LayoutProcess) -> None:
        if self._cancelled.is_set() or process.finished:
            return
        process.start()
        process.wait(None if self.private is None else upload_limits().seconds)
        evaluation = self.evaluation
        layout = None if evaluation is None else cached_layout(evaluation.dataset)
        if evaluation is not None and layout is not None:
            self.evaluation = replace(evaluation, layout=layout)

    def _project(self) -> Project:
        cached_only = self.private is not None
        return open_project(self.address, private=self.private, cached_only=cached_only)

    def _evaluated(self) -> Evaluation:
        if self.evaluation is None:
            dataset = evolving_dataset(self._project(), progress=self._note)
            self.evaluation = without_predictions(dataset)
        return dataset_evaluation(self.evaluation.dataset, progress=self._note)

    def _cache_in_child(self, private: Path) -> list[str]:
        """Let a child process evaluate an upload and cache all; the cached results it repaired."""
        return list(
            in_child("open", self.address, private, self._note, upload=asdict(self._limits))
        )

    def _note(self, progress: Progress | None) -> None:
        self._require_wanted()
        if progress is None:
            return
        self.progress = progress
        if self.private is not None and progress.stage == "Fitting" and self.evaluation is None:
            self.evaluation = without_predictions(evolving_dataset(self._project()))

    def _require_wanted(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError


class Workshop:
    """The place where projects are opened: the operator's one by one, uploads beside them.

    The operator's are remembered by their address and the state of their files; an upload's
    opening is known to its visitor alone.

    Attributes
    ----------
    uploads
        Where all work on uploads waits: one child process at a time.
    """

    _REMEMBERED = 4

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openings: dict[tuple[str, object], Opening] = {}
        self._line = Line("chameleon-opening", most_waiting=MOST_WAITING)
        self.uploads = Line("chameleon-uploads", most_waiting=MOST_WAITING)
        self._layouts = Line("chameleon-layouts", most_waiting=MOST_WAITING)

    def opening(self, address: str, *, umap: bool) -> Opening:
        """The opening of a project as its files are now; begun where it is new."""
        key = (address, folder_stamp(address))
        with self._lock:
            found = self._openings.get(key)
            if found is not None:
                return found
            for (other, _), opened in self._openings.items():
                if other == address:
                    opened.cancel()  # its files have changed since
            found = Opening(address)
            if self._begin(found, self._line, umap=umap):
                self._openings[key] = found
            done = [key for key, opened in self._openings.items() if opened.complete]
            for forgotten in done[: max(0, len(self._openings) - self._REMEMBERED)]:
                del self._openings[forgotten]
        return found

    def begin_upload(self, opening: Opening, *, umap: bool) -> None:
        """Open an upload, after those that came before."""
        self._begin(opening, self.uploads, umap=umap)

    def lay_out(self, opening: Opening, *, again: bool) -> None:
        """Compute a layout of an opened project, after those asked for before."""
        opening.lay_out(self._layouts, again=again)

    def _begin(self, opening: Opening, line: Line, *, umap: bool) -> bool:
        taken = line.take(lambda: opening.run(self._layouts if umap else None))
        if not taken:
            opening.refuse(line.busy)
        return taken
