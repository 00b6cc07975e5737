"""The public interface: projects, evaluations, steps, versions, and what they answer.

A method checks its options, calls one analysis, and shapes the frame; nothing is counted here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
