"""The guided tours as a visitor walks them: what a step tells is what its page shows."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pytest

from chameleon.app import sidebar
from chameleon.project import read_tour
from chameleon.selection import Selection
from tests import internals as chameleon
from tests.app.tour_figures import SAMPLES, count_line, figures_of, selection_of
from tests.browser.conftest import ROOT, App, wait_until_run

try:
    from playwright.sync_api import TimeoutError as Late
    from playwright.sync_api import expect
except ImportError:  # without playwright the browser of conftest skips these tests
    pass

LABELS = {"": sidebar.PAGES[0][1]} | {
    PurePosixPath(path).stem: label for path, label, _ in sidebar.PAGES[1:]
}
STEP_SECONDS = 60
# All that a page says outside the tour's box: texts, and names for those who do not see it.
# What is not among the asked texts comes back.
MISSING = """(asked) => {
  const said = [];
  const walk = (root) => {
    for (const node of root.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      if (node.matches(".st-key-tour, style, script")) continue;
      if (node.ariaLabel) said.push(node.ariaLabel);
      if (node.shadowRoot) walk(node.shadowRoot);
      walk(node);
    }
  };
  walk(document.querySelector("[data-testid=stMain]"));
  const text = said.join(" ").replace(/\\s+/g, " ");
  return asked.filter((one) => !text.includes(one));
}"""


@dataclass(frozen=True)
class Tours:
    """A server on copies of all samples, and what the library says of each."""

    app: App
    evaluations: dict[str, chameleon.Evaluation]


@pytest.fixture(scope="module")
def tours(start_app, tmp_path_factory) -> Tours:
    folder = tmp_path_factory.mktemp("samples")
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    copies = [
        Path(shutil.copytree(ROOT / "sample_data" / name, folder / name, ignore=ignored))
        for name in SAMPLES
    ]
    evaluations = {copy.name: chameleon.evaluate(chameleon.open_project(copy)) for copy in copies}
    return Tours(start_app(*copies), evaluations)


@dataclass(frozen=True)
class Walk:
    """One visitor on one tour."""

    page: object
    sample: str
    evaluation: chameleon.Evaluation

    @property
    def steps(self):
        return read_tour(ROOT / "sample_data" / self.sample)

    def press(self, key: str) -> None:
        wait_until_run(self.page)
        self.page.locator(f".st-key-{key} button").click()

    def is_at(self, number: int) -> None:
        """Wait until the step is there with its page, its view, and the figures it tells of."""
        page, step = self.page, self.steps[number - 1]
        box = page.locator(".st-key-tour")
        at = f"step {number} of {len(self.steps)}"
        expect(box).to_contain_text(at, timeout=STEP_SECONDS * 1000)
        expect(box).to_contain_text(step.title)
        expect(box).to_contain_text(step.text)
        if step.page:  # the Overview starts with its line, and has no title
            expect(page.get_by_role("heading", level=4)).to_contain_text(LABELS[step.page])
        wanted = selection_of(self.evaluation, step)
        shown = figures_of(self.sample, number, self.evaluation, step).shown
        asked = [count_line(self.evaluation, wanted), *shown]
        try:
            page.wait_for_function(
                f"(asked) => ({MISSING})(asked).length === 0",
                arg=asked,
                polling=250,
                timeout=STEP_SECONDS * 1000,
            )
        except Late:
            pytest.fail(f"{self.sample}, {at}: the page lacks {page.evaluate(MISSING, asked)}.")
        wait_until_run(page)
        expect(page).to_have_url(re.compile(rf"/{step.page}\?.*\btour={number}$"))
        found = Selection.from_query_string(
            urlsplit(page.url).query, Selection.newest(self.evaluation)
        )
        assert found == wanted


@pytest.mark.timeout(600)
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_step_shows_outside_its_box_what_it_tells(tours, open_page, complaints, sample):
    page = open_page(f"{tours.app.url}/?project={sample}", height=1300)
    walk = Walk(page, sample, tours.evaluations[sample])
    last = len(walk.steps)
    walk.press("tour-offer")
    walk.is_at(1)
    expect(page.locator(".st-key-tour-back")).to_have_count(0)
    for number in range(2, last + 1):
        walk.press("tour-next")
        walk.is_at(number)
    expect(page.locator(".st-key-tour-next")).to_have_count(0)
    walk.press("tour-back")
    walk.is_at(last - 1)
    page.reload()
    walk.is_at(last - 1)
    walk.press("tour-end")
    expect(page.locator(".st-key-tour")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("tour="))
    expect(page.locator(".st-key-tour-offer")).to_be_visible()
    assert not complaints.lines
