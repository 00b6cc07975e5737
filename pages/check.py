"""Data check: what was noticed in every version, and what was done about it."""

from chameleon.app import check, frame

frame.page("Data check", "What is odd about the data, and what was done about it?", check.draw)
