"""The pages on the awkward versions of the corpus, all in one project."""

import pytest

from tests import corpus
from tests.app import showcases
from tests.app.conftest import OVERVIEW
from tests.library import TREE, plain, write_project

CHECK = "pages/data_check.py"
PAGES = (OVERVIEW, CHECK, "pages/data_changes.py", "pages/failures.py", "pages/instances.py")


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    """Every case of the corpus as a version, except the widest, and awkward file names."""
    folder = tmp_path_factory.mktemp("corpus") / "p"
    frames = {name: plain() for name in corpus.FILE_NAMES if not name.startswith(".")}
    write_project(folder, frames, toml=TREE)
    for number, case in enumerate(corpus.CASES.values()):
        if case.rows is None or case.rows.width < 100:
            case.write(folder / "versions" / f"odd {number}.{case.ending}")
    return folder


def test_pages_show_everything_readable_and_name_the_rest(open_app, awkward):
    read = [case for case in corpus.CASES.values() if case.rows is not None]
    narrow = [case for case in read if case.rows.width < 100]
    screen = open_app(awkward)
    for page in PAGES:
        screen.go(page)
        assert not screen.at.exception
        assert not screen.at.error
        shown = screen.versions
        assert len(shown) == len(narrow) + len(corpus.FILE_NAMES) - 1  # one is hidden
        if page == CHECK:
            refused = sum(case.rows is None for case in corpus.CASES.values())
            by_version = screen.at.dataframe[0].value
            assert int(by_version["errors"].sum()) == refused
            assert len(by_version) == len(shown) + refused
        assert str(awkward) not in screen.text


def test_hundreds_of_columns_are_shown(open_app, tmp_path):
    frames = dict.fromkeys("12", corpus.WIDE[:, :400])
    folder = write_project(tmp_path / "p", frames, predictions=showcases.given(frames))
    screen = open_app(folder)
    for page in (OVERVIEW, "pages/data_changes.py", "pages/instances.py"):
        screen.go(page)
        assert not screen.at.exception
        assert not screen.at.error
