"""The Feature View in a browser: what it shows is what the library counts, whatever is done to it.

The project has a feature of every kind; see `tests.app.showcases.write_kinds`.
"""

import random
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import expect

from chameleon.analysis import COUNT_COLUMNS, selected
from chameleon.app.feature_payload import choose_bars
from chameleon.project import Split
from chameleon.selection import filter_of_bars, has_histogram
from tests import internals as chameleon
from tests.internals import FeatureFilter, Filters, Selection

DEFAULT = Selection("b", "a")
OUTCOMES = ("correct", "incorrect", "unknown")


@pytest.fixture
def kinds(showcase):
    return showcase("kinds")


@pytest.fixture
def page(kinds, open_page):
    page = open_page(kinds.url("features"))
    plots(page).first.wait_for()
    return page


def plots(page):
    return page.locator(".feature-view .plot[role=slider]")


def plot(page, feature, split):
    return page.locator(f'.feature-view .plot[aria-label^="{feature}, {split}:"]')


def histograms(evaluation, selection):
    return chameleon.feature_histograms(
        evaluation, primary=selection.primary, secondary=selection.secondary,
        filters=selection.filters,
    )  # fmt: skip


def spoken(counts, selection):
    """The six counts as the accessible names say them."""

    def side(three):
        told = zip(three, OUTCOMES, strict=True)
        return ", ".join(f"{n:,} {word}" for n, word in told if n or word != "unknown")

    return (
        f"primary {selection.primary} {side(counts[:3])}; "
        f"secondary {selection.secondary} {side(counts[3:])}"
    )


def names_of_rows(evaluation, selection, splits=("train", "test")):
    """The beginning of every plot's accessible name, from the library's counts."""
    frame = histograms(evaluation, selection)
    return [
        f"{feature.name}, {split}: "
        + spoken(
            frame.filter(feature=feature.name, split=split).select(COUNT_COLUMNS).sum().row(0),
            selection,
        )
        for feature in evaluation.dataset.features
        if has_histogram(feature)
        for split in splits
    ]


def tally(evaluation, selection):
    """The strip's count of the primary's matching test instances."""
    matching, of = (
        selected(evaluation, one).by_split["test"][0]
        for one in (selection, replace(selection, filters=Filters()))
    )
    if selection.filters.is_empty:
        return re.compile(f"^{of:,} test instances in {selection.primary}( |$)")
    if not matching:
        return re.compile(f"^(No instances match these filters|0 of {of:,} )")
    return f"{matching:,} of {of:,} test instances in {selection.primary} match"


def shows(page, evaluation, selection, splits=("train", "test")):
    """Return True once rows, count, chips, and address all show this selection."""
    filters = selection.filters
    chips = len(filters.features) + sum(kind.field != "features" for kind in filters.by_kind)
    expect(page.locator(".tally")).to_have_text(tally(evaluation, selection))
    expect(page.get_by_role("button", name=re.compile("^Remove filter "))).to_have_count(chips)
    expect(page).to_have_url(re.compile(re.escape(selection.to_query_string().split("&f")[0])))
    names = names_of_rows(evaluation, selection, splits)
    expect(plots(page)).to_have_count(len(names))
    for place, name in enumerate(names):
        rest = r"(; \d+ bars chosen as a filter)?$"
        expect(plots(page).nth(place)).to_have_attribute(
            "aria-label", re.compile(re.escape(name) + rest)
        )
    return True


def tooltip(page):
    return page.locator(".feature-view .tip")


def counts_of_tooltip(page):
    """Range, and correct and incorrect (and unknown) of both versions, as the tooltip says."""
    expect(tooltip(page)).to_be_visible()
    place = tooltip(page).locator("div").first.inner_text()
    cells = tooltip(page).locator("td").all_inner_texts()
    return place, [int(cell.split()[0].replace(",", "")) for cell in cells]


