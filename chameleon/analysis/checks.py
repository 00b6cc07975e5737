"""The data check: what was noticed in every version, and what was done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from chameleon.analysis.notices import (
    Notice,
    across_notices,
    column_notices,
    equal_notices,
    instance_notices,
    label_notices,
    order_notices,
)
from chameleon.analysis.odd_features import (
    non_finite_notices,
    target_leakage_findings,
    value_notices,
)
from chameleon.data import EvolvingDataset, evolving_dataset
from chameleon.models import Evaluation
from chameleon.project import Finding, FindingKind, Project, Severity

_LEFT_OUT = " The version is left out."
_DONE: Mapping[FindingKind, str] = {
    FindingKind.DUPLICATE_IDS: "The version is left out; the others are used.",
    FindingKind.MISSING_IDS: "The version is left out; the others are used.",
    FindingKind.UNUSABLE: "The version is left out; the others are used.",
    FindingKind.MISSING_LABELS: "These rows are shown, not fitted; their outcome is unknown.",
    FindingKind.NEW_LABELS: "Used as they are; the models of earlier versions cannot predict them.",
    FindingKind.VANISHED_LABELS: "Used as it is; this version's model may not know them.",
    FindingKind.MOVED: (
        "Every version counts an instance in its own split; tests and intervals of prediction "
        "changes leave these out."
    ),
    FindingKind.ACROSS_SPLIT: "Counted as they are: test accuracy may flatter the model.",
    FindingKind.COLUMN_JOINED: "In versions without the column its values count as missing.",
    FindingKind.COLUMN_LEFT: "Its values count as missing in this version.",
    FindingKind.COLUMN_RETYPED: "Read in one way in all versions, so that equal values are equal.",
    FindingKind.CONSTANT: "Shown and fitted as it is.",
    FindingKind.ALL_MISSING: "Counted as missing; a model without any train value does without it.",
    FindingKind.NON_FINITE: "Counted in a bar of their own; missing for means and for the model.",
    FindingKind.TELLS_LABEL: "Used as it is. If it is known only after the label, name it under "
    "ignore in chameleon.toml.",
    FindingKind.OUT_OF_ORDER: "Kept in the order given. To change it, list [[versions]] in order.",
    FindingKind.EQUAL_VERSION: "Shown as a version of its own, with the same numbers.",
    FindingKind.RETURNED: "Told as removed in one step and as added in a later one.",
    FindingKind.OTHER: "As the message says; what can be used is used.",
}
_SCHEMA: Mapping[str, pl.DataType] = {
    "version": pl.String(), "severity": pl.String(), "kind": pl.String(), "column": pl.String(),
    "count": pl.Int64(), "examples": pl.List(pl.String), "message": pl.String(),
    "done": pl.String(),
}  # fmt: skip


def check(project: Project | Evaluation) -> pl.DataFrame:
    """The findings about the data, version by version; nothing was repaired silently.

    Looked for are the kinds of `FindingKind`. What opening, reading and fitting found wrong is
    part of it, and nothing is told twice. A feature tells the label where guessing from it alone
    leaves at most 5 % of the mistakes of always guessing the most frequent label (50 labelled
    rows or more).

    Parameters
    ----------
    project
        An opened project, or an evaluation, whose problems with models are then told too.

    Returns
    -------
    pl.DataFrame
        version (null: of no single one), severity ("error", "warning" or "note"), kind (see
        `FindingKind`), column (null: of no single one), count (how many rows, instances or ids it
        concerns; null where these are not counted), examples (up to three ids or values), message,
        done (what was done about it); the worst first, then by version.

    Raises
    ------
    VersionError
        A file changed or vanished since the project was opened.
    """
    if isinstance(project, Evaluation):
        return data_check(project.dataset, project.findings)
    dataset = evolving_dataset(project)
    return data_check(dataset, (*project.findings, *dataset.findings))


def data_check(dataset: EvolvingDataset, findings: Sequence[Finding]) -> pl.DataFrame:
    """The findings about a dataset, the given problems included."""
    carried = [_carried(finding) for finding in findings]
    told = {notice.of for notice in carried if notice.kind is FindingKind.COLUMN_RETYPED}
    found = [notice for notice in _noticed(dataset) if notice.of not in told]
    return _frame(dataset.project, [*carried, *found])


def _noticed(dataset: EvolvingDataset) -> Iterator[Notice]:
    for look in (
        label_notices,
        instance_notices,
        across_notices,
        column_notices,
        value_notices,
        non_finite_notices,
        order_notices,
        equal_notices,
    ):
        yield from look(dataset)
    yield from target_leakage_findings(dataset)


def _carried(finding: Finding) -> Notice:
    error = finding.severity is Severity.ERROR
    return Notice(
        finding.severity,
        finding.kind or (FindingKind.UNUSABLE if error else FindingKind.OTHER),
        finding.message.removesuffix(_LEFT_OUT),
        finding.version,
        finding.column,
        finding.count,
        finding.examples,
    )


def _frame(project: Project, notices: Iterable[Notice]) -> pl.DataFrame:
    places = {version.name: place for place, version in enumerate(project.source.versions())}
    severities, kinds = list(Severity), list(FindingKind)

    def rank(notice: Notice) -> tuple[int, int, int]:
        place = -1 if notice.version is None else places.get(notice.version, len(places))
        return severities.index(notice.severity), place, kinds.index(notice.kind)

    return pl.DataFrame(
        [
            (
                notice.version,
                notice.severity.value,
                notice.kind.value,
                notice.column,
                notice.count,
                list(notice.examples),
                notice.message,
                _DONE[notice.kind],
            )
            for notice in sorted(notices, key=rank)
        ],
        schema=dict(_SCHEMA),
        orient="row",
    )
