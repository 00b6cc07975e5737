"""The unit tests of the components' JavaScript, run by node's own test runner."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "js"


def test_the_pure_javascript_of_the_components():
    node = shutil.which("node")
    if node is None:
        assert os.environ.get("CHAMELEON_REQUIRE_BROWSER") != "1", "node is required, not installed"
        pytest.skip("node is not installed")
    files = sorted(str(path) for path in TESTS.glob("*.test.mjs"))
    assert files
    ended = subprocess.run(
        [node, "--test", *files], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
