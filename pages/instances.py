"""Instances: the matching instances as a table and a gallery, and one of them opened."""

from chameleon.app import frame, instances

frame.page("Instances", "Which instances are these, and what happened to each?", instances.draw)
