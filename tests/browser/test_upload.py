"""Bringing data along in a real browser, and what a stranger's names, requests and flags can do."""

import io
import re
import urllib.error
import urllib.request
import zipfile
from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.app import showcases
from tests.browser.test_pages import nothing_was_injected
from tests.library import TREE

PATHS = ("", "timeline", "features", "embedding", "changes", "sensitivity", "setup")
EVIL = "<img src=x onerror=window.hacked=1> $x$ ](javascript-alert).csv"


def file(name, content):
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def csv(version):
    return showcases.growing(2, 2)[version].write_csv().encode()


def bring(page, *files):
    page.locator("input[type=file]").set_input_files(list(files))
    expect(page.get_by_text("Only you can see this upload.")).to_be_visible()


def names_of_versions(page):
    return [
        (radio.get_attribute("aria-label") or "").split(",")[0]
        for radio in page.get_by_role("radio", name=re.compile("^Primary version")).all()
    ]


def test_two_tables_are_seen_downloaded_and_hidden_from_others(showcase, open_page, complaints):
    shown = showcase("growing")
    page = open_page(f"{shown.url}/setup")
    toml = file("chameleon.toml", TREE.encode())
    bring(page, file("one.csv", csv("1.0")), file("two.csv", csv("1.1")), toml)
    expect(page.get_by_text("2 of 2 versions, 2 features")).to_be_visible()
    expect(page).to_have_url(re.compile(r"project=your-upload"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the project").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        found = {name.split("/", 1)[1] for name in archive.namelist()}
        assert found == {"chameleon.toml", "versions/one.csv", "versions/two.csv"}
        assert archive.read("uploaded/versions/one.csv") == csv("1.0")
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("radio", name=re.compile("^Primary version two"))).to_be_visible()
    assert names_of_versions(page) == ["Primary version one", "Primary version two"]
    address = page.url
    assert "project=your-upload" in address
    other = open_page(address)
    expect(other.get_by_text("There is no project 'your-upload'.")).to_be_visible()
    expect(other.get_by_role("radio", name=re.compile("^Primary version 1.2"))).to_be_visible()
    assert not [name for name in names_of_versions(other) if "two" in name]
    assert other.get_by_text("Your upload").count() == 0
    expect(page.get_by_role("radio", name=re.compile("^Primary version two"))).to_be_visible()
    assert not complaints.lines


def test_names_of_files_stay_text(showcase, open_page):
    page = open_page(f"{showcase('growing').url}/setup")
    toml = f'name = "{showcases.MARKUP}"'.replace('window.hacked=1"', "window.hacked=1'")
    toml = toml.replace('onerror="', "onerror='") + TREE.replace("[model]", "\n[model]")
    bring(
        page,
        file(EVIL, csv("1.0")),
        file("b.csv", csv("1.1")),
        file("chameleon.toml", toml.encode()),
    )
    expect(page.get_by_text("2 of 2 versions")).to_be_visible()
    assert nothing_was_injected(page)
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("radio", name=re.compile("^Primary version b"))).to_be_visible()
    assert nothing_was_injected(page)


def test_a_bomb_is_refused_with_a_sentence(showcase, open_page):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("versions/1.csv", bytes(50_000_000))
    page = open_page(f"{showcase('growing').url}/setup")
    bomb = {"name": "p.zip", "mimeType": "application/zip", "buffer": stream.getvalue()}
    page.locator("input[type=file]").set_input_files([bomb])
    expect(page.get_by_text(re.compile("The zip is not unpacked: its entry"))).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(1)


def test_hostile_names_make_no_element_and_no_dialog_on_any_page(showcase, open_page, complaints):
    shown = showcase("hostile")
    for path in PATHS:
        page = open_page(f"{shown.url}/{path}")
        dialogs = []
        page.on(
            "dialog", lambda dialog, seen=dialogs: (seen.append(dialog.message), dialog.dismiss())
        )
        expect(page.get_by_role("heading", level=4)).to_be_visible()
        for opener in page.locator("[data-testid=stMain] [data-testid=stExpander] summary").all():
            opener.click()
        expect(page.locator("[data-testid=stApp]")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )
        assert nothing_was_injected(page)
        assert page.locator(".katex").count() == 0
        icons = page.locator("[data-testid=stIconMaterial]").all_inner_texts()
        assert "delete" not in icons
        assert not dialogs
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
    page = open_page(f"{showcase('hostile').url}/changes")
    table = page.locator("[data-testid=stDataFrame]").first
    table.scroll_into_view_if_needed()
    table.hover()
    expect(page.locator("[data-testid=stElementToolbar]").first).to_be_attached()
    assert page.get_by_role("button", name="Download as CSV").count() >= 1
    labels = page.locator("[data-testid=stElementToolbarButton]").all_inner_texts()
    assert not [label for label in labels if "csv" in label.lower()]
    page.get_by_text("By true class").click()
    button = page.locator("[class*=changes-by-label-csv]").get_by_role("button")
    download = downloaded(page, button)
    text = download.path().read_text(encoding="utf-8")
    assert f"'{showcases.FORMULA}" in text
    assert f"\n{showcases.FORMULA}" not in text


# ---------------------------------------------------------------- the server


def test_a_file_cannot_be_sent_from_another_site(showcase):
    address = f"{showcase('growing').url}/_stcore/upload_file/session/file"
    request = urllib.request.Request(address, data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert raised.value.code == 403
    raised.value.close()  # it is the answer, with its connection
