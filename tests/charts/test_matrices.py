"""Matrices of outcomes, classes, and confusion: specifications, and words a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    MOST_CLASSES,
    Shown,
    class_frame,
    class_table,
    class_table_text,
    confusion_frame,
    confusion_matrix,
    confusion_text,
    names_lie_flat,
    other_classes,
    outcome_frame,
    outcome_matrix,
    outcome_matrix_text,
    shown_classes,
)
from chameleon.charts.matrices import NUMBERED_CLASSES, OUTCOMES
from tests.charts.specs import checked, encodings

HOSTILE = "a \"b\" 'c' <b>d</b> \\ {x}" + "e" * 300


def changes(counts=(53189, 402, 422, 9492), relabeled=(0, 31, 1, 0), edited=(0, 5, 0, 0)):
    total = sum(counts)
    return pl.DataFrame(
        {
            "secondary": ["correct", "correct", "incorrect", "incorrect"],
            "primary": ["correct", "incorrect", "correct", "incorrect"],
            "instances": list(counts),
            "share": [count / total if total else None for count in counts],
            "relabeled": list(relabeled),
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


def test_the_matrix_uses_the_columns_of_its_frame():
    spec = checked(outcome_matrix, matrix(), pick=("secondary", "primary"))
    for channel in ("x", "y"):
        domains = [e["scale"]["domain"] for e in encodings(spec, channel) if "scale" in e]
        assert domains
        assert all(domain == list(OUTCOMES) for domain in domains)  # correct first


@pytest.mark.parametrize("classes", [0, NUMBERED_CLASSES, 50])
def test_the_table_uses_the_columns_of_its_frame(classes):
    pick = ("secondary_class", "primary_class")
    spec = checked(class_table, table(("cat", "dog", 3)), classes=classes, pick=pick)
    assert bool(encodings(spec, "text")) is (classes <= NUMBERED_CLASSES)


def test_cells_and_the_matrix_in_words():
    frame = matrix()
    assert frame["word"].to_list() == ["still correct", "regressed", "fixed", "still incorrect"]
    assert frame["counted"].to_list() == ["53,189", "402", "422", "9,492"]
    assert frame["shared"].to_list() == ["83.8%", "0.6%", "0.7%", "14.9%"]
    assert frame["sentence"][1] == (
        "402 instances: correct in 1.17, incorrect in 1.18. The step made the model regress on "
        "them; 31 of them were relabeled, 5 edited."
    )
    assert frame["sentence"][2].endswith("; 1 of them was relabeled, 0 edited.")
    assert frame["sentence"][3].endswith("; none of them was relabeled or edited.")
    assert outcome_matrix_text(frame) == (
        "Of 63,505 instances, before: 1.17, after: 1.18: 53,189 still correct (83.8%), 402 "
        "regressed (0.6%), 422 fixed (0.7%), 9,492 still incorrect (14.9%)."
    )
    assert "No instance" in outcome_matrix_text(matrix((0, 0, 0, 0)))


def test_one_instance_is_singular():
    frame = matrix((1, 1, 1, 1), relabeled=(0, 1, 1, 0), edited=(0, 1, 0, 1))
    ends = [sentence.rsplit("; ", 1)[1] for sentence in frame["sentence"]]
    assert ends == [
        "it was neither relabeled nor edited.",
        "it was relabeled and edited.",
        "it was relabeled.",
        "it was edited.",
    ]
    assert frame["sentence"][0].startswith("1 instance: correct in 1.17")


def test_a_share_reads_as_none_or_all_only_where_it_is():
    assert matrix((9_999, 1, 0, 0))["shared"].to_list() == [">99.9%", "<0.1%", "0.0%", "0.0%"]
    assert matrix((5, 0, 0, 0))["shared"][0] == "100.0%"
    nothing = matrix((0, 0, 0, 0))
    assert nothing["shared"].to_list() == ["-"] * 4
    assert nothing["share"].null_count() == 0  # a null would make the cell vanish


def test_only_a_chosen_cell_stands_out():
    assert matrix().select("chosen", "marked").unique().rows() == [(True, False)]
    frame = matrix(chosen={("correct", "incorrect")})
    assert frame["chosen"].to_list() == frame["marked"].to_list() == [False, True, False, False]


def test_classes_have_the_same_natural_order_on_both_sides():
    frame = table(("class 10", "class 2", 4), ("class 2", "class 1", 1))
    places = [dict(frame.select(f"{side}_class", f"{side}_place").iter_rows())
              for side in ("secondary", "primary")]  # fmt: skip
    assert places == [{"class 10": 2, "class 2": 1}, {"class 2": 1, "class 1": 0}]


def test_the_table_in_words():
    frame = table(("cat", "dog", 4), ("dog", "cat", 1), chosen={("dog", "cat")})
    assert frame["sentence"][1] == "1 instance: dog in v1, cat in v2."
    assert frame["chosen"].to_list() == [False, True]
    assert class_table_text(frame) == (
        "The predicted class changed for 5 instances, in 2 pairs of classes. Most often: "
        "4 instances: cat in v1, dog in v2."
    )
    nothing = table()
    assert nothing.schema == frame.schema
    assert class_table_text(nothing) == "No predicted class changed."


def test_hostile_names_stay_in_the_frame_and_the_given_frame_is_unchanged():
    given = changes()
    frame = outcome_frame(given, primary=HOSTILE, secondary=HOSTILE)
    assert frame["after"][0] == f"after: {HOSTILE}"
    assert given.equals(changes())
    more = pairs((HOSTILE, "x", 1)).with_columns(share=pl.lit(0.5))
    frame = class_frame(more, primary="v2", secondary="v1")
    assert frame.select("secondary_class", "share").rows() == [(HOSTILE, 0.5)]


# ---------------------------------------------------------------- confusion


NAMES = {Shown.SECONDARY: "1.8", Shown.PRIMARY: "1.9"}
FOUND = pl.DataFrame(
    [("a", "a", 8, 12_345), ("a", "b", 2, 0), ("b", "a", 0, 3), ("b", "b", 5, 5)],
    schema=["label", "prediction", "secondary", "primary"],
    orient="row",
)


def frame(shown, found=FOUND, **options):
    classes = options.pop("classes", shown_classes(found))
    return confusion_frame(found, shown, classes=classes, names=NAMES, **options)


def cells(data, column="written"):
    return {(a, b): value for a, b, value in data.select("label", "prediction", column).rows()}


@pytest.mark.parametrize("difference", [False, True])
@pytest.mark.parametrize("classes", [2, 30])
def test_the_confusion_matrix_uses_the_columns_of_its_frame(difference, classes):
    spec = checked(
        confusion_matrix, frame(Shown.DIFFERENCE), classes=classes, flat=classes == 2,
        difference=difference, pick=("label", "prediction"),
    )  # fmt: skip
    (shade,) = [c for c in encodings(spec, "color") if "scale" in c]
    assert shade["scale"]["domain"] == ([-1, 0, 1] if difference else [0, 1])
    step = spec["width"]["step"]
    assert step * classes < 1000
    assert spec["height"]["step"] == step


def test_counts_are_written_and_shaded_by_their_share_of_the_true_class():
    data = frame(Shown.SECONDARY)
    assert cells(data) == {("a", "a"): "8", ("a", "b"): "2", ("b", "b"): "5"}
    assert cells(data, "shade")["a", "b"] == pytest.approx(0.2**0.5)
    assert cells(frame(Shown.PRIMARY)) == {("a", "a"): "12k", ("b", "a"): "3", ("b", "b"): "5"}
    shares = frame(Shown.SECONDARY, shares=True)
    assert cells(shares) == {("a", "a"): "80", ("a", "b"): "20", ("b", "b"): "100"}
    assert confusion_text(data, Shown.SECONDARY) == (
        "Of 15 instances, 2 are incorrect (13.3%). Most often: a predicted as "
        "b: 2 (20.0% of a) in 1.8."
    )


def test_the_difference_has_signs_and_the_largest_is_darkest():
    data = frame(Shown.DIFFERENCE)
    assert cells(data) == {
        ("a", "a"): "+12k", ("a", "b"): "-2", ("b", "a"): "+3", ("b", "b"): "0",
    }  # fmt: skip
    shade = cells(data, "shade")
    assert shade["a", "a"] == 1
    assert shade["b", "b"] == 0
    assert shade["a", "b"] == pytest.approx(-((2 / 12_337) ** 0.5))
    assert "8 (80.0% of a) in 1.8, 12,345 (100.0% of a) in 1.9" in cells(data, "sentence")["a", "a"]
    same = FOUND.with_columns(primary="secondary")
    found = confusion_text(frame(Shown.DIFFERENCE, same), Shown.DIFFERENCE)
    assert found == "The matrices are identical."


def test_chosen_cells_stand_out():
    data = frame(Shown.PRIMARY, chosen=[("b", "a")])
    assert data.filter("chosen").select("label", "prediction").rows() == [("b", "a")]
    assert data["chosen"].equals(data["marked"], check_names=False)


def test_beyond_thirty_classes_those_with_most_errors_stay_and_sums_are_kept():
    lines = [(f"c{k}", f"c{k}", 10, 10) for k in range(60)]
    lines += [(f"c{k}", f"c{(k + 1) % 60}", k, k) for k in range(60)]
    found = pl.DataFrame(lines, schema=FOUND.columns, orient="row")
    classes = shown_classes(found)
    assert {"c59", "c58", "c40"} <= set(classes)
    assert "c3" not in classes
    data = frame(Shown.PRIMARY, found)
    assert data["value"].sum() == found["primary"].sum()
    other = other_classes(found, classes)
    assert other == "31 other classes"
    assert data.filter("folded")["label"].is_in([other]).any()
    assert len({*data["label"], *data["prediction"]}) == MOST_CLASSES
    taken = pl.concat(
        [found, pl.DataFrame([(other, "c1", 1, 1)], schema=found.columns, orient="row")]
    )
    assert other_classes(taken, classes) not in {*taken["label"]}


def test_all_matrices_have_the_same_rows_and_columns():
    found = pl.DataFrame([("a", "b", 2, 0), ("b", "c", 0, 3)], schema=FOUND.columns, orient="row")
    for shown in Shown:
        data = frame(shown, found)
        assert set(data["label"]) == set(data["prediction"]) == {"a", "b", "c"}
        assert {cells(data)[name, name] for name in "abc"} == {"0"}
    assert cells(frame(Shown.PRIMARY, found, shares=True))["c", "c"] == "-"
    places = {(a, n) for a, n in data.select("label", "label_place").iter_rows()}
    assert places == {("a", 0), ("b", 1), ("c", 2)}


def test_names_lie_flat_only_where_they_fit():
    assert names_lie_flat(tuple("0123456789"))
    assert not names_lie_flat(("class one", "class two"))
    assert names_lie_flat(())


def test_an_empty_matrix_in_words():
    nobody = FOUND.with_columns(primary=pl.lit(0, dtype=pl.Int64))
    for found in (FOUND.clear(), nobody):
        text = confusion_text(frame(Shown.PRIMARY, found), Shown.PRIMARY)
        assert text == "No instance has a known outcome."
    assert confusion_text(frame(Shown.SECONDARY, nobody), Shown.SECONDARY).startswith("Of 15")
