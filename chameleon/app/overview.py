"""The Overview: what changed and where the model fails, on one screen."""

from __future__ import annotations

from functools import partial

import streamlit as st

from chameleon.app import changes, embedding, features, glossary, sensitivity
from chameleon.app.info import dataset_info
from chameleon.app.view import View, in_order


def draw(view: View) -> None:
    """At the left info, embedding, matrix and sensitivity; at the right the Feature View."""
    glossary.first_look(view)
    with st.container(key="overview"):
        left, right = st.columns([3, 7], gap="medium")
        in_order(view, (left, partial(_draw_left, view)), (right, partial(_draw_right, view)))


def _draw_left(view: View) -> None:
    dataset_info(view)
    embedding.draw_small(view)
    changes.draw_matrix(view, name="overview-matrix")
    sensitivity.draw_bars(view, name="overview-sensitivity")


def _draw_right(view: View) -> None:
    features.draw_feature_view(view, key="overview-features")
