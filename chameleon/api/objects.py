"""Equality of the interface's objects, and a small table for notebooks."""

from __future__ import annotations

import datetime as dt
import math
from abc import ABC, abstractmethod
from html import escape

import polars as pl

_MOST_ROWS = 10
_MOST_COLUMNS = 12
_LONGEST = 80


class Compared(ABC):
    """An object that compares and hashes by what identifies it."""

    __slots__ = ()

    @abstractmethod
    def _identity(self) -> object:
        """The values that are the same in equal objects."""

    def __eq__(self, other: object) -> bool:
        """Compare by what identifies the object."""
        return (
            isinstance(other, Compared)
            and type(self) is type(other)
            and self._identity() == other._identity()
        )

    def __hash__(self) -> int:
        """Hash as `__eq__` compares."""
        return hash(self._identity())


def html_table(frame: pl.DataFrame, caption: str) -> str:
    """The first rows and columns of a frame as HTML, under a caption; every value is escaped."""
    shown = frame[:_MOST_ROWS, :_MOST_COLUMNS]
    head = "".join(f"<th>{escape(name)}</th>" for name in shown.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_text(cell))}</td>" for cell in row) + "</tr>"
        for row in shown.iter_rows()
    )
    cut = "" if shown.shape == frame.shape else f" ({frame.height:,} rows × {frame.width} columns)"
    return (
        f"<table><caption>{escape(caption + cut)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _text(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}" if math.isfinite(value) else str(value)
        case int():
            return f"{value:,}"
        case dt.datetime():
            return value.isoformat(" ", "seconds")
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
