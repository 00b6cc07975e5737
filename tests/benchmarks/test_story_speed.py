"""Speed of the Story in a real Chromium, at the paper's size: hover, brush, step, and opening.

Run with `pytest -m benchmark -n 0 -s tests/benchmarks/test_story_speed.py`. Times are those of the
main thread for one event and the frame that follows it, as medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from .test_app_speed import ARGS, CHROMIUM, ROOT, project_of, running

playwright = pytest.importorskip("playwright.sync_api")

EVENTS = 40
STEPS = 8
# Milliseconds at most for a hovered frame; twice what is aimed at, for busy machines.
HOVER_AT_MOST = {20: 24, 100: 32, 500: 40}
MOST_BYTES_OF_A_STEP = 30_000
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


@dataclass
class Watched:
    """A page, the bytes that it received, and how long its main thread was busy."""

    page: object
    received: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on(
            "websocket",
            lambda socket: socket.on(
                "framereceived", lambda frame: self.received.append(len(frame))
            ),
        )
        self._tasks = self.page.context.new_cdp_session(self.page)
        self._tasks.send("Performance.enable")

    def busy(self) -> float:
        """Milliseconds of work since the page was opened."""
        metrics = self._tasks.send("Performance.getMetrics")["metrics"]
        return 1000 * next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    def work_of(self, events: Iterable[Callable[[], None]]) -> float:
        """The median work of one event, until the frame after the next."""
        taken = []
        for event in events:
            before = self.busy()
            event()
            self.page.evaluate(TWO_FRAMES)
            taken.append(self.busy() - before)
        return statistics.median(taken)


def moves(page, selector: str, top: float, bottom: float) -> list[Callable[[], None]]:
    """Pointer moves along the diagonal of an element, between two shares of its height."""
    box = page.locator(selector).first.bounding_box()
    places = [i / (EVENTS - 1) for i in range(EVENTS)]

    def move(at: float) -> Callable[[], None]:
        x = box["x"] + box["width"] * (0.2 + 0.7 * at)
        y = box["y"] + box["height"] * (top + (bottom - top) * at)
        return lambda: page.mouse.move(x, y)

    return [move(at) for at in places]


def opened(browser, address: str) -> tuple[Watched, float]:
    """The Overview with its rows, and the seconds until they were painted."""
    watched = Watched(browser.new_page(viewport={"width": 1440, "height": 900}))
    start = time.perf_counter()
    watched.page.goto(address)
    watched.page.locator(".story .frow path.both[d^=M]").first.wait_for(timeout=240_000)
    watched.page.evaluate(TWO_FRAMES)
    return watched, time.perf_counter() - start


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("features", [20, 100, 500])
def test_hovering_draws_within_its_bound_and_a_step_sends_no_payload(tmp_path, features):
    folder = project_of(tmp_path / "project", features)
    with playwright.sync_playwright() as driver, running(ROOT / "streamlit_app.py", folder) as app:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        opened(browser, app)  # everything is computed and cached now
        watched, painted = opened(browser, app)
        page, payload = watched.page, sum(watched.received)
        hover = watched.work_of(moves(page, ".map-box", 0.2, 0.8))
        bars = watched.work_of(moves(page, ".frow.first svg", 0.4, 0.4))
        page.mouse.down()
        brush = watched.work_of(moves(page, ".frow.first svg", 0.4, 0.4))
        page.mouse.up()
        page.keyboard.press("Escape")
        river = page.get_by_role("slider", name="Primary version")
        river.focus()
        page.wait_for_timeout(1000)
        before = sum(watched.received)
        step = watched.work_of([lambda: page.keyboard.press("ArrowLeft")] * STEPS)
        page.wait_for_timeout(1000)
        sent = (sum(watched.received) - before) / STEPS
        nodes = page.locator(".story *").count()
        browser.close()
    print(
        f"\n{features} features: painted after {painted:.1f} s with {payload:,} bytes; hover over "
        f"a cell {hover:.1f} ms, over a bar {bars:.1f} ms, brush {brush:.1f} ms; step {step:.1f} "
        f"ms and {sent:,.0f} bytes; {nodes} nodes"
    )
    assert hover <= HOVER_AT_MOST[features]
    assert max(bars, brush) <= 1.5 * HOVER_AT_MOST[features]
    assert sent <= MOST_BYTES_OF_A_STEP
