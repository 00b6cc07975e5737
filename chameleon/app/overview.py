"""The Overview: what changed and where the model fails, on one screen."""

from __future__ import annotations

import streamlit as st

from chameleon.app import features
from chameleon.app.info import dataset_info
from chameleon.app.view import View


def draw(view: View) -> None:
    """Dataset info at the left, the Feature View at the right."""
    with st.container(key="overview"):
        left, right = st.columns([2, 5], gap="medium")
        with left:
            dataset_info(view)
        with right:
            features.draw_feature_view(view, key="overview-features")
