"""The Attribution page in Chromium: its numbers, its links, fits on request, groups that filter."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from chameleon.selection import Selection
from tests import internals as chameleon
from tests.analysis.test_slices import planted, project
from tests.analysis.test_training import frames
from tests.library import TREE, evaluated, write_project


@pytest.fixture
def fitted(start_app, tmp_path):
    """A server on two versions whose train labels were spoilt, under a tree."""
    versions = dict(zip("12", frames(flip=60, add=30), strict=True))
    folder = write_project(tmp_path / "p", versions, toml=TREE)
    return start_app(folder), evaluated(folder)


def opened(open_page, url, **options):
    page = open_page(f"{url}/attribution", **options)
    expect(page.get_by_text("Both models on both test sets")).to_be_visible()
    return page


def test_numbers_are_the_librarys_and_fits_run_on_request(fitted, open_page):
    app, evaluation = fitted
    page = opened(open_page, app.url, width=900, height=1600)
    found = chameleon.attribute_change(evaluation, before="1", after="2")
    cells = page.locator("[data-testid=stMarkdownContainer] table td")
    for value in found.crossed["value"]:
        expect(cells.filter(has_text=f"{value:.4f}").first).to_be_visible()
    for sentence in chameleon.step_summary(evaluation, before="1", after="2"):
        expect(page.get_by_text(sentence.text)).to_be_visible()
    # nothing is cut off at this width
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not wide

    page.get_by_role("button", name=re.compile("Fit 22 models, about")).click()
    expect(page.get_by_text("Which train data.")).to_be_visible()
    training = chameleon.attribute_training(evaluation, before="1", after="2")
    told = chameleon.step_summary(evaluation, before="1", after="2", training=training)
    for sentence in told:
        expect(page.get_by_text(sentence.text)).to_be_visible()
    expect(page.get_by_role("button", name="Fit 22 models", exact=True)).to_be_disabled()
    for part, value in training.parts.select("part", "value").iter_rows():
        expect(page.get_by_text(f"train data: {part} {value:+.4f}")).to_be_visible()


def test_a_sentence_leads_to_its_view_within_the_visit(fitted, open_page):
    app, _ = fitted
    page = opened(open_page, f"{app.url}", height=1000)
    page.get_by_role("link", name="All four values").click()
    expect(page).to_have_url(re.compile("#both-models-on-both-test-sets$"))
    expect(page.get_by_text("Both models on both test sets")).to_be_in_viewport()
    page.locator("[data-testid=stMain]").get_by_role("link", name="Data changes").click()
    expect(page.get_by_text("What happened to the instances?")).to_be_visible()
    assert len(page.context.pages) == 1


def test_a_group_that_regressed_filters_everything(start_app, open_page, tmp_path):
    evaluation = project(tmp_path / "p", flips=planted)
    app = start_app(evaluation.dataset.project.path)
    page = opened(open_page, app.url, height=1400)
    group = chameleon.changed_slices(evaluation, before="1", after="2").worse[0]
    words = f"{group.accuracy_before:.3f} → {group.accuracy_after:.3f}"
    expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_role("button", name="Filter to these instances").click()
    expect(page).to_have_url(re.compile("label=cat"))
    query = urlsplit(page.url).query
    chosen = Selection.from_query_string(query, Selection.newest(evaluation))
    assert chosen.filters == group.filters
