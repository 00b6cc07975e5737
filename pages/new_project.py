"""New project: an upload, the meaning of its columns, and its chameleon.toml."""

from chameleon.app import frame, setup

frame.data_page("New project", "How is the data read, and what does each column mean?", setup.draw)
