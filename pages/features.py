"""Features: every feature's distribution in two versions, by outcome."""

from chameleon.app import features, frame

frame.page(
    "Features", "Which features changed, and for which values is the model wrong?", features.draw
)
