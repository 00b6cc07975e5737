"""Twenty visitors at once on the sensor sample: every run ends, and every number is the library's.

Run with `pytest -m benchmark -n 0 -s tests/benchmarks/test_load.py`. `CHAMELEON_LOAD_SECONDS=20`
shortens it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chameleon.analysis import (
    COUNT_COLUMNS,
    attribute_change,
    fixed_test_set,
    model_on_tests,
    selected,
    timeline_changes,
    version_metrics,
)
from chameleon.project import Split
from chameleon.selection import Filters, Selection
from tests import internals as chameleon
from tests.app.visitors import Screen, Visitor
from tests.browser.conftest import App, running_app
from tests.internals import (
    class_changes,
    confusion,
    data_changes,
    data_changes_by,
    embedding_cells,
    errors_by,
    feature_histograms,
    instances,
    most_sensitive,
    prediction_changes,
    prediction_changes_by,
    sensitivity,
)

ROOT = Path(__file__).parents[2]
VISITORS = 20
SECONDS = float(os.environ.get("CHAMELEON_LOAD_SECONDS", "180"))
PATIENCE_SECONDS = 120.0
"""A run takes some ten seconds at most while twenty share two cores."""

STEPS = (("1.18", "1.17"), ("1.5", "1.4"), ("1.9", "1.2"), ("1.12", "1.12"))
FILTERS = (Filters(), Filters(splits=(Split.TEST,)), Filters(labels=("active",)))
SELECTIONS = tuple(
    Selection(primary=primary, secondary=secondary, filters=filters)
    for primary, secondary in STEPS
    for filters in FILTERS
)
CELL_COLUMNS = ("cell", "correct", "incorrect", "secondary_instances")
PAGES_A_SESSION = 4


class Library:
    """What each page has to show for each selection, computed once."""

    def __init__(self, evaluation: chameleon.Evaluation) -> None:
        self.shown = {
            (page, selection): [f for f in frames(evaluation, selection) if len(f)]
            for page, frames in SHOWN.items()
            for selection in SELECTIONS
        }
        self.counted = {selection: counted(evaluation, selection) for selection in SELECTIONS}
        metrics = version_metrics(evaluation)
        self.timeline = metrics.select(
            "instances", "train_accuracy", "test_accuracy", name="version"
        )


def counted(evaluation: chameleon.Evaluation, selection: Selection) -> str:
    found = selected(evaluation, selection)
    if selection.filters.is_empty:
        return f"All {found.of:,} instances of "
    return f"**{found.instances:,} of {found.of:,} instances**"


def of_sides(selection: Selection) -> dict[str, Any]:
    return {name: getattr(selection, name) for name in ("primary", "secondary", "filters")}


def of_timeline(evaluation: chameleon.Evaluation) -> dict[str, object]:
    versions = evaluation.dataset.versions
    return {"over": chameleon.SensitivityRange(versions[0].name, versions[-1].name)}


def overview(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    sides = of_sides(selection)
    yield from features(evaluation, selection)
    yield embedding_cells(evaluation, **sides, cells=24).select(CELL_COLUMNS)
    yield prediction_changes(evaluation, **sides)
    yield sensitivity(evaluation, **sides, **of_timeline(evaluation))


def timeline(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    metrics = version_metrics(evaluation)
    for split in ("train", "test"):
        values = metrics.select("version", value=f"{split}_accuracy", split=pl.lit(split))
        yield values.drop_nulls()
    words = {"after": "version", "changed_split": "changed split"}
    changes = timeline_changes(evaluation.dataset).rename(words)
    kinds = ["added", "removed", "relabeled", "edited", "changed split"]
    yield changes.unpivot(
        kinds, index=["version", "before"], variable_name="kind", value_name="instances"
    )


def attribution(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    tests = model_on_tests(evaluation)
    yield tests.select("model", "test", "value", written=written(tests["value"], "{:.3f}"))
    frozen = fixed_test_set(evaluation, test=selection.primary)
    yield frozen.select("version", "value", "low", "high", "instances")
    if selection.primary != selection.secondary:
        found = attribute_change(evaluation, before=selection.secondary, after=selection.primary)
        parts = found.parts.filter(part="test")
        yield parts.select(written=written(parts["value"], "{:+.4f}"))


def written(values: pl.Series, form: str) -> pl.Series:
    return pl.Series(["-" if value is None else form.format(value) for value in values])


def features(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    histograms = feature_histograms(evaluation, **of_sides(selection))
    yield histograms.group_by("feature", "split").agg(pl.col(COUNT_COLUMNS).sum())


def changes(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    sides = of_sides(selection)
    yield prediction_changes(evaluation, **sides)
    yield class_changes(evaluation, **sides)
    by_split = prediction_changes_by(evaluation, "split", **sides)
    yield by_split.select(split="group", all="instances", regressed="correct_incorrect")


def embedding(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    yield embedding_cells(evaluation, **of_sides(selection)).select(CELL_COLUMNS)


def flips(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    asked = of_sides(selection) | of_timeline(evaluation)
    yield sensitivity(evaluation, **asked)
    listed = most_sensitive(evaluation, **asked, most=20)
    yield listed.select("instance", "version", "outcome", "prediction")


def iteration(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    if selection.primary != selection.secondary:
        sides = of_sides(selection)
        yield data_changes(evaluation, **sides)
        by_split = data_changes_by(evaluation, "split", **sides)
        yield by_split.select("added", "removed", "edited", split="group")


def failures(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    asked = of_sides(selection) | {"split": None if selection.filters.splits else Split.TEST}
    found = confusion(evaluation, **asked)
    errors = errors_by(evaluation, "source", **asked)
    for side in ("secondary", "primary"):
        yield found.select("label", "prediction", value=side)
        rates = errors.select("group", side=pl.lit(side), rate=f"{side}_rate", low=f"{side}_low")
        yield rates.drop_nulls("rate")


def instance_page(evaluation: chameleon.Evaluation, selection: Selection) -> Iterator[pl.DataFrame]:
    page = instances(evaluation, **of_sides(selection), limit=50)
    yield page.frame.select("instance", "label", "primary_prediction", "strip", "changes")


SHOWN: dict[str, Callable[[chameleon.Evaluation, Selection], Iterator[pl.DataFrame]]] = {
    "": overview,
    "timeline": timeline,
    "attribution": attribution,
    "features": features,
    "changes": changes,
    "embedding": embedding,
    "sensitivity": flips,
    "iteration": iteration,
    "failures": failures,
    "instances": instance_page,
}
"""What the library computes of what a page shows."""


def received(screen: Screen) -> Iterator[pl.DataFrame]:
    """The tables of a screen, and the numbers of its timeline and Feature View as tables."""
    yield from screen.frames
    for payload in screen.payloads:
        if "versions" in payload:
            yield pl.DataFrame(payload["versions"], infer_schema_length=None)
        else:
            rows = [
                (feature["name"], split, *(sum(bars) for bars in counts))
                for feature in payload["features"]
                for split, counts in zip(payload["splits"], feature["counts"], strict=True)
            ]
            yield pl.DataFrame(rows, schema=["feature", "split", *COUNT_COLUMNS], orient="row")


def is_shown(expected: pl.DataFrame, found: pl.DataFrame) -> bool:
    """Return True if every row of the expected table is among the rows found, to the bit."""
    if not set(expected.columns) <= set(found.columns):
        return False
    rows = found.select(pl.col(name).cast(dtype) for name, dtype in expected.schema.items())
    return expected.join(rows, on=expected.columns, how="anti", nulls_equal=True).is_empty()


@dataclass
class Tally:
    """What all visitors met."""

    runs: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, page: str, checked: list[pl.DataFrame], faults: list[str]) -> None:
        with self.lock:
            self.runs[page] += 1
            self.numbers += sum(table.height * table.width for table in checked)
            self.faults += faults


def visit(app: App, library: Library, tally: Tally, seed: int, until: float) -> None:
    """Open sessions and their pages until the time is over, or something is wrong."""
    chance = random.Random(seed)
    where = "no page"
    try:
        while time.monotonic() < until and not tally.faults:
            selection = chance.choice(SELECTIONS)
            with Visitor(app.url, patience=PATIENCE_SECONDS) as visitor:
                for page in chance.sample(sorted(SHOWN), PAGES_A_SESSION):
                    where = f"{page}?{selection.to_query_string()}"
                    screen = visitor.open(page, selection.to_query_string())
                    expected = [library.timeline, *library.shown[page, selection]]
                    faults = list(wrong(screen, expected, library.counted[selection]))
                    tally.add(page, expected, [f"{where}: {fault}" for fault in faults])
    except Exception as error:  # such as a run that does not end
        tally.add(where, [], [f"{where}: {type(error).__name__}: {error}"])


def wrong(screen: Screen, tables: list[pl.DataFrame], counted: str) -> Iterator[str]:
    """What a screen tells otherwise than the library."""
    yield from screen.errors
    if not any(text.startswith(counted) for text in screen.texts):
        yield f"not told: {counted}"
    found = list(received(screen))
    for table in tables:
        if not any(is_shown(table, one) for one in found):
            yield f"not shown: {table}"


def megabytes(app: App) -> int:
    status = Path(f"/proc/{app.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


@pytest.mark.timeout(900)
def test_twenty_visitors_neither_hang_the_server_nor_read_a_wrong_number(tmp_path):
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    sample = shutil.copytree(ROOT / "sample_data/sensor", tmp_path / "sensor", ignore=ignored)
    library = Library(chameleon.evaluate(chameleon.open_project(sample)))
    with running_app(tmp_path, sample) as app:
        with Visitor(app.url, patience=PATIENCE_SECONDS) as first:
            while library.counted[SELECTIONS[0]] not in " ".join(first.open("timeline").texts):
                pass  # the project is still being opened
        tally, before = Tally(), megabytes(app)
        until = time.monotonic() + SECONDS
        visitors = [
            threading.Thread(target=visit, args=(app, library, tally, seed, until))
            for seed in range(VISITORS)
        ]
        for one in visitors:
            one.start()
        for one in visitors:
            one.join()
        print(
            f"\n{tally.runs.total()} runs, {tally.numbers:,} numbers, memory {before} to "
            f"{megabytes(app)} MB; {dict(tally.runs)}"
        )
        assert not tally.faults, "\n".join([*tally.faults[:5], app.printed()[-2000:]])
    assert set(tally.runs) == set(SHOWN)
