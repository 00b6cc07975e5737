"""Instances: the single instances behind the filters, as a table and a gallery, and one opened."""

from chameleon.app import frame, instances

frame.page("Instances", "Which instances are these, and what happened to each?", instances.draw)
