"""No number depends on the order of rows, columns, or files, or on the file format."""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.models import Evaluation
from tests import internals as chameleon
from tests.library import WRITERS, evaluated

FOREST = '[model]\nestimator = "RandomForestClassifier"\nparams = { n_estimators = 4 }\n'
TREE = (
    '[model]\nestimator = "DecisionTreeClassifier"\nparams = { max_depth = 4, max_features = 2 }\n'
)
ROWS = 240
Frames = Mapping[str, pl.DataFrame]


def frames(seed: int) -> dict[str, pl.DataFrame]:
    """Three versions of numbers, texts, and missing values, in which all kinds of changes occur.

    Two features are equal, so that rankings and models meet ties.
    """
    random = np.random.default_rng(seed)

    def holed(values: np.ndarray, dtype: type[pl.DataType]) -> pl.Series:
        lost = random.random(len(values)) < 0.1
        return pl.Series(values.tolist(), dtype=dtype).set(pl.Series(lost), None)

    x, noise = random.normal(size=(2, ROWS))
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=k) for k in range(50)]
    table = pl.DataFrame(
        {
            "id": [f"id {k * 7 % 1000}" for k in range(ROWS)],
            "label": np.array(["b", "A", "a"])[(x > noise).astype(int) + (x > 1)],
            "split": np.where(random.random(ROWS) < 0.35, "test", "train"),
            "source": random.choice(["lab", "Lab", "field 10", "field 9"], ROWS),
            "date": [days[k] for k in random.integers(0, 50, ROWS)],
            "x10": x,
            "x2": holed(np.exp(random.normal(size=ROWS)), pl.Float64),
            "X2": holed(random.integers(0, 9, ROWS), pl.Int64),
            "colour": holed(random.choice(["red", "blue", "Blue", "green"], ROWS), pl.String),
            "word": [f"w{k:03}" for k in random.integers(0, 400, ROWS)],
            "flag": holed(random.random(ROWS) < 0.4, pl.Boolean),
            "day": [days[k] for k in random.integers(0, 50, ROWS)],
        }
    ).with_columns(pl.col("x10").alias("x1"))
    number = pl.int_range(pl.len())
    first = table.filter(number < 190)
    second = table.filter(number >= 12).with_columns(
        pl.when(number % 9 == 0).then(pl.lit("b")).otherwise("label").alias("label"),
        pl.when(number % 7 == 0).then(pl.col("x2") * 10).otherwise("x2").alias("x2"),
        pl.when(number % 17 == 0).then(pl.lit(None)).otherwise("colour").alias("colour"),
    )
    third = second.with_columns(
        pl.when(number % 13 == 0).then(pl.lit("train")).otherwise("split").alias("split"),
        pl.when(number % 31 == 0).then(None).otherwise("label").alias("label"),
        late=random.normal(size=len(second)),
    )
    return {"1": first, "2": second, "10": third.filter(number % 11 != 0)}


@dataclass(frozen=True)
class Writing:
    """How the same versions are written: the file format, the parts of each, and the order."""

    form: str = "parquet"
    parts: int = 1
    seed: int = 0

    def write(self, folder: Path, versions: Frames, toml: str) -> Path:
        random = np.random.default_rng(self.seed)
        (folder / "versions").mkdir(parents=True)
        (folder / "chameleon.toml").write_text(f'name = "p"\n{toml}', encoding="utf-8")
        files: list[tuple[Path, pl.DataFrame]] = []
        for name, frame in versions.items():
            shuffled = frame.select(random.permutation(frame.columns).tolist())
            shuffled = shuffled[random.permutation(len(frame))] if self.seed else shuffled
            for part in range(self.parts):
                file = f"{name}/{part}.{self.form}" if self.parts > 1 else f"{name}.{self.form}"
                rows = shuffled.gather_every(self.parts, part)
                files.append((folder / "versions" / file, rows))
        for place in random.permutation(len(files)):
            path, rows = files[place]
            path.parent.mkdir(exist_ok=True)
            WRITERS[self.form](rows, path)
        return folder


def arrays(evaluation: Evaluation) -> Iterator[tuple[str, object]]:
    """What an evaluation and its dataset hold, by name."""
    dataset = evaluation.dataset
    for one in fields(dataset):
        if one.name not in ("project", "key", "findings"):
            yield one.name, getattr(dataset, one.name)
    layout = evaluation.layout
    assert layout is not None
    yield "layout", replace(layout, key="")
    for name in ("classes", "predicted", "outcome", "probability_of_label",
                 "probability_of_prediction", "scores", "model"):  # fmt: skip
        yield name, getattr(evaluation, name)


