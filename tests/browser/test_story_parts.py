"""The Story's parts in a browser: pointer, keys, and what exists only while it is in view."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def page(app, open_page):
    opened = open_page(f"{app.url}/?primary=1.5&secondary=1.4")
    expect(opened.get_by_role("option").first).to_be_visible()
    return opened


def chip(page, label):
    return page.get_by_role("button", name=f"Remove filter {label}")


def first_feature(page):
    return page.locator(".frow.first svg").first


def test_arrow_keys_move_over_the_map(page):
    the_map = page.get_by_role("application", name=re.compile("^Map"))
    the_map.focus()
    page.keyboard.press("ArrowRight")
    spoken = page.locator(".story .live")
    expect(spoken).to_have_text(re.compile(r"^\d+ correct, \d+ incorrect$"))
    page.keyboard.press("Enter")
    expect(chip(page, "1 cell of the map")).to_be_visible()
    expect(page).to_have_url(re.compile("cell"))
    page.keyboard.press("Escape")
    expect(chip(page, "1 cell of the map")).to_have_count(0)


def test_a_rectangle_on_the_map_selects_its_cells(page):
    box = page.locator(".map-box").bounding_box()
    x, y = box["x"] + 4, box["y"] + 4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 2, y + box["height"] / 2, steps=3)
    page.mouse.up()
    expect(chip(page, "")).to_have_text(re.compile(r"^\d+ cells of the map"))


def test_keys_read_and_filter_bars(page):
    expect(page.locator(".frow svg[tabindex='0']")).to_have_count(1)
    svg = first_feature(page)
    name = svg.get_attribute("aria-label").split(":")[0]
    svg.focus()
    page.keyboard.press("ArrowRight")
    expect(svg).to_have_attribute("aria-valuenow", "2")
    expect(page.locator(".frow.first .readbar").first).to_be_visible()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(chip(page, name)).to_be_visible()
    page.keyboard.press("Escape")
    expect(chip(page, name)).to_have_count(0)
    page.keyboard.press("ArrowDown")
    expect(page.locator(".frow svg[tabindex='0']")).not_to_have_attribute(
        "aria-label", re.compile(f"^{name}:")
    )


def test_a_brush_filters_and_the_same_click_clears(page):
    svg = first_feature(page)
    name = svg.get_attribute("aria-label").split(":")[0]
    box = svg.bounding_box()
    x, y = box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=3)
    page.mouse.up()
    expect(chip(page, name)).to_have_text(re.compile("–|to"))
    page.mouse.move(box["x"] + box["width"] - 3, y)
    page.mouse.click(box["x"] + box["width"] - 3, y)
    expect(chip(page, name)).not_to_have_text(re.compile("–|to"))
    page.mouse.click(box["x"] + box["width"] - 3, y)
    expect(chip(page, name)).to_have_count(0)


def test_rows_of_features_exist_only_while_in_view(page):
    rows = page.locator(".frow:not([hidden])")
    assert rows.count() < 16
    expect(rows.first).to_have_attribute("aria-setsize", "64")
    page.locator(".feature-rows").evaluate("pane => { pane.scrollTop = pane.scrollHeight; }")
    expect(page.locator(".frow[aria-posinset='64']")).to_be_visible()
    assert rows.count() < 16


def test_counts_and_shares_are_a_choice(page):
    shares = page.get_by_role("radio", name="Shares")
    expect(shares).to_have_attribute("aria-checked", "true")
    first = page.locator(".frow.first .number").first
    expect(first).to_have_text(re.compile("%$"))
    page.get_by_role("radio", name="Counts").click()
    expect(first).to_have_text(re.compile(r"^[\d,]+$"))
    expect(shares).to_have_attribute("aria-checked", "false")


def test_shift_adds_an_outcome_to_the_flow(page):
    page.get_by_role("button", name=re.compile(r"^\d+ regressed$")).click()
    expect(chip(page, "regressed")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^\d+ fixed$")).click(modifiers=["Shift"])
    expect(chip(page, "fixed or regressed")).to_be_visible()


def test_hovering_a_label_lists_what_was_predicted_instead(page):
    label = page.get_by_role("button", name=re.compile("^label 5: accuracy"))
    label.hover()
    expect(page.get_by_role("tooltip")).to_contain_text(re.compile(r"predicted \d \(\d+\)"))
    label.click()
    expect(page.get_by_role("tooltip")).to_be_hidden()
    expect(chip(page, "label 5")).to_be_visible()


def test_a_picture_of_the_contact_sheet_opens_its_instance(page):
    picture = page.locator(".shot").first
    name = picture.get_attribute("aria-label").split(",")[0]
    picture.click()
    drawer = page.get_by_role("dialog", name="One instance")
    expect(drawer.get_by_role("heading", name=name)).to_be_visible()
    drawer.get_by_role("button", name="Next instance").click()
    expect(drawer.get_by_role("heading", name=name)).to_have_count(0)
    expect(drawer.get_by_role("button", name="Next instance")).to_be_focused()


def test_an_empty_list_says_which_filter_to_remove(page):
    page.get_by_role("button", name=re.compile(r"^\d+ regressed$")).click()
    page.get_by_role("button", name=re.compile(r": outcome never changed$")).click()
    expect(page.locator(".instances .empty")).to_have_text(
        re.compile(r'^No instances match these filters\. Removing ".*" shows [\d,]+\.$')
    )
    expect(page.get_by_role("option")).to_have_count(0)
    expect(page.locator(".frow:not([hidden]) .outline").first).to_have_attribute(
        "d", re.compile("^M")
    )
