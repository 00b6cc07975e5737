"""The kinds of data changes that a step consists of, and the evidence for each.

The kinds are those of Hohman et al., CHI 2020, "Types of data iterations": adding sampled,
specific or synthetic instances, adding labels, removing instances, modifying features or labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.data_changes import edited_values
from chameleon.analysis.matching import of_selection
from chameleon.analysis.values import Codes, Counts, Floats, Rows, coded, value_text
from chameleon.counting import INCORRECT, UNKNOWN
from chameleon.data import SPLITS, BarKind, BinKind, EvolvingDataset, Feature, Pair, pair_of
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection

FEWEST = 20
"""The fewest instances on either side of a comparison."""

ALPHA = 0.05
CLEAR_LIFT = 1.5
"""A group is clearly over-represented where the whole interval of its lift is above this, or
where its share is a fifth of all instances larger: a group of 60% cannot be lifted far."""

CLEAR_GAIN = 0.2
CLEAR = (pl.col("q_value") <= ALPHA) & (
    (pl.col("low") > CLEAR_LIFT) | (pl.col("share") - pl.col("rest_share") >= CLEAR_GAIN)
)
DECLARES = re.compile(r"synthe|augment|generated|simulat|artificial", re.IGNORECASE)
"""Names of sources, and of columns, that declare an instance to be synthetic."""

GROUPS = 5
"""The parts of about equal size of a feature's range: finer ones would have too few instances."""

LEVEL = 0.95
Outcomes = tuple[NDArray[np.uint8], NDArray[np.uint8]]

_GROUP_SCHEMA = {
    "by": pl.String, "feature": pl.String, "group": pl.String, "chosen": pl.Int64,
    "chosen_of": pl.Int64, "rest": pl.Int64, "rest_of": pl.Int64,
}  # fmt: skip
_EVIDENCE = {
    "by": pl.String, "feature": pl.String, "group": pl.String, "share": pl.Float64,
    "rest_share": pl.Float64, "lift": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "q_value": pl.Float64,
}  # fmt: skip
_SCHEMA = {
    "kind": pl.String, "split": pl.String, "instances": pl.Int64, "sentence": pl.String,
    **_EVIDENCE, "compared": pl.Int64,
}  # fmt: skip


class IterationKind(StrEnum):
    """The kinds of data changes; the last ones are not in the paper's list."""

    SAMPLED = "sampled instances added"
    SPECIFIC = "specific instances added"
    ADDED = "instances added"
    SYNTHETIC = "synthetic instances added"
    LABELS_ADDED = "labels added"
    REMOVED = "instances removed"
    FEATURES = "features modified"
    LABELS = "labels modified"
    JOINED = "columns joined"
    LEFT = "columns left"
    RETYPED = "columns retyped"
    MOVED = "instances moved"


@dataclass(frozen=True, slots=True)
class _Found:
    """One kind that was found, and its evidence if there is any."""

    kind: IterationKind
    split: str | None
    instances: int | None
    sentence: str = ""
    evidence: pl.DataFrame | None = None
    compared: int | None = None

    @property
    def line(self) -> dict[str, object]:
        """Its row in the frame of `iteration_kinds`."""
        known = {} if self.evidence is None else self.evidence.row(0, named=True)
        return {
            "kind": self.kind.value,
            "split": self.split,
            "instances": self.instances,
            "sentence": self.sentence,
            **{name: known.get(name) for name in _EVIDENCE},
            "compared": self.compared,
        }

    def with_evidence(self, sentence: str, clear: pl.DataFrame, groups: pl.DataFrame) -> _Found:
        """The same with a sentence and the strongest group, of the clear ones if there are any."""
        strongest = groups if clear.is_empty() else clear
        if strongest.is_empty():
            return replace(self, sentence=sentence)
        return replace(self, sentence=sentence, evidence=strongest, compared=len(groups))