def told(evaluation: Evaluation) -> Iterator[tuple[str, object]]:
    """Whatever the library computes of an evaluation, by name."""
    yield from arrays(evaluation)
    yield "metrics", chameleon.version_metrics(evaluation)
    yield "sizes", chameleon.version_sizes(evaluation)
    yield "tests", chameleon.model_on_tests(evaluation, metric="log_loss")
    yield "fixed test", chameleon.fixed_test_set(evaluation, test="2", metric="log_loss")
    yield "drift", chameleon.drift_over_versions(evaluation, against=chameleon.DriftReference.FIRST)
    yield (
        "sensitivity",
        chameleon.sensitivity(evaluation, over=chameleon.SensitivityRange("1", "10")),
    )
    yield (
        "most sensitive",
        chameleon.most_sensitive(evaluation, over=chameleon.SensitivityRange("1", "10")),
    )
    noticed = chameleon.check(evaluation)
    said = [re.sub(r" \(versions/[^)]*\)", "", text) for text in noticed["message"]]
    yield "check", noticed.with_columns(message=pl.Series(said))
    yield (
        "neighbors",
        chameleon.nearest_instances(
            evaluation, evaluation.dataset.instance_ids.min(), primary="2", secondary="1"
        ),
    )
    for before, after in pairwise(("1", "2", "10")):
        for name, value in of_step(evaluation, before, after):
            yield f"{name}, {before} to {after}", value


def of_step(evaluation: Evaluation, before: str, after: str) -> Iterator[tuple[str, object]]:
    step = {"before": before, "after": after}
    pair = {"primary": after, "secondary": before}
    for name in (
        "feature_histograms", "feature_labels", "feature_summary", "prediction_changes",
        "change_statistics", "class_changes", "confusion", "iteration_kinds", "edited_values",
        "data_changes", "feature_correlations", "ranked_errors", "instance_groups",
        "labeling_functions",
    ):  # fmt: skip
        yield name, getattr(chameleon, name)(evaluation, **pair)
    for group in ("added", "removed"):
        yield group, chameleon.group_drift(evaluation, group, **pair)
    histograms = chameleon.feature_histograms(evaluation, **pair)
    yield "ranking", chameleon.feature_ranking(histograms)
    yield "drift", chameleon.feature_drift(evaluation, **pair, exact=True)
    yield "errors", chameleon.errors_by(evaluation, "source", **pair)
    yield "cells", chameleon.embedding_cells(evaluation, **pair)
    for order in ("instance", "label", "x10", "errors"):
        yield f"by {order}", chameleon.instances(evaluation, **pair, order_by=order)
    edited = chameleon.DataChange(chameleon.ChangeType.EDITED)
    yield "step", chameleon.compare_data(evaluation.dataset.project, **step)
    yield "edited", chameleon.changed_instances(evaluation, edited, **pair)
    for metric in ("accuracy", "macro_f1", "log_loss"):
        yield metric, chameleon.attribute_change(evaluation, **step, metric=metric)
    yield "slices", chameleon.changed_slices(evaluation, **step, rate=1.0)
    yield "summary", chameleon.step_summary(evaluation, **step)


def refitted(evaluation: Evaluation) -> Iterator[tuple[str, object]]:
    """What is made of further fits."""
    yield "training", chameleon.attribute_training(evaluation, before="1", after="2", repeats=1)
    yield "told apart", chameleon.domain_classifier(evaluation, primary="2", secondary="1")
    yield "label issues", chameleon.label_issues(evaluation, "2")
    ids = chameleon.instances(evaluation, primary="2", secondary="2", limit=20).frame["instance"]
    yield "refit_without", chameleon.refit_without(evaluation, "2", ids)


def assert_same(first: object, second: object, name: str) -> None:
    """Require that both are the same, to the bit."""
    assert type(first) is type(second), name
    if isinstance(first, pl.DataFrame | pl.Series):
        assert first.equals(second), f"{name}:\n{first}\n{second}"
    elif isinstance(first, np.ndarray):
        assert (first.dtype, first.shape) == (second.dtype, second.shape), name
        assert first.tobytes() == second.tobytes(), name
    elif isinstance(first, Mapping):
        assert first.keys() == second.keys(), name
        for key in first:
            assert_same(first[key], second[key], f"{name} {key}")
    elif is_dataclass(first):
        for one in fields(first):
            values = getattr(first, one.name), getattr(second, one.name)
            assert_same(*values, f"{name} {one.name}")
    else:
        assert repr(first) == repr(second), name


def assert_all_same(
    folder: Path,
    versions: Frames,
    writings: list[Writing],
    toml: str,
    tell: Callable[[Evaluation], Iterator[tuple[str, object]]],
) -> None:
    """Require that all ways of writing the versions give the same numbers."""
    known: dict[str, object] = {}
    for number, writing in enumerate(writings):
        evaluation = evaluated(writing.write(folder / str(number), versions, toml))
        assert evaluation.has_outcomes
        for name, value in tell(evaluation):
            assert_same(known.setdefault(name, value), value, f"{writing}: {name}")
    assert known


WRITINGS = [
    Writing(),
    Writing(seed=1),
    Writing(seed=2, parts=3),
    Writing("csv", seed=3),
    Writing("csv.gz", seed=4, parts=2),
    Writing("arrow", seed=5),
    Writing("jsonl", seed=6),
]
LEFT_OUT = {"": [], "no id": ["id"], "no split": ["split"], "neither": ["id", "split"]}


