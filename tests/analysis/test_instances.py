"""The table of instances: every cell, order, page and file against the oracle."""

import datetime as dt
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import COLUMNS, feature_columns
from chameleon.analysis.sensitivities import COURSES
from chameleon.counting import OUTCOMES
from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle, oracle_instances, oracle_views
from tests.internals import Filters, Selection, SelectionError, TableForm
from tests.library import evaluated, examples, plain, temporary_project
from tests.projects import filtered_steps, filters_for, opened, plans, version_pairs

FORMULA = "=HYPERLINK(1)"


def behind(plan, evaluation, primary, secondary, filters):
    """The ids behind the filters, by the oracle."""
    bars = oracle.bars_of(
        chameleon.feature_histograms(evaluation, primary=primary, secondary=secondary)
    )
    time = plan.timeline
    held = {*time.versions[primary], *time.versions[secondary]}
    return held & oracle_views.through(time, primary, secondary, filters, bars)


def told(value):
    """A cell as the oracle spells it: numbers as floats, moments in microseconds, no NaN."""
    if isinstance(value, dt.date):
        return oracle.canonical(value)
    return float(value) if isinstance(value, bool | int | float) else value


@settings(max_examples=examples(60))
@given(st.data())
def test_every_cell_is_that_of_the_oracle_whatever_is_searched(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    search = data.draw(st.sampled_from(["", "", "A", "lab", "RED", "=", "✓", "never", "ü"]))
    sides = {"primary": primary, "secondary": secondary, "filters": filters}
    with opened(plan) as evaluation:
        page = chameleon.instances(evaluation, **sides, search=search, limit=None)
        groups = chameleon.instance_groups(evaluation, **sides, search=search)
        through = behind(plan, evaluation, primary, secondary, filters)
        columns = feature_columns(evaluation.dataset)
        names = {column: evaluation.dataset.features[k].name for column, k in columns.items()}
    lines = {k: oracle_instances.line(plan.timeline, k, primary, secondary) for k in through}
    wanted = {k: v for k, v in lines.items() if oracle_instances.holds(v, search)}
    assert page.of == len(through)
    assert page.found == len(page.frame) == len(wanted)
    for found in page.frame.iter_rows(named=True):
        expected = wanted.pop(found["instance"])
        expected["date"] = told(expected["date"])
        expected["changes"] = told(expected["changes"])
        expected["versions"] = told(expected["versions"])
        for column, value in found.items():
            if column in COLUMNS and "probability" in column:
                assert value is None
            else:
                asked = column if column in COLUMNS else f"feature {names[column]}"
                assert told(value) == expected[asked], column
    assert not wanted
    counted = page.frame.group_by("primary_outcome", "label", "primary_prediction").len()
    assert {tuple(r[:3]): r[3] for r in groups.iter_rows()} == {
        tuple(r[:3]): r[3] for r in counted.iter_rows()
    }


NAMES = {
    "split": [split.value for split in Split],
    "side": ["both", "primary", "secondary"],
    "course": list(COURSES),
    "primary_outcome": list(OUTCOMES),
    "secondary_outcome": list(OUTCOMES),
}


def sorted_plainly(frame, ids, order_by, classes, sources, *, descending):
    """The ids in the order asked for, by Python's stable sort; what has no value last."""
    names = {**NAMES, "label": classes, "source": sources}
    names |= {"primary_prediction": classes, "secondary_prediction": classes}
    number = int if all(one.isdecimal() for one in ids) else str
    lines = sorted(frame.iter_rows(named=True), key=lambda line: number(line["instance"]))

    def key(line):
        value = line[order_by]
        if order_by == "instance":
            return number(value)
        if order_by == "strip":
            return ["✓✗?vx·".index(sign) for sign in value]
        return names[order_by].index(value) if order_by in names else value

    known = [line for line in lines if line[order_by] is not None]
    unknown = [line for line in lines if line[order_by] is None]
    # not reverse=True, which would turn ties round: Python keeps them in order there as well
    ordered = sorted(known, key=key, reverse=descending)
    return [line["instance"] for line in (*ordered, *unknown)]


@settings(max_examples=examples(80))
@given(st.data())
def test_pages_of_any_order_hold_every_instance_once_and_keep_ties(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    sides = {"primary": primary, "secondary": secondary}
    descending, limit = data.draw(st.booleans()), data.draw(st.integers(1, 4))
    with opened(plan) as evaluation:
        columns = [*COLUMNS, *feature_columns(evaluation.dataset)]
        order_by = data.draw(st.sampled_from(columns))
        order = {"order_by": order_by, "descending": descending}
        everything = chameleon.instances(evaluation, **sides, **order, limit=None).frame
        pages = [
            chameleon.instances(evaluation, **sides, **order, offset=offset, limit=limit).frame
            for offset in range(0, len(everything) + limit, limit)
        ]
        dataset = evaluation.dataset
    assert pl.concat(pages).equals(everything)
    assert [len(page) for page in pages[:-2]] == [limit] * (len(pages) - 2)
    expected = sorted_plainly(
        everything, dataset.instance_ids.to_list(), order_by, evaluation.classes, dataset.sources,
        descending=descending,
    )  # fmt: skip
    assert everything["instance"].to_list() == expected


@settings(max_examples=examples(30))
@given(st.data())
def test_errors_come_first_by_group_and_files_contain_the_table(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    sides = {"primary": primary, "secondary": secondary, "filters": data.draw(filters_for(plan))}
    with opened(plan) as evaluation:
        frame = chameleon.instances(evaluation, **sides, order_by="errors", limit=None).frame
        groups = chameleon.instance_groups(evaluation, **sides)
        plain_order = chameleon.instances(evaluation, **sides, limit=None).frame
        parquet = chameleon.instance_file(evaluation, TableForm.PARQUET, **sides)
        csv = chameleon.instance_file(evaluation, TableForm.CSV, **sides)
    outcomes = frame["primary_outcome"].to_list()
    assert outcomes == sorted(outcomes, key=["incorrect", "unknown", "correct"].index)
    assert groups["instances"].sum() == len(frame)
    for group in groups.rename({"outcome": "primary_outcome"}).iter_rows(named=True):
        part = frame[group["offset"] : group["offset"] + group["instances"]]
        for name in ("primary_outcome", "label", "primary_prediction"):
            assert set(part[name].to_list()) == {group[name]}
    assert pl.read_parquet(io.BytesIO(parquet)).equals(plain_order)
    read = pl.read_csv(io.BytesIO(csv), infer_schema=False)
    assert read.columns == [f"'{n}" if n.startswith(("=", "-", "+", "@")) else n
                            for n in frame.columns]  # fmt: skip
    assert read["instance"].to_list() == plain_order["instance"].to_list()


def test_a_restricted_side_holds_what_the_chips_count(small):
    from chameleon.analysis import selected

    only = Filters(labels=("dog",))
    selection = Selection("v2", "v1", Filters(), only, only)
    page = chameleon.instances(
        small, primary="v2", secondary="v1", primary_only=only, secondary_only=only
    )
    assert page.found == selected(small, selection).instances == 4
    # b was a dog in v1 and is a cat in v2, from whose row it is read
    assert dict(page.frame.select("instance", "label").iter_rows()) == {
        "b": "cat", "d": "dog", "e": "dog", "f": "dog",
    }  # fmt: skip


def test_no_formula_leaves_in_a_csv_and_parquet_keeps_it():
    frame = plain(4, id=[FORMULA, "-1", "b", "c"], note=[FORMULA, "x", "y", "z"])
    predictions = pl.DataFrame({"id": [FORMULA], "prediction": ["a"]})
    with temporary_project({"1": frame}, predictions={"1": predictions}) as folder:
        evaluation = evaluated(folder)
        sides = {"primary": "1", "secondary": "1"}
        csv = chameleon.instance_file(evaluation, TableForm.CSV, **sides).decode()
        parquet = chameleon.instance_file(evaluation, TableForm.PARQUET, **sides)
    assert f"'{FORMULA}" in csv
    assert f"\n{FORMULA}" not in csv
    assert f",{FORMULA}" not in csv
    assert FORMULA in pl.read_parquet(io.BytesIO(parquet))["note"].to_list()


def test_features_named_as_columns_get_names_of_their_own():
    frame = plain(4, changes=[3, 1, 2, 0], strip=["a", "b", "c", "d"])
    frame = frame.with_columns(pl.Series("changes (feature)", [1.5, 2.5, 0.5, None]))
    with temporary_project({"1": frame}, predictions={"1": plain(0).select("id").with_columns(
        prediction=pl.lit("a"))}) as folder:  # fmt: skip
        evaluation = evaluated(folder)
        sides = {"primary": "1", "secondary": "1"}
        page = chameleon.instances(evaluation, **sides, order_by="changes (feature) (feature)")
        asked = chameleon.instances(evaluation, **sides, features=["changes"])
    assert asked.frame.columns[-1] == "changes (feature) (feature)"
    assert page.frame["changes (feature) (feature)"].to_list() == [0, 1, 2, 3]
    assert page.frame["changes (feature)"].to_list() == [None, 2.5, 0.5, 1.5]
    assert page.frame["strip (feature)"].to_list() == ["d", "b", "c", "a"]


def test_awkward_feature_names_are_names():
    frame = plain(3).rename({"x": "^.*$"}).with_columns(pl.Series("*", ["a", "b", None]))
    frame = pl.DataFrame({**frame.to_dict(), "": [1, 2, 3]})
    with temporary_project({"1": frame}, form="arrow") as folder:
        evaluation = chameleon.models.without_predictions(
            chameleon.data.evolving_dataset(chameleon.open_project(folder))
        )
        found = chameleon.instances(evaluation, primary="1", secondary="1", order_by="")
    assert found.frame.columns[-3:] == ["", "*", "^.*$"]
    assert found.frame["*"].to_list() == ["a", "b", None]


def test_values_come_in_their_own_types():
    day = dt.date(2024, 5, 1)
    frame = plain(
        3, whole=[1, 2, None], part=[0.5, None, 2.0], flag=[True, None, False], day=[day] * 3,
        moment=[dt.datetime(2024, 5, 1, 12)] * 3, word=["a", None, "b"], odd=[1.0, float("inf"), 2],
    ).with_columns(date=pl.lit(day))  # fmt: skip
    with temporary_project({"1": frame}) as folder:
        dataset = chameleon.models.without_predictions(
            chameleon.data.evolving_dataset(chameleon.open_project(folder))
        )
        found = chameleon.instances(dataset, primary="1", secondary="1").frame
    types = {name: found.schema[name] for name in frame.columns[4:]}
    assert types == {
        "whole": pl.Int64, "part": pl.Float64, "flag": pl.Boolean, "day": pl.Date,
        "moment": pl.Datetime("us"), "word": pl.String, "odd": pl.Float64, "date": pl.Date,
    }  # fmt: skip
    assert found["odd"].to_list() == [1.0, float("inf"), 2.0]


def test_what_is_not_there_is_named(small):
    sides = {"primary": "v2", "secondary": "v1"}
    for wrong, words in (
        ({"order_by": "nothing"}, "no column 'nothing'"),
        ({"features": ["nothing"]}, "no feature 'nothing'"),
    ):
        with pytest.raises(SelectionError, match=words):
            chameleon.instances(small, **sides, **wrong)
    with pytest.raises(ValueError, match="negative"):
        chameleon.instances(small, **sides, offset=-1)
    with pytest.raises(ValueError, match="pdf"):
        chameleon.instance_file(small, "pdf", **sides)
