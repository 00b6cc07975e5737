"""The process that reads an upload and fits models on it: `python -m chameleon.app.upload_process`.

It caches its results in the upload's private folder, where the server finds them. The server reads
no file that this process hasn't read completely, and fits no model on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chameleon.analysis import run_fit
from chameleon.errors import ChameleonError
from chameleon.models import evaluate, golden_test
from chameleon.project import (
    Limits,
    open_project,
    read_settings,
    require_allowed,
    require_readable,
    survey,
)
from chameleon.storage import (
    Channel,
    Note,
    answer_of_child,
    answer_parent,
    noted_damage,
    upload_limits,
)

TRIAL_FOLDER = "trial"
"""The folder in the private folder with a chameleon.toml to try."""


def in_child(task: str, folder: str | Path, private: Path, note: Note, **job: object) -> Any:  # noqa: ANN401
    """The result of a task on an upload, from a child process within `upload_limits`.

    Tasks are "survey" (with `upload` and `trial`; the result is why the settings are refused, or
    None), "open" (`upload`), and "fit" (`name`, `options`), whose results name damaged cached
    results. `private` is the folder for everything cached. Errors are those of `answer_of_child`.
    """
    whole = {"task": task, "folder": str(folder), "private": str(private), **job}
    return answer_of_child("chameleon.app.upload_process", whole, limits=upload_limits(), note=note)


def answer(job: Mapping[str, Any], channel: Channel) -> object:
    """Do a task in the child process."""
    folder, private = Path(job["folder"]), Path(job["private"])
    if job["task"] == "survey":
        return _survey(folder, private, Limits(**job["upload"]), channel, trial=job["trial"])
    with noted_damage() as damaged:
        _cache_results(job, folder, private, channel)
    return damaged


def _cache_results(job: Mapping[str, Any], folder: Path, private: Path, channel: Channel) -> None:
    channel.doing("Reading the versions")
    limits = Limits(**job.get("upload", {}))
    project = open_project(folder, private=private, most_versions=limits.versions)
    if job["task"] == "open":
        require_allowed(project, limits)
    evaluation = evaluate(project, progress=channel.progress)
    if job["task"] == "fit":
        channel.doing("Fitting models")
        run_fit(job["name"], evaluation, job["options"], channel.progress)
    elif project.settings.golden is not None:
        with suppress(ChameleonError):  # the page that shows it has the reason
            golden_test(evaluation, progress=channel.progress)


def _survey(
    folder: Path, private: Path, limits: Limits, channel: Channel, *, trial: bool
) -> str | None:
    """Read all files and survey the project; return why its settings are refused, or None."""
    require_readable(folder, limits, channel.doing)
    channel.doing("Reading the versions")
    settings = read_settings(private / TRIAL_FOLDER) if trial else None
    found = survey(folder, private=private, settings=settings, most_versions=limits.versions)
    try:
        if found.project is not None:
            require_allowed(found.project, limits)
    except ChameleonError as error:
        return str(error)
    return None


if __name__ == "__main__":
    answer_parent(answer)
