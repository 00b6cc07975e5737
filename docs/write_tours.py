"""Write docs/tours.md from the samples' tour.toml: `python -m docs.write_tours`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from chameleon.project import TourStep, read_tour

DOCS = Path(__file__).parent
PAGE = DOCS / "tours.md"
LOCAL = "http://localhost:8501"
SAMPLES = {
    "digits": "Real handwritten digits with a staged history of twelve versions "
    "([what is staged](../sample_data/digits/README.md)).",
    "sensor": "Generated data modeled on the paper's first case study "
    "([what is assumed](../sample_data/sensor/README.md)): the developers' findings, reproduced.",
    "logs": "Generated data modeled on the paper's second case study "
    "([what is assumed](../sample_data/logs/README.md)): accuracy decays and drops sharply once.",
}
_HEAD = """# Guided tours

Each sample has a guided tour. **Guided tour** in the sidebar starts it, and **Next** and **Back**
move through its steps, which this page also shows. The links open the view in an app that runs on
this machine with the three samples, as it does without arguments. Tests compute every number and
walk through all steps in a browser.

Your own project can have a tour too: a `tour.toml` next to its `chameleon.toml`, written like
[this one](../sample_data/sensor/tour.toml). `link` is the part of the address after the question
mark.
"""


def address(sample: str, number: int, step: TourStep, base: str = LOCAL) -> str:
    """The link that opens a step."""
    query = urlencode((("project", sample), *step.query, ("tour", str(number))))
    return f"{base}/{step.page}?{query}"


def picture(sample: str, number: int) -> Path:
    """The file of a step's picture."""
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
