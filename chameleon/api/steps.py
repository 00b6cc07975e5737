"""Two versions: what changed in the data and in the predictions, and why."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from chameleon import analysis
from chameleon.api import shapes
from chameleon.api.conditions import FAILURE_SETS
from chameleon.api.frames import suffixed
from chameleon.api.gates import checked_step
from chameleon.api.objects import html_table
from chameleon.api.options import checks_options, split_of
from chameleon.api.results import (
    Attribution,
    Cost,
    DataChanges,
    DomainClassifierResult,
    Gate,
    PredictionChanges,
    Slices,
    StepSummary,
    TrainingAttribution,
)
from chameleon.api.views import View
from chameleon.errors import SelectionError
from chameleon.selection import ChangeType as DataChangeType
from chameleon.selection import DataChange, Selection

if TYPE_CHECKING:
    from chameleon.api.plots import StepPlots
    from chameleon.project import Version
    from chameleon.types import (
        ChangeBy,
        ChangeType,
        Metric,
        OutcomeBy,
        Scope,
        Severity,
        SharedGroup,
        Split,
        TrainBy,
    )


@checks_options
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step(View):
    """Two versions of an evaluation: what changed in the data, in the predictions, and why.

    Made by `Evaluation.step`. `filter` narrows it and returns a new step.

    Examples
    --------
    >>> import chameleon
    >>> step = chameleon.open_sample("digits").evaluate().step("1.8", "1.9")
    >>> step.filter(split="test", flip="regressed")
    <Step 1.8 → 1.9 of 'digits', 39 matching instances>
    """

    _columns = shapes.STEP_COLUMNS

    @property
    def before(self) -> Version:
        """The earlier version, or the one compared with."""
        return self._core.dataset.project.version(self._selection.secondary)

    @property
    def after(self) -> Version:
        """The later version."""
        return self._core.dataset.project.version(self._selection.primary)

    @property
    def change_type(self) -> ChangeType:
        """The kind of change: "data", "model", "mixed", "nothing", or "unknown"."""
        return analysis.iteration_of(self._core, **self._names).value

    @property
    def plot(self) -> StepPlots:
        """Charts of this step's frames: `step.plot.drift()`."""
        from chameleon.api.plots import StepPlots

        return StepPlots(self)

    def restrict(
        self,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> Step:
        """Restrict each side by its own conditions: rows that don't match are no part of it.

        Unlike filters, conditions are read from that side's own rows.

        Parameters
        ----------
        before, after
            Conditions of `filter`, as dicts; only those that one row can answer.

        Raises
        ------
        SelectionError
            A condition looks at both versions.
        """
        sides: dict[str, Any] = {
            f"{side}_only": replace(self, _selection=Selection(self.after.name, self.before.name))
            .filter(**given)
            ._selection.filters
            for side, given in (("secondary", before), ("primary", after))
            if given
        }
        restricted = replace(self, _selection=replace(self._selection, **sides))
        restricted.count()  # a condition that cannot restrict a side is refused now
        return restricted

    def data(self, *, by: ChangeBy | None = None) -> DataChanges:
        """Added, removed, relabeled, and edited instances; by split, label, or source.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().step("1.4", "1.5").data()
        <DataChanges: 290 added, 1,005 unchanged>
        """
        whole = analysis.matching_iteration(self._core, self._selection)
        if by is None:
            return shapes.all_changes(whole, self._timeline)
        selection = self._for(analysis.data_changes_by, "data(by=...)")
        counts = analysis.data_changes_by(self._core, selection, by)
        return shapes.data_changes(counts, whole, self._timeline)

    def kinds(self) -> pl.DataFrame:
        """The kinds of change of the step, with the evidence for each.

        Returns
        -------
        pl.DataFrame
            kind, split (null: all), instances, sentence, and the group that stands out most: by,
            feature, group, share, rest_share, lift, ci_low, ci_high, q_value, compared.
        """
        selection = self._for(analysis.iteration_kinds, "kinds")
        found = analysis.iteration_kinds(self._core, selection)
        return self._shaped("kinds", found)

    def edits(self) -> pl.DataFrame:
        """Edited features and the rule of the edits ("times 10").

        Returns
        -------
        pl.DataFrame
            feature, instances, became_missing, was_missing, median_before, median_after,
            median_shift (of after − before), shift_share (of pairs within 1% of it),
            median_ratio, ratio_share, most_before, most_after, most_instances (the most frequent
            change), pattern (a rule that four edits of five follow, or null).
        """
        selection = self._for(analysis.edited_values, "edits")
        return self._shaped("edits", analysis.edited_values(self._core, selection))

    def edited_values(self, feature: str, *, limit: int | None = None) -> pl.DataFrame:
        """Edits of a feature by its value before and after.

        Returns
        -------
        pl.DataFrame
            before, after (text; null is missing), instances; most frequent first.
        """
        most = self._core.dataset.row_count if limit is None else limit
        selection = self._for(analysis.value_transitions, "edited_values")
        found = analysis.value_transitions(self._core, selection, feature, most=most)
        return self._shaped("edited_values", found)

    def edited_instances(
        self, feature: str | None = None, *, limit: int | None = None
    ) -> pl.DataFrame:
        """Edits of single instances, of one feature or of all.

        Returns
        -------
        pl.DataFrame
            instance, label_before, label_after, split_before, split_after, source, feature,
            value_before, value_after: one row per instance and edited feature.
        """
        change = DataChange(DataChangeType.EDITED, feature)
        most = sys.maxsize if limit is None else limit
        selection = self._for(analysis.changed_instances, "edited_instances")
        found = analysis.changed_instances(self._core, selection, change, most=most).frame
        return self._shaped("edited_instances", found)

    def drift(
        self,
        *,
        split: Split | None = None,
        exact: bool = False,
        permutations: int = 200,
        seed: int = 0,
    ) -> pl.DataFrame:
        """Drift of every feature, and of the label, with its chance level.

        A chance level is what 95% of permutations of the instances' roles stay below. One feature
        in twenty passes its own by chance.

        Parameters
        ----------
        exact
            Take the Wasserstein distance from the values instead of the bins.

        Returns
        -------
        pl.DataFrame
            kind ("feature" or "label"), feature, split, instances_before, instances_after,
            js_distance (Jensen-Shannon, base 2, 0 to 1), js_chance_level, drifted (js_distance is
            above it), wasserstein (in standard deviations), wasserstein_chance_level, psi
            (population stability index, natural logarithm), psi_chance_level, p_value (of
            js_distance), reason, wasserstein_reason (why a distance is null). Largest first.
        """
        found = analysis.feature_drift(
            self._core, self._for(analysis.feature_drift, "drift"), split=split_of(split),
            exact=exact, draws=permutations, seed=seed,
        )  # fmt: skip
        drifted = pl.col("js_distance") > pl.col("js_chance_level")
        return self._shaped("drift", suffixed(found.with_columns(drifted=drifted)))

    def group_drift(
        self, group: SharedGroup = "added", *, split: Split | None = None
    ) -> pl.DataFrame:
        """Added (or removed) instances compared with shared ones, feature by feature.

        Numbers and dates by the two-sample Kolmogorov-Smirnov test, booleans, categories, and
        labels by the chi-square test of independence.

        Returns
        -------
        pl.DataFrame
            kind, feature, split, instances, shared, test, effect (largest difference of the
            distribution functions, or Cramér's V; 0 to 1), p_value, q_value (Benjamini and
            Hochberg 1995), reason (why there is no test). Largest effect first.
        """
        selection = self._for(analysis.group_drift)
        found = analysis.group_drift(self._core, selection, group, split=split_of(split))
        return self._shaped("group_drift", found)

    def domain_classifier(
        self, *, split: Split | None = None, seed: int = 0, progress: bool = False
    ) -> DomainClassifierResult:
        """How well a classifier separates the two versions by their features.

        Gradient boosting, five folds, all rows of an instance in one fold.
        """
        found = analysis.domain_classifier(
            self._core, self._for(analysis.domain_classifier), split=split_of(split), seed=seed,
            progress=shapes.shown_progress(progress),
        )  # fmt: skip
        features = self._shaped("domain_classifier", found.features)
        return DomainClassifierResult._of(found, features)

    def prediction_changes(
        self,
        *,
        by: OutcomeBy | None = None,
        same_label: bool = False,
        scope: Scope = "test",
    ) -> PredictionChanges:
        """Fixed, regressed, and unchanged outcomes, churn, and flip rates.

        Parameters
        ----------
        same_label
            Judge both versions by the label of `after`.

        Examples
        --------
        >>> import chameleon
        >>> step = chameleon.open_sample("digits").evaluate().step("1.8", "1.9")
        >>> step.prediction_changes()
        <PredictionChanges: 4 fixed, 39 regressed of 450>
        """
        selection = self._for(analysis.prediction_changes, scope=scope)
        label = {"same_label": same_label}
        counts = (
            analysis.prediction_changes(self._core, selection, **label)
            if by is None
            else analysis.prediction_changes_by(self._core, selection, by, **label)
        )
        statistics = analysis.change_statistics(self._core, selection, **label)
        return shapes.prediction_changes(counts, statistics, self._timeline)

    def class_changes(self, *, scope: Scope = "test") -> pl.DataFrame:
        """Changed predictions by the class predicted before and after.

        Returns
        -------
        pl.DataFrame
            class_before, class_after, instances, fixed, regressed; most frequent first.
        """
        selection = self._for(analysis.class_changes, scope=scope)
        found = analysis.class_changes(self._core, selection)
        names = {"secondary_class": "class_before", "primary_class": "class_after"}
        return self._shaped("class_changes", found.rename(names))

    def failure_sets(self, *, scope: Scope = "test", present_only: bool = False) -> pl.DataFrame:
        """Instances that are always incorrect, newly incorrect, fixed, or flickering.

        Returns
        -------
        pl.DataFrame
            set, instances.
        """
        over = self.evaluation._over(present_only=present_only)
        selection = self._for(analysis.failure_sets, scope=scope)
        found = analysis.failure_sets(self._core, selection, over=over)
        names = {inner: name for name, inner in FAILURE_SETS.items()}
        return self._shaped("failure_sets", found.with_columns(pl.col("set").replace(names)))

    def slices(self, *, scope: Scope = "test", rate: float = 0.05, seed: int = 0) -> Slices:
        """Slices of test instances whose accuracy changed, found in one half, checked in the other.

        Parameters
        ----------
        scope
            Only "test": slices are of test instances that neither model was trained on.
        rate
            The false discovery rate among the slices.
        """
        if scope != "test":
            raise SelectionError(
                f"Slices are of test instances: scope must be 'test', found {scope!r}."
            )
        self._require_whole("slices")
        found = analysis.changed_slices(self._core, **self._names, rate=rate, seed=seed)
        return shapes.slices(found, self._core.dataset, self._timeline)

    def attribution(
        self,
        *,
        metric: Metric | None = None,
        of_class: str | None = None,
        exclude_duplicates: bool = False,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Attribution:
        """Contributions of the model and the test set to the change of a metric.

        Both models are evaluated on both test sets; a contribution is the mean of the two
        differences (Shapley). Intervals resample test instances; training noise isn't included.

        Parameters
        ----------
        exclude_duplicates
            Exclude test rows whose features exactly match a row that either model was trained on.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().step("1.8", "1.9").attribution().leaked
        0
        """
        self._require_whole("attribution")
        found = analysis.attribute_change(
            self._core, **self._names, metric=metric or "accuracy", of_class=of_class,
            exclude_duplicates=exclude_duplicates, resamples=resamples, seed=seed,
        )  # fmt: skip
        return shapes.attribution(found, self._timeline)

    def training_attribution(
        self,
        *,
        by: TrainBy = "kind",
        repeats: int = 5,
        metric: Metric | None = None,
        of_class: str | None = None,
        seed: int = 0,
        progress: bool = False,
    ) -> TrainingAttribution:
        """The model's contribution by change of the train data; fits models, see `training_cost`.

        Parameters
        ----------
        by
            Kind of change, or source or label of the changed instances.
        repeats
            Refits on resampled instances for the deviations; 0 for none.
        """
        self._require_whole("training_attribution")
        found = analysis.attribute_training(
            self._core, **self._names, metric=metric or "accuracy", of_class=of_class, by=by,
            repeats=repeats, seed=seed, progress=shapes.shown_progress(progress),
        )  # fmt: skip
        parts = self._shaped("training_attribution", found.parts.rename({"part": "contribution"}))
        return TrainingAttribution._of(found, parts, _source=found)

    def training_cost(self, *, by: TrainBy = "kind", repeats: int = 5) -> Cost:
        """The models that `training_attribution` fits at most, and about how many seconds.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().step("1.8", "1.9").training_cost().fits > 0
        True
        """
        self._require_whole("training_cost")
        fits = analysis.training_fits(self._core, **self._names, by=by, repeats=repeats)
        before, after = self.before.name, self.after.name
        seconds = analysis.training_seconds(self._core, before=before, after=after, fits=fits)
        return Cost(fits, seconds)

    def summary(
        self,
        *,
        metric: Metric | None = None,
        of_class: str | None = None,
        training: TrainingAttribution | None = None,
    ) -> StepSummary:
        """The step in sentences, with a verdict.

        Parameters
        ----------
        training
            The result of `training_attribution`, so that its contributions are named.

        Examples
        --------
        >>> import chameleon
        >>> step = chameleon.open_sample("digits").evaluate().step("1.8", "1.9")
        >>> step.summary().verdict
        'both'
        """
        self._require_whole("summary")
        asked: dict[str, Any] = {
            **self._names, "metric": metric or "accuracy", "of_class": of_class,
        }  # fmt: skip
        refits = None if training is None else training._source
        found = analysis.step_summary(self._core, **asked, training=refits)
        change = analysis.attribute_change(self._core, **asked)
        return shapes.summary(
            found, change, analysis.facts_by_scope(self._core, **self._names), self._timeline
        )

    def gate(
        self,
        *,
        metric: Metric | None = None,
        of_class: str | None = None,
        max_drop: float | None = None,
        certain: bool = False,
        max_leaked: int | None = None,
        max_negative_flips: float | None = None,
        max_drifted: int | None = None,
        findings: Severity | None = None,
    ) -> Gate:
        """Check the step against limits; those that aren't given aren't checked.

        The check "every version could be read" is added, and fails, if any version is left out.

        Parameters
        ----------
        max_drop
            Of the metric, as a share below 1: 0.01 is one point. Of the log loss, its rise.
        of_class
            The class of the recall.
        certain
            Fail only if the whole 95% interval of the change is beyond the limit.
        max_leaked
            Test instances in a train set.
        max_negative_flips
            Share of fair test instances that regressed.
        max_drifted
            Features above their chance level.
        findings
            Fail if the data check has a finding about `after` that is this severe, or worse.

        Raises
        ------
        SelectionError
            There is no limit, or a share of 1 or more.

        Examples
        --------
        >>> import chameleon
        >>> step = chameleon.open_sample("digits").evaluate().step("1.8", "1.9")
        >>> step.gate(max_drop=0.01).passed
        False
        """
        self._require_whole("gate")
        limits = {
            "max_drop": max_drop, "max_leaked": max_leaked,
            "max_negative_flips": max_negative_flips, "max_drifted": max_drifted,
            "findings": findings,
        }  # fmt: skip
        return checked_step(self, metric, of_class, limits, certain=certain)

    @property
    def _names(self) -> dict[str, str]:
        return {"before": self._selection.secondary, "after": self._selection.primary}

    def _shaped_instances(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self._shaped("step_instances", shapes.with_flips(frame), more=True)

    def _shaped_features(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self._shaped("step_features", suffixed(frame))

    def _shaped_errors(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        own = self._shaped(name, frame)
        return own.with_columns(frame["change"].cast(pl.Float64))

    def __repr__(self) -> str:
        """The step in a line."""
        names, project = self._names, self.evaluation.project.name
        found = self.count()
        hint = "" if found else shapes.other_read(self)
        return (
            f"<Step {names['before']} → {names['after']} of {project!r}, "
            f"{found:,} matching instances{hint}>"
        )

    def _repr_html_(self) -> str:
        return html_table(self.data().frame, repr(self))
