"""The Data iteration page in Chromium: its numbers, and clicks on them."""

import re

from playwright.sync_api import expect

from chameleon.charts.groups import HAPPENED
from tests import internals as chameleon
from tests.browser.test_linking import told

SIDES = {"primary": "b", "secondary": "a"}


def test_numbers_are_the_librarys_and_a_click_on_one_filters(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/iteration", height=1600)
    counts = chameleon.data_changes(shown.evaluation, **SIDES)
    chart = page.locator("[class*=st-key-iteration-counts]")
    for happened, count, of in counts.iter_rows():
        word = HAPPENED[happened]
        label = f'g.mark-rect path[aria-label*="{count:,} of {of:,}: {word}"]'
        expect(chart.locator(label).first).to_be_attached()
    for line in chameleon.iteration_kinds(shown.evaluation, **SIDES)["sentence"]:
        expect(page.get_by_text(line)).to_be_visible()
    page.mouse.move(5, 5)  # a tooltip would take the click
    chart.locator('g.mark-rect path[aria-label*=": edited"]').first.click(force=True)
    expect(page).to_have_url(re.compile("data-change=edited"))
    assert len(told(page, shown.evaluation).filters.data_changes) == 1
    page.get_by_role("link", name="Features").click()
    expect(page.locator(".feature-view").first).to_be_visible()
    assert len(told(page, shown.evaluation).filters.data_changes) == 1


def test_a_narrow_page_cuts_nothing_off(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/iteration", width=900, height=1600)
    button = page.get_by_role("button", name="Filter to its edited instances")
    expect(button).to_be_visible()
    label = button.get_by_text("Filter to its edited instances")
    cut = label.evaluate("(text) => text.scrollWidth > text.clientWidth + 1")
    assert not cut
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    button.click()
    expect(page).to_have_url(re.compile("data-change=edited"))
    expect(page.get_by_role("button", name="Remove filter", exact=True)).to_be_visible()


def test_the_classifier_is_asked_on_request_and_filters_to_nothing_say_so(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/iteration", height=1600)
    page.get_by_role("button", name="Run domain classifier").click()
    expect(page.get_by_text("out-of-fold AUC")).to_be_visible(timeout=90_000)
    nothing = open_page(f"{shown.url}/iteration?outcome=unknown")
    expect(nothing.get_by_text("No instances match these filters").first).to_be_visible()
