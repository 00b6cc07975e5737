"""Projects: which data there is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import polars as pl

import chameleon.project as files
from chameleon import analysis, models
from chameleon.api.evaluations import Evaluation
from chameleon.api.frames import shaped
from chameleon.api.memory import (
    project_with,
    require_predictions,
    written_table,
    written_versions,
)
from chameleon.api.named_versions import name_of, span
from chameleon.api.objects import Compared, html_table
from chameleon.api.options import checked, checks_options, require_option
from chameleon.api.shapes import compared, shown_progress
from chameleon.errors import ProjectError
from chameleon.selection import ExclusionLists, open_exclusion_lists

if TYPE_CHECKING:
    from chameleon.api.memory import Data, Frame
    from chameleon.api.results import DataChanges
    from chameleon.project import Version
    from chameleon.types import OneOrMore, SampleName, Severity

_SEVERITIES = {"error": "error", "warning": "warning", "note": "info"}
_FINDINGS: WeakKeyDictionary[Project, pl.DataFrame] = WeakKeyDictionary()
"""The findings of open projects, which `repr` counts."""

_PACKAGE = Path(__file__).parent.parent
_SAMPLES = (_PACKAGE / "samples", _PACKAGE.parent / "sample_data")
"""Where the samples are: in the installed package, and in the source tree."""


_DISTRIBUTIONS = (
    "chameleon-timeline", "streamlit", "altair", "pandas", "polars", "numpy", "scipy",
    "scikit-learn", "umap-learn",
)  # fmt: skip


@checks_options
@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Project(Compared):
    """An opened evolving dataset: its versions, their columns, and findings about them.

    Made by `open_project`. Compares and hashes by the content of the data and the settings.

    Examples
    --------
    >>> import chameleon
    >>> chameleon.open_sample("digits")
    <Project 'digits': 12 versions (1.0 to 1.11), 64 features, 2 warnings>
    """

    _core: files.Project
    _memory: object = None
    """Keeps the folder of data in memory until no one uses it."""
    _predictions: object = None
    """Keeps the folder of predictions that were passed."""

    @property
    def name(self) -> str:
        """The name of the project."""
        return self._core.name

    @property
    def path(self) -> Path | None:
        """The project folder or table; None for data in memory."""
        return None if self._memory is not None else self._core.path

    @property
    def versions(self) -> tuple[Version, ...]:
        """The usable versions, oldest first."""
        return self._core.versions

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(self._core.kinds)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings, with the keys of chameleon.toml."""
        return files.settings_content(self._core.settings)

    def read(self, version: str | Version) -> pl.DataFrame:
        """Rows of one version, as read.

        Returns
        -------
        pl.DataFrame
            instance (text), the id columns with their own names and types, label, split, date,
            source (those that the project has, under their own names), and the features.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").read("1.0").shape
        (450, 70)
        """
        return analysis.version_rows(self._core, name_of(version))

    def findings(self, *, severity: Severity | None = None) -> pl.DataFrame:
        """Findings of the data check, the most severe first.

        Returns
        -------
        pl.DataFrame
            version (null: no single one; those left out as well), severity ("error", "warning",
            "info"), kind, column, count (of rows or ids concerned), examples, message, action
            (what was done about it).
        """
        if self not in _FINDINGS:
            _FINDINGS[self] = analysis.check(self._core)
        return self._findings_of(_FINDINGS[self], severity)

    def compare(
        self, before: str | Version | None = None, after: str | Version | None = None
    ) -> DataChanges:
        """Data changes between two versions; fits nothing.

        Raises
        ------
        SelectionError
            No version has that name, or there is only one.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").compare("1.4", "1.5")
        <DataChanges: 290 added, 1,005 unchanged>
        """
        return compared(self._core, before, after)

    def evaluate(
        self,
        *,
        model: object | None = None,
        predictions: Mapping[str, Frame] | None = None,
        progress: bool = False,
    ) -> Evaluation:
        """Fit, or load from the cache, the model of every version.

        Parameters
        ----------
        model
            A classifier with scikit-learn's `fit`, `predict`, and `get_params`, which is cloned
            for every version. It doesn't see the raw columns, but a float64 array without names:
            numbers, standardized, with the train rows' median for missing values; a 0/1 column
            for each number that is missing in a train row; and a 0/1 column per category. Labels
            are numbers from 0. So an imputer of your own finds nothing to impute, and columns
            can't be selected by name; for such a model, pass its `predictions`. Classifiers of
            scikit-learn are cached by class and parameters, others for as long as the evaluation
            lives.
        predictions
            Predictions by version instead of a model: frames with the id columns, `prediction`,
            and perhaps a `proba_<class>` per class.
        progress
            Write progress to stderr.

        Raises
        ------
        ModelError
            The classifier can't be used with this data, no version has usable predictions, or
            both a model and predictions were passed.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate()
        <Evaluation of 'digits': 12 versions (1.0 to 1.11), 10 classes>
        """
        core, written = project_with(self._core, model, predictions)
        found = models.evaluate(core, progress=shown_progress(progress))
        if predictions is not None:
            require_predictions(found)
        return Evaluation(replace(self, _core=core, _predictions=written), found)

    def settings_toml(self) -> str:
        """The text of the chameleon.toml that has these settings."""
        return files.settings_text(self._core.settings)

    def write_settings(self, path: str | Path | None = None, *, overwrite: bool = False) -> Path:
        """Write chameleon.toml, into the project folder by default.

        Parameters
        ----------
        overwrite
            Replace a file that has comments, which are lost.

        Raises
        ------
        ProjectError
            The data is in memory, and no path is given, or the file has comments.
        """
        if path is None and self.path is None:
            raise ProjectError(f"{self.name} is in memory. Name the `path` to write to.")
        target = Path(path) if path is not None else self._core.path / files.SETTINGS_FILE
        target = target / files.SETTINGS_FILE if target.is_dir() else target
        if not overwrite and target.is_file() and "#" in target.read_text(encoding="utf-8"):
            raise ProjectError(f"{target.name} may have comments. Pass `overwrite=True`.")
        target.write_text(self.settings_toml(), encoding="utf-8")
        return target

    def _findings_of(self, found: pl.DataFrame, severity: Severity | None) -> pl.DataFrame:
        """The frame of `analysis.check` in the words of the interface."""
        require_option(severity, (*_SEVERITIES.values(), None), "severity")
        public = found.with_columns(pl.col("severity").replace(_SEVERITIES))
        if severity is not None:
            public = public.filter(pl.col("severity") == severity)
        listed = [version.name for version in self._core.source.versions()]
        versions = dict.fromkeys([*listed, *public["version"].drop_nulls()])
        return shaped("findings", public, list(versions))

    def _lists(self) -> ExclusionLists:
        """The project's exclusion lists; in memory where the data is."""
        if self._memory is not None:
            return self._memory.lists  # type: ignore[attr-defined,no-any-return]
        return open_exclusion_lists(self._core)

    def _identity(self) -> object:
        return tuple(self._core.fingerprints.items()), self.settings_toml(), self._core.name

    def __repr__(self) -> str:
        """The project in a line; it counts warnings and errors."""
        found = self.findings()["severity"].to_list()
        versions = span(self._core, [version.name for version in self.versions])
        features = analysis.counted(len(self.features), "feature")
        kinds = ["error", "warning"] if "error" in found else ["warning"]
        counts = ", ".join(analysis.counted(found.count(kind), kind) for kind in kinds)
        return f"<Project {self.name!r}: {versions}, {features}, {counts}>"[:200]

    def _repr_html_(self) -> str:
        rows = [(v.name, v.date, v.file_words, v.note) for v in self.versions]
        frame = pl.DataFrame(rows, ["version", "date", "file", "note"], orient="row")
        return html_table(frame, repr(self))


