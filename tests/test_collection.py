"""The suite is the same in every process: pytest-xdist stops where two workers differ."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COLLECT = """
import sys, time
now = time.time
time.time = lambda: now() + 86461.5
import pytest
sys.exit(pytest.main(["-q", "-n0", "--collect-only", "--assert=plain", "-p", "no:cacheprovider",
                      *sys.argv[1:]]))
"""


@pytest.mark.timeout(600)
def test_the_same_tests_are_collected_at_any_time_and_with_any_hash_seed(request):
    own = [item.nodeid for item in request.session.items]
    files = dict.fromkeys(str(item.path) for item in request.session.items)
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    collected = subprocess.run(
        [sys.executable, "-c", COLLECT, *files],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": "Pacific/Kiritimati"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr
    chosen = set(own)  # by -k and -m
    assert [line for line in collected.stdout.splitlines() if line in chosen] == own
