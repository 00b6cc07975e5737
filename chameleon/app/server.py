"""The beginning and the end of the server."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from streamlit import cli_util, net_util
from streamlit.web.server import server_util


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Print the app's address, open it in a browser, and run until a signal ends it."""
    stay_offline()
    _end_on_signals()
    address = st.get_option("server.address") or "localhost"
    url = server_util.get_url(server_util.get_display_address(address))
    print(f"Chameleon runs at {url}", flush=True)
    if not st.get_option("server.headless"):
        cli_util.open_browser(url)
    yield


def stay_offline() -> None:
    """Let Streamlit look up no address of this machine.

    It compares them with the Origin header of every connection that another site opens, and asks an
    outside service for one of them while all visitors wait. The hosts of `server.allowedHosts` and
    `server.corsAllowedOrigins` are enough.
    """
    net_util.get_external_ip = net_util.get_internal_ip = lambda: None


def _end_on_signals() -> None:
    """End the process in the ordinary way, so that what is registered for its exit is done.

    uvicorn would kill it with the signal that stopped the server.
    """
    server: Any = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not hasattr(server, "should_exit"):
        return  # another server runs the app

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
