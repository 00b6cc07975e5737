"""Exclusion lists as filter expressions select the library's instances in raw files."""

import contextlib
import json

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection import (
    AlwaysFails,
    ConfusionCell,
    LabelProbability,
    RuleVote,
    VoteChange,
    excluded_mask,
    rule_of,
)
from tests import internals as chameleon
from tests import oracle
from tests.internals import ExclusionLists, FeatureFilter, Filters, Range, Selection
from tests.library import TREE, evaluated, examples, plain, temporary_project, write_project
from tests.projects import filters_for, plans, version_pairs


def selected_ids(expression, folder, columns=("id",)):
    """The ids that the exported text selects in the file, by polars and by pandas."""
    with contextlib.chdir(folder):
        scope = {}
        exec(expression.polars_script, scope)  # a test may; the app never does
        whole, kept = scope["frame"], scope["kept"]
        chosen = whole.filter(eval(expression.polars, {"pl": pl}))
        assert len(chosen) + len(kept) == len(whole)
        found = [spelled(chosen.select(columns).rows())]
        if expression.pandas is not None:
            scope = {}
            exec(expression.pandas_script, scope)
            whole, kept = scope["frame"], scope["kept"]
            chosen = whole[eval(expression.pandas, {"pd": pd, "frame": whole})]
            assert len(chosen) + len(kept) == len(whole)
            rows = zip(*(chosen[name].tolist() for name in columns), strict=True)
            found.append(spelled(rows))
    return found


def spelled(rows):
    """Ids in the one spelling of the library, written once more."""
    return sorted("|".join(escape(oracle.spelled(v), len(row)) for v in row) for row in rows)


def escape(text, parts):
    return text if parts == 1 else text.replace("\\", "\\\\").replace("|", "\\|")


def on_list(evaluation, store, version):
    mask = excluded_mask(evaluation, store.of("l"), version=version)
    return sorted(evaluation.dataset.instance_ids.filter(pl.Series(mask)).to_list())


def listed(*instances, filters=None, versions=("2", "1")):
    """A store with one list, of these instances and a rule of these filters."""
    store = ExclusionLists()
    store.add("l", instances)
    if filters is not None:
        store.add_rule("l", rule_of(Selection(*versions, filters), "because"))
    return store


@settings(max_examples=examples(30))
@given(st.data())
def test_an_expression_selects_the_instances_of_the_library(data):
    plan = data.draw(plans())
    form = data.draw(st.sampled_from(["parquet", "csv", "jsonl", "arrow"]))
    primary, secondary = data.draw(version_pairs(plan))
    version, _ = data.draw(version_pairs(plan))
    filters = data.draw(filters_for(plan))
    with temporary_project(plan.frames, form=form, predictions=plan.predictions) as folder:
        try:
            evaluation = evaluated(folder)
        except chameleon.ChameleonError:
            return  # as CSV or JSON some columns mean nothing any more
        names = [v.name for v in evaluation.dataset.versions]
        if not {primary, secondary, version} <= set(names):
            return
        known = evaluation.dataset.instance_ids.to_list()
        chosen = data.draw(st.lists(st.sampled_from([*known, "nobody"]), max_size=3))
        store = listed(*chosen, filters=filters, versions=(primary, secondary))
        try:
            expected = on_list(evaluation, store, version)
        except SelectionError:
            return  # the filters name what a CSV no longer holds
        expression = chameleon.filter_expression(evaluation, store.of("l"), version=version)
        for found in selected_ids(expression, folder):
            assert found == expected


