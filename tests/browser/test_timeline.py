"""The version timeline in a browser: pointer, keys, names, few and many versions."""

import re

from playwright.sync_api import expect

from tests import internals as chameleon
from tests.browser.test_looks import STICKING_OUT


def radio(page, side, version):
    return page.get_by_role("radio", name=re.compile(f"^{side} version {re.escape(version)},"))


def box(page, version):
    return page.locator(".timeline .strip .spot").filter(
        has_text=re.compile(f"^{re.escape(version)}$")
    )


def looks_at(page, primary, secondary):
    """Return True if timeline and address name these versions."""
    expect(radio(page, "Primary", primary)).to_have_attribute("aria-checked", "true")
    expect(radio(page, "Secondary", secondary)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".timeline [aria-checked=true]")).to_have_count(2)
    expect(page).to_have_url(re.compile(rf"&primary={primary}&secondary={secondary}$"))
    return True


def test_boxes_arrowheads_and_keys_choose_versions(showcase, open_page):
    page = open_page(showcase("growing").url())
    assert looks_at(page, "1.2", "1.1")  # the newest at first
    for side in ("Primary", "Secondary"):  # each is one stop of the Tab key
        group = page.get_by_role("radiogroup", name=f"{side} version")
        expect(group.get_by_role("radio")).to_have_count(3)
        expect(group.locator("[tabindex='0']")).to_have_count(1)
    box(page, "1.0").click()
    assert looks_at(page, "1.0", "1.1")
    box(page, "1.2").click(modifiers=["Shift"])
    assert looks_at(page, "1.0", "1.2")
    radio(page, "Secondary", "1.0").click()
    assert looks_at(page, "1.0", "1.0")
    assert page.evaluate("getSelection().toString()") == ""
    radio(page, "Primary", "1.0").focus()
    page.keyboard.press("ArrowLeft")  # there is nothing before the first
    page.keyboard.press("ArrowRight")
    assert looks_at(page, "1.1", "1.0")
    expect(radio(page, "Primary", "1.1")).to_be_focused()
    tip = page.locator(".timeline .tip")
    expect(tip).to_contain_text("1.1")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.keyboard.press("Tab")
    expect(radio(page, "Secondary", "1.0")).to_be_focused()
    page.keyboard.press("End")
    assert looks_at(page, "1.1", "1.2")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    assert looks_at(page, "1.1", "1.0")
    expect(radio(page, "Secondary", "1.0")).to_be_focused()


def test_names_and_tooltips_say_what_the_library_says(showcase, open_page):
    page = open_page(showcase("growing").url("timeline"))
    metrics = chameleon.version_metrics(showcase("growing").evaluation)
    for row in metrics.iter_rows(named=True):
        words = (
            f"{row['instances']:,} instances, train accuracy {row['train_accuracy']:.3f}, "
            f"test accuracy {row['test_accuracy']:.3f}"
        )
        for side in ("Primary", "Secondary"):
            name = f"{side} version {row['version']}, no date, {words}"
            expect(page.get_by_role("radio", name=name, exact=True)).to_have_count(1)
        box(page, row["version"]).hover()
        tip = page.locator(".timeline .tip")
        expect(tip).to_be_visible()
        facts = tip.locator("dd").all_inner_texts()
        assert facts == [
            "-", f"{row['instances']:,}", f"{row['train_accuracy']:.3f}",
            f"{row['test_accuracy']:.3f}", "-",
        ]  # fmt: skip
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


IN_SIGHT = """node => {
  const strip = node.closest('.scroll').getBoundingClientRect(), own = node.getBoundingClientRect();
  return own.left >= strip.left - 1 && own.right <= strip.right + 1;
}"""


def test_many_versions_scroll_in_the_strip_and_a_key_held_down_sends_one_choice(
    showcase, open_page
):
    page = open_page(showcase("many_versions").url("timeline"), width=900)
    expect(page.get_by_role("radio", name=re.compile("version 1"))).to_have_count(60)
    assert box(page, "1.29").evaluate(IN_SIGHT)
    assert not box(page, "1.0").evaluate(IN_SIGHT)
    radio(page, "Primary", "1.29").focus()
    for _ in range(29):
        page.keyboard.press("ArrowLeft")
    assert looks_at(page, "1.0", "1.28")
    expect(radio(page, "Primary", "1.0")).to_be_focused()
    assert box(page, "1.0").evaluate(IN_SIGHT)
    page.keyboard.press("End")
    assert looks_at(page, "1.29", "1.28")
    assert box(page, "1.29").evaluate(IN_SIGHT)
    page.wait_for_function(f"({STICKING_OUT})().length === 0")  # once charts have settled
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 900
