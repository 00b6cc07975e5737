from .layouts import Layout as Layout
from .layouts import cached_layout as cached_layout
from .layouts import pca_layout as pca_layout
from .process import LayoutProcess as LayoutProcess
