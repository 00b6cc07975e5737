"""A golden test set: curated test rows in a separate file, predicted by every version's model.

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
    """The predictions of every version's model for the golden test set in `file`.

    `classes` are those of the evaluation, then labels that no version has. `label` is int16 of
    shape (n_rows,) and `predicted` of (n_versions, n_rows), both an index into `classes`, -1 where
    missing; `probability_of_label` is float32 of that shape, NaN where unknown; `leaked` is bool,
    true where the id is in the train set of that version. `absent` are features that the file
    lacks; they count as missing. `ids` are the ids of the rows as text.
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
    """The predictions of each version's model for the test set that [test] in chameleon.toml names.

    The file has the columns of a version: the id, the label, and the features; a split isn't
    needed. Predictions are cached by the content of the train rows and of the file. SelectionError
    without a golden test set or a model, ProjectError if the file can't be used.
    """
    dataset = evaluation.dataset
    project = dataset.project
    path = _file(project)
    if has_external_predictions(project):
        raise SelectionError(
            "The project has external predictions, so there is no model for a golden test set."
        )
    try:
        ids, labels, frame, absent = _read(dataset, path)
    except VersionError as error:
        raise _unusable(project, str(error), column=error.column, fix=error.fix) from error
    extra = sorted(set(labels.drop_nulls()) - set(evaluation.classes))
    classes = (*evaluation.classes, *extra)
    if len(classes) > _MOST_CLASSES:
        raise _unusable(
            project,
            f"has {len(extra):,} labels that no version has, too many for classes. Name the label "
            "column under [columns].",
        )
    places = {name: code for code, name in enumerate(classes)}
    label = labels.replace_strict(places, default=-1, return_dtype=pl.Int16).fill_null(-1)
    wanted = label.to_numpy().astype(np.int16)
    shape = (len(dataset.versions), len(frame))
    predicted = np.full(shape, -1, dtype=np.int16)
    shares = np.full(shape, np.nan, dtype=np.float32)
    fitter = Fitter(dataset, project.results_folder)
    kinds = [(feature.name, feature.kind.value) for feature in dataset.features]
    name = digest(golden_key(project), kinds)
    for number, version in enumerate(dataset.versions):
        if progress is not None:
            progress(Progress("Predicting with the model of", version.name, number, shape[0]))
        found = fitter.predict_frame(version, name, frame)
        if found is not None:
            codes = np.array([places[c] for c in found.classes], dtype=np.int16)
            predicted[number] = codes[found.predicted]
            shares[number] = found.probability_of(wanted, classes)
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
    """A digest of the golden test set's content, read again only when the file changed."""
    path = _file(project)
    try:
        state = path.stat()
        return _digest_of(str(path), state.st_size, state.st_mtime_ns, state.st_ino)
    except OSError as error:
        raise _unusable(project, f"cannot be read: {error.strerror}.") from error


@lru_cache(maxsize=64)
def _digest_of(path: str, size: int, changed: int, inode: int) -> str:
    return file_digest(Path(path))


def _unusable(
    project: Project, message: str, *, column: str | None = None, fix: str | None = None
) -> ProjectError:
    """The error about the file; the message goes on from its place."""
    file = project.settings.golden
    between = "" if message.startswith(":") else " "
    text = f"The golden test set ({file}){between}{message}"
    return ProjectError(text, file=file, column=column, fix=fix)


def _file(project: Project) -> Path:
    if project.settings.golden is None:
        raise SelectionError(
            f"{project.name} has no golden test set. Name its file in {SETTINGS_FILE}: under "
            '[test], golden = "golden.parquet".'
        )
    folder = project.path if project.path.is_dir() else project.path.parent
    path = folder / project.settings.golden
    if outside(folder, path):
        fix = "Move the file into it."
        raise _unusable(project, f"is outside the project folder. {fix}", fix=fix)
    if not path.is_file():
        raise _unusable(project, f"is named in {SETTINGS_FILE}, but doesn't exist.")
    if not ending(path):
        raise _unusable(project, f"has none of the readable endings: {', '.join(ENDINGS)}.")
    return path


