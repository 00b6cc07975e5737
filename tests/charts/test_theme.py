"""Colors contrast with their background and keep their meaning."""

import colorsys

import pytest

from chameleon.charts import (
    class_table,
    drift_map,
    error_rates,
    outcome_matrix,
    palette,
    sensitivity_bars,
)
from tests.charts.specs import nodes

BACKGROUNDS = {False: "#ffffff", True: "#14181a"}  # as .streamlit/config.toml sets them
themes = pytest.mark.parametrize("dark", [False, True])


def channels(color):
    return [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@themes
def test_every_fill_stands_out_from_the_background(dark):
    colors = palette(dark=dark)
    for fill in (colors.primary, colors.secondary, colors.neutral, *colors.categories):
        assert contrast(fill, BACKGROUNDS[dark]) >= 3, fill


@themes
def test_text_is_legible_on_the_background_and_on_every_cell(dark):
    colors = palette(dark=dark)
    for ground in (BACKGROUNDS[dark], colors.low, colors.high, *colors.balance):
        assert contrast(colors.text, ground) >= 4.5, ground


@themes
def test_blue_pink_and_red_belong_to_versions_and_outcomes(dark):
    for color in palette(dark=dark).categories:
        hue, _, saturation = colorsys.rgb_to_hls(*channels(color))
        if saturation > 0.2:
            assert 20 / 360 < hue < 190 / 360, color


@themes
def test_labels_and_grids_are_colored_by_the_theme_and_by_no_chart(dark):
    specs = [
        class_table(classes=3, dark=dark),
        drift_map(versions=3, dark=dark),
        error_rates(title="Source", dark=dark),
        outcome_matrix(dark=dark),
        sensitivity_bars(numbered=True, dark=dark),
    ]
    for spec in specs:
        config = spec.pop("config")
        assert config["axis"]["labelColor"] == config["text"]["color"] == palette(dark=dark).text
        assert not {name for node in nodes(spec) for name in node} & {
            "labelColor", "titleColor", "gridColor",
        }  # fmt: skip
