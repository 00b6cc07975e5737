"""From the dataclasses and words of `analysis` to the results and words of the interface."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from chameleon import analysis
from chameleon.api.conditions import CHANGES
from chameleon.api.frames import FLIPS, SCHEMAS, shaped
from chameleon.api.results import (
    Attribution,
    DataChanges,
    DomainClassifierResult,
    LabelIssues,
    PredictionChanges,
    Proportion,
    Refit,
    Slices,
    StepSummary,
    TrainingAttribution,
)
from chameleon.errors import SelectionError
from chameleon.project import Kind
from chameleon.selection import (
    ChangeType,
    DataChange,
    FeatureFilter,
    Filters,
    Selection,
)
from chameleon.selection import Range as ValueRange
from chameleon.types import Range

if TYPE_CHECKING:
    from chameleon.api.lists import ExclusionList
    from chameleon.api.steps import Step
    from chameleon.data import EvolvingDataset
    from chameleon.project import Project, Version
    from chameleon.storage import Progress, ProgressCallback
    from chameleon.types import Verdict

EVERY_ROW = sys.maxsize
CHANGE_TYPES: Mapping[str, Any] = {
    "data": "data", "model": "model", "entangled": "mixed", "nothing": "nothing",
    "untold": "unknown",
}  # fmt: skip
RANKINGS = {"confidence": "confidence", "sensitivity": "sensitivity", "label_issue": "suspicion"}
GROUP_TESTS = {
    "added": analysis.added_against_kept,
    "removed": analysis.removed_against_kept,
}
_CHANGE_NAMES = {inner.value: name for name, inner in CHANGES.items()}
_PRESENCE = {"both": "both", "primary": "after", "secondary": "before"}
_MODEL = ("prediction", "probability_of_prediction", "probability_of_label", "outcome")
_PUBLIC_MODEL = ("prediction", "probability", "probability_of_label", "outcome")
STEP_SORT_COLUMNS = {
    **{
        f"{public}_{end}": f"{side}_{inner}"
        for side, end in (("secondary", "before"), ("primary", "after"))
        for public, inner in zip(_PUBLIC_MODEL, _MODEL, strict=True)
    },
    "presence": "side",
    "versions": "held_in",
}
VERSION_SORT_COLUMNS = {
    **{p: f"primary_{inner}" for p, inner in zip(_PUBLIC_MODEL, _MODEL, strict=True)},
    "versions": "held_in",
}
_INTERVAL = {"low": "ci_low", "high": "ci_high"}


def unfiltered(selection: Selection) -> Selection:
    """The two versions without filters."""
    return Selection(selection.primary, selection.secondary)


def edit_of(feature: str | None) -> DataChange:
    """The edit of one feature, or of any."""
    return DataChange(ChangeType.EDITED, feature)


def require_test(scope: str) -> None:
    """Refuse a scope in which models have seen the rows."""
    if scope != "test":
        raise SelectionError(
            f"Slices are of test instances: scope must be 'test', found {scope!r}."
        )


def shown_progress(wanted: bool) -> ProgressCallback | None:
    """A callback that writes progress to stderr, if wanted."""

    def show(progress: Progress) -> None:
        print(progress, file=sys.stderr)

    return show if wanted else None


def ids_of(instances: ExclusionList | Iterable[str], version: str) -> list[str]:
    """The ids of an exclusion list in a version, or the ids given."""
    from chameleon.api.lists import ExclusionList

    if isinstance(instances, ExclusionList):
        return instances.members(version)["instance"].unique(maintain_order=True).to_list()
    return [str(one) for one in instances]


def step_instances(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of `analysis.instances` with the columns of a step."""
    renamed = frame.rename({inner: public for public, inner in STEP_SORT_COLUMNS.items()})
    before, after = pl.col("outcome_before"), pl.col("outcome_after")
    flip = pl.coalesce(
        pl.when((before == b) & (after == a) & (pl.col("presence") == "both")).then(pl.lit(name))
        for (b, a), name in FLIPS.items()
    )
    presence = pl.col("presence").replace_strict(_PRESENCE, return_dtype=pl.String)
    return renamed.with_columns(flip=flip).with_columns(presence)


