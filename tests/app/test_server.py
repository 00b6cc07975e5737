"""The running server: it looks up nothing, listens on this machine, and ends cleanly."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.app.visitors import Visitor
from tests.browser.conftest import App, running_app
from tests.library import plain, write_project

# Python runs it at the start of every process. A name that is looked up, and an address that is
# connected to, is written down and never answered, unless it is this machine's.
WATCH = """
import atexit, os, sys, threading

def note(text):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(text + "\\n")

def watch(event, values):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = values[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = values[1][0] if isinstance(values[1], tuple) else None
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and host not in ("localhost", "::1") and not host.startswith("127."):
        note(f"{event} {host}")
        if "SILENT" in os.environ:
            threading.Event().wait()

sys.addaudithook(watch)
atexit.register(note, "ended")
"""
PATIENCE_SECONDS = 60.0


@pytest.fixture
def notes(tmp_path, monkeypatch) -> Path:
    """Return the file of what the processes started from here ask of others."""
    watch = tmp_path / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(watch))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def refuse_strangers(app: App) -> None:
    for origin in ("http://elsewhere.example", "https://192.0.2.7:8501", "null"):
        with pytest.raises(InvalidStatus), Visitor(app.url, origin=origin, patience=20):
            pass


def refuse_file(app: App) -> None:
    """Require that no file can be sent from another site."""
    address = f"{app.url}/_stcore/upload_file/session/file"
    request = urllib.request.Request(address, data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request, timeout=10)
    assert raised.value.code == 403
    raised.value.close()  # it is the answer, with its connection


def is_reached(app: App, address: str) -> bool:
    port = int(app.url.rpartition(":")[2])
    with suppress(OSError), socket.create_connection((address, port), timeout=5):
        return True
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine on Linux")
def test_a_server_asks_nobody_and_listens_on_this_machine(tmp_path, notes):
    project = write_project(tmp_path / "project", {"1": plain(), "2": plain(24)})
    with running_app(tmp_path, project, SILENT="1") as app:
        refuse_strangers(app)  # first of all: no page has run yet
        with Visitor(app.url, patience=PATIENCE_SECONDS) as visitor:
            assert visitor.open("").errors == []
            refuse_strangers(app)
            assert visitor.open("timeline").errors == []
        assert is_reached(app, "127.0.0.1")
        assert not is_reached(app, "127.0.0.2")
        refuse_file(app)
    assert app.process.returncode == 0
    assert set(notes.read_text().splitlines()) == {"ended"}
    assert app.printed().splitlines()[0] == f"Chameleon runs at {app.url}"


def test_what_a_process_asks_of_others_is_noted(notes):
    asked = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.7', 1))"
    subprocess.run([sys.executable, "-c", asked], check=True)
    assert notes.read_text() == "socket.connect 192.0.2.7\nended\n"
