"""Cached files that were damaged: every number stays the same to the bit, and it is reported.

`CHAMELEON_DAMAGES=1400 pytest tests/storage/test_damage.py -s` tries and counts so many.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.data import evolving_dataset, feature_hashes, laid_out_features
from chameleon.layout.layouts import pca_stored_layout, write_layout
from chameleon.models import Refitter, golden_test, out_of_fold, shipping, version_predictions
from chameleon.project import Finding, with_damage
from chameleon.storage import noted_damage, read_folder, save_parts, write_folder
from chameleon.storage.folders import MANIFEST
from tests import internals as chameleon
from tests.library import TREE, plain

DAMAGES = int(os.environ.get("CHAMELEON_DAMAGES", "30"))

ONE_TABLE = f"""{TREE}
[source]
file = "all.csv"
version = "batch"
reading = "snapshot"
[test]
golden = "golden.parquet"
"""


@dataclass(frozen=True)
class Kind:
    """One kind of cached folder, by the name that messages give it."""

    name: str
    behind: tuple[str, ...] = ()  # the kinds that are read in its place while they are there
    evaluated: bool = True  # `evaluate` reads it, so that the evaluation reports it


KINDS = {
    "dataset": Kind("cached dataset"),
    "evaluation": Kind("cached evaluation"),
    "model": Kind("cached set of predictions", behind=("evaluation",)),
    "models": Kind("cached model", behind=("evaluation", "model", "asked")),
    "asked": Kind("cached set of predictions", evaluated=False),
    "refit": Kind("cached refit", evaluated=False),
    "fold": Kind("cached cross-validation fold", evaluated=False),
    "layout": Kind("cached layout"),
    "table": Kind("cached table copy"),
    "keys": Kind("cached table index"),
    "files": Kind("cached file index"),
    "shipped evaluation": Kind("shipped evaluation", behind=("evaluation",)),
    "shipped layout": Kind("shipped layout"),
}
"""By the word that a folder's name begins with; "models" is the user's folder of fitted models."""


def frame(count: int, **columns: object) -> pl.DataFrame:
    """Rows with numbers, a text, label probabilities and votes."""
    return plain(
        count,
        y=[None if i % 7 == 3 else (i * 37 % 11) / 3 for i in range(count)],
        colour=[("red", "blue", None)[i % 3] for i in range(count)],
        label_proba_a=[0.75 if i % 2 else 0.125 for i in range(count)],
        label_proba_b=[0.25 if i % 2 else 0.875 for i in range(count)],
        label_vote_r=[("a", "b", None)[i % 3] for i in range(count)],
        **columns,
    )


@dataclass(frozen=True)
class Place:
    """A project, its caches, whole copies of what may be damaged, and what is right.

    `shipped` says whether its own folders are damaged, and not its caches.
    """

    folder: Path
    user_cache: Path
    whole: Path
    shipped: bool
    wanted: dict[str, object]
    findings: tuple[Finding, ...]

    @property
    def roots(self) -> dict[str, Path]:
        """The folders that hold what may be damaged, by the names of their copies."""
        own = {name: self.folder / name for name in ("evaluation", "layout")}
        cached = {"cache": self.folder / ".chameleon", "models": self.user_cache / "chameleon"}
        return own if self.shipped else cached

    def restore(self) -> None:
        for name, root in self.roots.items():
            shutil.rmtree(root)
            shutil.copytree(self.whole / name, root)

    def files(self) -> list[Path]:
        found = (path for root in self.roots.values() for path in root.rglob("*"))
        return sorted(path for path in found if path.is_file())

    def kind(self, file: Path) -> str:
        """The kind of the folder that holds a file."""
        if self.shipped:
            return f"shipped {file.parent.name}"
        model = file.parent.parent.name == "models"
        return "models" if model else file.parent.name.partition("-")[0]


def everything(folder: Path) -> tuple[dict[str, object], chameleon.Evaluation]:
    """All that is computed of a project, each value as it is to the bit."""
    project = chameleon.open_project(folder)
    evaluation = chameleon.evaluate(project)
    dataset, layout, weak = evaluation.dataset, evaluation.layout, evaluation.dataset.weak
    assert layout is not None
    assert weak is not None
    every = np.arange(dataset.row_count)
    train = every[dataset.split == 0]
    golden = golden_test(evaluation)
    parts: dict[str, object] = {
        "project": (project.fingerprints, project.kinds, project.columns, project.roles),
        "dataset": (dataset.key, dataset.features, dataset.classes, dataset.instance_ids.to_list()),
        "texts": {name: texts.to_list() for name, texts in dataset.texts.items()},
        "evaluation": (evaluation.key, evaluation.classes, evaluation.model),
        "scores": evaluation.scores.to_dict(as_series=False),
        "layout": (layout.key, layout.method, layout.parameters, layout.fitted_rows),
        "weak": (weak.classes, weak.rules, weak.derived),
        "golden classes": golden.classes,
    }
    said = {name: version_predictions(evaluation, name)[0] for name in ("1", "2")}
    spec = project.settings.model
    arrays = {
        **{name: getattr(dataset, name) for name in (
            "instance", "label", "split", "source", "date", "present", "codes", "values",
            "summary", "has_column",
        )},
        **{name: getattr(evaluation, name) for name in (
            "predicted", "outcome", "probability_of_label", "probability_of_prediction",
        )},
        **{f"weak {name}": getattr(weak, name) for name in ("codes", "probabilities", "votes")},
        **{f"said {name}": one.predicted for name, one in said.items()},
        **{f"shares {name}": one.probabilities for name, one in said.items()},
        "x": layout.x, "y": layout.y,
        "golden": golden.predicted, "golden shares": golden.probability_of_label,
        "refit": Refitter(evaluation, every.astype(np.int32)).predicted(train.astype(np.int32)),
        "folds": out_of_fold(evaluation, train, spec=spec, folds=2, seed=0).probabilities,
    }  # fmt: skip
    parts |= {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}
    return {name: repr(part) for name, part in parts.items()}, evaluation


def flipped(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= chance.randint(1, 255)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(1, len(content))])


def emptied(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def deleted(path: Path, chance: random.Random) -> None:
    path.unlink()


def joined_by_another(path: Path, chance: random.Random) -> None:
    path.with_name("probabilities.npy.old").write_bytes(path.read_bytes())


def swapped(path: Path, chance: random.Random) -> None:
    other = chance.choice([p for p in path.parent.iterdir() if p != path])
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


WAYS: tuple[Callable[[Path, random.Random], None], ...] = (
    flipped, cut, emptied, deleted, joined_by_another, swapped,
)  # fmt: skip


@pytest.fixture(params=[False, True], ids=["cached", "shipped"])
def place(request, tmp_path: Path, monkeypatch) -> Place:
    """Return a project with every kind of cached folder, or with both folders that are shipped."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    folder = tmp_path / "p"
    folder.mkdir()
    frames = [frame(40, batch=[1] * 40), frame(60, batch=[2] * 60)]
    pl.concat(frames).write_csv(folder / "all.csv")
    golden = frame(12).with_columns(pl.col("id") + 900)
    golden.write_parquet(folder / "golden.parquet")
    (folder / "chameleon.toml").write_text(ONE_TABLE)
    dataset = evolving_dataset(chameleon.open_project(folder))
    features = laid_out_features(dataset)
    standing = pca_stored_layout(dataset, feature_hashes(dataset, features), features)
    if request.param:
        assert shipping.main([str(folder)]) == 0
        assert write_folder(folder / "layout", lambda path: save_parts(path, standing.parts))
    else:
        assert write_layout(standing, dataset)
    wanted, evaluation = everything(folder)
    made = Place(
        folder, tmp_path / "user", tmp_path / "whole", request.param, wanted, evaluation.findings
    )
    for name, root in made.roots.items():
        shutil.copytree(root, made.whole / name)
    return made


