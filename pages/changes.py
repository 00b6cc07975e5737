"""Prediction changes: which instances the models judge differently in two versions."""

from chameleon.app import changes, frame

frame.page(
    "Prediction changes",
    "Which instances did the iteration improve, and on which did the model regress?",
    changes.draw,
)
