"""The Overview: the Story of a timeline, in all of the window."""

from __future__ import annotations

from chameleon.app import guide, story_host
from chameleon.app.view import View


def draw(view: View) -> None:
    """The Story, below an introduction for new visitors."""
    guide.draw_introduction(view)
    story_host.draw(view, "full")
