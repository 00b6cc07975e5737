"""Filters on top of filters, and polars expressions as sets of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl

from chameleon.analysis import raw_columns
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection import Filters, InstanceSet, Selection, Sides, instance_mask
from chameleon.types import Read

_SETS = ("splits", "labels", "sources", "outcomes", "instances")
"""Fields whose values are alternatives, so that two filters have those in common."""

_SIDES = {"after": "primary", "before": "secondary"}


def narrowed(
    evaluation: Evaluation, selection: Selection, filters: Filters, read: Read
) -> Selection:
    """The selection narrowed further by filters that read that version's row first.

    Where filters of one kind can't be combined into one, what matches becomes a set of instances.

    Raises
    ------
    SelectionError
        A filter names what does not exist.
    """
    if filters.is_empty:
        return selection
    _, complaints = filters.usable(Sides(evaluation, selection.primary, selection.secondary))
    if complaints:
        raise SelectionError(complaints[0])
    old = selection.filters
    side = selection.read if filters.of_rows.is_empty else _SIDES[read]  # only rows are read
    free = old.of_rows.is_empty or side == selection.read
    both = _combined(old, filters) if free else None
    if both is not None:
        return replace(selection, filters=both, read=side)
    alone = replace(selection, filters=filters, read=side)
    chosen = InstanceSet.of_mask(instance_mask(evaluation, alone))
    kept = chosen if old.chosen is None else old.chosen & chosen
    return replace(selection, filters=replace(old, chosen=kept))


def _combined(old: Filters, new: Filters) -> Filters | None:
    """Filters that match what both match; None where one kind can't hold both."""
    changes: dict[str, Any] = {}
    for one in fields(Filters):
        before, added = getattr(old, one.name), getattr(new, one.name)
        if added in ((), None):
            continue
        if before in ((), None) or before == added:
            changes[one.name] = added
        elif one.name in _SETS and (common := tuple(v for v in before if v in added)):
            changes[one.name] = common
        elif one.name == "chosen":
            changes[one.name] = before & added
        elif one.name == "features" and not {f.feature for f in before} & {
            f.feature for f in added
        }:
            changes[one.name] = (*before, *added)
        else:
            return None
    return replace(old, **changes)


def swapped(evaluation: Evaluation, selection: Selection) -> Selection:
    """The selection with its sides exchanged, and the same instances matching."""
    of_instances = selection.filters.of_instances
    filters = selection.filters.of_rows
    if not of_instances.is_empty:
        mask = instance_mask(evaluation, replace(selection, filters=of_instances))
        filters = replace(filters, chosen=InstanceSet.of_mask(mask))
    return Selection(
        primary=selection.secondary,
        secondary=selection.primary,
        filters=filters,
        primary_only=selection.secondary_only,
        secondary_only=selection.primary_only,
        read="primary" if selection.read == "secondary" else "secondary",
    )


def set_of_expressions(
    evaluation: Evaluation, selection: Selection, expressions: Sequence[pl.Expr], read: Read
) -> Filters:
    """The instances of either version for which all polars expressions are true, as a filter.

    Raises
    ------
    SelectionError
        An expression names a column that doesn't exist, can't be evaluated, or isn't boolean.
    """
    dataset = evaluation.dataset
    first, second = selection.primary, selection.secondary
    if read == "before":
        first, second = second, first
    held, rows = dataset.rows_of_pair(dataset.version_number(first), dataset.version_number(second))
    names = [name for expression in expressions for name in expression.meta.root_names()]
    frame = raw_columns(dataset, rows, names)
    mask = np.ones(len(rows), dtype=np.bool_)
    for expression in expressions:
        mask &= _evaluated(frame, expression, len(rows))
    matching = np.zeros(dataset.instance_count, dtype=np.bool_)
    matching[held[mask]] = True
    return Filters(chosen=InstanceSet.of_mask(matching))


def _evaluated(
    frame: pl.DataFrame, expression: pl.Expr, rows: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    try:
        found = frame.select(expression).to_series()
    except pl.exceptions.PolarsError as error:
        raise SelectionError(f"The expression can't be evaluated: {error}") from error
    if found.dtype != pl.Boolean or len(found) not in (1, rows):
        raise SelectionError(f"An expression must be a condition, found {found.dtype} values.")
    result = found.fill_null(value=False).to_numpy()
    return np.broadcast_to(result, rows)