def version_instances(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of `analysis.instances` with the columns of one version."""
    other = [column for column in frame.columns if column.startswith("secondary_")]
    names = {inner: public for public, inner in VERSION_SORT_COLUMNS.items()}
    return frame.drop("side", *other).rename(names)


def ranked(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of `analysis.ranked_errors` with public names."""
    names = {
        "suspicion": "label_issue_score",
        "suggested": "suggested_label",
        "flagged": "is_issue",
    }
    return frame.rename(names)


def drift(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame of `analysis.feature_drift` with public names, and which features drifted."""
    levels = {f"{m}_chance": f"{m}_chance_level" for m in ("js", "wasserstein", "psi")}
    sides = {"secondary_instances": "instances_before", "primary_instances": "instances_after"}
    drifted = pl.col("js_distance") > pl.col("js_chance_level")
    return frame.rename({**levels, **sides}).with_columns(drifted=drifted)


def data_changes(
    counts: pl.DataFrame, whole: analysis.Iteration, versions: Sequence[str]
) -> DataChanges:
    """The changes of the data, from their counts and from those without filters."""
    if "happened" in counts.columns:
        totals = dict(counts.select("happened", "instances").iter_rows())
        share = pl.when(pl.col("of") > 0).then(pl.col("instances") / pl.col("of"))
        change = pl.col("happened").replace(_CHANGE_NAMES)
        frame = shaped("data", counts.with_columns(change=change, share=share), versions)
    else:
        kinds = list(_CHANGE_NAMES)
        long = counts.unpivot(kinds, index=["group", "instances"], variable_name="change")
        share = pl.when(pl.col("instances") > 0).then(pl.col("value") / pl.col("instances"))
        long = long.with_columns(change=pl.col("change").replace(_CHANGE_NAMES), share=share)
        frame = shaped("data_by", long.with_columns(instances="value"), versions)
        totals = {kind: int(counts[kind].sum()) for kind in kinds}
    return DataChanges(
        frame=frame,
        added=totals["added"],
        removed=totals["removed"],
        shared=whole.kept,
        relabeled=totals["relabelled"],
        labeled=totals["labelled"],
        label_removed=whole.labels_removed,
        edited=totals["edited"],
        changed_split=totals["moved"],
        redated=whole.redated,
        resourced=whole.resourced,
        unchanged=totals["unchanged"],
        overlaps={
            "relabeled_and_edited": whole.relabelled_and_edited,
            "relabeled_and_changed_split": whole.relabelled_and_moved,
            "edited_and_changed_split": whole.edited_and_moved,
            "relabeled_edited_and_changed_split": whole.relabelled_edited_and_moved,
        },
        edited_features=shaped("edited_features", whole.edited_features, versions),
        columns_added=whole.columns_joined,
        columns_removed=whole.columns_left,
        columns_retyped=whole.columns_retyped,
    )


def compared(
    project: Project, before: str | Version | None, after: str | Version | None
) -> DataChanges:
    """The changes of the data between two versions; by default of the newest step."""
    names = [version.name for version in project.versions]
    newer = names[-1] if after is None else project.version(str(after)).name
    place = max(names.index(newer) - 1, 0)
    older = names[place] if before is None else project.version(str(before)).name
    if before is None and older == newer:
        raise SelectionError(f"No version precedes {newer}. Name `before`.")
    whole = analysis.compare_data(project, before=older, after=newer)
    total = whole.added + whole.removed + whole.kept
    counts = {
        "added": whole.added,
        "removed": whole.removed,
        "relabelled": whole.relabelled,
        "labelled": whole.labels_added,
        "edited": whole.edited,
        "moved": whole.moved,
        "unchanged": whole.unchanged,
    }
    frame = pl.DataFrame(
        {"happened": [*counts], "instances": [*counts.values()], "of": [total] * len(counts)}
    )
    return data_changes(frame, whole, names)


def _proportion(rate: analysis.Rate) -> Proportion:
    return Proportion(rate.count, rate.of, rate.low, rate.high, rate.reason)


def prediction_changes(
    counts: pl.DataFrame, statistics: analysis.ChangeStatistics, versions: Sequence[str]
) -> PredictionChanges:
    """The outcomes before and after, from their counts, by group or not."""
    if "group" in counts.columns:
        kinds = {f"{before}_{after}": (before, after) for before, after in FLIPS}
        long = counts.unpivot([*kinds], index=["group", "instances"], variable_name="cell")
        parts = {end: {cell: pair[k] for cell, pair in kinds.items()} for k, end in enumerate(
            ("before", "after"))}  # fmt: skip
        long = long.with_columns(
            **{end: pl.col("cell").replace_strict(names) for end, names in parts.items()},
            share=pl.when(pl.col("instances") > 0).then(pl.col("value") / pl.col("instances")),
        ).with_columns(instances="value")
        name = "prediction_changes_by"
    else:
        long = counts.rename({"secondary": "before", "primary": "after", "relabelled": "relabeled"})
        name = "prediction_changes"
    words = {f"{before}>{after}": flip for (before, after), flip in FLIPS.items()}
    flip = pl.format("{}>{}", "before", "after").replace_strict(words, return_dtype=pl.String)
    return PredictionChanges(
        frame=shaped(name, long.with_columns(flip=flip), versions),
        churn=_proportion(statistics.churn),
        negative_flips=_proportion(statistics.negative_flips),
        positive_flips=_proportion(statistics.positive_flips),
        fair_negative_flips=_proportion(statistics.tested_negative_flips),
        fair_positive_flips=_proportion(statistics.tested_positive_flips),
        flip_ratio=statistics.win_loss_ratio,
        mcnemar_p=statistics.mcnemar_p,
        unknown=statistics.unknown,
    )


_CONTRIBUTIONS = {"guard": "leakage", "relabelled": "relabeled"}


def attribution(found: analysis.Attribution, versions: Sequence[str]) -> Attribution:
    """The contributions to a change."""
    parts = found.parts.rename({"part": "contribution", **_INTERVAL}).with_columns(
        pl.col("contribution").replace(_CONTRIBUTIONS)
    )
    change, low, high = found.change or (None, None, None)
    values = found.corners["value"]
    guarded = (values[0], values[3]) if len(values) == 4 else (None, None)
    reported = (found.reported_before, found.reported_after)
    before, after = guarded if None in reported else reported
    timeline = list(dict.fromkeys([*versions, *found.corners["model"], *found.corners["test"]]))
    return Attribution(
        frame=shaped("attribution", parts, versions),
        metric=found.metric,
        value_before=before,
        value_after=after,
        change=change,
        ci_low=low,
        ci_high=high,
        crossed=shaped("crossed", found.corners, timeline),
        interaction=found.interaction,
        is_ambiguous=found.ambiguous,
        leaked=found.leaked,
        duplicates=found.twins,
        unknown=found.unknown,
        reason=found.note,
        _source=found,
    )


def training(found: analysis.TrainingParts, versions: Sequence[str]) -> TrainingAttribution:
    """The model's contribution by change of the train data."""
    names = {"part": "contribution", "reach": "half_width", "noise": "is_noise"}
    return TrainingAttribution(
        frame=shaped("training_attribution", found.parts.rename(names), versions),
        metric=found.metric,
        total=found.total,
        fits=found.fits,
        repeats=found.repeats,
        exact=found.exact,
        reason=found.note,
        _source=found,
    )


def domain_classifier(
    found: analysis.DomainClassifierResult, versions: Sequence[str]
) -> DomainClassifierResult:
    """The domain classifier's figures."""
    return DomainClassifierResult(
        frame=shaped("domain_classifier", found.features, versions),
        compared=found.compared,
        rows_before=found.before_rows,
        rows_after=found.after_rows,
        auc=found.auc,
        chance_level=found.chance,
        reason=found.reason,
    )


def label_issues(
    found: analysis.LabelIssues, matching: pl.Series, versions: Sequence[str]
) -> LabelIssues:
    """The label issues among the matching instances."""
    names = {"suggested": "suggested_label", "suspicion": "score", "flagged": "is_issue"}
    rows = found.rows.rename(names).filter(pl.col("instance").is_in(matching.implode()))
    return LabelIssues(
        frame=shaped("label_issues", rows, versions),
        version=found.version,
        unlabeled=found.unlabelled,
        leaked=found.leaked,
        unjudged=found.unjudged,
        fitted=found.fitted,
        reason=found.note,
        _source=found,
    )


def refit(found: analysis.RefitWithout, versions: Sequence[str]) -> Refit:
    """A version and its refit."""
    return Refit(
        frame=shaped("refit", found.removed.rename({"of": "total"}), versions),
        version=found.version,
        unknown=found.unknown,
        refitted=found.refitted,
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
            "found_in": one.found_in,
            "instances": one.instances,
            "fixed": one.improved,
            "regressed": one.regressed,
            "accuracy_before": one.before,
            "accuracy_after": one.after,
            "change": one.change,
            "ci_low": one.low,
            "ci_high": one.high,
            "q_value": one.q,
        }
        for direction, one in every
    ]
    return Slices(
        frame=shaped("slices", pl.DataFrame(rows, schema=dict(SCHEMAS["slices"])), versions),
        tried=found.tried,
        instances=found.instances,
        _conditions=tuple(conditions_of(one.filters, kinds) for _, one in every),
    )


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
    values = change.corners["value"]
    return StepSummary(
        frame=shaped("summary", pl.DataFrame(rows), versions),
        verdict=cast("Verdict", analysis.step_verdict(change, causes)),
        facts={
            "metric": change.metric,
            "value_before": values[0] if len(values) else None,
            "value_after": values[3] if len(values) else None,
            "change": value,
            "ci_low": low,
            "ci_high": high,
            "contributions": dict(change.parts.select("part", "value").iter_rows()),
            "instances": int(change.corners["instances"].cast(pl.Int64).sum() // 4)
            if len(values)
            else 0,
            "scopes": {scope: asdict(facts) for scope, facts in by_scope.items()},
            "leaked": change.leaked,
            "duplicates": change.twins,
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
