"""Labelling rules in two versions: what they cover, how right they are, whose vote changed.

Coverage, overlap, conflict and empirical accuracy: Ratner et al., "Snorkel", VLDB 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, matching_pair, of_selection
from chameleon.analysis.weak import SIDES, distances_of
from chameleon.counting import clopper_pearson
from chameleon.models import Evaluation
from chameleon.project import ABSTAIN, WeakLabels
from chameleon.selection import Selection, Voted, vote_changed

_SIDE_FIGURES: Mapping[str, Any] = {
    "instances": pl.Int64, "votes": pl.Int64, "coverage": pl.Float64, "overlaps": pl.Int64,
    "conflicts": pl.Int64, "judged": pl.Int64, "correct": pl.Int64, "accuracy": pl.Float64,
    "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip
_STEP_FIGURES: Mapping[str, Any] = {
    "kept": pl.Int64, "changed": pl.Int64, "started": pl.Int64, "stopped": pl.Int64,
    "switched": pl.Int64, "compared": pl.Int64, "changed_distance": pl.Float64,
    "other_distance": pl.Float64, "changed_share": pl.Float64,
}  # fmt: skip
_SCHEMA: Mapping[str, Any] = {
    "rule": pl.String,
    **{f"{side}_{name}": kind for side in SIDES for name, kind in _SIDE_FIGURES.items()},
    **_STEP_FIGURES,
}


@of_selection(*EVERYTHING, own=["votes", "vote_changes"])
def labeling_functions(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Figures of every labeling function in both versions, and the effect of its changed votes.

    A rule that a version lacks abstains there. Votes and their changes, chosen here, do not
    narrow it.

    Returns
    -------
    pl.DataFrame
        rule; for both sides, beginning with secondary_ or primary_: secondary_instances and
        primary_instances, secondary_votes, primary_votes (instances on which the rule votes),
        secondary_coverage, primary_coverage (their share; null without instances),
        secondary_overlaps, primary_overlaps (votes where another rule votes too),
        secondary_conflicts, primary_conflicts (votes where another rule votes for another class),
        secondary_judged, primary_judged (votes on instances with a hard label of their own),
        secondary_correct, primary_correct (those that are that label), secondary_accuracy,
        primary_accuracy (their share; null without any, and where the label is made of the
        probabilities), secondary_low, primary_low, secondary_high, primary_high (its exact 95 %
        interval, Clopper and Pearson 1934);
        kept (instances of both versions), changed (those with another vote), started (abstained
        before), stopped (abstains after), switched (votes for another class), compared (kept
        instances with label probabilities in both versions), changed_distance (their mean total
        variation distance where the vote changed), other_distance (where it did not; null without
        any), changed_share (the share of all distance that lies where the vote changed; null
        where nothing moved). In the order of the rules.
    """
    weak = evaluation.dataset.weak
    if weak is None:
        return pl.DataFrame(schema=_SCHEMA)
    pair = matching_pair(evaluation, selection)
    columns: dict[str, object] = {"rule": list(weak.rules)}
    for side, (_, rows) in zip(SIDES, pair.sides, strict=True):
        lines = _side(evaluation, weak, rows)
        columns |= {f"{side}_{name}": [line[name] for line in lines] for name in _SIDE_FIGURES}
    steps = _steps(weak, pair.old, pair.new)
    columns |= {name: [line[name] for line in steps] for name in _STEP_FIGURES}
    return pl.DataFrame(columns, schema=_SCHEMA)


def _side(
    evaluation: Evaluation, weak: WeakLabels, rows: NDArray[np.int32]
) -> list[dict[str, object]]:
    """The figures of every rule over some rows."""
    votes, label = weak.votes[:, rows], evaluation.dataset.label[rows]
    voting = votes != ABSTAIN
    together = voting.sum(axis=0) > 1
    if len(votes):
        least = np.where(voting, votes, len(weak.classes)).min(axis=0)
        split = together & (votes.max(axis=0) != least)
    labelled = (label >= 0) & (not weak.derived)
    lines: list[dict[str, object]] = []
    for own, cast in zip(votes, voting, strict=True):
        judged = cast & labelled
        of, correct = int(judged.sum()), int((judged & (own == label)).sum())
        low, high = clopper_pearson(correct, of) if of else (None, None)
        lines.append(
            {
                "instances": len(rows),
                "votes": int(cast.sum()),
                "coverage": float(cast.mean()) if len(rows) else None,
                "overlaps": int((cast & together).sum()),
                # where the votes on an instance differ, each has one against it
                "conflicts": int((cast & split).sum()),
                "judged": of,
                "correct": correct,
                "accuracy": correct / of if of else None,
                "low": low,
                "high": high,
            }
        )
    return lines


def _steps(
    weak: WeakLabels, old: NDArray[np.int32], new: NDArray[np.int32]
) -> list[dict[str, object]]:
    """Changed votes of every labeling function over the rows of the shared instances."""
    compared = weak.has_probabilities(old) & weak.has_probabilities(new)
    distances = distances_of(weak, old[compared], new[compared])
    whole = float(distances.sum())
    lines: list[dict[str, object]] = []
    for votes in weak.votes:
        before, after = votes[old], votes[new]
        counts = {str(v): int(vote_changed(before, after, v).sum()) for v in Voted}
        changed = vote_changed(before, after, Voted.CHANGED)[compared]
        lines.append(
            {
                "kept": len(old),
                **counts,
                "compared": int(compared.sum()),
                "changed_distance": float(distances[changed].mean()) if changed.any() else None,
                "other_distance": None if changed.all() else float(distances[~changed].mean()),
                "changed_share": float(distances[changed].sum()) / whole if whole else None,
            }
        )
    return lines
