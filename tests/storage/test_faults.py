"""Killed processes, full disks and folders that cannot be written: nothing breaks, all is told.

`CHAMELEON_KILLS=100 pytest tests/storage/test_faults.py` kills at that many random moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.project import Severity
from tests import internals as chameleon
from tests.library import TREE, evaluated, plain, write_project

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("CHAMELEON_KILLS", "6"))
FRAMES = {
    str(n): plain(200 + 20 * n, k=[(i * (n + 3)) % 17 for i in range(200 + 20 * n)])
    for n in range(1, 5)
}

KILLED = """
import json, os, random, signal, sys
from tests import internals as chameleon
import sklearn.tree, skops.io
chameleon.evaluate, chameleon.open_project  # loaded once, before the forks

def evaluate(folder, cache, moment, seconds, told):
    # what is written to a cache is a moment to die at; so is any moment of the processor's time
    seen = 0

    def die_at_the_moment(event, arguments):
        nonlocal seen
        if event in ("open", "os.rename", "os.mkdir", "os.remove", "shutil.rmtree"):
            if "cache" in str(arguments[0]) or ".chameleon" in str(arguments[0]):
                seen += 1
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

    os.environ["XDG_CACHE_HOME"] = cache
    sys.addaudithook(die_at_the_moment)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process, wherever it is
    chameleon.evaluate(chameleon.open_project(folder))
    os.write(told, str(seen).encode())

def run(folder, cache, moment=0, seconds=0.0):
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        evaluate(folder, cache, moment, seconds, told)
        os._exit(0)
    os.close(told)
    _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code, os.read(reading, 99).decode(), used.ru_utime + used.ru_stime

places = json.loads(sys.argv[1])
chance = random.Random(sys.argv[2])
code, moments, seconds = run(*places[0])
assert code == 0, code
codes = [
    run(*place, moment=chance.randint(1, int(moments)))[0] if number % 2
    else run(*place, seconds=chance.uniform(0.001, seconds))[0]
    for number, place in enumerate(places[1:])
]
print(json.dumps(codes))
"""


@pytest.mark.timeout(3600)
def test_a_run_killed_at_a_random_moment_breaks_nothing(tmp_path, monkeypatch):
    places = [
        (write_project(tmp_path / f"{number}", FRAMES, toml=TREE), tmp_path / f"cache-{number}")
        for number in range(KILLS + 1)
    ]
    seed = str(random.randrange(10**9))
    plan = json.dumps([[str(folder), str(cache)] for folder, cache in places])
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, plan, seed], cwd=ROOT, capture_output=True, check=True
    )
    codes = json.loads(ended.stdout)
    assert set(codes[1::2]) == {-signal.SIGKILL}, (seed, codes)
    assert set(codes[::2]) <= {-signal.SIGPROF, 0}, (seed, codes)  # it may end before its moment
    reference: chameleon.Evaluation | None = None
    for number, (folder, cache) in enumerate(places):
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        after = evaluated(folder)
        reference = after if reference is None else reference
        where = f"seed {seed}, run {number}"
        np.testing.assert_array_equal(reference.predicted, after.predicted, err_msg=where)
        np.testing.assert_array_equal(
            reference.probability_of_label, after.probability_of_label, err_msg=where
        )
        assert after.scores.equals(reference.scores), where
        assert after.findings == reference.findings, where
        assert evaluated(folder).fitted == (), where
    print(f"\n{sum(map(bool, codes))} of {len(codes)} runs were killed, seed {seed}")


# ---------------------------------------------------------------- full disks


LIMITED = """
import json, os, resource, sys
from tests import internals as chameleon
import sklearn.tree  # joblib makes a file when it is loaded
limit, folder, what = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if limit >= 0:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
evaluation = chameleon.evaluate(chameleon.open_project(folder + what))
print(json.dumps([
    chameleon.version_metrics(evaluation)["test_accuracy"].to_list(),
    [[finding.severity, finding.message] for finding in evaluation.findings],
    len(chameleon.check(evaluation)),
]))
"""


def limited(folder: Path, cache: Path, limit: int, what: str = "") -> tuple:
    """What a process says that may write no file longer than so many bytes."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED, str(limit), str(folder), what],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return tuple(json.loads(ended.stdout))


