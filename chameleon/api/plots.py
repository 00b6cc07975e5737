"""Charts of the frames: one for every method that has one, by the same name and arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from chameleon import analysis, charts
from chameleon.api.evaluations import split_in
from chameleon.api.options import checks_options
from chameleon.errors import SelectionError

if TYPE_CHECKING:
    from chameleon.api.evaluations import Evaluation
    from chameleon.api.instance import Instance
    from chameleon.api.results import Attribution, DataChanges, PredictionChanges
    from chameleon.api.steps import Step
    from chameleon.api.views import View
    from chameleon.charts import Chart
    from chameleon.project import Version
    from chameleon.types import (
        ChangeBy,
        Counted,
        ErrorsBy,
        Metric,
        Reference,
        Scope,
        Split,
        TimelineMetric,
    )

_METRICS = {
    "accuracy": "Accuracy", "macro_f1": "Macro F1", "log_loss": "Log loss", "roc_auc": "ROC AUC",
    "recall": "Recall",
}  # fmt: skip


@checks_options
@dataclass(frozen=True, slots=True)
class EvaluationPlots:
    """Charts of an evaluation over the timeline."""

    _evaluation: Evaluation

    def metrics(self, metric: TimelineMetric = "accuracy") -> Chart:
        """One metric over the versions, a line per split, with the 95% CI of accuracies."""
        wide = analysis.version_metrics(self._evaluation._core)
        kept = wide.filter(pl.col("version").is_in(self._evaluation._names))
        last = self._evaluation._names[-1]
        frame = charts.metric_frame(kept, metric, primary=last, secondary=last)
        splits = frame.drop_nulls("value")["split"].unique(maintain_order=True).to_list()
        spec = charts.metric_lines(title=_METRICS[metric], splits=splits, dark=False)
        return charts.as_chart(spec, frame)

    def sizes(self) -> Chart:
        """Instances of every version by split."""
        sizes = analysis.version_sizes(self._evaluation._core)
        kept = sizes.filter(pl.col("version").is_in(self._evaluation._names))
        frame, groups = charts.size_frame(kept, "split")
        return charts.as_chart(charts.size_bars(by="split", domain=groups, dark=False), frame)

    def drift(self, *, reference: Reference = "previous", split: Split | None = None) -> Chart:
        """Drift of the features that drifted most, in every version."""
        found = self._evaluation.drift(reference=reference, split=split)
        texts = found.with_columns(pl.col("before", "version").cast(pl.String))
        frame = charts.drift_map_frame(texts, charts.most_drifting(texts), primary="", secondary="")
        versions = len(self._evaluation.versions)
        return charts.as_chart(charts.drift_map(versions=versions, dark=False), frame)

    def sensitivity(
        self,
        *,
        count: Counted = "outcome",
        present_only: bool = False,
        scope: Scope = "test",
        where: View | None = None,
    ) -> Chart:
        """Instances by number of changes."""
        found = self._evaluation.sensitivity(
            count=count, present_only=present_only, scope=scope, where=where
        )
        frame = charts.sensitivity_frame(found)
        numbered = len(frame) <= charts.NUMBERED_BARS
        title = "Changes of outcome" if count == "outcome" else "Changes of predicted class"
        spec = charts.sensitivity_bars(numbered=numbered, dark=False, title=title)
        return charts.as_chart(spec, frame)

    def sensitive_instances(
        self,
        *,
        limit: int = 30,
        count: Counted = "outcome",
        present_only: bool = False,
        scope: Scope = "test",
        where: View | None = None,
    ) -> Chart:
        """The outcome strips of the instances with the most changes."""
        found = self._evaluation.sensitive_instances(
            limit=limit, count=count, present_only=present_only, scope=scope, where=where
        )
        texts = found.with_columns(pl.col("version").cast(pl.String))
        versions = len(self._evaluation.versions)
        spec = charts.outcome_strips(versions=versions, dark=False)
        return charts.as_chart(spec, charts.strip_frame(texts))

    def fixed_test_set(
        self,
        version: str | Version | None = None,
        *,
        golden: bool = False,
        metric: Metric | None = None,
        of_class: str | None = None,
        seed: int = 0,
    ) -> Chart:
        """Every version's model on one test set."""
        found = self._evaluation.fixed_test_set(
            version, golden=golden, metric=metric, of_class=of_class, seed=seed
        )
        name = "golden test set" if golden else "fixed test set"
        frame = found.select(
            pl.col("version").cast(pl.String), "value", "instances", low="ci_low", high="ci_high",
            series=pl.lit(name),
        )  # fmt: skip
        spec = charts.frozen_lines(title=_METRICS[metric or "accuracy"], series=[name], dark=False)
        return charts.as_chart(spec, frame)

    def cross_test(self, *, metric: Metric | None = None, of_class: str | None = None) -> Chart:
        """Every version's model on every version's test set."""
        found = self._evaluation.cross_test(metric=metric, of_class=of_class)
        texts = found.with_columns(pl.col("model", "test").cast(pl.String))
        chosen = metric or "accuracy"
        spec = charts.crossed_tests(
            versions=len(self._evaluation.versions), title=_METRICS[chosen],
            reverse=chosen == "log_loss", dark=False,
        )  # fmt: skip
        return charts.as_chart(spec, charts.crossed_tests_frame(texts))


