"""Wait until a starting app answers, then until its first page shows the digits sample."""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Error, expect, sync_playwright

SAMPLE = Path(__file__).parent.parent / "sample_data" / "digits"
INSTALL_SECONDS = 600  # a first download of scikit-learn, pyarrow and numba
SHOW_SECONDS = 120
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def expected_texts(sample: Path) -> list[str]:
    """Return what the first page must show: the sample's name and its newest version.

    Both are read from the sample's own chameleon.toml.
    """
    described = tomllib.loads((sample / "chameleon.toml").read_text(encoding="utf-8"))
    return [described["name"], described["versions"][-1]["name"]]


def is_alive(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child that ended stays as a zombie until the shell waits for it.
    return " Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")


def answers(url: str) -> bool:
    """Return whether the server says that it is healthy."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_for_answer(url: str, pid: int) -> None:
    """Return once the server answers; leave with a message when it ended or took too long."""
    end = time.monotonic() + INSTALL_SECONDS
    pause = threading.Event()
    while not answers(url):
        if not is_alive(pid):
            sys.exit("The command ended before the app answered.")
        if time.monotonic() > end:
            sys.exit(f"The app did not answer within {INSTALL_SECONDS} s.")
        pause.wait(0.5)


def check_page(url: str, texts: list[str]) -> None:
    """Return once the page shows every text and no exception; raise AssertionError otherwise."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        exception = page.get_by_test_id("stException")
        for text in texts:
            # Not part of a longer word or number: version 1.1 is not found in 1.10.
            whole = re.compile(rf"(?<![\w.]){re.escape(text)}(?!\w|\.\d)")
            chosen = page.locator(f'input[value="{text}"]')  # as the project in the sidebar
            shown = page.get_by_text(whole).or_(chosen).filter(visible=True).first
            expect(shown.or_(exception).first).to_be_visible(timeout=SHOW_SECONDS * 1000)
            assert exception.count() == 0, f"an exception where {text!r} should be"
        finished = page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')
        expect(finished).to_be_visible(timeout=SHOW_SECONDS * 1000)
        assert exception.count() == 0, "an exception on the page"
        browser.close()


def main() -> None:
    """Check the app at the address given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--starting", type=int, required=True, help="process id of the command")
    arguments = parser.parse_args()
    wait_for_answer(arguments.url, arguments.starting)
    texts = expected_texts(SAMPLE)
    try:
        check_page(arguments.url, texts)
    except (AssertionError, Error) as problem:
        sys.exit(f"The first page does not show the digits sample ({texts}): {problem}")
    print(f"The first page shows {' and '.join(repr(text) for text in texts)}.")


if __name__ == "__main__":
    main()
