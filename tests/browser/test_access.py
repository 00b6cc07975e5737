"""Every page without eyes and without a mouse, in a narrow window, with names that attack it."""

import re
from itertools import pairwise

from playwright.sync_api import expect

from tests.app import showcases
from tests.browser.conftest import PAGES, go, river, wait_until_run
from tests.browser.test_looks import STICKING_OUT
from tests.browser.test_pages import nothing_was_injected

CONTROLS = (
    "button|link|textbox|checkbox|combobox|radio|radiogroup|slider|switch|spinbutton|tab|"
    "searchbox|option|heading"
)
UNNAMED = re.compile(rf"^ *- '?(?:{CONTROLS})(?: \[[^\]]*\])*'?:?$", re.M)
HEADING = re.compile(r"""^ *- '?heading "(.*)" \[level=(\d)\]""", re.M)
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


def is_accessible(page, name):
    """Return True if the page can be read without seeing it."""
    told = page.locator("body").aria_snapshot()
    assert not UNNAMED.findall(told), name
    headings = HEADING.findall(page.locator(".stMain").aria_snapshot())
    levels = [int(level) for _, level in headings]
    if name == "Overview":
        assert set(levels) == {2}, headings
    else:
        assert headings[0] == (name, "4")
        assert levels.count(4) == 1
        assert page.locator(".st-key-page-title p").inner_text().endswith("?"), name
    assert all(after - before <= 1 for before, after in pairwise(levels)), name
    assert page.evaluate(WITHOUT_ALTERNATIVE) == [], name
    if name != "New project":
        assert 'slider "Primary version"' in told, name
        assert 'radiogroup "Evaluate on"' in told, name
    return True


def test_every_page_is_accessible_fits_a_narrow_window_and_shows_hostile_names_as_text(
    showcase, open_page, complaints
):
    page = open_page(showcase("hostile").url(), width=900)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    river(page).press("Home")
    for version in showcases.HOSTILE_VERSIONS:
        told = re.compile("^" + re.escape(version) + ",")
        expect(river(page)).to_have_attribute("aria-valuetext", told)
        river(page).press("ArrowRight")
    for name in PAGES:
        go(page, name)
        page.wait_for_function(f"({STICKING_OUT})().length === 0")  # once charts have settled
        scrolls = ["stVegaLiteChart"] if name == "Sensitivity" else []  # beside long ids
        assert page.evaluate(SIDEWAYS) in ([], scrolls), name
        for opener in page.locator(".stMain [data-testid=stExpander] summary").all():
            opener.click()
        assert is_accessible(page, name)
        assert nothing_was_injected(page)
        assert "delete" not in page.get_by_test_id("stIconMaterial").all_inner_texts()
    assert not dialogs
    assert not complaints.lines


def test_the_keyboard_reaches_the_timeline_and_changes_the_primary(showcase, open_page):
    page = open_page(showcase("growing").url("timeline"))
    expect(page.locator(".story .river")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        name, role, is_shown = page.evaluate(FOCUSED)
        if role == "slider":
            break
    assert name == "Primary version"
    assert is_shown
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"primary=1\.1&"))
    wait_until_run(page)
    expect(river(page)).to_be_focused()
    expect(river(page)).to_have_attribute("aria-valuetext", re.compile("^1.1,"))
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[1] == "radio"  # the scope
