"""What the eye meets: nothing sticks out, text can be read, bars seen, and nothing is redrawn."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import go, river, wait_until_run

# What can be seen of the main area's elements beyond its right edge; what scrolls may stand there.
STICKING_OUT = """() => {
  const main = document.querySelector('.stMain'), edge = main.getBoundingClientRect().right;
  const parent = node => node.parentElement ?? node.getRootNode().host;
  const seen = node => {
    let right = node.getBoundingClientRect().right;
    for (let at = parent(node); at && at !== main; at = parent(at)) {
      if (getComputedStyle(at).overflowX !== 'visible') {
        right = Math.min(right, at.getBoundingClientRect().right);
      }
    }
    return right;
  };
  const out = [];
  const look = root => root.querySelectorAll('*').forEach(node => {
    if (node.shadowRoot) look(node.shadowRoot);
    if (node.closest('[popover], [role=tooltip], details:not([open]) > :not(summary)')) return;
    if (!node.getClientRects().length) return;
    if (seen(node) > edge + 1) out.push(node.outerHTML.slice(0, 160));
  });
  look(main);
  return out;
}"""


def drawn(page):
    """Wait until the project is opened and the Feature View has drawn something."""
    expect(page.get_by_test_id("stProgress")).to_have_count(0)
    wait_until_run(page)
    page.locator(".feature-view .row").first.scroll_into_view_if_needed()  # else not drawn
    expect(page.locator(".feature-view path.bar").first).to_be_attached()


CONTRAST = """([root, texts]) => {
  const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
    .getContext('2d', { willReadFrequently: true });
  const over = (colour, ground) => {
    pen.fillStyle = `rgb(${ground.join()})`;
    pen.fillRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const parent = node => node.parentElement ?? node.getRootNode().host;
  const ground = node => {
    const layers = [];
    for (let at = node; at; at = parent(at)) layers.unshift(getComputedStyle(at).backgroundColor);
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = rgb => rgb.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const ratio = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = {};
  const note = (what, node, colour) => {
    const behind = ground(node), seen = ratio(over(colour, behind), behind);
    if (!(what in found) || seen < found[what]) found[what] = seen;
  };
  const marks = [  // which nodes, the property that colours them, and whether it is their edge
    ['.bar:is(.primary, .secondary, .both):not(.dim)', 'fill'],
    ['path.line, path.axis, rect.chosen', 'stroke'],
    ['.swatch:is(.primary, .secondary, .both)', 'backgroundColor', true],
  ];
  for (const node of texts ? root.querySelectorAll('*:not(style)') : []) {
    const written = [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const colour = node instanceof SVGElement ? 'fill' : 'color';
    const kind = `${node.tagName} ${node.getAttribute('class') ?? ''}`;
    if (written) note(kind, node, getComputedStyle(node)[colour]);
  }
  for (const [selector, colour, edge] of texts ? [] : marks) {
    for (const node of root.querySelectorAll(selector)) {
      note(selector, edge ? parent(node) : node, getComputedStyle(node)[colour]);
    }
  }
  return found;
}"""


def contrasts(page, view, *, texts):
    """The least contrast of every kind of text, or else of mark, with what is behind it."""
    return page.locator(view).evaluate(f"(root, texts) => ({CONTRAST})([root, texts])", texts)


def test_text_has_a_contrast_of_4_5_and_bars_of_3(showcase, open_page):
    page = open_page(showcase("kinds").url("features", "f:few=%3Dred&label=no"))
    drawn(page)
    page.locator("label").filter(has_text=re.compile("^True labels")).click()
    expect(page.locator(".feature-view .labels")).to_be_visible()
    plot = page.locator(".feature-view .plot[role=slider]").first
    plot.hover(position={"x": 150, "y": 40})
    expect(page.locator(".feature-view .tip")).to_be_visible()
    for scheme in ("light", "dark"):
        overview = open_page(showcase("kinds").url(), scheme=scheme)
        expect(overview.locator(".story .river")).to_be_visible()
        for shown, view, kinds in (
            (page, ".feature-view", {True: 4.5, False: 3}),
            (page, ".story", {True: 4.5}),
            (overview, ".story", {True: 4.5}),
        ):
            shown.emulate_media(color_scheme=scheme)
            expect(shown.locator(".story")).to_have_attribute("data-theme", scheme)
            for texts, least in kinds.items():
                found = contrasts(shown, view, texts=texts)
                assert len(found) >= 3
                assert {kind: seen for kind, seen in found.items() if seen < least} == {}


# ---------------------------------------------------------------- nothing is drawn in vain


def mark_nodes(page, selector):
    """Number the nodes, so that a node that was made again is one without a number."""
    return page.locator(selector).evaluate_all("nodes => nodes.forEach((n, k) => n.marked = k + 1)")


def marked(page, selector):
    return page.locator(selector).evaluate_all("nodes => nodes.map(node => node.marked)")


def test_filters_and_versions_rebuild_neither_components_nor_charts(showcase, open_page):
    page = open_page(showcase("kinds").url("features"))
    drawn(page)
    river(page).wait_for()
    wait_until_run(page)
    kept = ".feature-view, .feature-view .row, .feature-view .plot, .feature-view svg"
    strip = ".story, .story .river, .story .river-hit"
    mark_nodes(page, kept)
    mark_nodes(page, strip)
    counts = [page.locator(selector).count() for selector in (kept, strip)]
    first = page.locator(".feature-view .plot[role=slider]").first
    before = first.get_attribute("aria-label")
    page.get_by_role("button", name="incorrect", exact=True).click()
    expect(first).not_to_have_attribute("aria-label", before)
    river(page).press("Home")
    expect(page).to_have_url(re.compile("primary=a"))
    expect(first).to_have_attribute("aria-label", re.compile("primary a "))
    assert marked(page, kept) == list(range(1, counts[0] + 1))
    assert marked(page, strip) == list(range(1, counts[1] + 1))

    page.get_by_text("One feature over all versions").click()
    for name, charts, outcome in (("Features", 1, "correct"), ("Timeline", 3, "incorrect")):
        go(page, name)
        drawings = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg.marks"
        expect(page.locator(drawings)).to_have_count(charts)
        wait_until_run(page)
        mark_nodes(page, drawings)
        address = page.url
        river(page).press("End")
        page.get_by_role("button", name=outcome, exact=True).click()
        expect(page).not_to_have_url(address)
        wait_until_run(page)
        assert marked(page, drawings) == [*range(1, charts + 1)]


DRAWN_ROWS = "rows => rows.filter(row => row.querySelector('svg path')).length"


def test_of_500_features_only_rows_in_view_are_drawn_under_the_head(showcase, open_page):
    page = open_page(showcase("many_features").url("features"), width=900)
    drawn(page)
    assert page.evaluate(STICKING_OUT) == []
    rows = page.locator(".feature-view .row")
    expect(rows).to_have_count(500)
    expect(page.locator(".feature-view .head")).to_contain_text("500 features")
    assert 3 <= rows.evaluate_all(DRAWN_ROWS) <= 30
    row = rows.nth(200)
    row.scroll_into_view_if_needed()
    expect(row.locator("path.bar").first).to_be_attached()
    head = page.locator(".feature-view .head").bounding_box()
    assert 0 <= head["y"] <= 120
    assert row.bounding_box()["y"] >= head["y"] + head["height"] - 1
    last = page.locator(".feature-view .plot[role=slider]").last
    assert last.get_attribute("aria-label").startswith("f499, test: primary 1.1 ")  # named all
    last.scroll_into_view_if_needed()
    expect(rows.last.locator("path.bar").first).to_be_attached()
    assert rows.evaluate_all(DRAWN_ROWS) <= 60
    last.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("f%3Af499="))
    expect(rows.last.locator("rect.chosen").first).to_be_attached()
