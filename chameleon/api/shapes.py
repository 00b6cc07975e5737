"""From the dataclasses of `analysis` to the results of the interface."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from chameleon import analysis
from chameleon.api.frames import FLIPS, MODEL_COLUMNS, SCHEMAS, shaped
from chameleon.api.instance_ids import instance_ids, warn_of_unknown
from chameleon.api.named_versions import name_of, step_names, warn_of_left_out
from chameleon.api.results import (
    Attribution,
    DataChanges,
    LabelIssues,
    PredictionChanges,
    Refit,
    Slices,
    StepSummary,
)
from chameleon.errors import SelectionError
from chameleon.project import Kind
from chameleon.selection import ChangeType, FeatureFilter, Filters
from chameleon.selection import Range as ValueRange
from chameleon.types import Range

if TYPE_CHECKING:
    from chameleon.api.lists import ExclusionList
    from chameleon.api.steps import Step
    from chameleon.api.versions import VersionEvaluation
    from chameleon.data import EvolvingDataset
    from chameleon.project import Project, Version
    from chameleon.storage import Progress, ProgressCallback
    from chameleon.types import Verdict

STEP_COLUMNS = {
    **{f"{name}_before": f"secondary_{name}" for name in MODEL_COLUMNS},
    **{f"{name}_after": f"primary_{name}" for name in MODEL_COLUMNS},
    "presence": "side",
}
VERSION_COLUMNS = {name: f"primary_{name}" for name in MODEL_COLUMNS}
"""The columns of `analysis.instances` by their public names."""


def shown_progress(wanted: bool) -> ProgressCallback | None:
    """A callback that writes progress to stderr, if wanted."""

    def show(progress: Progress) -> None:
        print(progress, file=sys.stderr)

    return show if wanted else None


def ids_of(
    version: VersionEvaluation, instances: ExclusionList | str | Iterable[object]
) -> Sequence[str]:
    """The ids of an exclusion list, which a text names, or the ids given."""
    from chameleon.api.lists import ExclusionList

    if isinstance(instances, str):
        lists = version.evaluation.exclusion_lists
        if instances not in lists:
            raise SelectionError(
                f"There is no exclusion list '{instances}'. Found: {', '.join(lists) or 'none'}. "
                f"Pass ids as a list: ['{instances}']."
            )
        instances = lists[instances]
    if isinstance(instances, ExclusionList):
        members = instances.members(version.name)
        return members["instance"].unique(maintain_order=True).to_list()
    ids = instance_ids(instances)
    warn_of_unknown(version._core.dataset, ids)
    return ids


def with_flips(frame: pl.DataFrame) -> pl.DataFrame:
    """The instances of a step with the flip of each, and the words of `presence`."""
    before, after = pl.col("outcome_before"), pl.col("outcome_after")
    flip = pl.coalesce(
        pl.when((before == b) & (after == a) & (pl.col("presence") == "both")).then(pl.lit(name))
        for (b, a), name in FLIPS.items()
    )
    presence = pl.col("presence").replace({"primary": "after", "secondary": "before"})
    return frame.with_columns(flip=flip).with_columns(presence)


def data_changes(
    counts: pl.DataFrame, whole: analysis.Iteration, versions: Sequence[str]
) -> DataChanges:
    """The changes of the data, from their counts and from those without filters."""
    if "group" in counts.columns:
        long = counts.unpivot(
            [*ChangeType], index=["group", "instances"], variable_name="change"
        ).rename({"instances": "total", "value": "instances"})
        name = "data_by"
    else:
        long, name = counts, "data"
    share = pl.when(pl.col("total") > 0).then(pl.col("instances") / pl.col("total"))
    frame = shaped(name, long.with_columns(share=share), versions)
    totals = {
        change.value: frame.filter(change=change.value)["instances"].sum() for change in ChangeType
    }
    features = shaped("edited_features", whole.edited_features, versions)
    return DataChanges._of(whole, frame, edited_features=features, **totals)


def compared(
    project: Project, before: str | Version | None, after: str | Version | None
) -> DataChanges:
    """The changes of the data between two versions; by default of the newest step."""
    names = [version.name for version in project.versions]
    asked = [None if one is None else project.version(name_of(one)).name for one in (before, after)]
    older, newer = step_names(names, *asked)
    if None in asked:
        warn_of_left_out(project, older, newer, newest=asked[1] is None)
    return all_changes(analysis.compare_data(project, before=older, after=newer), names)


def all_changes(whole: analysis.Iteration, versions: Sequence[str]) -> DataChanges:
    """The changes of the data, not divided into groups."""
    counts = {change.value: getattr(whole, change) for change in ChangeType}
    frame = pl.DataFrame({"change": [*counts], "instances": [*counts.values()]})
    total = whole.added + whole.removed + whole.shared
    return data_changes(frame.with_columns(total=total), whole, versions)


def prediction_changes(
    counts: pl.DataFrame, statistics: analysis.ChangeStatistics, versions: Sequence[str]
) -> PredictionChanges:
    """The outcomes before and after, from their counts, by group or not."""
    if "group" in counts.columns:
        cells = [f"{before}_{after}" for before, after in FLIPS]
        long = counts.unpivot(cells, index=["group", "instances"], variable_name="cell")
        outcomes = pl.col("cell").str.splitn("_", 2).struct
        long = long.with_columns(
            before=outcomes.field("field_0"),
            after=outcomes.field("field_1"),
            share=pl.when(pl.col("instances") > 0).then(pl.col("value") / pl.col("instances")),
        ).with_columns(instances="value")
        name = "prediction_changes_by"
    else:
        long = counts.rename({"secondary": "before", "primary": "after"})
        name = "prediction_changes"
    words = {f"{before}>{after}": flip for (before, after), flip in FLIPS.items()}
    flip = pl.format("{}>{}", "before", "after").replace_strict(words, return_dtype=pl.String)
    frame = shaped(name, long.with_columns(flip=flip), versions)
    return PredictionChanges._of(statistics, frame)


def attribution(found: analysis.Attribution, versions: Sequence[str]) -> Attribution:
    """The contributions to a change."""
    change, low, high = found.change or (None, None, None)
    values = found.crossed["value"]
    reported = (found.reported_before, found.reported_after)
    before, after = (values[0], values[3]) if None in reported else reported
    timeline = list(dict.fromkeys([*versions, *found.crossed["model"], *found.crossed["test"]]))
    return Attribution._of(
        found,
        shaped("attribution", found.parts.rename({"part": "contribution"}), versions),
        value_before=before,
        value_after=after,
        change=change,
        ci_low=low,
        ci_high=high,
        crossed=shaped("crossed", found.crossed, timeline),
        _source=found,
    )


def label_issues(
    found: analysis.LabelIssues, matching: pl.Series, versions: Sequence[str]
) -> LabelIssues:
    """The label issues among the matching instances."""
    rows = found.rows.filter(pl.col("instance").is_in(matching.implode()))
    return LabelIssues._of(found, shaped("label_issues", rows, versions), _source=found)


def refit(found: analysis.RefitWithout, versions: Sequence[str]) -> Refit:
    """A version and its refit."""
    return Refit._of(
        found,
        shaped("refit", found.removed, versions),
        prediction_changes=prediction_changes(found.matrix, found.statistics, versions),
        attribution=attribution(found.attribution, versions),
    )


def slices(found: analysis.Slices, dataset: EvolvingDataset, versions: Sequence[str]) -> Slices:
    """The slices that were found, the worse ones first."""
    kinds = dataset.project.kinds
    every = [*(("worse", one) for one in found.worse), *(("better", one) for one in found.better)]
    rows = [
        {
            "slice": " and ".join(part.label(kinds) for part in one.filters.parts),
            "direction": direction,
            **{name: getattr(one, name) for name in SCHEMAS["slices"] if hasattr(one, name)},
        }
        for direction, one in every
    ]
    frame = shaped("slices", pl.DataFrame(rows, schema=dict(SCHEMAS["slices"])), versions)
    conditions = tuple(conditions_of(one.filters, kinds) for _, one in every)
    return Slices._of(found, frame, _conditions=conditions)


def conditions_of(filters: Filters, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Labels, sources, and features of filters as conditions of `filter`."""
    found: dict[str, Any] = {}
    if filters.labels:
        found["label"] = list(filters.labels)
    if filters.sources:
        found["source"] = list(filters.sources)
    if filters.features:
        found["features"] = {
            one.feature: _values(one, kinds[one.feature]) for one in filters.features
        }
    return found


