"""Instances of an exclusion list, and counts of them by split, label, and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.values import SPLIT_NAMES, id_ranks, named_column
from chameleon.data import EvolvingDataset
from chameleon.models import Evaluation
from chameleon.selection import ExclusionList, excluded_mask, instance_numbers, rule_mask

_MEMBERS: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "instance": pl.String, "by": pl.String, "rule": pl.Int64, "reason": pl.String,
    "added": pl.Datetime("us"), "known": pl.Boolean, "held": pl.Boolean, "label": pl.String,
    "split": pl.String, "source": pl.String,
}  # fmt: skip


def exclusion_list_members(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> pl.DataFrame:
    """The instances of a list, by entry or rule, with their label, split, and source in a version.

    Rules are applied to the version: they hold instances of that version only.

    Parameters
    ----------
    exclusion_list
        As `ExclusionLists.of` gives it.
    version
        The version that rules are applied to and labels are read from.

    Returns
    -------
    pl.DataFrame
        instance (id), by ("entry" or "rule"), rule (its number; null for entries), reason, added
        (UTC), known (whether any version holds it), held (whether this one does), label, split,
        source (null where this version lacks it, or where there is none). One row an instance and
        way it is on the list: entries, then rule after rule, each in the order of the ids.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    parts = [_entries(dataset, exclusion_list, number)]
    for rule in exclusion_list.rules:
        instances = np.flatnonzero(rule_mask(evaluation, rule, version=version))
        instances = instances[np.argsort(id_ranks(dataset)[instances])]
        frame = pl.DataFrame({"instance": dataset.instance_ids.gather(instances)}).with_columns(
            by=pl.lit("rule"),
            rule=pl.lit(rule.number, dtype=pl.Int64),
            reason=pl.lit(rule.reason),
            added=pl.lit(rule.added).cast(pl.Datetime("us")),
        )
        parts.append(_described(dataset, frame, instances.astype(np.int64), number))
    return pl.concat(parts)


def exclusion_list_counts(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> pl.DataFrame:
    """How many instances of a version are on a list, by split, label, and source.

    Parameters
    ----------
    exclusion_list
        As `ExclusionLists.of` gives it.

    Returns
    -------
    pl.DataFrame
        by ("version", "split", "label", "source"), group (null for instances without one),
        instances (on the list, each counted once), of (all of the group), share. Groups that
        occur in the version, in their own order; sources only where there are any.
    """
    dataset = evaluation.dataset
    own = dataset.row_of_instance(dataset.version_number(version))
    rows = own[own >= 0]
    on_list = excluded_mask(evaluation, exclusion_list, version=version)[dataset.instance[rows]]
    found: list[tuple[str, str | None, int, int]]
    found = [("version", version, int(on_list.sum()), len(rows))]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("split", SPLIT_NAMES), ("label", dataset.classes), ("source", dataset.sources),
    )  # fmt: skip
    for by, names in groups:
        if by == "source" and not names:
            continue
        codes: NDArray[np.integer] = getattr(dataset, by)[rows].astype(np.int64)
        codes = np.where(codes < 0, len(names), codes)
        all_of, hit = (
            np.bincount(chosen, minlength=len(names) + 1) for chosen in (codes, codes[on_list])
        )
        found += [
            (by, [*names, None][group], int(hit[group]), int(all_of[group]))
            for group in np.flatnonzero(all_of).tolist()
        ]
    schema = {"by": pl.String, "group": pl.String, "instances": pl.Int64, "of": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(
        share=pl.col("instances") / pl.col("of")
    )


def _entries(dataset: EvolvingDataset, exclusion_list: ExclusionList, version: int) -> pl.DataFrame:
    frame = exclusion_list.entries.select(
        "instance",
        by=pl.lit("entry"),
        rule=pl.lit(None, dtype=pl.Int64),
        reason="reason",
        added="added",
    )
    return _described(dataset, frame, instance_numbers(dataset, frame["instance"]), version)


def _described(
    dataset: EvolvingDataset, frame: pl.DataFrame, numbers: NDArray[np.int64], version: int
) -> pl.DataFrame:
    """The frame with what a version says of the instances; number -1: no version knows it."""
    own = np.append(dataset.row_of_instance(version), np.int32(-1))[numbers]
    held = own >= 0

    def named(name: str, names: Sequence[str], codes: NDArray[np.integer]) -> pl.Series:
        return named_column(name, names, np.where(held, codes[own].astype(np.int64), -1))

    return frame.with_columns(
        pl.Series("known", numbers >= 0),
        pl.Series("held", held),
        named("label", dataset.classes, dataset.label),
        named("split", SPLIT_NAMES, dataset.split),
        named("source", dataset.sources, dataset.source),
    ).select(pl.col(name).cast(dtype) for name, dtype in _MEMBERS.items())
