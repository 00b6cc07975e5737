"""The app as a visitor meets it: links, changing pages, new data, long work, foul data."""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from chameleon.analysis import selected
from chameleon.project import Split
from tests import internals as chameleon
from tests.app import showcases
from tests.internals import Filters, Selection
from tests.library import plain, write_project

PATHS = ("", "timeline", "features")


def link(page, name):
    return page.locator("[data-testid=stSidebar]").get_by_role("link", name=name)


def frame_is_whole(page, versions):
    """Whether title, timeline, count line and sidebar are there."""
    expect(page.get_by_role("heading", level=4)).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"^(All )?[\d,]+ (of [\d,]+ )?instances")).first
    ).to_be_visible()
    for name in ("Overview", "Timeline", "Features"):
        expect(
            page.locator("[data-testid=stSidebar]").get_by_role("link", name=name)
        ).to_have_count(1)
    expect(page.get_by_role("button", name="train", exact=True)).to_have_count(1)
    expect(page.locator(".timeline [role=radio]")).to_have_count(2 * versions)
    return True


def go(page, name):
    link(page, name).click()
    expect(page.get_by_role("heading", level=4)).to_contain_text(name)


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("path", ["features", "timeline"])
def test_a_page_may_be_the_first_one_of_a_fresh_server(showcase, open_page, complaints, path):
    shown = showcase("growing", fresh=True)
    page = open_page(f"{shown.url}/{path}?primary=1.0&secondary=1.2&split=test")
    assert frame_is_whole(page, 3)
    chosen = page.get_by_role("radio", name=re.compile("^Primary version 1.0,"))
    expect(chosen).to_have_attribute("aria-checked", "true")
    found = selected(
        shown.evaluation, Selection("1.0", "1.2", Filters(splits=(Split.TEST,)))
    )  # fmt: skip
    line = f"{found.instances:,} of {found.of:,} instances"
    expect(page.get_by_text(line, exact=True)).to_be_visible()
    page.reload()
    assert frame_is_whole(page, 3)
    expect(page.get_by_text(line, exact=True)).to_be_visible()
    assert not complaints.lines


def test_versions_and_filters_survive_pages_reloads_and_copied_addresses(showcase, open_page):
    shown = showcase("kinds")
    page = open_page(shown.url)
    page.get_by_role("button", name="test", exact=True).click()
    page.get_by_role("button", name="incorrect", exact=True).click()
    page.get_by_role("radio", name=re.compile("^Primary version a,")).click()
    wanted = Selection("a", "a", Filters(splits=(Split.TEST,), outcomes=("incorrect",)))
    found = selected(shown.evaluation, wanted)
    line = f"{found.instances:,} of {found.of:,} instances"
    query = re.escape("?" + wanted.to_query_string())

    def all_there(where):
        expect(where.get_by_text(line, exact=True)).to_be_visible()
        expect(where).to_have_url(re.compile(query + "$"))
        expect(where.locator("[class*=st-key-chip-]")).to_have_count(2)
        chosen = where.get_by_role("radio", name=re.compile("^Primary version a,"))
        expect(chosen).to_have_attribute("aria-checked", "true")
        return True

    assert all_there(page)
    for name in ("Features", "Timeline", "Overview"):
        go(page, name)
        assert all_there(page)
    page.reload()
    assert all_there(page)
    for path in PATHS:
        copied = open_page(f"{shown.url}/{path}?{wanted.to_query_string()}")
        assert all_there(copied)
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_text("unfiltered")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?primary=a&secondary=a$"))


def test_options_of_a_page_survive_a_change_of_page(showcase, open_page):
    page = open_page(f"{showcase('kinds').url}/features")
    page.get_by_label("Search features").fill("few")
    page.keyboard.press("Enter")
    expect(page.locator(".feature-view .row")).to_have_count(1)
    go(page, "Timeline")
    page.get_by_role("radio", name="Log loss").or_(
        page.get_by_role("button", name="Log loss")
    ).first.click()
    go(page, "Features")
    expect(page.locator(".feature-view .row")).to_have_count(1)
    expect(page.get_by_label("Search features")).to_have_value("few")


def test_a_stale_link_warns_and_opens_the_rest(showcase, open_page):
    query = "primary=gone&secondary=a&label=no&source=nowhere"
    page = open_page(f"{showcase('kinds').url}/features?{query}")
    expect(page.get_by_text("There is no source 'nowhere' in this dataset.")).to_be_visible()
    expect(page.get_by_text(re.compile("gone"))).to_be_visible()
    expect(page.locator("[class*=st-key-chip-]")).to_have_count(1)
    assert frame_is_whole(page, 2)


