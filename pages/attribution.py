"""Attribution: what moved the metric from one version to the other."""

from chameleon.app import attribution, frame

frame.page("Attribution", "Did the metric change because of the model or the test set?",
           attribution.draw)  # fmt: skip
