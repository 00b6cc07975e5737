"""A classifier that separates the rows of two versions, and the features it uses.

A domain classifier (Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, matching_pair, of_selection
from chameleon.data import BinKind, EvolvingDataset, Pair, content_digest
from chameleon.models import Evaluation, FittedModel, cached_array, fit_model, model_input
from chameleon.project import Kind, ModelSpec, Split
from chameleon.selection import Selection
from chameleon.storage import Progress, ProgressCallback

FEWEST = 30
"""So many instances each side needs; with fewer, folds hold a handful and the AUC is noise."""

MOST_ROWS = 4_000
"""More rows of a side than this are thinned out by chance: five fits then take some seconds."""

FOLDS = 5
_CLASSIFIER = ModelSpec(
    "HistGradientBoostingClassifier", {"random_state": 0, "early_stopping": False, "max_iter": 60}
)
_SCHEMA = {"feature": pl.String, "auc_drop": pl.Float64, "auc_alone": pl.Float64}
_NOISE = 0.001  # shuffling a feature that says nothing moves the AUC by so much


@dataclass(frozen=True, slots=True)
class DomainClassifierResult:
    """How well a classifier tells the rows of two versions apart.

    Attributes
    ----------
    compared
        What was held against what, in words.
    before_rows, after_rows
        Rows of both sides that took part.
    auc
        Area under the ROC curve of the out-of-fold predictions: 0.5 is chance, 1 is certainty;
        None where undefined.
    chance
        What 95 % of classifiers that guess stay below, for so many rows.
    features
        feature. auc_drop: how much the AUC falls when the feature's values are shuffled among the
        rows it is asked about. auc_alone: what the order of its values alone reaches, whichever way
        round; null for texts. Largest fall first, then the largest alone.
    reason
        Why there is no AUC.
    """

    compared: str
    before_rows: int
    after_rows: int
    auc: float | None
    chance: float | None
    features: pl.DataFrame
    reason: str | None = None

    @property
    def is_told(self) -> bool:
        """Return True if the classifier separates the versions better than chance."""
        return self.auc is not None and self.chance is not None and self.auc > self.chance


@of_selection(*FILTERS)
def domain_classifier(
    evaluation: Evaluation,
    selection: Selection,
    *,
    split: Split | None = None,
    progress: ProgressCallback | None = None,
    seed: int = 0,
) -> DomainClassifierResult:
    """How well a classifier separates the rows of two versions by the features of both.

    Instances whose features are the same in both versions say nothing and are left out: rows of
    the secondary alone (removed, or before an edit) are held against rows of the primary alone
    (added, or after an edit). Where one of these sides has too few rows, those left out take its
    place: added against kept, or removed against kept. Gradient boosting with one thread, five
    folds, all rows of an instance in the same fold.

    Parameters
    ----------
    progress
        Called before every fold.
    """
    dataset = evaluation.dataset
    pair = matching_pair(evaluation, selection, split)
    before, after, compared = _sides(pair)
    counts = (len(before), len(after))
    features = _usable(dataset, pair.common, np.concatenate([before, after]))
    reason = None
    if min(counts) < FEWEST:
        reason = (
            f"{counts[0]:,} rows against {counts[1]:,}: each side needs {FEWEST} rows that the "
            "other version does not hold"
        )
    elif not features:
        reason = "the versions share no feature with a value"
    if reason is not None:
        return DomainClassifierResult(
            compared, *counts, None, None, pl.DataFrame(schema=_SCHEMA), reason
        )
    random = np.random.default_rng(seed)
    before, after = (_thinned(side, random) for side in (before, after))
    alone = [_alone(dataset, number, before, after) for number in features]
    rows = np.concatenate([before, after])
    frame = model_input(dataset.feature_frame(rows, features))
    groups = dataset.instance[rows].tobytes()
    auc, *drops = cached_array(
        dataset.project,
        "figures",
        "figures",
        [content_digest(frame), groups, len(before), seed, asdict(_CLASSIFIER)],
        partial(
            _cross_validated, dataset, frame, rows, len(before), progress, selection.primary, random
        ),
    ).tolist()
    names = [dataset.features[number].name for number in features]
    importance = pl.DataFrame(
        {"feature": names, "auc_drop": drops, "auc_alone": alone}, schema=_SCHEMA
    )
    told = pl.when(pl.col("auc_drop") > _NOISE).then("auc_drop").otherwise(0.0)
    return DomainClassifierResult(
        compared=compared,
        before_rows=len(before),
        after_rows=len(after),
        auc=auc,
        chance=_chance(len(before), len(after)),
        features=importance.sort(
            told, "auc_alone", descending=True, nulls_last=True, maintain_order=True
        ),
    )


def _sides(pair: Pair) -> tuple[NDArray[np.int32], NDArray[np.int32], str]:
    """The rows that tell something, and what they are."""
    edited = pair.edited
    shared = pair.new[~edited]
    before = np.concatenate([pair.removed, pair.old[edited]])
    after = np.concatenate([pair.added, pair.new[edited]])
    if min(len(before), len(after)) >= FEWEST:
        return before, after, "rows of the secondary alone against rows of the primary alone"
    if len(after) >= len(before):
        return shared, after, "rows of both versions against rows of the primary alone"
    return before, shared, "rows of the secondary alone against rows of both versions"


def _usable(
    dataset: EvolvingDataset, common: NDArray[np.intp], rows: NDArray[np.int32]
) -> list[int]:
    """The features with any value in the rows; free text is none."""
    return [
        int(number)
        for number in common
        if dataset.features[number].bins.kind is not BinKind.TEXT
        and (dataset.codes[number, rows] < dataset.features[number].bins.missing_code).any()
    ]


def _thinned(rows: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.int32]:
    if len(rows) <= MOST_ROWS:
        return rows
    chosen: NDArray[np.int32] = np.sort(random.choice(rows, MOST_ROWS, replace=False))
    return chosen


def _cross_validated(
    dataset: EvolvingDataset,
    frame: pl.DataFrame,
    rows: NDArray[np.int32],
    before_count: int,
    progress: ProgressCallback | None,
    version: str,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """The AUC over out-of-fold predictions, then how much it falls without each feature's order."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    side = (np.arange(len(rows)) >= before_count).astype(np.int64)
    scores = np.empty(len(rows))
    shuffled = np.empty((frame.width, len(rows)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    parts = folds.split(np.zeros(len(rows)), side, dataset.instance[rows])
    for done, (train, test) in enumerate(parts):
        if progress is not None:
            progress(Progress("Telling apart", version, done, FOLDS))
        model = fit_model(dataset.project, _CLASSIFIER, frame[train], pl.Series(side[train]))
        asked = frame[test]
        scores[test] = _share(model, asked)
        for place, name in enumerate(frame.columns):
            mixed = asked[name].gather(random.permutation(len(test)))
            shuffled[place, test] = _share(model, asked.with_columns(mixed))
    auc = roc_auc_score(side, scores)
    drops = [auc - roc_auc_score(side, of_feature) for of_feature in shuffled]
    return np.array([auc, *drops])


def _share(model: FittedModel, frame: pl.DataFrame) -> NDArray[np.float64]:
    """The probability that each row is one of the primary version."""
    shares = model.probabilities(frame)
    assert shares is not None  # gradient boosting gives them
    return shares[:, 1]


def _alone(
    dataset: EvolvingDataset, number: int, before: NDArray[np.int32], after: NDArray[np.int32]
) -> float | None:
    """The AUC of a feature's values by themselves; missing ones count as the lowest."""
    from sklearn.metrics import roc_auc_score

    if dataset.features[number].kind is Kind.TEXT:
        return None
    values = dataset.values[number][np.concatenate([before, after])]
    ranked = np.unique(np.nan_to_num(values, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
                       return_inverse=True)[1]  # fmt: skip
    found = float(roc_auc_score(np.repeat([0, 1], [len(before), len(after)]), ranked))
    return max(found, 1 - found)


def _chance(first: int, second: int) -> float:
    """The level that a guess stays below in 95 % of cases, by the variance of Mann-Whitney's U."""
    return 0.5 + 1.645 * float(np.sqrt((first + second + 1) / (12 * first * second)))
