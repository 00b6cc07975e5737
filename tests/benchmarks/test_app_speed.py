"""Speed of the pages in a real Chromium, as ratios to a floor taken in the same run.

Run with `pytest -m benchmark -n 0 -s tests/benchmarks/test_app_speed.py`. The floor is an app
with only the embedding chart. Times go from the mouse button's release to the frame after the
change was drawn, medians of clicks taken in turn.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chameleon.app.sidebar import PAGES
from chameleon.layout import LayoutProcess
from tests import internals as chameleon

from .generated import write_timeline

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AT_MOST = 1.6
AGAIN_AT_MOST = 12
NOISE = 0.3
ROUNDS = 9
VERSIONS = 19
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update",
        "--disable-sync"]  # fmt: skip

# Resolves with the time from the next release of the button to the frame in which `changed` holds.
WATCH = """(changed) => { window.taken = new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error("nothing changed: " + changed)), 20000);
  const test = new Function("return (" + changed + ")");
  const before = test();
  addEventListener("pointerup", () => {
    const start = performance.now();
    const look = () => test() !== before
      ? requestAnimationFrame(() => resolve(performance.now() - start))
      : requestAnimationFrame(look);
    look();
  }, { capture: true, once: true });
}); }"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


@contextmanager
def running(script: Path, project: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CHAMELEON_PROJECT": str(project), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true",
               "--server.port", str(port), "--server.address", "127.0.0.1"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield address
        finally:
            server.kill()


def project_of(folder: Path, features: int) -> Path:
    """The paper's size with given predictions, so that nothing is trained."""
    write_timeline(folder, features=features)
    (folder / "predictions").mkdir()
    random = np.random.default_rng(1)
    for number in range(VERSIONS):
        version = pl.read_parquet(
            folder / "versions" / f"1.{number}.parquet", columns=["id", "label"]
        )
        wrong = random.random(len(version)) < 0.16
        said = pl.when(pl.Series(wrong)).then(pl.lit("moved")).otherwise("label")
        version.select("id", prediction=said).write_parquet(
            folder / "predictions" / f"1.{number}.parquet"
        )
    # the layout is ready before anything is measured, so that no process works beside
    process = LayoutProcess(chameleon.evaluate(chameleon.open_project(folder)).dataset)
    process.start()
    process.wait()
    return folder


def clicks(page, places: list[tuple[float, float]], changed: str) -> Callable[[], float]:
    """A measured click on the next of the places."""
    assert places, "no mark was found"
    turn = itertools.cycle(places)
    return lambda: clicked_at(page, next(turn), changed)


def middles(page, marks: str, shown: str = "b.width > 4 && b.height > 4") -> list[tuple]:
    """The middles of marks in sight, the largest first."""
    boxes = page.locator(marks).evaluate_all(
        f"""(marks) => marks.map((mark) => mark.getBoundingClientRect())
             .filter((b) => b.bottom < innerHeight && {shown})
             .sort((a, b) => b.width * b.height - a.width * a.height)
             .map((b) => [b.x + b.width / 2, b.y + b.height / 2])"""
    )
    return [tuple(box) for box in boxes]


def cells(page, chart: str, changed: str) -> Callable[[], float]:
    """A measured click on the next large square of an embedding, none of its grid (11 px wide)."""
    square = "b.width > 4 && b.width < 10.5 && Math.abs(b.width - b.height) < 1"
    return clicks(page, middles(page, f"{chart} g.mark-rect path", square)[:6], changed)


def opened(browser, address: str, *, wait_for: str):
    page = browser.new_page(viewport={"width": 1440, "height": 1400})
    page.goto(address)
    page.wait_for_selector(wait_for, timeout=240_000, state="attached")
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=60_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0")
    return page


PLOT = ".feature-view .plot[role=slider]"
COUNT_OF_FLOOR = "document.querySelector('[data-testid=stMarkdown]').textContent"
# the totals in the head of the Feature View stand in its shadow root
TOTALS = (
    "[...document.querySelectorAll('*')].map((e) => e.shadowRoot)"
    ".filter((r) => r && r.querySelector('.feature-view'))"
    ".map((r) => r.querySelector('.head').textContent).join()"
)


@pytest.mark.timeout(1800)
def test_clicks_and_versions_stay_within_the_bound_of_the_floor(tmp_path_factory):
    results: dict[int, tuple[float, float]] = {}
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        for features in (20, 34, 64):
            folder = project_of(tmp_path_factory.mktemp(f"features-{features}"), features)
            with running(ROOT / "streamlit_app.py", folder) as app:
                page = opened(browser, f"{app}/features", wait_for=PLOT)
                with running(Path(__file__).parent / "floor_app.py", folder) as floor_app:
                    floor_page = opened(
                        browser, floor_app, wait_for=".st-key-floor g.mark-rect path"
                    )
                    floor = cells(floor_page, ".st-key-floor", COUNT_OF_FLOOR)
                    click = clicks(page, bar_places(page), TOTALS)
                    pairs = [(floor(), click(), version_change(page)) for _ in range(ROUNDS + 2)]
            base, clicked, changed = (
                statistics.median(column) for column in list(zip(*pairs[2:], strict=True))
            )
            results[features] = clicked / base, changed / base
            print(
                f"\n{features} features x 2 splits: floor {base:.0f} ms; click on a bar "
                f"{clicked / base:.2f}, change of version {changed / base:.2f} times the floor"
            )
        browser.close()
    for features, (clicked, changed) in results.items():
        assert clicked <= AT_MOST, f"{features} features: click {clicked:.2f}"
        assert changed <= AT_MOST, f"{features} features: version {changed:.2f}"
    assert results[64][0] <= results[20][0] + NOISE


# The title of the page, once it is complete (the Overview has none); until then what it was.
TITLE = "(document.querySelector('[data-testid=stMain] h4')?.textContent ?? 'Overview')"
ARRIVED = (
    "document.querySelector('[data-test-script-state=notRunning]')"
    " && document.querySelectorAll('[data-testid=stSkeleton]').length === 0"
    f" && {TITLE} || window.left"
)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sample", ["sensor", "logs"])
def test_the_samples_stay_within_the_bound_of_the_floor(tmp_path, sample):
    kept = shutil.ignore_patterns(".chameleon", "__pycache__")
    folder = Path(shutil.copytree(ROOT / "sample_data" / sample, tmp_path / sample, ignore=kept))
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        with (
            running(ROOT / "streamlit_app.py", folder) as app,
            running(Path(__file__).parent / "floor_app.py", folder) as floor_app,
        ):
            floor_page = opened(browser, floor_app, wait_for=".st-key-floor g.mark-rect path")
            floor = cells(floor_page, ".st-key-floor", COUNT_OF_FLOOR)
            ratios: dict[str, float] = {}
            for name, click in sample_clicks(browser, app).items():
                ratios[name] = ratio(floor, click)
                print(f"\n{sample}: {name} {ratios[name]:.2f} times the floor", flush=True)
            page = opened(browser, app, wait_for=".story .frow")
            arrivals: dict[str, list[float]] = {}
            base = statistics.median(floor() for _ in range(ROUNDS))
            for _ in ("first", "again"):
                for label in (*(label for _, label, _ in PAGES[1:]), PAGES[0][1]):
                    arrivals.setdefault(label, []).append(arrival(page, label) / base)
            for label, times in arrivals.items():
                first, again = times
                print(f"\n{sample}: arrival on {label} {first:.1f}, again {again:.1f}")
        browser.close()
    for name, found in ratios.items():
        assert found <= AT_MOST, f"{sample}: {name} {found:.2f}"
    for label, (_, again) in arrivals.items():
        assert again <= AGAIN_AT_MOST, f"{sample}: coming back to {label} {again:.2f}"


def ratio(floor: Callable[[], float], click: Callable[[], float]) -> float:
    """The median of a click over that of the floor, taken in turn; the first two warm up."""
    pairs = [(floor(), click()) for _ in range(ROUNDS + 2)][2:]
    base, taken = (statistics.median(column) for column in zip(*pairs, strict=True))
    return taken / base


def sample_clicks(browser, app: str) -> dict[str, Callable[[], float]]:
    """A measured click on a bar and on a version, each on a Features page of its own."""
    bar_page, version_page = (
        # with a filter there are chips from the start, and no click moves what is below them
        opened(browser, f"{app}/features?split=train", wait_for=PLOT)
        for _ in range(2)
    )
    return {
        "a histogram bar": clicks(bar_page, bar_places(bar_page), TOTALS),
        "a version": partial(version_change, version_page),
    }


def bar_places(page) -> list[tuple[float, float]]:
    """Two bars of the first histogram: a click on either takes the place of the other."""
    page.wait_for_selector(".feature-view .plot svg", state="attached")
    box = page.locator(".feature-view .plot").first.bounding_box()
    assert box is not None
    return [(box["x"] + box["width"] * at, box["y"] + box["height"] / 2) for at in (0.35, 0.55)]


def clicked_at(page, place: tuple[float, float], changed: str) -> float:
    page.mouse.move(5, 5)
    page.evaluate(WATCH, changed)
    page.mouse.click(*place)
    taken = page.evaluate("window.taken")
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    return float(taken)


def arrival(page, label: str) -> float:
    """From the click on a link of the navigation until the page is complete."""
    page.evaluate(f"window.left = {TITLE}")
    box = page.locator("[data-testid=stSidebar]").get_by_role("link", name=label).bounding_box()
    assert box is not None
    return clicked_at(page, (box["x"] + 30, box["y"] + box["height"] / 2), ARRIVED)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("features", [20, 64])
def test_the_server_has_at_most_half_of_the_browsers_part_in_a_rerun(tmp_path, features):
    folder = project_of(tmp_path / "project", features)
    script, times = timed_app(tmp_path / "app")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        with running(script, folder) as app:
            page = opened(browser, f"{app}/features", wait_for=PLOT)
            tasks = page.context.new_cdp_session(page)
            tasks.send("Performance.enable")

            def busy() -> float:
                metrics = tasks.send("Performance.getMetrics")["metrics"]
                return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

            in_browser: list[float] = []
            times.write_text("")
            for _ in range(ROUNDS + 2):
                before = busy()
                version_change(page)
                page.wait_for_timeout(300)
                in_browser.append(busy() - before)
        browser.close()
    server = [float(line) for line in times.read_text().split()]
    assert len(server) == ROUNDS + 2
    ours, its = statistics.median(server[2:]), statistics.median(in_browser[2:])
    print(
        f"\nrerun of the Features page, {features} features: server {ours * 1000:.0f} ms, browser "
        f"{its * 1000:.0f} ms of work, ratio {ours / its:.2f}"
    )
    assert ours <= its / 2


def timed_app(folder: Path) -> tuple[Path, Path]:
    """The app, with a Features page that notes the processor time of each of its runs."""
    times = folder / "times"
    shutil.copytree(ROOT / "pages", folder / "pages")
    shutil.copy(ROOT / "streamlit_app.py", folder)
    page = folder / "pages" / "features.py"
    page.write_text(
        "import time\nstart = time.thread_time()\n"
        + page.read_text()
        + f"\nwith open({str(times)!r}, 'a') as file:\n"
        + "    print(time.thread_time() - start, file=file)\n"
    )
    return folder / "streamlit_app.py", times


def version_change(page) -> float:
    """A measured click on one of two versions near the middle of the line, in turn."""
    river = page.get_by_role("slider", name="Primary version")
    box, here = river.bounding_box(), int(river.get_attribute("aria-valuenow"))
    share = 0.6 if here < VERSIONS * 0.55 else 0.45
    return clicked_at(page, (box["x"] + box["width"] * share, box["y"] + box["height"] / 2), TOTALS)
