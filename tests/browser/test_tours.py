"""A guided tour as a visitor walks it: what a step tells is what its page shows."""

import re
import shutil
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from chameleon.app import sidebar
from chameleon.project import read_tour
from chameleon.selection import Selection
from tests.app.tour_figures import count_line, figures_of, selection_of
from tests.browser.conftest import ROOT, wait_until_run
from tests.library import evaluated

try:
    from playwright.sync_api import TimeoutError as Late
    from playwright.sync_api import expect
except ImportError:  # without playwright the browser of conftest skips these tests
    pass

SAMPLE = "digits"
LABELS = {"": sidebar.PAGES[0][1]} | {
    PurePosixPath(path).stem: title for path, title in sidebar.PAGES[1:]
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


def is_at(page, evaluation, number):
    """Wait until the step is there with its page, its view, and the figures it tells of."""
    steps = read_tour(ROOT / "sample_data" / SAMPLE)
    step, box, at = steps[number - 1], page.locator(".st-key-tour"), f"step {number} of "
    expect(box).to_contain_text(f"{at}{len(steps)}", timeout=STEP_SECONDS * 1000)
    expect(box).to_contain_text(step.title)
    expect(box).to_contain_text(step.text)
    if step.page:  # the Overview starts with its line, and has no title
        expect(page.get_by_role("heading", level=4)).to_contain_text(LABELS[step.page])
    wanted = selection_of(evaluation, step)
    shown = figures_of(SAMPLE, number, evaluation, step).shown
    asked = [count_line(evaluation, wanted), *shown]
    try:
        page.wait_for_function(
            f"(asked) => ({MISSING})(asked).length === 0",
            arg=asked,
            polling=250,
            timeout=STEP_SECONDS * 1000,
        )
    except Late:
        pytest.fail(f"At {at}the page lacks {page.evaluate(MISSING, asked)}.")
    wait_until_run(page)
    expect(page).to_have_url(re.compile(rf"/{step.page}\?.*\btour={number}$"))
    newest = Selection.newest(evaluation)
    assert Selection.from_query_string(urlsplit(page.url).query, newest) == wanted
    return number < len(steps)


@pytest.mark.timeout(600)
def test_every_step_shows_outside_its_box_what_it_tells(start_app, open_page, complaints, tmp_path):
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    copy = shutil.copytree(ROOT / "sample_data" / SAMPLE, tmp_path / SAMPLE, ignore=ignored)
    evaluation = evaluated(copy)
    page = open_page(start_app(copy).url, height=1300)

    def press(key):
        wait_until_run(page)
        page.locator(f".st-key-{key} button").click()

    press("tour-offer")
    number = 1
    while is_at(page, evaluation, number):
        expect(page.locator(".st-key-tour-back")).to_have_count(int(number > 1))
        press("tour-next")
        number += 1
    expect(page.locator(".st-key-tour-next")).to_have_count(0)
    press("tour-back")
    assert is_at(page, evaluation, number - 1)
    page.reload()
    assert is_at(page, evaluation, number - 1)
    press("tour-end")
    expect(page.locator(".st-key-tour")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("tour="))
    expect(page.locator(".st-key-tour-offer")).to_be_visible()
    assert not complaints.lines
