"""Answers: an evaluation and a selection become a small frame, one module per view.

Reads no file, draws nothing, and knows no screen.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
