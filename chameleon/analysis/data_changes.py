"""Changes of the data between two versions: counts by group, lists of instances, and edits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS, matching_pair, of_selection
from chameleon.analysis.values import (
    Counts,
    Floats,
    Mask,
    Rows,
    coded,
    id_column,
    id_ranks,
    role_column,
    value_texts,
)
from chameleon.data import EvolvingDataset, Pair, evolving_dataset, pair_of
from chameleon.models import Evaluation
from chameleon.project import Kind, Project
from chameleon.selection import ChangeType, DataChange, Selection, instance_mask, rows_of_change


@dataclass(frozen=True, slots=True)
class Iteration:
    """The instances that changed from one version to another.

    `added`, `removed`, and `shared` (in both) are disjoint. Among the shared, `relabeled` (also
    those with a first label, `labeled`, or without one now, `label_removed`), `edited` (any
    feature), and `changed_split` (another split) may overlap; the overlaps are given, those of two
    include those of all three. `unchanged` are none of these. `redated` and `resourced` have
    another date or source and count as unchanged. `edited_features` has feature and edited
    (instances), most first. Edits are counted over the features of both versions: `columns_added`
    are features of `after` alone, `columns_removed` of `before` alone, and `columns_retyped` of
    both, but of another kind. Label probabilities and votes are no features: see
    `labeling_functions`.
    """

    before: str
    after: str
    added: int
    removed: int
    shared: int
    relabeled: int
    labeled: int
    label_removed: int
    edited: int
    changed_split: int
    redated: int
    resourced: int
    overlaps: Mapping[str, int]
    unchanged: int
    edited_features: pl.DataFrame
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...] = ()


def compare_data(project: Project, *, before: str, after: str) -> Iteration:
    """The changes from one version of a project to another."""
    return iteration(evolving_dataset(project), before=before, after=after)


def iteration(dataset: EvolvingDataset, *, before: str, after: str) -> Iteration:
    """The changes from one version of a dataset to another; see `Iteration`."""
    return _iteration(dataset, pair_of(dataset, before=before, after=after))


@of_selection(*EVERYTHING)
def matching_iteration(evaluation: Evaluation, selection: Selection) -> Iteration:
    """The changes of the matching instances; one that matches on one side only is no shared one."""
    return _iteration(evaluation.dataset, matching_pair(evaluation, selection))


def _iteration(dataset: EvolvingDataset, pair: Pair) -> Iteration:
    before, after = (dataset.versions[number].name for number in (pair.before, pair.after))
    has = dataset.has_column[[pair.before, pair.after]]
    names = [feature.name for feature in dataset.features]
    relabeled, edited, changed = pair.relabeled, pair.edited, pair.changed_split
    dates = [dataset.date[rows].view(np.int64) for rows in (pair.old, pair.new)]
    return Iteration(
        before=before,
        after=after,
        added=len(pair.added),
        removed=len(pair.removed),
        shared=len(pair.old),
        relabeled=int(relabeled.sum()),
        labeled=int((dataset.label[pair.old] < 0)[relabeled].sum()),
        label_removed=int((dataset.label[pair.new] < 0)[relabeled].sum()),
        edited=int(edited.sum()),
        changed_split=int(changed.sum()),
        redated=int((dates[0] != dates[1]).sum()),
        resourced=int((dataset.source[pair.old] != dataset.source[pair.new]).sum()),
        overlaps={
            "relabeled_and_edited": int((relabeled & edited).sum()),
            "relabeled_and_changed_split": int((relabeled & changed).sum()),
            "edited_and_changed_split": int((edited & changed).sum()),
            "relabeled_edited_and_changed_split": int((relabeled & edited & changed).sum()),
        },
        unchanged=int(pair.unchanged.sum()),
        edited_features=_edited_features(names, pair),
        columns_added=_only(names, has[1], has[0]),
        columns_removed=_only(names, has[0], has[1]),
        columns_retyped=_retyped(dataset.project, before, after),
    )


def timeline_changes(dataset: EvolvingDataset) -> pl.DataFrame:
    """The changes of every step of the timeline.

    Columns: before, after, added, removed, relabeled (without added labels), labeled, edited,
    changed_split, unchanged: one row per step, instances; relabeled, edited and changed_split may
    overlap.
    """
    names = [version.name for version in dataset.versions]
    steps = [iteration(dataset, before=before, after=after) for before, after in pairwise(names)]
    versions = ("before", "after")
    counts = ("added", "removed", "relabeled", "labeled", "edited", "changed_split", "unchanged")
    frame = pl.DataFrame(
        [{name: getattr(step, name) for name in (*versions, *counts)} for step in steps],
        schema=dict.fromkeys(versions, pl.String) | dict.fromkeys(counts, pl.Int64),
    )
    return frame.with_columns(pl.col("relabeled") - pl.col("labeled"))


def _edited_features(names: list[str], pair: Pair) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"feature": [names[f] for f in pair.common], "edited": pair.edits.sum(axis=1)},
        schema={"feature": pl.String, "edited": pl.Int64},
    )
    return frame.filter(pl.col("edited") > 0).sort("edited", descending=True, maintain_order=True)


def _retyped(project: Project, before: str, after: str) -> tuple[str, ...]:
    old, new = project.columns[before], project.columns[after]
    return tuple(
        name for name, kind in old.items() if kind is not None and new.get(name) not in (None, kind)
    )


def _only(names: list[str], has: Mask, has_not: Mask) -> tuple[str, ...]:
    return tuple(names[number] for number in np.flatnonzero(has & ~has_not))


MOST = 200


@dataclass(frozen=True, slots=True)
class InstanceList:
    """A part of the list of instances with a change.

    `frame` has instance, label_before, label_after, split_before, split_after, source, feature,
    value_before, value_after: one row per instance, and for edits one per instance and feature;
    null where a version lacks it. `instances` and `rows` count those of the whole list.
    """

    frame: pl.DataFrame
    instances: int
    rows: int


@of_selection(*FILTERS, own=["data_changes"])
def data_changes(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Counts of instances by their change from the secondary to the primary version.

    Its own filter does not narrow it.

    Columns: change (added, removed, relabeled, labeled, edited, changed_split, unchanged),
    instances, total (the instances of both versions together). Relabeled includes labeled, those
    without a label before; relabeled, edited and changed_split may overlap.
    """
    rows, mask = _changed_rows(evaluation, selection), instance_mask(evaluation, selection)
    counts = {name: int(mask[evaluation.dataset.instance[of]].sum()) for name, of in rows.items()}
    total = counts.pop("instances")
    return pl.DataFrame(
        {"change": list(counts), "instances": list(counts.values()), "total": total},
        schema={"change": pl.String, "instances": pl.Int64, "total": pl.Int64},
    )


