"""A golden test set: rows in a file of their own, which every version's model is asked about.

They are rows of no version, so that nothing else counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import ChameleonError, ProjectError, SelectionError, VersionError
from chameleon.models.evaluation import Evaluation
from chameleon.models.external import has_external_predictions
from chameleon.models.fitting import Fitter
from chameleon.project import (
    ENDINGS,
    READ_ERRORS,
    SETTINGS_FILE,
    Kind,
    Project,
    Split,
    ending,
    feature_numbers,
    first_few,
    is_untyped,
    joined_key,
    key_text,
    named,
    outside,
    plain_text,
    read_error_message,
    scan_whole,
)
from chameleon.storage import Progress, ProgressCallback, digest, file_digest

_MOST_CLASSES = int(np.iinfo(np.int16).max)


@dataclass(frozen=True, slots=True, eq=False)
class GoldenTest:
    """What the model of every version says of the golden test set.

    Attributes
    ----------
    file
        Its file, relative to the project folder.
    ids
        The id of every row, as text; String of length n_rows.
    classes
        Those of the evaluation, then labels that no version has.
    label
        int16 of shape (n_rows,): index into `classes`, -1 where there is none.
    predicted
        int16 of shape (n_versions, n_rows): index into `classes`, -1 where there is none.
    probability_of_label
        float32 of shape (n_versions, n_rows), NaN where unknown.
    leaked
        bool of shape (n_versions, n_rows): the id stands in the train set of that version.
    absent
        Features of the versions that the file lacks; they count as missing.
    """

    file: str
    ids: pl.Series
    classes: tuple[str, ...]
    label: NDArray[np.int16]
    predicted: NDArray[np.int16]
    probability_of_label: NDArray[np.float32]
    leaked: NDArray[np.bool_]
    absent: tuple[str, ...]


def golden_test(evaluation: Evaluation, *, progress: ProgressCallback | None = None) -> GoldenTest:
    """What each version's model says of the test set that [test] in chameleon.toml names.

    The file has the columns of a version: the id, the label and the features; a split is not
    asked. What the models say is kept on disk by the content of their train rows and of the file.

    Parameters
    ----------
    progress
        Called before every version.

    Raises
    ------
    SelectionError
        There is no golden test set, or no model that could be asked.
    ProjectError
        The file cannot be used.
    """
    dataset = evaluation.dataset
    project = dataset.project
    path = _file(project)
    if has_external_predictions(project):
        raise SelectionError(
            "The predictions were made elsewhere: there is no model to ask about a golden test set."
        )
    said_by = _Reader(dataset, path)
    ids, labels, frame, absent = said_by.read()
    extra = sorted(set(labels.drop_nulls()) - set(evaluation.classes))
    classes = (*evaluation.classes, *extra)
    if len(classes) > _MOST_CLASSES:
        raise ProjectError(
            f"{_place(project)} has {len(extra):,} labels that no version has, more than can be "
            "told apart: they are no classes. Name the label column under [columns]."
        )
    places = {name: code for code, name in enumerate(classes)}
    label = labels.replace_strict(places, default=-1, return_dtype=pl.Int16).fill_null(-1)
    wanted = label.to_numpy().astype(np.int16)
    shape = (len(dataset.versions), len(frame))
    predicted = np.full(shape, -1, dtype=np.int16)
    shares = np.full(shape, np.nan, dtype=np.float32)
    fitter = Fitter(dataset, project.results_folder)
    name = digest(golden_key(project), said_by.about)
    for number, version in enumerate(dataset.versions):
        if progress is not None:
            progress(Progress("Asking the model of", version.name, number, shape[0]))
        said = fitter.predict_frame(version, name, frame)
        if said is not None:
            codes = np.array([places[c] for c in said.classes], dtype=np.int16)
            predicted[number] = codes[said.predicted]
            shares[number] = said.probability_of(wanted, classes)
    return GoldenTest(
        file=str(project.settings.golden),
        ids=ids,
        classes=classes,
        label=wanted,
        predicted=predicted,
        probability_of_label=shares,
        leaked=_leaked(dataset, ids),
        absent=absent,
    )


def golden_key(project: Project) -> str:
    """A digest of the golden test set's content, read again only when the file was touched.

    Raises
    ------
    SelectionError
        There is no golden test set.
    ProjectError
        The file cannot be used.
    """
    path = _file(project)
    try:
        state = path.stat()
        return _digest_of(str(path), state.st_size, state.st_mtime_ns, state.st_ino)
    except OSError as error:
        raise ProjectError(f"{_place(project)} cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=64)
def _digest_of(path: str, size: int, changed: int, inode: int) -> str:
    return file_digest(Path(path))


def _place(project: Project) -> str:
    return f"The golden test set ({project.settings.golden})"


def _file(project: Project) -> Path:
    if project.settings.golden is None:
        raise SelectionError(
            f"{project.name} has no golden test set. Name its file in {SETTINGS_FILE}: under "
            '[test], golden = "golden.parquet".'
        )
    folder = project.path if project.path.is_dir() else project.path.parent
    path = folder / project.settings.golden
    if outside(folder, path):
        raise ProjectError(
            f"{_place(project)} lies outside the project folder. Move the file into it."
        )
    if not path.is_file():
        raise ProjectError(f"{_place(project)} is named in {SETTINGS_FILE}, but is no file there.")
    if not ending(path):
        raise ProjectError(
            f"{_place(project)} has none of the endings that can be read: {', '.join(ENDINGS)}."
        )
    return path


class _Reader:
    """Reads the file as a version of the dataset would be read.

    Attributes
    ----------
    about
        All beside the file's content that decides what is read.
    """

    def __init__(self, dataset: EvolvingDataset, path: Path) -> None:
        self._dataset = dataset
        self._path = path
        self._place = _place(dataset.project)
        self._untyped = is_untyped(path)
        self.about = [(feature.name, feature.kind.value) for feature in dataset.features]

    def read(self) -> tuple[pl.Series, pl.Series, pl.DataFrame, tuple[str, ...]]:
        """The ids, the labels, all features, and those that the file lacks."""
        roles = self._dataset.project.roles
        label_column = roles.label
        if label_column is None:
            raise ProjectError(
                f"{self._place} cannot be used: the versions have no label column, only label "
                "probabilities, so that nothing says what is right."
            )
        if not roles.id:
            raise ProjectError(
                f"{self._place} cannot be used: the versions have no id column, so that train rows "
                "cannot be told. Name one under [columns]."
            )
        known = [feature.name for feature in self._dataset.features]
        try:
            scan = scan_whole(self._path)
            columns = scan.collect_schema().names()
            for name, role in [*((name, "id") for name in roles.id), (label_column, "label")]:
                if name not in columns:
                    raise ProjectError(
                        f"{self._place} has no column '{name}' ({role}). Columns found: "
                        f"{', '.join(columns[:30])}."
                    )
            found = [name for name in known if name in columns]
            wanted = dict.fromkeys((*roles.id, label_column, *found))
            frame = scan.select(named(*wanted)).collect()
        except VersionError as error:
            raise ProjectError(f"{self._place} {error}") from error
        except READ_ERRORS as error:
            raise ProjectError(f"{self._place} {read_error_message(self._path, error)}") from error
        if not len(frame):
            raise ProjectError(f"{self._place} holds no row.")
        if not found:
            raise ProjectError(
                f"{self._place} has none of the features of the versions. Columns found: "
                f"{', '.join(columns[:30])}."
            )
        ids = joined_key([self._texts(frame, name, "id") for name in roles.id])
        self._require_ids(ids)
        order = ids.arg_sort()  # sums over rows depend on their order in the last digit
        ids, frame = ids.gather(order), frame[order]
        labels = self._texts(frame, label_column, "label")
        features = [self._feature(frame, feature.name, feature.kind) for feature in
                    self._dataset.features]  # fmt: skip
        absent = tuple(name for name in known if name not in columns)
        return ids, labels, pl.DataFrame(features), absent

    def _texts(self, frame: pl.DataFrame, name: str, role: str) -> pl.Series:
        try:
            return key_text(frame[name], untyped=self._untyped)
        except READ_ERRORS as error:  # lists and the like: no single value
            raise ProjectError(
                f"{self._place}: column '{name}' ({role}) holds no single values "
                f"({frame[name].dtype})."
            ) from error

    def _require_ids(self, ids: pl.Series) -> None:
        if ids.null_count():
            raise ProjectError(
                f"{self._place} has {ids.null_count():,} rows without an id. Give each row one."
            )
        twice = ids.filter(ids.is_duplicated()).unique()
        if len(twice):
            raise ProjectError(
                f"{self._place} has {len(twice):,} ids more than once, such as "
                f"'{first_few(twice)[0]}'. Keep one row an id."
            )

    def _feature(self, frame: pl.DataFrame, name: str, kind: Kind) -> pl.Series:
        if name not in frame.columns:
            dtype = pl.String if kind is Kind.TEXT else pl.Float64
            return pl.repeat(None, len(frame), dtype=dtype, eager=True).alias(name)
        try:
            if kind is Kind.TEXT:
                return plain_text(frame[name]).alias(name)
            values = feature_numbers(frame[name], kind) + 0.0  # -0.0 becomes 0.0
        except (*READ_ERRORS, TypeError, ChameleonError) as error:
            raise ProjectError(
                f"{self._place}: column '{name}' holds what is no {kind.value}, as it is in the "
                f"versions ({frame[name].dtype})."
            ) from error
        return pl.Series(name, values, nan_to_null=True)


def _leaked(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.bool_]:
    lines = pl.DataFrame({"id": ids}).join(
        dataset.instance_ids.to_frame("id").with_row_index("instance"),
        on="id", how="left", maintain_order="left",
    )  # fmt: skip
    known = lines["instance"].is_not_null().to_numpy()
    instance = lines["instance"].fill_null(0).to_numpy().astype(np.intp)
    found = np.zeros((len(dataset.versions), len(ids)), dtype=np.bool_)
    for number in range(len(dataset.versions)):
        rows = dataset.rows_of(number)
        trained = np.zeros(dataset.instance_count, dtype=np.bool_)
        trained[dataset.instance[rows[dataset.split[rows] == SPLITS.index(Split.TRAIN)]]] = True
        found[number] = known & trained[instance]
    return found