RULES = {
    "closed": FeatureFilter("x", (Range(0.75, 3.0, closed=True),)),
    "open below": FeatureFilter("x", (Range(0.75, 3.0, open=True),)),
    "half": FeatureFilter("x", (Range(0.75, 3.0),)),
    "no end": FeatureFilter("x", (Range(float("-inf"), 2.0),)),
    "missing": FeatureFilter("x", missing=True),
    "odd": FeatureFilter("x", non_finite=True),
    "two": FeatureFilter("x", (Range(0, 1), Range(5, 6)), missing=True),
    "all": FeatureFilter("*", (Range(2.0, 5.0),)),
    "begins": FeatureFilter("^x", (Range(2.0, 5.0),)),
    "pattern": FeatureFilter("^.*$", (Range(2.0, 5.0),)),
    "texts": FeatureFilter("^t*$", categories=('it\'s "q" \\ \n #', "=1+1")),
    "no text": FeatureFilter("^t*$", missing=True),
}
TEXTS = ['it\'s "q" \\ \n #', "=1+1", "plain", None]
ODD = plain(
    24,
    x=[None if k == 6 else float("nan") if k == 7 else float("inf") if k == 5 else k * 0.75
       for k in range(24)],
    **{"^t*$": [TEXTS[k % 4] for k in range(24)], "big": [2**62 + k for k in range(24)]},
    **{name: [k // 3 + place for k in range(24)] for place, name in enumerate(["*", "^x", "^.*$"])},
)  # fmt: skip


@pytest.mark.parametrize("form", ["parquet", "csv.gz", "feather"])
def test_rules_on_features_are_conditions_and_no_ids(tmp_path, form):
    folder = write_project(tmp_path / "p", {"1": ODD, "2": ODD}, form=form, toml=TREE)
    evaluation = evaluated(folder)
    for name, one in RULES.items():
        store = listed(filters=Filters(features=(one,), splits=(Split.TRAIN,)))
        expression = chameleon.filter_expression(evaluation, store.of("l"), version="2")
        assert expression.notes == (), name
        assert "'id'" not in expression.polars
        expected = on_list(evaluation, store, "2")
        assert expected, name
        assert selected_ids(expression, folder) == [expected, expected], name
        assert str(tmp_path) not in expression.polars_script + expression.pandas_script


IDS = {
    "whole": pl.Series([2**62, -3, 7], dtype=pl.Int64),
    "byte": pl.Series([1, 2, 3], dtype=pl.UInt8),
    "huge": pl.Series([2**63 + 1, 2**63 + 3, 1], dtype=pl.UInt64),
    "float": pl.Series([0.1, 7.0, -1e300]),
    "small float": pl.Series([0.1, 7.0, 1e30], dtype=pl.Float32),
    "text": pl.Series(["a'b", '"=1', "\\n\n"]),
    "category": pl.Series(["a", "b", "c c"], dtype=pl.Categorical),
    "day": pl.Series(["1969-12-31", "2020-02-29", "2021-01-01"]).str.to_date(),
    "moment": pl.Series([-1, 10**15, 5]).cast(pl.Datetime("us")),
    "zoned": pl.Series([-1, 10**15, 5]).cast(pl.Datetime("us", "Asia/Tokyo")),
    "decimal": pl.Series(["1.50", "2.25", "3.00"]).str.to_decimal(scale=2),
    "time": pl.Series([10**9, 2 * 10**9, 3 * 10**9], dtype=pl.Int64).cast(pl.Time),
}


PANDAS_IDS = [kind for kind in IDS if kind not in ("decimal", "time")]


@pytest.mark.parametrize("columns", [*([kind] for kind in IDS), PANDAS_IDS], ids=str)
def test_ids_of_every_type_alone_and_together(tmp_path, columns):
    known = {"label": ["a", "b", "a"], "split": ["train", "train", "test"], "x": [1.0, 2.0, 3.0]}
    frame = pl.DataFrame({kind: IDS[kind] for kind in columns} | known)
    asked = json.dumps(columns if len(columns) > 1 else columns[0])
    toml = f"{TREE}[columns]\nid = {asked}\n"
    folder = write_project(tmp_path / "p", {"1": frame, "2": frame.head(2)}, toml=toml)
    evaluation = evaluated(folder)
    dataset = evaluation.dataset
    x = dataset.values[dataset.feature_number("x")].tolist()
    ids = dict(zip(x, dataset.instance_ids, strict=True))
    store = listed(ids[1.0], ids[3.0], "nobody")
    for version, rows in (("1", [0, 2]), ("2", [0])):
        expression = chameleon.filter_expression(evaluation, store.of("l"), version=version)
        with contextlib.chdir(folder):
            raw = pl.read_parquet(f"versions/{version}.parquet")
            found = raw.filter(eval(expression.polars, {"pl": pl}))
            assert found.equals(raw[rows])
            if set(columns) <= set(PANDAS_IDS):
                frame = pd.read_parquet(f"versions/{version}.parquet")
                chosen = eval(expression.pandas, {"pd": pd, "frame": frame})
                assert chosen.to_numpy().nonzero()[0].tolist() == rows
            else:
                assert expression.pandas is None


def test_ids_that_versions_spell_differently_stay_apart(tmp_path):
    one = plain(4, id=["7.0", "8", "9", "10"])  # all numbers: "7.0" is the instance 7
    two = plain(4, id=["7.0", "x", "7", "y"])  # no numbers: "7.0" and "7" are two instances
    folder = write_project(tmp_path / "p", {"1": one, "2": two}, form="csv", toml=TREE)
    evaluation = evaluated(folder)
    store = listed("7", "8")
    for version, expected in (("1", ["7.0", "8"]), ("2", ["7"])):
        expression = chameleon.filter_expression(evaluation, store.of("l"), version=version)
        with contextlib.chdir(folder):
            raw = pl.read_csv(f"versions/{version}.csv", infer_schema=False)
        assert raw.filter(eval(expression.polars, {"pl": pl}))["id"].to_list() == expected


def test_rules_on_outcomes_are_written_as_ids_with_a_note(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)}, toml=TREE)
    evaluation = evaluated(folder)
    store = listed(filters=Filters(outcomes=("incorrect",)))
    expression = chameleon.filter_expression(evaluation, store.of("l"), version="2")
    (note,) = expression.notes
    assert "filters outcomes" in note
    assert note in expression.polars_script
    expected = on_list(evaluation, store, "2")
    assert selected_ids(expression, folder) == [expected, expected]


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        (Filters(confusions=(ConfusionCell("a", "a"),)), "cells of a confusion matrix"),
        (Filters(always_fails=AlwaysFails("1", "1")), "constant failures"),
        (Filters(votes=(RuleVote("r", "a"),)), "votes of labeling functions"),
        (Filters(vote_changes=(VoteChange("r"),)), "changes of votes"),
        (Filters(label_probabilities=(LabelProbability("a", 0.5, 1),)), "label probabilities"),
        (Filters(labels=("a",)), "largest label probability"),
    ],
)
def test_the_note_names_the_property_that_no_file_contains(tmp_path, filters, why):
    high = [0.9, 0.2] * 10
    frame = plain(
        label_proba_a=high, label_proba_b=[1 - p for p in high], label_vote_r=["a", None] * 10
    ).drop("label")
    folder = write_project(tmp_path / "p", {"1": frame}, toml=TREE)
    evaluation = evaluated(folder)
    store = listed(filters=filters, versions=("1", "1"))
    expression = chameleon.filter_expression(evaluation, store.of("l"), version="1")
    (note,) = expression.notes
    assert why in note
    expected = on_list(evaluation, store, "1")
    assert selected_ids(expression, folder) == [expected, expected]


