"""Projects with a known cause: what was added, edited or relabeled is planted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from chameleon.data import evolving_dataset
from chameleon.models import without_predictions
from tests import internals as chameleon
from tests.library import TREE, Frames, evaluated, write_project


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


def steps(pairs: Mapping[int, tuple[pl.DataFrame, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """The two versions of every seed, named seed.1 and seed.2, for one project of all."""
    return {f"{s}.{n}": frame for s, pair in pairs.items() for n, frame in enumerate(pair, 1)}


def sides_of(seed: int) -> dict[str, str]:
    """The versions of a seed's step in a project of `steps`."""
    return {"primary": f"{seed}.2", "secondary": f"{seed}.1"}


TESTS, TRAINS = 400, 600


def noisy(count: int, seed: int, *, first: int = 0, split: str = "train") -> pl.DataFrame:
    """Instances of two classes that two features tell apart but for a fifth, numbered on."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, count))
    label = np.where(x + y / 2 + random.normal(scale=0.6, size=count) > 0, "up", "down")
    ids = np.arange(first, first + count)
    return pl.DataFrame({"id": ids, "label": label, "split": split, "x": x, "y": y})


def steady(seed: int = 0) -> pl.DataFrame:
    """A version of `noisy`: its test rows first, then its train rows."""
    train = noisy(TRAINS, 2 * seed + 1, first=10_000)
    return pl.concat([noisy(TESTS, 2 * seed, split="test"), train])


def redrawn(frame: pl.DataFrame, seed: int, split: str) -> pl.DataFrame:
    """The version with half of a split's instances drawn anew: nothing but chance."""
    own = pl.col("split") == split
    left = frame.filter(own & (pl.col("id") % 2 == 0))
    first = 50_000 if split == "train" else 60_000
    fresh = noisy(len(left), 1_000_000 + first + seed, first=first, split=split)
    return pl.concat([frame.filter(~own | (pl.col("id") % 2 == 1)), fresh])


def evaluated_step(folder: Path, before: pl.DataFrame, after: pl.DataFrame, toml: str = TREE):
    """The evaluation of the two versions 1 and 2."""
    return evaluated(write_project(folder, {"1": before, "2": after}, toml=toml))
