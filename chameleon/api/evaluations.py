"""The evaluation: every version's model over the timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl

from chameleon import analysis, models
from chameleon.api.frames import shaped
from chameleon.api.named_versions import name_of, span, step_names, warn_of_left_out
from chameleon.api.objects import Compared, html_table
from chameleon.api.options import checks_options, require_option, split_of
from chameleon.api.results import figures
from chameleon.errors import SelectionError
from chameleon.selection import Filters, Selection, SensitivityRange

if TYPE_CHECKING:
    from chameleon.api.instance import Instance
    from chameleon.api.lists import ExclusionLists
    from chameleon.api.plots import EvaluationPlots
    from chameleon.api.projects import Project
    from chameleon.api.steps import Step
    from chameleon.api.versions import VersionEvaluation
    from chameleon.api.views import View
    from chameleon.project import Split as ProjectSplit
    from chameleon.project import Version
    from chameleon.types import Counted, Metric, Reference, Scope, Severity, Split


@checks_options
@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Evaluation(Compared):
    """Every version's model, and its predictions for every row of the timeline.

    Made by `Project.evaluate`. Compares and hashes by the data and what made the predictions.

    Examples
    --------
    >>> import chameleon
    >>> evaluation = chameleon.open_sample("digits").evaluate()
    >>> evaluation
    <Evaluation of 'digits': 12 versions (1.0 to 1.11), 10 classes>
    """

    project: Project
    _core: models.Evaluation
    _first: int = 0
    _last: int = -1

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions, oldest first."""
        every = self._core.dataset.versions
        return every[self._first : self._last % len(every) + 1]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: all labels, then classes that are only predicted."""
        return self._core.classes

    @property
    def model(self) -> str:
        """The model that made the predictions, in a line."""
        return self._core.model

    @property
    def has_weak_labels(self) -> bool:
        """Return True if a version has label probabilities or votes."""
        return analysis.has_weak_labels(self._core)

    @property
    def has_golden_test(self) -> bool:
        """Return True if the project names a golden test set."""
        return self._core.dataset.project.settings.golden is not None

    @property
    def exclusion_lists(self) -> ExclusionLists:
        """The project's exclusion lists, a mapping by name."""
        from chameleon.api.lists import ExclusionLists

        return ExclusionLists(self)

    @property
    def plot(self) -> EvaluationPlots:
        """Charts of this evaluation's frames: `evaluation.plot.metrics()`."""
        from chameleon.api.plots import EvaluationPlots

        return EvaluationPlots(self)

    def version(self, version: str | Version | None = None) -> VersionEvaluation:
        """One version and its model's predictions; the newest by default.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().version("1.9")
        <VersionEvaluation 1.9 of 'digits', 1,455 matching instances>
        """
        from chameleon.api.versions import VersionEvaluation

        name = self._name(version) or self.versions[-1].name
        if version is None:
            warn_of_left_out(self._core.dataset.project, name, name, newest=True)
        return VersionEvaluation(self, Selection(name, name))

    def step(self, before: str | Version | None = None, after: str | Version | None = None) -> Step:
        """Two versions: `after` is the newest by default, `before` the one preceding it.

        Warns if a default skips a version that can't be used; the warning says why.

        Raises
        ------
        SelectionError
            No version has that name, or there is only one.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().step("1.8", "1.9").change_type
        'data'
        """
        from chameleon.api.steps import Step

        older, newer = step_names(self._names, self._name(before), self._name(after))
        if before is None or after is None:
            project = self._core.dataset.project
            warn_of_left_out(project, older, newer, newest=after is None)
        return Step(self, Selection(primary=newer, secondary=older))

    def steps(self) -> list[Step]:
        """All pairs of consecutive versions, oldest first.

        Examples
        --------
        >>> import chameleon
        >>> len(chameleon.open_sample("digits").evaluate().steps())
        11
        """
        return [self.step(a, b) for a, b in zip(self.versions, self.versions[1:], strict=False)]

    def between(self, first: str | Version, last: str | Version) -> Evaluation:
        """The same evaluation over part of the timeline, both ends included.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().between("1.3", "1.5")
        <Evaluation of 'digits': 3 versions (1.3 to 1.5), 10 classes>
        """
        places = [self._core.dataset.version_number(str(self._name(one))) for one in (first, last)]
        return replace(self, _first=min(places), _last=max(places))

    def instance(self, id: object) -> Instance:
        """One instance over all versions, by its id.

        Raises
        ------
        SelectionError
            No version has that id.

        Examples
        --------
        >>> import chameleon
        >>> chameleon.open_sample("digits").evaluate().instance("digit-0003")
        <Instance 'digit-0003' of 'digits', in 12 of 12 versions>
        """
        from chameleon.api.instance import Instance

        return Instance(self, str(id))

    def from_link(self, url: str) -> Step:
        """The two versions and the filters of a link of the app.

        Raises
        ------
        SelectionError
            The link names what does not exist.
        """
        from chameleon.api.steps import Step

        default = Selection.newest(self._core)
        return Step(self, Selection.from_query_string(urlsplit(url).query, default))

    def metrics(self, *, split: Split | None = "test") -> pl.DataFrame:
        """Metrics of each version's model on its own rows of a split; None stacks all splits.

        As scikit-learn computes them; ROC AUC of several classes is the macro average of one
        against the rest. The interval of an accuracy is the exact 95% one (Clopper and Pearson
        1934), null for train rows, which are no fair sample. Training noise isn't included.

        Returns
        -------
        pl.DataFrame
            version, date, split, instances, unknown (no label or prediction, left out), accuracy,
            accuracy_ci_low, accuracy_ci_high, macro_f1, log_loss, roc_auc, reason (why a metric
            is null).

        Examples
        --------
        >>> import chameleon
        >>> evaluation = chameleon.open_sample("digits").evaluate()
        >>> evaluation.metrics()["accuracy"].round(3).to_list()[-3:]
        [0.887, 0.964, 0.971]
        """
        wide = analysis.version_metrics(self._core)
        splits = ("train", "test", "validation") if split is None else (split,)
        return self._shaped("metrics", pl.concat([figures(wide, one) for one in splits]))

    def sizes(self) -> pl.DataFrame:
        """Instances of each version by split and source.

        Returns
        -------
        pl.DataFrame
            version, split, source (null: none), instances, correct; only combinations that occur.
        """
        return self._shaped("sizes", analysis.version_sizes(self._core))

    def predictions(self, version: str | Version, *, present_only: bool = False) -> pl.DataFrame:
        """Predictions of one version's model for every row of the timeline.

        Most rows may be of other versions: for a metric of the version, keep the rows `present`.

        Parameters
        ----------
        present_only
            Give the rows of the version only.

        Returns
        -------
        pl.DataFrame
            instance, row (its number), present (whether the version contains the row), label,
            split, prediction, probability (of the prediction), probability_of_label, outcome.
        """
        found = analysis.row_predictions(self._core, str(self._name(version)))
        return self._shaped("predictions", found.filter("present") if present_only else found)

    def models(self) -> pl.DataFrame:
        """The origin of each version's predictions.

        Returns
        -------
        pl.DataFrame
            version, model, origin ("fitted", "cached", "shipped", "external", "none"), seconds
            (of the fit, null where it wasn't measured), reason (why there is no model).
        """
        return self._shaped("models", analysis.model_origins(self._core))

    def drift(
        self, *, reference: Reference = "previous", split: Split | None = None
    ) -> pl.DataFrame:
        """Drift of every feature, and of the label, in every version.

        Parameters
        ----------
        reference
            The version that each version is compared with: the previous one or the first.

        Returns
        -------
        pl.DataFrame
            kind ("feature" or "label"), feature, before, version, js_distance (Jensen-Shannon
            distance of the binned values, base 2, from 0 to 1), reason (why it is null).
        """
        before = {"previous": "before", "first": "first"}[reference]
        found = analysis.drift_over_versions(
            self._core, against=analysis.DriftReference(before), split=split_of(split)
        )
        return self._shaped("drift_over_versions", found)

    def histograms(self, feature: str, *, where: View | None = None) -> pl.DataFrame:
        """The histogram of one feature in every version, by outcome.

        Parameters
        ----------
        where
            A filtered step or version, whose matching instances count.

        Returns
        -------
        pl.DataFrame
            version, split, bin, bar, low, high, category, correct, incorrect, unknown.
        """
        selection = self._where(where, analysis.feature_over_versions)
        found = analysis.feature_over_versions(self._core, selection, feature)
        return self._shaped("feature_histograms", found)

    def sensitivity(
        self,
        *,
        count: Counted = "outcome",
        present_only: bool = False,
        scope: Scope = "test",
        where: View | None = None,
    ) -> pl.DataFrame:
        """Instances by how often their outcome changed from version to version.

        Where a version lacks an instance, its model predicts the nearest earlier row, else the
        next later one, unless `present_only`.

        Returns
        -------
        pl.DataFrame
            changes (null: fewer than two known outcomes), instances.
        """
        over = self._over(count, present_only)
        selection = self._where(where, analysis.sensitivity, scope)
        found = analysis.sensitivity(self._core, selection, over=over)
        return self._shaped("sensitivity", found)

    def sensitive_instances(
        self,
        *,
        limit: int | None = None,
        count: Counted = "outcome",
        present_only: bool = False,
        scope: Scope = "test",
        where: View | None = None,
    ) -> pl.DataFrame:
        """The instances whose outcome changed most often, a row for each version.

        Returns
        -------
        pl.DataFrame
            instance, changes, course ("lasting improvement", "lasting regression", "flicker",
            "none"), place (of the instance in this order), version, outcome, prediction,
            in_train.
        """
        over = self._over(count, present_only)
        most = self._core.dataset.instance_count if limit is None else limit
        selection = self._where(where, analysis.most_sensitive, scope)
        found = analysis.most_sensitive(self._core, selection, over=over, most=most)
        return self._shaped("sensitive_instances", found)

    def fixed_test_set(
        self,
        version: str | Version | None = None,
        *,
        golden: bool = False,
        metric: Metric | None = None,
        of_class: str | None = None,
        seed: int = 0,
    ) -> pl.DataFrame:
        """Every version's model on one test set: the same instances for all.

        Instances in any version's train set are left out for all models.

        Parameters
        ----------
        version
            The version whose test set is used; the newest by default.
        golden
            Use the golden test set, which is in a file outside the versions.
        seed
            Of the resampling of intervals.

        Returns
        -------
        pl.DataFrame
            version, value, ci_low, ci_high (95%: Clopper-Pearson for accuracy and recall, else
            by resampling), instances, leaked, unknown.
        """
        found = analysis.fixed_test_set(
            self._core,
            test=None if golden else self._name(version) or self.versions[-1].name,
            golden=golden,
            metric=metric or "accuracy",
            of_class=of_class,
            seed=seed,
        )
        return self._shaped("fixed_test_set", found)

    def cross_test(
        self, *, metric: Metric | None = None, of_class: str | None = None
    ) -> pl.DataFrame:
        """Every version's model on every version's test set.

        Test instances in the model's own train set are left out.

        Returns
        -------
        pl.DataFrame
            model, test, value (null where nothing is left), instances, leaked, unknown.
        """
        chosen = metric or "accuracy"
        found = analysis.model_on_tests(self._core, metric=chosen, of_class=of_class)
        kept = pl.col("model").is_in(self._names) & pl.col("test").is_in(self._names)
        return self._shaped("cross_test", found.filter(kept))

    def golden_predictions(self) -> pl.DataFrame:
        """Every version's predictions for the golden test set.

        Returns
        -------
        pl.DataFrame
            version, instance, label, prediction, probability_of_label, leaked (the id is in the
            version's train set).

        Raises
        ------
        SelectionError
            The project names no golden test set.
        """
        found = analysis.golden_predictions(self._core)
        return self._shaped("golden_predictions", found)

    def findings(self, *, severity: Severity | None = None) -> pl.DataFrame:
        """Findings of the data check, those about models included; see `Project.findings`."""
        return self.project._findings_of(analysis.check(self._core), severity)

    @property
    def _names(self) -> list[str]:
        return [version.name for version in self.versions]

    def _name(self, version: str | Version | None) -> str | None:
        """The name of a version of this evaluation; SelectionError where there is none."""
        if version is None:
            return None
        name = name_of(version)
        self._core.dataset.version_number(name)
        return name

    def _shaped(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame as its schema, its versions those of this part of the timeline."""
        every = [version.name for version in self._core.dataset.versions]
        if "version" in frame.columns and len(self._names) < len(every):
            frame = frame.filter(pl.col("version").is_in(self._names))
        return shaped(name, frame, every)

    def _over(self, count: Counted = "outcome", present_only: bool = False) -> SensitivityRange:
        """The versions over which changes are counted, and how."""
        return SensitivityRange(self._names[0], self._names[-1], present_only, count == "class")

    def _where(
        self, where: View | None, function: Callable[..., object], scope: Scope = "all"
    ) -> Selection:
        """The selection of a filtered view, or everything, in a scope, for an analysis."""
        from chameleon.api.conditions import honored

        everything = Selection(self._names[-1], self._names[0], Filters())
        selection = in_scope(everything if where is None else where._selection, scope)
        return honored(self._core, selection, "where", function)

    def _identity(self) -> object:
        return self._core.key, self._names[0], self._names[-1]

    def __repr__(self) -> str:
        """The evaluation in a line."""
        versions = span(self._core.dataset.project, self._names)
        classes = f"{len(self.classes)} class{'' if len(self.classes) == 1 else 'es'}"
        return f"<Evaluation of {self.project.name!r}: {versions}, {classes}>"

    def _repr_html_(self) -> str:
        return html_table(self.metrics(), repr(self))


def split_in(selection: Selection, scope: Scope) -> ProjectSplit | None:
    """The split of a scope, None for all; SelectionError where the filters leave it out."""
    require_option(scope, ("test", "train", "validation", "all"), "scope")
    split, splits = split_of(scope), selection.filters.splits
    if split is not None and splits and split not in splits:
        raise SelectionError(
            f"The filter split={splits[0].value!r} leaves out scope={scope!r}. Pass scope='all'."
        )
    return split


def in_scope(selection: Selection, scope: Scope) -> Selection:
    """The selection narrowed to the instances of a scope."""
    split = split_in(selection, scope)
    if split is None:
        return selection
    return replace(selection, filters=replace(selection.filters, splits=(split,)))
