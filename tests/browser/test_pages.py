"""The app as a visitor meets it: links, changing pages, long work, and hostile names."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from chameleon.project import Split
from tests import internals as chameleon
from tests.app import showcases
from tests.app.showcases import EXTREMES
from tests.browser.conftest import CHIPS, expect_unfiltered, go, river, tally
from tests.internals import Filters, Selection
from tests.library import evaluated


def has_primary(page, version):
    expect(river(page)).to_have_attribute("aria-valuetext", re.compile(rf"^{re.escape(version)},"))
    return True


def test_a_page_may_be_the_first_one_of_a_fresh_server(start_app, open_page, complaints, tmp_path):
    folder = showcases.write_growing(tmp_path / "growing")
    wanted = Selection("1.0", "1.2", Filters(splits=(Split.TEST,)))
    line = tally(evaluated(folder), wanted)
    page = open_page(f"{start_app(folder).url}/features?{wanted.to_query_string()}")
    for _ in range(2):
        assert has_primary(page, "1.0")
        expect(page.locator(".tally")).to_have_text(line)
        expect(river(page)).to_have_attribute("aria-valuemax", "3")
        page.reload()
    assert not complaints.lines


def test_the_view_survives_pages_reloads_and_copied_addresses(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url())
    page.get_by_role("button", name="test", exact=True).click()
    page.get_by_role("button", name="incorrect", exact=True).click()
    river(page).press("Home")
    wanted = Selection("a", "a", Filters(splits=(Split.TEST,), outcomes=("incorrect",)))
    line = tally(shown.evaluation, wanted)

    def all_there(where):
        expect(where.locator(".tally")).to_have_text(line)
        expect(where).to_have_url(re.compile(re.escape(wanted.to_query_string()) + "$"))
        expect(where.locator(CHIPS)).to_have_count(2)
        return has_primary(where, "a")

    assert all_there(page)
    go(page, "Features")
    page.get_by_label("Search features").fill("few")
    page.keyboard.press("Enter")
    expect(page.locator(".feature-view .row")).to_have_count(1)
    go(page, "Timeline")
    assert all_there(page)
    go(page, "Features")
    expect(page.get_by_label("Search features")).to_have_value("few")
    expect(page.locator(".feature-view .row")).to_have_count(1)
    page.reload()
    assert all_there(page)
    assert all_there(open_page(page.url))
    page.get_by_role("button", name="Remove all").click()
    expect_unfiltered(page)
    expect(page).to_have_url(re.compile(r"primary=a&secondary=a$"))


@pytest.mark.timeout(420)
def test_the_first_evaluation_shows_how_far_it_is_and_leaves_the_page_usable(
    start_app, digits_project, tmp_path, open_page, complaints
):
    # the first four versions, with parameters of their own, so that no other test has fitted these
    fresh = Path(shutil.copytree(digits_project, tmp_path / "digits"))
    shutil.rmtree(fresh / ".chameleon", ignore_errors=True)
    settings = fresh / "chameleon.toml"
    head, *versions = settings.read_text(encoding="utf-8").split("[[versions]]")
    changed = head.replace("random_state = 0", "random_state = 1")
    assert changed != head
    settings.write_text("[[versions]]".join([changed, *versions[:4]]), encoding="utf-8")
    for number in range(4, len(versions)):
        (fresh / "versions" / f"1.{number}.parquet").unlink()
    page = open_page(f"{start_app(fresh).url}/features")
    progress = page.get_by_test_id("stProgress")
    text = re.compile(r"Fitting version 1\.\d+: (\d+) of 4 done\.")
    expect(progress).to_contain_text(text, timeout=60_000)
    assert 0 <= int(text.search(progress.inner_text())[1]) < 4
    # the data is there without outcomes
    first = page.locator(".feature-view .plot[role=slider]").first
    expect(first).to_have_attribute("aria-label", re.compile(r"primary 1.3 [\d,]+ unknown; "))
    page.get_by_role("button", name="train", exact=True).click()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Timeline").click()
    expect(page.get_by_text("The models are being fitted: the lines follow.")).to_be_visible()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Features").click()
    # nothing is touched any more: the outcomes come by themselves
    expect(first).to_have_attribute(
        "aria-label", re.compile(r"primary 1.3 [\d,]+ correct, "), timeout=240_000
    )
    expect(progress).to_have_count(0)
    evaluation = evaluated(fresh)
    assert evaluation.fitted == ()  # what the app fitted was kept beside the project
    wanted = Selection("1.3", "1.2", Filters(splits=(Split.TRAIN,)))
    expect(page.locator(".tally")).to_have_text(tally(evaluation, wanted))
    accuracy = chameleon.version_metrics(evaluation)["test_accuracy"][-1]
    told = re.compile(f"^1.3, Test accuracy {100 * accuracy:.1f}%")
    expect(river(page)).to_have_attribute("aria-valuetext", told)
    assert not complaints.lines


def nothing_was_injected(page):
    assert page.evaluate("window.hacked") is None
    found = page.evaluate(
        """() => {
          const hits = [];
          const look = root => root.querySelectorAll('*').forEach(node => {
            if (node.shadowRoot) look(node.shadowRoot);
            const foul = 'img[src="x"], a[href^="javascript"], [onerror], .katex';
            if (node.matches(foul)) hits.push(node.outerHTML);
          });
          look(document);
          return hits;
        }"""
    )
    assert found == []
    return True


def test_hostile_names_stay_text_in_tooltips_small_multiples_and_addresses(showcase, open_page):
    page = open_page(showcase("hostile").url("features"))
    row = page.locator(".feature-view .row").filter(has_text=showcases.MARKDOWN)
    target = row.locator(".plot[role=slider]").first
    target.scroll_into_view_if_needed()
    target.hover(position={"x": target.bounding_box()["width"] / 2, "y": 50})
    expect(page.locator(".feature-view .tip b")).to_have_text(showcases.MARKDOWN)
    river(page).hover(position={"x": 5, "y": 20})  # the first version
    expect(page.locator(".story .tip")).to_contain_text("<img src=x onerror='window.hacked=1'>")
    page.mouse.move(5, 5)
    target.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    line = page.locator(".tally")
    expect(line).to_contain_text("match")
    expect(page).to_have_url(re.compile("f%3A"))
    expect(page.locator(CHIPS)).to_contain_text("**bold** `code` $x$ :smile: :red[")
    copied = open_page(page.url)
    expect(copied.locator(".tally")).to_have_text(line.inner_text())
    assert nothing_was_injected(copied)
    page.get_by_text("One feature over all versions").click()
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(1)
    assert nothing_was_injected(page)
    go(page, "Timeline")
    chart = page.get_by_test_id("stVegaLiteChart").nth(1)
    inner = chart.locator("canvas, svg.marks").first
    where = inner.bounding_box()
    inner.hover(position={"x": where["width"] * 0.3, "y": where["height"] * 0.75})
    expect(page.locator("#vg-tooltip-element")).to_contain_text("1 <b>x<")
    assert nothing_was_injected(page)


def test_numbers_at_the_ends_of_a_float_are_drawn_described_and_filtered(
    showcase, open_page, complaints
):
    page = open_page(showcase("extremes").url("features"))
    tip = page.locator(".feature-view .tip")
    for feature in EXTREMES:
        plot = page.locator(f'.feature-view .plot[aria-label^="{feature}, train:"]')
        plot.scroll_into_view_if_needed()
        expect(plot.locator("path.bar").first).to_be_visible()
        for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
            plot.press(key)
            told = plot.get_attribute("aria-valuetext")
            assert not re.search(r"NaN|undefined|Infinity", told)
            expect(tip).to_contain_text(told.split(": primary")[0])
    plot.press("Home")
    plot.press("Shift+ArrowRight")
    plot.press("Enter")
    expect(page.locator(CHIPS)).to_contain_text(feature)
    expect(plot.locator("rect.chosen")).to_have_count(1)
    for name in ("Overview", "Data changes", "Instances"):
        go(page, name)
    assert complaints.lines == []