def open_project(
    data: Data,
    *,
    name: str | None = None,
    id: OneOrMore[str] | None = None,
    label: str | None = None,
    split: str | None = None,
    date: str | None = None,
    source: str | None = None,
    ignore: OneOrMore[str] = (),
    version: str | None = None,
    reading: str | None = None,
    settings: Mapping[str, Any] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Project:
    """Open a folder, a table, or a mapping of version names to frames or files.

    Parameters
    ----------
    data
        A project folder, the path of its chameleon.toml, a table (parquet, csv, csv.gz, arrow,
        feather, jsonl, or a frame together with `version` or `reading`), or a dict of version
        names, oldest first, to frames (polars, pandas, or anything with `__arrow_c_stream__`) or
        files.
    name
        The name of the project.
    id, label, split, date, source
        The columns with these roles; several for an id.
    ignore
        Columns that are no features.
    version, reading
        For one table: the column of versions, and how it holds them (see docs/data.md).
    settings
        A dict with the keys of chameleon.toml, merged over the file.
    cache_dir
        The folder for everything that is computed; by default `.chameleon` beside the data, or
        the user's cache folder.

    Raises
    ------
    ProjectError
        The data or its settings can't be used, or no version can.

    Examples
    --------
    >>> import chameleon
    >>> import polars as pl
    >>> rows = {"key": [1, 2, 3, 4], "y": ["a", "b", "a", "b"], "x": [1.0, 2.0, 3.0, 4.0]}
    >>> chameleon.open_project({"1": pl.DataFrame(rows)}, id="key", label="y")
    <Project 'data': 1 version (1), 1 feature, 0 warnings>
    """
    columns = {"id": id, "label": label, "split": split, "date": date, "source": source}
    given = files.merged_settings(
        {
            "name": name,
            "columns": {**columns, "ignore": ignore or None},
            "source": {"version": version, "reading": reading},
        },
        settings or {},
    )
    if isinstance(data, (str, os.PathLike)):
        private = None if cache_dir is None else Path(cache_dir)
        return Project(files.open_project(data, changes=given, private=private))
    one_table = version is not None or reading is not None
    memory = written_table(data) if one_table else written_versions(data)
    private = Path(cache_dir) if cache_dir is not None else memory.cache
    core = files.open_project(memory.address, changes=memory.settings(given), private=private)
    return Project(core, memory)


@checked
def open_sample(name: SampleName = "digits") -> Project:
    """Open a sample: "digits", "sensor", or "logs".

    Raises
    ------
    ProjectError
        The sample isn't installed: the package contains "digits" only.

    Examples
    --------
    >>> import chameleon
    >>> chameleon.open_sample().versions[-1].name
    '1.11'
    """
    for folder in _SAMPLES:
        if (folder / name).is_dir():
            return open_project(folder / name)
    raise ProjectError(f"The sample '{name}' isn't installed. Open it from the source tree.")


def show_versions() -> None:
    """Print the versions of Python, Chameleon, and its dependencies."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    print(f"python: {platform.python_version()} ({platform.platform()})")
    for name in _DISTRIBUTIONS:
        try:
            print(f"{name}: {version(name)}")
        except PackageNotFoundError:
            print(f"{name}: not installed")
