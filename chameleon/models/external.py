"""External predictions: by id, in `predictions/` or in columns of the data.

The folder has a file per version; [predictions] in chameleon.toml names the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.errors import VersionError
from chameleon.models.predictions import Predictions
from chameleon.project import (
    PREDICTIONS_FOLDER,
    READ_ERRORS,
    USUAL_NAMES,
    Finding,
    PredictionTable,
    Project,
    Severity,
    Version,
    ending,
    first_few,
    is_untyped,
    joined_key,
    key_text,
    named,
    scan_whole,
    unreadable,
    version_name,
)
from chameleon.storage import digest, file_digest

PREDICTION_COLUMN = "prediction"
PROBABILITY_PREFIX = "proba_"
OWN = "\0own"


def prediction_files(project: Project) -> dict[str, Path]:
    """The prediction file of every version that has one, by version name."""
    if project.prediction_files is not None:
        return dict(project.prediction_files)
    folder = project.path / PREDICTIONS_FOLDER
    if not folder.is_dir():
        return {}
    inside = project.path.resolve()
    files = {
        version_name(path.name): path
        for path in sorted(folder.iterdir())
        if path.is_file() and ending(path) and path.resolve().is_relative_to(inside)
    }
    found: dict[str, Path] = {}
    for version in project.versions:
        path = files.get(version.name)
        if path is None and not project.source.pooled:  # one file is not that of one version
            path = files.get(version_name(version.file))
        if path is not None:
            found[version.name] = path
    return found


def has_external_predictions(project: Project) -> bool:
    """Return True if predictions come with the project, so that nothing is fitted."""
    return project.settings.predictions is not None or bool(prediction_files(project))


def external_fingerprints(project: Project) -> dict[str, str]:
    """A digest of each version's external predictions, by version name."""
    files = prediction_files(project)
    found: dict[str, str] = {}
    for version in project.versions:
        table = project.source.predictions(version)
        if table is not None:
            columns = (table.prediction, sorted(table.shares.items()))
            found[version.name] = digest(table.fingerprint, columns)
        elif version.name in files:
            found[version.name] = file_digest(files[version.name])
    return found


def external_description(project: Project) -> str:
    """The place of the external predictions in one line."""
    columns = project.settings.predictions
    place = _file_of(project, "") if columns is None else f"the columns {columns.columns}"
    return f"External predictions from {place}"


def external_predictions(
    dataset: EvolvingDataset,
) -> tuple[dict[str, Predictions], tuple[Finding, ...]]:
    """External predictions for every row, by version name, and the findings about them.

    A prediction is by id: it applies to all rows of the instance. Nothing is fitted for a version
    without usable predictions; its outcomes are unknown.
    """
    files = prediction_files(dataset.project)
    found: dict[str, Predictions] = {}
    findings: list[Finding] = []
    for version in dataset.versions:
        told: list[str] = []
        try:
            table = _table_of(dataset.project, version, files.get(version.name), told)
            if table is not None:
                found[version.name] = _read(dataset, version, table, told)
        except VersionError as error:
            message = str(error).removeprefix(version.place).strip()
            told.append(f": {message.removeprefix(': ')}")
        except READ_ERRORS as error:
            told.append(f"has predictions that can't be read: {error}")
        findings += [version.finding(Severity.WARNING, message) for message in told]
    return found, tuple(findings)


def _table_of(
    project: Project, version: Version, path: Path | None, told: list[str]
) -> PredictionTable | None:
    """The predictions in the version's columns, else those in its file; messages are added."""
    table = project.source.predictions(version)
    if table is not None:
        if path is not None:
            told.append(
                f"has predictions twice: those of column '{table.prediction}' are used, "
                f"{PREDICTIONS_FOLDER}/{path.name} is not. Remove one of them."
            )
        return table
    if path is not None:
        return _table_of_file(project, version, path)
    passed = project.prediction_files is not None
    place = "predictions" if passed else f"file in {PREDICTIONS_FOLDER}/"
    if project.settings.predictions is not None:
        column = project.settings.predictions.columns.replace("{version}", version.name)
        place = f"predictions, column '{column}'"
    told.append(f"has no {place}: its outcomes are unknown.")
    return None


def _file_of(project: Project, name: str) -> str:
    """The file of predictions as messages name it: frames that a caller passed have none."""
    return "memory" if project.prediction_files else f"{PREDICTIONS_FOLDER}/{name}"


def _table_of_file(project: Project, version: Version, path: Path) -> PredictionTable:
    file = _file_of(project, path.name)
    file = "the frame of predictions" if file == "memory" else file
    try:
        frame = scan_whole(path).collect()
    except VersionError as error:
        raise VersionError(f"{version.place}: {file} {error}") from error
    except READ_ERRORS as error:
        where = Version(name=version.name, file=file)
        raise VersionError(str(unreadable(where, path.parent.parent, [path], error))) from error
    return PredictionTable(
        file=file,
        table=frame.lazy(),
        fingerprint="",
        untyped=is_untyped(path),
        prediction=PREDICTION_COLUMN,
        shares={
            name.removeprefix(PROBABILITY_PREFIX): name
            for name in frame.columns
            if name.startswith(PROBABILITY_PREFIX)
        },
    )