def told_not_kept(findings: list) -> bool:
    return any("couldn't be cached" in m and "Free some space" in m for _, m in findings)


@pytest.mark.parametrize("limit", [0, 200, 3_000, 20_000])
def test_where_no_file_can_grow_the_numbers_are_right_and_it_is_told(tmp_path, limit):
    folder = write_project(tmp_path / "p", FRAMES, toml=TREE)
    accuracies, findings, noticed = limited(folder, tmp_path / "cache", limit)
    assert told_not_kept(findings) == (limit < 20_000)
    assert noticed >= len(findings)
    assert not list((folder / ".chameleon").glob(".tmp-*"))
    # the next one, with room, finds nothing broken
    again, findings, _ = limited(folder, tmp_path / "cache", -1)
    assert again == accuracies
    assert not findings


def test_a_table_on_a_full_disk_is_read_without_its_copy(tmp_path):
    whole = pl.concat([f.with_columns(batch=pl.lit(n)) for n, f in FRAMES.items()])
    whole.write_csv(tmp_path / "data.csv")
    what = "/data.csv?version=batch&reading=snapshot"
    accuracies, findings, _ = limited(tmp_path, tmp_path / "cache", 200, what)
    assert told_not_kept(findings)
    assert limited(tmp_path, tmp_path / "cache", -1, what)[0] == accuracies


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """A file system of our own at a folder; a test is skipped where none may be made."""
    place.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # arrays are still mapped


def on_disk(size: str) -> tuple[str, ...]:
    return "-t", "tmpfs", "-o", f"size={size}", "tmpfs"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a Linux file system")
@pytest.mark.parametrize("size", ["64k", "128k", "192k"])
def test_a_disk_that_fills_up_is_told_and_the_numbers_are_right(tmp_path, monkeypatch, size):
    reference = evaluated(write_project(tmp_path / "roomy", FRAMES, toml=TREE))
    with mounted(tmp_path / "small", *on_disk(size)) as small:
        monkeypatch.setenv("XDG_CACHE_HOME", str(small / "cache"))
        folder = write_project(small / "p", FRAMES, toml=TREE)
        evaluation = evaluated(folder)
        np.testing.assert_array_equal(evaluation.predicted, reference.predicted)
        told = [[finding.severity, finding.message] for finding in evaluation.findings]
        kept = list((folder / ".chameleon").glob("evaluation-*"))
        assert told_not_kept(told) == (not kept)
        assert not list((folder / ".chameleon").glob(".tmp-*"))
        np.testing.assert_array_equal(evaluated(folder).predicted, reference.predicted)


# ---------------------------------------------------------------- folders that cannot be written


def test_where_neither_place_can_be_written_it_is_told(tmp_path, monkeypatch):
    # files stand where the folders would be: that stops root too, whom no mode bits stop
    folder = write_project(tmp_path / "p", FRAMES, toml=TREE)
    (folder / ".chameleon").touch()
    (tmp_path / "cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    evaluation = evaluated(folder)
    (finding,) = evaluation.findings
    assert finding.severity is Severity.WARNING
    assert told_not_kept([[finding.severity, finding.message]])
    assert str(tmp_path) not in finding.message
    assert evaluated(folder).fitted == tuple(FRAMES)  # computed again, as it says
    assert finding.message in chameleon.check(evaluation)["message"].to_list()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a Linux file system")
def test_a_read_only_project_is_opened_and_kept_in_the_users_cache(tmp_path, monkeypatch):
    written = write_project(tmp_path / "written", FRAMES, toml=TREE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with mounted(tmp_path / "p", "--bind", "-o", "ro", str(written)) as folder:
        with pytest.raises(OSError, match="Read-only"):
            (folder / "x").touch()
        evaluation = evaluated(folder)
        assert not evaluation.findings
        assert evaluation.fitted == tuple(FRAMES)
        assert evaluated(folder).fitted == ()
    assert not (written / ".chameleon").exists()
