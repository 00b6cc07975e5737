"""Every page without eyes and without a mouse: names, headings, alternatives, keys."""

import re
from itertools import pairwise

from playwright.sync_api import expect

from chameleon.app import sidebar

PAGES = tuple(label for _, label, _ in (*sidebar.PAGES, *sidebar.DATA_PAGES))
CONTROLS = (
    "button|link|textbox|checkbox|combobox|radio|radiogroup|slider|switch|spinbutton|tab|"
    "searchbox|option|heading"
)
UNNAMED = re.compile(rf"^ *- '?(?:{CONTROLS})(?: \[[^\]]*\])*'?:?$", re.M)
HEADING = re.compile(r"""^ *- '?heading "(.*)" \[level=(\d)\]""", re.M)
DRAWN = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
  .every(chart => chart.querySelector('svg.marks, canvas'))"""
WITHOUT_ALTERNATIVE = """() => {
  const name = node => (node.getAttribute('aria-label') ?? node.getAttribute('alt') ?? '').trim();
  const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
  const tables = [...document.querySelectorAll('[data-testid=stDataFrame]')];
  const pictures = [...document.querySelectorAll('.stMain img')];
  return [
    ...charts.filter(chart => !name(chart)),
    ...tables.filter(table => !name(table.querySelector('[role=region]') ?? table)),
    ...pictures.filter(picture => !name(picture)),
  ].map(node => node.outerHTML.slice(0, 200));
}"""
SIDEWAYS = """() => [...document.querySelectorAll('.stMain, [data-testid=stVegaLiteChart]')]
  .filter(node => node.scrollWidth > node.clientWidth + 1).map(node => node.dataset.testid)"""
FOCUSED = """() => {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  const style = getComputedStyle(node);
  return [node.getAttribute('aria-label') ?? node.textContent.trim(), node.getAttribute('role'),
          style.boxShadow !== 'none' || style.outlineStyle !== 'none'];
}"""


def walk(page, run_finished):
    """Every page in turn, by its link in the sidebar, once it stands."""
    for name in PAGES:
        links = page.locator("[data-testid=stSidebar]")
        links.get_by_role("link", name=name, exact=True).click()
        title = page.locator(".stMain").get_by_role("heading", level=4)
        expect(title).to_have_count(1)
        expect(title).to_contain_text(name)
        run_finished(page)
        page.wait_for_function(DRAWN)
        yield name


def test_every_page_can_be_told_without_seeing_it_and_fits_a_narrow_window(
    showcase, open_page, run_finished, complaints
):
    page = open_page(showcase("growing").url, width=900)
    for name in walk(page, run_finished):
        if name != "New project":
            expect(page.locator(".timeline .box").first).to_be_visible()
        told = page.locator("body").aria_snapshot()
        assert not UNNAMED.findall(told), name
        headings = HEADING.findall(page.locator(".stMain").aria_snapshot())
        levels = [int(level) for _, level in headings]
        assert levels[0] == 4, name
        assert headings[0][0] == name
        assert levels.count(4) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        question = page.locator(".st-key-page-title p").inner_text()
        assert question.endswith("?"), name
        assert page.evaluate(WITHOUT_ALTERNATIVE) == [], name
        assert page.evaluate(SIDEWAYS) == [], name
        if name != "New project":
            for side in ("Primary", "Secondary"):
                assert f'radiogroup "{side} version"' in told, name
    assert not complaints.lines


def test_the_keyboard_reaches_the_timeline_and_changes_the_primary(
    showcase, open_page, run_finished
):
    page = open_page(f"{showcase('growing').url}/timeline")
    expect(page.locator(".timeline .box").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        name, role, is_shown = page.evaluate(FOCUSED)
        if role == "radio":
            break
    assert name.startswith("Primary version 1.2")
    assert is_shown
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"\?primary=1\.1&"))
    run_finished(page)
    assert page.evaluate(FOCUSED)[0].startswith("Primary version 1.1")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[0].startswith("Secondary version 1.1")
