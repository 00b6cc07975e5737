"""Versions as arguments: their names, those that a default means, and those that are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from warnings import warn

from chameleon.analysis import counted
from chameleon.errors import SelectionError
from chameleon.project import Project, Severity, Version


def name_of(version: str | Version) -> str:
    """The name of a version; SelectionError for a number, as 1.10 would be version 1.1."""
    if isinstance(version, Version):
        return version.name
    if isinstance(version, str):
        return version
    raise SelectionError(f"A version is named by text, such as '{version}'; found {version!r}.")


def step_names(versions: Sequence[str], before: str | None, after: str | None) -> tuple[str, str]:
    """The versions of a step: by default the newest, and the one that precedes it."""
    newer = after or versions[-1]
    older = before or versions[max(versions.index(newer) - 1, 0)]
    if older != newer or (before and after):
        return older, newer
    if len(versions) == 1:
        problem = f"A step needs two versions; found {newer} only."
    elif after is None:
        problem = f"Version {newer} is the newest. Pass it as `after`, or name a later version."
    else:
        problem = f"No version precedes {newer}. Name `before`."
    raise SelectionError(problem, version=newer)


def left_out(project: Project) -> Mapping[str, str]:
    """The reasons why versions can't be used, by name."""
    found: dict[str, str] = {}
    for one in project.findings:
        if one.version is not None and one.severity is Severity.ERROR:
            found[one.version] = f"{found.get(one.version, '')} {one.message}".strip()
    return found


def span(project: Project, names: Sequence[str]) -> str:
    """These versions in words: how many, first to last, and those that are left out."""
    ends = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    absent = list(left_out(project))
    more = f" and {len(absent) - 1:,} more" if absent[1:] else ""
    omitted = f"; {absent[0]}{more} left out" if absent else ""
    return f"{counted(len(names), 'version')} ({ends}{omitted})"


def warn_of_left_out(project: Project, older: str, newer: str, *, newest: bool) -> None:
    """Warn of versions that a default skipped: between two, or newer than the `newest`."""
    every = list(dict.fromkeys(version.name for version in project.source.versions()))
    absent = {*every} - {version.name for version in project.versions}
    end = every.index(newer)
    while newest and end + 1 < len(every) and every[end + 1] in absent:
        end += 1
    skipped = [name for name in every[every.index(older) : end + 1] if name in absent]
    if skipped:
        reasons = left_out(project)
        why = " ".join(reasons.get(name, f"Version {name} is left out.") for name in skipped)
        used = newer if older == newer else f"{older} → {newer}"
        warn(f"{why} Used without it: {used}. Name the versions to choose them.", stacklevel=4)
