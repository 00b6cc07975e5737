"""The models: what is fitted, when, on which rows, and that it is plain scikit-learn."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sklearn.metrics
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from chameleon.data import EvolvingDataset
from chameleon.models import model_input, unfitted_pipeline
from chameleon.project import ModelSpec, Severity
from chameleon.storage.folders import MANIFEST
from tests import internals as chameleon
from tests.library import TREE, by_hash, evaluated, messages, plain, write_project, write_version

ROOT = Path(__file__).parents[2]
BOOSTED = "[model]\nparams = { random_state = 0, early_stopping = false, max_iter = 8 }\n"
"""The default model, with fewer trees."""

SPLITS = ("train", "test", "validation")
ARRAYS = ("predicted", "outcome", "probability_of_label", "probability_of_prediction")


def sample(version: int, *, classes: int = 3) -> pl.DataFrame:
    """150 instances with numbers, texts, missing values, infinities and unlabelled rows."""
    random = np.random.default_rng(7)
    count = 150
    label = random.integers(0, classes, count)
    size = np.round(label + random.normal(0, 0.8, count), 3).tolist()
    near = np.round(random.normal(0, 1, count) + label * version / 4, 3).tolist()
    for row in range(0, count, 13):
        size[row] = None if row % 2 else float("inf")
    colour = [None if i % 17 == 0 else "rgb"[(k + i % 2) % 3] for i, k in enumerate(label)]
    labels = [None if i % 29 == 0 else f"class {k}" for i, k in enumerate(label)]
    frame = pl.DataFrame(
        {
            "id": list(range(count)),
            "label": labels,
            "split": [("train", "train", "test", "val")[i % 4] for i in range(count)],
            "size": size,
            "near": near,
            "colour": colour,
            "count": [int(abs(n) * 3) for n in near],
        },
        strict=False,
    )
    return frame.head(100 + 20 * version)


SAMPLES = {"1.0": sample(0), "1.1": sample(1), "1.2": sample(2)}


def own_arrays(evaluation: chameleon.Evaluation) -> dict[str, np.ndarray]:
    return {name: np.array(getattr(evaluation, name)) for name in ARRAYS}


def assert_equal(first: chameleon.Evaluation, second: chameleon.Evaluation) -> None:
    """The same to the last bit: arrays, scores, classes, problems."""
    for name, array in own_arrays(first).items():
        other = getattr(second, name)
        assert array.dtype == other.dtype, name
        assert array.tobytes() == other.tobytes(), name
    assert first.scores.equals(second.scores)
    for name in ("key", "classes", "model"):
        assert getattr(first, name) == getattr(second, name)


def forget(folder: Path, user_cache: Path) -> None:
    """Remove all that is kept on disk."""
    shutil.rmtree(folder / ".chameleon", ignore_errors=True)
    shutil.rmtree(user_cache / "chameleon", ignore_errors=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    """A user's cache for every test of its own: equal data must not find each other's models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    return tmp_path / "user-cache"


# ---------------------------------------------------------------- plain scikit-learn


