"""Rows of the timeline as frames: their columns, and what every model predicts for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.instance_table import instance_dates
from chameleon.analysis.values import id_column, named_column, role_column, value_column
from chameleon.counting import OUTCOMES
from chameleon.data import EvolvingDataset, evolving_dataset, id_columns, instance_keys
from chameleon.errors import SelectionError, choices
from chameleon.models import Evaluation, golden_test
from chameleon.project import Project
from chameleon.selection import instance_numbers
from chameleon.storage import csv_text


def role_columns(dataset: EvolvingDataset, rows: NDArray[np.integer]) -> list[pl.Series]:
    """The instance (its id), label, split, date, and source of rows."""
    return [
        id_column(dataset, dataset.instance[rows]),
        role_column(dataset, "label", rows),
        role_column(dataset, "split", rows),
        instance_dates(dataset, rows),
        role_column(dataset, "source", rows),
    ]


def raw_columns(
    dataset: EvolvingDataset, rows: NDArray[np.integer], names: Iterable[str]
) -> pl.DataFrame:
    """These columns of rows: features, columns with a role by their own name or the role's."""
    roles = dataset.project.roles
    own = dict(zip(("instance", "label", "split", "date", "source"), role_columns(dataset, rows),
                   strict=True))  # fmt: skip
    known = dict(own)
    named = {"label": roles.label, "split": roles.split, "date": roles.date, "source": roles.source}
    known |= {name: own[role] for role, name in named.items() if name is not None}
    if len(roles.id) == 1:
        known[roles.id[0]] = own["instance"]
    numbers = {feature.name: number for number, feature in enumerate(dataset.features)}
    columns: dict[str, pl.Series] = {}
    for name in dict.fromkeys(names):
        if name in numbers:
            columns[name] = value_column(dataset, numbers[name], rows)
        elif name in known:
            columns[name] = known[name]
        else:
            known_names = choices([*known, *numbers])
            raise SelectionError(f"There is no column '{name}'. {known_names}", column=name)
    return pl.DataFrame({name: column.alias(name) for name, column in columns.items()})


def version_rows(project: Project, version: str) -> pl.DataFrame:
    """The rows of one version in the order of its file, their columns under their own names.

    Columns: instance, the id columns, label, split, date, and source (those that have a column),
    and the features.
    """
    dataset = evolving_dataset(project)
    number = dataset.version_number(version)
    ids = id_columns(dataset, project.version(version))
    if ids.width:
        keys = instance_keys(dataset, project.version(version), ids)
        numbers = instance_numbers(dataset, keys)
        rows = dataset.row_of_instance(number)[numbers].astype(np.intp)
    else:
        rows = dataset.rows_of(number)
    roles = project.roles
    named = {role: getattr(roles, role) for role in ("label", "split", "date", "source")}
    own = raw_columns(dataset, rows, ["instance", *(c for c in named.values() if c)])
    features = [f.name for n, f in enumerate(dataset.features) if dataset.has_column[number, n]]
    columns = [own["instance"], *ids.get_columns(), *own.get_columns()[1:]]
    columns += raw_columns(dataset, rows, features).get_columns()
    return pl.DataFrame({column.name: column for column in columns})


def row_predictions(evaluation: Evaluation, version: str) -> pl.DataFrame:
    """What one version's model predicts for every row of the timeline.

    Columns: those of `Evaluation.predictions`.
    """
    dataset, number = evaluation.dataset, evaluation.dataset.version_number(version)
    rows = np.arange(dataset.row_count)
    instance, label, split, _, _ = role_columns(dataset, rows)
    return pl.DataFrame(
        [
            instance,
            pl.Series("row", rows),
            pl.Series("present", dataset.present[number]),
            label,
            split,
            named_column("prediction", evaluation.classes, evaluation.predicted[number]),
            _probabilities("probability", evaluation.probability_of_prediction[number]),
            _probabilities("probability_of_label", evaluation.probability_of_label[number]),
            named_column("outcome", OUTCOMES, evaluation.outcome[number]),
        ]
    )


def _probabilities(name: str, values: NDArray[np.floating]) -> pl.Series:
    return pl.Series(name, values.astype(np.float64), nan_to_null=True)


def golden_predictions(evaluation: Evaluation) -> pl.DataFrame:
    """What every version's model predicts for the golden test set.

    Columns: those of `Evaluation.golden_predictions`.
    """
    found = golden_test(evaluation)
    label = named_column("label", found.classes, found.label)
    frames = [
        pl.DataFrame(
            [
                pl.Series("version", [version.name]).new_from_index(0, len(label)),
                found.ids.alias("instance"),
                label,
                named_column("prediction", found.classes, found.predicted[number]),
                _probabilities("probability_of_label", found.probability_of_label[number]),
                pl.Series("leaked", found.leaked[number]),
            ]
        )
        for number, version in enumerate(evaluation.dataset.versions)
    ]
    return pl.concat(frames)


def model_origins(evaluation: Evaluation) -> pl.DataFrame:
    """The origin of every version's predictions.

    Columns: those of `Evaluation.models`.
    """
    settings = evaluation.dataset.project.settings
    rows = []
    for number, version in enumerate(evaluation.dataset.versions):
        known = bool((evaluation.predicted[number] >= 0).any())
        origin = evaluation.origin
        if origin == "cached" and version.name in evaluation.fitted:
            origin = "fitted"
        reasons = [f.message for f in evaluation.findings if f.version == version.name]
        estimator = settings.model_of(version.name).estimator
        rows.append(
            (
                version.name,
                evaluation.model if origin == "external" else estimator,
                origin if known else "none",
                evaluation.seconds.get(version.name),
                None if known else " ".join(reasons) or "the version has no model",
            )
        )
    schema = {
        "version": pl.String, "model": pl.String, "origin": pl.String, "seconds": pl.Float64,
        "reason": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema, orient="row")


def write_table(frame: pl.DataFrame, path: Path) -> Path:
    """Write a frame as CSV, with formulas escaped, or as Parquet, by the suffix."""
    match path.suffix.lower():
        case ".csv":
            path.write_text(csv_text(frame), encoding="utf-8")
        case ".parquet":
            frame.write_parquet(path)
        case _:
            raise SelectionError(f"{path.name} must end in .csv or .parquet.", file=path.name)
    return path