@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_no_number_depends_on_how_the_versions_are_written(tmp_path, left_out):
    versions = {name: frame.drop(LEFT_OUT[left_out]) for name, frame in frames(0).items()}
    writings = WRITINGS[1:4] if left_out else WRITINGS
    assert_all_same(tmp_path, versions, writings, TREE, told)


@pytest.mark.parametrize("toml", [FOREST, ""], ids=["forest", "default"])
def test_no_prediction_depends_on_how_the_versions_are_written(tmp_path, toml):
    def predictions(evaluation: Evaluation) -> Iterator[tuple[str, object]]:
        for name in ("predicted", "probability_of_label", "scores"):
            yield name, getattr(evaluation, name)

    assert_all_same(tmp_path, frames(1), WRITINGS[1:4], toml, predictions)


def test_no_refit_depends_on_how_the_versions_are_written(tmp_path):
    assert_all_same(tmp_path, frames(2), WRITINGS[1:4], TREE, refitted)


def test_no_number_depends_on_the_order_of_weak_labels_and_given_predictions(tmp_path):
    """Votes stand for places among the classes, and the same rows are predicted in every file."""
    random = np.random.default_rng(3)
    shares = random.integers(1, 9, (ROWS, 2)) / 10
    votes = pl.Series(random.integers(-1, 2, ROWS)).cast(pl.String)
    weak = pl.DataFrame(
        {"label_proba_b": shares[:, 0], "label_proba_a": 1 - shares[:, 0],
         "label_vote_r2": votes, "label_vote_r10": votes.shuffle(seed=1)}
    )  # fmt: skip
    versions = {name: frame.hstack(weak.head(len(frame))) for name, frame in frames(3).items()}
    known: dict[str, object] = {}
    for number, writing in enumerate(WRITINGS[:4]):
        folder = writing.write(tmp_path / str(number), versions, "")
        (folder / "predictions").mkdir()
        for name, frame in versions.items():
            share = pl.int_range(pl.len()).mod(10) / 10
            said = frame.select("id", pl.lit("a").alias("prediction"), proba_b=share,
                                proba_a=1 - share)  # fmt: skip
            said = said.sample(fraction=1, shuffle=True, seed=number)
            columns = said.columns[::-1] if number % 2 else said.columns
            path = folder / "predictions" / f"{name}.{writing.form}"
            WRITERS[writing.form](said.select(columns), path)
        evaluation = evaluated(folder)
        assert evaluation.dataset.weak is not None
        pair = {"primary": "2", "secondary": "1"}
        values = {
            **dict(arrays(evaluation)),
            "weak labels": chameleon.weak_labels(evaluation, **pair),
            "totals": chameleon.weak_label_totals(evaluation, **pair),
        }
        for name, value in values.items():
            assert_same(known.setdefault(name, value), value, f"{writing}: {name}")


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_no_number_depends_on_the_order_of_one_table_that_holds_all_versions(tmp_path, form):
    """What the columns say of an instance that a version lacks comes from whichever row."""
    table = pl.concat(
        (frame.with_columns(batch=pl.lit(name)) for name, frame in frames(4).items()),
        how="diagonal",
    ).with_columns(
        prediction_1=pl.lit("a"), proba_1_a=pl.int_range(pl.len()).mod(7) / 7,
        prediction_2=pl.lit("b"), proba_2_a=pl.int_range(pl.len()).mod(5) / 5,
    )  # fmt: skip
    toml = (
        f'name = "p"\n[source]\nkind = "table"\nfile = "table.{form}"\nversion = "batch"\n'
        'reading = "snapshot"\n'
        '[predictions]\ncolumns = "prediction_{version}"\nproba = "proba_{version}_{class}"\n'
    )
    known: dict[str, object] = {}
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "chameleon.toml").write_text(toml)
        columns = np.random.default_rng(seed).permutation(table.columns).tolist()
        shuffled = table.sample(fraction=1, shuffle=True, seed=seed).select(columns)
        WRITERS[form](shuffled, folder / f"table.{form}")
        for name, value in arrays(evaluated(folder)):
            assert_same(known.setdefault(name, value), value, name)


def test_a_version_has_the_same_numbers_without_the_versions_before_it(tmp_path):
    """What is drawn or fitted depends on a version's own rows, not on who brought them first."""
    versions = frames(5)
    later = {name: versions[name] for name in ("2", "10")}
    found: list[dict[str, object]] = []
    for number, held in enumerate((versions, later)):
        evaluation = evaluated(Writing(seed=7).write(tmp_path / str(number), held, TREE))
        step = {"before": "2", "after": "10"}
        found.append(
            {
                "scores": evaluation.scores.filter(pl.col("version") != "1"),
                "label issues": chameleon.label_issues(evaluation, "2").rows,
                "told apart": chameleon.domain_classifier(evaluation, primary="10", secondary="2"),
                "change": chameleon.attribute_change(evaluation, **step),
                "training": chameleon.attribute_training(evaluation, **step, repeats=1),
            }
        )
    assert_same(*found, "")
