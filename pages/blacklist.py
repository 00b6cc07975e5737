"""Blacklist: instances that should not be used, whom that hits, and what if they were gone."""

from chameleon.app import blacklist, frame

frame.page(
    "Exclusion list",
    "Which instances should be excluded, and what would change without them?",
    blacklist.draw,
)  # fmt: skip
