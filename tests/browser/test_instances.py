"""The Instances page in a browser: order, pages, a tick that opens, a link that opens again."""

import re

from playwright.sync_api import expect

from tests import internals as chameleon

TABLE = "[data-testid=stDataFrame]"


def test_instances_are_paged_opened_and_linked(showcase, open_page, complaints):
    shown = showcase("kinds")
    page = open_page(shown.url("instances"))
    listed = chameleon.instances(shown.evaluation, primary="b", secondary="a", limit=None).frame
    expect(page.get_by_text("1 to 50 of 1,000 instances", exact=True)).to_be_visible()
    page.get_by_role("button", name=re.compile("next", re.IGNORECASE)).click()
    expect(page.get_by_text("51 to 100 of 1,000 instances", exact=True)).to_be_visible()
    table = page.locator(TABLE).first
    # the rows are drawn on a canvas: the box of a row is ticked where it stands
    table.scroll_into_view_if_needed()
    place = table.bounding_box()
    page.mouse.click(place["x"] + 18, place["y"] + 35 + 2 * 35 + 17)
    opened = listed["instance"][52]
    expect(page.get_by_role("heading", name=f"Instance {opened}", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(f"open={opened}(&|$)"))
    expect(page.get_by_text(f"sentence number {opened} of b", exact=True).first).to_be_visible()
    page.get_by_label("Search instances").fill("number 77")
    page.keyboard.press("Enter")
    found = listed.filter(listed["words"].str.contains("number 77"))
    expect(page.get_by_text(f"1 to {len(found)} of {len(found)} instances")).to_be_visible()
    expect(page.get_by_text("51 to 100 of")).to_have_count(0)
    again = open_page(page.url)
    expect(again.get_by_role("heading", name=f"Instance {opened}", exact=True)).to_be_visible()
    expect(again.get_by_label("Search instances")).to_have_value("number 77")
    expect(again.get_by_role("button", name="Download as Parquet")).to_be_visible()
    with again.expect_download() as download:
        again.get_by_role("button", name="Download as CSV").first.click()
    content = download.value.path().read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in content.splitlines()[1:]] == found["instance"].to_list()
    again.get_by_role("button", name="Close").click()
    expect(again).to_have_url(re.compile(r"^(?!.*open=)"))
    assert complaints.lines == []


def test_a_tile_of_the_gallery_opens_its_instance(showcase, open_page, complaints):
    page = open_page(showcase("squares").url("instances"), scheme="dark")
    page.get_by_role("radio", name="Gallery").or_(
        page.get_by_role("button", name="Gallery", exact=True)
    ).first.click()
    tile = page.locator("[class*=st-key-open-tile-]").first
    expect(tile).to_have_text(re.compile(r"\S"))
    instance = tile.inner_text().strip()
    picture = page.locator("[class*=st-key-tile-] img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 96
    tile.get_by_role("button").click()
    expect(page.get_by_role("heading", name=f"Instance {instance}", exact=True)).to_be_visible()
    expect(page.get_by_alt_text("The instance as an image")).to_be_visible()
    assert complaints.lines == []
