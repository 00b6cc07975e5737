"""The data check: findings in every version, and how each was handled.

Every function that finds something goes over the versions once and counts arrays; none examines
rows one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.metrics import TEST, TRAIN
from chameleon.analysis.values import DAY, Codes, Counts, Mask, Rows, id_ranks, value_text
from chameleon.data import SPLITS, BinKind, EvolvingDataset, Feature, SummaryField, evolving_dataset
from chameleon.models import Evaluation
from chameleon.project import NOT_A_DATE, Finding, FindingKind, Kind, Project, Severity, Version

EXAMPLES = 3


def ids_of(dataset: EvolvingDataset, instances: Codes) -> tuple[str, ...]:
    """The first few ids, in their order."""
    by_id = np.argsort(id_ranks(dataset)[instances])[:EXAMPLES]
    return tuple(dataset.instance_ids.gather(instances[by_id]).to_list())


def examples_clause(examples: Iterable[str]) -> str:
    """Examples as the end of a clause."""
    named = ", ".join(f"'{example}'" for example in examples)
    return f", such as {named}" if named else ""


def label_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Labels that no earlier version has, and labels missing since the previous version.

    The previous version is the latest one with any label.
    """
    names, column = dataset.classes, dataset.project.roles.label
    seen: Mask | None = None
    previous = (np.zeros(len(names), dtype=np.int64), "")
    for number, version in enumerate(dataset.versions):
        labels = dataset.label[dataset.rows_of(number)]
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
        if not counts.any():
            continue
        if seen is not None:
            new, missing = (counts > 0) & ~seen, (previous[0] > 0) & (counts == 0)
            if new.any():
                count, examples = _few(names, new, counts)
                yield version.finding(
                    Severity.NOTE,
                    f"has {new.sum():,} labels that no earlier version has"
                    f"{examples_clause(examples)}: {count:,} of its instances have them.",
                    column, kind=FindingKind.NEW_LABELS, count=count, examples=examples,
                )  # fmt: skip
            if missing.any():
                count, examples = _few(names, missing, previous[0])
                yield version.finding(
                    Severity.WARNING,
                    f"lacks {missing.sum():,} labels of version {previous[1]}"
                    f"{examples_clause(examples)}: {count:,} instances have them in that version.",
                    column, kind=FindingKind.VANISHED_LABELS, count=count, examples=examples,
                )  # fmt: skip
        seen = counts > 0 if seen is None else seen | (counts > 0)
        previous = (counts, version.name)


def _few(names: Sequence[str], chosen: Mask, counts: Counts) -> tuple[int, tuple[str, ...]]:
    """The number of instances with these labels, and a few of the labels."""
    return int(counts[chosen].sum()), tuple(names[c] for c in np.flatnonzero(chosen)[:EXAMPLES])


