"""Kinds of change, drift, and error rates: specifications, and words a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    change_bar_frame,
    change_bars,
    change_bars_text,
    drift_bars,
    drift_frame,
    drift_map,
    drift_map_frame,
    drift_map_text,
    drift_text,
    error_frame,
    error_rates,
    error_text,
)
from chameleon.charts.groups import HAPPENED
from tests.charts.specs import checked


def changes(*counts):
    return pl.DataFrame({"change": list(HAPPENED), "instances": list(counts), "total": 30})


def drift(*lines):
    """Lines of kind, feature, then distances with their chance levels, nulls where left out."""
    names = (
        "js_distance",
        "js_chance_level",
        "wasserstein",
        "wasserstein_chance_level",
        "psi",
        "psi_chance_level",
    )
    schema = {"kind": pl.String, "feature": pl.String} | dict.fromkeys(names, pl.Float64)
    whole = [(*line, *[None] * (len(schema) - len(line))) for line in lines]
    return pl.DataFrame(whole, schema=schema, orient="row")


def over(*lines):
    schema = dict.fromkeys(("kind", "feature", "before", "version"), pl.String)
    return pl.DataFrame(
        lines, schema=schema | {"js_distance": pl.Float64, "reason": pl.String}, orient="row"
    )


MOVED = over(
    ("feature", "x", "1", "2", 0.0, None), ("feature", "x", "2", "3", 0.5, None),
    ("feature", "y", "1", "2", 0.25, None), ("feature", "y", "2", "3", None, "no such column"),
)  # fmt: skip
ROWS = [("feature", "y"), ("feature", "x")]


def test_specifications_use_the_columns_of_their_frames():
    checked(change_bars, change_bar_frame(changes(*range(7))), pick=("change",))
    checked(drift_bars, drift_frame(drift(("feature", "x", 0.1, 0.2))), pick=("place",))
    frame = drift_map_frame(MOVED, ROWS, primary="2", secondary="1")
    for versions in (2, 200):
        checked(drift_map, frame, versions=versions, pick=("row", "column"))


def test_bars_in_words():
    frame = change_bar_frame(changes(1, 2, 3, 4, 5, 6, 1700))
    assert change_bars_text(frame) == (
        "Of 30 instances: 1 added, 2 removed, 3 relabeled, 4 newly labeled, 5 edited, "
        "6 changed split, 1,700 unchanged."
    )
    assert frame["sentence"][3] == "4 of 30: newly labeled"
    nothing = changes(*[0] * 7).with_columns(total=pl.lit(0))
    assert "No instance" in change_bars_text(change_bar_frame(nothing))


def test_drift_beyond_chance_is_marked_and_said():
    found = drift(
        ("feature", "x", 0.5, 0.1), ("label", "label", 0.1, 0.2), ("feature", "label", 0.05, 0.2),
        ("feature", "z", None, None),
    )  # fmt: skip
    frame = drift_frame(found)
    assert frame["name"].to_list() == ["x", "(label)", "label"]
    assert frame["beyond"].to_list() == [True, False, False]
    assert frame["sentence"][0] == ("x: 0.500, chance level 0.100; beyond chance by Jensen-Shannon")
    assert drift_text(frame) == "1 of 3 exceed a chance level; largest: x."
    assert drift_frame(found, most=1)["name"].to_list() == ["x"]
    assert drift_text(drift_frame(found[1:])) == "None of 2 exceeds a chance level."
    assert "No feature has a distance" in drift_text(drift_frame(found[3:]))


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ((0.1, 0.2, 0.9, 0.3, 0.01, 0.02), "beyond chance by Wasserstein"),
        ((0.3, 0.2, 0.9, 0.3, 0.09, 0.02), "by Jensen-Shannon and Wasserstein and PSI"),
        ((0.1, 0.2, None, None, 0.02, 0.02), None),
    ],
)
def test_a_bar_is_coloured_where_any_measure_passes_its_level(figures, words):
    (line,) = drift_frame(drift(("feature", "x", *figures))).iter_rows(named=True)
    assert line["beyond"] is (words is not None)
    assert (words or "chance level 0.200") in line["sentence"]
    assert ("beyond" in line["sentence"]) is (words is not None)


def test_equal_short_names_stay_apart():
    found = drift(("feature", "a1", 0.5, 0.1), ("feature", "a2", 0.4, 0.1))
    names = drift_frame(found, names={"a1": "a…", "a2": "a…"})["name"]
    assert names.to_list() == ["a…", "a… (2)"]


def test_the_map_has_a_cell_a_feature_and_version():
    frame = drift_map_frame(MOVED, ROWS, primary="3", secondary="2")
    cells = {(row, column): d for row, column, d in
             frame.select("row", "column", "distance").iter_rows()}  # fmt: skip
    assert cells == {(1, 0): 0.0, (1, 1): 0.5, (0, 0): 0.25, (0, 1): None}
    assert frame.filter("marked")["version"].to_list() == ["3", "3"]
    assert frame["sentence"][3] == "y, 2 to 3: undefined, no such column"
    assert drift_map_text(frame) == "Largest: x, 2 to 3: 0.500; y, 1 to 2: 0.250."
    still = drift_map_frame(MOVED[:1], ROWS, primary="2", secondary="1")
    assert drift_map_text(still) == "No feature changed in any step."


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
        "Most errors: lab  in 1.9: 3 of 4 incorrect (75.0%, 95% CI 20.0% to 99.0%)."
    )
    assert len(error_frame(errors, absent="-", primary="a", secondary="b", most=1)) == 1
    checked(error_rates, data, title="Source", pick=("place",))
    assert error_text(data.clear()).startswith("The primary")
