"""The Overview's host: commits of the Story become the selection, and letters answer them."""

import base64

import numpy as np
import pytest

from chameleon import analysis
from chameleon.analysis import selected
from chameleon.app.formatting import plain
from chameleon.project import Split
from chameleon.selection import ChangeType, DataChange, Filters, Selection, instance_mask
from tests.app.conftest import FEATURES, OVERVIEW, matching


@pytest.fixture
def screen(open_app, digits):
    return open_app(digits.dataset.project.path)


def test_a_sample_opens_at_the_step_that_tells_most(screen):
    assert (screen.shown["primary"], screen.shown["secondary"]) == ("1.5", "1.4")
    assert screen.shown["scope"] == "test"
    assert screen.story["mode"] == "full"
    assert screen.letter["key"] == screen.head["key"]


def test_a_commit_filters_the_next_page_and_is_accepted(screen, digits):
    chosen = {"view": "flow", "outcomes": ["regressed"], "label": "regressed"}
    screen.look(filters=[chosen])
    assert screen.letter["accepted"]
    assert screen.query["change"] == ["correct>incorrect"]
    assert screen.matching == (34, 350)
    screen.go(FEATURES)
    assert screen.story["mode"] == "strip"
    assert screen.chips == ["regressed"]
    assert screen.matching == matching(digits, screen.selection)
    screen.look(filters=[])
    assert screen.selection.filters.is_empty


def test_steps_send_no_payload_again(screen):
    before = screen.component("story").proto.SerializeToString()
    for primary, secondary in (("1.6", "1.5"), ("1.7", "1.6")):
        screen.look(primary=primary, secondary=secondary)
        assert (screen.selection.primary, screen.selection.secondary) == (primary, secondary)
        assert screen.component("story").proto.SerializeToString() == before
    pair = screen.letter["pair"]  # None once the payload has the chance levels
    assert pair is None or pair["facts"]["test"] == screen.head["facts"]["test"][7]


def test_scope_pin_shares_and_the_open_instance_are_in_the_address(screen, open_app, digits):
    screen.look(scope="train", shares=True, pinned=True, open="digit-0001")
    told = {"scope": ["train"], "shares": ["on"], "pin": ["on"], "open": ["digit-0001"]}
    assert {name: screen.query[name] for name in told} == told
    linked = open_app(digits.dataset.project.path, OVERVIEW, screen.query)
    shown = ("scope", "shares", "pinned", "open")
    assert {name: linked.shown[name] for name in shown} == {
        "scope": "train", "shares": True, "pinned": True, "open": "digit-0001"
    }  # fmt: skip
    linked.look(scope="test", shares=None, pinned=False, open=None)
    assert not set(told) & set(linked.query)


def test_a_scope_without_rows_is_the_usual_one(open_app, kinds):
    assert open_app(kinds.dataset.project.path, query={"scope": "all"}).shown["scope"] == "all"
    assert open_app(kinds.dataset.project.path, query={"scope": "none"}).shown["scope"] == "test"


def test_a_pinned_pair_comes_with_its_facts_and_drift(screen, digits):
    screen.look(secondary="1.0", pinned=True)
    pair = screen.letter["pair"]
    assert (pair["primary"], pair["secondary"]) == ("1.5", "1.0")
    facts = analysis.step_facts(digits, before="1.0", after="1.5")
    assert pair["facts"]["test"]["metric"]["change"] == facts.metric.change
    assert len(pair["drift"]) == len(digits.dataset.features)


def test_a_filter_that_only_python_evaluates_arrives_as_a_mask(open_app, digits):
    screen = open_app(digits.dataset.project.path, query={"source": "vendor", "read": "primary"})
    (mask,) = screen.letter["masks"]
    (chip,) = screen.shown["filters"]
    assert (chip["view"], chip["mask"], chip["label"]) == ("other", "sources", "source: vendor")
    story = analysis.story(digits)
    matches = instance_mask(digits, screen.selection)[digits.dataset.instance]
    bits = np.unpackbits(
        np.frombuffer(base64.b64decode(mask["rows"]), np.uint8), bitorder="little"
    )[: story.head["rows"]]
    assert (bits == matches[story.packed.rows]).all()


def test_restricted_sides_are_named_by_their_values(open_app, kinds):
    query = {"primary.source": "lab", "secondary.f:wide": "0.0..1.0"}
    screen = open_app(kinds.dataset.project.path, query=query)
    assert screen.chips == ["b, source: lab", "a, wide: 0 to 1"]
    assert [mask["side"] for mask in screen.letter["masks"]] == ["primary", "secondary"]


def test_an_instance_is_told_with_its_values_predictions_and_changes(screen, digits):
    change = DataChange(ChangeType.EDITED)
    edited = analysis.changed_instances(digits, Selection("1.9", "1.8"), change)
    instance = edited.frame["instance"][0]
    screen.look(primary="1.9", secondary="1.8", open=instance)
    told = screen.letter["instance"]
    assert told["id"] == instance
    assert len(told["values"]) == 64
    assert any(before != after for _, before, after in told["values"])
    assert [version for version, *_ in told["predictions"]] == screen.versions
    assert any("edited" in change for change in told["changes"])
    assert all(address.startswith("data:image/png;base64,") for address in told["image"])
    screen.look(open="nobody")
    assert screen.letter["instance"] is None


def test_where_nothing_matches_the_letter_names_the_costliest_filter(open_app, kinds):
    query = {"label": "yes", "f:wide": "1e9..2e9"}
    screen = open_app(kinds.dataset.project.path, query=query)
    free = Filters(labels=("yes",))
    assert screen.letter["empty"] == {
        "filter": "wide: 1,000,000,000 to 2,000,000,000",
        "shows": selected(kinds, Selection("b", "a", free)).instances,
    }


@pytest.mark.parametrize(
    "told",
    [
        {"primary": "gone"}, {"filters": [{"view": "feature"}]}, {"filters": "all"},
        {"filters": [{"view": "map", "cells": [-1]}]}, {"primary": None},
    ],
)  # fmt: skip
def test_a_state_that_cannot_be_read_changes_nothing(screen, told):
    before = screen.selection
    screen.look(**told)
    assert screen.selection == before
    assert not screen.letter["accepted"]


@pytest.mark.parametrize(
    ("target", "page"), [("attribution", "Attribution"), ("instances", "Instances")]
)
def test_a_click_opens_a_page(screen, target, page):
    screen.send("story", "open", target)
    assert any(text.endswith(f"#### {page}") for text in screen.texts())


def test_an_instance_opens_on_its_page(screen):
    screen.send("story", "open", {"instance": "digit-0001"})
    assert screen.query["open"] == ["digit-0001"]
    assert any(plain("digit-0001") in text for text in screen.texts())


def test_a_sidebar_filter_reaches_the_story(screen):
    screen.pills("filter-splits").set_value(["test"]).run()
    assert screen.selection.filters == Filters(splits=(Split.TEST,))
    assert screen.chips == ["split: test"]
    assert not screen.letter["accepted"]
