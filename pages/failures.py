"""Failures: the model's errors by class, source, and instance, and likely label issues."""

from chameleon.app import failures, frame

frame.page("Failures", "Where is the model wrong, and is it the model or the label?", failures.draw)
