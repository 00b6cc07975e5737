"""An evaluation that came with its project: read to the last bit, or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.data import EvolvingDataset, evolving_dataset
from chameleon.models import Evaluation, shipping
from chameleon.models.shipping import SHIPPED
from chameleon.project import open_project
from chameleon.storage import cache_folder
from chameleon.storage.folders import seal
from tests.library import TREE, evaluated, plain, write_project, write_version

ARRAYS = ("predicted", "outcome", "probability_of_label", "probability_of_prediction")
BOOSTED = (
    '[model]\nestimator = "HistGradientBoostingClassifier"\n'
    "params = { random_state = 0, early_stopping = false, max_iter = 4 }\n"
)


def frame(first: int, count: int, *, classes: str = "abc") -> pl.DataFrame:
    """Instances with two numbers, some of them without a label."""
    random = np.random.default_rng(first)
    labels = [
        None if k % 11 == 5 else classes[int(c)]
        for k, c in enumerate(random.integers(len(classes), size=count))
    ]
    return plain(
        count,
        id=[f"i{first + k:04d}" for k in range(count)],
        label=labels,
        split=["test" if k % 4 == 0 else "train" for k in range(count)],
        x=random.normal(size=count).tolist(),
        y=random.lognormal(size=count).tolist(),
    )


def frames() -> dict[str, pl.DataFrame]:
    one = frame(0, 90)
    two = pl.concat([one.with_columns(x=pl.when(pl.col.id < "i0020").then(9.0).otherwise("x"))])
    return {"1.0": one, "1.1": pl.concat([two, frame(500, 60)]), "1.2": frame(500, 60, classes="a")}


def forget(folder: Path) -> None:
    shutil.rmtree(folder / ".chameleon")


@pytest.fixture(scope="module")
def shipping_project(tmp_path_factory) -> Path:
    """Return a project that ships with its evaluation; nothing else is kept of it."""
    folder = write_project(tmp_path_factory.mktemp("shipping") / "p", frames(), toml=BOOSTED)
    assert shipping.main([str(folder)]) == 0
    assert not (folder / ".chameleon").exists()
    return folder


@pytest.fixture
def project(shipping_project: Path, tmp_path: Path) -> Path:
    """Return a copy of that project, to be changed."""
    return Path(shutil.copytree(shipping_project, tmp_path / "p"))


def assert_same(one: Evaluation, other: Evaluation) -> None:
    for name in ARRAYS:
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    assert one.scores.equals(other.scores)
    assert (one.key, one.classes, one.model) == (other.key, other.classes, other.model)
    assert one.findings == other.findings


def test_what_is_shipped_is_what_is_computed_bit_for_bit(project: Path):
    came = evaluated(project)
    assert came.fitted == ()
    assert not list(cache_folder(project).glob("evaluation-*"))
    assert not list(cache_folder(project).glob("model-*"))
    assert np.isnan(came.probability_of_label).any()
    assert (came.predicted == -1).any()  # 1.2 has one class only, and no model
    shutil.rmtree(project / SHIPPED)
    forget(project)
    made = evaluated(project)
    assert list(cache_folder(project).glob("evaluation-*"))
    assert_same(came, made)


def test_the_order_of_rows_in_a_file_is_no_matter(project: Path):
    first = evaluated(project)
    for name, rows in frames().items():
        write_version(project, name, rows.sample(fraction=1, shuffle=True, seed=3))
    forget(project)
    other = evaluated(project)
    assert other.fitted == ()
    assert_same(replace(other, key=first.key), first)  # the key is of the files


SWAPPED = {"train": "test", "test": "train"}
VERSIONS = {
    "a value": ("1.0", {"y": pl.col.y + 1e-9}),
    "labels": ("1.0", {"label": pl.lit("b")}),
    "splits": ("1.1", {"split": pl.col.split.replace(SWAPPED)}),
    "another version": ("1.3", {}),
}
SETTINGS = {"a parameter": BOOSTED.replace("max_iter = 4", "max_iter = 5"), "a model": TREE}


def opened(project: Path) -> EvolvingDataset:
    return evolving_dataset(open_project(project))


@pytest.mark.parametrize("change", [*VERSIONS, *SETTINGS])
def test_it_is_not_used_for_anything_else(project: Path, change):
    if change in VERSIONS:
        name, columns = VERSIONS[change]
        write_version(project, name, frames().get(name, frames()["1.0"]).with_columns(**columns))
    else:
        (project / "chameleon.toml").write_text(SETTINGS[change], encoding="utf-8")
    assert shipping.read_shipped(opened(project), dict) is None


def rewritten(name: str, *columns: pl.Expr, head: int | None = None):
    """A change of one of the shipped tables."""

    def change(folder: Path) -> None:
        path = folder / f"{name}.parquet"
        frame = pl.read_parquet(path).with_columns(columns)
        frame.head(len(frame) if head is None else head).write_parquet(path)

    return change


def half_a_file(folder: Path) -> None:
    path = folder / "wrong.parquet"
    path.write_bytes(path.read_bytes()[:50])


def other_classes(folder: Path) -> None:
    path = folder / "evaluation.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**meta, "classes": ["c", "b", "a"]}), encoding="utf-8")


def a_link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


DAMAGE = {
    "cut rows": rewritten("rows", head=-1),
    "no such class": rewritten("rows", pl.lit(7, pl.Int16).alias("predicted")),
    "missing values": rewritten(
        "rows", pl.when(pl.int_range(pl.len()) > 3).then("byte_1").alias("byte_1")
    ),
    "other types": rewritten("wrong", pl.col("byte_3").cast(pl.String)),
    "half a file": half_a_file,
    "no scores": lambda folder: (folder / "scores.parquet").unlink(),
    "other classes": other_classes,
    "no JSON": lambda folder: (folder / "evaluation.json").write_text("[]", encoding="utf-8"),
    "a link": a_link,
}


def test_what_cannot_be_an_evaluation_of_the_project_is_not_used(project: Path, tmp_path: Path):
    dataset = opened(project)
    kept = shutil.copytree(project / SHIPPED, tmp_path / "kept")
    for name, damage in DAMAGE.items():
        damage(project / SHIPPED)
        if name != "a link":
            seal(project / SHIPPED)  # with its manifest as it should be
        assert shipping.read_shipped(dataset, dict) is None, name
        if name == "a link":
            (project / SHIPPED).unlink()
        else:
            shutil.rmtree(project / SHIPPED)
        shutil.copytree(kept, project / SHIPPED)


def test_given_predictions_go_before_shipped_ones(project: Path):
    given = frames()["1.0"].select("id", prediction=pl.lit("a"))
    (project / "predictions").mkdir()
    for name in frames():
        given.write_parquet(project / "predictions" / f"{name}.parquet")
    made = evaluated(project)
    assert "predictions/" in made.model
    assert (made.predicted[made.predicted >= 0] == made.classes.index("a")).all()


def test_a_release_that_corrects_is_the_same_model_code(project: Path, monkeypatch):
    release = "1.9.99"
    monkeypatch.setattr(shipping, "release_of", lambda library: release)
    dataset = evaluated(project).dataset
    same = shipping.shipped_key(dataset)
    monkeypatch.setattr(shipping, "release_of", lambda library: "1.10.0")
    assert shipping.shipped_key(dataset) != same
    assert shipping.read_shipped(dataset, dict) is None


@pytest.mark.parametrize("place", ["{}.parquet", "{}/part.parquet"])
def test_a_shipped_evaluation_is_no_version_and_no_table_of_the_project(tmp_path: Path, place):
    folder = tmp_path / "p"
    for name, content in frames().items():
        path = folder / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        content.write_parquet(path)
    (folder / "chameleon.toml").write_text(TREE, encoding="utf-8")
    before = evaluated(folder).findings
    assert shipping.main([str(folder)]) == 0
    made = evaluated(folder)
    assert [version.name for version in made.dataset.versions] == list(frames())
    assert made.findings == before
    assert shipping.read_shipped(made.dataset, dict) is not None


@pytest.mark.parametrize(
    ("named", "words"),
    [("nowhere", "nowhere"), ("table.csv", "table.csv"), ("empty", "no version")],
)
def test_only_a_folder_with_versions_ships_an_evaluation(tmp_path: Path, capsys, named, words):
    (tmp_path / "table.csv").write_text("id,x,label,version\na,1,b,1\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    assert shipping.main([str(tmp_path / named)]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "empty" / SHIPPED).exists()


def test_a_link_to_nowhere_beside_the_data_is_passed_over(tmp_path: Path):
    folder = write_project(tmp_path / "p", {"1": frame(0, 30)}, toml=TREE)
    (folder / "notes.txt").symlink_to(tmp_path / "gone.txt")
    assert shipping.main([str(folder)]) == 0
    assert (folder / SHIPPED / "evaluation.json").is_file()
