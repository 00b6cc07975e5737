"""Every filtered count of every view under random combinations of filters, against the oracle."""

import dataclasses

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import cells_in_regions, region_of_cells, selected, without_cell
from chameleon.layout import pca_layout
from chameleon.selection import (
    AlwaysFails,
    ChangeType,
    ConfusionCell,
    DataChange,
    Selection,
    instance_mask,
)
from tests import internals as chameleon
from tests import oracle, oracle_views
from tests.internals import ClassChange, Filters, OutcomeChange, SensitivityChoice, SensitivityRange
from tests.library import examples
from tests.projects import Plan, filters_for, opened, plans, version_pairs

OUTCOMES = st.sampled_from(["correct", "incorrect"])


@st.composite
def all_filters(draw: st.DrawFn, plan: Plan, classes: tuple[str, ...]) -> Filters:
    """Filters of the sidebar and of every view but the embedding, often several at once."""
    names = list(plan.frames)
    ends = sorted(draw(st.tuples(*[st.sampled_from(names)] * 2)), key=names.index)
    over = SensitivityRange(*ends, draw(st.booleans()), draw(st.booleans()))
    change = st.builds(OutcomeChange, OUTCOMES, OUTCOMES, st.booleans())
    pair = st.builds(ClassChange, st.sampled_from(classes), st.sampled_from(classes))
    edited = st.builds(
        DataChange, st.just(ChangeType.EDITED), st.sampled_from([None, *plan.timeline.features])
    )
    data_change = st.builds(DataChange, st.sampled_from(list(ChangeType)), st.none()) | edited
    some = {"max_size": 2, "unique": True}
    known = st.sampled_from(classes)
    cell = st.builds(ConfusionCell, known, known, st.booleans())
    numbers = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
    return dataclasses.replace(
        draw(filters_for(plan)),
        outcome_changes=tuple(draw(st.lists(change, **some))),
        class_changes=tuple(draw(st.lists(pair, **some))) if draw(st.booleans()) else (),
        data_changes=tuple(draw(st.lists(data_change, **some))) if draw(st.booleans()) else (),
        sensitivity=SensitivityChoice(over, tuple(numbers)) if draw(st.booleans()) else None,
        confusions=tuple(draw(st.lists(cell, **some))) if draw(st.booleans()) else (),
        always_fails=AlwaysFails(*ends, draw(st.booleans())) if draw(st.booleans()) else None,
    )