def bar_of(frame, words):
    """The library's bar that a tooltip names, for a range of numbers or a category."""
    if found := re.match(r"\[(.+), (.+)[)\]]$", words):
        low = float(found[1].replace(",", ""))
        ranges = frame.filter(bar="range")
        return ranges.row((ranges["low"] - low).abs().arg_min(), named=True)
    if words.startswith(("below", "above", "missing", "not finite")):
        kind = words.split()[0].rstrip(",").replace("not", "non-finite")
        return frame.filter(bar=kind).row(0, named=True)
    return frame.filter(category=words).row(0, named=True)


@pytest.mark.parametrize(("feature", "split"), [("wide", "train"), ("few", "test")])
def test_the_tooltip_says_the_range_and_the_counts_of_the_library(page, kinds, feature, split):
    frame = histograms(kinds.evaluation, DEFAULT).filter(feature=feature, split=split)
    target = plot(page, feature, split)
    target.scroll_into_view_if_needed()
    width = target.bounding_box()["width"]
    seen = set()
    for share in np.linspace(0.2, 0.97, 6):
        target.hover(position={"x": width * share, "y": 50})
        if target.locator("rect.hover").count() == 0:
            continue  # between the last bar and those apart
        place, counts = counts_of_tooltip(page)
        where, words = place.split(", ", 1)
        assert where == split
        bar = bar_of(frame, words)
        both = [(bar[f"primary_{o}"], bar[f"secondary_{o}"]) for o in OUTCOMES]
        told = [n for pair, o in zip(both, OUTCOMES, strict=True) if any(pair) or o != "unknown"
                for n in pair]  # fmt: skip
        assert counts == told
        seen.add(words)
    assert len(seen) >= 2


def test_a_click_filters_by_the_bar_and_a_second_one_undoes_it(page, kinds):
    assert shows(page, kinds.evaluation, DEFAULT)
    target = plot(page, "few", "train")
    target.scroll_into_view_if_needed()
    spot = {"x": target.bounding_box()["width"] * 0.3, "y": 50}
    target.hover(position=spot)
    category = counts_of_tooltip(page)[0].split(", ", 1)[1]
    target.click(position=spot)
    chosen = FeatureFilter("few", categories=(category,))
    assert shows(page, kinds.evaluation, replace(DEFAULT, filters=Filters(features=(chosen,))))
    chip = page.get_by_role("button", name=f"Remove filter few: {category}")
    expect(chip).to_be_visible()
    expect(page).to_have_url(re.compile(rf"f%3Afew=%3D{category}(&|$)"))
    expect(target.locator("rect.chosen")).to_have_count(1)
    # its own filter does not narrow it; the others keep their unfiltered outline
    expect(plot(page, "wide", "train").locator("path.ghost")).to_have_count(1)
    expect(page.locator(".legend")).to_contain_text(["Outline: all of b", ""])
    target.click(position=spot)
    assert shows(page, kinds.evaluation, DEFAULT)
    expect(page.locator(".feature-view path.ghost")).to_have_count(0)
    expect(page.locator(".feature-view rect.chosen")).to_have_count(0)


