"""Projects with a known cause: what was added, edited or relabelled is planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

import chameleon
from chameleon.dataset_store import evolving_dataset
from chameleon.models import without_predictions
from tests.library import Frames, write_project


def population(count: int, seed: int, *, features: int = 6) -> pl.DataFrame:
    """Instances of three classes: normal features (the first tells the class), flag and colour."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, count)
    columns: dict[str, object] = {
        "id": np.arange(count),
        "label": np.array(["cat", "dog", "eel"])[label],
        "split": "train",
    }
    for number in range(features):
        shift = label if number == 0 else 0
        columns[f"f{number}"] = random.normal(size=count) + shift
    columns["flag"] = random.random(count) < 0.3
    columns["colour"] = np.array(["red", "green", "blue", "grey"])[random.integers(0, 4, count)]
    return pl.DataFrame(columns)


def looked_at(folder: Path, frames: Frames) -> chameleon.Evaluation:
    """The evaluation of frames without any model."""
    project = chameleon.open_project(write_project(folder, frames))
    return without_predictions(evolving_dataset(project))
