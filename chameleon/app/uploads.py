"""Uploads of visitors: each in a private folder that ends with the visit."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chameleon.app import state
from chameleon.app.opening import Opening, Workshop
from chameleon.app.operator import operator
from chameleon.app.upload_process import TRIAL_FOLDER, in_child
from chameleon.app.work_queue import Job, Line, Question
from chameleon.errors import ProjectError
from chameleon.project import (
    SETTINGS_FILE,
    Limits,
    Sent,
    Settings,
    Survey,
    settings_text,
    stored,
    survey,
    write_project_zip,
)
from chameleon.storage import Note, birth

NAME = "your-upload"
"""The name of this visitor's upload in the address."""

LIMITS = Limits()
MOST_UPLOADS = 16
"""So many may be there at once: 16 times 300 MB on the disk, and what is kept of them."""

GRACE_SECONDS = 120.0
"""So long after its connection ended may a visit be taken up again; Streamlit waits as long."""

_SWEEP_SECONDS = 15.0
_PREFIX = "chameleon-upload-"
_UPLOAD = "chameleon.upload"


class Background(Protocol):
    """Work that goes on while pages are drawn."""

    @property
    def complete(self) -> bool:
        """Return True if nothing is left to do."""

    def wait(self, seconds: float | None) -> None:
        """Wait until complete, but not longer than that."""

    def cancel(self) -> None:
        """End it at its next step."""


class Upload:
    """One visitor's data and all that is kept of it, in a folder that nobody else may read.

    Attributes
    ----------
    session
        The session whose visitor brought it.
    folder
        The private folder.
    project
        The project folder in it.
    kept
        The folder in it for all that is computed.
    left_out
        What of the upload is not used, in a sentence.
    """

    def __init__(self, session: str, folder: Path, name: str) -> None:
        self.session = session
        self.folder = folder
        self.project = folder / "project" / name
        self.kept = folder / "kept"
        self.left_out = ""
        self.opening: Opening | None = None
        self._surveys: dict[str, Job[Survey]] = {}
        self._begun: list[Background] = []
        self.project.mkdir(parents=True)
        self.kept.mkdir()

    def opened(self, workshop: Workshop) -> Opening:
        """Its opening; begun where it is new."""
        if self.opening is None or self.opening.refused:
            self.opening = Opening(str(self.project), private=self.kept, limits=LIMITS)
            self.ends_with(self.opening)
            workshop.begin_upload(self.opening, umap=operator().umap)
        return self.opening

    def ends_with(self, work: Background) -> None:
        """The work is done on it: it is cancelled, and its folder goes only after it has ended."""
        self._begun = [*(begun for begun in self._begun if not begun.complete), work]

    def settle(self, text: str) -> None:
        """Let its chameleon.toml say that. Without [source] a single table is one version."""
        (self.project / SETTINGS_FILE).write_text(text, encoding="utf-8")
        self._surveys.clear()
        self.open_anew()

    def survey(self, line: Line, settings: Settings | None = None) -> Job[Survey]:
        """The survey of it, with other settings than its own where they are given.

        A child process reads the files first, and finds whether the settings are allowed.
        """
        text = "" if settings is None else settings_text(settings)
        job = self._surveys.get(text)
        if job is None or job.refused:
            job = Job(Question((text,), partial(self._survey, settings)), line)
            self._surveys[text] = job
            self.ends_with(job)
            job.begin()
        return job

    def _survey(self, settings: Settings | None, note: Note) -> Survey:
        if settings is not None:
            trial = self.kept / TRIAL_FOLDER
            trial.mkdir(exist_ok=True)
            (trial / SETTINGS_FILE).write_text(settings_text(settings), encoding="utf-8")
        refused = in_child(
            "survey", self.project, self.kept, note,
            upload=asdict(LIMITS), trial=settings is not None,
        )  # fmt: skip
        found = survey(
            self.project, private=self.kept, settings=settings, most_versions=LIMITS.versions
        )
        return found if refused is None else replace(found, error=refused)

    def open_anew(self) -> None:
        """Open it again at the next look: its settings have changed."""
        if self.opening is not None:
            self.opening.cancel()
        self.opening = None

    def zipped(self) -> bytes:
        """The project as a zip."""
        target = self.folder / "project.zip"
        write_project_zip(self.project, target)
        content = target.read_bytes()
        target.unlink()
        return content

    def remove(self) -> None:
        """End its work and take all of it away, at once or when the step at work has ended.

        A step that still wrote into a folder taken away would make it anew, for all to read.
        """
        self.open_anew()
        for work in self._begun:
            work.cancel()
        if all(work.complete for work in self._begun):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            threading.Thread(target=self._remove_later, daemon=True).start()

    def _remove_later(self) -> None:
        for work in self._begun:
            work.wait(None)
        shutil.rmtree(self.folder, ignore_errors=True)