def _values(chosen: FeatureFilter, kind: Kind) -> list[Any]:
    return [
        *(_range(one, kind) for one in chosen.ranges),
        *chosen.categories,
        *([None] if chosen.missing else []),
        *([math.inf] if chosen.non_finite else []),
    ]


def _range(limits: ValueRange, kind: Kind) -> Range:
    closed = {(True, True): "both", (True, False): "left", (False, True): "right"}
    low, high = (
        None if math.isinf(end) else _moment(end) if kind is Kind.DATE else end
        for end in (limits.low, limits.high)
    )
    ends: Any = closed.get((not limits.open, limits.closed), "none")
    return Range(low, high, ends)


def _moment(microseconds: float) -> Any:  # noqa: ANN401 - a datetime
    import datetime as dt

    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(microseconds))


def summary(
    found: Sequence[analysis.Sentence],
    change: analysis.Attribution,
    by_scope: Mapping[str, analysis.StepFacts],
    versions: Sequence[str],
) -> StepSummary:
    """The sentences on a step, and the verdict they come to."""
    rows = [
        {
            "topic": one.topic.name.lower(),
            "sentence": one.text,
            "causes": list(one.named),
            "conditions": None if one.filters is None else _query(one.filters),
        }
        for one in found
    ]
    causes = tuple(cause for one in found for cause in one.named)
    value, low, high = change.change or (None, None, None)
    values = change.crossed["value"]
    return StepSummary(
        frame=shaped("summary", pl.DataFrame(rows), versions),
        verdict=cast("Verdict", analysis.step_verdict(change, causes)),
        facts={
            "metric": change.metric,
            "value_before": values[0],
            "value_after": values[3],
            "change": value,
            "ci_low": low,
            "ci_high": high,
            "contributions": dict(change.parts.select("part", "value").iter_rows()),
            "instances": int(change.crossed["instances"].sum() // 4),
            "scopes": {scope: asdict(facts) for scope, facts in by_scope.items()},
            "leaked": change.leaked,
            "duplicates": change.duplicates,
            "unknown": change.unknown,
        },
    )


def _query(filters: Filters) -> str:
    from urllib.parse import urlencode

    return urlencode(filters.to_query())


def other_read(step: Step) -> str:
    """A note for a step without matches, if reading the other version first would match."""
    from dataclasses import replace

    selection = step._selection
    other = "secondary" if selection.read == "primary" else "primary"
    swapped = replace(step, _selection=replace(selection, read=other))
    found = swapped.count()
    side = "before" if other == "secondary" else "after"
    return f" ({found:,} with read={side!r})" if found else ""
