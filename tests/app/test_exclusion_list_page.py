"""The Exclusion lists page: stored in the project or the session, added to, removed from, refit."""

import json
from dataclasses import replace

import polars as pl
import pytest

from chameleon.app import exclusion_list, view, visitor_lists
from chameleon.app.server import WRITING_VARIABLE
from chameleon.project import Split
from chameleon.selection import add_lists, rule_of
from chameleon.selection.exclusion_lists import FILE
from tests import internals as chameleon
from tests.app import showcases
from tests.internals import ExclusionLists, Filters, Selection
from tests.library import TREE, plain, write_project

PAGE = "pages/exclusion_lists.py"


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "p", {"1": plain(), "2": plain(40)}, toml=TREE)


@pytest.fixture
def writing(monkeypatch):
    monkeypatch.setenv(WRITING_VARIABLE, "on")


def add(screen, key, *, name="broken", reason="cut off"):
    if any(t.key == "exclusion-list-add-name" for t in screen.at.text_input):
        screen.at.text_input(key="exclusion-list-add-name").set_value(name)
    screen.at.text_input(key="exclusion-list-add-reason").set_value(reason)
    screen.at.button(key=key).click().run()
    assert not screen.at.exception
    return screen


def success(screen):
    return " ".join(e.value for e in screen.at.success)


def test_without_a_list_the_page_explains_and_adds_nothing(open_app, project):
    screen = open_app(project, PAGE)
    assert "deletes nothing" in screen.text
    assert screen.at.button(key="exclusion-list-add-instances").disabled
    assert screen.at.button(key="exclusion-list-add-rule").disabled
    assert not (project / FILE).exists()


def test_instances_and_rules_are_added_to_the_project_and_removed(open_app, project, writing):
    screen = open_app(project, PAGE, {"split": "test"})
    assert not [e for e in screen.at.info if "session" in e.value]
    add(screen, "exclusion-list-add-instances")
    assert "16 instances added to" in success(screen)
    store = ExclusionLists(project / FILE)
    (name,) = store.names
    entries = store.of(name).entries
    evaluation = chameleon.evaluate(chameleon.open_project(project))
    members = chameleon.exclusion_list_members(evaluation, store.of(name), version="2")
    assert set(members["split"]) == {"test"}
    assert set(entries["reason"]) == {"cut off"}
    shown = screen.at.dataframe[0].value
    assert shown["instance"].tolist() == entries["instance"].to_list()
    hits = screen.at.dataframe[1].value
    expected = chameleon.exclusion_list_counts(evaluation, store.of(name), version="2")
    assert (
        hits["instances"].tolist()
        == expected.filter(pl.col("by") != "version")["instances"].to_list()
    )
    add(screen, "exclusion-list-add-rule", reason="always")
    (rule,) = store.of(name).rules
    assert rule.query == "split=test"
    assert (rule.primary, rule.secondary) == ("2", "1")
    other = open_app(project, PAGE)  # somebody else
    assert other.at.dataframe[0].value["instance"].tolist()[:16] == entries["instance"].to_list()
    other.at.multiselect(key="exclusion-list-remove").set_value(["13", "3"]).run()
    other.at.button(key="exclusion-list-remove-go").click().run()
    assert "2 removed" in success(other)
    other.at.button(key=f"exclusion-list-rule-{rule.number}").click().run()
    assert store.of(name).rules == ()
    assert set(store.of(name).entries["instance"]) == set(entries["instance"]) - {"3", "13"}


def test_lists_are_renamed_and_deleted_after_confirmation(open_app, project, writing):
    store = ExclusionLists(project / FILE)
    store.add("one", ["1"])
    store.create("two")
    screen = open_app(project, PAGE)
    screen.at.text_input(key="exclusion-list-new-name").set_value("two").run()
    screen.at.button(key="exclusion-list-rename").click().run()
    assert "already" in screen.at.error[0].value
    screen.at.text_input(key="exclusion-list-new-name").set_value("new").run()
    screen.at.button(key="exclusion-list-rename").click().run()
    assert store.names == ("new", "two")
    assert screen.at.button(key="exclusion-list-delete").disabled
    screen.at.checkbox(key="exclusion-list-sure").check().run()
    screen.at.button(key="exclusion-list-delete").click().run()
    assert store.names == ("two",)
    assert not screen.at.exception


def test_without_writing_lists_exist_in_the_session_only(open_app, project, monkeypatch):
    ExclusionLists(project / FILE).add("of the project", ["1"], "old")
    before = (project / FILE).read_bytes()
    screen = open_app(project, PAGE, {"split": "test"})
    assert "this session only" in screen.text
    names = list(screen.at.selectbox(key="exclusion-list-list").options)
    assert names == ["of the project"]
    add(screen, "exclusion-list-add-instances")
    assert "16 instances added to" in success(screen)
    assert (project / FILE).read_bytes() == before
    assert [p.name for p in project.iterdir() if FILE in p.name] == [FILE]
    other = open_app(project, PAGE)
    assert len(other.at.dataframe[0].value) == 1
    offered = {}
    monkeypatch.setattr(
        view.st, "download_button",
        lambda label, data, **options: offered.setdefault(options["key"], data),
    )  # fmt: skip
    screen.at.run()
    saved = offered["exclusion-list-all"]()
    assert len(json.loads(saved)["lists"][0]["entries"]) == 17
    again = ExclusionLists()
    add_lists(again, saved)
    assert len(again.of("of the project").entries) == 17
    text = offered["exclusion-list-csv"]().decode()
    assert text.startswith("instance,reason,by,added\n")


