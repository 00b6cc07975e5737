"""The evolving dataset: distinct rows stored once, their bins, and the pair of two versions.

It builds and offers row-sized arrays and knows no predictions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