def _read(
    dataset: EvolvingDataset, version: Version, given: PredictionTable, told: list[str]
) -> Predictions:
    frame, ids = _frame(dataset, given)
    if OWN in frame.columns:
        frame, ids = _one_row_an_id(given, frame, ids, told)
    twice = ids.filter(ids.is_duplicated() & ids.is_not_null()).unique()
    if len(twice):
        raise VersionError(
            f"{given.file} repeats {len(twice):,} ids, such as '{first_few(twice)[0]}', so we "
            "can't tell which prediction applies. Keep one row per id."
        )
    place = _places(dataset, ids)
    predictions = key_text(frame[given.prediction], untyped=given.untyped)
    classes = tuple(dict.fromkeys([*given.shares, *predictions.drop_nulls().unique().sort()]))
    number_of = {name: number for number, name in enumerate(classes)}
    codes = predictions.replace_strict(number_of, default=-1, return_dtype=pl.Int64)
    by_row = np.append(codes.fill_null(-1).to_numpy(), -1)[place]
    shares = _probabilities(frame, given, len(classes), place)
    told += _missing_and_unknown(dataset, version, given.file, ids, by_row)
    return Predictions(classes, by_row, shares)


def _frame(dataset: EvolvingDataset, given: PredictionTable) -> tuple[pl.DataFrame, pl.Series]:
    """The ids' and predictions' columns, and `OWN`; the id of every row."""
    columns = given.table.collect_schema().names()
    names = _id_columns(dataset, columns, given.file)
    if given.prediction not in columns:
        raise VersionError(
            f"{given.file} has no column '{given.prediction}'. Columns found: {', '.join(columns)}."
        )
    wanted = [named(name) for name in dict.fromkeys((*names, given.prediction))]
    wanted += [named(name) for name in given.shares.values()]
    if given.own is not None:
        wanted.append(given.own.fill_null(value=False).alias(OWN))
    frame = given.table.select(wanted).collect()
    ids = joined_key([key_text(frame[name], untyped=given.untyped) for name in names])
    return frame, ids


def _id_columns(dataset: EvolvingDataset, columns: list[str], file: str) -> tuple[str, ...]:
    names = dataset.project.roles.id
    if not names:
        raise VersionError(
            f"{file} can't be used: predictions are matched by id, and the versions have no id "
            "column. Name one under [columns] in chameleon.toml."
        )
    if all(name in columns for name in names):
        return names
    usual = [name for name in USUAL_NAMES["id"] if name in columns]
    if len(names) != 1 or not usual:
        raise VersionError(
            f"{file} has no column '{names[0]}' (id). Columns found: {', '.join(columns)}."
        )
    return (usual[0],)


def _one_row_an_id(
    given: PredictionTable, frame: pl.DataFrame, ids: pl.Series, told: list[str]
) -> tuple[pl.DataFrame, pl.Series]:
    """The version's own row of each instance; else one of the others, where they agree."""
    shares = {
        f"share{number}": frame[name].cast(pl.Float64, strict=False)
        for number, name in enumerate(sorted(given.shares.values()))
    }
    lines = pl.DataFrame(
        {
            "id": ids,
            "line": np.arange(len(ids)),
            "own": frame[OWN],
            "prediction": key_text(frame[given.prediction], untyped=given.untyped),
            **shares,
        }
    ).drop_nulls("id")
    own = lines.filter("own")
    others = (
        lines.join(own, on="id", how="anti")
        .drop_nulls("prediction")
        .sort("id", *shares)  # so that no order decides among those that agree
        .group_by("id")
        .agg(pl.col("line").first(), pl.col("prediction").n_unique())
    )
    disputed = others.filter(pl.col("prediction") > 1)
    agreed = others.filter(pl.col("prediction") == 1)
    chosen = pl.concat([own["line"], agreed["line"]]).sort()
    if len(disputed):
        told.append(
            f"has conflicting predictions for {len(disputed):,} instances that it lacks, such "
            f"as '{first_few(disputed['id'])[0]}' ('{given.prediction}' in {given.file}): "
            "their outcome is unknown in this version."
        )
    return frame[chosen], ids.gather(chosen)


def _places(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.int64]:
    """int64 of shape (n_rows,): the line of the file for each row, -1 if missing."""
    lines = pl.DataFrame({"id": ids, "line": np.arange(len(ids))}).drop_nulls("id")
    known = dataset.instance_ids.to_frame("id").join(
        lines, on="id", how="left", maintain_order="left"
    )
    by_instance: NDArray[np.int64] = known["line"].fill_null(-1).to_numpy()
    return by_instance[dataset.instance]


def _probabilities(
    frame: pl.DataFrame, given: PredictionTable, class_count: int, place: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    if not given.shares:
        return None
    shares = np.full((len(frame) + 1, class_count), np.nan)
    for number, name in enumerate(given.shares.values()):
        try:
            values = frame[name].cast(pl.Float64).to_numpy()
        except pl.exceptions.PolarsError as error:
            raise VersionError(
                f"{given.file}: column '{name}' contains more than numbers."
            ) from error
        wrong = ~np.isnan(values) & ((values < 0) | (values > 1))
        if wrong.any():
            raise VersionError(
                f"{given.file}: column '{name}' contains {values[wrong].min():g}, which isn't a "
                "probability. Probabilities range from 0 to 1."
            )
        shares[:-1, number] = values
    return shares[place]


def _missing_and_unknown(
    dataset: EvolvingDataset,
    version: Version,
    file: str,
    ids: pl.Series,
    predicted: NDArray[np.int64],
) -> Iterator[str]:
    own = dataset.rows_of(dataset.version_number(version.name))
    missing = int((predicted[own] < 0).sum())
    if missing:
        yield (
            f"has no prediction for {missing:,} of its {len(own):,} instances ({file}): their "
            "outcome is unknown."
        )
    known = ids.drop_nulls()
    unknown = known.filter(~known.is_in(dataset.instance_ids.implode()))
    if len(unknown):
        yield (
            f"has predictions for {len(unknown):,} ids that no version contains, such as "
            f"'{first_few(unknown)[0]}' ({file}): they are not used."
        )
