"""A walk through the linked views: each count on a page is the library's for the same filters."""

import re
from contextlib import suppress
from urllib.parse import urlsplit

import polars as pl
import pytest
from playwright.sync_api import expect

from chameleon.analysis import selected
from chameleon.selection import Selection
from tests.browser.conftest import WAIT_SECONDS, click_until
from tests.internals import class_changes, sensitivity

CHIPS = "[class*=st-key-chip-]"


def told(page, evaluation) -> Selection:
    """What the address asks for, when the page shows the library's count for it.

    The address follows the page's own view, so that it is read until both agree.
    """
    for _ in range(WAIT_SECONDS):
        query = urlsplit(page.url).query
        chosen = Selection.from_query_string(query, Selection.newest(evaluation))
        found = selected(evaluation, chosen)
        line = f"{found.instances:,} of {found.of:,} instances"
        with suppress(AssertionError):
            expect(page.get_by_text(line, exact=True)).to_be_visible(timeout=1000)
            return chosen
    pytest.fail(f"The page does not show {line} for its address {page.url}.")


def click_to_address(page, click, pattern: str) -> None:
    """Click until the address has what the pattern finds."""
    click_until(click, lambda ms: expect(page).to_have_url(re.compile(pattern), timeout=ms))


def click_cell(page, key: str) -> None:
    """Click a large square of an embedding, none of its grid (11 px), and no legend."""
    expect(page.locator(f"[class*={key}] g.mark-rect path").first).to_be_attached()
    page.mouse.move(5, 5)  # a tooltip would take the click
    chart = page.locator(f"[class*={key}] svg.marks").first.bounding_box()
    lowest = chart["y"] + chart["height"] - 60
    place = page.locator(f"[class*={key}] g.mark-rect path").evaluate_all(
        f"""(marks) => marks.map((mark) => mark.getBoundingClientRect())
             .filter((box) => box.width > 3 && Math.abs(box.width - box.height) < 1)
             .filter((box) => box.width < 10.5 && box.y < {lowest})
             .sort((a, b) => b.width - a.width)
             .map((box) => [box.x + box.width / 2, box.y + box.height / 2])[0]"""
    )
    page.mouse.click(*place)


def test_clicks_in_all_views_filter_one_another_as_the_library_says(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url, height=1900)
    expect(page.locator("[class*=st-key-overview-matrix] svg.marks").first).to_be_visible()

    click_to_address(page, lambda: click_cell(page, "st-key-overview-embedding"), "cell=")
    assert len(told(page, shown.evaluation).filters.regions) == 1

    # the square under the words takes the click
    kept = page.locator("[class*=st-key-overview-matrix]").get_by_text("still correct")
    click_to_address(page, lambda: kept.click(force=True), "change=correct")
    chosen = told(page, shown.evaluation)
    assert chosen.filters.outcome_changes
    assert len(chosen.filters.regions) == 1
    expect(page.locator(CHIPS)).to_have_count(2)

    # across pages, and by a reload
    page.get_by_role("link", name="Prediction changes").click()
    expect(page.get_by_text("How much did predictions change?")).to_be_visible()
    assert told(page, shown.evaluation) == chosen
    page.reload()
    expect(page.get_by_text("How much did predictions change?")).to_be_visible()
    assert told(page, shown.evaluation) == chosen

    # back on the Overview a second click on the cell of the matrix undoes it, a chip the rest
    page.get_by_role("link", name="Overview").click()
    click_until(
        lambda: kept.click(force=True),
        lambda ms: expect(page).not_to_have_url(re.compile("change="), timeout=ms),
    )
    assert told(page, shown.evaluation).filters.regions
    page.locator(CHIPS).first.click()
    expect(page.get_by_text("unfiltered")).to_be_visible()
    expect(page).not_to_have_url(re.compile("cell="))


def test_a_brush_over_the_embedding_selects_what_it_covers(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/embedding", height=1300)
    plot = page.locator("[class*=st-key-embedding-0] svg.marks").first
    expect(plot).to_be_visible()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile("cell="))
    assert len(told(page, shown.evaluation).filters.regions) == 1
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_text("unfiltered")).to_be_visible()


def test_subsets_stand_side_by_side(showcase, open_page):
    shown = showcase("kinds")
    source = shown.evaluation.dataset.sources[0]
    page = open_page(f"{shown.url}/features?source={source}")
    page.get_by_text("Compare subsets").click()
    page.get_by_role("button", name="Filters become the secondary side").click()
    expect(page).to_have_url(re.compile("secondary.source="))
    chosen = told(page, shown.evaluation)
    assert chosen.filters.is_empty
    assert chosen.secondary_only.sources == (source,)
    name = f"Secondary {chosen.secondary}, {source}"
    expect(page.locator(".feature-view .legend").first).to_contain_text(name)


def test_a_link_to_cells_of_another_layout_says_so_and_opens_the_rest(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/?split=test&cell=gone_0.0_1.0_0.0_1.0")
    expect(page.get_by_text("no longer shown")).to_be_visible()
    assert [split.value for split in told(page, shown.evaluation).filters.splits] == ["test"]


def test_a_cell_of_the_large_matrix_and_one_of_the_class_table_filter(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/changes", height=1500)
    matrix = page.locator("[class*=st-key-matrix-0]")
    kept = matrix.get_by_text("still correct")  # the square under the words takes the click
    click_to_address(page, lambda: kept.click(force=True), "change=correct")
    (change,) = told(page, shown.evaluation).filters.outcome_changes
    assert (change.secondary, change.primary) == ("correct", "correct")
    matrix.get_by_text("still correct").click(force=True)
    expect(page).not_to_have_url(re.compile("change="))

    newest = Selection.newest(shown.evaluation)
    pairs = class_changes(shown.evaluation, primary=newest.primary, secondary=newest.secondary)
    page.mouse.move(5, 5)
    square = page.locator("[class*=st-key-classes-0] g.mark-rect path[aria-label]").first
    words = square.get_attribute("aria-label")
    click_to_address(page, lambda: square.click(force=True), "class.change=")
    (pair,) = told(page, shown.evaluation).filters.class_changes
    assert (pair.secondary, pair.primary) in pairs.select("secondary_class", "primary_class").rows()
    assert pair.secondary in words
    assert pair.primary in words


def test_a_bar_of_the_sensitivity_histogram_filters(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/sensitivity", height=1300)
    page.mouse.move(5, 5)
    bars = page.locator("[class*=st-key-sensitivity-0] g.mark-rect path[aria-label]")
    click_to_address(page, lambda: bars.last.click(force=True), "sensitivity=")
    chosen = told(page, shown.evaluation).filters.sensitivity
    first, *_, last = (version.name for version in shown.evaluation.dataset.versions)
    assert (chosen.over.first, chosen.over.last) == (first, last)
    counts = sensitivity(shown.evaluation, first=first, last=last).drop_nulls("changes")
    assert set(chosen.changes) <= set(counts.filter(pl.col("instances") > 0)["changes"])
    page.get_by_role("link", name="Overview").click()
    assert told(page, shown.evaluation).filters.sensitivity == chosen
