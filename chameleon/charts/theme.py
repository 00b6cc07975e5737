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
    outcomes
        A diverging scale of five hues: incorrect (red), even (near white), correct (blue). Only
        its ends stand out from the background by themselves; what lies between needs an edge.
    balance
        A diverging scale for differences of counts: fewer (amber), equal, more (green). Neither
        says which is better.
    """

    primary: str
    secondary: str
    neutral: str
    line: str
    text: str
    categories: tuple[str, ...]
    low: str
    high: str
    outcomes: tuple[str, str, str, str, str]
    balance: tuple[str, str, str]

    @property
    def correct(self) -> str:
        """The blue of right outcomes."""
        return self.outcomes[-1]

    @property
    def incorrect(self) -> str:
        """The red of wrong outcomes."""
        return self.outcomes[0]


LIGHT = Palette(
    primary="#2a78b8",
    secondary="#d0418b",
    neutral="#737d84",
    line="#c5ccc9",
    text="#1f2623",
    categories=("#1b7f6b", "#b36b00", "#5d6a72", "#5f8700", "#8a6d3b", "#00838f", "#a08a00"),
    low="#f1f5f3",
    high="#84c7aa",
    outcomes=("#b2182b", "#ef8a62", "#f7f7f7", "#67a9cf", "#2166ac"),  # ColorBrewer's RdBu
    balance=("#e3b066", "#f7f7f5", "#84c7aa"),
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
    outcomes=("#dc4b52", "#f0988a", "#f4f4f2", "#8fc1ea", "#3f90dc"),
    balance=("#7d5618", "#1b2124", "#2a7054"),
)


def palette(*, dark: bool) -> Palette:
    """The palette of the theme."""
    return DARK if dark else LIGHT


def ink(fill: str) -> str:
    """Black or white, whichever can be read better on this fill ("#rrggbb")."""
    channels = (int(fill[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # WCAG 2.2's contrast: equal to both where (L + 0.05)^2 = 1.05 * 0.05
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"
