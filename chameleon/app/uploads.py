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
from typing import Any, cast

import streamlit as st
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chameleon.app import state
from chameleon.app.background import Job, Opening, Task, WorkQueue, Workshop
from chameleon.app.server import operator
from chameleon.app.upload_process import TRIAL_FOLDER, in_child
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
"""Uploads at once: 16 times 300 MB on the disk, and their cached results."""

GRACE_SECONDS = 120.0
"""Time to reconnect before an upload is removed; Streamlit keeps a session as long."""

_SWEEP_SECONDS = 15.0
_PREFIX = "chameleon-upload-"
_UPLOAD = "chameleon.upload"


class Upload:
    """One visitor's data and all results on it, in a folder that nobody else may read.

    `folder` is the private folder, with the project folder and the one for cached results in it;
    `left_out` the message about unused files, if any.
    """

    def __init__(self, session: str, folder: Path, name: str) -> None:
        self.session = session
        self.folder = folder
        self.project = folder / "project" / name
        self.cache = folder / "cache"
        self.left_out = ""
        self.opening: Opening | None = None
        self._surveys: dict[str, Job[Survey]] = {}
        self._begun: list[Job[Any]] = []
        self.project.mkdir(parents=True)
        self.cache.mkdir()

    def opened(self, workshop: Workshop) -> Opening:
        """Its opening; begun if new."""
        if self.opening is None or self.opening.refused:
            layouts = workshop.layouts if operator().umap else None
            self.opening = Opening(str(self.project), layouts, private=self.cache, limits=LIMITS)
            self.add_job(self.opening)
            self.opening.begin(workshop.uploads)
        return self.opening

    def add_job(self, job: Job[Any]) -> None:
        """Have a job on it cancelled before its folder is removed."""
        self._begun = [*(begun for begun in self._begun if not begun.complete), job]

    def use_settings(self, text: str) -> None:
        """Write its chameleon.toml. Without [source] a single table is one version."""
        (self.project / SETTINGS_FILE).write_text(text, encoding="utf-8")
        self._surveys.clear()
        self.end_opening()

    def survey(self, queue: WorkQueue, settings: Settings | None = None) -> Job[Survey]:
        """The survey of it, with other settings than its own where they are given.

        A child process reads the files first, and checks whether the settings are allowed.
        """
        text = "" if settings is None else settings_text(settings)
        job = self._surveys.get(text)
        if job is None or job.refused:
            job = self._surveys[text] = Job(Task((text,), partial(self._survey, settings)))
            self.add_job(job)
            job.begin(queue)
        return job

    def _survey(self, settings: Settings | None, note: Note) -> Survey:
        if settings is not None:
            trial = self.cache / TRIAL_FOLDER
            trial.mkdir(exist_ok=True)
            (trial / SETTINGS_FILE).write_text(settings_text(settings), encoding="utf-8")
        refused = in_child(
            "survey", self.project, self.cache, note,
            upload=asdict(LIMITS), trial=settings is not None,
        )  # fmt: skip
        found = survey(
            self.project, private=self.cache, settings=settings, most_versions=LIMITS.versions
        )
        return found if refused is None else replace(found, error=refused)

    def end_opening(self) -> None:
        """Cancel its opening; the next page begins another one."""
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
        """End its work and remove the folder, at once or when the step at work has ended.

        A step that still wrote into a removed folder would make it anew, for all to read.
        """
        self.end_opening()
        for job in self._begun:
            job.cancel()
        if all(job.complete for job in self._begun):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            threading.Thread(target=self._remove_later, daemon=True).start()

    def _remove_later(self) -> None:
        for job in self._begun:
            job.wait(None)
        shutil.rmtree(self.folder, ignore_errors=True)


class Shelf:
    """All uploads of this process, until their visits end.

    `base` is a folder for this process alone, `is_present` returns True for a connected session,
    and `clock` returns seconds that never go back.
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
        """An empty upload of that session's visitor; the visitor's earlier one is removed."""
        self.sweep()
        with self._lock:
            others = [upload for upload in self._seen if upload.session == session]
            if len(self._seen) - len(others) >= MOST_UPLOADS:
                raise ProjectError(
                    f"The server has {MOST_UPLOADS} uploads already, as many as it may. Try again "
                    "later, or run Chameleon yourself."
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
        """Remove an upload with all its results."""
        with self._lock:
            self._seen.pop(upload, None)
        upload.remove()

    def sweep(self) -> None:
        """Remove the uploads of visits that ended."""
        now = self._clock()
        with self._lock:
            uploads = list(self._seen.items())
        for upload, seen in uploads:
            if self._is_present(upload.session):
                with self._lock:
                    if upload in self._seen:  # not removed in the meantime
                        self._seen[upload] = now
            elif now - seen > GRACE_SECONDS:
                self.remove(upload)

    def close(self) -> None:
        """Remove everything: the process ends."""
        for upload in list(self._seen):
            upload.end_opening()
        shutil.rmtree(self._base, ignore_errors=True)

    def keep_sweeping(self) -> None:
        """Sweep until the process ends."""
        pause = threading.Event()
        while not pause.wait(_SWEEP_SECONDS):
            self.sweep()


def add_files(sent: Sequence[Sent]) -> None:
    """Make the files this visitor's project and show it; a bad upload raises ProjectError."""
    first = sent[0][0].rpartition(".")[0] if len(sent) == 1 else ""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in first)
    context = get_script_run_ctx()
    session = "" if context is None else context.session_id
    upload = _shelf().new(session, plain.strip("-")[:60] or "uploaded")
    try:
        upload.left_out = stored(sent, upload.project, LIMITS)
    except (ProjectError, OSError) as error:
        remove(upload)
        if isinstance(error, ProjectError):
            raise
        raise ProjectError("The server's disk has no space for the upload.") from error
    st.session_state[_UPLOAD] = upload
    state.forget_project(NAME)
    state.choose_project(NAME)


def remove(upload: Upload) -> None:
    """Remove this visitor's upload. For callbacks."""
    _shelf().remove(upload)
    st.session_state.pop(_UPLOAD, None)
    state.forget_project(NAME)


def upload_of_session() -> Upload | None:
    """The upload of this visitor, if any."""
    shelf = _shelf()  # the first visitor of a process has leftovers removed
    upload = cast("Upload | None", st.session_state.get(_UPLOAD))
    return upload if upload is not None and upload in shelf else None


def is_shown() -> bool:
    """Return True if this visitor looks at their upload."""
    return state.current_project() == NAME


def forget_files(files: Sequence[UploadedFile]) -> None:
    """Have Streamlit forget files of an uploader; it would keep them until the visit ends."""
    context = get_script_run_ctx()
    if context is None:
        return
    manager = cast("MemoryUploadedFileManager", context.uploaded_file_mgr)
    for file in files:
        manager.remove_file(context.session_id, file.file_id)


def _is_connected(session: str) -> bool:
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    remove_leftovers(Path(tempfile.gettempdir()))
    own = f"{_PREFIX}{os.getpid()}-{birth(os.getpid()) or 'unknown'}-"
    shelf = Shelf(Path(tempfile.mkdtemp(prefix=own)), _is_connected)
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
