"""The tiny project, evaluated once for all tests of analyses."""

import pytest

from tests import internals as chameleon
from tests import tiny
from tests.library import evaluated


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))
