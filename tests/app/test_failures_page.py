"""The Failures page shows the library's numbers, and its clicks filter everything."""

import numpy as np
import polars as pl
import pytest

from chameleon.analysis import FAILURE_SETS, selected
from chameleon.app import failures
from chameleon.project import Split
from tests import internals as chameleon
from tests.analysis.test_label_checks import NAIVE, two_classes
from tests.app.conftest import PAGES
from tests.internals import ConfusionCell, Filters, Selection
from tests.library import evaluated, write_project

FAILURES = "pages/failures.py"
VERSIONS = {"primary": "1.9", "secondary": "1.8"}


def text_of(screen):
    return "\n".join(screen.texts()).replace("\\", "")


def table(screen, column):
    return next(d.value for d in screen.at.dataframe if column in d.value.columns)


@pytest.fixture
def screen(open_app, digits):
    assert FAILURES in PAGES
    return open_app(digits.dataset.project.path, FAILURES, VERSIONS)


def test_sets_count_what_a_click_on_them_leaves(screen, digits):
    found = dict(chameleon.failure_sets(digits, **VERSIONS).iter_rows())
    buttons = [screen.at.button(key=f"failure-set-{k}") for k in range(len(FAILURE_SETS))]
    assert [b.label for b in buttons] == [
        f"{name.capitalize()}: **{found[name]:,}**" for name in FAILURE_SETS
    ]
    for number, name in enumerate(FAILURE_SETS):
        assert found[name] > 0
        screen.at.button(key=f"failure-set-{number}").click().run()
        assert not screen.at.exception
        assert screen.count.startswith(f"**{found[name]:,} of ")
        assert len(screen.chips) == 1  # one set takes the place of the other
        again = [screen.at.button(key=f"failure-set-{k}").label for k in range(len(FAILURE_SETS))]
        assert again == [b.label for b in buttons]
    screen.at.button(key="failure-set-3").click().run()
    assert screen.selection.filters.is_empty


def test_matrices_errors_and_mistakes_are_the_librarys(screen, digits):
    text = text_of(screen)
    found = chameleon.confusion(digits, **VERSIONS, split=Split.TEST)
    for side in ("secondary", "primary"):
        wrong = found.filter(pl.col("label") != pl.col("prediction"))[side].sum()
        assert f"Of {found[side].sum():,} instances, {wrong:,} are incorrect" in text
    errors = chameleon.errors_by(digits, "label", **VERSIONS, split=Split.TEST)
    shown = table(screen, "primary errors")
    assert shown["primary errors"].to_list() == errors["primary_errors"].to_list()
    assert shown["primary rate"].iloc[0] == f"{100 * errors['primary_rate'][0]:.1f}%"
    assert (shown["primary 95% CI"] != "-").all()
    mistakes = chameleon.ranked_errors(digits, **VERSIONS, split=Split.TEST)
    listed = table(screen, "prediction")
    assert listed["instance"].to_list() == mistakes["instance"].to_list()[:200]
    screen.at.segmented_control(key="failures-rows").set_value("train").run()
    assert not screen.at.exception
    shown = table(screen, "primary errors")
    assert set(shown["primary 95% CI"]) == {"-"}
    assert set(shown["undefined because"]) == {"train rows are no fair sample"}
    screen.at.toggle(key="failures-shares").set_value(True).run()
    assert not screen.at.exception


def test_a_cell_filters_to_its_instances_and_its_split():
    cell = ConfusionCell("3", "8")
    other = cell._replace(secondary=True)
    chosen = failures._toggled(Filters(), [cell], Split.TEST)
    assert chosen == Filters(splits=(Split.TEST,), confusions=(cell,))
    both = failures._toggled(Filters(), [cell, other], None)
    assert both.confusions == (cell, other)
    assert failures._toggled(both, [cell, other], None).is_empty
    assert failures._toggled(both, [other], None).confusions == (cell,)
    assert failures._toggled(chosen, [cell], None).confusions == ()


def test_a_linked_cell_is_shown_counted_and_named(open_app, digits):
    found = chameleon.confusion(digits, **VERSIONS, split=Split.TEST)
    worst = found.filter(pl.col("label") != pl.col("prediction")).sort("primary")[-1]
    cell = ConfusionCell(worst["label"].item(), worst["prediction"].item())
    filters = Filters(splits=(Split.TEST,), confusions=(cell,))
    query = dict(Selection("1.9", "1.8", filters).to_query())
    screen = open_app(digits.dataset.project.path, FAILURES, query)
    counted = selected(digits, Selection("1.9", "1.8", filters))
    assert counted.instances == worst["primary"].item()
    assert screen.count == f"**{counted.instances:,} of {counted.of:,} instances**"
    assert any(f"{cell.label} predicted as {cell.prediction} by the primary" in c
               for c in screen.chips)  # fmt: skip
    assert screen.selection.filters == filters


def test_label_issues_are_found_on_request(open_app, tmp_path):
    labels = two_classes()["label"].to_list()
    for place in range(0, 30, 8):
        labels[place] = "b" if labels[place] == "a" else "a"
    frame = two_classes(label=labels)
    folder = write_project(tmp_path / "p", {"1": frame, "2": frame}, toml=NAIVE)
    screen = open_app(folder, FAILURES)
    assert screen.at.button(key="mistakes-judge").label.startswith("Fit 5 models")
    screen.at.segmented_control(key="mistakes-by").set_value("label_issue").run()
    assert any("models that never saw a label" in i.value for i in screen.at.info)
    screen.at.segmented_control(key="failures-rows").set_value("all").run()
    screen.at.button(key="mistakes-judge").click()
    screen.settle()
    assert not screen.at.exception
    found = chameleon.label_issues(evaluated(folder), "2")
    assert found.fitted == 0  # the page has fitted them
    assert f"**{found.rows['is_issue'].sum()} of 200 labels**" in text_of(screen)
    listed = table(screen, "suggested label")
    doubted = found.rows.drop_nulls("suggested_label")
    assert listed["instance"].to_list() == doubted["instance"].to_list()
    assert {"i000", "i008", "i016", "i024"} <= set(listed["instance"])
    screen.at.run()
    assert "mistakes-judge" not in {b.key for b in screen.at.button}


def test_external_predictions_leave_train_rows_unassessed(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, FAILURES)
    button = screen.at.button(key="mistakes-judge")
    assert button.label == "Find label issues"
    button.click()
    screen.settle()
    assert not screen.at.exception
    assert "with external predictions" in text_of(screen)
    listed = table(screen, "prediction")
    assert set(listed["probability"]) == {"-"}
    assert "a probability is undefined" in text_of(screen)


@pytest.mark.parametrize("classes", [1, 2, 60])
def test_any_number_of_classes_is_drawn(open_app, tmp_path, classes):
    random = np.random.default_rng(0)
    label = random.integers(0, classes, 600)
    frame = pl.DataFrame(
        {"id": range(600), "label": [f"c{k}" for k in label], "split": "test", "x": label * 1.0}
    )
    given = pl.DataFrame(
        {"id": range(600), "prediction": [f"c{k}" for k in (label + label % 3) % classes]}
    )
    folder = write_project(tmp_path / "p", {"1": frame}, predictions={"1": given})
    screen = open_app(folder, FAILURES)
    assert not screen.at.exception
    assert len(screen.at.main.get("vega_lite_chart")) == 4
    assert ("31 other classes" in text_of(screen)) is (classes == 60)
