"""Sensitivity: how often outcomes changed over the versions."""

from chameleon.app import frame, sensitivity

frame.page(
    "Sensitivity",
    "Whose prediction keeps changing from version to version?",
    sensitivity.draw,
)
