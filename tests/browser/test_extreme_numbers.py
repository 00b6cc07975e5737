"""Numbers at the ends of what a float holds, drawn and filtered in a browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.showcases import EXTREMES


@pytest.fixture
def extremes(showcase):
    return showcase("extremes")


def test_pages_with_numbers_draw_without_complaint(extremes, open_page, complaints):
    for path in ("", "features", "iteration", "instances"):
        shown = open_page(f"{extremes.url}/{path}")
        expect(shown.get_by_test_id("stSkeleton")).to_have_count(0)
        assert complaints.lines == []
        shown.close()


def test_every_histogram_is_drawn_described_and_filtered(extremes, open_page, complaints):
    page = open_page(f"{extremes.url}/features")
    tip = page.locator(".feature-view .tip")
    for feature in EXTREMES:
        plot = page.locator(f'.feature-view .plot[aria-label^="{feature}, train:"]')
        plot.scroll_into_view_if_needed()
        expect(plot.locator("path.bar").first).to_be_visible()
        plot.press("Home")
        for _ in range(int(plot.get_attribute("aria-valuemax"))):
            told = plot.get_attribute("aria-valuetext")
            assert not re.search(r"NaN|undefined|Infinity", told)
            expect(tip).to_contain_text(told.split(": primary")[0])
            plot.press("ArrowRight")
    plot.press("Home")
    plot.press("Shift+ArrowRight")
    plot.press("Enter")
    expect(page.get_by_role("button", name=re.compile(rf"^{feature}: "))).to_have_count(1)
    expect(plot.locator("rect.chosen")).to_have_count(1)
    assert complaints.lines == []
