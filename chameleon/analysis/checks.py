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
from chameleon.analysis.odd_features import non_finite_notices, telling_notices, value_notices
from chameleon.data import EvolvingDataset, evolving_dataset
from chameleon.models import Evaluation
from chameleon.project import NoticeKind, Problem, Project, Severity

_LEFT_OUT = " The version is left out."
_DONE: Mapping[NoticeKind, str] = {
    NoticeKind.DUPLICATE_IDS: "The version is left out; the others are used.",
    NoticeKind.MISSING_IDS: "The version is left out; the others are used.",
    NoticeKind.UNUSABLE: "The version is left out; the others are used.",
    NoticeKind.MISSING_LABELS: "These rows are shown, not fitted; their outcome is unknown.",
    NoticeKind.NEW_LABELS: "Used as they are; the models of earlier versions cannot predict them.",
    NoticeKind.VANISHED_LABELS: "Used as it is; this version's model may not know them.",
    NoticeKind.MOVED: (
        "Every version counts an instance in its own split; tests and intervals of prediction "
        "changes leave these out."
    ),
    NoticeKind.ACROSS_SPLIT: "Counted as they are: test accuracy may flatter the model.",
    NoticeKind.COLUMN_JOINED: "In versions without the column its values count as missing.",
    NoticeKind.COLUMN_LEFT: "Its values count as missing in this version.",
    NoticeKind.COLUMN_RETYPED: "Read in one way in all versions, so that equal values are equal.",
    NoticeKind.CONSTANT: "Shown and fitted as it is.",
    NoticeKind.ALL_MISSING: "Counted as missing; a model without any train value does without it.",
    NoticeKind.NON_FINITE: "Counted in a bar of their own; missing for means and for the model.",
    NoticeKind.TELLS_LABEL: "Used as it is. If it is known only after the label, name it under "
    "ignore in chameleon.toml.",
    NoticeKind.OUT_OF_ORDER: "Kept in the order given. To change it, list [[versions]] in order.",
    NoticeKind.EQUAL_VERSION: "Shown as a version of its own, with the same numbers.",
    NoticeKind.RETURNED: "Told as removed in one step and as added in a later one.",
    NoticeKind.OTHER: "As the message says; what can be used is used.",
}
_SCHEMA: Mapping[str, pl.DataType] = {
    "version": pl.String(), "severity": pl.String(), "kind": pl.String(), "column": pl.String(),
    "count": pl.Int64(), "examples": pl.List(pl.String), "message": pl.String(),
    "done": pl.String(),
}  # fmt: skip


def check(project: Project | Evaluation) -> pl.DataFrame:
    """The findings about the data, version by version; nothing was repaired silently.

    Looked for are the kinds of `NoticeKind`. What opening, reading and fitting found wrong is
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
        `NoticeKind`), column (null: of no single one), count (how many rows, instances or ids it
        concerns; null where these are not counted), examples (up to three ids or values), message,
        done (what was done about it); the worst first, then by version.

    Raises
    ------
    VersionError
        A file changed or vanished since the project was opened.
    """
    if isinstance(project, Evaluation):
        return data_check(project.dataset, project.problems)
    dataset = evolving_dataset(project)
    return data_check(dataset, (*project.problems, *dataset.problems))


def data_check(dataset: EvolvingDataset, problems: Sequence[Problem]) -> pl.DataFrame:
    """The findings about a dataset, the given problems included."""
    carried = [_carried(problem) for problem in problems]
    told = {notice.of for notice in carried if notice.kind is NoticeKind.COLUMN_RETYPED}
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
    yield from telling_notices(dataset)


def _carried(problem: Problem) -> Notice:
    error = problem.severity is Severity.ERROR
    return Notice(
        problem.severity,
        problem.kind or (NoticeKind.UNUSABLE if error else NoticeKind.OTHER),
        problem.message.removesuffix(_LEFT_OUT),
        problem.version,
        problem.column,
        problem.count,
        problem.examples,
    )


def _frame(project: Project, notices: Iterable[Notice]) -> pl.DataFrame:
    places = {version.name: place for place, version in enumerate(project.source.versions())}
    severities, kinds = list(Severity), list(NoticeKind)

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
