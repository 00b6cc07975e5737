"""An evaluation that came with its project: read to the last bit, or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.models import Evaluation, shipped, shipping
from chameleon.models.shipped import SHIPPED
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


def rewritten(project: Path, **meta: object) -> None:
    path = project / SHIPPED / "evaluation.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**said, **meta}), encoding="utf-8")


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


def changed_value(project: Path) -> None:
    write_version(project, "1.0", frames()["1.0"].with_columns(y=pl.col.y + 1e-9))


def changed_label(project: Path) -> None:
    write_version(project, "1.0", frames()["1.0"].with_columns(label=pl.lit("b")))


def swapped_splits(project: Path) -> None:
    swap = pl.col.split.replace({"train": "test", "test": "train"})
    write_version(project, "1.1", frames()["1.1"].with_columns(split=swap))


def another_version(project: Path) -> None:
    write_version(project, "1.3", frames()["1.0"])


def another_parameter(project: Path) -> None:
    path = project / "chameleon.toml"
    path.write_text(BOOSTED.replace("max_iter = 4", "max_iter = 5"), encoding="utf-8")


def another_model(project: Path) -> None:
    (project / "chameleon.toml").write_text(TREE, encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        *(changed_value, changed_label, swapped_splits),
        *(another_version, another_parameter, another_model),
    ],
)
def test_it_is_not_used_for_anything_else(project: Path, change):
    change(project)
    made = evaluated(project)
    assert shipped.read_shipped(made.dataset) is None
    shutil.rmtree(project / SHIPPED)
    forget(project)
    assert_same(evaluated(project), made)


def cut_rows(project: Path) -> None:
    path = project / SHIPPED / "rows.parquet"
    pl.read_parquet(path).head(-1).write_parquet(path)


def no_such_class(project: Path) -> None:
    path = project / SHIPPED / "rows.parquet"
    pl.read_parquet(path).with_columns(predicted=pl.lit(7, pl.Int16)).write_parquet(path)


def missing_values(project: Path) -> None:
    path = project / SHIPPED / "rows.parquet"
    holes = pl.when(pl.int_range(pl.len()) > 3).then("byte_1")
    pl.read_parquet(path).with_columns(holes.alias("byte_1")).write_parquet(path)


def other_types(project: Path) -> None:
    path = project / SHIPPED / "wrong.parquet"
    pl.read_parquet(path).with_columns(pl.col("byte_3").cast(pl.String)).write_parquet(path)


def half_a_file(project: Path) -> None:
    path = project / SHIPPED / "wrong.parquet"
    path.write_bytes(path.read_bytes()[:50])


def no_scores(project: Path) -> None:
    (project / SHIPPED / "scores.parquet").unlink()


def other_scores(project: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(project / SHIPPED / "scores.parquet")


def other_classes(project: Path) -> None:
    rewritten(project, classes=["c", "b", "a"])


def no_json(project: Path) -> None:
    (project / SHIPPED / "evaluation.json").write_text("[]", encoding="utf-8")


def a_link(project: Path) -> None:
    elsewhere = project.parent / "elsewhere"
    (project / SHIPPED).rename(elsewhere)
    (project / SHIPPED).symlink_to(elsewhere)


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_rows, no_such_class, missing_values, other_types, half_a_file, no_scores),
        *(other_scores, other_classes, no_json, a_link),
    ],
)
def test_what_cannot_be_an_evaluation_of_the_project_is_computed(project: Path, damage):
    damage(project)
    if damage is not a_link:
        seal(project / SHIPPED)  # with its manifest as it should be
    made = evaluated(project)
    assert shipped.read_shipped(made.dataset) is None
    shutil.rmtree(project / SHIPPED, ignore_errors=True)
    forget(project)
    assert_same(evaluated(project), made)


def test_given_predictions_go_before_shipped_ones(project: Path):
    given = frames()["1.0"].select("id", prediction=pl.lit("a"))
    (project / "predictions").mkdir()
    for name in frames():
        given.write_parquet(project / "predictions" / f"{name}.parquet")
    made = evaluated(project)
    assert "read from" in made.model or "given" in made.model.lower()
    assert (made.predicted[made.predicted >= 0] == made.classes.index("a")).all()


def test_a_release_that_corrects_is_the_same_model_code(project: Path, monkeypatch):
    release = "1.9.99"
    monkeypatch.setattr(shipped, "release_of", lambda library: release)
    dataset = evaluated(project).dataset
    same = shipped.shipped_key(dataset)
    monkeypatch.setattr(shipped, "release_of", lambda library: "1.10.0")
    assert shipped.shipped_key(dataset) != same
    assert shipped.read_shipped(dataset) is None


def test_a_project_that_cannot_be_read_ships_nothing(tmp_path: Path, capsys):
    (tmp_path / "empty").mkdir()
    assert shipping.main([str(tmp_path / "empty")]) == 1
    assert capsys.readouterr().err
    assert not (tmp_path / "empty" / SHIPPED).exists()


@pytest.mark.parametrize("place", ["versions/{}.parquet", "{}.parquet", "{}/part.parquet"])
def test_a_shipped_evaluation_is_no_version_and_no_table_of_the_project(tmp_path: Path, place):
    for name, content in frames().items():
        path = tmp_path / "p" / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        content.write_parquet(path)
    before = evaluated(tmp_path / "p").findings
    assert shipping.main([str(tmp_path / "p")]) == 0
    made = evaluated(tmp_path / "p")
    assert [version.name for version in made.dataset.versions] == list(frames())
    assert made.findings == before
    assert shipped.read_shipped(made.dataset) is not None


@pytest.mark.parametrize("named", ["nowhere", "table.csv"])
def test_only_a_folder_ships_an_evaluation(tmp_path: Path, capsys, named):
    (tmp_path / "table.csv").write_text("id,x,label,version\na,1,b,1\n", encoding="utf-8")
    assert shipping.main([str(tmp_path / named)]) == 1
    assert named in capsys.readouterr().err


def test_a_link_to_nowhere_beside_the_data_is_passed_over(tmp_path: Path):
    folder = write_project(tmp_path / "p", {"1": frame(0, 30)}, toml=TREE)
    (folder / "notes.txt").symlink_to(tmp_path / "gone.txt")
    assert shipping.main([str(folder)]) == 0
    assert (folder / SHIPPED / "evaluation.json").is_file()
