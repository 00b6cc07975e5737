"""The confusion matrices and the error rates as charts: what is drawn, written and said."""

import polars as pl
import pytest

from chameleon.charts import Shown, error_frame, error_rates, error_text
from chameleon.charts import confusion as charts
from tests.charts.specs import encodings, fields, is_sound, pairwise

NAMES = {Shown.SECONDARY: "1.8", Shown.PRIMARY: "1.9"}
FOUND = pl.DataFrame(
    [("a", "a", 8, 12_345), ("a", "b", 2, 0), ("b", "a", 0, 3), ("b", "b", 5, 5)],
    schema=["label", "prediction", "secondary", "primary"],
    orient="row",
)


def frame(shown, found=FOUND, **options):
    classes = options.pop("classes", charts.shown_classes(found))
    return charts.confusion_frame(found, shown, classes=classes, names=NAMES, **options)


def cells(data, column="written"):
    return {(a, b): value for a, b, value in data.select("label", "prediction", column).rows()}


@pytest.mark.parametrize(
    ("classes", "difference", "dark"), pairwise([1, 2, 10, 30], [False, True], [False, True])
)
def test_the_specification_is_sound_and_asks_for_columns_of_its_frame(dark, difference, classes):
    spec = charts.confusion_matrix(
        classes=classes, flat=classes == 2, difference=difference, dark=dark
    )
    assert is_sound(spec)
    assert fields(spec) <= set(frame(Shown.DIFFERENCE).columns)
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
    assert charts.confusion_text(data, Shown.SECONDARY) == (
        "Of 15 instances 2 are mistaken (13.3%). Most often: a taken for b: 2 (20.0 % of a) in 1.8."
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
    assert (
        "8 (80.0 % of a) in 1.8, 12,345 (100.0 % of a) in 1.9" in cells(data, "sentence")["a", "a"]
    )
    same = FOUND.with_columns(primary="secondary")
    told = charts.confusion_text(frame(Shown.DIFFERENCE, same), Shown.DIFFERENCE)
    assert told == "Both matrices are the same."


def test_chosen_cells_stand_out_and_nothing_is_dim_where_nothing_is_chosen():
    assert frame(Shown.PRIMARY)["chosen"].all()
    data = frame(Shown.PRIMARY, chosen=[("b", "a")])
    assert data.filter("chosen").select("label", "prediction").rows() == [("b", "a")]
    assert data["chosen"].equals(data["marked"], check_names=False)


def test_beyond_thirty_classes_those_with_most_mistakes_stay_and_the_sums_hold():
    lines = [(f"c{k}", f"c{k}", 10, 10) for k in range(60)]
    lines += [(f"c{k}", f"c{(k + 1) % 60}", k, k) for k in range(60)]
    found = pl.DataFrame(lines, schema=FOUND.columns, orient="row")
    classes = charts.shown_classes(found)
    assert len(classes) == charts.MOST_CLASSES - 1
    assert {"c59", "c58", "c40"} <= set(classes)
    assert "c3" not in classes
    data = frame(Shown.PRIMARY, found)
    assert data["value"].sum() == found["primary"].sum()
    other = charts.other_classes(found, classes)
    assert other == "31 other classes"
    assert data.filter("folded")["label"].is_in([other]).any()
    assert len({*data["label"], *data["prediction"]}) == charts.MOST_CLASSES
    taken = pl.concat(
        [found, pl.DataFrame([(other, "c1", 1, 1)], schema=found.columns, orient="row")]
    )
    assert charts.other_classes(taken, classes) not in {*taken["label"]}


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
    assert charts.names_lie_flat(tuple("0123456789"))
    assert not charts.names_lie_flat(("class one", "class two"))
    assert charts.names_lie_flat(())


def test_an_empty_matrix_is_told():
    assert charts.confusion_text(frame(Shown.PRIMARY, FOUND.clear()), Shown.PRIMARY).startswith(
        "No"
    )
    nobody = FOUND.with_columns(primary=pl.lit(0, dtype=pl.Int64))
    told = charts.confusion_text(frame(Shown.PRIMARY, nobody), Shown.PRIMARY)
    assert told == "No instance has a known outcome."
    assert charts.confusion_text(frame(Shown.SECONDARY, nobody), Shown.SECONDARY).startswith(
        "Of 15"
    )


def side(name, errors, of, low=None, high=None):
    rate = errors / of if of else None
    values = {"errors": errors, "instances": of, "rate": rate, "low": low, "high": high}
    return {f"{name}_{key}": value for key, value in values.items()}


def test_error_rates_have_a_row_a_group_and_side_with_a_known_outcome():
    errors = pl.DataFrame(
        [
            {"group": None, **side("secondary", 0, 0), **side("primary", 3, 4, 0.2, 0.99)},
            {"group": "lab", **side("secondary", 1, 2), **side("primary", 1, 5)},
        ]
    )
    data = error_frame(errors, absent="lab", primary="1.9", secondary="1.8", chosen=("lab",))
    assert data.select("place", "group", "side").rows() == [
        (0, "lab ", "primary"), (1, "lab", "secondary"), (1, "lab", "primary"),
    ]  # fmt: skip
    assert data["chosen"].to_list() == [False, True, True]
    assert error_text(data) == (
        "Most errors: lab  in 1.9: 3 of 4 wrong (75.0%, 95 % interval 20.0% to 99.0%)."
    )
    assert len(error_frame(errors, absent="-", primary="a", secondary="b", most=1)) == 1
    for dark in (False, True):
        spec = error_rates(title="Source", dark=dark)
        assert is_sound(spec)
        assert fields(spec) <= set(data.columns)
    assert error_text(data.clear()).startswith("No outcome")
