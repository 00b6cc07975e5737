"""Files on disk and processes beside this one: atomic writes, manifests, caches, and locks.

Knows nothing of datasets or models; whatever is written to or read from a cache goes through here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