def _changed_rows(evaluation: Evaluation, selection: Selection) -> dict[str, Rows]:
    """The rows of the instances with each change, and as "instances" those of all."""
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    found = {
        change.value: rows_of_change(dataset, pair, DataChange(change)) for change in ChangeType
    }
    return found | {"instances": np.concatenate([pair.new, pair.added, pair.removed])}


@of_selection(*FILTERS, own=["data_changes"])
def data_changes_by(evaluation: Evaluation, selection: Selection, by: str) -> pl.DataFrame:
    """The counts of `data_changes` for every split, class, or source.

    Read from the instance's row in the primary version, or in the secondary for removed ones.

    `by` is "split", "label" or "source".

    Columns: group (null without one), added, removed, relabeled, labeled, edited, changed_split,
    unchanged, instances (of either version); groups that occur, in their own order.
    """
    dataset, mask = evaluation.dataset, instance_mask(evaluation, selection)
    codes, known = coded(dataset, by)
    columns: dict[str, Counts] = {}
    for name, rows in _changed_rows(evaluation, selection).items():
        own = codes[rows[mask[dataset.instance[rows]]]].astype(np.int64)
        own[own < 0] = len(known)
        columns[name] = np.bincount(own, minlength=len(known) + 1)
    occurring = np.flatnonzero(columns["instances"])
    names = [*known, None]
    return pl.DataFrame(
        {
            "group": [names[place] for place in occurring],
            **{name: found[occurring] for name, found in columns.items()},
        },
        schema={"group": pl.String, **dict.fromkeys(columns, pl.Int64)},
    )


