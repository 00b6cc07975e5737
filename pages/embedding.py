"""Embedding: a map of the instances, with the model's errors."""

from chameleon.app import embedding, frame

frame.page(
    "Embedding",
    "Where in feature space are the instances, and where does the model fail?",
    embedding.draw,
)
