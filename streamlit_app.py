"""Overview: the first page of the app, and the app that `streamlit run` serves."""

import streamlit as st

from chameleon.app import frame, overview, server

if __name__ == "__main__":  # a visitor's run of the page
    frame.page(
        "Overview",
        "What changed between two versions, and where is the model wrong?",
        overview.draw,
        fills_window=True,
    )
else:  # imported once, before the server answers anyone
    app = st.App("streamlit_app.py", lifespan=server.lifespan)
