"""Filters, their text in links, masks of rows and instances, and exclusion lists.

Turns conditions into masks of rows and instances; computes no statistic of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
