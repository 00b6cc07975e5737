"""What a prediction can be: the codes of `Evaluation.outcome`."""

from __future__ import annotations

CORRECT, INCORRECT, UNKNOWN = range(3)

OUTCOMES = ("correct", "incorrect", "unknown")
"""The outcomes in the order of their codes."""