class Shelf:
    """All uploads of this process, until their visits end.

    Parameters
    ----------
    base
        A folder for this process alone; the uploads' folders stand in it.
    is_present
        Whether the session of that name is connected.
    clock
        Seconds that never go back.
    """

    def __init__(
        self,
        base: Path,
        is_present: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = base
        self._is_present = is_present
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[Upload, float] = {}

    def new(self, session: str, name: str) -> Upload:
        """An empty upload of that session's visitor; what the visitor brought before goes.

        Raises
        ------
        ProjectError
            There are too many at once.
        """
        self.sweep()
        with self._lock:
            others = [upload for upload in self._seen if upload.session == session]
            if len(self._seen) - len(others) >= MOST_UPLOADS:
                raise ProjectError(
                    f"The server holds {MOST_UPLOADS} uploads already, as many as it may. Try "
                    "again later, or run Chameleon yourself."
                )
            folder = Path(tempfile.mkdtemp(dir=self._base))  # mode 700, a random name
            upload = Upload(session, folder, name)
            self._seen[upload] = self._clock()
        for other in others:
            self.remove(other)
        return upload

    def __contains__(self, upload: Upload) -> bool:
        return upload in self._seen

    def remove(self, upload: Upload) -> None:
        """Take an upload away, with all that was made of it."""
        with self._lock:
            self._seen.pop(upload, None)
        upload.remove()

    def sweep(self) -> None:
        """Take away the uploads of visits that ended."""
        now = self._clock()
        with self._lock:
            uploads = list(self._seen.items())
        for upload, seen in uploads:
            if self._is_present(upload.session):
                with self._lock:
                    if upload in self._seen:  # not taken away meanwhile
                        self._seen[upload] = now
            elif now - seen > GRACE_SECONDS:
                self.remove(upload)

    def close(self) -> None:
        """Take everything away: the process ends."""
        for upload in list(self._seen):
            upload.open_anew()
        shutil.rmtree(self._base, ignore_errors=True)

    def keep_sweeping(self) -> None:
        """Sweep for as long as the process lives."""
        pause = threading.Event()
        while not pause.wait(_SWEEP_SECONDS):
            self.sweep()


def bring(sent: Sequence[Sent]) -> None:
    """Make the files this visitor's project and show it.

    Raises
    ------
    ProjectError
        They are too many, too large, or no project.
    """
    first = sent[0][0].rpartition(".")[0] if len(sent) == 1 else ""
    upload = _shelf().new(_session(), _folder_name(first))
    try:
        upload.left_out = stored(sent, upload.project, LIMITS)
    except (ProjectError, OSError) as error:
        take_away(upload)
        if isinstance(error, ProjectError):
            raise
        raise ProjectError("The server's disk does not take the upload.") from error
    st.session_state[_UPLOAD] = upload
    state.forget_project(NAME)
    state.choose_project(NAME)


def take_away(upload: Upload) -> None:
    """Remove what this visitor brought. For callbacks."""
    _shelf().remove(upload)
    st.session_state.pop(_UPLOAD, None)
    state.forget_project(NAME)


def upload_of_session() -> Upload | None:
    """The upload of this visitor; None where there is none."""
    shelf = _shelf()  # the first visitor of a process has leftovers removed
    upload = cast("Upload | None", st.session_state.get(_UPLOAD))
    return upload if upload is not None and upload in shelf else None


def is_shown() -> bool:
    """Return True if this visitor looks at their upload."""
    return state.current_project() == NAME


def forget_files(files: Sequence[UploadedFile]) -> None:
    """Let Streamlit forget files of an uploader; it would hold them while the visit lasts."""
    context = get_script_run_ctx()
    if context is None:
        return
    manager = cast("MemoryUploadedFileManager", context.uploaded_file_mgr)
    for file in files:
        manager.remove_file(context.session_id, file.file_id)


def _folder_name(name: str) -> str:
    """A name for the project's folder, of plain letters only."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return plain.strip("-")[:60] or "uploaded"


def _session() -> str:
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


def _is_connected(session: str) -> bool:
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    remove_leftovers(Path(tempfile.gettempdir()))
    own = f"{_PREFIX}{os.getpid()}-{birth(os.getpid()) or 'unknown'}-"
    base = Path(tempfile.mkdtemp(prefix=own))
    shelf = Shelf(base, _is_connected)
    atexit.register(shelf.close)
    threading.Thread(target=shelf.keep_sweeping, name="chameleon-shelf", daemon=True).start()
    return shelf


def remove_leftovers(place: Path) -> None:
    """Remove the folders of processes that were killed before they could do it themselves."""
    for folder in place.glob(f"{_PREFIX}*-*-*"):
        pid, _, rest = folder.name.removeprefix(_PREFIX).partition("-")
        began = rest.partition("-")[0]
        try:
            own = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
        except (OSError, AttributeError):
            continue
        if own and pid.isdecimal() and began.isdecimal() and birth(int(pid)) != began:
            shutil.rmtree(folder, ignore_errors=True)
