"""The layout of all rows: equal rows on one point, a point never moved, a process that may die."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.data import (
    EvolvingDataset,
    evolving_dataset,
    feature_hashes,
    fitted_space,
    laid_out_features,
    nearest,
    neighbor_graph,
    placed,
    sampled_hashes,
)
from chameleon.data.feature_space import MOST_DIMENSIONS
from chameleon.layout import Layout, LayoutProcess, cached_layout, pca_layout
from chameleon.layout.layouts import pca_stored_layout, write_layout
from chameleon.layout.process import LayoutProgress, is_running, read_progress
from chameleon.storage import birth, cache_folder
from chameleon.storage.folders import seal
from tests import internals as chameleon
from tests.library import Frames, examples, plain, write_project, write_version

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "sample_data" / "digits"
INF = float("inf")


def opened(folder: Path) -> EvolvingDataset:
    return evolving_dataset(chameleon.open_project(folder))


def dataset_of(folder: Path, frames: Frames) -> EvolvingDataset:
    return opened(write_project(folder, frames))


def cloud(count: int, *, seed: int = 0, first: int = 0) -> pl.DataFrame:
    """Instances with three numbers, a category and a free text."""
    random = np.random.default_rng(seed)
    return plain(
        count,
        id=[f"i{first + k:04d}" for k in range(count)],
        x=random.normal(size=count).tolist(),
        near=random.lognormal(size=count).tolist(),
        far=(1e6 * random.normal(size=count)).tolist(),
        colour=random.choice(["red", "green", "blue"], count).tolist(),
        remark=[f"remark {first + k}" for k in range(count)],
    )


def store(dataset: EvolvingDataset, **metadata: object) -> None:
    """Store a layout like UMAP's; its points are those of PCA, which is quick."""
    features = laid_out_features(dataset)
    stored = pca_stored_layout(dataset, feature_hashes(dataset, features), features)
    changes = {"method": "UMAP", "made": "2024-01-01", "reach": 1.0, **metadata}
    changed = dataclasses.replace(stored.metadata, **changes)
    assert write_layout(dataclasses.replace(stored, metadata=changed), dataset)


def points(dataset: EvolvingDataset, layout: Layout) -> dict[tuple[object, ...], set[object]]:
    """The points of every distinct row, by its raw values without free text."""
    found: dict[tuple[object, ...], set[object]] = {}
    frame = dataset.feature_frame(slice(None)).drop("remark", strict=False)
    for row, x, y in zip(frame.iter_rows(), layout.x.tolist(), layout.y.tolist(), strict=True):
        found.setdefault(row, set()).add((x, y))
    return found


# --- PCA, and the space that rows are measured in


def test_a_pca_is_that_of_scikit_learn_on_standardised_numbers(tmp_path):
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(3)
    columns = {name: random.uniform(size=60).tolist() for name in ("x", "b", "c")}
    dataset = dataset_of(tmp_path, {"1": plain(60, **columns)})
    layout = pca_layout(dataset)
    scaled = StandardScaler().fit_transform(dataset.feature_frame(slice(None)).to_numpy())
    expected = PCA(2).fit_transform(scaled)
    for got, wanted in zip((layout.x, layout.y), expected.T, strict=True):
        assert got.dtype == np.float32
        assert np.allclose(got, wanted, atol=1e-5) or np.allclose(got, -wanted, atol=1e-5)
    assert (layout.method, layout.versions) == ("PCA", ("1",))
    assert (layout.fitted_rows, layout.placed_rows, layout.badly_placed) == (60, 0, 0)
    assert "% of the variance" in layout.parameters


def test_rows_with_equal_features_have_one_point_whatever_their_label_and_text(tmp_path):
    first = cloud(40)
    later = first.with_columns(
        label=pl.lit("a"),
        remark=pl.lit("again ") + pl.col("id"),
        x=pl.when(pl.int_range(pl.len()) < 20).then("x").otherwise(0.0),
    )
    dataset = dataset_of(tmp_path, {"1": first, "2": later})
    layout = pca_layout(dataset)
    found = points(dataset, layout)
    assert all(len(at) == 1 for at in found.values())
    assert (len(found), dataset.row_count) == (60, 80)


