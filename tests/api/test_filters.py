"""`filter`: against a plain filter of the frame of all instances, row by row."""

import datetime as dt
import pickle
import random
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chameleon
from chameleon import Range
from tests.library import TREE, plain, write_project

SPLITS, LABELS = ["train", "test", "validation"], ["a", "b", None]
SOURCES = ["s", "t", None]
CHANGES = {
    "added": lambda r: r["presence"] == "after",
    "removed": lambda r: r["presence"] == "before",
}


def version(rows):
    return pl.DataFrame(
        rows,
        {
            "id": pl.String, "label": pl.String, "split": pl.String, "source": pl.String,
            "x": pl.Float64, "text": pl.String,
        },
        orient="row",
    )  # fmt: skip


some = st.lists


@st.composite
def conditions(draw):
    found = {}
    for name, values in (("split", SPLITS), ("label", LABELS), ("source", SOURCES)):
        if draw(st.booleans()):
            chosen = draw(some(st.sampled_from(values), min_size=1, unique=True))
            found[name] = chosen if len(chosen) > 1 else chosen[0]
    if draw(st.booleans()):
        found["x"] = draw(
            st.sampled_from([1.0, None, Range(0.5, 2.5), Range(1.0, None, "right"), [None, 0.0]])
        )
    if draw(st.booleans()):
        found["text"] = draw(st.sampled_from(["u", None, ["u", "v"]]))
    if draw(st.booleans()):
        found["change"] = draw(st.sampled_from([*CHANGES]))
    return found


def matches(value, asked):
    asked = asked if isinstance(asked, list) else [asked]
    return any(fits(value, one) for one in asked)


def fits(value, one):
    if not isinstance(one, Range):
        return value == one
    if value is None or value == float("inf"):
        return False
    above = one.low is None or (value >= one.low if one.closed != "right" else value > one.low)
    return above and (one.high is None or value <= one.high)


def expected(before, after, asked, read):
    """The ids that match, row by row from the two dictionaries."""
    found = set()
    first, second = (after, before) if read == "after" else (before, after)
    for name in {*before, *after}:
        label, split, source, x, text = first.get(name) or second[name]
        presence = "both" if name in before and name in after else (
            "after" if name in after else "before"
        )  # fmt: skip
        held = {"split": split, "label": label, "source": source, "x": x, "text": text}
        good = all(matches(held[k], v) for k, v in asked.items() if k != "change")
        if "change" in asked:
            good = good and CHANGES[asked["change"]]({"presence": presence})
        if good:
            found.add(name)
    return found


def content(seed):
    """Instances of a version by id, drawn evenly."""
    draw = random.Random(seed)
    return {
        f"i{k:02}": (
            draw.choice(LABELS), draw.choice(SPLITS), draw.choice(SOURCES),
            draw.choice([None, 0.0, 1.0, 2.5, float("inf")]), draw.choice([None, "u", "v"]),
        )
        for k in draw.sample(range(60), 40)
    }  # fmt: skip


BEFORE, AFTER = content(1), content(2)


@pytest.fixture(scope="module")
def drawn() -> chameleon.Step:
    frames = {
        name: version([(key, *values) for key, values in found.items()])
        for name, found in (("1", BEFORE), ("2", AFTER))
    }
    settings = {"model": {"estimator": "DecisionTreeClassifier", "params": {}}}
    return chameleon.open_project(frames, settings=settings).evaluate().step()


@given(asked=conditions(), read=st.sampled_from(["after", "before"]))
def test_conditions_match_what_a_row_by_row_filter_matches(drawn, asked, read):
    found = drawn.filter(read=read, **asked)
    assert set(found.instances()["instance"]) == expected(BEFORE, AFTER, asked, read)
    assert found.count() == len(found.instances())
    assert drawn.evaluation.from_link(found.link()) == found
    assert pickle.loads(pickle.dumps(found)) == found


@given(first=conditions(), second=conditions())
def test_filters_one_after_another_narrow(drawn, first, second):
    found = drawn.filter(**first).filter(**second)
    wanted = expected(BEFORE, AFTER, first, "after") & expected(BEFORE, AFTER, second, "after")
    assert set(found.instances()["instance"]) == wanted


@pytest.fixture(scope="module")
def step(tmp_path_factory) -> chameleon.Step:
    days = [dt.date(2024, 1, 1 + k % 5) for k in range(40)]
    frames = {"1": plain(40, date=days), "2": plain(40, date=days)}
    folder = write_project(tmp_path_factory.mktemp("filter") / "p", frames, toml=TREE)
    return chameleon.open_project(folder).evaluate().step()


def test_an_expression_is_the_same_as_its_keyword(step):
    assert step.filter(pl.col("x") <= 10).count() == step.filter(x=Range(None, 10)).count() > 0
    assert step.filter(pl.col("split") == "test", label="a") == step.filter(
        pl.col("split") == "test"
    ).filter(label="a")
    both = step.filter((pl.col("x") > 3) & (pl.col("label") == "a"))
    kept = step.instances().filter(pl.col("x") > 3, pl.col("label") == "a")
    assert both.instances()["instance"].to_list() == kept["instance"].to_list()