def test_a_brush_filters_by_a_range_unless_escaped_and_shift_adds_to_it(page, kinds):
    evaluation = kinds.evaluation
    target = plot(page, "wide", "train")
    target.scroll_into_view_if_needed()
    where = target.bounding_box()

    def brush():
        y = where["y"] + 40
        page.mouse.move(where["x"] + where["width"] * 0.3, y)
        page.mouse.down()
        page.mouse.move(where["x"] + where["width"] * 0.5, y, steps=4)

    brush()
    expect(target.locator("rect.brush")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(target.locator("rect.brush")).to_have_count(0)
    page.mouse.up()
    assert shows(page, evaluation, DEFAULT)
    brush()
    place, counts = counts_of_tooltip(page)
    words = place.split(", ", 1)[1]
    page.mouse.up()
    expect(page).to_have_url(re.compile("f%3Awide="))
    from_address = Selection.from_query_string(page.url.split("?")[1], DEFAULT)
    (brushed,) = from_address.filters.features
    assert len(brushed.ranges) == 1
    low, high = (float(n) for n in re.match(r"\[(.+?), .* to \[.*, (.+?)[)\]]$", words).groups())
    assert brushed.ranges[0][:2] == pytest.approx((low, high), rel=1e-4, abs=1e-6)
    assert shows(page, evaluation, from_address)
    # what the brush said of the primary is what is left of it: the filter reads its rows
    assert sum(counts[::2]) == selected(evaluation, from_address).by_split["train"][0]
    before = page.url
    target.click(position={"x": where["width"] * 0.9, "y": 40}, modifiers=["Shift"])
    expect(
        page.locator('.feature-view .row[aria-label="wide"]').locator("rect.chosen")
    ).to_have_count(4)
    expect(page).not_to_have_url(before)  # the address comes after the view
    wider = Selection.from_query_string(page.url.split("?")[1], DEFAULT)
    (both,) = wider.filters.features
    assert set(brushed.ranges) < set(both.ranges) or both.missing or both.non_finite
    assert shows(page, evaluation, wider)


def focused_bar(page):
    return page.evaluate(
        """() => {
          let node = document.activeElement;
          while (node?.shadowRoot) node = node.shadowRoot.activeElement;
          return [node?.getAttribute('aria-label'), node?.getAttribute('aria-valuetext')];
        }"""
    )


def test_the_view_is_one_tab_stop_and_the_keys_walk_it(page, kinds):
    frame = histograms(kinds.evaluation, DEFAULT)
    view = page.locator(".feature-view")
    expect(view.locator("[tabindex='0']")).to_have_count(1)
    view.locator("[tabindex='0']").focus()
    for feature in ("few", "flag", "many", "moment", "whole"):
        assert focused_bar(page)[0].startswith(f"{feature}, train")
        if feature != "whole":
            page.keyboard.press("ArrowDown")
    page.keyboard.press("PageDown")
    assert focused_bar(page)[0].startswith("whole, test")
    page.keyboard.press("Home")
    wanted = frame.filter(feature="whole", split="test", low=0.0)
    zero = spoken(wanted.select(COUNT_COLUMNS).row(0), DEFAULT)
    assert focused_bar(page)[1] == f"0: {zero}"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    whole = frame.filter(feature="whole", split="test")
    two = whole.filter(pl.col("low").is_between(1, 2))
    both = spoken(two.select(COUNT_COLUMNS).sum().row(0), DEFAULT)
    assert focused_bar(page)[1] == f"1 to 2: {both}"
    expect(tooltip(page)).to_contain_text("test, 1 to 2")
    page.keyboard.press("Enter")
    feature = kinds.evaluation.dataset.features[kinds.evaluation.dataset.feature_number("whole")]
    chosen = filter_of_bars(feature, [1, 2])
    filtered = replace(DEFAULT, filters=Filters(features=(chosen,)))
    assert shows(page, kinds.evaluation, filtered)
    assert focused_bar(page)[0].startswith("whole, test")  # the run took no focus away
    page.keyboard.press("End")
    page.keyboard.press("Shift+Enter")
    wider = filter_of_bars(feature, [1, 2, 5])
    assert shows(page, kinds.evaluation, replace(DEFAULT, filters=Filters(features=(wider,))))
    page.keyboard.press("Escape")
    assert shows(page, kinds.evaluation, DEFAULT)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused_bar(page)[0].startswith("words: ")  # the last row has a note, and is reached
    page.keyboard.press("Tab")
    assert not (focused_bar(page)[0] or "").startswith("words")


def switch(page, name):
    page.locator("label").filter(has_text=re.compile(f"^{name}")).first.click()


def test_shares_labels_and_validation_are_switched(page, kinds):
    evaluation = kinds.evaluation
    train = plot(page, "few", "train")
    train.scroll_into_view_if_needed()
    expect(train.locator("text.tick.end").first).not_to_contain_text("%")
    switch(page, "Shares")
    expect(train.locator("text.tick.end").first).to_contain_text("%")
    spot = {"x": train.bounding_box()["width"] * 0.3, "y": 50}
    train.hover(position=spot)
    category = counts_of_tooltip(page)[0].split(", ", 1)[1]
    frame = histograms(evaluation, DEFAULT).filter(feature="few", split="train")
    bar, total = frame.filter(category=category), frame.select(COUNT_COLUMNS).sum()
    share = bar["primary_correct"].item() / sum(total.row(0)[:3])
    cell = tooltip(page).locator("td").first
    written = float(re.search(r"\((.+)%\)", cell.inner_text())[1])
    assert written == pytest.approx(100 * share, rel=5e-3)
    switch(page, "True labels")
    expect(page.locator(".labels")).to_be_visible()
    assert page.locator(".labels .key").all_inner_texts() == ["maybe", "no", "yes", "no label"]
    train.hover(position=spot)
    expect(tooltip(page)).to_contain_text("True labels of b")
    labels = labels_of(evaluation, "few", category)
    for label, count in labels.items():
        told = re.search(rf"{label}: ([\d.]+)%", tooltip(page).inner_text())[1]
        assert float(told) == pytest.approx(100 * count / sum(labels.values()), rel=5e-3)
    page.mouse.move(5, 5)
    switch(page, "Validation")
    expect(page.locator(".head .total")).to_have_count(3)
    assert shows(page, evaluation, DEFAULT, ("train", "test", "validation"))


def labels_of(evaluation, feature, category):
    """Counted from the arrays: the labels of the primary's train rows with that category."""
    dataset = evaluation.dataset
    rows = dataset.rows_of(dataset.version_number("b"))
    rows = rows[dataset.split[rows] == 0]
    texts = dataset.texts[feature].to_list()
    values = np.asarray(dataset.values[dataset.feature_number(feature)][rows])
    held = rows[values == texts.index(category)]
    counts = np.bincount(dataset.label[held], minlength=len(dataset.classes))
    return dict(zip(dataset.classes, counts.tolist(), strict=True))


def test_a_random_walk_always_shows_the_counts_of_the_library(page, kinds):
    evaluation, chance, at = kinds.evaluation, random.Random(1), DEFAULT
    drawn = [f for f in evaluation.dataset.features if has_histogram(f)]
    for _ in range(8):
        step = chance.choice(["bar", "bar", "bar", "split", "outcome", "version"])
        if step == "bar":
            feature = chance.choice(drawn).name
            target = plot(page, feature, "train")
            target.focus()
            page.keyboard.press("Home")
            last = int(target.get_attribute("aria-valuemax")) - 1
            place, extend = chance.randint(0, last), chance.random() < 0.4
            for _ in range(place):
                page.keyboard.press("ArrowRight")
            page.keyboard.press("Shift+Enter" if extend else "Enter")
            filters = choose_bars(evaluation, at.filters, feature, [place], extend=extend)
            at = replace(at, filters=filters)
        elif step == "split":
            split = chance.choice(["train", "test"])
            page.get_by_role("button", name=split, exact=True).click()
            splits = [Split(name) for name in ("train", "test")]
            chosen = {s for s in splits if (s in at.filters.splits) != (s == split)}
            kept = [s for s in at.filters.splits if s in chosen]
            kept += [s for s in chosen if s not in kept]
            at = replace(at, filters=replace(at.filters, splits=tuple(kept)))
        elif step == "outcome":
            outcome = chance.choice(OUTCOMES[:2])
            page.get_by_role("button", name=outcome, exact=True).click()
            before = at.filters.outcomes
            after = tuple(o for o in before if o != outcome)
            after = (*before, outcome) if after == before else after
            at = replace(at, filters=replace(at.filters, outcomes=after))
        else:
            version = chance.choice(["a", "b"])
            key = "Shift+ArrowRight" if version == "b" else "Shift+ArrowLeft"
            page.get_by_role("slider", name="Primary version").press(key)
            at = replace(at, secondary=version)
        assert shows(page, evaluation, at)
