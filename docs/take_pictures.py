"""Take the README's pictures of the real app on its sample data.

Start the app first, then: `python docs/take_pictures.py http://127.0.0.1:8501`
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
CHROMIUM = "/usr/bin/chromium"
WIDE, TALL = 1440, 900
FAULTY = "primary=1.9&secondary=1.8"


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


def take(base: str) -> None:
    """Take every picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = opened(browser, f"{base}/?{FAULTY}", height=1250)
        page.get_by_role("slider").first.wait_for()
        page.get_by_role("combobox", name="Sort by").click()
        page.get_by_role("option", name="distance between the versions").click()
        settled(page)
        page.screenshot(path=PICTURES / "overview.png")
        page = opened(browser, f"{base}/timeline?{FAULTY}", height=960)
        page.locator("canvas, svg.marks").nth(2).wait_for()
        page.screenshot(path=PICTURES / "timeline.png")
        page = opened(browser, f"{base}/iteration?{FAULTY}", height=1080)
        page.locator(".stVegaLiteChart path").nth(60).wait_for()
        page.screenshot(path=PICTURES / "iteration.png")
        page = opened(browser, f"{base}/features?{FAULTY}&source=vendor")
        page.get_by_role("slider").first.wait_for()
        page.screenshot(path=PICTURES / "features.png")
        page = opened(browser, f"{base}/embedding?{FAULTY}", height=1080)
        page.locator(".stVegaLiteChart path").nth(60).wait_for()
        page.screenshot(path=PICTURES / "embedding.png")
        page = opened(browser, f"{base}/changes?{FAULTY}", height=1080)
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
        page = opened(browser, f"{base}/check?{FAULTY}", height=1080)
        page.get_by_text("What was noticed?").wait_for()
        page.screenshot(path=PICTURES / "check.png")
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8501")
