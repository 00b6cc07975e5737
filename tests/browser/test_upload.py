"""Uploads in a real browser: hidden from others, names that stay text, and safe downloads."""

import re
import zipfile
from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.app import showcases
from tests.browser.conftest import go, river
from tests.browser.test_pages import nothing_was_injected
from tests.library import TREE

EVIL = "<img src=x onerror=window.hacked=1> $x$ ](javascript-alert).csv"


def file(name, content):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def csv(version):
    return showcases.growing(2, 2)[version].write_csv().encode()


def test_an_upload_is_seen_downloaded_and_hidden_from_others(showcase, open_page, complaints):
    page = open_page(showcase("growing").url("new_project"))
    toml = f'name = "{showcases.MARKUP}"'.replace('window.hacked=1"', "window.hacked=1'")
    toml = toml.replace('onerror="', "onerror='") + TREE.replace("[model]", "\n[model]")
    files = [
        file(EVIL, csv("1.0")), file("two.csv", csv("1.1")), file("chameleon.toml", toml.encode()),
    ]  # fmt: skip
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text("Only you can see this upload.")).to_be_visible()
    expect(page.get_by_text("2 of 2 versions, 2 features")).to_be_visible()
    expect(page).to_have_url(re.compile(r"project=your-upload"))
    assert nothing_was_injected(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the project").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        found = {name.split("/", 1)[1] for name in archive.namelist()}
        assert {"chameleon.toml", "versions/two.csv"} < found
        assert archive.read("uploaded/versions/two.csv") == csv("1.1")
    go(page, "Overview")
    expect(river(page)).to_have_attribute("aria-valuetext", re.compile("^two,"))
    expect(river(page)).to_have_attribute("aria-valuemax", "2")
    assert nothing_was_injected(page)
    assert "project=your-upload" in page.url
    other = open_page(page.url)
    expect(other.get_by_text("There is no project 'your-upload'.")).to_be_visible()
    expect(river(other)).to_have_attribute("aria-valuetext", re.compile("^1.2,"))
    expect(river(other)).to_have_attribute("aria-valuemax", "3")
    assert other.get_by_text("Your upload").count() == 0
    assert not complaints.lines


def downloaded(page, button):
    """The file that a button gives; a click while the page still moves is made again."""
    for milliseconds in (10000, 10000, 30000):
        with suppress(TimeoutError):
            with page.expect_download(timeout=milliseconds) as download:
                button.click()
            return download.value
    pytest.fail("No download came.")


def test_streamlits_own_export_is_off_and_ours_is_there(showcase, open_page):
    page = open_page(showcase("hostile").url("prediction_changes"))
    table = page.locator("[data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    table.hover()
    expect(page.locator("[data-testid=stElementToolbar]").first).to_be_attached()
    labels = page.locator("[data-testid=stElementToolbarButton]").all_inner_texts()
    assert not [label for label in labels if "csv" in label.lower()]
    page.get_by_text("By true class").click()
    button = page.locator("[class*=changes-by-label-csv]").get_by_role("button")
    text = downloaded(page, button).path().read_text(encoding="utf-8")
    assert f"'{showcases.FORMULA}" in text
    assert f"\n{showcases.FORMULA}" not in text
