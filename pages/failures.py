"""Failures: where the model is wrong, for whom, and whether the label is to blame."""

from chameleon.app import failures, frame

frame.page("Failures", "Where is the model wrong, and is it the model or the label?", failures.draw)
