"""The server: its operator's decisions, its start, and its end."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import cli_util, net_util
from streamlit.web.server import server_util

PROJECT_VARIABLE = "CHAMELEON_PROJECT"
"""One project, or several between `os.pathsep`; the command line goes first."""

WRITING_VARIABLE = "CHAMELEON_ALLOW_WRITING"
WRITING_FLAG = "--allow-writing"
UPLOADS_VARIABLE = "CHAMELEON_UPLOADS"
UPLOADS_FLAG = "--no-uploads"
UMAP_VARIABLE = "CHAMELEON_UMAP"
"""Set to "off" to compute a layout only when somebody asks for one."""

SAMPLES = tuple(
    str(Path(__file__).parents[2] / "sample_data" / name) for name in ("digits", "sensor", "logs")
)
"""The projects that come with Chameleon; the first one is shown first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's decisions.

    `addresses` are the projects to show, as `open_project` takes them. Visitors may write into
    them, or upload data, where `may_write` or `uploads` allows it; with `umap`, layouts are
    computed without being asked for.
    """

    addresses: tuple[str, ...] = SAMPLES
    may_write: bool = False
    uploads: bool = True
    umap: bool = True


def operator() -> Operator:
    """The decisions of this process's operator."""
    return decided(tuple(sys.argv[1:]), os.environ)


def decided(arguments: Sequence[str], variables: Mapping[str, str]) -> Operator:
    """The decisions in arguments (after `--`) and environment variables."""
    for flag in arguments:
        if flag.startswith("-") and flag not in (WRITING_FLAG, UPLOADS_FLAG):
            _log_unknown(flag)
    named = [argument for argument in arguments if not argument.startswith("-")]
    named = named or _listed(variables.get(PROJECT_VARIABLE, ""))
    addresses = dict.fromkeys(os.path.expanduser(name) for name in named)  # noqa: PTH111 - "?"
    return Operator(
        addresses=tuple(addresses) or SAMPLES,
        may_write=WRITING_FLAG in arguments or _is_on(variables.get(WRITING_VARIABLE, "off")),
        uploads=UPLOADS_FLAG not in arguments and _is_on(variables.get(UPLOADS_VARIABLE, "on")),
        umap=_is_on(variables.get(UMAP_VARIABLE, "on")),
    )


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
    """Keep Streamlit from looking up addresses of this machine.

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


def _listed(text: str) -> list[str]:
    """The addresses of a variable; an existing path that contains the separator is one address."""
    with suppress(OSError):  # a list may be longer than any path
        if text and Path(text).exists():
            return [text]
    return [name for name in text.split(os.pathsep) if name]


def _is_on(text: str) -> bool:
    return text.strip().casefold() in ("1", "on", "true", "yes")


@lru_cache(maxsize=32)
def _log_unknown(flag: str) -> None:
    _log.warning("Unknown option %s is not used. Known: %s, %s.", flag, WRITING_FLAG, UPLOADS_FLAG)
