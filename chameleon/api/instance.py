"""One instance over all versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from chameleon import analysis
from chameleon.api.evaluations import Evaluation
from chameleon.api.frames import shaped
from chameleon.api.objects import Compared, html_table
from chameleon.selection import Selection

if TYPE_CHECKING:
    from chameleon.charts import Chart
    from chameleon.project import Version


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Instance(Compared):
    """One instance over all versions.

    Made by `Evaluation.instance`.

    Examples
    --------
    >>> import chameleon
    >>> instance = chameleon.open_sample("digits").evaluate().instance("digit-0003")
    >>> instance.versions()["present"].sum()
    12
    """

    evaluation: Evaluation
    id: str

    def __post_init__(self) -> None:
        """Refuse an id that no version has."""
        analysis.instance_versions(self.evaluation._core, self.id)

    def versions(self) -> pl.DataFrame:
        """The instance's row and prediction in every version.

        Where a version lacks the instance, its model predicts the nearest earlier row, else the
        next later one.

        Returns
        -------
        pl.DataFrame
            version, date, present, row (as `rows` counts them), label, split, prediction,
            probability_of_label, probability_of_prediction, outcome.
        """
        found = analysis.instance_versions(self.evaluation._core, self.id)
        return self._shaped("instance_versions", found)

    def rows(self) -> pl.DataFrame:
        """The distinct rows of the instance, oldest first, and the edits between them.

        Returns
        -------
        pl.DataFrame
            row (from 1), versions ("1.0 to 1.3, 1.5"), column, is_feature, value (text), changed.
        """
        return self._shaped("instance_rows", analysis.instance_rows(self.evaluation._core, self.id))

    def quantiles(self, version: str | Version) -> pl.DataFrame:
        """The place of the instance's values among those of its split in a version.

        Returns
        -------
        pl.DataFrame
            feature, value, share_below (of known values; equal ones count half), known, low,
            high, category (the bin of the value), bin_instances, instances (of the split).
        """
        found = analysis.instance_places(self.evaluation._core, self._at(version), self.id)
        return self._shaped("instance_quantiles", found)

    def neighbors(self, version: str | Version, *, limit: int = 10) -> pl.DataFrame:
        """The nearest instances of a version in feature space (Euclidean, standardized).

        Returns
        -------
        pl.DataFrame
            instance, distance, label, split, source, prediction, outcome, same_label.
        """
        at = self._at(version)
        found = analysis.nearest_instances(self.evaluation._core, at, self.id, count=limit)
        return self._shaped(
            "neighbors", found.rename(lambda column: column.removeprefix("primary_"))
        )

    def weak_label(self, version: str | Version) -> pl.DataFrame | None:
        """Label probabilities and votes in a version; None where it has none of the instance.

        Returns
        -------
        pl.DataFrame or None
            class, probability (null: no column), votes_for (labeling functions).
        """
        core = self.evaluation._core
        found = analysis.weak_label_of(core, self.id, self._at(version).primary)
        if found is None:
            return None
        return self._shaped("weak_label", analysis.weak_label_frame(found, core.classes))

    def plot(self) -> Chart:
        """The probability of the instance's label in every version."""
        from chameleon.api.plots import probability_line

        return probability_line(self)

    def _at(self, version: str | Version) -> Selection:
        name = str(self.evaluation._name(version))
        return Selection(name, name)

    def _shaped(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        every = [version.name for version in self.evaluation._core.dataset.versions]
        return shaped(name, frame, every)

    def _identity(self) -> object:
        return self.evaluation, self.id

    def __repr__(self) -> str:
        """The instance in a line."""
        present = self.versions()["present"]
        project = self.evaluation.project.name
        return (
            f"<Instance {self.id!r} of {project!r}, in {present.sum()} of {len(present)} versions>"
        )

    def _repr_html_(self) -> str:
        return html_table(self.versions(), repr(self))