@of_selection(*FILTERS, own=["data_changes"])
def changed_instances(
    evaluation: Evaluation, selection: Selection, change: DataChange, *, most: int = MOST
) -> InstanceList:
    """The instances with a change, before and after side by side, in the order of the ids.

    `change` with a feature means only edits of that feature; `most` limits the listed rows.
    """
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    rows = rows_of_change(dataset, pair, change)
    instances = dataset.instance[rows]
    instances = instances[mask[instances]]
    instances = instances[np.argsort(id_ranks(dataset)[instances])]
    before, after = (dataset.row_of_instance(v)[instances] for v in (pair.before, pair.after))
    if change.happened is not ChangeType.EDITED:
        frame = _listed(dataset, before[:most], after[:most])
        return InstanceList(frame, len(instances), len(instances))
    features = list(_edits(dataset, pair, change, instances))
    total = sum(len(places) for _, places in features)
    pairs = sorted((int(k), f) for f, places in features for k in places[:most])[:most]
    frame = _edited_list(dataset, before, after, pairs)
    return InstanceList(frame, len(instances), total)


def _edits(
    dataset: EvolvingDataset, pair: Pair, change: DataChange, instances: Rows
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each feature the places, among the instances, of those whose value changed."""
    changed = dataset.instance[pair.new[pair.touched]]
    wanted = None if change.feature is None else dataset.feature_number(change.feature)
    for place, feature in enumerate(pair.common):
        if wanted in (None, feature):
            found = changed[pair.edits[place]]
            yield int(feature), np.flatnonzero(np.isin(instances, found))


def _listed(dataset: EvolvingDataset, before: Rows, after: Rows) -> pl.DataFrame:
    """Labels, splits, and source of instances by their rows, -1 where a version lacks them."""
    present = np.where(after < 0, before, after)
    sides = {"before": before, "after": after}
    columns = [
        id_column(dataset, dataset.instance[present]),
        *(role_column(dataset, "label", rows, f"label_{end}") for end, rows in sides.items()),
        *(role_column(dataset, "split", rows, f"split_{end}") for end, rows in sides.items()),
        role_column(dataset, "source", present),
    ]
    nothing = pl.lit(None, dtype=pl.String)
    return pl.DataFrame(columns).with_columns(
        feature=nothing, value_before=nothing, value_after=nothing
    )


def _edited_list(
    dataset: EvolvingDataset, before: Rows, after: Rows, pairs: list[tuple[int, int]]
) -> pl.DataFrame:
    """A row for each pair of a place among the instances and an edited feature."""
    places = np.array([place for place, _ in pairs], dtype=np.intp)
    features = np.array([feature for _, feature in pairs], dtype=np.intp)
    frame = _listed(dataset, before[places], after[places])
    columns = {"feature": [dataset.features[f].name for f in features]}
    for side, rows in (("before", before[places]), ("after", after[places])):
        texts: list[str | None] = [None] * len(pairs)
        for feature in np.unique(features):
            own = np.flatnonzero(features == feature)
            for place, text in zip(own, value_texts(dataset, feature, rows[own]), strict=True):
                texts[place] = text
        columns[f"value_{side}"] = texts
    return frame.with_columns(pl.Series(n, t, dtype=pl.String) for n, t in columns.items())


MOSTLY = 0.8
"""The least share of the edits that a pattern must explain."""

_CLOSE = 0.01  # values are rounded when written, so that a ratio of 10 may read 9.98
_NEAR_ONE = 0.05
_FEWEST_VALUES = 3

_EDITS_SCHEMA = {
    "feature": pl.String, "instances": pl.Int64, "became_missing": pl.Int64,
    "was_missing": pl.Int64, "median_before": pl.Float64, "median_after": pl.Float64,
    "median_shift": pl.Float64, "shift_share": pl.Float64, "median_ratio": pl.Float64,
    "ratio_share": pl.Float64, "most_before": pl.String, "most_after": pl.String,
    "most_instances": pl.Int64, "pattern": pl.String,
}  # fmt: skip


@of_selection(*FILTERS, own=["data_changes"])
def edited_values(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The changes of the values of every edited feature from the secondary to the primary version.

    Over the features of both versions.

    Columns: those of `Step.edits`.
    """
    dataset = evaluation.dataset
    lines: list[dict[str, Any]] = []
    for number, old, new in _edited_rows(evaluation, selection):
        feature = dataset.features[number]
        transitions = _transitions(dataset, number, old, new)
        before, after, most = transitions.row(0)
        a, b = dataset.values[number][old], dataset.values[number][new]
        line: dict[str, Any] = {
            "feature": feature.name,
            "instances": len(old),
            "became_missing": int(np.isnan(b).sum()),
            "was_missing": int(np.isnan(a).sum()),
            "most_before": before,
            "most_after": after,
            "most_instances": most,
        }
        if feature.kind in (Kind.NUMBER, Kind.DATE):
            line |= _edit_figures(a, b)
        lines.append({**line, "pattern": _pattern(line, feature.kind)})
    frame = pl.DataFrame(lines, schema=_EDITS_SCHEMA)
    return frame.sort("instances", descending=True, maintain_order=True)


@of_selection(*FILTERS, own=["data_changes"])
def value_transitions(
    evaluation: Evaluation, selection: Selection, feature: str, *, most: int = 20
) -> pl.DataFrame:
    """Counts of the edits of one feature by value before and after.

    Columns: those of `Step.edited_values`; the `most` most frequent.
    """
    dataset = evaluation.dataset
    wanted = dataset.feature_number(feature)
    for number, old, new in _edited_rows(evaluation, selection):
        if number == wanted:
            return _transitions(dataset, number, old, new).head(most)
    return pl.DataFrame(schema={"before": pl.String, "after": pl.String, "instances": pl.Int64})


def _edited_rows(evaluation: Evaluation, selection: Selection) -> list[tuple[int, Rows, Rows]]:
    """Each edited feature, and the rows of its edited instances before and after."""
    dataset = evaluation.dataset
    pair: Pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    old, new = pair.old[pair.touched], pair.new[pair.touched]
    matching = instance_mask(evaluation, selection)[dataset.instance[new]]
    found = ((int(f), pair.edits[place] & matching) for place, f in enumerate(pair.common))
    return [(feature, old[edited], new[edited]) for feature, edited in found if edited.any()]


def _transitions(dataset: EvolvingDataset, number: int, old: Rows, new: Rows) -> pl.DataFrame:
    """The distinct changes with their counts; equally frequent ones in the order of values."""
    values = dataset.values[number]
    pairs = pl.DataFrame({"a": values[old], "b": values[new], "old": old, "new": new})
    grouped = pairs.group_by("a", "b").agg(
        pl.col("old").first(), pl.col("new").first(), instances=pl.len().cast(pl.Int64)
    )
    ordered = grouped.sort("instances", "a", "b", descending=[True, False, False])
    rows = (ordered["old"].to_numpy(), ordered["new"].to_numpy())
    texts = [value_texts(dataset, number, of) for of in rows]
    return pl.DataFrame(
        {"before": texts[0], "after": texts[1], "instances": ordered["instances"]},
        schema={"before": pl.String, "after": pl.String, "instances": pl.Int64},
    )


def _edit_figures(a: Floats, b: Floats) -> dict[str, object]:
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if not len(a):
        return {}
    shift = float(np.median(b - a))
    figures: dict[str, object] = {
        "median_before": float(np.median(a)),
        "median_after": float(np.median(b)),
        "median_shift": shift,
        "shift_share": float((np.abs(b - a - shift) <= _CLOSE * abs(shift)).mean()),
    }
    whole = (a != 0) & (b != 0)
    if whole.any() and len(np.unique(a)) >= _FEWEST_VALUES:
        ratios = b[whole] / a[whole]
        ratio = float(np.median(ratios))
        near = np.abs(ratios - ratio) <= _CLOSE * abs(ratio)
        figures |= {"median_ratio": ratio, "ratio_share": float(near.sum() / len(a))}
    return figures


def _pattern(line: dict[str, Any], kind: Kind) -> str | None:
    """The rule of most edits in words."""
    edits = line["instances"]
    for column, words in (("became_missing", "became missing"), ("was_missing", "was missing")):
        if line[column] >= MOSTLY * edits:
            return words
    rule = _rule(line) if kind is Kind.NUMBER else None
    if rule is not None:
        return rule
    if line["most_instances"] >= MOSTLY * edits and edits >= _FEWEST_VALUES:
        names = (line["most_before"], line["most_after"])
        before, after = ("missing" if name is None else name for name in names)
        return f"{before} became {after}"
    return None


def _rule(line: dict[str, Any]) -> str | None:
    """Times or plus, whichever explains more edits."""
    of_ratio, of_shift = (line.get(name, 0.0) for name in ("ratio_share", "shift_share"))
    ratio, shift = (line.get(name, 0.0) for name in ("median_ratio", "median_shift"))
    # ratios near 1 are similar whatever was done to the values
    if of_ratio >= max(MOSTLY, of_shift) and abs(ratio - 1) > _NEAR_ONE:
        return f"times {ratio:.4g}" if abs(ratio) >= 1 else f"divided by {1 / ratio:.4g}"
    if of_shift >= MOSTLY:
        return f"{'plus' if shift > 0 else 'minus'} {abs(shift):.4g}"
    return None
