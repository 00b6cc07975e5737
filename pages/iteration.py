"""Data changes: what the step from the secondary to the primary version did to the data."""

from chameleon.app import frame, iteration

frame.page(
    "Data changes", "What changed in the data, and did the features drift?",
    iteration.draw,
)  # fmt: skip
