"""Data iteration: what the step from the secondary to the primary version did to the data."""

from chameleon.app import frame, iteration

frame.page(
    "Data iteration", "What did this step do to the data, and did its features move?",
    iteration.draw,
)  # fmt: skip
