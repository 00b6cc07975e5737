from .layouts import Layout as Layout
from .layouts import LayoutProcess as LayoutProcess
from .layouts import birth as birth
from .layouts import kept_layout as kept_layout
from .layouts import pca_layout as pca_layout
