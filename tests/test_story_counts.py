"""What the Story counts in JavaScript is what the library counts, on projects of every sort."""

import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from chameleon import analysis
from chameleon.analysis import (
    COUNT_COLUMNS,
    SCOPES,
    FittedGrid,
    Story,
    default_cells,
)
from chameleon.app import story_letters
from chameleon.app.story_state import Looking, Translator
from chameleon.app.view import PaintPause, View
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.selection import (
    Filters,
    InstanceSet,
    OutcomeChange,
    Selection,
    SensitivityChoice,
    filter_of_bars,
    has_histogram,
    held_rows,
    instance_mask,
)
from tests.library import TREE, evaluated, examples, plain, temporary_project
from tests.projects import filters_for, opened, plans, version_pairs

SCRIPTS = Path(__file__).parent / "js"
ROOT = Path(__file__).parent.parent
SPLIT_NAMES = [split.value for split in SPLITS]
CELL_COLUMNS = ("x", "y", "correct", "incorrect", "unknown")
UNSHRUNK = (Phase.explicit, Phase.generate)  # node starts for every example
CELL_NUMBERS = 6  # of counts.js: the primary's correct, incorrect, and unknown rows, and three more


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        assert os.environ.get("CHAMELEON_REQUIRE_BROWSER") != "1", "node is required, not installed"
        pytest.skip("node is not installed")
    return found


Case = tuple[Selection, str]
Center = tuple[float, float]


def counted_by_story(
    node: str, evaluation: Evaluation, cases: Sequence[Case]
) -> list[dict[str, Any]]:
    """The counts of JavaScript for selections and scopes, by way of states and masks."""
    story = analysis.story(evaluation)
    translator = Translator(evaluation, story.grid)
    asked = []
    for selection, scope in cases:
        view = View(evaluation, selection, pending=False, pause=PaintPause(wanted=False))
        asked.append(
            {
                "state": translator.state(selection, Looking(scope=scope)),
                "masks": story_letters.masks(view, story, translator),
            }
        )
    with TemporaryDirectory() as folder:
        blob = Path(folder) / "blob"
        blob.write_bytes(story.packed.blob)
        job = {"head": story.head, "blob": str(blob), "cases": asked}
        found: list[dict[str, Any]] = printed(node, "story_counts.mjs", job)
    return [{**of, "cells": named_cells(story, evaluation, of["cells"])} for of in found]


def printed(node: str, script: str, job: object) -> Any:
    """What a script of `tests/js` prints about a job, both JSON."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job))
        ended = subprocess.run(
            [node, str(SCRIPTS / script), str(path)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def copied_sample(folder: Path, name: str) -> Path:
    """A copy of a sample, in which nothing is cached yet."""
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    return Path(shutil.copytree(ROOT / "sample_data" / name, folder / name, ignore=ignored))


def named_cells(
    story: Story, evaluation: Evaluation, numbers: Sequence[int]
) -> dict[Center, tuple[int, ...]]:
    """The primary's correct, incorrect, and unknown rows of each cell, by the cell's center."""
    layout, grid = evaluation.layout, story.grid
    if layout is None or grid is None:
        return {}
    found: dict[Center, tuple[int, ...]] = {}
    for number, counts in enumerate(zip(*[iter(numbers)] * CELL_NUMBERS, strict=True)):
        if any(counts[:3]):
            (region,) = grid.regions(layout, [number])
            center = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
            found[rounded(*center)] = tuple(counts[:3])
    return found


def rounded(x: float, y: float) -> Center:
    return round(x, 6), round(y, 6)


def scopes_of(evaluation: Evaluation) -> list[str]:
    """The scopes that the component offers: those with rows."""
    used = {SPLIT_NAMES[code] for code in evaluation.dataset.split.tolist()}
    return [scope for scope in SCOPES if scope in {*used, "all"}]


def in_scope(evaluation: Evaluation, selection: Selection, scope: str) -> Selection:
    """The instances of a scope, as the public interface narrows to them.

    Without any filter the library's sensitivity is that of all versions' instances, the Story's
    that of the two versions shown.
    """
    if scope == "all":
        free = replace(selection, filters=Filters())
        everyone = InstanceSet.of_mask(instance_mask(evaluation, free))
        return replace(selection, filters=replace(selection.filters, chosen=everyone))
    split, chosen = SPLITS[SPLIT_NAMES.index(scope)], selection.filters.splits
    filters = replace(selection.filters, splits=(split,))
    if chosen and split not in chosen:
        filters = replace(filters, chosen=InstanceSet(np.zeros(0, np.int32)))
    return replace(selection, filters=filters)


def counted_by_library(evaluation: Evaluation, selection: Selection, scope: str) -> dict[str, Any]:
    """The same counts from the functions of the library."""
    frame = analysis.feature_histograms(evaluation, selection)
    frame = frame if scope == "all" else frame.filter(split=scope)
    by_bar = frame.group_by("feature", "bin", maintain_order=True).agg(pl.col(COUNT_COLUMNS).sum())
    narrowed = in_scope(evaluation, selection, scope)
    changes = analysis.sensitivity(
        evaluation, narrowed, over=Translator(evaluation, None).whole_range
    )
    ids = evaluation.dataset.instance_ids.filter(instance_mask(evaluation, narrowed))
    return {
        "features": [
            [by_bar.filter(feature=feature.name)[name].to_list() for name in COUNT_COLUMNS]
            for feature in evaluation.dataset.features
        ],
        "flow": matrix(analysis.prediction_changes(evaluation, narrowed)),
        "sensitivity": dict(changes.select("changes", "instances").iter_rows()),
        "labels": labels(evaluation, selection, scope),
        "cells": cells(evaluation, narrowed),
        "ids": sorted(ids),
    }


def cells(evaluation: Evaluation, selection: Selection) -> dict[Center, tuple[int, ...]]:
    """The primary's correct, incorrect, and unknown rows of each cell."""
    if evaluation.layout is None:
        return {}
    frame = analysis.embedding_cells(evaluation, selection)
    return {rounded(x, y): tuple(n) for x, y, *n in frame.select(CELL_COLUMNS).iter_rows()}


