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
KILLS = int(os.environ.get("CHAMELEON_KILLS", "4"))
FRAMES = {
    str(n): plain(200 + 20 * n, k=[(i * (n + 3)) % 17 for i in range(200 + 20 * n)])
    for n in range(1, 5)
}

FORKED = """
import json, os, random, resource, signal, sys
from tests import internals as chameleon
import sklearn.tree, skops.io  # joblib makes a file when it is loaded
# loaded once, before the forks
chameleon.evaluate, chameleon.open_project, chameleon.version_metrics, chameleon.check

def evaluate(address, cache, limit, moment, seconds, told):
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
    if limit >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.addaudithook(die_at_the_moment)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process, wherever it is
    evaluation = chameleon.evaluate(chameleon.open_project(address))
    moments = seen
    os.write(told, json.dumps([
        moments,
        chameleon.version_metrics(evaluation)["test_accuracy"].to_list(),
        [[finding.severity, finding.message] for finding in evaluation.findings],
        len(chameleon.check(evaluation)),
    ]).encode())

def run(address, cache, limit=-1, moment=0, seconds=0.0):
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            evaluate(address, cache, limit, moment, seconds, told)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(told)
    with open(reading) as stream:
        text = stream.read()
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), text, used.ru_utime + used.ru_stime

places, seed = json.loads(sys.argv[1]), sys.argv[2]
if not seed:
    ends = [run(*place) for place in places]
    assert not any(code for code, _, _ in ends), ends
    print(json.dumps([json.loads(text) for _, text, _ in ends]))
else:
    chance = random.Random(seed)
    code, text, seconds = run(*places[0])
    assert code == 0, code
    print(json.dumps([
        run(*place, moment=chance.randint(1, json.loads(text)[0]))[0] if number % 2
        else run(*place, seconds=chance.uniform(0.001, seconds))[0]
        for number, place in enumerate(places[1:])
    ]))
"""


def forked(places: list[tuple], seed: str = "") -> list:
    """What is told of evaluations in processes of their own; with a seed, how killed ones end."""
    plan = json.dumps([[str(address), str(cache), *limit] for address, cache, *limit in places])
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED, plan, seed],
        **{"cwd": ROOT, "capture_output": True, "text": True},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(write_project(tmp_path_factory.mktemp("whole") / "p", FRAMES, toml=TREE))


@pytest.mark.timeout(3600)
def test_a_run_killed_at_a_random_moment_breaks_nothing(tmp_path, monkeypatch, reference):
    places = [
        (write_project(tmp_path / f"{number}", FRAMES, toml=TREE), tmp_path / f"cache-{number}")
        for number in range(KILLS + 1)
    ]
    seed = str(random.randrange(10**9))
    codes = forked(places, seed)
    assert set(codes[1::2]) == {-signal.SIGKILL}, (seed, codes)
    assert set(codes[::2]) <= {-signal.SIGPROF, 0}, (seed, codes)  # it may end before its moment
    for number, (folder, cache) in enumerate(places):
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        after = evaluated(folder)
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


def told_not_kept(findings: list) -> bool:
    return any("couldn't be cached" in m and "Free some space" in m for _, m in findings)


def test_where_no_file_can_grow_the_numbers_are_right_and_it_is_told(tmp_path):
    limits = (0, 200, 3_000, 20_000)
    folders = {n: write_project(tmp_path / f"{n}", FRAMES, toml=TREE) for n in limits}
    whole = pl.concat([f.with_columns(batch=pl.lit(n)) for n, f in FRAMES.items()])
    whole.write_csv(tmp_path / "data.csv")
    table = tmp_path / "data.csv?version=batch&reading=snapshot"
    addresses = [*folders.items(), (200, table)]
    # each again with room, which finds nothing broken
    places = [
        (address, tmp_path / f"cache-{number}", most)
        for number, (limit, address) in enumerate(addresses)
        for most in (limit, -1)
    ]
    told = forked(places)
    for (limit, _), first, again in zip(addresses, told[::2], told[1::2], strict=True):
        _, accuracies, findings, noticed = first
        assert told_not_kept(findings) == (limit < 20_000)
        assert noticed >= len(findings)
        assert again[1] == accuracies
        assert again[2] == []
    assert not any(list((folder / ".chameleon").glob(".tmp-*")) for folder in folders.values())


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a Linux file system")
@pytest.mark.parametrize("size", ["64k", "192k"])
def test_a_disk_that_fills_up_is_told_and_the_numbers_are_right(
    tmp_path, monkeypatch, size, reference
):
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as small:
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
