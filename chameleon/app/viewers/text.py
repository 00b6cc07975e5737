"""Texts: the places of the search in them, and the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import streamlit as st

from chameleon.app.formatting import plain
from chameleon.app.viewers import PictureError
from chameleon.data import EvolvingDataset, Viewer

GALLERY = False

MOST_CHARACTERS = 200_000
_AROUND = 60
_MOST_HITS = 5


def picture(dataset: EvolvingDataset, viewer: Viewer, value: object, *, side: int) -> bytes:
    """No text has one."""
    raise PictureError("A text has no picture.")


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """The places of the search, then the whole text."""
    if not isinstance(value, str):
        st.caption(f"There is no text in {plain(viewer.columns[0])}.")
        return
    hits = found_in(value, search)
    for before, hit, after in islice(hits, _MOST_HITS):
        st.markdown(f"… {plain_part(before)}**{plain(hit)}**{plain_part(after)} …")
    further = sum(1 for _ in hits)  # counted, not stored: a letter may occur millions of times
    if further:
        st.caption(f"{further:,} further places.")
    shown = value[:MOST_CHARACTERS]
    st.code(shown, language=None, wrap_lines=True, height=320 if len(shown) > 1500 else "content")
    if len(value) > MOST_CHARACTERS:
        st.caption(f"The first {MOST_CHARACTERS:,} of {len(value):,} characters are shown.")


def found_in(text: str, search: str) -> Iterator[tuple[str, str, str]]:
    """Every place of the search, with the text before and after it."""
    if not search.strip():
        return
    for match in re.finditer(re.escape(search), text, re.IGNORECASE):
        start, end = match.span()
        yield text[max(start - _AROUND, 0) : start], match[0], text[end : end + _AROUND]


def plain_part(text: str) -> str:
    """A piece of text for Markdown, with any blanks at its ends."""
    return " ".join(plain(word) if word else "" for word in re.split(r"\s+", text))
