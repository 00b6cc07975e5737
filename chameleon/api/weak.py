"""Label probabilities and the votes of labeling functions, of a step or a version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from chameleon import analysis
from chameleon.api.frames import stacked
from chameleon.errors import SelectionError

if TYPE_CHECKING:
    from chameleon.api.views import View
    from chameleon.models import Evaluation
    from chameleon.selection import Selection


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WeakLabels:
    """Label probabilities and votes of a step or a version; see its `weak_labels`."""

    view: View

    def by_class(self) -> pl.DataFrame:
        """Label probabilities and hard labels, class by class.

        Returns
        -------
        pl.DataFrame
            version, class, instances (with label probabilities), mean (probability of the class),
            most_likely (instances), confidence (mean of their largest probability), entropy
            (their mean, in bits), hard (instances with the class as hard label), disagreements
            (of these, another class is most likely).
        """
        view = self.view
        wide = self._of(analysis.weak_labels)
        rows = stacked(wide, view._sides, ("class",))
        return view._shaped("weak_by_class", rows)

    def totals(self) -> pl.DataFrame:
        """Certainty of the label probabilities, and how often the hard label differs.

        Returns
        -------
        pl.DataFrame
            version, instances, with_probabilities, tied, confidence, entropy (bits), judged,
            disagreements.
        """
        view = self.view
        found = self._of(analysis.weak_label_totals)
        own = found.filter(pl.col("side").is_in(list(view._sides)))
        return view._shaped("weak_totals", own)

    def histogram(self) -> pl.DataFrame:
        """Instances by the probability of every class.

        Returns
        -------
        pl.DataFrame
            version, class, low, high (ten bins of equal width), instances.
        """
        view = self.view
        wide = analysis.label_probability_histogram(
            view._core, view._for(analysis.label_probability_histogram)
        )
        rows = stacked(wide, view._sides, ("class", "low", "high"))
        return view._shaped("weak_histogram", rows)

    def changes(self) -> pl.DataFrame:
        """How far the label probabilities of shared instances changed; one row.

        Returns
        -------
        pl.DataFrame
            shared, compared, changed, most_likely_changed, distance (mean total variation).

        Raises
        ------
        SelectionError
            The view has one version only.
        """
        view = self._step()
        found = analysis.label_probability_change(
            view._core, view._for(analysis.label_probability_change)
        )
        return view._shaped("weak_changes", pl.DataFrame([asdict(found)]))

    def labeling_functions(self) -> pl.DataFrame:
        """Figures of every labeling function.

        Returns
        -------
        pl.DataFrame
            version, function, instances, votes, coverage, overlaps, conflicts, judged (votes on
            instances with a hard label), correct, accuracy, ci_low, ci_high (exact 95%, Clopper
            and Pearson 1934).
        """
        view = self.view
        wide = self._of(analysis.labeling_functions)
        rows = stacked(wide, view._sides, ("function",))
        return view._shaped("labeling_functions", rows)

    def vote_changes(self) -> pl.DataFrame:
        """Changed votes of every labeling function, and their effect on label probabilities.

        Returns
        -------
        pl.DataFrame
            function, shared, changed, started, stopped, switched, compared, changed_distance,
            other_distance (mean total variation where the vote changed, and elsewhere),
            changed_share (of all distance).

        Raises
        ------
        SelectionError
            The view has one version only.
        """
        view = self._step()
        wide = self._of(analysis.labeling_functions)
        return view._shaped("vote_changes", wide)

    def _of(self, function: Callable[[Evaluation, Selection], T]) -> T:
        """The answer of an analysis about the view."""
        return function(self.view._core, self.view._for(function))

    def _step(self) -> View:
        if len(self.view._sides) < 2:
            raise SelectionError("Changes need two versions: use `weak_labels` of a step.")
        return self.view
