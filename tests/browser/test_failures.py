"""Clicks on the Failures page: a cell of a confusion matrix, and a set."""

import re

import polars as pl
from playwright.sync_api import expect

from chameleon.project import Split
from chameleon.selection import Filters
from tests import internals as chameleon
from tests.browser.test_linking import CHIPS, told


def test_a_cell_and_a_set_filter_everything_as_the_library_counts(showcase, open_page, complaints):
    shown = showcase("kinds")
    page = open_page(f"{shown.url}/failures", height=1500)
    sides = {"primary": "b", "secondary": "a"}
    found = chameleon.confusion(shown.evaluation, **sides, split=Split.TEST)
    page.mouse.move(5, 5)
    square = page.locator("[class*=st-key-confusion-primary-] g.mark-rect path[aria-label]")
    expect(square).to_have_count(len(found.filter(pl.col("primary") > 0)))
    words = square.first.get_attribute("aria-label")
    square.first.click(force=True)  # the count above the square takes it
    expect(page).to_have_url(re.compile("confusion="))
    chosen = told(page, shown.evaluation)
    (cell,) = chosen.filters.confusions
    assert not cell.secondary
    assert f"True class: {cell.label};" in words
    assert f"Predicted: {cell.prediction};" in words
    assert chosen.filters == Filters(splits=(Split.TEST,), confusions=(cell,))
    count = found.filter(label=cell.label, prediction=cell.prediction)["primary"].item()
    expect(page.get_by_text(f"{count:,} of 1,000 instances", exact=True)).to_be_visible()
    expect(page.locator(CHIPS)).to_have_count(2)

    # the sets are counted under the cell; a click on one that is chosen takes it off again
    sets = dict(chameleon.failure_sets(shown.evaluation, **sides, filters=chosen.filters).rows())
    label = f"Fails in every version: {sets['fails in every version']}"
    expect(page.get_by_role("button", name=label, exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_text("unfiltered")).to_be_visible()
    sets = dict(chameleon.failure_sets(shown.evaluation, **sides).rows())
    for name in ("fails in every version", "newly failing"):
        button = page.get_by_role("button", name=f"{name.capitalize()}: {sets[name]}")
        button.click()
        expect(page.locator(CHIPS)).to_have_count(1)
        line = page.get_by_text(f"{sets[name]} of 1,000 instances", exact=True)
        expect(line).to_be_visible()
        told(page, shown.evaluation)
    button.click()
    expect(page.get_by_text("unfiltered")).to_be_visible()

    # a class by the dot of its error rate
    errors = chameleon.errors_by(shown.evaluation, "label", **sides, split=Split.TEST)
    dots = page.locator("[class*=st-key-errors-by-label-] g.mark-symbol.role-mark path[aria-label]")
    expect(dots).to_have_count(2 * len(errors))
    page.mouse.move(5, 5)
    dots.first.click(force=True)
    expect(page).to_have_url(re.compile("[?&]label="))
    (label,) = told(page, shown.evaluation).filters.labels
    assert label in errors["group"]
    assert not complaints.lines
