"""The two-dimensional map of all rows, and the background process that fits it.

Places rows by their features alone; knows no predictions and draws nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