def test_the_order_of_rows_columns_and_versions_is_no_matter(tmp_path):
    first, second = cloud(50), cloud(30, seed=1, first=50)
    one = dataset_of(tmp_path / "one", {"1": first, "2": second})
    turned = {"1": second.reverse().select(sorted(second.columns)), "2": first.reverse()}
    other = dataset_of(tmp_path / "other", turned)
    names = [feature.name for feature in one.features]
    found = []
    for dataset in (one, other):
        layout = pca_layout(dataset)
        frame = dataset.feature_frame(slice(None)).select(names)
        rows = zip(frame.iter_rows(), layout.x.tolist(), layout.y.tolist(), strict=True)
        found.append({row: (x, y) for row, x, y in rows})
    assert found[0] == found[1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_rows_have_finite_points(tmp_path, count):
    layout = pca_layout(dataset_of(tmp_path, {"1": cloud(count)}))
    assert len(layout.x) == count
    assert np.isfinite(layout.x).all()
    assert np.isfinite(layout.y).all()


@pytest.mark.parametrize("x", [[1.5] * 20, [None] * 20, [INF, -INF] * 10], ids=str)
def test_rows_that_do_not_differ_lie_on_one_point_and_that_is_said(tmp_path, x):
    frame = plain(20, x=pl.Series(x, dtype=pl.Float64))
    layout = pca_layout(dataset_of(tmp_path, {"1": frame}))
    assert set(layout.x.tolist()) == set(layout.y.tolist()) == {0.0}
    assert "no feature differs" in layout.parameters


def test_one_feature_is_spread_along_one_axis(tmp_path):
    layout = pca_layout(dataset_of(tmp_path, {"1": plain(20)}))
    assert len(set(layout.x.tolist())) == 20
    assert set(layout.y.tolist()) == {0.0}


HUGE = {
    "the largest floats": [1.7e308, -1.7e308, *range(198)],
    "one outlier": [1e300, *range(199)],
    "the smallest floats": [5e-324 * k for k in range(200)],
    "near each other": [1.5e15 + k for k in range(200)],
}


@pytest.mark.parametrize("values", HUGE.values(), ids=HUGE)
def test_huge_values_neither_overflow_nor_press_the_others_into_one(tmp_path, values):
    frame = plain(200, x=[float(value) for value in values])
    layout = pca_layout(dataset_of(tmp_path, {"1": frame}))
    assert np.isfinite(layout.x).all()
    assert np.unique(layout.x).size > 150


def test_a_category_has_at_most_thirty_columns(tmp_path):
    frame = plain(200, colour=[f"c{min(k % 45, 40)}" for k in range(200)])
    dataset = dataset_of(tmp_path, {"1": frame})
    space = fitted_space(dataset, np.arange(200), ("colour",))
    measured = space.points(dataset, np.arange(200))
    assert measured.shape == (200, 30)
    assert (measured.sum(axis=1) == 1).all()


def test_many_columns_are_turned_into_fifty(tmp_path):
    random = np.random.default_rng(4)
    frame = plain(70, **{f"x{k}": random.normal(size=70) for k in range(60)})
    dataset, rows = dataset_of(tmp_path, {"1": frame}), np.arange(70)
    space = fitted_space(dataset, rows, laid_out_features(dataset))
    assert space.points(dataset, rows).shape == (70, MOST_DIMENSIONS)


# --- the sample and the neighbours


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    most=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=examples(40))
def test_a_sample_is_stratified_by_label_and_independent_of_row_order(
    tiny_dataset, counts, most, seed
):
    label = np.repeat(np.arange(len(counts)), counts).astype(np.int16) - 1  # the first: none
    random = np.random.default_rng(seed)
    hashes = random.permutation(np.arange(1, len(label) + 1)).astype(np.uint64)
    classes = tuple(f"c{k}" for k in range(len(counts)))
    dataset = dataclasses.replace(tiny_dataset, label=label, classes=classes)
    sample = sampled_hashes(dataset, hashes, most)
    assert sample.size == min(most, len(label))
    assert (np.diff(sample.astype(np.int64)) > 0).all()
    drawn = np.bincount(label[np.isin(hashes, sample)] + 1, minlength=len(counts))
    assert (np.abs(drawn - np.array(counts) * sample.size / len(label)) < 1).all()
    turned = random.permutation(len(label))
    other = dataclasses.replace(dataset, label=label[turned])
    assert sampled_hashes(other, hashes[turned], most).tolist() == sample.tolist()


