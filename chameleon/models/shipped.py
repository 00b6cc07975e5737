"""An evaluation that came with its project, in the folder `evaluation/`, which is only read.

It is found by what it was made from: the rows, their versions and splits, and the fixed model
code. Nothing is rounded: where a prediction is correct, the probability of the label is that of
the prediction, and is stored once; bytes of equal weight stand together, so that they compress.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset, content_digest
from chameleon.models.metrics import METRICS, SCORES_SCHEMA
from chameleon.models.pipelines import RECIPE
from chameleon.project import Finding
from chameleon.storage import digest, read_folder

FORMAT = 2
"""Raised whenever evaluations are made or stored otherwise, so that shipped ones are not used."""

SHIPPED = "evaluation"
"""The folder in a project that may hold an evaluation that came with it."""

_BYTES = {f"byte_{place}": pl.UInt8 for place in range(4)}
_ROWS = {"predicted": pl.Int16, **_BYTES}


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """What is shipped of an evaluation; shapes and meanings are those of `Evaluation`."""

    classes: tuple[str, ...]
    predicted: NDArray[np.int16]
    probability_of_label: NDArray[np.float32]
    probability_of_prediction: NDArray[np.float32]
    scores: pl.DataFrame
    model: str
    findings: tuple[Finding, ...]


def write_shipped(folder: Path, dataset: EvolvingDataset, shipped: Shipped) -> None:
    """Write an evaluation into an empty folder, its rows in the dataset's order."""
    likely = _planes(shipped.probability_of_prediction)
    wrong = shipped.predicted != dataset.label
    of_label = _planes(shipped.probability_of_label[wrong])
    for name, table in (
        ("rows", pl.DataFrame({"predicted": shipped.predicted.ravel(), **likely})),
        ("wrong", pl.DataFrame(of_label)),
        ("scores", shipped.scores),
    ):
        table.write_parquet(
            folder / f"{name}.parquet", compression="zstd", compression_level=19, statistics=False
        )
    meta = {
        "key": shipped_key(dataset),
        "classes": shipped.classes,
        "model": shipped.model,
        "problems": [asdict(finding) for finding in shipped.findings],
    }
    (folder / "evaluation.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def read_shipped(dataset: EvolvingDataset) -> Shipped | None:
    """The evaluation that came with the project; None where there is none of this content."""
    folder = dataset.project.path / SHIPPED

    def read(folder: Path) -> Shipped | None:
        meta = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
        if meta["key"] != shipped_key(dataset):
            return None
        classes = tuple(map(str, meta["classes"]))
        shape = (len(dataset.versions), dataset.row_count)
        rows = _table(folder / "rows.parquet", _ROWS, shape[0] * shape[1])
        predicted = rows["predicted"].to_numpy().reshape(shape)
        of_prediction = _floats(rows).reshape(shape)
        wrong = predicted != dataset.label
        of_label = of_prediction.copy()
        of_label[wrong] = _floats(_table(folder / "wrong.parquet", _BYTES, int(wrong.sum())))
        told = shape[0] * len(SPLITS) * len(METRICS)
        scores = _table(folder / "scores.parquet", SCORES_SCHEMA, told)
        if (
            not -1 <= predicted.min() <= predicted.max() < len(classes)
            or classes[: len(dataset.classes)] != dataset.classes
        ):
            return None
        return Shipped(
            classes=classes,
            predicted=predicted,
            probability_of_label=of_label,
            probability_of_prediction=of_prediction,
            scores=scores,
            model=str(meta["model"]),
            findings=tuple(Finding.kept(entry) for entry in meta["problems"]),
        )

    return None if folder.is_symlink() else read_folder(folder, read, "evaluation", shipped=True)


def shipped_key(dataset: EvolvingDataset) -> str:
    """A digest of all that decides what the models say, whatever file or order it is read from.

    Corrections of a scikit-learn release (1.9.1, 1.9.2) do not count; the next one (1.10) does.
    """
    ids = dataset.instance_ids.gather(dataset.instance)
    names = [version.name for version in dataset.versions]
    return digest(
        FORMAT, *dataset.project.settings.model_code(names), RECIPE,
        release_of("scikit-learn").split(".")[:2], names, dataset.classes, content_digest([ids]),
        *(
            values.tobytes()
            for values in (
                dataset.content_hashes(), dataset.label.astype(np.int64),
                dataset.split.astype(np.int64), dataset.present,
            )
        ),
    )  # fmt: skip


def _planes(values: NDArray[np.float32]) -> dict[str, NDArray[np.uint8]]:
    """The four bytes of each value, a column each."""
    parts = np.ascontiguousarray(values, dtype="<f4").reshape(-1).view(np.uint8).reshape(-1, 4)
    return {name: np.ascontiguousarray(part) for name, part in zip(_BYTES, parts.T, strict=True)}


def _floats(table: pl.DataFrame) -> NDArray[np.float32]:
    joined = np.ascontiguousarray(table.select(*_BYTES).to_numpy())
    return joined.view("<f4").reshape(-1).astype(np.float32)


def _table(path: Path, schema: Mapping[str, type[pl.DataType]], rows: int) -> pl.DataFrame:
    """A table of these columns and so many rows, which is looked at before anything is read.

    Raises
    ------
    ValueError
        It is another one, or has missing values where numbers are wanted.
    """
    scan = pl.scan_parquet(path)
    if scan.collect_schema() != pl.Schema(schema) or _count(scan) != rows:
        raise ValueError("another table")
    table = scan.collect()
    if schema is not SCORES_SCHEMA and any(table.null_count().row(0)):
        raise ValueError("missing values")
    return table


def _count(scan: pl.LazyFrame) -> int:
    return int(scan.select(pl.len()).collect().item())
