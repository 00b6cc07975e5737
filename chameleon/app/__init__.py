"""Screens: the only Streamlit code, one body per page and what the pages share.

Asks `analysis` for frames and `charts` for drawings; computes nothing itself.
"""
