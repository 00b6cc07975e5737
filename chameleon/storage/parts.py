"""Cached results as folders of named parts: arrays as NPY, tables as Parquet, the rest as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from chameleon.storage.folders import KEPT_FOLDERS, prune_cache, read_folder, write_folder

Result = TypeVar("Result")


def write_parts(target: Path, parts: Mapping[str, object], *, keep: int = KEPT_FOLDERS) -> bool:
    """Write a cached result and prune others of its kind; return True if `target` holds it.

    Parameters
    ----------
    target
        A folder named by its kind, a hyphen, and a digest.
    keep
        How many folders of the kind are kept.
    """
    written = write_folder(target, lambda folder: save_parts(folder, parts))
    prune_cache(target.parent, target.name.partition("-")[0], keep=keep)
    return written


def read_parts(
    target: Path,
    name: str,
    build: Callable[[dict[str, Any]], Result],
    *,
    mapped: Collection[str] = (),
    shipped: bool = False,
    used: bool = True,
) -> Result | None:
    """What `build` makes of the parts of a folder; None without a whole one (`read_folder`).

    Parameters
    ----------
    mapped
        Names of arrays that are mapped from disk instead of read.
    """
    return read_folder(
        target, lambda folder: build(load_parts(folder, mapped)), name, shipped=shipped, used=used
    )


def save_parts(folder: Path, parts: Mapping[str, object]) -> None:
    """Write every part into a file of its name."""
    for name, part in parts.items():
        if isinstance(part, np.ndarray):
            np.save(folder / f"{name}.npy", part, allow_pickle=False)
        elif isinstance(part, pl.DataFrame):
            part.write_parquet(folder / f"{name}.parquet", compression="zstd", statistics=False)
        else:
            text = json.dumps(part, indent=1)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")


def load_parts(folder: Path, mapped: Collection[str] = ()) -> dict[str, Any]:
    """The parts of a folder by name."""
    parts: dict[str, Any] = {}
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue  # a system's file manager adds them
        if path.suffix == ".npy":
            parts[path.stem] = np.load(
                path, mmap_mode="r" if path.stem in mapped else None, allow_pickle=False
            )
        elif path.suffix == ".parquet":
            parts[path.stem] = pl.read_parquet(path)
        elif path.suffix == ".json":
            parts[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return parts
