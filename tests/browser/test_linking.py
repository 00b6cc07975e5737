"""A walk through the linked views: each count on a page is the library's for the same filters."""

import re

import polars as pl
from playwright.sync_api import expect

from chameleon.project import Split
from tests import internals as chameleon
from tests.browser.conftest import (
    CHIPS,
    clear_filters,
    click_until,
    expect_unfiltered,
    go,
    shown_selection,
)
from tests.internals import Filters


def click_to_address(page, click, pattern: str) -> None:
    """Click until the address has what the pattern finds."""
    click_until(click, lambda ms: expect(page).to_have_url(re.compile(pattern), timeout=ms))


def clear(page) -> None:
    clear_filters(page)
    page.mouse.move(5, 5)  # a tooltip would take the next click


def story_button(page, name: str):
    """A button of the Story's flow, by its words after the count."""
    return page.get_by_role("button", name=re.compile(rf"^[\d,]+ {name}$"))


def brush(page, area, shares) -> None:
    """Drag the mouse along the diagonal of an area, over these shares of it."""
    box = area.bounding_box()
    for share in shares:
        place = (box["x"] + box["width"] * share, box["y"] + box["height"] * share)
        page.mouse.move(*place, steps=5)
        if share == shares[0]:
            page.mouse.down()
    page.mouse.up()


def test_clicks_in_all_views_filter_one_another_as_the_library_says(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url(), height=1900)
    brush(page, page.get_by_role("application", name=re.compile("^Map")), (0.1, 0.5, 0.9))
    expect(page).to_have_url(re.compile("cell="))
    click_to_address(page, story_button(page, "still correct").click, "change=correct")
    chosen = shown_selection(page, shown.evaluation)
    (change,) = chosen.filters.outcome_changes
    assert (change.secondary, change.primary) == ("correct", "correct")
    assert len(chosen.filters.regions) == 1
    expect(page.locator(CHIPS)).to_have_count(2)

    # on another page a second click undoes it, a chip the rest
    go(page, "Prediction changes")
    assert shown_selection(page, shown.evaluation) == chosen
    kept = story_button(page, "still correct")
    expect(kept).to_have_attribute("aria-pressed", "true")
    kept.click()
    expect(page).not_to_have_url(re.compile("change="))
    assert shown_selection(page, shown.evaluation).filters.regions
    page.locator(CHIPS).first.click()
    expect_unfiltered(page)
    page.mouse.move(5, 5)
    square = page.locator("[class*=st-key-classes-0] g.mark-rect path[aria-label]").first
    words = square.get_attribute("aria-label")
    click_to_address(page, lambda: square.click(force=True), "class.change=")
    (pair,) = shown_selection(page, shown.evaluation).filters.class_changes
    assert pair.secondary in words
    assert pair.primary in words
    clear(page)

    go(page, "Sensitivity")
    bars = page.locator("[class*=st-key-sensitivity-0] g.mark-rect path[aria-label]")
    click_to_address(page, lambda: bars.last.click(force=True), "sensitivity=")
    choice = shown_selection(page, shown.evaluation).filters.sensitivity
    counts = chameleon.sensitivity(shown.evaluation, primary="b", secondary="a", over=choice.over)
    counted = counts.drop_nulls("changes").filter(pl.col("instances") > 0)
    assert set(choice.changes) <= set(counted["changes"])
    clear(page)

    go(page, "Data changes")
    edited = page.locator("[class*=st-key-iteration-counts]").locator(
        'g.mark-rect path[aria-label*=": edited"]'
    )
    click_to_address(page, lambda: edited.first.click(force=True), "data-change=edited")
    assert len(shown_selection(page, shown.evaluation).filters.data_changes) == 1


def test_a_brush_over_the_embedding_selects_what_it_covers(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url("embedding"), height=1300)
    plot = page.locator("[class*=st-key-embedding-0] svg.marks").first
    expect(plot).to_be_visible()
    brush(page, plot, (0.25, 0.5, 0.75))
    expect(page).to_have_url(re.compile("cell="))
    assert len(shown_selection(page, shown.evaluation).filters.regions) == 1
    clear(page)


def test_a_confusion_cell_and_the_dot_of_a_class_filter_everything(showcase, open_page, complaints):
    shown = showcase("kinds")
    page = open_page(shown.url("failures"), height=1500)
    sides = {"primary": "b", "secondary": "a"}
    found = chameleon.confusion(shown.evaluation, **sides, split=Split.TEST)
    page.mouse.move(5, 5)
    square = page.locator("[class*=st-key-confusion-primary-] g.mark-rect path[aria-label]")
    expect(square).to_have_count(len(found.filter(pl.col("primary") > 0)))
    words = square.first.get_attribute("aria-label")
    square.first.click(force=True)  # the count above the square takes it
    expect(page).to_have_url(re.compile("confusion="))
    chosen = shown_selection(page, shown.evaluation)
    (cell,) = chosen.filters.confusions
    assert f"True class: {cell.label};" in words
    assert f"Predicted: {cell.prediction};" in words
    assert chosen.filters == Filters(splits=(Split.TEST,), confusions=(cell,))
    count = found.filter(label=cell.label, prediction=cell.prediction)["primary"].item()
    expect(page.locator(".tally")).to_contain_text(f"{count:,} of ")
    clear(page)
    errors = chameleon.errors_by(shown.evaluation, "label", **sides, split=Split.TEST)
    dots = page.locator("[class*=st-key-errors-by-label-] g.mark-symbol.role-mark path[aria-label]")
    expect(dots).to_have_count(2 * len(errors))
    dots.first.click(force=True)
    expect(page).to_have_url(re.compile("[?&]label="))
    (label,) = shown_selection(page, shown.evaluation).filters.labels
    assert label in errors["group"]
    assert not complaints.lines


def test_subsets_stand_side_by_side(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url("features", "source=lab"))
    page.get_by_text("Compare subsets").click()
    page.get_by_role("button", name="Filters become the secondary side").click()
    expect(page).to_have_url(re.compile("secondary.source="))
    chosen = shown_selection(page, shown.evaluation)
    assert chosen.filters.is_empty
    assert chosen.secondary_only.sources == ("lab",)
    name = f"Secondary {chosen.secondary}, lab"
    expect(page.locator(".feature-view .legend").first).to_contain_text(name)


def test_sentences_of_the_attribution_lead_to_their_views_within_the_visit(showcase, open_page):
    page = open_page(showcase("kinds").url("attribution"), width=900, height=1000)
    expect(page.get_by_text("Both models on both test sets")).to_be_visible()
    for value in chameleon.attribute_change(
        showcase("kinds").evaluation, before="a", after="b"
    ).crossed["value"]:
        expect(page.locator("table td").filter(has_text=f"{value:.4f}").first).to_be_visible()
    page.get_by_role("link", name="All four values").click()
    expect(page).to_have_url(re.compile("#both-models-on-both-test-sets$"))
    expect(page.get_by_text("Both models on both test sets")).to_be_in_viewport()
    page.locator("[data-testid=stMain]").get_by_role("link", name="Data changes").click()
    expect(page.get_by_text("What happened to the instances?")).to_be_visible()
