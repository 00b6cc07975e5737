"""The instances nearest to one in feature space."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import of_selection
from chameleon.analysis.instance_order import id_ranks
from chameleon.analysis.instance_table import instance_number, named_column
from chameleon.analysis.one_instance import shown_row
from chameleon.counting import OUTCOMES
from chameleon.data import SPLITS, EvolvingDataset, Space, chunks, fitted_space, laid_out_features
from chameleon.models import Evaluation
from chameleon.selection import Selection

MOST_FITTED = 10_000
"""The space is fitted on at most so many rows of a version, evenly drawn from it."""

_KEPT = 2

Fitted = tuple[Space, NDArray[np.float64]]
_spaces: WeakKeyDictionary[EvolvingDataset, OrderedDict[int, Fitted]] = WeakKeyDictionary()


@of_selection()
def nearest_instances(
    evaluation: Evaluation, selection: Selection, instance: str, *, count: int = 10
) -> pl.DataFrame:
    """The instances of the primary version nearest to one in feature space.

    The distance is Euclidean, over standardised numbers and dates (missing and infinite ones count
    as the median, far outliers are drawn in) and one column a category; free text is left out.
    Beyond 50 columns it is taken over their first 50 principal components; up to there it is
    exact, as the search is always. Of a version of more than 10,000 rows, evenly drawn ones fix
    means, spreads and components.

    Parameters
    ----------
    instance
        The instance's id; read from its row in the primary, else in the secondary, else from its
        newest row.
    count
        How many; the instance itself is left out, and ties stand in the order of their ids.

    Returns
    -------
    pl.DataFrame
        instance (its id), distance, label, split, source, primary_prediction, primary_outcome,
        same_label (as the instance asked about; null where either has none), nearest first.

    Raises
    ------
    SelectionError
        A version or the instance does not exist.
    """
    dataset = evaluation.dataset
    version = dataset.version_number(selection.primary)
    row = shown_row(dataset, instance, selection)
    rows = dataset.rows_of(version)
    space, points = _fitted(dataset, version, rows)
    between = points - space.points(dataset, np.array([row]))
    distances = np.sqrt(np.einsum("ij,ij->i", between, between))
    distances[dataset.instance[rows] == instance_number(dataset, instance)] = np.inf
    order = np.lexsort((id_ranks(dataset)[dataset.instance[rows]], distances))
    order = order[np.isfinite(distances[order])][:count]
    near = rows[order]
    label = dataset.label[near]
    same = pl.Series("same_label", label == dataset.label[row])
    known = (label >= 0) & (dataset.label[row] >= 0)
    return pl.DataFrame(
        [
            dataset.instance_ids.gather(dataset.instance[near]).alias("instance"),
            pl.Series("distance", distances[order], dtype=pl.Float64),
            dataset.labels(near),
            named_column("split", [split.value for split in SPLITS], dataset.split[near]),
            named_column("source", dataset.sources, dataset.source[near]),
            named_column(
                "primary_prediction", evaluation.classes, evaluation.predicted[version, near]
            ),
            named_column("primary_outcome", OUTCOMES, evaluation.outcome[version, near]),
            same.set(pl.Series(~known), None),
        ]
    )


def _fitted(dataset: EvolvingDataset, version: int, rows: NDArray[np.intp]) -> Fitted:
    """The space of a version and where its rows lie in it; the last ones asked for are kept."""
    from threadpoolctl import threadpool_limits

    kept = _spaces.setdefault(dataset, OrderedDict())
    found = kept.get(version)  # other visitors' threads may let go of it meanwhile
    if found is None:
        step = max(-(-len(rows) // MOST_FITTED), 1)
        with threadpool_limits(1):
            space = fitted_space(dataset, rows[::step], laid_out_features(dataset))
            parts = [space.points(dataset, rows[part]) for part in chunks(len(rows))]
        found = kept[version] = space, np.concatenate(parts)
        for other in list(kept)[:-_KEPT]:
            kept.pop(other, None)
    return found
