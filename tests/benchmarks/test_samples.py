"""The samples as they ship: all models fitted again, all layouts made again, the opening measured.

Run with `pytest -m benchmark -n 0 -s`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.neighbors import NearestNeighbors

from chameleon.data import evolving_dataset
from chameleon.layout.process import lay_out
from chameleon.models.shipping import fresh_evaluation, read_shipped
from chameleon.project import Finding, open_project

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ("digits", "sensor", "logs")
OPENING_SECONDS = 10
MOST_MEGABYTES = 400
OPENING = """
import json, pathlib, re, sys, time
from tests import internals as chameleon
start = time.perf_counter()
evaluation = chameleon.evaluate(chameleon.open_project(sys.argv[1]))
seconds = time.perf_counter() - start
# of this process alone: ru_maxrss begins with what the process held that started it
status = pathlib.Path("/proc/self/status").read_text()
print(json.dumps([seconds, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024]))
assert evaluation.fitted == ()
"""


@pytest.fixture(params=SAMPLES)
def sample(request, tmp_path) -> Path:
    """Return a copy of a sample in which nothing is kept."""
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    source = ROOT / "sample_data" / request.param
    return Path(shutil.copytree(source, tmp_path / request.param, ignore=ignored))


@pytest.mark.timeout(900)
def test_all_shipped_predictions_are_what_the_code_gives(sample: Path):
    made = fresh_evaluation(sample)
    assert made.fitted
    shipped = read_shipped(
        evolving_dataset(open_project(sample)), lambda parts: SimpleNamespace(**parts)
    )
    near = {"rtol": 0, "atol": 1e-6, "equal_nan": True}
    assert np.allclose(made.probability_of_label, shipped.probability_of_label, **near)
    likely = shipped.probability_of_prediction
    assert np.allclose(made.probability_of_prediction, likely, **near)
    other = made.predicted != shipped.predicted
    print(f"\n{sample.name}: {other.sum()} of {other.size:,} predictions differ, by ties")
    assert (np.abs(made.probability_of_label - made.probability_of_prediction)[other] < 1e-6).all()
    for column in ("version", "split", "metric", "reason"):
        assert made.scores[column].equals(shipped.scores[column])
    found, told = (scores["value"].to_numpy() for scores in (made.scores, shipped.scores))
    assert np.allclose(found, told, rtol=0, atol=1e-6, equal_nan=True)
    findings = tuple(map(Finding.kept, shipped.meta["problems"]))
    assert made.findings[-len(findings) or len(made.findings) :] == findings
    assert made.classes == shipped.meta["classes"]


@pytest.mark.timeout(900)
def test_the_shipped_layout_is_what_the_code_gives(sample: Path):
    dataset = evolving_dataset(open_project(sample))
    made = lay_out(dataset, lambda stage, share: None)
    if sample.name == "digits":
        again = lay_out(dataset, lambda stage, share: None)
        assert made.plane.tobytes() == again.plane.tobytes()
        real = made.plane[
            np.searchsorted(made.hashes, dataset.content_hashes()[dataset.present[0]])
        ]
        nearest = NearestNeighbors(n_neighbors=2).fit(real).kneighbors(return_distance=False)[:, 1]
        label = dataset.label[dataset.present[0]]
        assert (label[nearest] == label).mean() > 0.9  # digits are near those that show the same
    shipped = pl.read_parquet(sample / "layout" / "rows.parquet")
    assert shipped["hash"].to_numpy().tolist() == made.hashes.tolist()
    assert shipped["fitted"].to_numpy().tolist() == made.fitted.tolist()
    # another machine rounds otherwise, and the optimiser makes much of little
    planes = (made.plane, shipped.select("x", "y").to_numpy())
    near = [
        NearestNeighbors(n_neighbors=16).fit(plane[made.fitted]).kneighbors(return_distance=False)
        for plane in planes
    ]
    kept = np.mean([len(np.intersect1d(a, b)) / 16 for a, b in zip(*near, strict=True)])
    print(f"\n{sample.name}: of 16 neighbours {kept:.0%} stay")
    assert kept > 0.3


def test_opening_a_sample_takes_seconds_and_little_memory(sample: Path):
    for state in ("nothing kept", "dataset kept"):
        command = [sys.executable, "-c", OPENING, str(sample)]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, megabytes = json.loads(told.stdout)
        print(f"\n{sample.name}, {state}: {seconds:.2f} s, {megabytes:.0f} MB at the peak")
        assert seconds < OPENING_SECONDS
        assert megabytes < MOST_MEGABYTES
