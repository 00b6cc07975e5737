"""Timeline: metrics, sizes, and changes of all versions."""

from chameleon.app import frame, timeline_page

frame.page(
    "Timeline", "How did the data and the model change, version by version?", timeline_page.draw
)