def instance_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Instances whose split changed since their last version, and instances that came back."""
    last = np.full(dataset.instance_count, -1, dtype=np.int32)
    held = np.zeros(dataset.instance_count, dtype=np.bool_)
    for number, version in enumerate(dataset.versions):
        own = dataset.row_of_instance(number)
        present = own >= 0
        known = np.flatnonzero(present & (last >= 0) & (own != last))
        moved = known[dataset.split[last[known]] != dataset.split[own[known]]]
        if moved.size:
            yield _changed_split(dataset, version, moved, last, own)
        returned = np.flatnonzero(present & (last >= 0) & ~held)
        if returned.size:
            changed = int((own[returned] != last[returned]).sum())
            examples = ids_of(dataset, returned)
            yield version.finding(
                Severity.NOTE,
                f"contains {returned.size:,} instances again that the previous version "
                f"lacks{examples_clause(examples)}: {changed:,} of them changed.",
                kind=FindingKind.RETURNED, count=int(returned.size), examples=examples,
            )  # fmt: skip
        last = np.where(present, own, last)
        held = present


def _changed_split(
    dataset: EvolvingDataset, version: Version, moved: NDArray[np.intp], last: Rows, own: Rows
) -> Finding:
    ways = len(SPLITS) * dataset.split[last[moved]].astype(np.int64) + dataset.split[own[moved]]
    counts = np.bincount(ways, minlength=len(SPLITS) ** 2)
    listed = ", ".join(
        f"{counts[way]:,} from {SPLITS[way // len(SPLITS)]} to {SPLITS[way % len(SPLITS)]}"
        for way in np.flatnonzero(counts)
    )
    leaks = counts[TRAIN * len(SPLITS) + TEST] + counts[TEST * len(SPLITS) + TRAIN]
    examples = ids_of(dataset, moved)
    return version.finding(
        Severity.WARNING if leaks else Severity.NOTE,
        f"has {moved.size:,} instances in another split than before"
        f"{examples_clause(examples)}: {listed}.",
        dataset.project.roles.split,
        kind=FindingKind.MOVED, count=int(moved.size), examples=examples,
    )  # fmt: skip


_MOST_DIFFERENT = 10
"""At least one instance in this number has an id of another form than in the version before."""


def identity_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Versions whose ids seem to be those of the previous version in another form, or share none.

    Tables lose leading zeros, and integers become 7.0, where a program reads ids as numbers.
    """
    for number, version in enumerate(dataset.versions[1:], start=1):
        before, after = (dataset.row_of_instance(n) >= 0 for n in (number - 1, number))
        previous, shared = dataset.versions[number - 1].name, int((before & after).sum())
        gone, new = (
            dataset.instance_ids.gather(np.flatnonzero(held))
            for held in (before & ~after, after & ~before)
        )
        forms = pl.DataFrame({"new": new, "form": _bare(new)}).join(
            pl.DataFrame({"gone": gone, "form": _bare(gone)}), on="form"
        )
        column = ", ".join(dataset.project.roles.id) or None
        if len(forms) * _MOST_DIFFERENT >= after.sum() > 0:
            old, own = forms.sort("new").select("gone", "new").row(0)
            yield version.finding(
                Severity.WARNING,
                f"has {len(forms):,} ids that version {previous} writes in another form, such as "
                f"'{own}' for '{old}': give them one type in all versions, such as text.",
                column, kind=FindingKind.CHANGED_IDS, count=len(forms), examples=(own, old),
            )  # fmt: skip
        elif not shared and before.any() and after.any():
            yield version.finding(
                Severity.WARNING,
                f"shares no instance with version {previous}: {_missing_identity(column)}",
                column, kind=FindingKind.CHANGED_IDS, count=int(after.sum()),
                examples=ids_of(dataset, np.flatnonzero(after)),
            )  # fmt: skip


def _bare(ids: pl.Series) -> pl.Series:
    """Ids without what a change of type adds or takes: spaces, leading zeros, and a last .0."""
    return ids.str.strip_chars().str.strip_suffix(".0").str.strip_chars_start("0")


def _missing_identity(column: str | None) -> str:
    if column is None:
        return (
            "without an id column, an edit makes another instance. Name the column of ids "
            '(id = "customer_id"); the index of a pandas frame becomes a column by reset_index().'
        )
    return f"check that '{column}' identifies the same instances in both."


def leakage_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Test and validation rows that duplicate the features of a train row of the version."""
    distinct, group = np.unique(dataset.content_hashes(), return_inverse=True)
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        trained = dataset.split[rows] == TRAIN
        train, held_out = rows[trained], rows[~trained]
        in_train = np.zeros(len(distinct), dtype=np.bool_)
        in_train[group[train]] = True
        leaked = held_out[in_train[group[held_out]]]
        if not leaked.size:
            continue
        pairs = group.astype(np.int64) * (len(dataset.classes) + 1) + dataset.label
        other = int((~np.isin(pairs[leaked], pairs[train])).sum())
        examples = ids_of(dataset, dataset.instance[leaked])
        yield version.finding(
            Severity.WARNING,
            f"has {leaked.size:,} of {held_out.size:,} test and validation rows with the features "
            f"of a train row{examples_clause(examples)}: {other:,} of them with a label that no "
            "such train row has.",
            kind=FindingKind.ACROSS_SPLIT, count=int(leaked.size), examples=examples,
        )  # fmt: skip


def column_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Features that are added or removed, and features whose type changed."""
    columns = dataset.project.columns
    last: dict[str, Kind] = {}
    for number, version in enumerate(dataset.versions):
        count = int(dataset.present[number].sum())
        if number:
            previous = dataset.versions[number - 1].name
            before, now = dataset.has_column[number - 1], dataset.has_column[number]
            for feature in np.flatnonzero(before != now):
                name, added = dataset.features[feature].name, now[feature]
                verbs = ("has", "lacks") if added else ("lacks", "has")
                yield version.finding(
                    Severity.NOTE if added else Severity.WARNING,
                    f"{verbs[0]} the column '{name}', which version {previous} {verbs[1]}.",
                    name,
                    kind=FindingKind.COLUMN_JOINED if added else FindingKind.COLUMN_LEFT,
                    count=count,
                )
        for name, kind in columns[version.name].items():
            if kind is None:
                continue
            if last.get(name, kind) is not kind:
                message = f"has column '{name}' as {kind}, after {last[name]}."
                retyped = FindingKind.COLUMN_RETYPED
                yield version.finding(Severity.NOTE, message, name, kind=retyped, count=count)
            last[name] = kind


