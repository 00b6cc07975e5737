"""Sensitivity: the number of outcome changes over the versions."""

from chameleon.app import frame, sensitivity

frame.page(
    "Sensitivity", "Which instances' predictions keep changing between versions?", sensitivity.draw
)