def _read(
    dataset: EvolvingDataset, path: Path
) -> tuple[pl.Series, pl.Series, pl.DataFrame, tuple[str, ...]]:
    """The ids, the labels, all features, and the features that the file lacks.

    The file is read as a version of the dataset; VersionError if it can't be.
    """
    roles = dataset.project.roles
    if roles.label is None:
        raise VersionError(
            "can't be used: the versions have no label column, only label probabilities, so no "
            "prediction is known to be correct."
        )
    if not roles.id:
        raise VersionError(
            "can't be used: the versions have no id column, so we can't exclude train rows. Name "
            "one under [columns]."
        )
    known = [feature.name for feature in dataset.features]
    try:
        scan = scan_whole(path)
        columns = scan.collect_schema().names()
        listed = f"Columns found: {', '.join(columns[:30])}."
        for name, role in [*((name, "id") for name in roles.id), (roles.label, "label")]:
            if name not in columns:
                raise VersionError(f"has no column '{name}' ({role}). {listed}", column=name)
        found = [name for name in known if name in columns]
        wanted = dict.fromkeys((*roles.id, roles.label, *found))
        frame = scan.select(named(*wanted)).collect()
    except READ_ERRORS as error:
        raise VersionError(read_error_message(path, error)) from error
    if not len(frame):
        raise VersionError("contains no row.")
    if not found:
        raise VersionError(f"has none of the features of the versions. {listed}")
    untyped = is_untyped(path)
    ids = joined_key([_texts(frame, name, "id", untyped=untyped) for name in roles.id])
    if ids.null_count():
        fix = "Give each row one."
        raise VersionError(f"has {ids.null_count():,} rows without an id. {fix}", fix=fix)
    twice = ids.filter(ids.is_duplicated()).unique()
    if len(twice):
        example = first_few(twice)[0]
        raise VersionError(f"repeats {len(twice):,} ids, such as '{example}'. Keep one row per id.")
    order = ids.arg_sort()  # sums over rows depend on their order in the last digit
    ids, frame = ids.gather(order), frame[order]
    labels = _texts(frame, roles.label, "label", untyped=untyped)
    features = [_feature(frame, feature.name, feature.kind) for feature in dataset.features]
    absent = tuple(name for name in known if name not in columns)
    return ids, labels, pl.DataFrame(features), absent


def _texts(frame: pl.DataFrame, name: str, role: str, *, untyped: bool) -> pl.Series:
    try:
        return key_text(frame[name], untyped=untyped)
    except READ_ERRORS as error:  # lists and the like: no single value
        raise VersionError(
            f": column '{name}' ({role}) doesn't contain single values ({frame[name].dtype}).",
            column=name,
        ) from error


def _feature(frame: pl.DataFrame, name: str, kind: Kind) -> pl.Series:
    if name not in frame.columns:
        dtype = pl.String if kind is Kind.TEXT else pl.Float64
        return pl.repeat(None, len(frame), dtype=dtype, eager=True).alias(name)
    try:
        if kind is Kind.TEXT:
            return plain_text(frame[name]).alias(name)
        values = feature_numbers(frame[name], kind) + 0.0  # -0.0 becomes 0.0
    except (*READ_ERRORS, TypeError, ChameleonError) as error:
        raise VersionError(
            f": column '{name}' contains values other than {kind.value}, its kind in the versions "
            f"({frame[name].dtype}).",
            column=name,
        ) from error
    return pl.Series(name, values, nan_to_null=True)


def _leaked(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.bool_]:
    found = np.zeros((len(dataset.versions), len(ids)), dtype=np.bool_)
    for number in range(len(dataset.versions)):
        rows = dataset.rows_of(number)
        trained = dataset.instance[rows[dataset.split[rows] == SPLITS.index(Split.TRAIN)]]
        found[number] = ids.is_in(dataset.instance_ids.gather(trained).implode())
    return found
