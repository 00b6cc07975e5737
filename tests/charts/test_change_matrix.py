"""The matrix of outcomes and the table of classes: specifications, and words a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    class_frame,
    class_table,
    class_table_text,
    outcome_frame,
    outcome_matrix,
    outcome_matrix_text,
)
from chameleon.charts.change_matrix import NUMBERED_CLASSES, OUTCOMES
from tests.charts.specs import encodings, fields, is_sound, nodes

themes = pytest.mark.parametrize("dark", [False, True])
HOSTILE = "a \"b\" 'c' <b>d</b> \\ {x}" + "e" * 300


def changes(counts=(53189, 402, 422, 9492), relabelled=(0, 31, 1, 0), edited=(0, 5, 0, 0)):
    total = sum(counts)
    return pl.DataFrame(
        {
            "secondary": ["correct", "correct", "incorrect", "incorrect"],
            "primary": ["correct", "incorrect", "correct", "incorrect"],
            "instances": list(counts),
            "share": [count / total if total else None for count in counts],
            "relabelled": list(relabelled),
            "edited": list(edited),
        },
        schema_overrides={"share": pl.Float64},
    )


def matrix(*args, chosen=(), **kwargs):
    return outcome_frame(changes(*args, **kwargs), primary="1.18", secondary="1.17", chosen=chosen)


def pairs(*rows):
    return pl.DataFrame(
        rows,
        schema={"secondary_class": pl.String, "primary_class": pl.String, "instances": pl.Int64},
        orient="row",
    )


def table(*rows, chosen=()):
    return class_frame(pairs(*rows), primary="v2", secondary="v1", chosen=chosen)


def picks(spec):
    return [node["select"] for node in nodes(spec) if node.get("name") == "pick"]


@themes
def test_the_matrix_uses_the_columns_of_its_frame(dark):
    spec = outcome_matrix(dark=dark)
    assert is_sound(spec)
    assert fields(spec) <= set(matrix().columns)
    assert picks(spec) == [{"type": "point", "fields": ["secondary", "primary"], "toggle": "true"}]
    for channel in ("x", "y"):
        domains = [e["scale"]["domain"] for e in encodings(spec, channel) if "scale" in e]
        assert domains
        assert all(domain == list(OUTCOMES) for domain in domains)  # correct first


@themes
@pytest.mark.parametrize("classes", [0, 1, NUMBERED_CLASSES, NUMBERED_CLASSES + 1, 50])
def test_the_table_uses_the_columns_of_its_frame(classes, dark):
    spec = class_table(classes=classes, dark=dark)
    assert is_sound(spec)
    assert fields(spec) <= set(table(("cat", "dog", 3)).columns)
    assert picks(spec)[0]["fields"] == ["secondary_class", "primary_class"]
    assert bool(encodings(spec, "text")) is (classes <= NUMBERED_CLASSES)


def test_a_cell_says_what_it_holds():
    frame = matrix()
    assert frame["word"].to_list() == ["unaffected", "regressed", "improved", "needs attention"]
    assert frame["counted"].to_list() == ["53,189", "402", "422", "9,492"]
    assert frame["shared"].to_list() == ["83.8 %", "0.6 %", "0.7 %", "14.9 %"]
    assert frame["sentence"][1] == (
        "402 instances: correct in 1.17, incorrect in 1.18. The iteration made the model regress "
        "on them; 31 of them were relabelled, 5 edited."
    )
    assert frame["sentence"][2].endswith("; 1 of them was relabelled, 0 edited.")
    assert frame["sentence"][3].endswith("; none of them was relabelled or edited.")
    assert set(frame["before"]) == {"before: 1.17"}
    assert set(frame["after"]) == {"after: 1.18"}


def test_one_instance_is_singular():
    frame = matrix((1, 1, 1, 1), relabelled=(0, 1, 1, 0), edited=(0, 1, 0, 1))
    ends = [sentence.rsplit("; ", 1)[1] for sentence in frame["sentence"]]
    assert ends == [
        "it was neither relabelled nor edited.",
        "it was relabelled and edited.",
        "it was relabelled.",
        "it was edited.",
    ]
    assert frame["sentence"][0].startswith("1 instance: correct in 1.17")


@pytest.mark.parametrize(
    ("counts", "shared"),
    [
        ((9_999, 1, 0, 0), [">99.9 %", "<0.1 %", "0.0 %", "0.0 %"]),
        ((5, 0, 0, 0), ["100.0 %", "0.0 %", "0.0 %", "0.0 %"]),
        ((0, 0, 0, 0), ["-"] * 4),
    ],
)
def test_a_share_reads_as_none_or_all_only_where_it_is(counts, shared):
    frame = matrix(counts)
    assert frame["shared"].to_list() == shared
    assert frame["share"].null_count() == 0  # a null would make the cell vanish


def test_without_a_choice_all_look_alike_and_with_one_only_it_stands_out():
    assert matrix()["chosen"].to_list() == [True] * 4
    assert matrix()["marked"].to_list() == [False] * 4
    frame = matrix(chosen={("correct", "incorrect")})
    assert frame["chosen"].to_list() == [False, True, False, False]
    assert frame["marked"].to_list() == [False, True, False, False]


def test_the_matrix_in_words():
    assert outcome_matrix_text(matrix()) == (
        "Of 63,505 instances, before: 1.17, after: 1.18: 53,189 unaffected (83.8 %), 402 regressed "
        "(0.6 %), 422 improved (0.7 %), 9,492 need attention (14.9 %)."
    )
    assert "No instance" in outcome_matrix_text(matrix((0, 0, 0, 0)))


def test_classes_stand_in_the_same_natural_order_on_both_sides():
    frame = table(("class 10", "class 2", 4), ("class 2", "class 1", 1))
    before = dict(frame.select("secondary_class", "secondary_place").iter_rows())
    after = dict(frame.select("primary_class", "primary_place").iter_rows())
    assert before == {"class 10": 2, "class 2": 1}
    assert after == {"class 2": 1, "class 1": 0}


def test_the_table_in_words():
    frame = table(("cat", "dog", 4), ("dog", "cat", 1), chosen={("dog", "cat")})
    assert frame["sentence"].to_list() == [
        "4 instances: cat in v1, dog in v2.",
        "1 instance: dog in v1, cat in v2.",
    ]
    assert frame["chosen"].to_list() == [False, True]
    assert class_table_text(frame) == (
        "The predicted class changed for 5 instances, in 2 pairs of classes. Most often: "
        "4 instances: cat in v1, dog in v2."
    )


def test_nothing_changed_is_a_frame_without_rows():
    frame = table()
    assert frame.is_empty()
    assert frame.schema == table(("cat", "dog", 1)).schema
    assert class_table_text(frame) == "No predicted class changed."


def test_hostile_names_stay_in_the_frame():
    frame = outcome_frame(changes(), primary=HOSTILE, secondary=HOSTILE)
    assert frame["after"][0] == f"after: {HOSTILE}"
    frame = class_frame(pairs((HOSTILE, "x", 1)), primary="v2", secondary="v1")
    assert frame["secondary_class"][0] == HOSTILE


def test_the_given_frame_is_left_alone():
    given = changes()
    outcome_frame(given, primary="a", secondary="b")
    assert given.equals(changes())
