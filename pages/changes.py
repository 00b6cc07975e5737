"""Prediction changes: which instances the models judge differently in two versions."""

from chameleon.app import changes, frame

frame.page(
    "Prediction changes",
    "Which predictions were fixed, and which regressed?",
    changes.draw,
)
