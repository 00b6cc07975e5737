"""Drawings: a small frame becomes a Vega-Lite specification; the only code that uses Altair.

Takes frames by their columns; never imports analysis or models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
