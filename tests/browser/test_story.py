"""The Story in a browser: sizes, steps, pins, filters, keys, the drawer, and what travels."""

import re

import pytest
from playwright.sync_api import expect

# A step sends a state of 1 kB and gets a letter of at most a few; the payload has 200 kB.
MOST_BYTES_OF_A_STEP = 30_000


@pytest.fixture
def page(app, open_page):
    return open_page(f"{app.url}/?primary=1.5&secondary=1.4")


def river(page):
    return page.get_by_role("slider", name="Primary version")


def headline(page):
    return page.locator(".leadline")


def shows(page, primary, secondary):
    """Return True once river and address name these versions."""
    compared = "" if primary == secondary else f".*compared with {re.escape(secondary)}"
    expect(river(page)).to_have_attribute(
        "aria-valuetext", re.compile(rf"^{re.escape(primary)},{compared}")
    )
    expect(page).to_have_url(re.compile(rf"primary={primary}&secondary={secondary}(&|$)"))
    return True


def click_version(page, number, of, **options):
    box = river(page).bounding_box()
    # The versions are evenly spaced between the axis titles at the left and the right margin.
    left, right = 74 + 14, 18 + 14
    x = left + number * (box["width"] - left - right) / (of - 1)
    river(page).click(position={"x": x, "y": box["height"] / 2}, **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900), (1920, 1080)])
def test_the_story_fits_the_window(app, open_page, complaints, width, height, scheme):
    page = open_page(app.url, width=width, height=height, scheme=scheme)
    expect(headline(page)).to_be_visible()
    page.get_by_role("button", name="Got it").click()
    expect(page.get_by_role("button", name="Got it")).to_have_count(0)
    main = page.get_by_test_id("stMain")
    page.wait_for_function(
        "([main]) => main.scrollHeight <= main.clientHeight", arg=[main.element_handle()]
    )
    outside = page.locator(".story").evaluate(
        """story => {
          const box = story.getBoundingClientRect();
          const leaves = (node) => {
            const own = node.getBoundingClientRect();
            return own.width > 0 && (own.left < box.left - 1 || own.right > box.right + 1);
          };
          return [...story.querySelectorAll("section, .statement, .models, .controls, h2")]
            .filter(leaves).map((node) => node.className);
        }"""
    )
    assert outside == []
    expect(page.locator(".story")).to_have_attribute("data-theme", scheme)
    assert complaints.lines == []


def test_keys_step_through_the_versions(page):
    river(page).focus()
    page.keyboard.press("ArrowRight")
    assert shows(page, "1.6", "1.5")
    page.keyboard.press("Home")
    assert shows(page, "1.0", "1.0")
    expect(page.get_by_text("Shift-click another version to compare.")).to_be_visible()
    page.keyboard.press("PageUp")
    assert shows(page, "1.10", "1.9")
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    assert shows(page, "1.11", "1.9")
    page.keyboard.press("ArrowLeft")
    assert shows(page, "1.10", "1.9")


def test_brackets_step_from_anywhere_but_a_text_field(page):
    page.locator(".pane-features").click(position={"x": 20, "y": 4})
    page.keyboard.press("]")
    assert shows(page, "1.6", "1.5")
    page.keyboard.press("[")
    assert shows(page, "1.5", "1.4")


def test_a_click_shows_a_step_and_a_pin_keeps_the_secondary(page):
    click_version(page, 9, of=12)
    assert shows(page, "1.9", "1.8")
    click_version(page, 2, of=12, modifiers=["Shift"])
    assert shows(page, "1.9", "1.2")
    click_version(page, 7, of=12)
    assert shows(page, "1.7", "1.2")
    expect(headline(page)).to_contain_text("95% CI")  # by letter: not a step of the payload
    page.get_by_role("button", name="Unpin the secondary version").click()
    assert shows(page, "1.7", "1.6")


def test_back_undoes_one_step(page):
    click_version(page, 9, of=12)
    assert shows(page, "1.9", "1.8")
    page.go_back()
    assert shows(page, "1.5", "1.4")


def test_the_scope_is_part_of_the_address(page):
    page.get_by_role("radio", name="train", exact=True).click()
    expect(headline(page)).to_contain_text("seen in training")
    expect(page).to_have_url(re.compile("scope=train"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="test", exact=True)).to_be_focused()
    expect(headline(page)).to_contain_text("Test accuracy fell 8.6 points")


def test_hovering_previews_and_a_click_filters(page):
    regressed = page.get_by_role("button", name="34 regressed")
    regressed.hover()
    expect(page.locator(".where")).to_have_text(
        "Under the pointer 34: accuracy 100.0% → 0.0%; 34 regressed, 0 fixed"
    )
    expect(page).not_to_have_url(re.compile("change="))
    regressed.click()
    expect(page).to_have_url(re.compile("change=correct%3Eincorrect"))
    expect(page.locator(".tally")).to_have_text("34 of 350 test instances in 1.5 match")
    page.get_by_role("button", name="Remove filter regressed").click()
    expect(page).not_to_have_url(re.compile("change="))
    expect(page.locator(".tally")).to_have_text("350 test instances in 1.5 and 1.4")


def test_the_drawer_opens_by_key_and_gives_the_focus_back(page):
    instances = page.get_by_role("listbox", name="Instances")
    instances.focus()
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="One instance")
    expect(drawer).to_be_focused()
    expect(drawer).to_contain_text("incorrect")
    expect(page).to_have_url(re.compile("open=digit-"))
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(instances).to_be_focused()
    expect(page).not_to_have_url(re.compile("open="))


def test_a_step_sends_no_payload_again(page):
    received = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
    )
    page.reload()
    assert shows(page, "1.5", "1.4")
    first = sum(received)
    assert first > 200_000
    river(page).focus()
    page.keyboard.press("ArrowRight")
    assert shows(page, "1.6", "1.5")
    assert sum(received) - first < MOST_BYTES_OF_A_STEP
