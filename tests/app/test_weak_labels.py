"""Weak labels on the screen: the library's figures, and clicks that filter.

The section is drawn by itself here; it stands on the Failures page.
"""

import pytest
from streamlit.testing.v1 import AppTest

from chameleon.analysis import selected
from tests import internals as chameleon
from tests.app import showcases
from tests.app.conftest import FEATURES, OVERVIEW, Screen
from tests.internals import Filters, LabelProbability, RuleVote, VoteChange, Voted
from tests.library import TREE, plain, write_project

FAILURES = "pages/failures.py"
VARIABLE = "CHAMELEON_TEST_WEAK"
SIDES = {"primary": "1.1", "secondary": "1.0"}


def script():
    import os

    from chameleon.app import state, story_host, weak_labels
    from chameleon.app.view import PaintPause, View
    from tests import internals as chameleon

    evaluation = chameleon.evaluate(chameleon.open_project(os.environ["CHAMELEON_TEST_WEAK"]))
    selection = state.selection_of_session(evaluation)
    view = View(evaluation, selection, pending=False, pause=PaintPause(wanted=False))
    story_host.draw(view, "strip")
    weak_labels.draw(view)
    state.write_address(selection, None)


@pytest.fixture
def draw_section(monkeypatch):
    def drawn(folder, query=SIDES):
        monkeypatch.setenv(VARIABLE, str(folder))
        at = AppTest.from_function(script, default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        at.run()
        assert not at.exception
        return Screen(at)

    return drawn


@pytest.fixture
def evaluation(showcase):
    return chameleon.evaluate(chameleon.open_project(showcase("weak")))


def click_rule(screen, row, column):
    table = next(d for d in screen.at.dataframe if "labeling-functions" in d.proto.id)
    screen.select(table, rows=[], columns=[], cells=[[row, column]])


def test_the_tables_show_the_librarys_numbers(draw_section, showcase, evaluation):
    screen = draw_section(showcase("weak"))
    rules = chameleon.labeling_functions(evaluation, **SIDES)
    shown = screen.table("changed")
    assert shown["labeling function"].to_list() == rules["function"].to_list()
    assert showcases.WEAK_RULE in shown["labeling function"].to_list()
    for column, name in (
        ("coverage, primary", "primary_coverage"), ("conflicts, secondary", "secondary_conflicts"),
        ("began to vote", "started"), ("share of the change", "changed_share"),
    ):  # fmt: skip
        assert screen.table(column)[column].to_list() == rules[name].to_list()
    photos = rules.filter(function="photos").to_dicts()[0]
    assert photos["changed_share"] == 1  # the one rule that was rewritten
    classes = chameleon.weak_labels(evaluation, **SIDES)
    assert screen.table("class")["likeliest, primary"].to_list() == (
        classes["primary_most_likely"].to_list()
    )
    change = chameleon.label_probability_change(evaluation, **SIDES)
    assert f"changed for {change.changed:,} instances" in screen.text


def test_a_click_on_changed_votes_filters_and_a_second_removes_the_filter(
    draw_section, showcase, evaluation
):
    screen = draw_section(showcase("weak"))
    rules = chameleon.labeling_functions(evaluation, **SIDES)
    row = rules["function"].to_list().index("photos")
    click_rule(screen, row, "began to vote")
    chosen = (VoteChange("photos", Voted.STARTED),)
    assert screen.selection.filters == Filters(vote_changes=chosen)
    assert selected(evaluation, screen.selection).instances == rules["started"][row]
    assert screen.chips == ["photos: started voting"]
    # the table itself is not narrowed by it
    assert screen.table("changed")["began to vote"][row] == rules["started"][row]
    click_rule(screen, row, "labeling function")  # no count
    assert screen.selection.filters == Filters(vote_changes=chosen)
    click_rule(screen, row, "began to vote")
    assert screen.selection.filters.is_empty


def test_a_click_on_a_bar_filters_to_its_instances(draw_section, showcase, evaluation):
    screen = draw_section(showcase("weak"))
    (chart,) = screen.at.get("vega_lite_chart")
    screen.select(chart, pick=[{"class": "dog", "low": 0.1, "high": 0.2}])
    assert screen.selection.filters == Filters(
        label_probabilities=(LabelProbability("dog", 0.1, 0.2),)
    )
    bars = chameleon.label_probability_histogram(evaluation, **SIDES)
    line = next(x for x in bars.to_dicts() if x["class"] == "dog" and x["low"] == 0.1)
    assert selected(evaluation, screen.selection).instances == line["primary"]
    assert screen.chips == ["probability of dog: 0.1 to 0.2"]


def test_a_vote_is_chosen_from_a_list(draw_section, showcase):
    screen = draw_section(showcase("weak"))
    screen.at.selectbox(key="weak-rule").set_value("photos").run()
    screen.at.selectbox(key="weak-vote").set_value(2).run()
    assert screen.selection.filters.votes == (RuleVote("photos", "bird"),)
    screen.at.selectbox(key="weak-vote").set_value(1).run()
    assert screen.selection.filters.votes == (RuleVote("photos", None),)
    screen.at.selectbox(key="weak-vote").set_value(0).run()
    assert screen.selection.filters.is_empty


def test_a_version_against_itself_and_a_filter_that_leaves_nothing_are_drawn(
    draw_section, showcase
):
    draw_section(showcase("weak"), {"primary": "1.2", "secondary": "1.2"})
    draw_section(showcase("weak"), {**SIDES, "label-probability": '["cat", 0.99, 1]'})


def test_without_a_label_column_no_accuracy_is_given(draw_section, showcase):
    screen = draw_section(showcase("weak_alone"))
    assert screen.table("accuracy, primary")["accuracy, primary"].isna().all()
    assert "accuracy is undefined" in screen.text


def test_other_pages_show_their_filters_and_no_features_of_them(open_app, showcase):
    query = {**SIDES, "vote-change": '["photos", "changed"]', "vote": '["long words", "cat"]'}
    screen = open_app(showcase("weak"), OVERVIEW, query)
    assert not screen.at.exception
    assert len(screen.chips) == 2
    screen.go(FEATURES)
    assert not screen.at.exception
    assert [one["name"] for one in screen.payload("features")["features"]] == ["size"]
    screen = open_app(showcase("weak"), "pages/new_project.py")
    assert not screen.at.exception
    columns = screen.table("role")
    roles = dict(zip(columns["column"], columns["role"], strict=True))
    assert roles["label_proba_cat"] == "probability of cat"
    assert roles["label_vote_photos"] == "votes of photos"
    assert roles["size"] == "feature"


def test_an_opened_instance_has_its_probabilities_and_votes_in_both_versions(
    open_app, evaluation, showcase
):
    screen = open_app(showcase("weak"), "pages/instances.py", {**SIDES, "open": "12"})
    table = screen.table("in 1.1")
    for version in SIDES.values():
        found = chameleon.weak_label_of(evaluation, "12", version)
        told = dict(zip(table["value"], table[f"in {version}"], strict=True))
        assert told.pop("label") == (found.label or "-")
        for name, share in found.probabilities.items():
            assert told.pop(f"probability of {name}") == f"{share:.3f}"
        for rule, vote in found.votes.items():
            assert told.pop(f"vote of {rule}") == (vote or "(abstains)")
        assert not told


def test_the_failures_page_has_the_section_where_there_are_such_columns(
    open_app, showcase, tmp_path
):
    without = open_app(showcase("growing"), FAILURES)
    assert not any("##### Weak labels" in text for text in without.texts())
    columns = {"label_proba_a": [0.9] * 20, "label_proba_b": [0.1] * 20}
    frame = plain(20, **columns).drop("label")  # one class alone: there is no model
    screen = open_app(write_project(tmp_path / "p", {"1": frame}, toml=TREE), FAILURES)
    assert not screen.at.exception
    assert "No outcome is known" in screen.text
    assert "##### Weak labels" in screen.text
