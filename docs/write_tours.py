"""Write docs/tours.md from the samples' tour.toml: `python -m docs.write_tours`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from chameleon.project import TourStep, read_tour

DOCS = Path(__file__).parent
PAGE = DOCS / "tours.md"
LOCAL = "http://localhost:8501"
SAMPLES = {
    "digits": "Real handwritten digits, whose twelve versions tell a staged story "
    "([what is staged](../sample_data/digits/README.md)).",
    "sensor": "Generated after the paper's first case study "
    "([what is assumed](../sample_data/sensor/README.md)): what its developers found, found again.",
    "logs": "Generated after the paper's second case study "
    "([what is assumed](../sample_data/logs/README.md)): accuracy that decays, and one sharp drop.",
}
_HEAD = """# Guided tours

Each sample has a tour of a few steps: "Guided tour" in the app's sidebar begins it, Next and Back
lead through it. The same steps stand here. Their links open the view in an app that runs on this
machine with the three samples, as it does without arguments; the tests compute every figure and
walk all steps in a browser.

A project of your own can have a tour too: a `tour.toml` beside its `chameleon.toml`, written like
[this one](../sample_data/sensor/tour.toml). `link` is what stands behind the question mark in the
address bar.
"""


def address(sample: str, number: int, step: TourStep, base: str = LOCAL) -> str:
    """The link that opens a step."""
    query = urlencode((("project", sample), *step.query, ("tour", str(number))))
    return f"{base}/{step.page}?{query}"


def picture(sample: str, number: int) -> Path:
    """Where a step's picture stands."""
    return DOCS / "pictures" / "tours" / f"{sample}-{number}.png"


def tours_page() -> str:
    """All tours as Markdown."""
    parts = [_HEAD]
    for sample, about in SAMPLES.items():
        parts.append(f"## {sample}\n\n{about}\n")
        for number, step in enumerate(read_tour(DOCS.parent / "sample_data" / sample), start=1):
            shown = picture(sample, number).relative_to(DOCS).as_posix()
            parts.append(
                f"**{number}. [{step.title}]({address(sample, number, step)})** {step.text}\n\n"
                f"![{step.title}]({shown})\n"
            )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(tours_page(), encoding="utf-8")
