"""The Data changes page: it shows the library's figures, and its clicks filter everything."""

import pytest

from chameleon.analysis import selected
from tests import internals as chameleon
from tests.app.conftest import FEATURES, OVERVIEW, matching
from tests.internals import ChangeType, DataChange, Filters, data_changes

ITERATION = "pages/data_changes.py"
SIDES = {"primary": "b", "secondary": "a"}


@pytest.fixture
def screen(open_app, kinds):
    return open_app(kinds.dataset.project.path, ITERATION)


def chart(screen, key):
    return next(e for e in screen.at.main.get("vega_lite_chart") if e.proto.id.endswith(f"{key}-0"))


def click(screen, key, *marks):
    """Send the marks that are selected in a chart after a click."""
    return screen.select(chart(screen, key), pick=list(marks))


def test_a_click_on_a_count_filters_every_page(screen, kinds):
    click(screen, "iteration-counts", {"change": "edited"})
    chosen = (DataChange(ChangeType.EDITED),)
    assert screen.selection.filters == Filters(data_changes=chosen)
    counts = dict(data_changes(kinds, **SIDES).select("change", "instances").iter_rows())
    assert selected(kinds, screen.selection).instances == counts["edited"]
    assert screen.chips == ["edited"]
    screen.go(OVERVIEW)
    assert screen.matching == matching(kinds, screen.selection)
    screen.look(filters=[])
    assert screen.selection.filters.is_empty


def test_a_number_of_a_group_filters_to_its_instances(screen, kinds):
    table = next(d for d in screen.at.dataframe if "iteration-by-source" in d.proto.id)
    screen.select(table, rows=[], columns=[], cells=[[1, "added"]])
    assert screen.selection.filters == Filters(
        sources=("vendor",), data_changes=(DataChange(ChangeType.ADDED),)
    )
    groups = chameleon.data_changes_by(kinds, "source", **SIDES)
    assert selected(kinds, screen.selection).instances == groups["added"][1]


def test_a_link_carries_the_change(open_app, kinds):
    query = {"data-change": ["added", "edited:wide"]}
    screen = open_app(kinds.dataset.project.path, ITERATION, query)
    assert screen.selection.filters.data_changes == (
        DataChange(ChangeType.ADDED), DataChange(ChangeType.EDITED, "wide"),
    )  # fmt: skip
    assert screen.chips == ["added or edited in wide"]
    wrong = open_app(kinds.dataset.project.path, ITERATION, {"data-change": "edited:gone"})
    assert "gone" in " ".join(w.value for w in wrong.at.warning)


def test_a_feature_of_the_map_opens_its_step(open_app, showcase):
    folder = showcase("growing")
    screen = open_app(folder, ITERATION)
    click(screen, "iteration-map", {"row": 0, "column": 0})
    assert (screen.selection.primary, screen.selection.secondary) == ("1.1", "1.0")
    searched = screen.at.session_state["features-search"]
    assert searched in ("", "f000", "f001", "f002")
    screen.go(FEATURES)
    assert not screen.at.exception


def test_the_domain_classifier_runs_on_request(screen):
    assert "out-of-fold AUC" not in screen.text
    screen.at.button(key="iteration-ask").click()
    screen.settle()
    assert not screen.at.exception
    assert "out-of-fold AUC" in screen.text
    screen.at.run()
    assert "out-of-fold AUC" in screen.text  # cached


def test_a_feature_s_edits_filter_by_a_button(screen):
    screen.at.button(key="iteration-filter-edited").click().run()
    (change,) = screen.selection.filters.data_changes
    assert change.happened is ChangeType.EDITED
    assert change.feature is not None
    screen.at.button(key="iteration-filter-edited").click().run()
    assert screen.selection.filters.is_empty


def test_every_table_has_a_name_and_writes_nothing_as_a_dash(screen):
    tables = screen.at.dataframe
    assert len(tables) > 3
    assert all(d.proto.alt and d.proto.placeholder == "-" for d in tables)
