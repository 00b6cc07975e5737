"""The evaluation that a project ships with: `python -m chameleon.models.shipping PROJECT`.

It is stored in the folder `evaluation/` and valid for the same rows, versions, splits, and model
code. Nothing is rounded: where a prediction is correct, the probability of the label is that of the
prediction, and is stored once. Bytes of equal weight are stored together, which compresses better.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import outcome_codes
from chameleon.data import SPLITS, EvolvingDataset, content_digest
from chameleon.errors import ChameleonError
from chameleon.models.predictions import METRICS, SCORES_SCHEMA
from chameleon.models.trainer import RECIPE
from chameleon.project import open_project
from chameleon.storage import digest, read_folder, write_folder

if TYPE_CHECKING:
    from chameleon.models.evaluation import Evaluation

FORMAT = 2
"""Raised whenever evaluations are made or stored otherwise, so that shipped ones are not used."""

SHIPPED = "evaluation"
"""The folder in a project that may contain its evaluation."""

Built = TypeVar("Built")

_BYTES = {f"byte_{place}": pl.UInt8 for place in range(4)}
_ROWS = {"predicted": pl.Int16, **_BYTES}


def write_shipped(folder: Path, made: Evaluation) -> None:
    """Write an evaluation into an empty folder, its rows in the dataset's order."""
    dataset = made.dataset
    wrong = made.predicted != dataset.label
    rows = _bytes(made.probability_of_prediction).insert_column(
        0, pl.Series("predicted", made.predicted.ravel())
    )
    tables = {"rows": rows, "wrong": _bytes(made.probability_of_label[wrong])}
    for name, table in (tables | {"scores": made.scores}).items():
        table.write_parquet(
            folder / f"{name}.parquet", compression="zstd", compression_level=19, statistics=False
        )
    own = len(dataset.project.findings) + len(dataset.findings)
    meta = {
        "key": shipped_key(dataset),
        "classes": made.classes,
        "model": made.model,
        "problems": [asdict(finding) for finding in made.findings[own:]],
    }
    (folder / "evaluation.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def read_shipped(
    dataset: EvolvingDataset, build: Callable[[Mapping[str, Any]], Built]
) -> Built | None:
    """The result of `build` for the shipped evaluation's parts; None without one."""
    folder = dataset.project.path / SHIPPED

    def read(folder: Path) -> Built | None:
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
        score_count = shape[0] * len(SPLITS) * len(METRICS)
        scores = _table(folder / "scores.parquet", SCORES_SCHEMA, score_count)
        if (
            not -1 <= predicted.min() <= predicted.max() < len(classes)
            or classes[: len(dataset.classes)] != dataset.classes
        ):
            return None
        return build(
            {
                "predicted": predicted,
                "outcome": outcome_codes(predicted, dataset.label),
                "probability_of_label": of_label,
                "probability_of_prediction": of_prediction,
                "scores": scores,
                "meta": {**meta, "classes": classes, "model": str(meta["model"]), "seconds": {}},
            }
        )

    return None if folder.is_symlink() else read_folder(folder, read, "evaluation", shipped=True)


def shipped_key(dataset: EvolvingDataset) -> str:
    """A digest of all that decides the predictions, whatever file or order it is read from.

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


def _bytes(values: NDArray[np.float32]) -> pl.DataFrame:
    """The four bytes of each value, a column each."""
    parts = np.ascontiguousarray(values, dtype="<f4").reshape(-1).view(np.uint8).reshape(-1, 4)
    return pl.DataFrame(parts, schema=_BYTES, orient="row")


def _floats(table: pl.DataFrame) -> NDArray[np.float32]:
    joined = np.ascontiguousarray(table.select(*_BYTES).to_numpy())
    return joined.view("<f4").reshape(-1).astype(np.float32)


def _table(path: Path, schema: Mapping[str, type[pl.DataType]], rows: int) -> pl.DataFrame:
    """A table of these columns and this many rows; ValueError, before it is read, for another."""
    scan = pl.scan_parquet(path)
    count = scan.select(pl.len()).collect().item()
    if scan.collect_schema() != pl.Schema(schema) or count != rows:
        raise ValueError("another table")
    table = scan.collect()
    if schema is not SCORES_SCHEMA and any(table.null_count().row(0)):
        raise ValueError("missing values")
    return table


def fresh_evaluation(project: Path) -> Evaluation:
    """The evaluation of a project folder, every model refitted, whatever is cached or shipped."""
    from chameleon.models.evaluation import evaluate  # which reads what this module writes

    with tempfile.TemporaryDirectory(prefix="chameleon-") as private:
        copied = Path(private) / "project"
        ignored = shutil.ignore_patterns(".chameleon", SHIPPED, "__pycache__")
        shutil.copytree(project, copied, ignore=ignored, ignore_dangling_symlinks=True)
        return evaluate(open_project(copied, private=Path(private) / "cache"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 if the project folder now contains its evaluation, else 1."""
    parser = argparse.ArgumentParser(description="Evaluates a project, to be shipped with it.")
    parser.add_argument("project", type=Path)
    folder: Path = parser.parse_args(arguments).project
    if not folder.is_dir():
        print(f"{folder} isn't a project folder: only a folder ships with more.", file=sys.stderr)
        return 1
    try:
        made = fresh_evaluation(folder)
    except (ChameleonError, OSError) as error:  # a full disk, an unreadable file
        print(error, file=sys.stderr)
        return 1
    target = folder / SHIPPED
    shutil.rmtree(target, ignore_errors=True)
    return 0 if write_folder(target, lambda path: write_shipped(path, made)) else 1


if __name__ == "__main__":
    sys.exit(main())
