"""Versions as files in a folder: one file a version, in natural order."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from chameleon.project import (
    Problem,
    Settings,
    Severity,
    Version,
    natural_key,
    version_name,
)
from chameleon.sources.files import ending, is_untyped, scan_file
from chameleon.store import FileMemory, file_digest

VERSIONS_FOLDER = "versions"


class FolderSource:
    """The version files of a project folder.

    Files that chameleon.toml lists come first, in its order; further files of `versions/`
    follow in natural order (1.2 before 1.10). A folder without `versions/` may hold the files
    itself.
    """

    def __init__(self, folder: Path, settings: Settings, memory: FileMemory) -> None:
        self._folder = folder
        self._memory = memory
        self._problems: list[Problem] = []
        self._resolved: set[Path] = set()
        self._versions = self._listed(settings)
        self._add_found(settings)

    def versions(self) -> tuple[Version, ...]:
        """All versions whose files are there, old to new."""
        return tuple(self._versions)

    def problems(self) -> tuple[Problem, ...]:
        """Versions that are listed but not there, or there but not listed."""
        return tuple(self._problems)

    def path(self, version: Version) -> Path:
        """The file of a version."""
        return self._folder / version.file

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's table; every column of a CSV as String."""
        return scan_file(self.path(version))

    def untyped(self, version: Version) -> bool:
        """Whether the version is a CSV."""
        return is_untyped(version.file)

    def fingerprint(self, version: Version) -> str:
        """SHA-256 of the file, remembered by path, size, time of change and inode."""
        path = self.path(version)
        return str(self._memory.recall(path, "sha256", lambda: file_digest(path)))

    def _listed(self, settings: Settings) -> list[Version]:
        inside = self._folder.resolve()
        usable: list[Version] = []
        for version in settings.versions:
            path = self._folder / version.file
            try:
                resolved, is_there = path.resolve(), path.is_file()
            except (OSError, RuntimeError, ValueError) as error:  # such as a link to itself
                self._report(version, f"cannot be looked up ({error}). Correct its file name.")
                continue
            self._resolved.add(resolved)
            if not resolved.is_relative_to(inside):
                self._report(version, "lies outside the project folder. Move the file into it.")
            elif not is_there:
                self._report(version, "is listed in chameleon.toml, but there is no such file.")
            elif not ending(path):
                self._report(version, "has an ending that cannot be read.")
            else:
                usable.append(version)
        return usable

    def _add_found(self, settings: Settings) -> None:
        named = {version.name: version.file for version in settings.versions}
        inside = self._folder.resolve()
        for path in self._found():
            if path.resolve() in self._resolved:
                continue
            file = path.relative_to(self._folder).as_posix()
            version = Version(name=version_name(file), file=file)
            if not path.resolve().is_relative_to(inside):
                self._report(version, "is a link out of the project folder. Move the file into it.")
                continue
            if version.name in named:
                self._report(
                    version,
                    f"has the same name as {named[version.name]} and is left out. "
                    "Rename one of the files, or name both under [[versions]].",
                )
                continue
            if settings.versions:
                self._report(
                    version,
                    "is not listed in chameleon.toml: it follows the listed versions.",
                    Severity.NOTE,
                )
            named[version.name] = file
            self._versions.append(version)

    def _found(self) -> list[Path]:
        folder = self._folder / VERSIONS_FOLDER
        if not folder.is_dir():
            folder = self._folder
        files = (
            path
            for path in folder.iterdir()
            if path.is_file() and ending(path) and not path.name.startswith((".", "~"))
        )
        return sorted(files, key=lambda path: (natural_key(version_name(path.name)), path.name))

    def _report(self, version: Version, message: str, severity: Severity = Severity.ERROR) -> None:
        self._problems.append(
            Problem(severity, f"{version.place} {message}", version.name, version.file)
        )


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of all files that can matter; cheap, no file is read."""
    places = [folder, folder / VERSIONS_FOLDER, folder / "predictions"]
    stamps: list[tuple[str, int, int]] = []
    for place in places:
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_file() and not entry.name.startswith("."):
                        status = entry.stat()
                        stamps.append((entry.path, status.st_size, status.st_mtime_ns))
        except OSError:
            continue  # no such place
    return tuple(sorted(stamps))