def tries(place: Place, count: int) -> list[tuple[Path, Callable[[Path, random.Random], None]]]:
    """So many damages, every kind of folder and every way in turn."""
    chance = random.Random(11)
    files: dict[str, list[Path]] = {}
    for path in place.files():
        files.setdefault(place.kind(path), []).append(path)
    return [
        (chance.choice(own), WAYS[(number + turn) % len(WAYS)])
        for turn in range(-(-count // len(files)))
        for number, own in enumerate(files.values())
    ]


@pytest.mark.timeout(3600)
def test_whatever_is_damaged_no_number_changes_and_it_is_reported(place: Place):
    chance, told = random.Random(7), Counter[str]()
    planned = tries(place, DAMAGES // 4 if place.shipped else DAMAGES)
    for number, (file, damage) in enumerate(planned):
        where = f"try {number}: {damage.__name__} {file.relative_to(place.folder.parent)}"
        kind = KINDS[place.kind(file)]
        place.restore()
        for front in kind.behind:
            for folder in (place.folder / ".chameleon").glob(f"{front}-*"):
                shutil.rmtree(folder)
        damage(file, chance)
        damaged_files = {path: path.read_bytes() for path in place.files()}
        with noted_damage() as noted:
            found, evaluation = everything(place.folder)
        for name, value in place.wanted.items():
            assert found[name] == value, (where, name)
        # without its manifest a folder is that of an earlier release
        expected = [kind.name] if file.parent / MANIFEST in damaged_files else []
        assert noted == expected, where
        reported = expected if kind.evaluated else []
        assert evaluation.findings == with_damage(place.findings, reported), where
        if place.shipped:
            assert {path: path.read_bytes() for path in place.files()} == damaged_files, where
        elif kind.name != "cached layout":  # a page makes the next one
            assert read_folder(file.parent, Path.is_dir, "folder"), where
        told.update(expected)
    gone = len(planned) - told.total()
    print(f"\n{len(planned)} damages, {gone} of them a manifest that is gone: {dict(told)}")
    assert told.keys() == {KINDS[place.kind(path)].name for path in place.files()}
