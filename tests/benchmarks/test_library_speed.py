"""Speed of the library at the paper's size, as ratios to a straightforward way in the same run.

Run with `pytest -m benchmark -n 0 -s`. Bounds leave room for noise: they are ratios of medians
taken in turn.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from chameleon.data import evolving_dataset
from chameleon.data.building import Builder
from chameleon.models import Evaluation
from chameleon.project import Project
from tests import internals as chameleon

from .generated import write_timeline
from .timing import medians, seconds

HISTOGRAMS_AT_LEAST = 20
BUILD_AT_MOST = 5
SCORING_AT_MOST = 2
ROUNDS = 7


@pytest.fixture(scope="module", params=["parquet", "csv"])
def folder(request, tmp_path_factory) -> Path:
    return write_timeline(tmp_path_factory.mktemp(request.param), ending=request.param)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> Evaluation:
    folder = write_timeline(tmp_path_factory.mktemp("evaluated"))
    project = chameleon.open_project(folder)
    built = seconds(lambda: evolving_dataset(project))
    start = time.perf_counter()
    result = chameleon.evaluate(project)
    fitted = time.perf_counter() - start
    print(
        f"\nevaluate: 19 fits and predictions of all rows {fitted:.1f} s, {fitted / built:.1f} "
        "times the building"
    )
    return result


def test_building_takes_at_most_five_times_reading(folder: Path):
    paths = sorted((folder / "versions").iterdir())
    read = pl.read_parquet if paths[0].suffix == ".parquet" else pl.read_csv
    project = chameleon.open_project(folder)

    def build() -> None:
        builder = Builder(project)
        for version in project.versions:
            builder.add(version)
        builder.dataset("")

    reading, building, straight = medians(
        lambda: [read(path) for path in paths],
        build,
        lambda: pandas_build(project),
        rounds=3,
    )
    opening = seconds(lambda: open_afresh(folder))
    print(
        f"\n{paths[0].suffix}: build {building:.2f} s = {building / reading:.1f} times polars "
        f"reading ({reading:.2f} s); a pandas way {straight / reading:.1f} times; opening "
        f"{opening / reading:.1f} times"
    )
    assert building / reading <= BUILD_AT_MOST


@pytest.mark.parametrize("narrowed", [False, True], ids=["all instances", "1 % filter"])
def test_histograms_are_twenty_times_faster_than_the_straightforward_way(evaluation, narrowed):
    dataset = evaluation.dataset
    ids = dataset.instance_ids.gather(dataset.instance)
    one_percent = chameleon.FeatureFilter("feature_0", ranges=(chameleon.Range(2.33, np.inf),))
    filters = chameleon.Filters(features=(one_percent,) if narrowed else ())
    versions = {name: straightforward_version(evaluation, name, ids) for name in ("1.18", "1.17")}

    def counted() -> pl.DataFrame:
        return chameleon.feature_histograms(
            evaluation, primary="1.18", secondary="1.17", filters=filters
        )

    ours, plain = medians(
        counted, lambda: straightforward_histograms(evaluation, versions, narrowed), rounds=ROUNDS
    )
    through = counted().filter(feature="feature_1")["primary_correct"].sum()
    print(
        f"\nhistograms of 20 features x 2 versions, {'1 % filter' if narrowed else 'all'}: "
        f"{ours * 1000:.2f} ms, straightforward {plain * 1000:.1f} ms, {plain / ours:.0f} times "
        f"({through:,} correct primary instances)"
    )
    assert plain / ours >= HISTOGRAMS_AT_LEAST


def test_every_model_on_every_test_set_costs_little_beside_predicting(evaluation):
    dataset = evaluation.dataset
    rows = dataset.rows_of(len(dataset.versions) - 1)
    model = HistGradientBoostingClassifier(random_state=0, early_stopping=False)
    with threadpool_limits(1):
        model.fit(dataset.feature_frame(rows[:8000]), dataset.label[rows[:8000]])
        frame = dataset.feature_frame(slice(None))
        predicting = seconds(lambda: model.predict_proba(frame)) * len(dataset.versions)
    scoring = seconds(lambda: chameleon.model_on_tests(evaluation))
    explaining = seconds(
        lambda: chameleon.attribute_change(evaluation, before="1.17", after="1.18")
    )
    print(
        f"\n19 x 19 models on test sets {scoring / predicting:.3f}, attribution of one step "
        f"{explaining / predicting:.3f} times predicting all rows with all models"
    )
    assert scoring / predicting <= SCORING_AT_MOST


def straightforward_version(evaluation: Evaluation, name: str, ids: pl.Series) -> pd.DataFrame:
    """One version as a pandas frame with its values, split and outcome, as one would have it."""
    dataset = evaluation.dataset
    number = dataset.version_number(name)
    rows = dataset.rows_of(number)
    frame = dataset.feature_frame(rows).to_pandas()
    frame["id"] = ids.gather(rows).to_list()
    frame["split"] = dataset.split[rows]
    frame["outcome"] = evaluation.outcome[number, rows]
    return frame


def straightforward_histograms(
    evaluation: Evaluation, versions: dict[str, pd.DataFrame], narrowed: bool
) -> list[np.ndarray]:
    """numpy.histogram over pandas frames, by version, split, outcome and feature."""
    kept = versions
    if narrowed:
        primary = versions["1.18"]
        through = primary.loc[primary["feature_0"] >= 2.33, "id"]
        kept = {name: frame[frame["id"].isin(through)] for name, frame in versions.items()}
    counts: list[np.ndarray] = []
    features = evaluation.dataset.features
    for name, whole in versions.items():
        for own, frame in ((True, whole), (False, kept[name])):
            filtered = [f for f in features if not narrowed or (f.name == "feature_0") == own]
            for _, part in frame.groupby(["split", "outcome"]):
                for feature in filtered:
                    values = part[feature.name].to_numpy()
                    edges = [-np.inf, *feature.bins.edges, np.inf]
                    counts.append(np.histogram(values[np.isfinite(values)], bins=edges)[0])
            if not narrowed:
                break
    return counts


def pandas_build(project: Project) -> pd.DataFrame:
    """All versions one under the other, equal rows dropped: the plain way to rows stored once."""
    read = pd.read_parquet if project.versions[0].file.endswith("parquet") else pd.read_csv
    frames = [read(project.path / version.file) for version in project.versions]
    return pd.concat(frames).drop_duplicates()


def open_afresh(folder: Path) -> None:
    """Open without what is remembered of the files."""
    shutil.rmtree(folder / ".chameleon", ignore_errors=True)
    chameleon.open_project(folder)
