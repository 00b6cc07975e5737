"""The verdict on a step, from its attribution and the causes that its sentences name."""

from __future__ import annotations

from collections.abc import Collection

from chameleon.analysis.attribution import Attribution

_ROUNDED = 1e-12


def step_verdict(found: Attribution, causes: Collection[str]) -> str:
    """The verdict on a step.

    Parameters
    ----------
    causes
        The causes that the sentences of `step_summary` name.
    """
    if found.change is None:
        counted = found.corners["instances"].max() if len(found.corners) else 0
        return "too_little_data" if not counted else "not_comparable"
    if "twins" in causes:
        return "seen_in_training"
    values = dict(found.parts.select("part", "value").iter_rows())
    model = values.get("model") or 0.0
    test = sum(value or 0.0 for part, value in values.items() if part not in ("guard", "model"))
    by_model = "model" in causes
    by_test = any(cause in values and cause not in ("guard", "model") for cause in causes)
    if by_model and by_test:
        return "both"
    if by_model:
        return "model_better" if model * found.better > 0 else "model_worse"
    if by_test:
        return "test_easier" if test * found.better > 0 else "test_harder"
    return "no_change" if abs(model) + abs(test) < _ROUNDED else "no_detectable_change"
