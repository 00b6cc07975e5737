"""Prediction changes: predictions that were fixed or regressed between two versions."""

from chameleon.app import changes, frame

frame.page("Prediction changes", "Which predictions were fixed, and which regressed?", changes.draw)
