"""The aggregated embedding: specification, squares whose area counts, and what a brush covers."""

import math
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.charts import (
    Coloring,
    EmbeddingChart,
    brushed_cells,
    cell_groups_shown,
    embedding_chart,
    embedding_frame,
    embedding_text,
    palette,
)
from chameleon.charts.embedding import OTHER
from chameleon.charts.theme import ink
from tests.charts.specs import encodings, fields, is_sound, nodes
from tests.charts.test_theme import BACKGROUNDS, contrast

HOSTILE = "a \"b\" 'c' <b>d</b> \\ {x}" + "e" * 300
GROUPS = ("cat", HOSTILE)
PLAIN = EmbeddingChart(size_px=300, dark=False)
OUTLINED = EmbeddingChart(size_px=300, dark=False, outline=True)


def cells(*rows, **columns):
    """cell, correct, incorrect, unknown, secondary_instances."""
    frame = pl.DataFrame(
        rows,
        schema={
            "cell": pl.String, "correct": pl.Int64, "incorrect": pl.Int64, "unknown": pl.Int64,
            "secondary_instances": pl.Int64,
        },
        orient="row",
    )  # fmt: skip
    total = pl.col("correct") + pl.col("incorrect")
    return frame.with_columns(
        instances=total,
        accuracy=pl.when(total > 0).then(pl.col("correct") / total),
        ratio=(pl.col("correct") + 0.5) / (pl.col("incorrect") + 0.5),
        **columns,
    )


def four(coloring=Coloring.RATIO):
    given = cells(
        ("0,0", 3, 1, 0, 4), ("1,0", 1, 0, 0, 0), ("9,9", 0, 0, 2, 1), ("5,4", 0, 0, 0, 9)
    )
    values = {
        Coloring.GROUP: [HOSTILE, "cat", None, "unheard"],
        Coloring.DATE: [datetime(2019, 1, 2), None, datetime(2020, 1, 1), None],
        Coloring.CHANGE: [0.25, None, -0.9, None],
        Coloring.RATIO: [None] * 4,
    }[coloring]
    column = "accuracy_change" if coloring is Coloring.CHANGE else "group"
    return given.with_columns(pl.Series(column, values))


def drawn(frame):
    return {row["cell"]: row for row in frame.filter(part="cell").iter_rows(named=True)}


@pytest.mark.parametrize("coloring", list(Coloring))
@pytest.mark.parametrize("dark", [False, True])
def test_the_specification_uses_the_columns_of_its_frame(coloring, dark):
    options = EmbeddingChart(300, dark, coloring, outline=not dark, groups=GROUPS)
    spec = embedding_chart(options)
    assert is_sound(spec)
    frame = embedding_frame(four(coloring), options, cells=10)
    assert fields(spec) <= set(frame.columns)
    assert embedding_frame(four(coloring).head(0), options, cells=10).schema == frame.schema
    squares = frame.filter(part="cell")
    for name in ("x0", "x1", "y0", "y1", "left", "right", "bottom", "top", "edge"):
        assert squares[name].is_finite().all()
    assert squares.filter("known")["heat"].is_not_null().all()
    assert spec["height"] == 300
    edge = {"expr": "min(width, 300)"}  # squares stay squares in a narrower place
    for channel, reach in (("x", [0, edge]), ("y", [edge, 0])):
        scales = [e["scale"] for e in encodings(spec, channel)]
        assert all(scale["domain"] == [0, 1] and scale["range"] == reach for scale in scales)
    selections = {n["name"]: n["select"] for n in nodes(spec) if "select" in n}
    assert selections["pick"] == {"type": "point", "fields": ["cell"], "toggle": "true"}
    assert selections["brush"]["type"] == "interval"


def test_areas_are_as_the_instances_and_the_largest_fills_its_cell():
    squares = drawn(embedding_frame(four(), PLAIN, cells=10))
    assert squares["0,0"]["edge"] == pytest.approx(1 / 10)
    for name, held in (("1,0", 1), ("9,9", 2), ("5,4", 0)):
        area = (squares[name]["x1"] - squares[name]["x0"]) ** 2
        assert area == pytest.approx(held / 4 / 100)
    assert squares["1,0"]["middle"] == pytest.approx(0.15)
    assert squares["1,0"]["center"] == pytest.approx(0.05)
    squares = drawn(embedding_frame(four(), OUTLINED, cells=10))  # share the scale
    assert squares["5,4"]["s1"] - squares["5,4"]["s0"] == pytest.approx(1 / 10)  # 9, the largest
    assert squares["0,0"]["edge"] == pytest.approx(2 / 3 / 10)
    assert squares["0,0"]["s0"] == pytest.approx(squares["0,0"]["x0"])  # 4 and 4


@pytest.mark.parametrize(
    ("correct", "incorrect", "heat"),
    [(10, 10, 0.0), (1000, 0, 1.0), (0, 1000, -1.0), (9, 2, math.log10(9.5 / 2.5))],
)
def test_hues_follow_the_logarithm_of_the_ratio_between_its_ends(correct, incorrect, heat):
    frame = embedding_frame(cells(("0,0", correct, incorrect, 0, 0)), PLAIN, cells=10)
    assert drawn(frame)["0,0"]["heat"] == pytest.approx(heat)


