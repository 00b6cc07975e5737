"""Attribution: the causes of the metric's change between two versions."""

from chameleon.app import attribution, frame

frame.page(
    "Attribution", "Did the metric change because of the model or the test set?", attribution.draw
)