def plain_boosting() -> Pipeline:
    categories = OrdinalEncoder(
        max_categories=254,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    encode = ColumnTransformer([("c", categories, ["colour"])], remainder="passthrough")
    model = HistGradientBoostingClassifier(
        random_state=0, early_stopping=False, l2_regularization=1.0, categorical_features=[0]
    )
    return Pipeline([("encode", encode), ("classify", model)])


def plain_regression() -> Pipeline:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = OneHotEncoder(
        max_categories=30, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    encode = ColumnTransformer(
        [("numbers", numbers, ["count", "near", "size"]), ("texts", texts, ["colour"])]
    )
    return Pipeline([("encode", encode), ("classify", LogisticRegression(random_state=0, C=0.5))])


PLAIN = {
    "": plain_boosting,
    '[model]\nestimator = "LogisticRegression"\nparams = { C = 0.5 }\n': plain_regression,
}
FEATURES = ["colour", "count", "near", "size"]


def as_input(frame: pl.DataFrame) -> pl.DataFrame:
    """The features as a model takes them: infinities are missing, numbers are floats."""
    return frame.select(
        pl.col("size", "near", "count").cast(pl.Float64).replace([float("inf")], None)
        .fill_null(float("nan")),
        "colour",
    ).select(FEATURES)  # fmt: skip


def fitted_plainly(pipeline: Pipeline, frame: pl.DataFrame) -> Pipeline:
    """The pipeline fitted on the labeled train rows, in the order of a hash of their ids."""
    train = frame.filter(pl.col("split") == "train", pl.col("label").is_not_null())
    train = by_hash(train)
    return pipeline.fit(as_input(train), train["label"].to_numpy().astype(str))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Threads that wait for each other's turn on a busy machine are far slower than one."""
    with threadpool_limits(1):
        yield


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("toml", PLAIN, ids=["boosting", "regression"])
def test_every_model_is_what_plain_scikit_learn_fits_and_so_are_its_metrics(tmp_path, toml):
    frames = {name: SAMPLES[name] for name in ("1.0", "1.2")}
    evaluation = evaluated(write_project(tmp_path / "p", frames, toml=toml))
    assert evaluation.fitted == tuple(frames)
    dataset, metrics = evaluation.dataset, chameleon.version_metrics(evaluation)
    for number, frame in enumerate(frames.values()):
        model = fitted_plainly(PLAIN[toml](), frame)
        # every row of the timeline, not the version's own alone
        for other, rows in frames.items():
            held = dataset.rows_of(dataset.version_number(other))
            ids = dataset.instance_ids.gather(dataset.instance[held]).cast(pl.Int64)
            ordered = ids.to_frame("id").join(rows, on="id", maintain_order="left")
            said = model.predict(as_input(ordered))
            assert [evaluation.classes[c] for c in evaluation.predicted[number, held]] == [*said]
            highest = model.predict_proba(as_input(ordered)).max(axis=1).astype(np.float32)
            found = evaluation.probability_of_prediction[number, held]
            np.testing.assert_array_equal(found, highest)
        line = metrics.row(number, named=True)
        for split, written in zip(SPLITS, ("train", "test", "val"), strict=True):
            # in the order in which the library holds the rows: sums differ in their last digit
            held = dataset.rows_of(number)
            ids = dataset.instance_ids.gather(dataset.instance[held]).cast(pl.Int64)
            own = ids.to_frame("id").join(frame, on="id", maintain_order="left")
            check_metrics(model, own.filter(split=written), line, split)


def check_metrics(
    model: Pipeline, own: pl.DataFrame, line: Mapping[str, object], split: str
) -> None:
    known = own.filter(pl.col("label").is_not_null())
    truth = known["label"].to_numpy().astype(str)
    said, shares = model.predict(as_input(known)), model.predict_proba(as_input(known))
    expected = {
        "instances": len(own),
        "unknown": own["label"].null_count(),
        "accuracy": sklearn.metrics.accuracy_score(truth, said),
        "macro_f1": sklearn.metrics.f1_score(truth, said, average="macro"),
        "log_loss": sklearn.metrics.log_loss(truth, shares),
        "roc_auc": sklearn.metrics.roc_auc_score(truth, shares, multi_class="ovr"),
    }
    assert {name: line[f"{split}_{name}"] for name in expected} == expected


def test_the_default_model_is_sound_where_a_class_has_a_single_row(tmp_path):
    """Without regularization its train accuracy is 0.77 on these rows, and its log loss 8.4."""
    random = np.random.default_rng(3)
    counts = (2546, 676, 80, 53, 28, 1)
    label = np.repeat(np.arange(6), counts)
    centers = random.normal(scale=2, size=(5, 8))
    values = centers[label % 5] + random.normal(size=(len(label), 8))  # the one row amid class 0
    values[random.random(values.shape) < 0.4] = np.nan
    frame = pl.DataFrame(values, schema=[f"x{k}" for k in range(8)]).with_columns(
        id=pl.int_range(len(label)), label=pl.Series(label), split=pl.lit("train")
    )
    line = chameleon.version_metrics(evaluated(write_project(tmp_path, {"1": frame})))
    assert line["train_accuracy"][0] > 0.99
    assert line["train_log_loss"][0] < 0.05


ESTIMATORS = {
    "RandomForestClassifier": "{ n_estimators = 5 }",
    "KNeighborsClassifier": "{ n_neighbors = 3 }",
    "LinearSVC": "{}",
    "MultinomialNB": "{}",
    "MLPClassifier": "{ max_iter = 5, hidden_layer_sizes = [4] }",
}
"""Of trees, distances, margins without probabilities, counts, and gradients."""


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_any_classifier_takes_numbers_texts_missing_values_and_infinities(tmp_path, name):
    toml = f'[model]\nestimator = "{name}"\nparams = {ESTIMATORS[name]}\n'
    frames = {"1": sample(0), "2": sample(1).with_columns(colour=pl.lit("never seen in 1"))}
    evaluation = evaluated(write_project(tmp_path / "p", frames, toml=toml))
    assert evaluation.fitted == ("1", "2")
    assert (evaluation.predicted >= 0).all()
    assert name in evaluation.model
    dataset = evaluation.dataset
    # the same pipeline, fitted here on the rows of the first version
    rows = dataset.rows_of(0)
    train = rows[(dataset.split[rows] == 0) & (dataset.label[rows] >= 0)]
    spec = dataset.project.settings.model
    pipeline = unfitted_pipeline(spec, ["count", "near", "size"], ["colour"])
    pipeline.fit(model_input(dataset.feature_frame(train)), dataset.labels(train).to_numpy())
    said = pipeline.predict(model_input(dataset.feature_frame(slice(None))))
    assert [evaluation.classes[code] for code in evaluation.predicted[0]] == [str(s) for s in said]
    has_shares = hasattr(pipeline, "predict_proba")
    assert np.isfinite(evaluation.probability_of_prediction).all() == has_shares


def test_the_seed_is_one_for_every_version_and_may_be_chosen():
    for name in ("RandomForestClassifier", "LogisticRegression", "MLPClassifier"):
        for params, seed in (({}, 0), ({"random_state": 5}, 5)):
            pipeline = unfitted_pipeline(ModelSpec(name, params), ["x"], ["t"])
            assert pipeline[-1].get_params()["random_state"] == seed
    assert (
        "random_state"
        not in unfitted_pipeline(ModelSpec("GaussianNB", {}), ["x"], [])[-1].get_params()
    )


# ---------------------------------------------------------------- what is fitted, and when


def test_the_order_of_rows_in_a_file_changes_no_prediction(tmp_path):
    first = evaluated(write_project(tmp_path / "a", SAMPLES, toml=BOOSTED))
    reversed_rows = {name: frame.reverse() for name, frame in SAMPLES.items()}
    second = evaluated(write_project(tmp_path / "b", reversed_rows, toml=BOOSTED))
    assert second.fitted == ()  # the very same models
    said = [
        dict(zip(e.dataset.instance_ids.gather(e.dataset.instance), e.predicted[2], strict=True))
        for e in (first, second)
    ]
    assert said[0] == said[1]


def test_progress_names_every_version_and_opening_again_trains_nothing(tmp_path, own_cache):
    folder = write_project(tmp_path / "p", SAMPLES, toml=BOOSTED)
    steps: list[chameleon.Progress] = []
    first = chameleon.evaluate(chameleon.open_project(folder), progress=steps.append)
    fitting = [step for step in steps if step.stage == "Fitting"]
    assert [(s.version, s.done, s.total) for s in fitting] == [
        ("1.0", 0, 3), ("1.1", 1, 3), ("1.2", 2, 3),
    ]  # fmt: skip
    steps.clear()
    second = chameleon.evaluate(chameleon.open_project(folder), progress=steps.append)
    assert (second.fitted, steps) == ((), [])
    assert_equal(first, second)
    # without what is kept beside the project, the user's models are asked again
    shutil.rmtree(folder / ".chameleon")
    third = evaluated(folder)
    assert third.fitted == ()
    assert_equal(first, third)
    # and without the models, their predictions are enough
    shutil.rmtree(own_cache / "chameleon")
    for cached in (folder / ".chameleon").glob("evaluation-*"):
        shutil.rmtree(cached)
    assert evaluated(folder).fitted == ()
    # without anything all models are refitted, equal to the last bit
    forget(folder, own_cache)
    refitted = evaluated(folder)
    assert refitted.fitted == tuple(SAMPLES)
    assert_equal(first, refitted)


NEW_COLUMNS = {
    "weight": pl.int_range(pl.len()) * 0.5,
    "smell": pl.when(pl.col("id") % 2 == 0).then(pl.lit("rose")).otherwise(pl.lit("hay")),
    "colour": pl.col("colour").replace("r", "scarlet"),
}


@pytest.mark.parametrize("columns", [{}, NEW_COLUMNS], ids=["same columns", "new columns"])
def test_an_appended_version_trains_one_model_and_changes_no_other(tmp_path, columns):
    frames = {"1.0": SAMPLES["1.0"], "1.1": SAMPLES["1.1"]}
    folder = write_project(tmp_path / "p", frames, toml=BOOSTED)
    before = chameleon.version_metrics(evaluated(folder))
    write_version(folder, "1.2", SAMPLES["1.2"].with_columns(**columns))
    evaluation = evaluated(folder)
    assert evaluation.fitted == ("1.2",)
    assert chameleon.version_metrics(evaluation).head(2).equals(before)


def test_another_parameter_trains_all_and_the_first_again_none(tmp_path):
    folder = write_project(tmp_path / "p", SAMPLES, toml=TREE)
    first = evaluated(folder)
    (folder / "chameleon.toml").write_text(TREE.replace("max_depth = 3", "max_depth = 1"))
    second = evaluated(folder)
    assert second.fitted == tuple(SAMPLES)
    assert (second.predicted != first.predicted).any()
    (folder / "chameleon.toml").write_text(TREE)
    third = evaluated(folder)
    assert third.fitted == ()
    assert_equal(first, third)
    # nor does a removed version
    (folder / "versions" / "1.1.parquet").unlink()
    assert evaluated(folder).fitted == ()


CHANGES = [
    ("train", "label", "class 9", ("1.1",)),
    ("train", "near", 0.125, ("1.1",)),
    ("test", "label", "class 9", ()),
    ("val", "near", 0.125, ()),
]


def test_only_a_changed_train_row_trains_again(tmp_path):
    folder = write_project(tmp_path / "p", SAMPLES, toml=TREE)
    evaluated(folder)
    for split, name, value, fitted in CHANGES:
        some = pl.col("id").is_between(1, 20) & (pl.col("split") == split)
        changed = pl.when(some).then(pl.lit(value)).otherwise(name).alias(name)
        write_version(folder, "1.1", SAMPLES["1.1"].with_columns(changed))
        assert evaluated(folder).fitted == fitted, (split, name)


# ---------------------------------------------------------------- on disk


TWO_RUNS = """
import os, sys
from chameleon.models import evaluate
from chameleon.models.trainer import classifiers
from chameleon.project import open_project

classifiers()  # imported once, before the forks
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        evaluate(open_project(sys.argv[1]))
        os._exit(0)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] for child in children))
"""


def test_two_runs_at_once_end_alike(tmp_path):
    folder = write_project(tmp_path / "p", SAMPLES, toml=TREE)
    subprocess.run([sys.executable, "-c", TWO_RUNS, folder], cwd=ROOT, check=True)
    assert evaluated(folder).fitted == ()
    assert not list((folder / ".chameleon").glob(".tmp-*"))


def test_what_is_kept_is_no_pickle(tmp_path, own_cache):
    folder = write_project(tmp_path / "p", {"1": SAMPLES["1.0"]}, toml=TREE)
    evaluated(folder)
    files = [p for p in (folder / ".chameleon").rglob("*") if p.is_file()]
    files += [p for p in own_cache.rglob("*") if p.is_file()]
    data = [p for p in files if p.name != MANIFEST]
    assert {p.suffix for p in data} == {".npy", ".parquet", ".json", ".skops"}
    for path in files:
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)


# ---------------------------------------------------------------- what cannot be fitted


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ('estimator = "HistGradientBosting"', ["'HistGradientBosting'", "no such classifier"]),
        ('estimator = "forest"', ["'forest'", "RandomForestClassifier"]),
        ('estimator = "mymodule:factory"', ["'mymodule:factory'", "no such classifier"]),
        ('estimator = "VotingClassifier"', ["'VotingClassifier'", "another estimator inside"]),
        ("params = { max_itr = 3 }", ["'max_itr'", "max_iter"]),
        ("params = { max_iter = -1 }", ["max_iter", "-1"]),
        ('params = { max_iter = "many" }', ["max_iter", "many"]),
        ('estimator = "SVC"\nparams = { kernel = "round" }', ["kernel", "round"]),
    ],
)
def test_a_model_that_cannot_be_is_an_error_with_the_words_to_mend_it(tmp_path, model, words):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=f"[model]\n{model}\n")
    with pytest.raises(chameleon.ModelError) as raised:
        evaluated(folder)
    for word in ["chameleon.toml", "[model]", *words]:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": ["a"] * 20}, ["one class only", "'a'"]),
        ({"split": ["test"] * 20}, ["labeled train rows", "found none"]),
        ({"x": [float("inf")] * 20}, ["none of its features has a value"]),
    ],
)
def test_a_version_without_a_model_says_why_and_the_others_have_theirs(tmp_path, columns, words):
    frames = {"1": plain(), "odd": plain(**columns), "2": plain(x=[0.5] * 19 + [1.5])}
    evaluation = evaluated(write_project(tmp_path / "p", frames, toml=TREE))
    names = [version.name for version in evaluation.dataset.versions]
    odd = names.index("odd")
    assert set(evaluation.fitted) == {"1", "2"}
    assert (evaluation.predicted[odd] == -1).all()
    told = messages(evaluation.findings, Severity.WARNING)
    for word in ["Version odd (versions/odd.parquet) has no model", *words]:
        assert word in told
    line = chameleon.version_metrics(evaluation).row(odd, named=True)
    assert line["train_accuracy"] is None
    assert line["test_accuracy_reason"]


