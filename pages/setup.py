"""New project: bring data along, say which column is what, get its chameleon.toml."""

from chameleon.app import frame, setup

frame.data_page("New project", "How is the data read, and which column is what?", setup.draw)
