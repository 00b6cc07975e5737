"""The version timeline in a browser: pointer, keys, names, few and hundreds of versions."""

import re

import pytest
from playwright.sync_api import expect

from tests import internals as chameleon


def radio(page, side, version):
    return page.get_by_role("radio", name=re.compile(f"^{side} version {re.escape(version)},"))


def box(page, version):
    return page.locator(".timeline .strip .spot").filter(
        has_text=re.compile(f"^{re.escape(version)}$")
    )


def looks_at(page, primary, secondary):
    """Whether timeline, dataset info and address all name these versions."""
    expect(radio(page, "Primary", primary)).to_have_attribute("aria-checked", "true")
    expect(radio(page, "Secondary", secondary)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".timeline [aria-checked=true]")).to_have_count(2)
    expect(page).to_have_url(re.compile(rf"\?primary={primary}&secondary={secondary}$"))
    heads = page.get_by_role("table", name="Dataset info").locator("thead th")
    expect(heads.nth(1)).to_have_text(f"primary {primary}")
    expect(heads.nth(2)).to_have_text(f"secondary {secondary}")
    return True


@pytest.fixture
def page(showcase, open_page):
    return open_page(showcase("growing").url)


def test_the_newest_versions_are_chosen_at_first(page):
    assert looks_at(page, "1.2", "1.1")


def test_boxes_and_arrowheads_choose_versions(page):
    box(page, "1.0").click()
    assert looks_at(page, "1.0", "1.1")
    box(page, "1.2").click(modifiers=["Shift"])
    assert looks_at(page, "1.0", "1.2")
    radio(page, "Primary", "1.1").click()
    assert looks_at(page, "1.1", "1.2")
    radio(page, "Secondary", "1.1").click()
    assert looks_at(page, "1.1", "1.1")
    assert page.evaluate("getSelection().toString()") == ""


def test_keys_choose_versions(page):
    radio(page, "Primary", "1.2").focus()
    page.keyboard.press("ArrowLeft")
    assert looks_at(page, "1.1", "1.1")
    expect(radio(page, "Primary", "1.1")).to_be_focused()
    page.keyboard.press("Home")
    assert looks_at(page, "1.0", "1.1")
    page.keyboard.press("ArrowLeft")  # there is nothing before the first
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert looks_at(page, "1.2", "1.1")
    page.keyboard.press("Tab")
    expect(radio(page, "Secondary", "1.1")).to_be_focused()
    page.keyboard.press("End")
    assert looks_at(page, "1.2", "1.2")
    page.keyboard.press("ArrowUp")
    assert looks_at(page, "1.2", "1.1")
    expect(radio(page, "Secondary", "1.1")).to_be_focused()


def test_each_side_is_one_stop_of_the_tab_key(page):
    expect(page.locator(".timeline [tabindex='0']")).to_have_count(2)
    for side in ("Primary", "Secondary"):
        group = page.get_by_role("radiogroup", name=f"{side} version")
        expect(group.get_by_role("radio")).to_have_count(3)
        expect(group.locator("[tabindex='0']")).to_have_count(1)


def test_names_and_tooltips_say_what_the_library_says(showcase, page):
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


def test_escape_hides_the_tooltip_of_the_keys(page):
    radio(page, "Primary", "1.2").focus()
    page.keyboard.press("ArrowLeft")
    tip = page.locator(".timeline .tip")
    expect(tip).to_contain_text("1.1")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()


IN_SIGHT = """node => {
  const strip = node.closest('.scroll').getBoundingClientRect(), own = node.getBoundingClientRect();
  return own.left >= strip.left - 1 && own.right <= strip.right + 1;
}"""


@pytest.mark.parametrize("width", [1440, 900])
def test_hundreds_of_versions_scroll_in_the_strip_alone(showcase, open_page, width):
    page = open_page(showcase("two_hundred_versions").url, width=width)
    assert looks_at(page, "1.199", "1.198")
    expect(page.get_by_role("radio")).to_have_count(400)
    assert box(page, "1.199").evaluate(IN_SIGHT)
    assert not box(page, "1.0").evaluate(IN_SIGHT)
    radio(page, "Primary", "1.199").focus()
    page.keyboard.press("Home")
    assert looks_at(page, "1.0", "1.198")
    assert box(page, "1.0").evaluate(IN_SIGHT)
    page.keyboard.press("End")
    assert looks_at(page, "1.199", "1.198")
    assert box(page, "1.199").evaluate(IN_SIGHT)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_a_key_held_down_sends_one_choice_when_it_rests(showcase, open_page):
    page = open_page(showcase("two_hundred_versions").url)
    radio(page, "Primary", "1.199").focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert looks_at(page, "1.169", "1.198")
    expect(radio(page, "Primary", "1.169")).to_be_focused()