def matrix(frame: pl.DataFrame) -> list[int]:
    """Still correct, regressed, fixed, still incorrect."""
    found = {(before, after): n for before, after, n in frame[:, :3].iter_rows()}
    words = ("correct", "incorrect")
    return [found[before, after] for before in words for after in words]


def labels(evaluation: Evaluation, selection: Selection, scope: str) -> list[int]:
    """Per label, the primary's correct and incorrect rows, then the secondary's."""
    dataset = evaluation.dataset
    free = replace(selection, filters=replace(selection.filters, labels=()))
    matching = instance_mask(evaluation, free)[dataset.instance]
    found = np.zeros((len(evaluation.classes), 4), dtype=int)
    for side, (name, held) in enumerate(
        zip((selection.primary, selection.secondary), held_rows(evaluation, free), strict=True)
    ):
        for row in np.flatnonzero(held & matching).tolist():
            outcome = evaluation.outcome[dataset.version_number(name), row]
            inside = scope in ("all", SPLIT_NAMES[dataset.split[row]])
            if inside and dataset.label[row] >= 0 and outcome < 2:
                found[dataset.label[row], 2 * side + outcome] += 1
    return found.ravel().tolist()


def compare(found: Mapping[str, Any], expected: Mapping[str, Any], *, sides: bool = False) -> None:
    """Require equal counts; with restricted `sides`, only of what the library restricts."""
    assert found["features"] == expected["features"]
    assert found["flow"] == expected["flow"]
    assert found["labels"] == expected["labels"]
    assert found["cells"] == {center: n for center, n in expected["cells"].items() if any(n)}
    if sides:
        return
    assert sorted(found["ids"]) == expected["ids"]
    changes = {n: count for n, count in enumerate(found["sensitivity"][:-1]) if count}
    known = {n: count for n, count in expected["sensitivity"].items() if count and n is not None}
    assert changes == known


@st.composite
def view_filters(draw: st.DrawFn, evaluation: Evaluation) -> Filters:
    """Filters that the component's own views set."""
    chosen: dict[str, Any] = {}
    features = [f for f in evaluation.dataset.features if has_histogram(f)]
    if features and draw(st.booleans()):
        feature = draw(st.sampled_from(features))
        bars = st.lists(st.integers(0, feature.bins.count - 1), min_size=1, max_size=4)
        chosen["features"] = (filter_of_bars(feature, draw(bars)),)
    if draw(st.booleans()):
        outcome = st.sampled_from(["correct", "incorrect"])
        chosen["outcome_changes"] = tuple(draw(st.lists(st.builds(OutcomeChange, outcome, outcome),
                                                        min_size=1, max_size=2)))  # fmt: skip
    if draw(st.booleans()):
        low = draw(st.integers(0, 3))
        numbers = tuple(range(low, low + draw(st.integers(1, 3))))
        chosen["sensitivity"] = SensitivityChoice(Translator(evaluation, None).whole_range, numbers)
    if evaluation.layout is not None and draw(st.booleans()):
        grid = FittedGrid.of_layout(evaluation.layout, default_cells(evaluation.dataset))
        cells = draw(st.lists(st.sampled_from(sorted(set(grid.numbers.tolist()))), max_size=4))
        chosen["regions"] = grid.regions(evaluation.layout, cells)
    return Filters(**chosen)


