"""Take the pictures of the documents in the real app on its sample data.

Start the app first, then: `python -m docs.take_pictures http://127.0.0.1:8501`, with
`pages`, `lists` or `tours` behind it for some of them.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from chameleon.project import TourStep, read_tour
from docs.write_tours import SAMPLES, address, picture

PICTURES = Path(__file__).parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
WIDE, TALL = 1440, 900
FAULTY = "primary=1.9&secondary=1.8"
STEP_WIDE, STEP_TALL = 900, 920
KINDS = ["pages", "lists", "tours"]
BESIDE = 256  # the sidebar, which is the same in every picture of a step
TALLER = {("sensor", 3): 1240, ("sensor", 4): 1200, ("logs", 3): 1100}
BELOW = {("logs", 2): "When did each feature drift?"}
"""The heading of what a step describes, if it is out of sight on arrival."""


def opened(browser: Browser, address: str, *, height: int = TALL) -> Page:
    """A page of the app with everything drawn."""
    page = browser.new_page(viewport={"width": WIDE, "height": height}, color_scheme="light")
    page.goto(address)
    page.locator('[role="radio"]').first.wait_for()
    settled(page)
    return page


def settled(page: Page) -> None:
    """Wait until the script has run and everything is drawn."""
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    page.wait_for_timeout(1500)  # fonts and transitions


def take(base: str, kinds: list[str]) -> None:
    """Take every picture of these kinds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if "pages" in kinds:
            take_pages(browser, base)
        if "lists" in kinds:
            take_lists(browser, base)
        if "tours" in kinds:
            for sample in SAMPLES:
                folder = PICTURES.parent.parent / "sample_data" / sample
                for number, step in enumerate(read_tour(folder), start=1):
                    take_step(browser, base, sample, number, step)
        browser.close()


def take_step(browser: Browser, base: str, sample: str, number: int, step: TourStep) -> None:
    """Take a step's picture: small, and in few colours."""
    height = TALLER.get((sample, number), STEP_TALL)
    page = opened(browser, address(sample, number, step, base), height=height)
    page.locator(".st-key-tour").wait_for()
    settled(page)
    if (sample, number) in BELOW:
        page.get_by_text(BELOW[sample, number]).evaluate("node => node.scrollIntoView()")
        settled(page)
    else:
        page.mouse.move(WIDE - 5, 5)
    clip = {"x": BESIDE, "y": 0, "width": WIDE - BESIDE, "height": height}
    drawn = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    size = (STEP_WIDE, round(drawn.height * STEP_WIDE / drawn.width))
    # an octree keeps every hue near, which a median cut does not: colours have a meaning here
    small = drawn.resize(size, Image.Resampling.LANCZOS).quantize(
        256, method=Image.Quantize.FASTOCTREE
    )
    picture(sample, number).parent.mkdir(exist_ok=True)
    small.save(picture(sample, number), optimize=True)
    page.context.close()


def take_lists(browser: Browser, base: str) -> None:
    """Take the pages about single instances: the table, and an exclusion list with entries."""
    wrong = "primary=1.11&secondary=1.10&split=test&outcome=incorrect"
    page = opened(browser, f"{base}/instances?{wrong}", height=1080)
    page.get_by_role("radio", name="Gallery").or_(
        page.get_by_role("button", name="Gallery")
    ).first.click()
    page.locator("[data-testid=stImage] img").nth(10).wait_for()
    settled(page)
    page.screenshot(path=PICTURES / "instances.png")
    damaged = "primary=1.5&secondary=1.4&source=vendor&outcome=incorrect"
    page = opened(browser, f"{base}/exclusion_lists?{damaged}", height=1080)
    page.get_by_label("Name of the new list").fill("damaged images")
    reason = page.locator(".st-key-exclusion-list-add-reason input")
    reason.fill("blank")
    reason.press("Enter")
    settled(page)
    page.locator(".st-key-exclusion-list-add-instances button").click()
    page.get_by_text("Affected instances").wait_for()
    settled(page)
    page.screenshot(path=PICTURES / "exclusion_list.png")


def take_pages(browser: Browser, base: str) -> None:
    """Take the pages of docs/pages.md, of which README shows the first."""
    page = opened(browser, f"{base}/?primary=1.5&secondary=1.4")
    page.get_by_role("slider").nth(3).wait_for()
    page.screenshot(path=PICTURES / "overview.png")
    page = opened(browser, f"{base}/timeline?{FAULTY}", height=960)
    page.locator("canvas, svg.marks").nth(2).wait_for()
    page.screenshot(path=PICTURES / "timeline.png")
    page = opened(browser, f"{base}/data_changes?{FAULTY}", height=1080)
    page.locator(".stVegaLiteChart path").nth(60).wait_for()
    page.screenshot(path=PICTURES / "iteration.png")
    page = opened(browser, f"{base}/features?{FAULTY}&source=vendor")
    page.get_by_role("slider").first.wait_for()
    page.screenshot(path=PICTURES / "features.png")
    page = opened(browser, f"{base}/embedding?{FAULTY}", height=1080)
    page.locator(".stVegaLiteChart path").nth(60).wait_for()
    page.screenshot(path=PICTURES / "embedding.png")
    page = opened(browser, f"{base}/prediction_changes?{FAULTY}", height=1080)
    page.locator(".stVegaLiteChart path").first.wait_for()
    page.screenshot(path=PICTURES / "changes.png")
    page = opened(browser, f"{base}/sensitivity?{FAULTY}", height=1080)
    page.locator(".stVegaLiteChart path").first.wait_for()
    page.screenshot(path=PICTURES / "sensitivity.png")
    page = opened(browser, f"{base}/failures?primary=1.5&secondary=1.4", height=1380)
    page.locator(".stVegaLiteChart path").nth(60).wait_for()
    page.screenshot(path=PICTURES / "failures.png")
    page = opened(browser, f"{base}/attribution?{FAULTY}", height=1380)
    page.locator(".stVegaLiteChart path").first.wait_for()
    page.screenshot(path=PICTURES / "attribution.png")
    page = opened(browser, f"{base}/data_check?{FAULTY}", height=1080)
    page.get_by_text("What are the findings?").wait_for()
    page.screenshot(path=PICTURES / "check.png")


if __name__ == "__main__":
    take(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501", sys.argv[2:] or KINDS)
