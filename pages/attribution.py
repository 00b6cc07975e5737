"""Attribution: what moved the metric from one version to the other."""

from chameleon.app import attribution, frame

frame.page("Attribution", "Why did the metric move: the model, or what it was tested on?",
           attribution.draw)  # fmt: skip