@checks_options
@dataclass(frozen=True, slots=True)
class _ViewPlots:
    """Charts that a step and a version have in common."""

    _view: View

    def errors(self, by: ErrorsBy = "label", *, scope: Scope = "test") -> Chart:
        """Error rate by class or source, with its 95% CI."""
        view = self._view
        split = split_in(view._selection, scope)
        found = analysis.errors_by(view._core, view._selection, by, split=split)
        primary, secondary = view._selection.primary, view._selection.secondary
        frame = charts.error_frame(found, absent=f"no {by}", primary=primary, secondary=secondary)
        return charts.as_chart(charts.error_rates(title=by.capitalize(), dark=False), frame)

    def embedding(self, *, scope: Scope = "test") -> Chart:
        """Cells of the embedding, colored by the ratio of correct to incorrect."""
        view = self._view
        if view._core.layout is None:
            raise SelectionError("There is no embedding.")
        counts = analysis.embedding_cells(
            view._core, view._for(analysis.embedding_cells, scope=scope)
        )
        options = charts.EmbeddingChart(size_px=480, dark=False)
        cells = analysis.default_cells(view._core.dataset)
        frame = charts.embedding_frame(counts, options, cells=cells)
        return charts.as_chart(charts.embedding_chart(options), frame)


@checks_options
@dataclass(frozen=True, slots=True)
class VersionPlots(_ViewPlots):
    """Charts of one version."""

    def confusion(self, *, scope: Scope = "test") -> Chart:
        """Confusion matrix."""
        view = self._view
        selection, split = view._for(analysis.confusion), split_in(view._selection, scope)
        found = analysis.confusion(view._core, selection, split=split)
        return confusion_matrix(found, view._selection.primary)


@checks_options
@dataclass(frozen=True, slots=True)
class StepPlots(_ViewPlots):
    """Charts of a step."""

    def data(self, *, by: ChangeBy | None = None) -> Chart:
        """A bar for every kind of change."""
        view = self._view
        if by is not None:
            raise SelectionError("plot.data has no groups: leave out `by`.")
        selection = view._for(analysis.data_changes, "plot.data")
        frame = charts.change_bar_frame(analysis.data_changes(view._core, selection))
        return charts.as_chart(charts.change_bars(dark=False), frame)

    def drift(self, *, split: Split | None = None, permutations: int = 200, seed: int = 0) -> Chart:
        """Drift of every feature, and its chance level."""
        step: Step = self._view  # type: ignore[assignment]
        found = step.drift(split=split, permutations=permutations, seed=seed)
        return charts.as_chart(charts.drift_bars(dark=False), charts.drift_frame(found))

    def prediction_changes(self, *, same_label: bool = False, scope: Scope = "test") -> Chart:
        """The four outcomes before and after."""
        step: Step = self._view  # type: ignore[assignment]
        return outcome_matrix(step.prediction_changes(same_label=same_label, scope=scope))

    def class_changes(self, *, scope: Scope = "test") -> Chart:
        """Changed predictions by the class predicted before and after."""
        view = self._view
        selection = view._for(analysis.class_changes, scope=scope)
        found = analysis.class_changes(view._core, selection)
        primary, secondary = view._selection.primary, view._selection.secondary
        frame = charts.class_frame(found, primary=primary, secondary=secondary)
        classes = max(frame["secondary_class"].n_unique(), frame["primary_class"].n_unique())
        return charts.as_chart(charts.class_table(classes=classes, dark=False), frame)

    def attribution(self, *, metric: Metric | None = None, of_class: str | None = None) -> Chart:
        """A waterfall from the metric before to the metric after."""
        step: Step = self._view  # type: ignore[assignment]
        return waterfall(step.attribution(metric=metric, of_class=of_class))


def confusion_matrix(found: pl.DataFrame, version: str) -> Chart:
    """The confusion matrix of one version."""
    classes = charts.shown_classes(found)
    shown = charts.Shown.PRIMARY
    frame = charts.confusion_frame(found, shown, classes=classes, names={shown: version})
    spec = charts.confusion_matrix(
        classes=len(classes), flat=charts.names_lie_flat(classes), difference=False, dark=False
    )
    return charts.as_chart(spec, frame)


def change_bars(found: DataChanges) -> Chart:
    """A bar for every kind of change."""
    frame = found.frame.group_by("change", maintain_order=True).agg(pl.col("instances").sum())
    total = found.added + found.removed + found.shared
    counts = charts.change_bar_frame(frame.with_columns(total=pl.lit(total)))
    return charts.as_chart(charts.change_bars(dark=False), counts)


def outcome_matrix(found: PredictionChanges) -> Chart:
    """The four outcomes before and after."""
    if "group" in found.frame.columns:
        raise SelectionError("There is no chart by group: call prediction_changes without `by`.")
    names = {"before": "secondary", "after": "primary"}
    frame = charts.outcome_frame(found.frame.rename(names), primary="after", secondary="before")
    return charts.as_chart(charts.outcome_matrix(dark=False), frame)


def waterfall(found: Attribution) -> Chart:
    """A waterfall from the metric before to the metric after."""
    if found.value_before is None or found.value_after is None:
        raise SelectionError(found.reason or "The change is undefined.")
    parts = found.frame.rename({"contribution": "part", "ci_low": "low", "ci_high": "high"})
    frame = charts.waterfall_frame(
        parts,
        {part: part for part in parts["part"]},
        start=found.value_before,
        end=found.value_after,
        before="before",
        after="after",
        better=found._source.better,
    )
    title = _METRICS.get(found.metric, found.metric)
    return charts.as_chart(charts.waterfall(rows=len(frame), title=title, dark=False), frame)


def probability_line(instance: Instance) -> Chart:
    """The probability of an instance's label in every version."""
    found = instance.versions().with_columns(pl.col("version").cast(pl.String))
    frame = charts.probability_frame(found)
    known = bool(found["probability_of_label"].count())
    spec = charts.probability_line(versions=len(found), known=known, dark=False)
    return charts.as_chart(spec, frame)
