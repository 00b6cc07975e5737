"""Versions in a folder: one file or subfolder per version, in natural order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from chameleon.errors import VersionError
from chameleon.project.address import source_error
from chameleon.project.columns import listed, named, usual_column
from chameleon.project.files import (
    HeldFiles,
    VersionFiles,
    ending,
    folder_files,
    outside,
    scan_file,
    unreadable,
)
from chameleon.project.findings import Finding, Severity
from chameleon.project.records import (
    PREDICTIONS_FOLDER,
    SHIPPED_FOLDERS,
    USUAL_NAMES,
    VERSIONS_FOLDER,
    PredictionTable,
    Settings,
    Version,
    VersionSource,
    natural_key,
    version_name,
)
from chameleon.storage import FileMemory, digest


class FolderSource(VersionSource):
    """The version files and subfolders of a project folder.

    Versions listed in chameleon.toml come first, in its order; others in `versions/` follow in
    natural order (1.2 before 1.10). A folder without `versions/` may contain the files, or else
    the subfolders, itself.
    """

    def __init__(self, folder: Path, settings: Settings, memory: FileMemory) -> None:
        unknown = set(settings.source) - {"kind"}
        if unknown:
            raise source_error(
                f"has the key '{min(unknown)}', which a folder of versions does not use.",
                'For one table, write file = "data.parquet" too.',
            )
        self._folder = folder
        self._settings = settings
        self._held = HeldFiles(memory)
        self._findings: list[Finding] = []
        self._files: dict[str, VersionFiles] = {}
        self._listed_paths: set[Path] = set()
        self._versions = self._listed()
        self._add_found()

    def versions(self) -> tuple[Version, ...]:
        """All versions whose files are there, old to new."""
        return tuple(self._versions)

    def findings(self) -> tuple[Finding, ...]:
        """Versions that are listed but not there, or there but not listed."""
        return tuple(self._findings)

    def scan(self, version: Version) -> pl.LazyFrame:
        """The version's table; every column of a CSV as String."""
        whole = self._whole(version)
        if self._settings.predictions is None:
            return whole
        holds = self._settings.holds_predictions
        return whole.select(named(*(name for name in whole.collect_schema() if not holds(name))))

    def untyped(self, version: Version) -> bool:
        """Return True if the version is a CSV."""
        return self._files[version.name].untyped

    def fingerprint(self, version: Version) -> str:
        """SHA-256 of the file, or of all of them, cached by size, modification time, and inode."""
        files = self._files[version.name]
        found = [(path.name, self._held.digest(path)) for path in files.paths]
        return str(found[0][1]) if version.file == self._named(files.paths[0]) else digest(found)

    def remarks(self, version: Version) -> tuple[tuple[Severity, str], ...]:
        """Unusual features of the version's files."""
        return self._files[version.name].remarks(self._held)

    def hold(self, version: Version) -> None:
        """Read the version's files into memory, if they fit."""
        for path in self._files[version.name].paths:
            self._held.hold(path)

    def release(self, version: Version) -> None:
        """Free the version's files in memory."""
        self._held.release(self._files[version.name].paths)

    def parts(self, version: Version) -> Mapping[str, pl.LazyFrame]:
        """The files of a version."""
        paths = self._files[version.name].paths
        return {self._named(path): self._scanned(path) for path in paths}

    def unreadable(self, version: Version, error: BaseException) -> VersionError:
        """The error that names the file which could not be read."""
        return unreadable(version, self._folder, self._files[version.name].paths, error)

    def predictions(self, version: Version) -> PredictionTable | None:
        """Predictions in the version's own rows, if [predictions] names such a column."""
        if self._settings.predictions is None:
            return None
        table = self._whole(version)
        found = self._settings.predictions.of_versions(
            table.collect_schema(), [v.name for v in self._versions]
        )[version.name]
        if found.prediction is None:
            return None
        return PredictionTable(
            file=version.file,
            table=table,
            fingerprint=self.fingerprint(version),
            untyped=self.untyped(version),
            prediction=found.prediction,
            shares=found.shares,
        )

    def _scanned(self, path: Path) -> pl.LazyFrame:
        return scan_file(path, self._held.held(path))

    def _whole(self, version: Version) -> pl.LazyFrame:
        files = self._files[version.name]
        column = ""
        if files.splits:  # the column that gets the split of the files' names
            names = [name for path in files.paths for name in self._scanned(path).collect_schema()]
            usual = usual_column(USUAL_NAMES["split"], set(names)) or "split"
            column = next(iter(self._settings.columns.get("split", ())), usual)
        return files.scan(column, self._held)

    def _named(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _listed(self) -> list[Version]:
        """The versions in chameleon.toml whose files are there."""
        usable: list[Version] = []
        for version in self._settings.versions:
            path = self._folder / version.file
            try:
                resolved, is_file, is_folder = path.resolve(), path.is_file(), path.is_dir()
            except (OSError, RuntimeError, ValueError) as error:  # such as a link to itself
                self._report(version, f"cannot be looked up ({error}). Correct its file name.")
                continue
            self._listed_paths.add(resolved)
            no_version = (self._folder.resolve(), (self._folder / VERSIONS_FOLDER).resolve())
            if outside(self._folder, path):
                self._report(version, "lies outside the project folder. Move the file into it.")
            elif not is_file and (not is_folder or resolved in no_version):
                self._report(version, "is listed in chameleon.toml, but there is no such file.")
            elif is_file and not ending(path):
                self._report(version, "has an ending that cannot be read.")
            elif self._takes(version, path):
                usable.append(version)
        return usable

    def _takes(self, version: Version, path: Path) -> bool:
        """Take in the version's files; return False if those of a subfolder are ambiguous."""
        try:
            self._files[version.name] = (
                folder_files(path, self._folder) if path.is_dir() else VersionFiles((path,))
            )
        except VersionError as error:
            self._report(version, str(error))
            return False
        except OSError as error:
            self._report(version, f"cannot be looked into: {error.strerror}.")
            return False
        return True

    def _add_found(self) -> None:
        """Add the versions that chameleon.toml doesn't list."""
        named = {version.name: version.file for version in self._settings.versions}
        for path in self._found():
            file = self._named(path)
            version = Version(path.name if path.is_dir() else version_name(file), file=file)
            if path.resolve() in self._listed_paths:
                continue
            if outside(self._folder, path):
                self._report(version, "is a link out of the project folder. Move the file into it.")
            elif version.name in named:
                self._report(
                    version,
                    f"has the same name as {named[version.name]} and is left out. "
                    "Rename one of the files, or name both under [[versions]].",
                )
            elif self._takes(version, path):
                if self._settings.versions:
                    message = "is not listed in chameleon.toml: it follows the listed versions."
                    self._report(version, message, Severity.NOTE)
                named[version.name] = file
                self._versions.append(version)

    def _found(self) -> list[Path]:
        """The files and subfolders that may be versions."""
        folder = self._folder / VERSIONS_FOLDER
        own = not folder.is_dir()
        folder = self._folder if own else folder
        entries = [path for path in folder.iterdir() if not path.name.startswith((".", "~", "__"))]
        if self._settings.golden is not None:  # a golden test set is no version
            entries = [path for path in entries if not self._is_golden(path)]
        files = [path for path in entries if ending(path) and path.is_file()]
        folders = [path for path in entries if path.is_dir()]
        if own:  # a project folder may contain other folders
            folders = [path for path in folders if _may_be_version(path)]
        if own and files and folders:
            names = listed(sorted(path.name for path in folders), 3)
            message = (
                f"{len(folders):,} folders beside the version files contain tables, but are no "
                f"versions: {names}. To use both, put the versions into {VERSIONS_FOLDER}/."
            )
            self._findings.append(Finding(Severity.NOTE, message))
            folders = []
        return sorted([*files, *folders], key=lambda p: (natural_key(version_name(p.name)), p.name))

    def _is_golden(self, path: Path) -> bool:
        try:
            return path.resolve() == (self._folder / str(self._settings.golden)).resolve()
        except (OSError, RuntimeError, ValueError):
            return False

    def _report(self, version: Version, message: str, severity: Severity = Severity.ERROR) -> None:
        self._findings.append(version.finding(severity, message))


def _may_be_version(folder: Path) -> bool:
    if folder.name in (PREDICTIONS_FOLDER, *SHIPPED_FOLDERS):
        return False
    try:
        return any(ending(path) and path.name[0] not in ".~" for path in folder.iterdir())
    except OSError:
        return False