def test_a_click_after_a_stale_link_takes_the_warning_away(showcase, open_page):
    page = open_page(f"{showcase('kinds').url}/?label=never")
    warning = page.get_by_text("There is no label 'never'")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="train", exact=True).click()
    expect(page.locator("[class*=st-key-chip-]")).to_have_count(1)
    expect(warning).to_be_hidden()


# ---------------------------------------------------------------- data that changes, long work


def test_a_new_version_file_is_noticed_at_the_next_interaction(start_app, open_page, tmp_path):
    frames = showcases.growing(3, 2)
    folder = write_project(tmp_path / "grows", frames, predictions=showcases.given(frames))
    late = [folder / kind / "1.2.parquet" for kind in ("versions", "predictions")]
    contents = [path.read_bytes() for path in late]
    for path in late:
        path.unlink()
    page = open_page(start_app(folder).url)
    assert frame_is_whole(page, 2)
    for path, content in zip(late, contents, strict=True):
        path.write_bytes(content)
    page.get_by_role("button", name="train", exact=True).click()
    assert frame_is_whole(page, 3)
    expect(
        page.get_by_role("radio", name=re.compile("^Primary version 1.2, .* accuracy 0"))
    ).to_have_count(1)
    expect(page.locator("[class*=st-key-chip-]")).to_have_count(1)  # the click itself is not lost


@pytest.mark.timeout(420)
def test_the_first_evaluation_shows_how_far_it_is_and_leaves_the_page_usable(
    start_app, digits_project, tmp_path, open_page, complaints
):
    # the last six versions, with parameters of their own, so that no other test has fitted these
    fresh = Path(shutil.copytree(digits_project, tmp_path / "digits"))
    shutil.rmtree(fresh / ".chameleon", ignore_errors=True)
    settings = fresh / "chameleon.toml"
    head, *versions = settings.read_text(encoding="utf-8").split("[[versions]]")
    changed = head.replace("random_state = 0", "random_state = 1")
    assert changed != head
    settings.write_text("[[versions]]".join([changed, *versions[-6:]]), encoding="utf-8")
    for number in range(len(versions) - 6):
        (fresh / "versions" / f"1.{number}.parquet").unlink()
    page = open_page(f"{start_app(fresh).url}/features")
    progress = page.locator("[data-testid=stProgress]")
    text = re.compile(r"Fitting version 1\.\d+: (\d+) of 6 done\.")
    expect(progress).to_contain_text(text, timeout=60_000)
    assert 0 <= int(text.search(progress.inner_text())[1]) < 6
    # the data is there without outcomes
    first = page.locator(".feature-view .plot[role=slider]").first
    expect(first).to_have_attribute("aria-label", re.compile(r"primary 1.11 [\d,]+ unknown; "))
    page.get_by_role("button", name="train", exact=True).click()
    line = page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ instances$"))
    expect(line).to_be_visible()
    before = line.inner_text()
    go(page, "Timeline")
    expect(page.get_by_text("The models are being fitted: the lines follow.")).to_be_visible()
    go(page, "Overview")
    expect(page.get_by_text("being computed").first).to_be_visible()
    go(page, "Features")
    expect(line).to_have_text(before)
    expect(progress).to_be_visible()  # all that happened while the models were being fitted
    # nothing is touched any more: the outcomes come by themselves
    expect(progress).to_have_count(0, timeout=240_000)
    expect(first).to_have_attribute("aria-label", re.compile(r"primary 1.11 [\d,]+ correct, "))
    expect(line).to_have_text(before)
    project = chameleon.open_project(fresh)
    evaluation = chameleon.evaluate(project)
    assert evaluation.fitted == ()  # what the app fitted was kept beside the project
    wanted = Selection("1.11", "1.10", Filters(splits=(Split.TRAIN,)))
    found = selected(evaluation, wanted)
    expect(line).to_have_text(f"{found.instances:,} of {found.of:,} instances")
    go(page, "Overview")
    accuracy = chameleon.version_metrics(evaluation)["test_accuracy"][-1]
    info = page.get_by_role("table", name="Dataset info")
    expect(info).to_contain_text(f"{accuracy:.3f}")
    expect(page.get_by_text("64 features", exact=True)).to_be_visible()
    assert not complaints.lines


# ---------------------------------------------------------------- what cannot be used


def test_a_missing_project_is_said_without_a_path(start_app, open_page, tmp_path):
    server = start_app(tmp_path / "nowhere")
    for path in PATHS:
        page = open_page(f"{server.url}/{path}")
        expect(page.get_by_text("There is no project folder 'nowhere'.")).to_be_visible()
        assert str(tmp_path) not in page.content()
        assert "Traceback" not in page.content()
    assert "Traceback" not in server.printed()


