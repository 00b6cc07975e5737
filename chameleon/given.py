"""Predictions that come with the project: `predictions/`, one file a version, by id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.columns import key_text
from chameleon.dataset import EvolvingDataset
from chameleon.errors import VersionError
from chameleon.project import USUAL_NAMES, Problem, Project, Severity, Version, version_name
from chameleon.says import Says
from chameleon.sources.checks import joined_key
from chameleon.sources.files import READ_ERRORS, ending, is_untyped, scan_file, unreadable

PREDICTIONS_FOLDER = "predictions"
PREDICTION_COLUMN = "prediction"
PROBABILITY_PREFIX = "proba_"


def prediction_files(project: Project) -> dict[str, Path]:
    """The prediction file of every version that has one, by version name."""
    folder = project.path / PREDICTIONS_FOLDER
    if not folder.is_dir():
        return {}
    inside = project.path.resolve()
    files = {
        version_name(path.name): path
        for path in sorted(folder.iterdir())
        if path.is_file() and ending(path) and path.resolve().is_relative_to(inside)
    }
    return {v.name: path for v in project.versions if (path := _of(v, files)) is not None}


def _of(version: Version, files: Mapping[str, Path]) -> Path | None:
    return files.get(version.name) or files.get(version_name(version.file))


def given_predictions(
    dataset: EvolvingDataset,
) -> tuple[dict[str, Says], tuple[Problem, ...]]:
    """What the given files say of every row, by version name, and what was found wrong.

    A prediction is by id: it holds for whichever row of the instance is meant. Nothing is
    trained for a version without a usable file; its outcomes are unknown.
    """
    files = prediction_files(dataset.project)
    found: dict[str, Says] = {}
    problems: list[Problem] = []
    for version in dataset.versions:
        path = files.get(version.name)
        if path is None:
            problems.append(
                _problem(
                    version, f"has no file in {PREDICTIONS_FOLDER}/: its outcomes are unknown."
                )
            )
            continue
        try:
            found[version.name], counted = _read_file(dataset, version, path)
        except VersionError as error:
            problems.append(_problem(version, str(error)))
        else:
            problems += counted
    return found, tuple(problems)


def _read_file(
    dataset: EvolvingDataset, version: Version, path: Path
) -> tuple[Says, list[Problem]]:
    file = f"{PREDICTIONS_FOLDER}/{path.name}"
    try:
        frame = scan_file(path).collect()
    except READ_ERRORS as error:
        where = Version(name=version.name, file=file)
        raise VersionError(str(unreadable(where, path, error))) from error
    ids = _ids(dataset, frame, file)
    if PREDICTION_COLUMN not in frame.columns:
        raise VersionError(
            f"{file} has no column '{PREDICTION_COLUMN}'. Columns found: "
            f"{', '.join(frame.columns)}."
        )
    untyped = is_untyped(path)
    place = _places(dataset, ids)
    predictions = key_text(frame[PREDICTION_COLUMN], untyped=untyped)
    shares = [name for name in frame.columns if name.startswith(PROBABILITY_PREFIX)]
    classes = tuple(
        dict.fromkeys(
            [
                *(name.removeprefix(PROBABILITY_PREFIX) for name in shares),
                *predictions.drop_nulls().unique().sort(),
            ]
        )
    )
    number_of = {name: number for number, name in enumerate(classes)}
    codes = predictions.replace_strict(number_of, default=-1, return_dtype=pl.Int64)
    by_row = np.append(codes.fill_null(-1).to_numpy(), -1)[place]
    return (
        Says(classes, by_row, _probabilities(frame, shares, len(classes), place, file)),
        _counted(dataset, version, file, ids, by_row),
    )


def _ids(dataset: EvolvingDataset, frame: pl.DataFrame, file: str) -> pl.Series:
    names = dataset.project.roles.id
    if not names:
        raise VersionError(
            f"{file} cannot be used: predictions are matched by id, and the versions have no id "
            "column. Name one under [columns] in chameleon.toml."
        )
    if not all(name in frame.columns for name in names):
        usual = [name for name in USUAL_NAMES["id"] if name in frame.columns]
        if len(names) != 1 or not usual:
            raise VersionError(
                f"{file} has no column '{names[0]}' (id). Columns found: "
                f"{', '.join(frame.columns)}."
            )
        names = (usual[0],)
    untyped = all(dtype == pl.String for dtype in frame.dtypes)
    ids = joined_key([key_text(frame[name], untyped=untyped) for name in names])
    twice = ids.filter(ids.is_duplicated() & ids.is_not_null()).unique(maintain_order=True)
    if len(twice):
        raise VersionError(
            f"{file} has {len(twice):,} ids more than once, such as '{twice[0]}': which "
            "prediction holds cannot be told. Keep one row an id."
        )
    return ids


def _places(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.int64]:
    """int64 of shape (n_rows,): the line of the file for each row, -1 where there is none."""
    lines = pl.DataFrame({"id": ids, "line": np.arange(len(ids))}).drop_nulls("id")
    known = dataset.instance_ids.to_frame("id").join(
        lines, on="id", how="left", maintain_order="left"
    )
    by_instance: NDArray[np.int64] = known["line"].fill_null(-1).to_numpy()
    return by_instance[dataset.instance]


def _probabilities(
    frame: pl.DataFrame, names: list[str], class_count: int, place: NDArray[np.int64], file: str
) -> NDArray[np.float64] | None:
    if not names:
        return None
    shares = np.full((len(frame) + 1, class_count), np.nan)
    for number, name in enumerate(names):
        try:
            values = frame[name].cast(pl.Float64).to_numpy()
        except pl.exceptions.PolarsError as error:
            raise VersionError(f"{file}: column '{name}' holds more than numbers.") from error
        wrong = ~np.isnan(values) & ((values < 0) | (values > 1))
        if wrong.any():
            raise VersionError(
                f"{file}: column '{name}' holds {values[wrong][0]:g}, which is no probability. "
                "Probabilities go from 0 to 1."
            )
        shares[:-1, number] = values
    return shares[place]


def _counted(
    dataset: EvolvingDataset,
    version: Version,
    file: str,
    ids: pl.Series,
    predicted: NDArray[np.int64],
) -> list[Problem]:
    problems: list[Problem] = []
    own = dataset.rows_of(dataset.version_number(version.name))
    silent = int((predicted[own] < 0).sum())
    if silent:
        problems.append(
            _problem(
                version,
                f"has no prediction for {silent:,} of its {len(own):,} instances ({file}): their "
                "outcome is unknown.",
            )
        )
    strange = ids.drop_nulls().filter(~ids.drop_nulls().is_in(dataset.instance_ids.implode()))
    if len(strange):
        problems.append(
            _problem(
                version,
                f"has predictions for {len(strange):,} ids that no version holds, such as "
                f"'{strange[0]}' ({file}): they are not used.",
            )
        )
    return problems


def _problem(version: Version, message: str) -> Problem:
    return Problem(Severity.WARNING, f"{version.place} {message}", version.name, version.file)
