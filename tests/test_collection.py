"""The suite is the same in every process: pytest-xdist stops where two workers differ."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COLLECT = """
import sys, time
now, shift = time.time, float(sys.argv[1])
time.time = lambda: now() + shift
import pytest
sys.exit(pytest.main(["-q", "-n0", "--collect-only", "--assert=plain", "-p", "no:cacheprovider"]))
"""


@pytest.mark.timeout(600)
def test_the_same_tests_are_collected_at_any_time_and_with_any_hash_seed():
    # the time zones are 26 hours apart, so that dates differ too
    places = (("0", "Etc/GMT+12"), ("86461.5", "Pacific/Kiritimati"))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", COLLECT, shift],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": str(seed), "TZ": zone},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed, (shift, zone) in enumerate(places, start=1)
    ]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    first, second = ([line for line in text.splitlines() if "::" in line] for text in printed)
    assert first
    assert first == second
