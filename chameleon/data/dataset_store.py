"""The evolving dataset of a project: read from disk where it was built before, else built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from chameleon.data.building import Builder
from chameleon.data.dataset import EvolvingDataset, Feature
from chameleon.errors import ProjectError
from chameleon.project import Finding, Kind, Project, WeakLabels, with_damage
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    noted_damage,
    read_parts,
    write_parts,
)

FORMAT = 7  # raised whenever building changes, so that cached datasets are built again
_MOST_APPENDED = 10  # versions that are appended to a stored dataset; with more, all are read
_ARRAYS = (
    "instance", "label", "split", "source", "date", "present", "codes", "values", "summary",
    "has_column",
)  # fmt: skip
_WEAK_ARRAYS = ("codes", "probabilities", "votes")


def evolving_dataset(
    project: Project, *, progress: ProgressCallback | None = None
) -> EvolvingDataset:
    """The project's dataset, cached on disk by the content of its versions.

    A file that changed since the project was opened raises VersionError, and a `cached_only`
    project of which nothing is cached ProjectError.
    """
    key = dataset_key(project)
    target = project.results_folder / f"dataset-{key}"
    with noted_damage() as damaged:
        cached = _read(target, project, key)
    if cached is not None:
        for version in project.versions:
            project.source.release(version)
        return cached
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
    if write_parts(target, _parts(built)):
        # the copy on disk, so that the values are mapped instead of in memory
        built = _read(target, project, key) or built
    return replace(built, findings=with_damage(built.findings, damaged))


def _begun(project: Project) -> EvolvingDataset | None:
    """The stored dataset of as many of the project's first versions as possible.

    Appending a version then reads its file only.
    """
    if project.roles.weak:
        return None  # the meaning of a vote is known only once all versions are
    stored = {path.name for path in project.results_folder.glob("dataset-*")}
    shortest = max(len(project.versions) - _MOST_APPENDED, 1)
    for count in range(len(project.versions) - 1, shortest - 1, -1) if stored else ():
        versions = project.versions[:count]
        found = {name for version in versions for name in project.columns[version.name]}
        kinds = {name: kind for name, kind in project.kinds.items() if name in found}
        first = replace(project, versions=versions, kinds=kinds)
        key = dataset_key(first)
        if f"dataset-{key}" in stored:
            begun = _read(project.results_folder / f"dataset-{key}", first, key)
            if begun is not None:
                return begun
    return None


def dataset_key(project: Project) -> str:
    """A digest of the versions' content and of everything that decides how they are read."""
    return digest(
        FORMAT,
        [(version.name, project.fingerprints[version.name]) for version in project.versions],
        asdict(project.roles),
        list(project.kinds.items()),
        [list(project.columns[version.name].items()) for version in project.versions],
    )


def _parts(dataset: EvolvingDataset) -> dict[str, object]:
    """All of a dataset as the parts of a folder."""
    weak = dataset.weak
    parts: dict[str, object] = {name: getattr(dataset, name) for name in _ARRAYS}
    parts["instances"] = dataset.instance_ids.to_frame("id")
    for number, feature in enumerate(dataset.features):
        if feature.kind is Kind.TEXT:
            parts[f"texts-{number}"] = dataset.texts[feature.name].to_frame("text")
    if weak is not None:
        parts |= {f"weak-{name}": getattr(weak, name) for name in _WEAK_ARRAYS}
    parts["meta"] = {
        "features": [asdict(feature) for feature in dataset.features],
        "classes": dataset.classes,
        "sources": dataset.sources,
        "problems": [asdict(finding) for finding in dataset.findings],
        "weak": None
        if weak is None
        else {"classes": weak.classes, "rules": weak.rules, "derived": weak.derived},
    }
    return parts


def _read(target: Path, project: Project, key: str) -> EvolvingDataset | None:
    """The dataset cached in a folder; None without a whole one."""

    def build(parts: Mapping[str, Any]) -> EvolvingDataset:
        meta = parts["meta"]
        features = msgspec.convert(meta["features"], tuple[Feature, ...])
        weak = None
        if (entry := meta["weak"]) is not None:
            arrays = {name: parts[f"weak-{name}"] for name in _WEAK_ARRAYS}
            weak = WeakLabels(
                classes=tuple(entry["classes"]),
                rules=tuple(entry["rules"]),
                derived=entry["derived"],
                **arrays,
            )
        return EvolvingDataset(
            project=project,
            key=key,
            features=features,
            classes=tuple(meta["classes"]),
            sources=tuple(meta["sources"]),
            instance_ids=parts["instances"]["id"],
            texts={
                feature.name: parts[f"texts-{number}"]["text"]
                for number, feature in enumerate(features)
                if feature.kind is Kind.TEXT
            },
            findings=msgspec.convert(meta["problems"], tuple[Finding, ...]),
            weak=weak,
            **{name: parts[name] for name in _ARRAYS},
        )

    return read_parts(target, "dataset", build, mapped=["values"])
