"""Blacklist: instances that should not be used, whom that hits, and what if they were gone."""

from chameleon.app import blacklist, frame

frame.page(
    "Blacklist", "Which instances should not be used, and what would their removal change?",
    blacklist.draw,
)  # fmt: skip
