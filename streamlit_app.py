"""Overview: the first page of the app."""

from chameleon.app import frame, overview

frame.page(
    "Overview", "What changed between two versions, and where is the model wrong?", overview.draw
)
