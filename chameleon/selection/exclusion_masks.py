"""The instances of a version that are on an exclusion list: its entries, and its rules applied.

A rule is the filters, and the restriction of the primary side, under which it was made. At a
version v it holds the instances of v that these let through when v is the primary version. The
secondary is then the version as many steps before v as it lay before the primary when the rule
was made, or the first or last version where the timeline ends earlier; where a version of that
pair no longer exists, the version before v.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection.exclusion_lists import ExclusionList, ExclusionRule
from chameleon.selection.filter_base import Mask, QueryItems
from chameleon.selection.selections import Selection, held_rows, instance_mask


def excluded_mask(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> NDArray[np.bool_]:
    """The instances of a version that are on a list; bool of shape (n_instances,).

    Raises
    ------
    SelectionError
        The version does not exist, or a rule cannot be applied to it.
    """
    dataset = evaluation.dataset
    held = dataset.row_of_instance(dataset.version_number(version)) >= 0
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    numbers = instance_numbers(dataset, exclusion_list.entries["instance"])
    mask[numbers[numbers >= 0]] = True
    mask &= held
    for rule in exclusion_list.rules:
        mask |= rule_mask(evaluation, rule, version=version)
    return mask


def rule_of(selection: Selection, reason: str) -> ExclusionRule:
    """The filters of a selection, and the restriction of its primary side, as a rule."""
    return ExclusionRule(
        number=0,
        query=urlencode(_of_rule(selection.to_query())),
        primary=selection.primary,
        secondary=selection.secondary,
        reason=reason,
    )


def rule_selection(evaluation: Evaluation, rule: ExclusionRule, *, version: str) -> Selection:
    """The selection of a rule that is applied to a version; see the head of this module.

    Raises
    ------
    SelectionError
        The version does not exist, or the rule cannot be read.
    """
    dataset = evaluation.dataset
    names = [one.name for one in dataset.versions]
    number = dataset.version_number(version)
    if rule.primary in names and rule.secondary in names:
        other = number - names.index(rule.primary) + names.index(rule.secondary)
    else:
        other = number - 1
    secondary = names[min(max(other, 0), len(names) - 1)]
    items = _of_rule(parse_qsl(rule.query, keep_blank_values=True))
    return Selection.from_query(items, Selection(version, secondary))


def _of_rule(items: Iterable[tuple[str, str]]) -> QueryItems:
    """The items of a link that a rule holds."""
    return tuple(
        (name, value)
        for name, value in items
        if name not in ("primary", "secondary") and not name.startswith("secondary.")
    )


def rule_mask(evaluation: Evaluation, rule: ExclusionRule, *, version: str) -> Mask:
    """The instances of a version that a rule holds; bool of shape (n_instances,).

    Raises
    ------
    SelectionError
        The version does not exist, or the rule asks for what is not there.
    """
    dataset = evaluation.dataset
    dataset.version_number(version)
    try:
        selection = rule_selection(evaluation, rule, version=version)
        mask = instance_mask(evaluation, selection)
        side, _ = held_rows(evaluation, selection)
    except SelectionError as error:
        raise SelectionError(
            f"Rule {rule.number} cannot be applied to version {version}: {error}"
        ) from error
    on_side = np.zeros_like(mask)
    on_side[dataset.instance[np.flatnonzero(side)]] = True
    result: Mask = mask & on_side
    return result


def instance_numbers(dataset: EvolvingDataset, ids: pl.Series) -> NDArray[np.int64]:
    """The numbers of instances by their ids; -1 for ids that no version holds."""
    known = pl.DataFrame({"id": dataset.instance_ids}).with_row_index("number")
    asked = pl.DataFrame({"id": ids.cast(pl.String)})
    joined = asked.join(known, on="id", how="left", maintain_order="left")
    return joined["number"].cast(pl.Int64).fill_null(-1).to_numpy()
