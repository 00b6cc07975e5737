"""Predictions of every version's model: pipelines, training, caching, and metrics.

Fits models and loads external or shipped predictions; compares no versions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