def order_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Versions dated before an earlier one, by their own or their instances' newest date."""
    latest: Version | None = None
    newest_before: tuple[int, str] | None = None
    for number, version in enumerate(dataset.versions):
        if version.date is not None:
            if latest is not None and latest.date is not None and version.date < latest.date:
                yield version.finding(
                    Severity.WARNING,
                    f"is dated {version.date}, but follows version {latest.name} of {latest.date}.",
                    kind=FindingKind.OUT_OF_ORDER,
                    examples=(str(version.date), str(latest.date)),
                )
            latest = version
        dates = dataset.date[dataset.rows_of(number)].view(np.int64)
        newest = int(dates.max()) if dates.size else NOT_A_DATE
        if newest == NOT_A_DATE:
            continue
        if newest_before is not None and newest < newest_before[0]:
            day, before = (
                value_text(float(moment - moment % DAY), Kind.DATE)
                for moment in (newest, newest_before[0])
            )
            yield version.finding(
                Severity.NOTE,
                f"has no instance newer than {day}, but version {newest_before[1]} before it has "
                f"one of {before}.",
                dataset.project.roles.date,
                kind=FindingKind.OUT_OF_ORDER, examples=(day, before),
            )  # fmt: skip
        newest_before = (newest, version.name)


def identical_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Versions that are identical to an earlier one."""
    first: dict[bytes, Version] = {}
    for number, version in enumerate(dataset.versions):
        held = hashlib.blake2b(np.packbits(dataset.present[number]).tobytes()).digest()
        other = first.setdefault(held, version)
        if other is not version:
            yield version.finding(
                Severity.WARNING,
                f"is identical to version {other.name}.",
                kind=FindingKind.EQUAL_VERSION,
                count=int(dataset.present[number].sum()), examples=(other.name,),
            )  # fmt: skip


LEAST_LAMBDA = 0.95
"""Lambda from which a feature reveals the label: of 20 wrong guesses it leaves one."""

FEWEST_ROWS = 50
ROWS_A_VALUE = 5
"""With fewer labeled rows, or fewer for each occupied bin, chance alone reveals the label."""

_LARGEST_TABLE = 2_000_000
_LEFT_OUT = " The version is left out."
_DONE: Mapping[FindingKind, str] = {
    FindingKind.DUPLICATE_IDS: "The version is left out; the others are used.",
    FindingKind.MISSING_IDS: "The version is left out; the others are used.",
    FindingKind.UNUSABLE: "The version is left out; the others are used.",
    FindingKind.MISSING_LABELS: "These rows are shown, not fitted; their outcome is unknown.",
    FindingKind.NEW_LABELS: "Used as they are; the models of earlier versions can't predict them.",
    FindingKind.VANISHED_LABELS: "Used as it is; this version's model may not know them.",
    FindingKind.MOVED: (
        "Every version counts an instance in its own split; tests and intervals of prediction "
        "changes exclude these."
    ),
    FindingKind.ACROSS_SPLIT: "Counted. Test accuracy may be too optimistic.",
    FindingKind.COLUMN_JOINED: "In versions without the column its values count as missing.",
    FindingKind.COLUMN_LEFT: "Its values count as missing in this version.",
    FindingKind.COLUMN_RETYPED: "Read the same way in all versions, so that equal values match.",
    FindingKind.CONSTANT: "Shown and fitted as it is.",
    FindingKind.ALL_MISSING: "Counted as missing; a model without any train value ignores it.",
    FindingKind.NON_FINITE: "Counted in a separate bar; missing for means and for the model.",
    FindingKind.TELLS_LABEL: "Used as it is. If it is known only after the label, name it under "
    "ignore in chameleon.toml.",
    FindingKind.OUT_OF_ORDER: "Kept in the order given. To change it, list [[versions]] in order.",
    FindingKind.EQUAL_VERSION: "Shown as a separate version with the same numbers.",
    FindingKind.RETURNED: "Counted as removed in one step and added in a later one.",
    FindingKind.CHANGED_IDS: "Counted as removed and added instances.",
    FindingKind.OTHER: "As the message describes; all usable data is used.",
}
_SCHEMA: Mapping[str, pl.DataType] = {
    "version": pl.String(), "severity": pl.String(), "kind": pl.String(), "column": pl.String(),
    "count": pl.Int64(), "examples": pl.List(pl.String), "message": pl.String(),
    "action": pl.String(),
}  # fmt: skip


def check(project: Project | Evaluation) -> pl.DataFrame:
    """The findings about the data, version by version; nothing was repaired silently.

    The kinds are those of `FindingKind`. Findings of opening and reading, and of fitting for an
    evaluation, are included, each once. A feature reveals the label where guessing from it alone
    leaves at most 5% of the mistakes of always guessing the most frequent label (50 labeled rows
    or more).

    Columns: those of `Project.findings`, with severity "note" instead of "info"; the most severe
    first, then by version.
    """
    if isinstance(project, Evaluation):
        return data_check(project.dataset, project.findings)
    dataset = evolving_dataset(project)
    return data_check(dataset, (*project.findings, *dataset.findings))


def data_check(dataset: EvolvingDataset, findings: Sequence[Finding]) -> pl.DataFrame:
    """The findings about a dataset, together with the given ones."""
    known = [
        replace(
            finding,
            kind=finding.kind or _other_kind(finding),
            message=finding.message.removesuffix(_LEFT_OUT),
        )
        for finding in findings
    ]
    retyped = {_key(finding) for finding in known if finding.kind is FindingKind.COLUMN_RETYPED}
    new = [
        finding
        for found in (
            label_findings, instance_findings, identity_findings, leakage_findings,
            column_findings, value_findings,
            non_finite_findings, order_findings, identical_findings, target_leakage_findings,
        )
        for finding in found(dataset)
        if _key(finding) not in retyped
    ]  # fmt: skip
    return _frame(dataset.project, [*known, *new])


def _other_kind(finding: Finding) -> FindingKind:
    return FindingKind.UNUSABLE if finding.severity is Severity.ERROR else FindingKind.OTHER


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.version, finding.kind, finding.column


def _frame(project: Project, findings: Sequence[Finding]) -> pl.DataFrame:
    places = {version.name: place for place, version in enumerate(project.source.versions())}
    severities, kinds = list(Severity), list(FindingKind)
    lines: list[tuple[tuple[int, int, int], tuple[object, ...]]] = []
    for finding in findings:
        kind = finding.kind or FindingKind.OTHER
        place = -1 if finding.version is None else places.get(finding.version, len(places))
        rank = severities.index(finding.severity), place, kinds.index(kind)
        examples = list(finding.examples)
        line = (finding.version, finding.severity.value, kind.value, finding.column, finding.count,
                examples, finding.message, _DONE[kind])  # fmt: skip
        lines.append((rank, line))
    ordered = [line for _, line in sorted(lines, key=lambda ranked: ranked[0])]
    return pl.DataFrame(ordered, schema=dict(_SCHEMA), orient="row")


def value_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Features that are all missing, or constant, in a version that has the column."""
    summary = dataset.summary
    rows = summary[..., SummaryField.ROWS].sum(axis=1)
    low = np.fmin.reduce(summary[..., SummaryField.MINIMUM], axis=1)
    high = np.fmax.reduce(summary[..., SummaryField.MAXIMUM], axis=1)
    valued = rows - summary[..., SummaryField.MISSING].sum(axis=1)
    empty = dataset.has_column & (valued == 0)
    constant = (_non_finite_counts(dataset) == 0) & (valued >= 2) & (low == high)
    for number, place in np.argwhere(empty | constant):
        version, feature = dataset.versions[number], dataset.features[place]
        count, of = int(valued[number, place]), int(rows[number, place])
        if empty[number, place]:
            message = f"has no value of '{feature.name}' in any of its {of:,} rows."
            missing = FindingKind.ALL_MISSING
            yield version.finding(Severity.WARNING, message, feature.name, kind=missing, count=of)
            continue
        value = spelled_value(dataset, feature, float(low[number, place]))
        where = f"{count:,} of {of:,} rows; the others are missing"
        if count == of:
            where = f"all of its {of:,} rows"
        yield version.finding(
            Severity.NOTE,
            f"has only one value of '{feature.name}', '{value}', in {where}.",
            feature.name, kind=FindingKind.CONSTANT, count=count, examples=(value,),
        )  # fmt: skip


