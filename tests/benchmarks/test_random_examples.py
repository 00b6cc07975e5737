"""The property tests with new examples; every other run draws fixed ones."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.timeout(3600)
def test_every_property_holds_for_new_examples():
    chosen = ["-m", "hypothesis", "--hypothesis-profile=random"]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", *chosen]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
