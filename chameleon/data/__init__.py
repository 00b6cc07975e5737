"""The evolving dataset: distinct rows stored once, their bins, and the pair of two versions.

Holds row-sized arrays and knows how to build them; knows no predictions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
