"""User input: `chameleon.toml`, columns, sources of versions, validation, and uploads.

It reads the user's files and reports findings; it builds no dataset and fits no model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
