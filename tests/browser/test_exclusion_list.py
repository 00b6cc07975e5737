"""An exclusion list in a real browser: added, exported, imported, and refitted without."""

import polars as pl
from playwright.sync_api import expect

from chameleon.selection.exclusion_lists import FILE
from tests.app import showcases
from tests.internals import ExclusionLists
from tests.library import TREE, plain, write_project


def test_a_list_is_made_exported_imported_and_refitted_without(
    start_app, open_page, complaints, tmp_path, monkeypatch
):
    monkeypatch.setenv("CHAMELEON_ALLOW_WRITING", "on")
    frames = {"1": plain(), "2": plain(40)}
    folder = write_project(tmp_path / "p", frames, toml=TREE)
    page = open_page(f"{start_app(folder).url}/exclusion_lists?split=test&f%3Ax=-inf..=10.0")
    chosen = frames["2"].filter((pl.col("split") == "test") & (pl.col("x") <= 10))["id"].to_list()
    page.get_by_label("Name of the new list", exact=True).fill(showcases.MARKUP)
    page.get_by_label("Reason", exact=True).fill("=1+1")
    page.get_by_role("button", name=f"Add {len(chosen)} instances").click()
    expect(page.get_by_text(f"{len(chosen)} instances added to")).to_be_visible()
    store = ExclusionLists(folder / FILE)
    assert store.names == (showcases.MARKUP,)
    assert sorted(map(int, store.of(showcases.MARKUP).entries["instance"])) == chosen
    page.get_by_text("Export and import").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    exported = download.value.path().read_bytes()
    held = pl.read_csv(exported)
    assert sorted(held["instance"]) == chosen
    assert set(held["reason"]) == {"'=1+1"}
    store.remove(showcases.MARKUP, [str(chosen[0])])
    listed = {"name": "l.csv", "mimeType": "text/csv", "buffer": exported}
    page.get_by_label("CSV or Parquet of ids").locator("input[type=file]").set_input_files(listed)
    expect(page.get_by_text(f"; {len(chosen) - 1} already on it")).to_be_visible()
    assert sorted(map(int, store.of(showcases.MARKUP).entries["instance"])) == chosen
    page.get_by_role("button", name="Refit without").click()
    expect(page.get_by_text("Both models on both test sets")).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert not complaints.lines