@pytest.fixture(scope="module")
def tiny_dataset(tmp_path_factory) -> EvolvingDataset:
    return dataset_of(tmp_path_factory.mktemp("tiny"), {"1": plain()})


@pytest.mark.parametrize("dimensions", [2, 30])
def test_neighbours_are_those_found_by_looking_at_all(dimensions):
    random = np.random.default_rng(5)
    fitted = random.integers(0, 4, (200, dimensions)).astype(float)  # with many ties
    asked = random.integers(0, 4, (90, dimensions)).astype(float)
    distances, places = nearest(fitted, asked, 4)
    everything = np.sqrt(((asked[:, None] - fitted[None]) ** 2).sum(axis=2))
    assert np.allclose(distances, np.sort(everything, axis=1)[:, :4])
    assert np.allclose(np.take_along_axis(everything, places, axis=1), distances)


def test_a_row_is_its_own_first_neighbour_even_among_its_doubles():
    graph, places = neighbor_graph(np.repeat(np.arange(4.0), 10)[:, None].repeat(2, 1), 5)
    assert places[:, 0].tolist() == list(range(40))
    assert (graph == 0).all()
    assert all(len(set(row)) == 5 for row in places.tolist())


def test_a_placed_row_lies_among_its_neighbours_and_on_its_double():
    plane = np.array([[0, 0], [4, 0], [0, 4]], dtype=np.float32)
    distances = np.array([[1.0, 1.0, 2.0], [0.0, 1.0, 1.0]])
    found = placed(distances, np.array([[0, 1, 2], [2, 0, 1]]), plane)
    assert found.tolist()[0] == pytest.approx([1.6, 0.8])
    assert found.tolist()[1] == pytest.approx([0, 4], abs=1e-6)


# --- stored layouts


def test_an_appended_version_moves_nothing_and_is_placed(tmp_path):
    before = dataset_of(tmp_path, {"1": cloud(60)})
    assert cached_layout(before) is None
    store(before)
    old = cached_layout(before)
    write_version(tmp_path, "2", pl.concat([cloud(60), cloud(20, seed=1, first=60)]))
    after = opened(tmp_path)
    for _ in range(2):  # placed, then kept
        new = cached_layout(after)
        was, now = points(before, old), points(after, new)
        assert len(now) == 80
        assert {row: now[row] for row in was} == was
        assert new.versions == ("1",)
        assert (new.fitted_rows, new.placed_rows) == (60, 20)
        assert new.key == old.key
    assert np.isfinite(new.x).all()
    assert abs(new.x).max() <= abs(old.x).max()


def test_rows_that_equal_fitted_ones_but_for_their_label_need_no_placing(tmp_path):
    store(dataset_of(tmp_path, {"1": cloud(60)}))
    write_version(tmp_path, "2", cloud(60).with_columns(label=pl.lit("a")))
    layout = cached_layout(opened(tmp_path))
    assert layout.placed_rows == 0
    assert layout.fitted_rows == len(layout.x) > 60


STRANGE = {
    "a constant feature that differs": (pl.lit(2).alias("unit"), 60),
    "far from all": (pl.lit(1e9).alias("far"), 60),
    "a new category": (pl.lit("violet").alias("colour"), 60),
    "a new feature": (pl.lit(1.0).alias("weight"), 60),
    "a missing value": (pl.lit(None, dtype=pl.Float64).alias("x"), 0),
}