@settings(max_examples=examples(90), phases=UNSHRUNK)
@given(st.data())
def test_small_projects_are_counted_as_the_library_counts_them(node, data):
    plan = data.draw(plans())
    with opened(plan) as evaluation:
        cases = []
        for _ in range(4):
            primary, secondary = data.draw(version_pairs(plan))
            filters = data.draw(st.one_of(filters_for(plan), view_filters(evaluation)))
            scope = data.draw(st.sampled_from(scopes_of(evaluation)))
            cases.append((Selection(primary, secondary, filters), scope))
        expected = [counted_by_library(evaluation, *case) for case in cases]
        for found, told in zip(counted_by_story(node, evaluation, cases), expected, strict=True):
            compare(found, told)


@settings(max_examples=examples(30), phases=UNSHRUNK)
@given(st.data())
def test_restricted_sides_are_counted_as_the_library_counts_them(node, data):
    plan = data.draw(plans())
    with opened(plan) as evaluation:
        cases = []
        for _ in range(3):
            primary, secondary = data.draw(version_pairs(plan))
            sides = [data.draw(filters_for(plan)) for _ in range(2)]
            asked = Selection(primary, secondary, Filters(), *sides)
            cases.append((asked, data.draw(st.sampled_from(scopes_of(evaluation)))))
        expected = [counted_by_library(evaluation, *case) for case in cases]
        for found, told in zip(counted_by_story(node, evaluation, cases), expected, strict=True):
            compare(found, told, sides=True)


@pytest.mark.parametrize("name", ["digits", "sensor", "logs"])
def test_samples_are_counted_as_the_library_counts_them(node, name, tmp_path):
    evaluation = evaluated(copied_sample(tmp_path, name))
    chance = random.Random(name)
    versions = [version.name for version in evaluation.dataset.versions]
    features = [f for f in evaluation.dataset.features if has_histogram(f)]
    cases: list[Case] = []
    for scope in analysis.story(evaluation).head["scopes"] * 2:
        feature = chance.choice(features)
        filters = Filters(
            features=(filter_of_bars(feature, chance.sample(range(feature.bins.count), 6)),),
            labels=tuple(chance.sample(evaluation.dataset.classes, 1)) * chance.randint(0, 1),
        )
        cases.append((Selection(*chance.sample(versions, 2), filters), scope))
    cases[0] = (Selection(versions[5], versions[4]), cases[0][1])
    found = counted_by_story(node, evaluation, cases)
    for of, case in zip(found, cases, strict=True):
        compare(of, counted_by_library(evaluation, *case))


@pytest.mark.parametrize("name", ["digits", "sensor", "logs"])
def test_every_printed_headline_subtracts_and_agrees_with_the_timeline(node, name, tmp_path):
    evaluation = evaluated(copied_sample(tmp_path, name))
    story = analysis.story(evaluation)
    told = printed(node, "story_headlines.mjs", story.head)
    assert len(told) == len(story.head["scopes"]) * (len(evaluation.dataset.versions) - 1)
    metrics = analysis.version_metrics(evaluation).rows_by_key("version", named=True, unique=True)
    for line in told:
        if line["text"].startswith("No "):
            continue
        before, after = (
            accuracy_of(evaluation, metrics, line[side], line["scope"])
            for side in ("secondary", "primary")
        )
        shown = re.findall(r"([0-9.]+)%", f"{line['text']}{line['values']}")
        digits = len(shown[0].partition(".")[2])
        assert float(shown[-1]) == pytest.approx(100 * after, abs=0.51 / 10**digits)
        if line["values"]:
            size = re.search(r"(fell|rose) ([0-9.]+) points", line["text"])
            sign = -1 if size[1] == "fell" else 1
            assert Decimal(shown[1]) - Decimal(shown[0]) == sign * Decimal(size[2])
            assert float(shown[0]) == pytest.approx(100 * before, abs=0.51 / 10**digits)


def accuracy_of(
    evaluation: Evaluation, metrics: Mapping[str, Mapping[str, Any]], version: str, scope: str
) -> float:
    if scope != "all":
        return metrics[version][f"{scope}_accuracy"]
    number = evaluation.dataset.version_number(version)
    outcomes = evaluation.outcome[number, evaluation.dataset.rows_of(number)]
    return float((outcomes == 0).sum() / (outcomes < 2).sum())


def test_three_hundred_classes_and_ids_as_text_are_counted(node):
    frame = plain(
        400, id=[f"é{number}\n" for number in range(400)],
        label=[f"class {number % 300:03d}" for number in range(400)],
    )  # fmt: skip
    frames = {"1": frame[:380], "2": frame[20:]}
    with temporary_project(frames, toml=TREE) as folder:
        evaluation = evaluated(folder)
        cases = [(Selection("2", "1"), scope) for scope in ("test", "all")]
        bare = replace(evaluation, layout=None)
        for of, case in zip(counted_by_story(node, bare, cases), cases, strict=True):
            compare(of, counted_by_library(bare, *case))
