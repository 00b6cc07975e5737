"""Data check: findings in every version, and how each was handled."""

from chameleon.app import check, frame

frame.page("Data check", "What's unusual about the data, and how was it handled?", check.draw)