def test_a_project_without_any_model_can_still_be_looked_at(tmp_path):
    evaluation = evaluated(write_project(tmp_path / "p", {"1": plain(label=["a"] * 20)}))
    assert not evaluation.has_outcomes
    frame = chameleon.feature_histograms(evaluation, primary="1", secondary="1")
    assert frame["primary_unknown"].sum() == 20


@pytest.mark.parametrize(
    "model",
    ['estimator = "RadiusNeighborsClassifier"\nparams = { radius = 1e-9 }', 'estimator = "NuSVC"'],
)
def test_a_classifier_that_fails_on_the_data_says_so_in_its_own_words(tmp_path, model):
    # NuSVC cannot take classes as uneven as these
    labels = ["a"] * 2 + ["b"] * 18
    folder = write_project(tmp_path / "p", {"1": plain(label=labels)}, toml=f"[model]\n{model}\n")
    evaluation = evaluated(folder)
    assert not evaluation.has_outcomes
    told = messages(evaluation.findings)
    assert "Version 1 (versions/1.parquet)" in told
    assert ("No neighbors found" in told) or ("infeasible" in told)


def test_what_a_classifier_warns_of_is_told(tmp_path):
    toml = '[model]\nestimator = "MLPClassifier"\nparams = { max_iter = 2 }\n'
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=toml)
    evaluation = evaluated(folder)
    assert "converge" in messages(evaluation.findings, Severity.NOTE)
    shutil.rmtree(folder / ".chameleon")  # the fitted model stays in the user's cache
    again = evaluated(folder)
    assert again.fitted == ()
    assert again.findings == evaluation.findings
    assert again.seconds == evaluation.seconds


