"""Texts: where the search occurs in them, and the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import streamlit as st

from chameleon.app.formatting import plain
from chameleon.app.viewers import Picture, PictureError
from chameleon.data import EvolvingDataset, Viewer

GALLERY = False

MOST_CHARACTERS = 200_000
_AROUND = 60
_MOST_HITS = 5


def pictures(
    dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
) -> list[Picture]:
    """No picture of a text."""
    return [PictureError("A text has no picture.") for _ in values]


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """The places of the search, then the whole text as it is written."""
    if not isinstance(value, str):
        st.caption(f"There is no text in {plain(viewer.columns[0])}.")
        return
    hits = found_in(value, search)
    for before, hit, after in islice(hits, _MOST_HITS):
        st.markdown(f"… {plain_part(before)}**{plain(hit)}**{plain_part(after)} …")
    further = sum(1 for _ in hits)  # counted, never held: a letter may occur millions of times
    if further:
        st.caption(f"{further:,} further places.")
    shown = value[:MOST_CHARACTERS]
    st.code(shown, language=None, wrap_lines=True, height=320 if len(shown) > 1500 else "content")
    if len(value) > MOST_CHARACTERS:
        st.caption(f"The first {MOST_CHARACTERS:,} of {len(value):,} characters are shown.")


def found_in(text: str, search: str) -> Iterator[tuple[str, str, str]]:
    """Every place of the search, with what stands before and after it."""
    if not search.strip():
        return
    for match in re.finditer(re.escape(search), text, re.IGNORECASE):
        start, end = match.span()
        yield text[max(start - _AROUND, 0) : start], match[0], text[end : end + _AROUND]


def plain_part(text: str) -> str:
    """A piece of text for Markdown, a blank at its ends kept."""
    return " ".join(plain(word) if word else "" for word in re.split(r"\s+", text))
