"""Embedding: where in feature space the instances lie, and where the model fails."""

from chameleon.app import embedding, frame

frame.page(
    "Embedding",
    "Where in feature space do instances lie, and where does the model fail?",
    embedding.draw,
)
