"""The evolving dataset of a project: read from disk where it was built before, else built."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from chameleon.data.bins import BinKind, Bins
from chameleon.data.building import Builder
from chameleon.data.dataset import EvolvingDataset, Feature
from chameleon.errors import ProjectError
from chameleon.project import Kind, Problem, Project, WeakLabels, with_damage
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    noted_damage,
    read_folder,
    tidy,
    write_folder,
)

FORMAT = 6
"""Raised whenever building changes, so that datasets kept on disk are built again."""

_MOST_APPENDED = 10
"""So many versions at most are appended to a stored dataset; with more, all are read."""

_ARRAYS = (
    "instance", "label", "split", "source", "date", "present", "codes", "values", "summary",
    "has_column",
)  # fmt: skip
_WEAK_ARRAYS = ("codes", "probabilities", "votes")


def evolving_dataset(
    project: Project, *, progress: ProgressCallback | None = None
) -> EvolvingDataset:
    """The project's dataset, kept on disk by the content of its versions.

    Raises
    ------
    VersionError
        A file changed or vanished since the project was opened.
    ProjectError
        The project is `cached_only` and nothing is cached.
    """
    key = dataset_key(project)
    folder = project.results_folder
    target = folder / f"dataset-{key}"
    with noted_damage() as damaged:
        kept = read_dataset(target, project, key)
    if kept is not None:
        for version in project.versions:
            project.source.release(version)
        return kept
    if project.cached_only:
        raise ProjectError(
            f"The data of {project.name} isn't cached: the disk refused or damaged it. Try again "
            "later."
        )
    begun = _begun(project)
    builder = Builder(project, begun)
    for number, version in enumerate(project.versions):
        if begun is None or number >= len(begun.versions):
            if progress is not None:
                progress(Progress("Reading", version.name, number, len(project.versions)))
            builder.add(version)
        project.source.release(version)
    built = builder.dataset(key)
    tidy(folder, "dataset")
    if write_folder(target, lambda path: write_dataset(path, built)):
        # the copy on disk, so that the values are mapped instead of held in memory
        built = read_dataset(target, project, key) or built
    return replace(built, problems=with_damage(built.problems, damaged))


def _begun(project: Project) -> EvolvingDataset | None:
    """The stored dataset of the project's first versions, as many as there are of it.

    An appended version then costs the reading of its own file only.
    """
    if project.roles.weak:
        return None  # what a vote means is known only once all versions are
    stored = {path.name for path in project.results_folder.glob("dataset-*")}
    shortest = max(len(project.versions) - _MOST_APPENDED, 1)
    for count in range(len(project.versions) - 1, shortest - 1, -1) if stored else ():
        versions = project.versions[:count]
        found = {name for version in versions for name in project.columns[version.name]}
        kinds = {name: kind for name, kind in project.kinds.items() if name in found}
        first = replace(project, versions=versions, kinds=kinds)
        key = dataset_key(first)
        if f"dataset-{key}" in stored:
            begun = read_dataset(project.results_folder / f"dataset-{key}", first, key)
            if begun is not None:
                return begun
    return None


def dataset_key(project: Project) -> str:
    """A digest of the versions' content and of all that decides how they are read."""
    return digest(
        FORMAT,
        [(version.name, project.fingerprints[version.name]) for version in project.versions],
        asdict(project.roles),
        list(project.kinds.items()),
        [list(project.columns[version.name].items()) for version in project.versions],
    )


def write_dataset(folder: Path, dataset: EvolvingDataset) -> None:
    """Write all arrays and tables of a dataset into an empty folder."""
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(dataset, name), allow_pickle=False)
    dataset.instance_ids.to_frame("id").write_parquet(folder / "instances.parquet")
    for number, feature in enumerate(dataset.features):
        if feature.kind is Kind.TEXT:
            texts = dataset.texts[feature.name].to_frame("text")
            texts.write_parquet(folder / f"texts-{number}.parquet")
    weak = dataset.weak
    for name in _WEAK_ARRAYS if weak is not None else ():
        np.save(folder / f"weak-{name}.npy", getattr(weak, name), allow_pickle=False)
    meta = {
        "features": [asdict(feature) for feature in dataset.features],
        "classes": dataset.classes,
        "sources": dataset.sources,
        "problems": [asdict(problem) for problem in dataset.problems],
        "weak": None
        if weak is None
        else {"classes": weak.classes, "rules": weak.rules, "derived": weak.derived},
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def read_dataset(folder: Path, project: Project, key: str) -> EvolvingDataset | None:
    """The dataset kept in a folder; None where there is none that is whole."""

    def read(folder: Path) -> EvolvingDataset:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        arrays = {
            name: np.load(
                folder / f"{name}.npy",
                mmap_mode="r" if name == "values" else None,
                allow_pickle=False,
            )
            for name in _ARRAYS
        }
        features = tuple(_feature(entry) for entry in meta["features"])
        return EvolvingDataset(
            project=project,
            key=key,
            features=features,
            classes=tuple(meta["classes"]),
            sources=tuple(meta["sources"]),
            instance_ids=pl.read_parquet(folder / "instances.parquet")["id"],
            texts={
                feature.name: pl.read_parquet(folder / f"texts-{number}.parquet")["text"]
                for number, feature in enumerate(features)
                if feature.kind is Kind.TEXT
            },
            problems=tuple(Problem.kept(entry) for entry in meta["problems"]),
            weak=_weak(folder, meta["weak"]),
            **arrays,
        )

    return read_folder(folder, read, "dataset")


def _weak(folder: Path, entry: dict[str, Any] | None) -> WeakLabels | None:
    if entry is None:
        return None
    arrays = {
        name: np.load(folder / f"weak-{name}.npy", allow_pickle=False) for name in _WEAK_ARRAYS
    }
    return WeakLabels(
        classes=tuple(entry["classes"]),
        rules=tuple(entry["rules"]),
        derived=bool(entry["derived"]),
        **arrays,
    )


def _feature(entry: dict[str, Any]) -> Feature:
    bins = entry["bins"]
    return Feature(
        name=entry["name"],
        kind=Kind(entry["kind"]),
        bins=Bins(
            kind=BinKind(bins["kind"]),
            edges=tuple(bins["edges"]),
            values=tuple(bins["values"]),
            categories=tuple(bins["categories"]),
            other=bins["other"],
            low=bins["low"],
            high=bins["high"],
        ),
    )
