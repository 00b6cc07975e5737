"""A real Streamlit server and a real Chromium for the tests in this folder.

Without Chromium or playwright these tests are skipped, with CHAMELEON_REQUIRE_BROWSER=1 (as in CI)
they fail instead. Nothing sleeps: every wait is for a condition.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from urllib.parse import quote, urlsplit

import pytest

from chameleon.analysis import default_scope
from chameleon.app import sidebar
from chameleon.project import read_settings
from tests import internals as chameleon
from tests.app import showcases
from tests.app.conftest import matching
from tests.library import evaluated

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request

ROOT = Path(__file__).parent.parent.parent
PICTURES = Path(__file__).parent / "pictures"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHIPS = ".fchip"
"""The removable filters of the Story or its strip."""

START_SECONDS = 120
WAIT_SECONDS = 60
FAILED = pytest.StashKey[bool]()
# On a deep link Streamlit looks for its server under the page's path first, and is told 404. The
# icon of the tab is dropped with the run that a rerun cuts off, and sent again by the next one.
STREAMLITS_OWN = re.compile(r"/[a-z_]+/_stcore/(health|host-config)$|/media/[0-9a-f]+\.png$")

SHOWCASES = ("growing", "kinds", "hostile", "squares", "extremes", "many_features", "many_versions")
PAGES = tuple(title for group in sidebar.NAVIGATION.values() for _, title in group)
DRAWN = """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
  .every(chart => chart.querySelector('svg.marks, canvas'))"""

Scheme = Literal["light", "dark"]


def without_browser(reason: str) -> NoReturn:
    if os.environ.get("CHAMELEON_REQUIRE_BROWSER") == "1":
        pytest.fail(f"CHAMELEON_REQUIRE_BROWSER=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class App:
    """A running server: its address, its process and the file that holds what it printed."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_app(folder: Path, *projects: Path, **variables: str) -> Iterator[App]:
    """Start the app on projects (none: on its samples) and end it afterwards.

    ``folder`` takes the server's log and is its user's cache; ``variables`` are the environment's.
    """
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    if projects:
        command += ["--", *map(str, projects)]
    environment = os.environ | {
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_PORT": str(port),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **variables,
    }
    environment.pop("CHAMELEON_PROJECT", None)
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    app = App(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_until_healthy(app)
        yield app
    finally:
        end_process(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(app: App) -> None:
    end = time.monotonic() + START_SECONDS
    while not is_healthy(app.url):
        # The pause between two questions is a wait for the server's early end.
        with suppress(subprocess.TimeoutExpired):
            status = app.process.wait(timeout=0.1)
            pytest.fail(f"The server ended with status {status}:\n{app.printed()}", pytrace=False)
        if time.monotonic() > end:
            pytest.fail(f"No answer within {START_SECONDS} s:\n{app.printed()}", pytrace=False)


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_process(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """Return a function that starts a server on project folders, each in a cache of its own.

    The servers end with the session.
    """
    with ExitStack() as running:

        def start(*projects: Path) -> App:
            folder = tmp_path_factory.mktemp("app")
            return running.enter_context(running_app(folder, *projects))

        yield start


@pytest.fixture(scope="session")
def app(start_app: Callable[..., App], digits_project: Path) -> App:
    """Return a server on the digits sample, whose models are in the sample."""
    return start_app(digits_project)


@dataclass(frozen=True)
class Showcase:
    """A project of `tests.app.showcases` on a server with all of them."""

    app: App
    project: Path
    evaluation: chameleon.Evaluation

    def url(self, path: str = "", query: str = "") -> str:
        """The address of a page that opens on this project."""
        settings = read_settings(self.project)
        name = " ".join((settings.name or self.project.name).split())
        return f"{self.app.url}/{path}?project={quote(name)}&{query}".rstrip("&")


@pytest.fixture(scope="session")
def showcase(
    start_app: Callable[..., App], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Showcase]:
    """Return a function that gives a project by its name, on the one server of a worker."""
    folder = tmp_path_factory.mktemp("showcases")
    projects = {name: getattr(showcases, f"write_{name}")(folder / name) for name in SHOWCASES}
    app = start_app(*projects.values())
    # evaluated here, so that its first page is complete
    return cache(lambda name: Showcase(app, projects[name], evaluated(projects[name])))


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Return Debian's Chromium under playwright."""
    if not CHROMIUM.exists():
        without_browser(f"there is no {CHROMIUM}")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        without_browser("playwright is not installed")
    expect.set_options(timeout=WAIT_SECONDS * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@dataclass
class Complaints:
    """What the pages of one test did wrong: uncaught errors, lines of the error console, requests
    to other hosts.
    """

    lines: list[str] = field(default_factory=list)

    def watch(self, page: "Page") -> None:
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("console", self.note)
        page.on("request", self.note_request)

    def note(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and not STREAMLITS_OWN.search(message.location["url"]):
            self.lines.append(f"{message.text} ({message.location['url']})")

    def note_request(self, request: "Request") -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):  # None: data: and blob:
            self.lines.append(f"asks {request.url}")


@pytest.fixture
def complaints() -> Complaints:
    """Return what this test's pages report; a test that forbids complaints looks into it."""
    return Complaints()


@pytest.fixture(scope="session")
def window(browser: "Browser") -> "BrowserContext":
    """Return the window whose tabs load Streamlit's scripts once; a tab is a session of its own."""
    context = browser.new_context()
    context.set_default_timeout(WAIT_SECONDS * 1000)
    return context


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, window: "BrowserContext", complaints: Complaints
) -> Iterator[Callable[..., "Page"]]:
    """Return a function that opens an address in a tab of its own.

    It comes back once Streamlit has run the page. If the test fails, the tabs are pictured under
    tests/browser/pictures.
    """
    with ExitStack() as tabs:
        pages: list[Page] = []

        def open_one(
            url: str, *, width: int = 1440, height: int = 900, scheme: Scheme = "light"
        ) -> "Page":
            page = window.new_page()
            tabs.callback(close, page)
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            pages.append(page)
            complaints.watch(page)
            page.goto(url)
            wait_until_run(page)
            return page

        yield open_one
        if request.node.stash.get(FAILED, False):
            for number, page in enumerate(pages, start=1):
                page.screenshot(path=picture_path(f"{request.node.name}-{number}"))


def close(page: "Page") -> None:
    """Close a tab; what it remembers of its server, such as a closed sidebar, goes with it."""
    if not page.is_closed():
        page.evaluate("localStorage.clear()")
        page.close()


def wait_until_run(page: "Page") -> None:
    # Streamlit writes the state of its runs on the root of the app.
    page.locator(
        '[data-testid="stApp"][data-test-script-state="notRunning"]'
        '[data-test-connection-state="CONNECTED"]'
    ).wait_for()


def go(page: "Page", name: str) -> None:
    """Go to a page by its link in the sidebar, and wait until it is drawn."""
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    if name == "Overview":  # it has no title
        page.locator(".story[data-mode=full] .river").wait_for()
    else:
        title = page.locator(".stMain").get_by_role("heading", level=4)
        title.filter(has_text=name).wait_for()
    if name not in ("Overview", "New project"):
        page.locator(".story[data-mode=strip] .river").wait_for()
    wait_until_run(page)
    page.wait_for_function(DRAWN)


def tally(evaluation: chameleon.Evaluation, selection: chameleon.Selection) -> str:
    """What the Story, or its strip, says of the primary's instances in the usual scope."""
    scope = default_scope(evaluation.dataset)
    count, of = matching(evaluation, selection, scope)
    what = "instances" if scope == "all" else f"{scope} instances"
    if selection.filters.is_empty:
        return f"{of:,} {what} in {selection.primary}"
    return f"{count:,} of {of:,} {what} in {selection.primary} match"


def river(page: "Page") -> "Locator":
    """The versions, as one slider; its text names the primary first."""
    return page.get_by_role("slider", name="Primary version")


def clear_filters(page: "Page") -> None:
    """Remove every filter by its chip."""
    while page.locator(CHIPS).count():
        page.locator(CHIPS).first.click()
    expect_unfiltered(page)


def expect_unfiltered(page: "Page") -> None:
    """Wait until no filter is set, in the view and in the address."""
    from playwright.sync_api import expect

    expect(page.locator(".tally")).not_to_contain_text("match")
    wait_until_run(page)


def shown_selection(page: "Page", evaluation: chameleon.Evaluation) -> chameleon.Selection:
    """The selection of the address, once the page shows the library's count for it.

    The address follows the page's own view, so that it is read until both agree.
    """
    from playwright.sync_api import expect

    for _ in range(WAIT_SECONDS):
        query = urlsplit(page.url).query
        chosen = chameleon.Selection.from_query_string(
            query, chameleon.Selection.newest(evaluation)
        )
        line = tally(evaluation, chosen)
        with suppress(AssertionError):
            expect(page.locator(".tally")).to_contain_text(line, timeout=1000)
            return chosen
    pytest.fail(f"The page does not show {line} for its address {page.url}.")


def click_until(click: Callable[[], None], seen: Callable[[float], None], tries: int = 4) -> None:
    """Click until what the click leads to is seen.

    Streamlit makes a chart anew when its width settles; a click that comes just before is lost, as
    it is for a visitor, who clicks again. A second click on a mark that is chosen changes nothing.
    `seen` fails with an AssertionError when nothing is seen within so many milliseconds.
    """
    for _ in range(tries - 1):
        click()
        with suppress(AssertionError):
            seen(6000)
            return
    click()
    seen(WAIT_SECONDS * 1000)


def picture_path(name: str) -> Path:
    PICTURES.mkdir(exist_ok=True)
    return PICTURES / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}.png"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
