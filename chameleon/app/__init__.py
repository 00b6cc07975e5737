"""The only Streamlit in the package: the page frame, the state and the cached library calls."""