@settings(max_examples=examples(120))
@given(st.data())
def test_every_view_counts_what_the_oracle_lets_through(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    sides = {"primary": primary, "secondary": secondary}
    with opened(plan) as evaluation:
        evaluation = dataclasses.replace(evaluation, layout=pca_layout(evaluation.dataset))
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
        filters = data.draw(all_filters(plan, evaluation.classes))
        chosen = Selection(primary, secondary, filters)
        counted = selected(evaluation, chosen)
        histograms = chameleon.feature_histograms(evaluation, **sides, filters=filters)
        cells = chameleon.embedding_cells(evaluation, **sides, filters=filters)
        matrix = chameleon.prediction_changes(evaluation, **sides, filters=filters)
        table = chameleon.class_changes(evaluation, **sides, filters=filters)
        mask = instance_mask(evaluation, chosen)
        ids = set(evaluation.dataset.instance_ids.filter(pl.Series(mask)))
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    assert ids == through
    assert counted.instances == len(through)
    first, second = (set(time.versions[v]) for v in (primary, secondary))
    for feature in histograms["feature"].unique():
        if filters.of_feature(feature).is_empty:
            part = histograms.filter(feature=feature)
            sums = part.select(pl.sum_horizontal(pl.selectors.starts_with("primary_")).sum())
            assert sums.item() == len(through & first)
    held = cells.select(pl.sum_horizontal("correct", "incorrect", "unknown").sum()).item()
    assert held == len(through & first)
    pink = ("secondary_correct", "secondary_incorrect", "secondary_unknown")
    assert cells.select(pl.sum_horizontal(pink).sum()).item() == len(through & second)
    free = dataclasses.replace(filters, outcome_changes=())
    expected = oracle_views.matrix(
        time, primary, secondary, oracle_views.through(time, primary, secondary, free, bars)
    )
    assert {(a, b): n for a, b, n, *_ in matrix.iter_rows()} == {
        key: cell["instances"] for key, cell in expected.items()
    }
    free = dataclasses.replace(filters, class_changes=())
    pairs = oracle_views.class_pairs(
        time, primary, secondary, oracle_views.through(time, primary, secondary, free, bars)
    )
    assert {(a, b): n for a, b, n, *_ in table.iter_rows()} == dict(pairs)


@settings(max_examples=examples(60))
@given(st.data())
def test_any_selection_survives_a_link(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    with opened(plan) as evaluation:
        layout = pca_layout(evaluation.dataset)
        parts = [data.draw(all_filters(plan, evaluation.classes)) for _ in range(3)]
    cell = st.builds("{},{}".format, st.integers(0, 13), st.integers(0, 13))
    regions = [
        region_of_cells(layout, name, cells=14) for name in data.draw(st.lists(cell, max_size=2))
    ]
    chosen = Selection(
        primary,
        secondary,
        dataclasses.replace(parts[0], regions=tuple(regions)),
        parts[1].of_rows,
        parts[2].of_rows,
    )
    default = Selection("other", "another")
    assert Selection.from_query_string(chosen.to_query_string(), default) == chosen


@settings(max_examples=examples(60))
@given(st.data())
def test_a_chosen_cell_holds_the_instances_it_claims(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    cells = data.draw(st.sampled_from([1, 3, 14]))
    with opened(plan) as evaluation:
        layout = pca_layout(evaluation.dataset)
        evaluation = dataclasses.replace(evaluation, layout=layout)
        free = chameleon.embedding_cells(
            evaluation, primary=primary, secondary=secondary, cells=cells
        )
        names = data.draw(st.lists(st.sampled_from(free["cell"].to_list()), unique=True))
        regions = tuple(region_of_cells(layout, name, cells=cells) for name in names)
        filters = Filters(regions=regions)
        again = chameleon.embedding_cells(
            evaluation, primary=primary, secondary=secondary, cells=cells, filters=filters
        )
        counted = selected(evaluation, Selection(primary, secondary, filters))
        if names:
            fewer = without_cell(layout, regions, names[0], cells=cells)
            assert sorted(cells_in_regions(free, fewer)) == sorted(names[1:])
    assert again.equals(free)
    assert sorted(cells_in_regions(free, regions)) == sorted(names)
    claimed = free.filter(pl.col("cell").is_in(names)) if names else free
    told = claimed.select(pl.sum_horizontal("correct", "incorrect", "unknown").sum()).item()
    assert counted.primary == told


@settings(max_examples=examples(40))
@given(st.data())
def test_sources_side_by_side_are_the_filtered_histograms(data):
    plan = data.draw(plans())
    version = data.draw(st.sampled_from(list(plan.frames)))
    with opened(plan) as evaluation:
        names = [None, *evaluation.dataset.sources]
        a, b = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
        both = chameleon.feature_histograms(
            evaluation,
            primary=version,
            secondary=version,
            primary_only=Filters(sources=(a,)),
            secondary_only=Filters(sources=(b,)),
        )
        alone = [
            chameleon.feature_histograms(
                evaluation, primary=version, secondary=version, filters=Filters(sources=(name,))
            )
            for name in (a, b)
        ]
    outcomes = ("correct", "incorrect", "unknown")
    for outcome in outcomes:
        assert both[f"primary_{outcome}"].equals(alone[0][f"primary_{outcome}"])
        assert both[f"secondary_{outcome}"].to_list() == alone[1][f"primary_{outcome}"].to_list()
