"""Exclusion lists: instances to leave out, which those are, and a model without them."""

from chameleon.app import exclusion_list, frame

frame.page(
    "Exclusion lists",
    "Which instances should be excluded, and what would change without them?",
    exclusion_list.draw,
)  # fmt: skip