def test_cached_predictions_need_no_rows_of_any_train_set(tmp_path, monkeypatch):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(30)})
    first = evaluated(folder)
    for path in (folder / ".chameleon").glob("evaluation-*"):
        shutil.rmtree(path)
    monkeypatch.setattr(EvolvingDataset, "feature_frame", None)
    assert_equal(evaluated(folder), first)


def test_values_of_any_size_are_evaluated(tmp_path):
    sizes = [1.7e308, -1.7e308, 5e-324, 0.0, 1e154] * 4
    for name in ("HistGradientBoostingClassifier", "LogisticRegression"):
        folder = tmp_path / name
        toml = f'[model]\nestimator = "{name}"\n'
        frames = {"1": plain(x=sizes), "2": plain(x=[1.7e308] * 20)}
        evaluation = evaluated(write_project(folder, frames, toml=toml))
        summary = chameleon.feature_summary(evaluation, primary="2", secondary="1")
        assert summary.filter(version="2", split="train")["mean"].item() == pytest.approx(1.7e308)


def test_rare_categories_beyond_254_are_merged_and_that_is_said(tmp_path):
    count = 1200
    texts = [f"t{i % 300:03}" for i in range(count)]
    frame = plain(count, kind=texts, split=["train"] * count)
    toml = "[model]\nparams = { max_iter = 2 }\n"
    evaluation = evaluated(write_project(tmp_path / "p", {"1": frame}, toml=toml))
    assert "'kind' has 300 categories" in messages(evaluation.findings)
    assert (evaluation.predicted >= 0).all()
    # what was said of a kept model is still said when another joins it
    write_version(tmp_path / "p", "2", frame.with_columns(kind=pl.lit("t000")))
    evaluation = evaluated(tmp_path / "p")
    assert evaluation.fitted == ("2",)
    assert "'kind' has 300 categories" in messages(evaluation.findings)
