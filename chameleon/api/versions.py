"""One version and its model's predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from chameleon import analysis
from chameleon.api import shapes
from chameleon.api.objects import html_table
from chameleon.api.options import checks_options, split_of
from chameleon.api.results import LabelIssues, Refit
from chameleon.api.views import View

if TYPE_CHECKING:
    from chameleon.api.lists import ExclusionList
    from chameleon.api.plots import VersionPlots
    from chameleon.types import Metric, RankBy, Scope


@checks_options
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VersionEvaluation(View):
    """One version and its model's predictions.

    Made by `Evaluation.version`. `filter` narrows it and returns a new one.

    Examples
    --------
    >>> import chameleon
    >>> version = chameleon.open_sample("digits").evaluate().version("1.9")
    >>> version.filter(split="test", outcome="incorrect").count()
    51
    """

    _columns = shapes.VERSION_COLUMNS

    @property
    def name(self) -> str:
        """The name of the version."""
        return self._selection.primary

    @property
    def plot(self) -> VersionPlots:
        """Charts of this version's frames: `version.plot.confusion()`."""
        from chameleon.api.plots import VersionPlots

        return VersionPlots(self)

    def ranked_errors(
        self,
        by: RankBy = "confidence",
        *,
        scope: Scope = "test",
        folds: int = 5,
        seed: int = 0,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Errors, most informative first.

        Parameters
        ----------
        by
            "confidence": the probability of the wrong prediction; "sensitivity": changes of
            outcome; "label_issue": the label issue score, which fits the models it needs.

        Returns
        -------
        pl.DataFrame
            instance, label, prediction, probability, label_issue_score, suggested_label, is_issue
            (null unless by="label_issue"), changes, course, split, source.
        """
        issues = self.label_issues(folds=folds, seed=seed)._source if by == "label_issue" else None
        found = analysis.ranked_errors(
            self._core, self._selection, by=by, issues=issues, split=split_of(scope),
            most=limit,
        )  # fmt: skip
        return self._shaped("ranked_errors", found)

    def label_issues(self, *, folds: int = 5, seed: int = 0, progress: bool = False) -> LabelIssues:
        """Likely wrong labels, by models that never saw them.

        Train rows are predicted out of fold by the project's own pipeline, other rows by the
        version's model. Fits are cached.
        """
        found = analysis.label_issues(
            self._core, self.name, folds=folds, seed=seed,
            progress=shapes.shown_progress(progress),
        )  # fmt: skip
        matching = analysis.instances(self._core, self._selection, features=(), limit=None)
        return shapes.label_issues(found, matching.frame["instance"], self._timeline)

    def correlations(self, *, features: int = 64, limit: int = 20) -> pl.DataFrame:
        """Pairs of features with the strongest Spearman correlation.

        Parameters
        ----------
        features
            Features that take part, the first by name.

        Returns
        -------
        pl.DataFrame
            feature_a, feature_b, matching (rho of matching instances), all, matching_rows,
            all_rows; strongest first.
        """
        found = analysis.feature_correlations(
            self._core, self._selection, features=features, most=limit
        )
        return self._shaped("correlations", found)

    def refit_without(
        self,
        instances: ExclusionList | str | Iterable[object],
        *,
        metric: Metric | None = None,
        of_class: str | None = None,
        progress: bool = False,
    ) -> Refit:
        """The version refitted without some instances, or without an exclusion list's.

        Test instances among them are left out of the test set as well, which changes the metric
        without any better model: `Refit.attribution` separates the two.

        Parameters
        ----------
        instances
            An exclusion list or its name, a list or column of ids, or a frame with the column
            `instance`.

        Raises
        ------
        ModelError
            The predictions are external, or what remains gives no model.
        """
        self._require_whole("refit_without")
        found = analysis.refit_without(
            self._core, self.name, shapes.ids_of(self, instances),
            metric=metric or "accuracy", of_class=of_class,
            progress=shapes.shown_progress(progress),
        )  # fmt: skip
        return shapes.refit(found, self._timeline)

    def _shaped_instances(self, frame: pl.DataFrame) -> pl.DataFrame:
        other = [column for column in frame.columns if column in analysis.COLUMNS
                 and column.startswith("secondary_")]  # fmt: skip
        return self._shaped("version_instances", frame.drop("side", *other), more=True)

    def _shaped_features(self, frame: pl.DataFrame) -> pl.DataFrame:
        own = frame.rename(lambda column: column.removeprefix("primary_"))
        return self._shaped("version_features", own)

    def _shaped_errors(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        return self._shaped(name, frame)

    def __repr__(self) -> str:
        """The version in a line."""
        project = self.evaluation.project.name
        return (
            f"<VersionEvaluation {self.name} of {project!r}, {self.count():,} matching instances>"
        )

    def _repr_html_(self) -> str:
        return html_table(self.errors(scope=self._shown_scope), repr(self))
