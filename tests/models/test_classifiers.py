"""The fixed model code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EIGHT_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from chameleon.models.trainer import classifier_class
with ThreadPoolExecutor(8) as visitors:
    found = [visitors.submit(classifier_class, "LogisticRegression") for _ in range(8)]
assert len({one.result() for one in found}) == 1
"""


def test_several_threads_may_ask_for_the_first_classifier_at_once():
    # in a process of its own: scikit-learn's modules are imported once
    ended = subprocess.run(
        [sys.executable, "-c", EIGHT_AT_ONCE], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
