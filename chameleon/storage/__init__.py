"""Files on disk and processes beside this one: atomic writes, manifests, caches, and locks.

It knows no datasets or models; everything written to or read from a cache passes through it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
