"""The Story's state and the session's selection say the same, in both directions."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import FittedGrid, default_cells
from chameleon.app.story_state import Looking, Translator, looking_of, merged_state, same_state
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import (
    Filters,
    OutcomeChange,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    bars_of_filter,
    filter_of_bars,
    has_histogram,
    instance_mask,
)
from tests.library import examples
from tests.projects import filters_for, opened, plans, version_pairs


def translator_of(evaluation: Evaluation) -> Translator:
    assert evaluation.layout is not None
    return Translator(
        evaluation, FittedGrid.of_layout(evaluation.layout, default_cells(evaluation.dataset))
    )


@settings(max_examples=examples(90))
@given(st.data())
def test_any_selection_survives_the_component(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    parts = [data.draw(filters_for(plan)) for _ in range(3)]
    read = data.draw(st.sampled_from(["primary", "secondary"]))
    selection = Selection(primary, secondary, *parts, read=read)
    with opened(plan) as evaluation:
        translator = translator_of(evaluation)
        state = translator.state(selection, Looking())
        back = translator.selection(state, selection)
        assert same_state(translator.state(back, Looking()), state)
        assert (instance_mask(evaluation, back) == instance_mask(evaluation, selection)).all()
    sides = ("primary", "secondary", "primary_only", "secondary_only", "read")
    assert [getattr(back, name) for name in sides] == [getattr(selection, name) for name in sides]


@settings(max_examples=examples(60))
@given(st.data())
def test_a_filter_that_the_component_drops_is_gone_and_the_others_stay(data):
    plan = data.draw(plans())
    selection = Selection(*data.draw(version_pairs(plan)), data.draw(filters_for(plan)))
    with opened(plan) as evaluation:
        translator = translator_of(evaluation)
        state = translator.state(selection, Looking())
        for place, dropped in enumerate(state["filters"]):
            others = [one for one in state["filters"] if one is not dropped]
            left = translator.selection({**state, "filters": others}, selection)
            assert len(left.filters.by_kind) + len(left.filters.features) < (
                len(selection.filters.by_kind) + len(selection.filters.features)
            )
            kept = translator.state(left, Looking())["filters"]
            assert sorted(kept, key=str) == sorted(others, key=str), place


@settings(max_examples=examples(60))
@given(st.data())
def test_cells_are_the_same_as_rectangles_of_the_layout(data):
    plan = data.draw(plans())
    with opened(plan) as evaluation:
        grid = FittedGrid.of_layout(evaluation.layout, default_cells(evaluation.dataset))
        occupied = sorted(set(grid.numbers.tolist()))
        cells = sorted(data.draw(st.sets(st.sampled_from(occupied), min_size=1)))
        regions = grid.regions(evaluation.layout, cells)
        found = sorted({cell for region in regions for cell in grid.cells(region)})
        assert found == cells
        versions = [version.name for version in evaluation.dataset.versions]
        selection = Selection(versions[0], versions[0], Filters(regions=regions))
        rows = evaluation.dataset.rows_of(0)
        inside = {
            int(evaluation.dataset.instance[row]) for row in rows if grid.numbers[row] in cells
        }
        assert set(instance_mask(evaluation, selection).nonzero()[0].tolist()) == inside


@pytest.fixture
def digits_state(digits):
    selection = Selection("1.9", "1.8")
    translator = translator_of(digits)
    return translator, selection, translator.state(selection, Looking())


def test_every_view_of_the_component_sets_its_filter(digits_state):
    translator, selection, state = digits_state
    feature = next(f for f in translator.dataset.features if has_histogram(f))
    entries = [
        {"view": "feature", "feature": feature.name, "bars": [0, 1]},
        {"view": "flow", "outcomes": ["regressed", "still incorrect"]},
        {"view": "sensitivity", "from": 1, "to": 2},
        {"view": "labels", "labels": ["3"]},
    ]
    found = translator.selection({**state, "filters": entries}, selection).filters
    assert found == Filters(
        features=(filter_of_bars(feature, [0, 1]),),
        outcome_changes=(
            OutcomeChange("correct", "incorrect"), OutcomeChange("incorrect", "incorrect"),
        ),
        sensitivity=SensitivityChoice(SensitivityRange("1.0", "1.11"), (1, 2)),
        labels=("3",),
    )  # fmt: skip
    assert bars_of_filter(feature, found.of_feature(feature.name)) == {0, 1}


def test_a_rectangle_of_the_map_is_one_region(digits_state):
    translator, selection, state = digits_state
    grid = translator.grid
    occupied = set(grid.numbers.tolist())
    block = [n for n in occupied if n // grid.columns < 8 and n % grid.columns < 9]
    chosen = {**state, "filters": [{"view": "map", "cells": block}]}
    assert len(translator.selection(chosen, selection).filters.regions) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"primary": "2.0"},
        {"filters": [{"view": "feature", "feature": "gone", "bars": [1]}]},
        {"filters": [{"view": "map", "cells": [100_000]}]},
    ],
)
def test_a_state_of_other_data_is_refused(digits_state, change):
    translator, selection, state = digits_state
    with pytest.raises(SelectionError):
        translator.selection({**state, **change}, selection)


def test_a_secondary_that_is_not_the_one_before_is_pinned(digits_state):
    translator, selection, state = digits_state
    assert not state["pinned"]
    assert translator.state(replace(selection, secondary="1.4"), Looking())["pinned"]
    assert translator.state(selection, Looking(pinned=True))["pinned"]
    assert not translator.state(Selection("1.0", "1.0"), Looking())["pinned"]


def test_unknown_parts_of_a_state_are_the_usual_ones():
    assert looking_of({"scope": "everything", "shares": "x", "open": 7}) == Looking()
    told = {"scope": "train", "pinned": True, "shares": False, "open": "digit-0001"}
    assert looking_of(told) == Looking("train", True, False, "digit-0001")


def test_changes_that_cross_on_their_way_are_both_kept():
    split, outcome = ({"view": "other", "mask": key, "label": key} for key in ("split", "outcome"))
    flow = {"view": "flow", "outcomes": ["regressed"], "label": "regressed"}

    def state(primary, *filters):
        return {"primary": primary, "secondary": "a", "filters": list(filters)}

    known = state("b", split)
    # a step in the component, a filter in the sidebar
    assert merged_state(state("c", split), known, state("b", split, outcome)) == (
        state("c", split, outcome)
    )
    # a filter of the component, another version and one filter less in the session
    assert merged_state(state("b", split, flow), known, state("c")) == state("c", flow)
    # a filter removed in the component stays removed
    assert merged_state(state("b"), known, state("b", split, outcome)) == state("b", outcome)
    # both set the same kind: the component's holds
    fixed = {**flow, "outcomes": ["fixed"]}
    assert merged_state(state("b", flow), state("b"), state("b", fixed)) == state("b", flow)