@pytest.mark.parametrize(("change", "expected"), STRANGE.values(), ids=STRANGE)
def test_rows_that_fit_badly_are_counted(tmp_path, change, expected):
    first = cloud(60).with_columns(unit=pl.lit(1))
    store(dataset_of(tmp_path, {"1": first}), reach=6.0 if expected == 0 else 1.5)
    write_version(tmp_path, "2", first.with_columns(change))
    layout = cached_layout(opened(tmp_path))
    assert layout.placed_rows == 60
    assert layout.badly_placed == expected


def test_a_layout_is_valid_while_half_of_its_rows_are_there(tmp_path):
    store(dataset_of(tmp_path, {"1": cloud(60)}))
    write_version(tmp_path, "1", cloud(60).tail(31))
    assert cached_layout(opened(tmp_path)).fitted_rows == 31
    write_version(tmp_path, "1", cloud(60).tail(29))
    assert cached_layout(opened(tmp_path)) is None


def test_a_layout_of_which_a_point_moved_has_another_key(tmp_path):
    dataset = dataset_of(tmp_path, {"1": cloud(60)})
    old = pca_layout(dataset)
    write_version(tmp_path, "2", cloud(60, seed=1, first=60))
    assert pca_layout(opened(tmp_path)).key != old.key


def test_the_newest_stored_layout_is_used(tmp_path):
    dataset = dataset_of(tmp_path, {"1": cloud(60)})
    for made, parameters in [("2024-02", "new"), ("2024-01", "old")]:
        store(dataset, made=made, parameters=parameters)
    assert cached_layout(dataset).parameters == "new"


def test_a_layout_that_came_with_the_project_is_used_and_only_read(tmp_path):
    folder = write_project(tmp_path / "project", {"1": cloud(60)})
    store(opened(folder), parameters="shipped")
    cache = cache_folder(folder)
    shutil.move(next(cache.glob("layout-*")), folder / "layout")
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "layout").iterdir()}
    write_version(folder, "2", cloud(20, seed=1, first=60))
    layout = cached_layout(opened(folder))
    assert (layout.parameters, layout.placed_rows) == ("shipped", 20)
    assert {path: path.stat().st_mtime_ns for path in (folder / "layout").iterdir()} == stamps


def _unknown_format(folder: Path) -> None:
    meta = json.loads((folder / "layout.json").read_text())
    (folder / "layout.json").write_text(json.dumps(meta | {"format": -1}))


