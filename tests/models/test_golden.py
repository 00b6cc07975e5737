"""A golden test set in a file of its own: asked of every model, counted nowhere else."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.tree import DecisionTreeClassifier

from chameleon.data import evolving_dataset
from chameleon.errors import ProjectError, SelectionError
from tests import internals as chameleon
from tests.library import TREE, WRITERS, by_hash, evaluated, write_project, write_version


def toml(file):
    return f'{TREE}\n[test]\ngolden = "{file}"\n'


def people(count, seed, first=0, split="train"):
    random = np.random.default_rng(seed)
    x = random.normal(size=count)
    return pl.DataFrame(
        {
            "id": np.arange(first, first + count),
            "label": np.where(x + random.normal(scale=0.5, size=count) > 0, "up", "down"),
            "split": split,
            "x": x,
            "colour": np.array(["red", "blue"])[random.integers(0, 2, count)],
        }
    )


def project(folder, golden, *, form="parquet", features=("x", "colour")):
    first = pl.concat([people(80, 1), people(20, 2, 200, "test")])
    first = first.select("id", "label", "split", *features)
    second = pl.concat([first, people(60, 3, 300).select(first.columns)])
    write_project(folder, {"1": first, "2": second}, toml=toml(f"golden.{form}"))
    WRITERS[form](golden, folder / f"golden.{form}")
    return folder


GOLDEN = people(70, 9, 5_000).drop("split")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """An evaluation whose golden test set a test may replace: it is read when it is asked for."""
    return evaluated(project(tmp_path_factory.mktemp("golden") / "p", GOLDEN))


def quantities(frame, count):
    """So many rows, each with a label of its own."""
    numbers = pl.Series("id", np.arange(9_000, 9_000 + count))
    drawn = pl.concat([frame] * (-(-count // len(frame)))).head(count)
    return drawn.with_columns(numbers, label="kind " + numbers.cast(pl.String))


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_every_model_is_scored_on_the_golden_rows_one_by_one(tmp_path, form):
    """The tree splits by x alone here, so that it can be fitted by hand."""
    # ids 0 and 1 stand in a train set, 5003 has no label
    rows = pl.concat([GOLDEN, people(2, 1).drop("split")])
    rows = rows.with_columns(label=pl.when(pl.col("id") == 5_003).then(None).otherwise("label"))
    folder = project(tmp_path / "p", rows.drop("colour"), form=form, features=("x",))
    frozen = chameleon.fixed_test_set(evaluated(folder), golden=True)
    fair = GOLDEN.filter(pl.col("id") != 5_003)
    expected = []
    for name in "12":
        train = pl.read_parquet(folder / "versions" / f"{name}.parquet")
        train = by_hash(train.filter(pl.col("split") == "train"))
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        tree.fit(train.select("x").to_numpy(), train["label"])
        guess = tree.predict(fair.select("x").to_numpy())
        expected.append((guess == fair["label"].to_numpy()).mean())
    assert frozen["version"].to_list() == ["1", "2"]
    assert frozen["value"].to_list() == pytest.approx(expected)
    assert frozen["instances"].to_list() == [69, 69]
    assert frozen["leaked"].to_list() == [2, 2]
    assert frozen["unknown"].to_list() == [1, 1]


def test_the_golden_rows_of_a_version_are_scored_as_that_version_scores_them(tmp_path):
    """The test rows of a version under other ids: the same rows, so the same figures."""
    tested = people(20, 2, 200, "test").with_columns(pl.col("id") + 8_000).drop("split")
    evaluation = evaluated(project(tmp_path / "p", tested))
    for metric in ("accuracy", "macro_f1", "log_loss"):
        golden = chameleon.fixed_test_set(evaluation, golden=True, metric=metric)
        own = chameleon.fixed_test_set(evaluation, test="1", metric=metric)
        assert_frame_equal(golden, own, rel_tol=1e-12)  # other ids, so another order of the sums
    golden = chameleon.fixed_test_set(evaluation, golden=True, metric="recall", of_class="up")
    assert golden.equals(chameleon.fixed_test_set(evaluation, test="1", metric="recall",
                                               of_class="up"))  # fmt: skip


def test_nothing_else_counts_the_golden_rows(tmp_path):
    """Also where it lies among the versions of a folder without versions/."""
    folder = project(tmp_path / "p", GOLDEN)
    alone = evolving_dataset(chameleon.open_project(folder))
    (folder / "golden.parquet").unlink()
    without = evolving_dataset(chameleon.open_project(folder))
    assert alone.key == without.key
    assert [version.name for version in alone.versions] == ["1", "2"]
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in "12":
        WRITERS["parquet"](people(40, int(name)), flat / f"{name}.parquet")
    WRITERS["parquet"](GOLDEN, flat / "golden.parquet")
    (flat / "chameleon.toml").write_text(toml("golden.parquet"))
    assert [v.name for v in chameleon.open_project(flat).versions] == ["1", "2"]


def test_what_the_models_said_is_kept_by_content(tmp_path, monkeypatch):
    folder = project(tmp_path / "p", GOLDEN)
    first = chameleon.fixed_test_set(evaluated(folder), golden=True)
    kept = set((folder / ".chameleon").glob("asked-*"))
    assert len(kept) == 2
    monkeypatch.setattr("chameleon.models.fitting.fit_model", None)  # nothing may be fitted
    monkeypatch.setattr("chameleon.models.fitting.Fitter._asked", None)  # nor asked
    assert chameleon.fixed_test_set(evaluated(folder), golden=True).equals(first)
    monkeypatch.undo()
    WRITERS["parquet"](GOLDEN.with_columns(x=-pl.col("x")), folder / "golden.parquet")
    assert not chameleon.fixed_test_set(evaluated(folder), golden=True).equals(first)
    # a further version asks its own model only
    write_version(folder, "3", pl.concat([people(80, 1), people(50, 4, 700)]))
    before = set((folder / ".chameleon").glob("asked-*"))
    assert len(chameleon.fixed_test_set(evaluated(folder), golden=True)) == 3
    assert len(set((folder / ".chameleon").glob("asked-*")) - before) == 1


def test_features_that_the_file_lacks_count_as_missing_and_are_told(tmp_path):
    evaluation = evaluated(project(tmp_path / "p", GOLDEN.drop("colour")))
    found = chameleon.golden_test(evaluation)
    assert found.absent == ("colour",)
    assert (found.predicted >= 0).all()


def test_a_label_that_no_version_has_is_always_wrong(sound):
    strange = GOLDEN.with_columns(label=pl.lit("sideways"))
    WRITERS["parquet"](strange, sound.dataset.project.path / "golden.parquet")
    assert chameleon.golden_test(sound).classes == ("down", "up", "sideways")
    assert chameleon.fixed_test_set(sound, golden=True)["value"].to_list() == [0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop("label"), "no column 'label'"),
        (lambda f: f.drop("id"), r"no column 'id' \(id\)"),
        (lambda f: pl.concat([f, f.head(1)]), "repeats 1 ids, such as '5000'"),
        (lambda f: f.with_columns(id=pl.when(pl.col("id") > 5_001).then("id")), "without an id"),
        (lambda f: f.select("id", "label"), "none of the features"),
        (lambda f: f.head(0), "contains no row"),
        (
            lambda f: f.with_columns(x=pl.lit("tall")),
            "'x' contains values other than number",
        ),
        (
            lambda f: f.with_columns(pl.concat_list("label")),
            r"'label' \(label\) doesn't contain",
        ),
        (lambda f: f.with_columns(pl.concat_list("id")), r"column 'id' \(id\) doesn't contain"),
        (lambda f: quantities(f, 40_000), "has 40,000 labels that no version has"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(sound, change, words):
    WRITERS["parquet"](change(GOLDEN), sound.dataset.project.path / "golden.parquet")
    with pytest.raises(ProjectError, match=words):
        chameleon.fixed_test_set(sound, golden=True)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("../golden.parquet", "outside the project folder"),
        ("gone.parquet", "doesn't exist"),
        ("chameleon.toml", "none of the readable endings"),
    ],
)
def test_a_place_that_cannot_be_used_is_told(tmp_path, file, words):
    folder = project(tmp_path / "p", GOLDEN)
    WRITERS["parquet"](GOLDEN, tmp_path / "golden.parquet")
    (folder / "chameleon.toml").write_text(toml(file))
    with pytest.raises(ProjectError, match=words):
        chameleon.golden_test(evaluated(folder))


def test_a_damaged_file_is_told(sound):
    (sound.dataset.project.path / "golden.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(ProjectError, match="could not be read as parquet"):
        chameleon.golden_test(sound)


def test_a_ragged_file_is_told_and_not_filled_up(tmp_path):
    folder = project(tmp_path / "p", GOLDEN)
    text = GOLDEN.write_csv()
    (folder / "golden.csv").write_text(text + text.splitlines()[1].rpartition(",")[0] + "\n")
    (folder / "chameleon.toml").write_text(toml("golden.csv"))
    with pytest.raises(ProjectError, match="1 rows with more or fewer fields"):
        chameleon.golden_test(evaluated(folder))


def test_without_a_golden_set_or_without_models_there_is_nothing_to_ask(tmp_path):
    frame = people(20, 1)
    folder = write_project(tmp_path / "p", {"1": frame}, toml=TREE)
    with pytest.raises(SelectionError, match="has no golden test set"):
        chameleon.fixed_test_set(evaluated(folder), golden=True)
    with pytest.raises(SelectionError, match="Name the version"):
        chameleon.fixed_test_set(evaluated(folder))
    said = {"1": pl.DataFrame({"id": frame["id"], "prediction": frame["label"]})}
    given = write_project(
        tmp_path / "q", {"1": frame}, predictions=said, toml=toml("golden.parquet")
    )
    WRITERS["parquet"](GOLDEN, given / "golden.parquet")
    with pytest.raises(SelectionError, match="external predictions"):
        chameleon.fixed_test_set(evaluated(given), golden=True)
