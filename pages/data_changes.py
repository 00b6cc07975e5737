"""Data changes: the changes from the secondary to the primary version, and drift."""

from chameleon.app import frame, iteration

frame.page("Data changes", "What changed in the data, and did the features drift?", iteration.draw)