def _change(column: pl.Expr) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / "rows.parquet"
        pl.read_parquet(file).with_columns(column).write_parquet(file)

    return change


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no rows": lambda folder: (folder / "rows.parquet").unlink(),
    "a list": lambda folder: (folder / "layout.json").write_text("[]"),
    "another format": _unknown_format,
    "not finite": _change(pl.lit(float("nan")).cast(pl.Float32).alias("x")),
    "missing": _change(pl.lit(None, dtype=pl.Float32).alias("y")),
    "out of order": _change(pl.col("hash").reverse()),
    "none fitted": _change(pl.lit(False).alias("fitted")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_can_be_no_layout_counts_as_none(tmp_path, damage):
    dataset = dataset_of(tmp_path, {"1": cloud(60)})
    store(dataset)
    assert cached_layout(dataset) is not None
    folder = next(cache_folder(tmp_path).glob("layout-*"))
    damage(folder)
    seal(folder)  # with its manifest as it should be
    assert cached_layout(dataset) is None


# --- the process


@pytest.fixture
def few(tmp_path) -> EvolvingDataset:
    """Too few rows for UMAP, so that the process is soon done."""
    return dataset_of(tmp_path, {"1": cloud(10)})


@pytest.fixture
def enough(tmp_path) -> EvolvingDataset:
    """Rows enough for UMAP, so that the process takes its time."""
    return dataset_of(tmp_path, {"1": cloud(60)})


@pytest.fixture
def start() -> Iterator[Callable[..., LayoutProcess]]:
    """Start the process of a layout; it does not outlive the test."""
    started: list[LayoutProcess] = []

    def start(dataset: EvolvingDataset, **options: bool) -> LayoutProcess:
        started.append(LayoutProcess(dataset, **options))
        started[-1].start()
        return started[-1]

    yield start
    for process in started:
        process.cancel()


def until(condition: Callable[[], object], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def running(dataset: EvolvingDataset) -> bool:
    """Return True if a process is at work on the dataset's layout."""
    return any(is_running(path) for path in cache_folder(dataset.project.path).glob("laying-*"))


def test_two_starts_at_once_make_one_layout_and_too_few_rows_for_umap_a_pca(few, start):
    started = [start(few), start(few)]
    assert [p.wait() for p in started] == [LayoutProgress("Ready", 1.0, done=True)] * 2
    assert [process.error for process in started] == [None, None]
    assert len(list(cache_folder(few.project.path).glob("layout-*"))) == 1
    layout = cached_layout(few)
    assert layout.method == "PCA"
    assert layout.parameters.endswith("UMAP needs at least 16 rows that differ, found 10")
    write_version(few.project.path, "2", cloud(30))
    assert cached_layout(opened(few.project.path)) is None  # enough now


def test_a_stored_layout_is_left_alone_until_a_new_one_is_wanted(few, start):
    store(few, parameters="old")
    write_version(few.project.path, "2", cloud(2, seed=1, first=10))
    dataset = opened(few.project.path)
    assert start(dataset).wait().share == 1
    old = cached_layout(dataset)
    assert (old.parameters, old.versions) == ("old", ("1",))
    assert start(dataset, again=True).wait().share == 1
    new = cached_layout(dataset)
    assert (new.method, new.versions, new.placed_rows) == ("PCA", ("1", "2"), 0)


def test_a_second_start_follows_the_first_and_takes_over_when_that_is_killed(enough, start):
    first = start(enough)
    assert until(lambda: running(enough))
    second, follower = start(enough), start(enough)
    assert until(lambda: second.progress.stage != "Starting")
    second.cancel()
    assert running(enough)
    assert not first.finished
    os.kill(first._child.pid, signal.SIGKILL)
    first.wait()
    assert first.error == "The layout's process ended before it was done (exit code -9)."
    assert cached_layout(enough) is None
    assert until(lambda: follower.finished or running(enough))
    assert not follower.finished
    follower.cancel()
    assert follower.error == "The layout was canceled."
    assert not running(enough)


def test_the_process_ends_with_the_one_that_started_it(enough):
    starter = (
        "import os, sys\nfrom chameleon.project import open_project\n"
        "from chameleon.data import evolving_dataset\n"
        "from chameleon.layout import LayoutProcess\n"
        "process = LayoutProcess(evolving_dataset(open_project(sys.argv[1])))\n"
        "process.start()\n"
        "print(process._child.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", starter, str(enough.project.path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert until(lambda: birth(int(ended.stdout)) is None)
    assert cached_layout(enough) is None
    assert not running(enough)


def test_a_project_that_cannot_be_opened_is_told_in_words(few, start):
    for path in (few.project.path / "versions").iterdir():
        path.unlink()
    process = start(few)
    process.wait()
    assert "has no version" in process.error


def test_progress_of_which_any_byte_was_changed_is_none(tmp_path):
    path = tmp_path / "laying-0.json"
    progress = LayoutProgress("Laying out by UMAP", 0.5)
    progress.write(path)
    assert read_progress(path) == progress
    text = path.read_bytes()
    for place in range(len(text)):
        path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
        assert read_progress(path) is None
        path.write_bytes(text[:place])
        assert read_progress(path) is None


def test_a_layout_by_umap_is_kept_and_says_what_made_it(tmp_path, start, monkeypatch):
    # compiling takes minutes; the benchmark of the samples runs the compiled code
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    dataset = dataset_of(tmp_path, {"1": cloud(20)})
    assert start(dataset).wait().error is None
    layout = cached_layout(dataset)
    assert layout.method == "UMAP"
    assert layout.parameters.startswith("n_neighbors=15, min_dist=0.1, metric=euclidean, epochs=")
    assert layout.parameters.endswith("seed=0, fitted on 20 of 20 distinct rows")
    assert layout.made_by.startswith("umap-learn 0.5.")
    assert (layout.versions, layout.fitted_rows, layout.placed_rows) == (("1",), 20, 0)
    assert len(np.unique(np.stack([layout.x, layout.y]), axis=1).T) == 20
