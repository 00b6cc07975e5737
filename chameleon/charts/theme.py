"""The colours of the charts, in the light and in the dark theme.

Blue, pink and purple belong to the two versions, red to wrong outcomes, so that splits, sources
and kinds of change take other hues. Every fill has at least 3:1 against its background.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme.

    Attributes
    ----------
    primary, secondary
        The two versions.
    neutral, line, text
        Bars of no particular version; rules and grids; words.
    categories
        Hues for splits and sources, far from blue, pink, purple and red.
    low, high
        The ends of a one-hue scale for counts.
    """

    primary: str
    secondary: str
    neutral: str
    line: str
    text: str
    categories: tuple[str, ...]
    low: str
    high: str


LIGHT = Palette(
    primary="#2a78b8",
    secondary="#d0418b",
    neutral="#737d84",
    line="#c5ccc9",
    text="#1f2623",
    categories=("#1b7f6b", "#b36b00", "#5d6a72", "#5f8700", "#8a6d3b", "#00838f", "#a08a00"),
    low="#f1f5f3",
    high="#84c7aa",
)
DARK = Palette(
    primary="#55a5e3",
    secondary="#f48fb1",
    neutral="#98a3ab",
    line="#3a4449",
    text="#e6ebe8",
    categories=("#4fc3a5", "#f0a94b", "#aab4bb", "#a5cc4e", "#c9a66b", "#4dd0e1", "#d9c44f"),
    low="#1b2124",
    high="#2a7054",
)


def palette(*, dark: bool) -> Palette:
    """The palette of the theme."""
    return DARK if dark else LIGHT
