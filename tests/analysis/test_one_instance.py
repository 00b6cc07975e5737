"""One instance: counted by hand on the tiny project, its neighbours against brute force."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import internals as chameleon
from tests import oracle, oracle_instances
from tests.internals import SelectionError
from tests.library import evaluated, examples, plain, temporary_project
from tests.projects import opened, plans, version_pairs


def test_the_versions_of_an_instance_that_left_and_was_moved(small):
    found = chameleon.instance_versions(small, "c")
    assert found["version"].to_list() == ["v1", "v2", "v10"]
    assert found["present"].to_list() == [True, False, True]
    assert found["row"].to_list() == [1, 1, 1]
    assert found["prediction"].to_list() == ["dog", "cat", "cat"]
    assert found["outcome"].to_list() == ["incorrect", "correct", "correct"]


def test_what_was_edited_stands_with_its_values_before_and_after(small):
    rows = chameleon.instance_rows(small, "g")
    assert rows.select("row", "versions").unique(maintain_order=True).rows() == [
        (1, "v2"), (2, "v10"),
    ]  # fmt: skip
    changed = rows.filter(pl.col("column").is_in(["label", "size", "colour"]))
    assert changed.select("row", "column", "value", "changed").rows() == [
        (1, "label", "cat", False), (1, "colour", None, False), (1, "size", "7.5", False),
        (2, "label", "dog", True), (2, "colour", "blue", True), (2, "size", "8.5", True),
    ]  # fmt: skip
    back = chameleon.instance_rows(small, "e")  # edited, and edited back: two contents
    assert back["versions"].unique(maintain_order=True).to_list() == ["v1, v10", "v2"]


@settings(max_examples=examples(40))
@given(st.data())
def test_versions_rows_and_places_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    time = plan.timeline
    key = data.draw(st.sampled_from(sorted({k for rows in time.versions.values() for k in rows})))
    with opened(plan) as evaluation:
        versions = chameleon.instance_versions(evaluation, key)
        rows = chameleon.instance_rows(evaluation, key)
        places = chameleon.instance_places(evaluation, key, primary=primary, secondary=secondary)
        frame = chameleon.feature_histograms(evaluation, primary=primary, secondary=secondary)
    assert versions["outcome"].to_list() == oracle_instances.history(time, key)
    assert versions["present"].to_list() == [key in rows for rows in time.versions.values()]
    contents = [rows[key] for rows in time.versions.values() if key in rows]
    distinct = list({repr(content): content for content in contents}.values())
    assert rows["row"].unique().to_list() == list(range(1, len(distinct) + 1))
    for number, content in enumerate(distinct, start=1):
        own = dict(rows.filter(row=number).select("column", "value").iter_rows())
        assert own["label"] == content.label
        assert own["split"] == content.split
        assert (own["source"], own["date"] is None) == (content.source, content.date is None)
    _places_agree(places, time, key, primary, secondary, oracle.bars_of(frame))


def _places_agree(places, time, key, primary, secondary, bars):
    newest = [rows[key] for rows in time.versions.values() if key in rows][-1]
    row = time.versions[primary].get(key) or time.versions[secondary].get(key) or newest
    others = [r for r in time.versions[primary].values() if r.split == row.split]
    assert places["feature"].to_list() == time.features
    for line in places.iter_rows(named=True):
        feature, value = line["feature"], row.values[line["feature"]]
        known = [r.values[feature] for r in others if r.values[feature] is not None]
        assert (line["known"], line["instances"]) == (len(known), len(others))
        own = oracle.bin_of(value, bars[feature])
        held = [r for r in others if oracle.bin_of(r.values[feature], bars[feature]) == own]
        assert line["bin_instances"] == len(held)
        if isinstance(value, float) and known:
            below = sum((v < value) + (v == value) / 2 for v in known) / len(known)
            assert line["share_below"] == pytest.approx(below)
        else:
            assert line["share_below"] is None


def numbers_project(count: int = 60):
    random = np.random.default_rng(5)
    frame = plain(count, x=random.normal(size=count), y=random.exponential(size=count))
    frame = frame.with_columns(
        x=pl.when(pl.col("id") == 7).then(None).otherwise("x"),
        colour=pl.Series(random.choice(["red", "green", "blue"], count)),
    )
    given_none = pl.DataFrame({"id": frame["id"], "prediction": frame["label"]})
    return temporary_project({"1": frame}, predictions={"1": given_none}), frame


def brute_force(frame: pl.DataFrame, key: int) -> list[tuple[str, float]]:
    """Distances by the definition, in plain Python."""
    columns = []
    for name in ("x", "y"):
        values = frame[name].to_list()
        known = sorted(v for v in values if v is not None)
        low = known[round(0.005 * (len(known) - 1))]
        high = known[round(0.995 * (len(known) - 1))]
        median = known[(len(known) - 1) // 2]
        drawn = [median if v is None else v for v in values]
        drawn = [min(max(v, 2 * low - high), 2 * high - low) for v in drawn]
        mean = sum(drawn) / len(drawn)
        spread = (sum((v - mean) ** 2 for v in drawn) / len(drawn)) ** 0.5
        columns.append([(v - mean) / spread for v in drawn])
    for colour in ("red", "green", "blue"):
        columns.append([float(c == colour) for c in frame["colour"]])
    found = [
        (str(other), sum((c[key] - c[other]) ** 2 for c in columns) ** 0.5)
        for other in range(len(frame))
        if other != key
    ]
    return sorted(found, key=lambda pair: (pair[1], int(pair[0])))


@pytest.mark.parametrize("key", [0, 7, 31])
def test_the_nearest_are_those_of_brute_force(key):
    project, frame = numbers_project()
    with project as folder:
        evaluation = evaluated(folder)
        near = chameleon.nearest_instances(
            evaluation, str(key), primary="1", secondary="1", count=20
        )
    expected = brute_force(frame, key)[:20]
    assert near["instance"].to_list() == [other for other, _ in expected]
    assert near["distance"].to_list() == pytest.approx([distance for _, distance in expected])
    labels = dict(zip(map(str, frame["id"]), frame["label"], strict=True))
    assert near["label"].to_list() == [labels[other] for other in near["instance"]]
    assert near["same_label"].to_list() == [v == labels[str(key)] for v in near["label"]]


def test_an_instance_that_the_primary_lacks_is_measured_by_its_other_row(small):
    near = chameleon.nearest_instances(small, "c", primary="v2", secondary="v1")
    assert set(near["instance"]) == {"a", "b", "d", "e", "f", "g"}
    places = chameleon.instance_places(small, "c", primary="v2", secondary="v1")
    assert places.filter(feature="size")["value"].to_list() == ["3.5"]


def test_an_id_that_is_not_there_is_named(small):
    for ask in (chameleon.instance_versions, chameleon.instance_rows):
        with pytest.raises(SelectionError, match="no instance 'zz'"):
            ask(small, "zz")