@of_selection()
def iteration_kinds(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The kinds of data changes from the secondary to the primary version, with the evidence.

    Added instances are compared with the shared ones of the same split. They are *specific* where a
    label, source, or feature range is over-represented: more than chance explains, with the false
    discoveries among all groups compared controlled at 5%, and clearly, by an interval of its lift
    above 1.5 or by a fifth of all instances. Else they are *sampled*. A source that no shared
    instance has is mentioned, but decides nothing: sampled data may come from a new place. Fewer
    than 20 instances on either side are too few to decide. Instances are *synthetic* only where a
    source, or a boolean or text column, declares it by its name. Removed, relabeled, and edited
    instances are compared with the others likewise; removed ones also by the errors of the
    secondary version's model.

    Columns: those of `Step.kinds`, with low and high; null where nothing was compared.
    """
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    found = [
        *additions(dataset, pair),
        *_labels_added(dataset, pair),
        *_removals(evaluation, pair),
        *_features_modified(evaluation, pair, selection),
        *_labels_modified(dataset, pair),
        *_split_changes(dataset, pair),
        *_columns(dataset, pair),
    ]
    return pl.DataFrame([one.line for one in found], schema=_SCHEMA)


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as "1 label" and "2,000 labels"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A share; 0% and 100% only for none and all."""
    return f"{share:.0%}" if share in (0.0, 1.0) or 0.005 <= share < 0.995 else f"{share:.2%}"


def _stands_out(line: dict[str, object], others: str) -> str:
    """The over-representation of a group in words."""
    group = line["group"]
    match line["by"]:
        case "feature":
            name = f"have '{line['feature']}' {group}"
        case "outcome":
            name = "are errors of the model before"
        case by:
            name = f"are of {by} '{group}'"
    share, rest = (float(str(line[key])) for key in ("share", "rest_share"))
    words = f"{percent(share)} {name}, compared with {percent(rest)} of the {others}"
    if line["lift"] is None:
        return words
    low, high = (float(str(line[key])) for key in ("low", "high"))
    return f"{words} ({line['lift']:.1f} times as often, interval {low:.1f} to {high:.1f})"


def by_split(
    dataset: EvolvingDataset, chosen: Rows, others: Rows
) -> Iterator[tuple[str, Rows, Rows]]:
    """The chosen rows and the others of every split with any chosen one."""
    for code, split in enumerate(SPLITS):
        own = chosen[dataset.split[chosen] == code]
        if own.size:
            yield split.value, own, others[dataset.split[others] == code]


def additions(dataset: EvolvingDataset, pair: Pair) -> Iterator[_Found]:
    """The added instances by split, and those that are declared synthetic."""
    features = np.flatnonzero(dataset.has_column[pair.after])
    for split, added, shared in by_split(dataset, pair.added, pair.new):
        what = f"{counted(len(added), f'{split} instance')} added"
        found = _Found(IterationKind.ADDED, split, len(added))
        if min(len(added), len(shared)) < FEWEST:
            why = (
                f"we can't tell whether they resemble the rest: {len(added):,} vs. "
                f"{len(shared):,} shared {split} instances, and {FEWEST} of each are needed"
            )
            yield replace(found, sentence=f"{what}; {why}.")
        else:
            yield _judged(dataset, found, what, added, shared, features)
        yield from _synthetic(dataset, split, added)


def _judged(
    dataset: EvolvingDataset, found: _Found, what: str, added: Rows, shared: Rows, features: Codes
) -> _Found:
    groups = lifts(dataset, added, shared, features=features)
    news = groups.filter((pl.col("by") == "source") & (pl.col("rest") == 0))
    groups = groups.filter((pl.col("by") != "source") | (pl.col("rest") > 0))
    content = groups.filter(CLEAR & (pl.col("by") != "source"))
    sources = groups.filter(CLEAR & (pl.col("by") == "source"))
    like = f"look like the {len(shared):,} shared ones"
    if not content.is_empty():
        parts = [f"do not {like}: {_stands_out(content.row(0, named=True), 'shared ones')}"]
    elif sources.is_empty():
        parts = [
            f"{like}: of {len(groups):,} labels, sources and feature ranges, none is clearly "
            "over-represented"
        ]
    else:
        parts = [f"{like} in labels and features, but not in source"]
    if not sources.is_empty():
        parts.append(_stands_out(sources.row(0, named=True), "shared ones"))
    for line in news.iter_rows(named=True):
        source = f"come from '{line['group']}', a source that no shared one has"
        parts.append(f"{percent(line['share'])} {source}")
    unlabeled = float((dataset.label[added] < 0).mean())
    if unlabeled:
        parts.append(f"{percent(unlabeled)} are unlabeled")
    clear = pl.concat([content, sources])
    kind = IterationKind.SAMPLED if clear.is_empty() else IterationKind.SPECIFIC
    return replace(found, kind=kind).with_evidence(f"{what} {'; '.join(parts)}.", clear, groups)


def _synthetic(dataset: EvolvingDataset, split: str, added: Rows) -> Iterator[_Found]:
    """The added rows that a source or a column declares to be synthetic."""
    declared = np.zeros(len(added), dtype=np.bool_)
    by: list[str] = []
    names = [number for number, name in enumerate(dataset.sources) if DECLARES.search(name)]
    from_source = np.isin(dataset.source[added], names)
    if from_source.any():
        own = {dataset.sources[code] for code in dataset.source[added[from_source]]}
        by.append("source " + ", ".join(f"'{name}'" for name in sorted(own)))
        declared |= from_source
    for number, feature in enumerate(dataset.features):
        if not DECLARES.search(feature.name) or feature.kind not in (Kind.BOOLEAN, Kind.NUMBER):
            continue
        values = dataset.values[number][added]
        if np.isin(values[np.isfinite(values)], (0.0, 1.0)).all() and (values == 1.0).any():
            by.append(f"column '{feature.name}'")
            declared |= values == 1.0
    if by:
        count = int(declared.sum())
        sentence = (
            f"{count:,} of the {len(added):,} added {split} instances are declared synthetic by "
            f"{' and '.join(by)}."
        )
        yield _Found(IterationKind.SYNTHETIC, split, count, sentence)


def _labels_added(dataset: EvolvingDataset, pair: Pair) -> Iterator[_Found]:
    unlabeled = dataset.label[pair.old] < 0
    labeled = unlabeled & (dataset.label[pair.new] >= 0)
    if labeled.any():
        count, of = int(labeled.sum()), counted(int(unlabeled.sum()), "unlabeled shared instance")
        sentence = f"Labels added to {count:,} of the {of}."
        yield _Found(IterationKind.LABELS_ADDED, None, count, sentence)


def _removals(evaluation: Evaluation, pair: Pair) -> Iterator[_Found]:
    dataset = evaluation.dataset
    features = np.flatnonzero(dataset.has_column[pair.before])
    outcome = evaluation.outcome[pair.before]
    for split, removed, shared in by_split(dataset, pair.removed, pair.old):
        found = _Found(IterationKind.REMOVED, split, len(removed))
        what = f"{counted(len(removed), f'{split} instance')} removed"
        outcomes = (outcome[removed], outcome[shared])
        yield _compared(dataset, found, what, removed, shared, features, outcomes)


def _features_modified(
    evaluation: Evaluation, pair: Pair, selection: Selection
) -> Iterator[_Found]:
    if not pair.edited.any():
        return
    edits = edited_values(evaluation, selection)
    most = [
        f"'{line['feature']}' in {line['instances']:,}"
        + (f" ({line['pattern']})" if line["pattern"] else "")
        for line in edits.head(3).iter_rows(named=True)
    ]
    count = int(pair.edited.sum())
    what = (
        f"{counted(len(edits), 'feature')} modified in {counted(count, 'instance')}, most often "
        f"{', '.join(most)}"
    )
    edited, others = pair.old[pair.edited], pair.old[~pair.edited]
    found = _Found(IterationKind.FEATURES, None, count)
    yield _compared(evaluation.dataset, found, what, edited, others, pair.common)


def _labels_modified(dataset: EvolvingDataset, pair: Pair) -> Iterator[_Found]:
    before, after = dataset.label[pair.old], dataset.label[pair.new]
    changed = pair.relabeled & (before >= 0)
    if not changed.any():
        return
    both = np.stack([before[changed], after[changed]])
    pairs, counts = np.unique(both, axis=1, return_counts=True)
    top = int(np.argmax(counts))
    names = [*dataset.classes, "no label"]
    old, new = (names[int(code)] for code in pairs[:, top])
    count = int(changed.sum())
    what = f"{counted(count, 'label')} modified, most often {old} to {new} ({counts[top]:,})"
    found = _Found(IterationKind.LABELS, None, count)
    yield _compared(dataset, found, what, pair.old[changed], pair.old[~changed], pair.common)


def _split_changes(dataset: EvolvingDataset, pair: Pair) -> Iterator[_Found]:
    changed = pair.changed_split
    ways = np.stack([dataset.split[rows[changed]] for rows in (pair.old, pair.new)], axis=1)
    for (old, new), count in zip(*np.unique(ways, axis=0, return_counts=True), strict=True):
        way = f"from {SPLITS[int(old)].value} to {SPLITS[int(new)].value}"
        sentence = f"{counted(int(count), 'instance')} changed {way}."
        yield _Found(IterationKind.MOVED, None, int(count), sentence)


def _columns(dataset: EvolvingDataset, pair: Pair) -> Iterator[_Found]:
    names = [feature.name for feature in dataset.features]
    old, new = dataset.has_column[pair.before], dataset.has_column[pair.after]
    kinds = [dataset.project.columns[dataset.versions[v].name] for v in (pair.before, pair.after)]
    retyped = [
        f"{names[f]} (from {a} to {b})"
        for f in pair.common
        if (a := kinds[0].get(names[f])) and (b := kinds[1].get(names[f])) and a != b
    ]
    for kind, found in (
        (IterationKind.JOINED, [names[f] for f in np.flatnonzero(new & ~old)]),
        (IterationKind.LEFT, [names[f] for f in np.flatnonzero(old & ~new)]),
        (IterationKind.RETYPED, retyped),
    ):
        if found:
            more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
            verb = kind.value.split()[-1]
            listed = f"{counted(len(found), 'column')} {verb}: {', '.join(found[:5])}{more}."
            yield _Found(kind, None, None, listed)


def _compared(
    dataset: EvolvingDataset,
    found: _Found,
    what: str,
    chosen: Rows,
    others: Rows,
    features: Codes,
    outcomes: Outcomes | None = None,
) -> _Found:
    """The kind of these rows, with the group that is over-represented among them."""
    if min(len(chosen), len(others)) < FEWEST:
        too_few = f"fewer than {FEWEST} instances on a side are too few to compare"
        return replace(found, sentence=f"{what}; {too_few}.")
    groups = lifts(dataset, chosen, others, features=features, outcomes=outcomes)
    clear = groups.filter(CLEAR)
    if clear.is_empty():
        result = f"they look like the others ({len(groups):,} groups compared)"
    else:
        result = _stands_out(clear.row(0, named=True), "others")
    return found.with_evidence(f"{what}; {result}.", clear, groups)


def lifts(
    dataset: EvolvingDataset,
    chosen: Rows,
    rest: Rows,
    *,
    features: Codes,
    outcomes: Outcomes | None = None,
) -> pl.DataFrame:
    """The over-representation of each label, source, outcome, and feature range in chosen rows.

    `features` are the features to examine, and `outcomes` those of the chosen rows and of the rest.

    Columns: by ("label", "source", "outcome" or "feature"), feature, group, chosen, chosen_of,
    rest, rest_of (rows of the group, and of all that have a label, source or known outcome), share,
    rest_share, lift (share / rest_share; null where the rest has none), low, high (interval of the
    lift at 95% for all groups together: Katz's logarithm with 1/2 added, Bonferroni), p_value
    (hypergeometric, for over-representation), q_value (Benjamini and Hochberg). Largest lower end
    first.
    """
    from scipy.stats import false_discovery_control, hypergeom

    groups = list(_groups(dataset, chosen, rest, features, outcomes))
    frame = pl.DataFrame(groups, schema=_GROUP_SCHEMA, orient="row")
    counts = frame.select("chosen", "chosen_of", "rest", "rest_of").to_numpy().astype(np.int64).T
    a, n, b, m = counts
    low, high = _interval(a, n, b, m)
    p_values = np.clip(hypergeom.sf(a - 1, n + m, a + b, n), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = a / n, b / m
        lift = shares[0] / shares[1]
    lift[~np.isfinite(lift)] = np.nan
    columns = {
        "share": shares[0], "rest_share": shares[1], "lift": lift, "low": low, "high": high,
        "p_value": p_values,
        "q_value": false_discovery_control(p_values) if len(p_values) else p_values,
    }  # fmt: skip
    return frame.with_columns(
        pl.Series(name, values, nan_to_null=True) for name, values in columns.items()
    ).sort("low", descending=True, maintain_order=True)


def _groups(
    dataset: EvolvingDataset, chosen: Rows, rest: Rows, features: Codes, outcomes: Outcomes | None
) -> Iterator[tuple[object, ...]]:
    """The rows of `_GROUP_SCHEMA`."""
    for by in ("label", "source"):
        codes, names = coded(dataset, by)
        sides = [codes[rows].astype(np.int64) for rows in (chosen, rest)]
        sides = [side[side >= 0] for side in sides]
        if all(side.size for side in sides):
            yield from _counts(by, None, list(names), sides[0], sides[1])
    if outcomes is not None:
        known = [of[of != UNKNOWN] for of in outcomes]
        wrong = [int((of == INCORRECT).sum()) for of in known]
        if all(len(of) for of in known):
            yield "outcome", None, "incorrect", wrong[0], len(known[0]), wrong[1], len(known[1])
    for number in features:
        feature = dataset.features[number]
        if feature.bins.kind is not BinKind.TEXT:
            own = dataset.codes[number]
            part, names_of_parts = _parts(feature, own[np.concatenate([chosen, rest])])
            sides = [part[own[rows]] for rows in (chosen, rest)]
            yield from _counts("feature", feature.name, names_of_parts, sides[0], sides[1])


def _counts(
    by: str, feature: str | None, names: list[str], chosen: Counts, rest: Counts
) -> Iterator[tuple[object, ...]]:
    counts = [np.bincount(side, minlength=len(names)).tolist() for side in (chosen, rest)]
    for name, count, rest_count in zip(names, *counts, strict=True):
        if count + rest_count:
            yield by, feature, name, count, len(chosen), rest_count, len(rest)


def _parts(feature: Feature, codes: NDArray[np.uint8]) -> tuple[Counts, list[str]]:
    """The part of each code of a feature, and the parts' names."""
    bars = feature.bins.bars
    if feature.bins.kind is BinKind.CATEGORIES:
        return np.arange(len(bars)), [bar.category or bar.kind.value for bar in bars]
    values = feature.bins.missing_code
    counts = np.bincount(codes, minlength=len(bars))
    below = counts[:values].cumsum() - counts[:values]
    part = below * GROUPS // max(int(counts[:values].sum()), 1)
    part = np.concatenate([part, [GROUPS, GROUPS + 1]]).astype(np.int64)
    found: list[str] = []
    for place in range(GROUPS):
        own = np.flatnonzero((part == place) & (counts > 0))
        found.append(_range_words(feature, own) if own.size else "")
    return part, [*found, BarKind.MISSING.value, BarKind.NON_FINITE.value]


def _range_words(feature: Feature, codes: NDArray[np.intp]) -> str:
    first, last = feature.bins.bars[codes[0]], feature.bins.bars[codes[-1]]
    low, high = (
        value_text(float(f"{bound:.15g}") if bound is not None else 0.0, feature.kind)
        for bound in (first.low, last.high)
    )
    return low if first.kind is BarKind.VALUE and low == high else f"{low} to {high}"


def _interval(a: Counts, n: Counts, b: Counts, m: Counts) -> tuple[Floats, Floats]:
    from scipy.special import ndtri

    quantile = float(ndtri(1 - (1 - LEVEL) / 2 / max(len(a), 1)))
    middle = np.log((a + 0.5) / (n + 0.5)) - np.log((b + 0.5) / (m + 0.5))
    spread = np.sqrt(1 / (a + 0.5) - 1 / (n + 0.5) + 1 / (b + 0.5) - 1 / (m + 0.5))
    return np.exp(middle - quantile * spread), np.exp(middle + quantile * spread)
