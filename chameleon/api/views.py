"""What a step and a version have in common: filters, instances, features, and the embedding."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from chameleon import analysis
from chameleon.api.conditions import (
    UNSET,
    Conditions,
    honored,
    narrowed,
    set_of_expressions,
    swapped,
)
from chameleon.api.evaluations import Evaluation, in_scope, split_in
from chameleon.api.frames import shaped, stacked
from chameleon.api.objects import Compared
from chameleon.api.options import checks_options
from chameleon.errors import SelectionError
from chameleon.selection import Selection

if TYPE_CHECKING:
    from typing import Self

    from chameleon import models
    from chameleon.api.weak import WeakLabels
    from chameleon.types import (
        CellBy,
        Change,
        Condition,
        Counted,
        ErrorsBy,
        FailureSet,
        Flip,
        HistogramBy,
        OneOrMore,
        Outcome,
        Range,
        Read,
        Scope,
        Split,
        VoteChange,
    )

APP = "http://localhost:8501"


@checks_options
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class View(Compared):
    """Versions of an evaluation, and the filters that their instances match."""

    evaluation: Evaluation
    _selection: Selection
    _columns: ClassVar[Mapping[str, str]]
    """The columns of `analysis.instances` by the public names that differ."""

    def filter(
        self,
        *expressions: pl.Expr,
        split: OneOrMore[Split] | EllipsisType = UNSET,
        label: OneOrMore[str | None] | EllipsisType = UNSET,
        source: OneOrMore[str | None] | EllipsisType = UNSET,
        outcome: OneOrMore[Outcome] | EllipsisType = UNSET,
        date: dt.date | Range | EllipsisType = UNSET,
        change: OneOrMore[Change] | EllipsisType = UNSET,
        edited: OneOrMore[str] | EllipsisType = UNSET,
        flip: OneOrMore[Flip] | EllipsisType = UNSET,
        same_label: bool = False,
        class_change: OneOrMore[tuple[str, str]] | EllipsisType = UNSET,
        confusion: OneOrMore[tuple[str, str]] | EllipsisType = UNSET,
        confusion_before: OneOrMore[tuple[str, str]] | EllipsisType = UNSET,
        failure_set: FailureSet | EllipsisType = UNSET,
        sensitivity: OneOrMore[int] | EllipsisType = UNSET,
        count: Counted = "outcome",
        present_only: bool = False,
        cell: OneOrMore[str] | EllipsisType = UNSET,
        vote: Mapping[str, OneOrMore[str | None]] | EllipsisType = UNSET,
        vote_change: Mapping[str, OneOrMore[VoteChange]] | EllipsisType = UNSET,
        label_probability: Mapping[str, OneOrMore[float | Range]] | EllipsisType = UNSET,
        instances: str | int | Iterable[object] | EllipsisType = UNSET,
        excluded: OneOrMore[str] | EllipsisType = UNSET,
        read: Read = "after",
        features: Mapping[str, Condition] | None = None,
        **conditions: Condition,
    ) -> Self:
        """Narrow to the instances that match expressions and conditions.

        All are combined with AND, several values of one condition with OR; an empty list of values
        matches nothing. Methods count the matching instances only, or raise SelectionError, which
        names `unfiltered`, where they can't. Keyword conditions are
        what the app shows as filter chips; they can be linked and stored as rules. A polars
        expression can do more, is evaluated on the columns it names, and has no text form.

        Parameters
        ----------
        *expressions
            polars expressions over the columns of `Project.read`.
        split, label, source
            Of the instance's row; None is an instance without a label or source.
        outcome
            Of the version read first: "correct", "incorrect", or "unknown".
        date
            A day, or a `Range` of days.
        change, edited
            What changed in the step; the feature that was edited.
        flip, same_label
            The outcome before and after; judge both by the label of the version read first.
        class_change
            (class before, class after): the predictions.
        confusion, confusion_before
            (label, predicted) in the version after, or before.
        failure_set
            "always_incorrect", "newly_incorrect", "fixed", or "flickering".
        sensitivity, count, present_only
            Numbers of changes over the timeline; see `Evaluation.sensitivity`.
        cell
            Cells of `embedding`.
        vote, vote_change, label_probability
            By labeling function, and by class.
        instances, excluded
            Ids (also a column, or a frame with the column `instance`); the name of an exclusion
            list.
        read
            The version whose row of an instance is read first, "after" or "before".
        features
            Conditions of features whose names are no keywords.
        **conditions
            Conditions of features: a value, several, a `Range`, or None for missing values.

        Raises
        ------
        SelectionError
            A condition names what does not exist.

        Examples
        --------
        >>> import chameleon
        >>> step = chameleon.open_sample("digits").evaluate().step("1.8", "1.9")
        >>> step.filter(split="test", flip="regressed").count()
        39
        """
        given = {
            "split": split, "label": label, "source": source, "outcome": outcome, "date": date,
            "change": change, "edited": edited, "flip": flip, "class_change": class_change,
            "confusion": confusion, "confusion_before": confusion_before,
            "failure_set": failure_set, "sensitivity": sensitivity, "cell": cell, "vote": vote,
            "vote_change": vote_change, "label_probability": label_probability,
            "instances": instances, "excluded": excluded,
        }  # fmt: skip
        over = self.evaluation._over(count, present_only)
        at = Conditions(self._core, self._selection, over, same_label)
        selection = self._selection
        for filters in at.filters(given, {**(features or {}), **conditions}):
            selection = narrowed(self._core, selection, filters, read)
        if expressions:
            matching = set_of_expressions(self._core, selection, expressions, read)
            selection = narrowed(self._core, selection, matching, read)
        return replace(self, _selection=selection)

    @property
    def unfiltered(self) -> Self:
        """The same versions without filters or restricted sides."""
        primary, secondary = self._selection.primary, self._selection.secondary
        return replace(self, _selection=Selection(primary, secondary))

    def count(self) -> int:
        """Number of matching instances."""
        return analysis.selected(self._core, self._selection).instances

    def instances(
        self,
        *,
        features: Sequence[str] | None = None,
        search: str | None = None,
        sort_by: str = "instance",
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Matching instances with predictions and raw values.

        Parameters
        ----------
        features
            The features to show; all by default.
        search
            A text in the id, label, prediction, source, or a text feature.
        sort_by
            A column of the frame, or a feature; instances without a value are last.

        Returns
        -------
        pl.DataFrame
            instance, label, split, source, date, presence ("both", "before", "after"; steps
            only), then prediction, probability, probability_of_label, and outcome (for a step
            each with _before and _after), flip (steps only), strip (a sign per version, oldest
            first: ✓ correct, ✗ incorrect, ? unknown; v, x, and · where the version lacks the
            instance), course, changes (of outcome over all versions), versions (that have the
            instance); then a column per feature.
        """
        order = self._columns.get(sort_by, sort_by)
        page = analysis.instances(
            self._core, self._selection, features=features, search=search, order_by=order,
            descending=descending, offset=offset, limit=limit,
        )  # fmt: skip
        names = {inner: public for public, inner in self._columns.items()}
        return self._shaped_instances(page.frame.rename(names))

    def write_instances(
        self,
        path: str | Path,
        *,
        features: Sequence[str] | None = None,
        search: str | None = None,
        sort_by: str = "instance",
        descending: bool = False,
    ) -> Path:
        """Write the matching instances as CSV or Parquet, by the suffix of the path.

        In CSV, text that a spreadsheet would take for a formula begins with an apostrophe.

        Raises
        ------
        SelectionError
            The path ends in neither .csv nor .parquet.
        """
        frame = self.instances(
            features=features, search=search, sort_by=sort_by, descending=descending
        )
        return analysis.write_table(frame, Path(path))

    def histograms(
        self, *, features: Sequence[str] | None = None, by: HistogramBy = "outcome"
    ) -> pl.DataFrame:
        """The histogram of every feature, by outcome or label.

        A feature's own filter doesn't narrow its histogram.

        Returns
        -------
        pl.DataFrame
            version, feature, split, bin, bar ("range", "value", "category", "missing", …), low,
            high, category, then correct, incorrect, unknown; by label: label, instances.
        """
        if by == "label":
            found, name = self._label_histograms(), "label_histograms"
        else:
            keys = ("feature", "split", "bin", "bar", "low", "high", "category")
            wide = analysis.feature_histograms(self._core, self._selection)
            found, name = stacked(wide, self._sides, keys), "histograms"
        return self._shaped(name, found.filter(self._is_asked(features)))

    def features(self) -> pl.DataFrame:
        """Summary of every feature and split.

        Returns
        -------
        pl.DataFrame
            feature, kind ("number", "boolean", "date", "text"), split, min, max, mean, missing,
            instances (for a step each with _before and _after; dates in microseconds since 1970),
            js_distance (steps only, of train rows; null for other splits), error_unevenness (mean
            absolute deviation of a bar's error rate from the overall one, of test rows, else of
            train rows; null for other splits), error_unevenness_change (steps only, likewise),
            subset_distance (Jensen-Shannon distance of matching and other instances, of all
            splits).
        """
        found = analysis.feature_table(self._core, self._selection)
        return self._shaped_features(found)

    def confusion(self, *, scope: Scope = "test") -> pl.DataFrame:
        """Confusion matrix: each version's own model on its own rows.

        Returns
        -------
        pl.DataFrame
            version, label, predicted, instances, share (of the instances with that label).
        """
        selection, split = self._for(analysis.confusion), split_in(self._selection, scope)
        found = analysis.confusion(self._core, selection, split=split)
        keys = ("label", "prediction")
        rows = stacked(found.drop("difference", "share_difference"), self._sides, keys)
        return self._shaped("confusion", rows.rename({"prediction": "predicted"}))

    def errors(self, by: ErrorsBy = "label", *, scope: Scope = "test") -> pl.DataFrame:
        """Error rate by class or source: each version's own model on its own rows.

        Returns
        -------
        pl.DataFrame
            version, label or source (null: none), errors, instances, unknown, error_rate, ci_low,
            ci_high (exact 95%, Clopper and Pearson 1934; null for train rows), reason; for a
            step also change (after − before).
        """
        split = split_in(self._selection, scope)
        found = analysis.errors_by(self._core, self._selection, by, split=split)
        rows = stacked(found, self._sides, ("group", "change"))
        names = {"group": by, "rate": "error_rate"}
        return self._shaped_errors(f"errors_by_{by}", rows.rename(names))

    def embedding(self, *, by: CellBy | None = None, scope: Scope = "test") -> pl.DataFrame:
        """Cells of the embedding, a square grid over the layout of all rows.

        Parameters
        ----------
        by
            Also give the most frequent label, split, or source of each cell, or its mean date.

        Returns
        -------
        pl.DataFrame
            version, cell ("column,row"), x, y (the center), size, correct, incorrect, unknown,
            instances, accuracy, ratio (of correct to incorrect, 1/2 added to both); with `by`
            also group and group_instances.
        """
        selection = self._for(analysis.embedding_cells, scope=scope)
        rows = self._cells(analysis.embedding_cells(self._core, selection))
        if by is None:
            return self._shaped("embedding", rows)
        groups = analysis.cell_groups(self._core, selection, by)
        return self._shaped("embedding_by", rows.join(groups, on="cell", how="left"))

    @property
    def weak_labels(self) -> WeakLabels:
        """Label probabilities and labeling functions; SelectionError where there are none."""
        from chameleon.api.weak import WeakLabels

        if not self.evaluation.has_weak_labels:
            raise SelectionError(f"{self.evaluation.project.name} has no weak labels.")
        return WeakLabels(self)

    def link(self) -> str:
        """Link to this view in the app.

        Raises
        ------
        SelectionError
            A polars expression narrows the view: it has no text form.
        """
        return f"{APP}/?{self._selection.to_query_string()}"

    @property
    def _core(self) -> models.Evaluation:
        return self.evaluation._core

    def _for(
        self, function: Callable[..., object], name: str = "", *, scope: Scope = "all"
    ) -> Selection:
        """The selection in a scope, for the analysis behind the method of that name."""
        within = in_scope(self._selection, scope)
        return honored(self._core, within, name or function.__name__, function)

    @property
    def _shown_scope(self) -> Scope:
        """The default scope, or all where the filters leave it out."""
        splits = self._selection.filters.splits
        return "all" if splits and "test" not in splits else "test"

    def _require_whole(self, name: str) -> None:
        """Raise SelectionError if a filter or restriction would be ignored by a method."""
        if self != self.unfiltered:
            raise SelectionError(
                f"{name} can't take filters into account. Use `unfiltered.{name}`, or a method "
                "that counts instances, such as `prediction_changes`."
            )

    @property
    def _sides(self) -> Mapping[str, str]:
        """The versions by the prefix of their columns; one where both are the same."""
        primary, secondary = self._selection.primary, self._selection.secondary
        return {"primary": primary} if primary == secondary else {
            "secondary": secondary, "primary": primary,
        }  # fmt: skip

    @abstractmethod
    def _shaped_instances(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame of `analysis.instances`, renamed, in public form."""

    @abstractmethod
    def _shaped_features(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame of `analysis.feature_table` in public form."""

    @abstractmethod
    def _shaped_errors(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The stacked frame of `analysis.errors_by` in public form."""

    def _shaped(self, name: str, frame: pl.DataFrame, *, more: bool = False) -> pl.DataFrame:
        return shaped(name, frame, self._timeline, more=more)

    @property
    def _timeline(self) -> list[str]:
        return [version.name for version in self._core.dataset.versions]

    def _is_asked(self, features: Sequence[str] | None) -> pl.Expr:
        """The rows of these features; SelectionError where one doesn't exist."""
        if features is None:
            return pl.lit(value=True)
        for name in features:
            self._core.dataset.feature_number(name)
        return pl.col("feature").is_in(list(features))

    def _label_histograms(self) -> pl.DataFrame:
        """The label histograms of both versions, one under the other."""
        bins = analysis.feature_histograms(self._core, self._selection).select(
            "feature", "split", "bin", "bar", "low", "high", "category"
        )
        frames = []
        for name, version in self._sides.items():
            side = self._selection
            if name == "secondary":
                side = swapped(self._core, side)
            own = analysis.feature_labels(self._core, side).with_columns(version=pl.lit(version))
            frames.append(own.join(bins, on=["feature", "split", "bin"], how="left"))
        return pl.concat(frames)

    def _cells(self, wide: pl.DataFrame) -> pl.DataFrame:
        """The cells of both versions, one under the other."""
        keys = ("cell", "x", "y", "size")
        own = ("correct", "incorrect", "unknown", "instances", "accuracy")
        frames = []
        for side, version in self._sides.items():
            prefix = "" if side == "primary" else "secondary_"
            block = wide.select(*keys, **{name: pl.col(f"{prefix}{name}") for name in own})
            half = pl.lit(0.5)
            ratio = (pl.col("correct") + half) / (pl.col("incorrect") + half)
            frames.append(block.with_columns(version=pl.lit(version), ratio=ratio))
        rows = pl.concat(frames)
        return rows.filter(pl.sum_horizontal("correct", "incorrect", "unknown") > 0)

    def _identity(self) -> object:
        return self.evaluation, self._selection
