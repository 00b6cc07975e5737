"""What the eye meets: nothing sticks out, text can be read, bars seen, and nothing is redrawn."""

import re

import pytest
from playwright.sync_api import expect

PATHS = ("", "timeline", "features")
themes = pytest.mark.parametrize("scheme", ["light", "dark"])

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
    """Wait until the page's own view has drawn something."""
    expect(page.locator(".timeline .box").first).to_be_visible()
    if "timeline" in page.url.split("?")[0]:
        charts = page.locator("[data-testid=stVegaLiteChart]")
        expect(charts).to_have_count(3)
        for place in range(3):
            expect(charts.nth(place).locator("canvas, svg.marks").first).to_be_visible()
    else:
        page.locator(".feature-view .row").first.scroll_into_view_if_needed()  # else not drawn
        expect(page.locator(".feature-view path.bar").first).to_be_attached()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["growing", "hostile"])
def test_no_page_scrolls_sideways_or_complains(showcase, open_page, complaints, name, path):
    page = open_page(f"{showcase(name).url}/{path}")
    for width in (1440, 900):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            expect(page.locator(".timeline").first).to_have_attribute("data-theme", scheme)
            drawn(page)
            page.wait_for_function(f"({STICKING_OUT})().length === 0")  # once charts have settled
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width
            assert page.locator(".stMain").evaluate("node => node.scrollWidth <= node.clientWidth")
    assert not complaints.lines


@pytest.mark.parametrize(
    ("name", "path"), [("two_hundred_versions", "timeline"), ("many_features", "features")]
)
def test_many_versions_or_features_stay_inside_a_narrow_page(showcase, open_page, name, path):
    page = open_page(f"{showcase(name).url}/{path}", width=900)
    drawn(page)
    assert page.evaluate(STICKING_OUT) == []


@pytest.mark.parametrize("name", ["growing", "hostile"])
def test_the_dataset_info_keeps_to_its_column(showcase, open_page, name):
    page = open_page(showcase(name).url)
    drawn(page)
    info = page.get_by_role("table", name="Dataset info").bounding_box()
    view = page.locator(".feature-view").bounding_box()
    assert info["x"] + info["width"] <= view["x"]


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
    ['.strip :is(.primary, .secondary) .box', 'borderTopColor', true],
    ['.line.primary [aria-checked=true] i', 'borderTopColor', true],
    ['.line.secondary [aria-checked=true] i', 'borderBottomColor', true],
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


@themes
def test_text_has_a_contrast_of_4_5_and_bars_of_3(showcase, open_page, scheme):
    query = "f:few=%3Dred&label=no"
    page = open_page(f"{showcase('kinds').url}/features?{query}", scheme=scheme)
    drawn(page)
    page.locator("label").filter(has_text=re.compile("^True labels")).click()
    expect(page.locator(".feature-view .labels")).to_be_visible()
    plot = page.locator(".feature-view .plot[role=slider]").first
    plot.hover(position={"x": 150, "y": 40})
    expect(page.locator(".feature-view .tip")).to_be_visible()
    for view in (".feature-view", ".timeline"):
        theme = page.locator(view).get_attribute("data-theme")
        assert theme == scheme
        texts = contrasts(page, view, texts=True)
        assert len(texts) >= 3
        assert {kind: seen for kind, seen in texts.items() if seen < 4.5} == {}
        marks = contrasts(page, view, texts=False)
        assert len(marks) >= 3
        assert {kind: seen for kind, seen in marks.items() if seen < 3} == {}


@themes
def test_the_overview_can_be_read(showcase, open_page, scheme):
    page = open_page(showcase("growing").url, scheme=scheme)
    drawn(page)
    texts = contrasts(page, ".chameleon-info", texts=True)
    assert len(texts) >= 3
    assert {kind: seen for kind, seen in texts.items() if seen < 4.5} == {}


# ---------------------------------------------------------------- nothing is drawn in vain


def mark_nodes(page, selector):
    """Number the nodes, so that a node that was made again is one without a number."""
    return page.locator(selector).evaluate_all("nodes => nodes.forEach((n, k) => n.marked = k + 1)")


def marked(page, selector):
    return page.locator(selector).evaluate_all("nodes => nodes.map(node => node.marked)")


def test_a_filter_rebuilds_neither_the_feature_view_nor_the_timeline(showcase, open_page):
    page = open_page(f"{showcase('kinds').url}/features")
    drawn(page)
    kept = ".feature-view, .feature-view .row, .feature-view .plot, .feature-view svg"
    strip = ".timeline, .timeline .spot"
    mark_nodes(page, kept)
    mark_nodes(page, strip)
    counts = [page.locator(selector).count() for selector in (kept, strip)]
    first = page.locator(".feature-view .plot[role=slider]").first
    before = first.get_attribute("aria-label")
    page.get_by_role("button", name="incorrect", exact=True).click()
    expect(first).not_to_have_attribute("aria-label", before)
    assert marked(page, kept) == list(range(1, counts[0] + 1))
    page.get_by_role("radio", name=re.compile("^Primary version a,")).click()
    expect(page).to_have_url(re.compile("primary=a"))
    expect(first).to_have_attribute("aria-label", re.compile("primary a "))
    assert marked(page, kept) == list(range(1, counts[0] + 1))
    assert marked(page, strip) == list(range(1, counts[1] + 1))


def embedded(page, count):
    drawings = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg.marks"
    expect(page.locator(drawings)).to_have_count(count)
    return drawings


def test_other_versions_and_filters_embed_no_chart_again(showcase, open_page, run_finished):
    page = open_page(f"{showcase('kinds').url}/timeline")
    drawn(page)
    drawings = embedded(page, 3)
    mark_nodes(page, drawings)
    page.get_by_role("radio", name=re.compile("^Primary version a,")).click()
    expect(page).to_have_url(re.compile("primary=a"))
    page.get_by_role("button", name="incorrect", exact=True).click()
    expect(page).to_have_url(re.compile("outcome=incorrect"))
    run_finished(page)
    assert marked(page, drawings) == [1, 2, 3]


def test_small_multiples_take_new_counts_without_being_embedded_again(
    showcase, open_page, run_finished
):
    page = open_page(f"{showcase('kinds').url}/features")
    drawn(page)
    page.get_by_text("One feature over all versions").click()
    drawings = embedded(page, 1)
    mark_nodes(page, drawings)
    page.get_by_role("button", name="correct", exact=True).click()
    expect(page).to_have_url(re.compile("outcome=correct"))
    run_finished(page)
    assert marked(page, drawings) == [1]


DRAWN_ROWS = "rows => rows.filter(row => row.querySelector('svg path')).length"


def test_of_500_features_only_rows_in_view_are_drawn(showcase, open_page):
    page = open_page(f"{showcase('many_features').url}/features")
    drawn(page)
    rows = page.locator(".feature-view .row")
    expect(rows).to_have_count(500)
    expect(page.locator(".feature-view .head")).to_contain_text("500 features")
    assert 3 <= rows.evaluate_all(DRAWN_ROWS) <= 30
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


def test_the_head_of_the_feature_view_stays_in_sight(showcase, open_page):
    page = open_page(f"{showcase('many_features').url}/features")
    drawn(page)
    row = page.locator(".feature-view .row").nth(200)
    row.scroll_into_view_if_needed()
    expect(row.locator("path.bar").first).to_be_attached()
    head = page.locator(".feature-view .head").bounding_box()
    assert 0 <= head["y"] <= 120
    assert row.bounding_box()["y"] >= head["y"] + head["height"] - 1