def spelled_value(dataset: EvolvingDataset, feature: Feature, value: float) -> str:
    """A stored value as a person would write it."""
    if feature.kind is Kind.TEXT:
        return str(dataset.texts[feature.name][int(value)])
    return f"{value:.12g}" if feature.kind is Kind.NUMBER else value_text(value, feature.kind)


def _non_finite_counts(dataset: EvolvingDataset) -> Counts:
    """int64 of shape (n_versions, n_features): infinite values."""
    counts = np.zeros((len(dataset.versions), len(dataset.features)), dtype=np.int64)
    for number, feature in enumerate(dataset.features):
        rows = np.flatnonzero(dataset.codes[number] == feature.bins.missing_code + 1)
        if rows.size:
            counts[:, number] = dataset.present[:, rows].sum(axis=1)
    return counts


def non_finite_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Features with infinite values, by version."""
    for number, place in np.argwhere(_non_finite_counts(dataset)):
        feature = dataset.features[place]
        infinite = dataset.codes[place] == feature.bins.missing_code + 1
        rows = np.flatnonzero(infinite & dataset.present[number])
        examples = ids_of(dataset, dataset.instance[rows])
        yield dataset.versions[number].finding(
            Severity.WARNING,
            f"has {rows.size:,} infinite values of '{feature.name}'{examples_clause(examples)}.",
            feature.name,
            kind=FindingKind.NON_FINITE, count=int(rows.size), examples=examples,
        )  # fmt: skip


def target_leakage_findings(dataset: EvolvingDataset) -> Iterator[Finding]:
    """Features that alone predict nearly every label of a version.

    Guessing each labeled row's label as the most frequent one of its bin (of its category, where
    there are not too many) leaves at most 5% of the mistakes of always guessing the most frequent
    label: Goodman and Kruskal's lambda (1954, J. Am. Stat. Assoc. 49, section 5) is at least 0.95.
    """
    totals = np.zeros((len(dataset.versions), len(dataset.classes)), dtype=np.int64)
    for number in range(len(totals)):
        labels = dataset.label[dataset.rows_of(number)]
        totals[number] = np.bincount(labels[labels >= 0], minlength=len(dataset.classes))
    base = totals.max(axis=1, initial=0)
    rows = totals.sum(axis=1)
    asked = (rows >= FEWEST_ROWS) & (base < rows)
    if not asked.any():
        return
    for number, feature in enumerate(dataset.features):
        right, used = _guessed_right(dataset, number)
        revealing = (right - base) >= LEAST_LAMBDA * (rows - base)
        for at in np.flatnonzero(asked & revealing & (rows >= ROWS_A_VALUE * used)):
            yield dataset.versions[at].finding(
                Severity.WARNING,
                f": '{feature.name}' alone predicts {right[at]:,} of {rows[at]:,} labels; always "
                f"guessing the most frequent label gets {base[at]:,}.",
                feature.name,
                kind=FindingKind.TELLS_LABEL, count=int(right[at]),
                examples=_revealing_values(dataset, number, int(at)),
            )  # fmt: skip


def _guessed_right(dataset: EvolvingDataset, feature: int) -> tuple[Counts, Counts]:
    """By version, labels guessed right from one feature, and bins that contain any row.

    Counts change only by added and removed rows.
    """
    codes, size = _groups(dataset, feature)
    classes = len(dataset.classes)
    labeled = dataset.label >= 0
    keys = codes * classes + dataset.label
    counts = np.zeros((size, classes), dtype=np.int64)
    right, used = (np.zeros(len(dataset.versions), dtype=np.int64) for _ in range(2))
    before = np.zeros(dataset.row_count, dtype=np.bool_)
    for number, held in enumerate(dataset.present):
        changed = (held != before) & labeled
        for rows, sign in ((changed & held, 1), (changed & before, -1)):
            found = np.bincount(keys[rows], minlength=size * classes)
            counts += sign * found.reshape(size, classes)
        right[number] = counts.max(axis=1, initial=0).sum()
        used[number] = counts.any(axis=1).sum()
        before = held
    return right, used


def _groups(dataset: EvolvingDataset, number: int) -> tuple[Counts, int]:
    """The bin of every row, or its category where those beyond the shown ones fit in a table."""
    feature = dataset.features[number]
    if feature.kind is Kind.TEXT and feature.bins.kind is not BinKind.TEXT:
        texts = len(dataset.texts[feature.name])
        if texts * len(dataset.classes) <= _LARGEST_TABLE:
            values = np.asarray(dataset.values[number])
            return np.where(np.isnan(values), texts, values).astype(np.int64), texts + 1
    return dataset.codes[number].astype(np.int64), feature.bins.count


def _revealing_values(dataset: EvolvingDataset, number: int, version: int) -> tuple[str, ...]:
    """A value of the feature and its label, for each of a few labels."""
    rows = dataset.rows_of(version)
    rows = rows[(dataset.label[rows] >= 0) & ~np.isnan(dataset.values[number][rows])]
    _, first = np.unique(dataset.label[rows], return_index=True)
    feature = dataset.features[number]
    return tuple(
        f"{spelled_value(dataset, feature, float(dataset.values[number][row]))}: "
        f"{dataset.classes[dataset.label[row]]}"
        for row in rows[first[:3]]
    )