def test_an_expression_has_no_text(step):
    narrowed = step.filter(pl.col("x") > 3)
    with pytest.raises(chameleon.SelectionError, match="can't be linked"):
        narrowed.link()
    with pytest.raises(chameleon.SelectionError, match="can't be linked"):
        step.evaluation.exclusion_lists.create("rules").add_rule(narrowed)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (pl.col("nope") > 1, "no column 'nope'"),
        (pl.col("x") + 1, "must be a condition, found Float64"),
        (pl.col("x").str.len_chars() > 1, "can't be evaluated"),
    ],
)
def test_a_wrong_expression_is_refused(step, expression, words):
    with pytest.raises(chameleon.SelectionError, match=words):
        step.filter(expression)


def test_dates_are_days(step):
    assert step.filter(date=dt.date(2024, 1, 2)).count() == 8
    assert step.filter(date=Range(dt.date(2024, 1, 2), dt.date(2024, 1, 4))).count() == 24
    open_ended = Range(dt.date(2024, 1, 2), None, "right")
    assert step.filter(date=open_ended).count() == 24
    with pytest.raises(chameleon.SelectionError, match="one day or one Range"):
        step.filter(date=None)


def test_ids_and_exclusion_lists_are_conditions(step):
    assert step.filter(instances=["3", "5"]).count() == 2
    made = step.evaluation.exclusion_lists.create("few")
    made.add(["3", "7"])
    found = step.filter(excluded="few")
    assert found.instances()["instance"].to_list() == ["3", "7"]
    assert "excluded=few" in urlsplit(found.link()).query
    made.add_rule(step.filter(label="a", split="test"), reason="rule")
    assert step.filter(excluded="few").count() > 2
    assert made.rules["conditions"].to_list() == ["split=test&label=a"]
    with pytest.raises(chameleon.SelectionError, match="no instance 'nobody'"):
        step.filter(instances="nobody")


def test_a_filter_that_matches_nothing_names_the_other_reading(digits):
    vendor = digits.step("1.8", "1.9").filter(source="vendor", pixel_3_3=Range(5, None, "right"))
    assert vendor.count() == 0
    assert repr(vendor).endswith("0 matching instances (237 with read='before')>")


def test_a_scope_that_a_filter_leaves_out_is_refused(digits):
    train = digits.step("1.8", "1.9").filter(split="train")
    with pytest.raises(chameleon.SelectionError, match="scope='all'"):
        train.prediction_changes()
    assert train.prediction_changes(scope="all").negative_flips.count == 3


def test_a_side_may_be_restricted(step):
    narrowed = step.restrict(after={"label": "a"})
    assert narrowed.count() == 40  # the side before still holds the others
    found = narrowed.confusion(scope="all").group_by("version", "label").agg(pl.sum("instances"))
    counts = {(r["version"], r["label"]): r["instances"] for r in found.to_dicts()}
    assert {key: n for key, n in counts.items() if n} == {
        ("1", "a"): 20, ("1", "b"): 20, ("2", "a"): 20,
    }  # fmt: skip
    with pytest.raises(chameleon.SelectionError, match="restrict"):
        step.restrict(after={"change": "added"})


def test_two_conditions_of_one_kind_narrow_each_other(digits):
    step = digits.step("1.5", "1.6")
    both = step.filter(confusion=("1", "1"), confusion_before=("5", "1"))
    one = step.filter(confusion=("1", "1")).filter(confusion_before=("5", "1"))
    assert set(both.instances()["instance"]) == set(one.instances()["instance"])
    assert both.count() <= min(
        step.filter(confusion=("1", "1")).count(), step.filter(confusion_before=("5", "1")).count()
    )
    edited = digits.step("1.8", "1.9")
    assert edited.filter(change="unchanged", edited="pixel_3_3").count() == 0


def test_a_condition_of_both_versions_keeps_the_rows_that_are_read(digits):
    step = digits.step("1.8", "1.9")
    vendor = step.filter(source="vendor", pixel_3_3=Range(5, None, "right"), read="before")
    regressed = vendor.filter(flip="regressed")
    assert 0 < regressed.count() < vendor.count() == 237
    assert step.evaluation.from_link(regressed.link()) == regressed


def test_a_range_of_label_probabilities_has_the_ends_it_says(weak):
    version = weak.version()
    ids = version.instances()["instance"]
    shares = {one: weak.instance(one).weak_label(version.name) for one in ids}
    shares = {one: frame for one, frame in shares.items() if frame is not None}
    name = weak.classes[0]
    held = {
        one: np.float32(row["probability"])
        for one, frame in shares.items()
        for row in frame.filter(pl.col("class") == name).to_dicts()
        if row["probability"] is not None
    }
    low, *_, high = sorted(set(held.values()))
    for closed, inside in (
        ("both", lambda p: low <= p <= high), ("left", lambda p: low <= p < high),
        ("right", lambda p: low < p <= high), ("none", lambda p: low < p < high),
    ):  # fmt: skip
        asked = Range(float(low), float(high), closed)
        found = version.filter(label_probability={name: asked}).instances()["instance"]
        if high < 1:
            assert set(found) == {one for one, share in held.items() if inside(share)}
    exact = version.filter(label_probability={name: float(low)}).instances()["instance"]
    assert set(exact) == {one for one, share in held.items() if share == low}
