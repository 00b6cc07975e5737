"""Data check: what was noticed in every version, and what was done about it."""

from chameleon.app import check, frame

frame.page("Data check", "What's unusual about the data, and how was it handled?", check.draw)