def test_without_ids_there_is_no_expression(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain().drop("id")}, toml=TREE)
    evaluation = evaluated(folder)
    store = listed(*evaluation.dataset.instance_ids.head(2))
    with pytest.raises(SelectionError, match="no id column"):
        chameleon.filter_expression(evaluation, store.of("l"), version="1")


def test_separators_are_read_and_other_text_is_rejected(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)}, form="csv", toml=TREE)
    plain().write_csv(folder / "versions" / "1.csv", separator=";")
    text = (folder / "versions" / "2.csv").read_text()
    (folder / "versions" / "2.csv").write_bytes(text.encode("utf-16"))
    evaluation = evaluated(folder)
    store = listed("3", "5")
    expression = chameleon.filter_expression(evaluation, store.of("l"), version="1")
    assert selected_ids(expression, folder) == [["3", "5"], ["3", "5"]]
    with pytest.raises(SelectionError, match="isn't plain CSV"):
        chameleon.filter_expression(evaluation, store.of("l"), version="2")


def test_a_note_names_the_rows_of_a_table_of_all_versions(tmp_path):
    table = pl.concat([plain().with_columns(batch=pl.lit(n)) for n in "12"])
    table.write_parquet(tmp_path / "data.parquet")
    evaluation = evaluated(f"{tmp_path}/data.parquet?version=batch&reading=snapshot")
    store = listed("3")
    expression = chameleon.filter_expression(evaluation, store.of("l"), version="2")
    assert "rows of version 2" in expression.notes[0]
