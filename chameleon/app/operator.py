"""The operator's decisions: on the command line after `--`, or in the environment."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PROJECT_VARIABLE = "CHAMELEON_PROJECT"
"""One project, or several between `os.pathsep`; the command line goes first."""

WRITING_VARIABLE = "CHAMELEON_ALLOW_WRITING"
WRITING_FLAG = "--allow-writing"
UPLOADS_VARIABLE = "CHAMELEON_UPLOADS"
UPLOADS_FLAG = "--no-uploads"
UMAP_VARIABLE = "CHAMELEON_UMAP"
"""Set to "off" where no layout shall be computed unless somebody asks for one."""

SAMPLES = tuple(
    str(Path(__file__).parents[2] / "sample_data" / name) for name in ("digits", "sensor", "logs")
)
"""The projects that come with Chameleon; the first one is shown first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator's decisions.

    Attributes
    ----------
    addresses
        The projects to show, as `open_project` takes them; the samples where none is named.
    may_write
        Whether visitors may write into these projects.
    uploads
        Whether visitors may bring data of their own.
    umap
        Whether layouts are computed by themselves.
    """

    addresses: tuple[str, ...] = SAMPLES
    may_write: bool = False
    uploads: bool = True
    umap: bool = True


def operator() -> Operator:
    """The decisions of this process's operator."""
    return decided(tuple(sys.argv[1:]), os.environ)


def decided(arguments: Sequence[str], variables: Mapping[str, str]) -> Operator:
    """The decisions in these arguments and environment variables; unknown flags are logged."""
    for flag in arguments:
        if flag.startswith("-") and flag not in (WRITING_FLAG, UPLOADS_FLAG):
            _tell_unknown(flag)
    named = [argument for argument in arguments if not argument.startswith("-")]
    named = named or _listed(variables.get(PROJECT_VARIABLE, ""))
    addresses = dict.fromkeys(os.path.expanduser(name) for name in named)  # noqa: PTH111 - "?"
    return Operator(
        addresses=tuple(addresses) or SAMPLES,
        may_write=WRITING_FLAG in arguments or _on(variables.get(WRITING_VARIABLE, "off")),
        uploads=UPLOADS_FLAG not in arguments and _on(variables.get(UPLOADS_VARIABLE, "on")),
        umap=_on(variables.get(UMAP_VARIABLE, "on")),
    )


def _listed(text: str) -> list[str]:
    """The addresses of a variable; a path that holds the separator itself is one address."""
    with suppress(OSError):  # a list may be longer than any path
        if text and Path(text).exists():
            return [text]
    return [name for name in text.split(os.pathsep) if name]


def _on(text: str) -> bool:
    return text.strip().casefold() in ("1", "on", "true", "yes")


@lru_cache(maxsize=32)
def _tell_unknown(flag: str) -> None:
    _log.warning("Unknown option %s is not used. Known: %s, %s.", flag, WRITING_FLAG, UPLOADS_FLAG)