def test_a_cell_of_unknown_outcomes_has_no_hue_but_a_question_mark():
    square = drawn(embedding_frame(four(), PLAIN, cells=10))["9,9"]
    assert not square["known"]
    assert square["key"] == "?"
    assert square["accuracy_words"] == "-"


def test_groups_have_numbers_and_rare_ones_are_other():
    counted = pl.DataFrame(
        {"group": [f"g{k}" for k in range(9)] + [None], "instances": [*range(9, 0, -1), 50]}
    )
    assert cell_groups_shown(counted) == ("g0", "g1", "g2", "g3", "g4", "g5", OTHER)
    assert cell_groups_shown(counted.head(3)) == ("g0", "g1", "g2")
    options = EmbeddingChart(300, False, Coloring.GROUP, groups=(*GROUPS, OTHER))
    squares = drawn(embedding_frame(four(Coloring.GROUP), options, cells=10))
    assert [squares[c]["key"] for c in ("0,0", "1,0", "9,9", "5,4")] == ["2", "1", "?", "3"]
    (color,) = [
        node["scale"]["domain"]
        for node in nodes(embedding_chart(options))
        if node.get("field") == "shown"
    ]
    assert color == ["1 cat", f"2 {HOSTILE}", "3 other"]


def test_dates_and_changes_of_accuracy_have_a_place_on_their_scale():
    def shown(coloring):
        options = EmbeddingChart(300, False, coloring)
        squares = drawn(embedding_frame(four(coloring), options, cells=10))
        return [(squares[c]["heat"], squares[c]["more"]) for c in ("0,0", "1,0", "9,9")]

    assert shown(Coloring.DATE)[0] == (1546387200000.0, "2019-01-02")  # at midnight UTC
    # changes beyond the ends of the scale look like these
    assert shown(Coloring.CHANGE) == [(0.5, "+0.250"), (0.0, "-"), (-1.0, "-0.900")]


def test_only_a_chosen_cell_stands_out():
    squares = drawn(embedding_frame(four(), PLAIN, cells=10))
    assert all(row["chosen"] and not row["marked"] for row in squares.values())
    squares = drawn(embedding_frame(four(), PLAIN, cells=10, chosen={"1,0"}))
    for column in ("chosen", "marked"):
        assert [name for name, row in squares.items() if row[column]] == ["1,0"]


def test_the_legend_shows_the_count_of_a_full_cell():
    frame = embedding_frame(cells(("0,0", 600, 200, 0, 0)), PLAIN, cells=10)
    legend = frame.filter(pl.col("part") != "cell")
    assert legend["words"].to_list() == ["800", "200 instances", "mostly incorrect"]
    edges = (legend["x1"] - legend["x0"]).to_list()
    assert edges == pytest.approx([0.1, 0.05, 0.1])


@pytest.mark.parametrize(
    ("brush", "covered"),
    [
        (None, None),
        ({}, None),
        ({"left": [0.14, 0.36], "bottom": [0.26, 0.16]}, ("1,2", "3,2")),
        ({"left": [0.31, 0.32], "bottom": [0.91, 0.92]}, ("3,9", "3,9")),
    ],
)
def test_a_brush_covers_the_cells_whose_center_it_contains(brush, covered):
    assert brushed_cells(brush, cells=10) == covered


@given(
    st.integers(1, 60),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_covered_cells_agree_with_a_loop_over_centers(count, across, up):
    corners = brushed_cells({"left": across, "bottom": up}, cells=count)
    found = [[int(part) for part in corner.split(",")] for corner in corners]
    for axis, ends in enumerate((across, up)):
        low, high = found[0][axis], found[1][axis]
        assert 0 <= low <= high < count
        held = [k for k in range(count) if min(ends) * count <= k + 0.5 <= max(ends) * count]
        if held:
            assert (low, high) == (held[0], held[-1])
        else:
            assert low == high


def test_the_embedding_in_words():
    assert embedding_text(embedding_frame(four(), PLAIN, cells=10)) == (
        "5 instances in 3 cells: 4 correct, 1 incorrect, accuracy 0.800, 2 unknown. "
        "Most incorrect ones in one cell: 1 of 4 in cell 0,0."
    )
    nothing = embedding_frame(four().head(0), PLAIN, cells=10)
    assert embedding_text(nothing) == "No instances of the primary version."


@pytest.mark.parametrize("dark", [False, True])
def test_the_ends_of_the_outcome_scale_stand_out_and_its_middle_is_pale(dark):
    colors = palette(dark=dark)
    for hue in (colors.correct, colors.incorrect):
        assert contrast(hue, BACKGROUNDS[dark]) >= 3
    assert contrast(colors.outcomes[2], "#ffffff") < 1.2


@pytest.mark.parametrize("dark", [False, True])
def test_letters_can_be_read_on_every_hue(dark):
    colors = palette(dark=dark)
    for fill in (*colors.categories, colors.neutral):
        assert contrast(ink(fill), fill) >= 4.5, fill