def test_an_unusable_project_gets_a_sentence_and_the_pages_stay(start_app, open_page, tmp_path):
    folder = write_project(tmp_path / "odd", {"1": plain().drop("label").rename({"x": "width"})})
    page = open_page(start_app(folder).url)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("width")
    for name in ("Timeline", "Features"):
        link(page, name).click()
        expect(page).to_have_url(re.compile(name.lower()))
        expect(alert).to_contain_text("width")
    for secret in (str(tmp_path), "Traceback", "site-packages"):
        assert secret not in page.content()
    # mended while the server runs: the next look shows it
    write_project(folder, {"1": plain()}, predictions=showcases.given({"1": plain()}))
    page.reload()
    assert frame_is_whole(page, 1)


# ---------------------------------------------------------------- hostile names


def nothing_was_injected(page):
    assert page.evaluate("window.hacked") is None
    found = page.evaluate(
        """() => {
          const hits = [];
          const look = root => root.querySelectorAll('*').forEach(node => {
            if (node.shadowRoot) look(node.shadowRoot);
            const foul = 'img[src="x"], a[href^="javascript"], [onerror]';
            if (node.matches(foul)) hits.push(node.outerHTML);
          });
          look(document);
          return hits;
        }"""
    )
    assert found == []
    return True


def test_hostile_names_show_as_text_on_every_page(showcase, open_page, complaints):
    shown = showcase("hostile")
    query = f"label={quote(showcases.MARKUP)}&f:{quote(showcases.MARKDOWN)}={quote('=*b*')}"
    for path in PATHS:
        page = open_page(f"{shown.url}/{path}?{query}&source={quote('<b>gone</b>')}")
        assert frame_is_whole(page, 3)
        for version in showcases.HOSTILE_VERSIONS:
            name = re.compile("^Primary version " + re.escape(version) + ",")
            expect(page.get_by_role("radio", name=name)).to_have_count(1)
        expect(
            page.get_by_text("There is no source '<b>gone</b>' in this dataset.")
        ).to_be_visible()
        chips = page.locator("[class*=st-key-chip-]")
        expect(chips).to_have_count(2)
        expect(chips.nth(0)).to_contain_text(f"label: {showcases.MARKUP}")
        expect(chips.nth(1)).to_contain_text("**bold** `code` $x$ :smile: :red[")
        sidebar = page.locator("[data-testid=stSidebar]")
        expect(sidebar.get_by_text(re.compile(re.escape("<script>window.hacked")))).to_be_visible()
        assert nothing_was_injected(page)
    rows = page.locator(".feature-view .row .name")
    expect(rows).to_have_count(len(showcases.HOSTILE_FEATURES))
    names = rows.all_inner_texts()
    shown_names = [name.rsplit(" ", 1)[0] for name in names]
    assert sorted(shown_names) == sorted(showcases.HOSTILE_FEATURES)
    assert not complaints.lines


def test_hostile_names_stay_text_in_tooltips_and_small_multiples(showcase, open_page):
    shown = showcase("hostile")
    page = open_page(f"{shown.url}/features")
    row = page.locator(".feature-view .row").filter(has_text=showcases.MARKDOWN)
    target = row.locator(".plot[role=slider]").first
    target.scroll_into_view_if_needed()
    for share in (0.3, 0.5, 0.7):
        target.hover(position={"x": target.bounding_box()["width"] * share, "y": 50})
        expect(page.locator(".feature-view .tip b")).to_have_text(showcases.MARKDOWN)
    page.locator(".timeline .strip .spot").first.hover()
    expect(page.locator(".timeline .tip")).to_contain_text("<img src=x onerror='window.hacked=1'>")
    page.mouse.move(5, 5)
    page.get_by_text("One feature over all versions").click()
    expect(page.locator("[data-testid=stVegaLiteChart]")).to_have_count(1)
    assert nothing_was_injected(page)
    go(page, "Timeline")
    chart = page.locator("[data-testid=stVegaLiteChart]").nth(1)
    inner = chart.locator("canvas, svg.marks").first
    expect(inner).to_be_visible()
    where = inner.bounding_box()
    inner.hover(position={"x": where["width"] * 0.3, "y": where["height"] * 0.75})
    expect(page.locator("#vg-tooltip-element")).to_contain_text("1 <b>x<")
    assert nothing_was_injected(page)


def test_what_is_clicked_by_a_hostile_name_comes_back_from_the_address(showcase, open_page):
    shown = showcase("hostile")
    page = open_page(f"{shown.url}/features")
    target = page.locator(".feature-view .plot[role=slider]").nth(2)
    target.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    line = page.get_by_text(re.compile(r"^\d+ of \d+ instances$"))
    expect(line).to_be_visible()
    before, address = line.inner_text(), page.url
    assert before.split()[0] != before.split()[2]
    copied = open_page(address)
    expect(copied.get_by_text(before, exact=True)).to_be_visible()
    assert nothing_was_injected(copied)