def test_a_damaged_file_is_reported_and_left_unchanged(open_app, project, writing):
    (project / FILE).write_bytes(b"no lists" * 100)
    screen = open_app(project, PAGE, {"split": "test"})
    assert "damaged" in screen.at.error[0].value
    add(screen, "exclusion-list-add-instances")
    assert "16 instances added to" in success(screen)
    assert (project / FILE).read_bytes() == b"no lists" * 100
    assert str(project) not in screen.text


def test_a_rule_that_does_not_apply_is_reported_and_ignored(open_app, project, writing):
    store = ExclusionLists(project / FILE)
    store.add("l", ["1"])
    store.add_rule("l", chameleon.ExclusionRule(0, "label=bird&f%3Agone=missing", "2", "1"))
    screen = open_app(project, PAGE)
    assert not screen.at.exception
    assert "be applied to version" in screen.text
    assert len(screen.at.dataframe[0].value) == 1


def test_the_refit_is_that_of_the_library(open_app, project, writing):
    store = ExclusionLists(project / FILE)
    store.add("l", [str(k) for k in range(0, 40, 3)])
    screen = open_app(project, PAGE)
    text = screen.text
    evaluation = chameleon.evaluate(chameleon.open_project(project))
    found = chameleon.refit_without(evaluation, "2", [str(k) for k in range(0, 40, 3)])
    removed = dict(found.removed.select("split", "removed").iter_rows())
    assert f"**{removed['train']:,} of 24 train** rows" in text
    screen.at.button(key="what-if").click()
    screen.settle()
    assert not screen.at.exception
    (table,) = [d.value for d in screen.at.dataframe if "refitted" in d.value]
    assert table["instances"].tolist() == found.matrix["instances"].to_list()
    text = screen.text
    assert "Both models on both test sets" in text
    assert "McNemar" in text
    assert "sampling noise only" in text
    assert screen.at.button(key="what-if").disabled


def test_the_expression_is_that_of_the_library(open_app, project, writing):
    store = ExclusionLists(project / FILE)
    store.add("l", ["1", "2"])
    store.add_rule("l", rule_of(Selection("2", "1", Filters(splits=(Split.TEST,))), ""))
    screen = open_app(project, PAGE)
    screen.at.toggle(key="exclusion-list-expression").set_value(True).run()
    assert not screen.at.exception
    evaluation = chameleon.evaluate(chameleon.open_project(project))
    expression = chameleon.filter_expression(evaluation, store.of("l"), version="2")
    assert [c.value for c in screen.at.code] == [
        expression.polars_script.rstrip(), expression.pandas_script.rstrip(),
    ]  # fmt: skip


def test_the_form_of_other_pages_adds_their_ticked_instances(
    open_app, project, writing, monkeypatch
):
    monkeypatch.setattr(
        exclusion_list, "draw", lambda view: visitor_lists.draw_add(view, ["7", "5"], key="other")
    )
    screen = open_app(project, PAGE, {"label": "a"})
    screen.at.text_input(key="other-name").set_value("chosen")
    screen.at.text_input(key="other-reason").set_value("seen")
    screen.at.button(key="other-instances").click().run()
    assert "2 instances added to" in success(screen)
    screen.at.button(key="other-rule").click().run()
    held = ExclusionLists(project / FILE).of("chosen")
    assert held.entries["instance"].to_list() == ["5", "7"]
    assert [rule.query for rule in held.rules] == ["label=a"]
    screen.at.run()
    assert not screen.at.success
    assert not screen.at.exception


@pytest.mark.parametrize("case", ["private", "unwritable"])
def test_lists_are_stored_only_where_that_is_allowed(project, writing, monkeypatch, tmp_path, case):
    opened = chameleon.open_project(project)
    if case == "private":
        opened = replace(opened, private=tmp_path)
    else:
        monkeypatch.setattr(visitor_lists.selection, "can_be_written", lambda path: False)
    found = visitor_lists.opened_lists(opened)
    assert found.why_session is not None
    found.lists.add("l", ["1"])
    assert not (project / FILE).exists()
    assert not (tmp_path / FILE).exists()


def test_hostile_names_stay_text(open_app, showcase, monkeypatch):
    screen = open_app(showcase("hostile"), PAGE, {"split": "test"})
    add(screen, "exclusion-list-add-instances", name=showcases.MARKUP, reason=showcases.FORMULA)
    add(screen, "exclusion-list-add-rule", reason=showcases.MARKDOWN)
    for text in screen.texts():
        assert "<img" not in text.replace(r"\<img", "")
        assert "[a](" not in text
    written = []
    monkeypatch.setattr(
        view.st, "download_button",
        lambda label, data, **options: written.append(data()) if "csv" in options["key"] else None,
    )  # fmt: skip
    screen.at.run()
    assert f"'{showcases.FORMULA}" in b"".join(written).decode()
    assert f",{showcases.FORMULA}" not in b"".join(written).decode()


def test_external_predictions_cannot_be_refitted(open_app, showcase):
    screen = open_app(showcase("kinds"), PAGE, {"split": "test"})
    add(screen, "exclusion-list-add-instances")
    assert "are external" in screen.text
    assert not [b for b in screen.at.button if b.key == "what-if"]
