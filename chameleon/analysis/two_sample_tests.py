"""Tests of two samples of rows: added or removed ones against shared ones, and a classifier.

Where one version contains the other, comparing the changed instances with the shared ones is the
only fair test: the shared rows are the same on both sides and would hide the difference. Domain
classifier: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import polars as pl

from chameleon.analysis.matching import FILTERS, matching_pair, of_selection
from chameleon.analysis.values import Codes, Counts, Floats, Rows
from chameleon.data import BinKind, EvolvingDataset, Feature, Pair, content_digest
from chameleon.models import (
    Evaluation,
    FittedModel,
    cached_array,
    fit_model,
    model_input,
    usable_features,
)
from chameleon.project import Kind, ModelSpec, Split
from chameleon.selection import Selection
from chameleon.storage import Progress, ProgressCallback

KOLMOGOROV, CHI_SQUARE = "Kolmogorov-Smirnov", "chi-square"
FEWEST_TESTED = 5
"""Fewer instances on a side are not tested; a category expected less often is merged."""

FEWEST_ROWS = 30
"""Rows that each side of the classifier needs; with fewer, folds are tiny and the AUC is noise."""

MOST_ROWS = 4_000
"""Larger sides are sampled: five fits then take some seconds."""

FOLDS = 5
_CLASSIFIER = ModelSpec(
    "HistGradientBoostingClassifier", {"random_state": 0, "early_stopping": False, "max_iter": 60}
)
_IMPORTANCE = {"feature": pl.String, "auc_drop": pl.Float64, "auc_alone": pl.Float64}
_NOISE = 0.001  # shuffling an uninformative feature changes the AUC by up to this


@of_selection(*FILTERS)
def group_drift(
    evaluation: Evaluation, selection: Selection, group: str, *, split: Split | None = None
) -> pl.DataFrame:
    """Tests of each feature for the instances that a step added, or removed, against shared ones.

    `group` is "added" or "removed"; shared instances are read from the version that has the group.
    Numbers and dates by the two-sample Kolmogorov-Smirnov test over finite values; booleans,
    categories and labels by the chi-square test of independence, the rarest categories merged until
    each is expected five times.

    Columns: those of `Step.group_drift`. Largest effect first; untested rows last.
    """
    pair = matching_pair(evaluation, selection, split)
    sides = {
        "added": (selection.primary, pair.added, pair.new),
        "removed": (selection.secondary, pair.removed, pair.old),
    }
    version, rows, shared = sides[group]
    return _Tested(evaluation.dataset, group, rows, shared).frame(version, split)


@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """The added or removed rows, and the shared ones."""

    dataset: EvolvingDataset
    name: str
    rows: Rows
    shared: Rows

    def frame(self, version: str, split: Split | None) -> pl.DataFrame:
        """A test per feature that the version has, and of the label."""
        dataset = self.dataset
        number = dataset.version_number(version)
        lines: list[dict[str, object]] = []
        for place, feature in enumerate(dataset.features):
            found: dict[str, object] = {"reason": f"version {version} has no such column"}
            if dataset.has_column[number, place]:
                found = self._feature(feature, place)
            lines.append({"kind": "feature", "feature": feature.name, **found})
        label = self._chi_square(dataset.label.astype(np.int64) + 1, len(dataset.classes) + 1)
        lines.append({"kind": "label", "feature": "label", **label})
        schema = {
            "kind": pl.String, "feature": pl.String, "split": pl.String, "instances": pl.Int64,
            "shared": pl.Int64, "test": pl.String, "effect": pl.Float64, "p_value": pl.Float64,
            "q_value": pl.Float64, "reason": pl.String,
        }  # fmt: skip
        frame = pl.DataFrame(lines, schema=schema).with_columns(
            split=pl.lit("all" if split is None else str(split))
        )
        tested = frame["p_value"].is_not_null().to_numpy()
        q_values = np.full(len(frame), np.nan)
        if tested.any():
            from scipy.stats import false_discovery_control

            q_values[tested] = false_discovery_control(frame["p_value"].drop_nulls().to_numpy())
        frame = frame.with_columns(q_value=pl.Series(q_values, nan_to_null=True))
        return frame.sort("effect", descending=True, nulls_last=True, maintain_order=True)

    def _feature(self, feature: Feature, number: int) -> dict[str, object]:
        if feature.bins.kind is BinKind.TEXT:
            return {"reason": "it is text that nearly always differs"}
        if feature.kind in (Kind.TEXT, Kind.BOOLEAN):
            return self._chi_square(self.dataset.codes[number], feature.bins.count)
        from scipy.stats import ks_2samp

        values = self.dataset.values[number]
        sides = [values[rows] for rows in (self.rows, self.shared)]
        sides = [side[np.isfinite(side)] for side in sides]
        counted = self._counted(len(sides[0]), len(sides[1]), KOLMOGOROV)
        if counted["test"] is None:
            return counted
        # the exact distribution of small samples has no ties in it, and is slow for large ones
        found = ks_2samp(*sides, method="asymp")
        return {**counted, "effect": float(found.statistic), "p_value": float(found.pvalue)}

    def _chi_square(self, codes: Codes, bins: int) -> dict[str, object]:
        counted = self._counted(len(self.rows), len(self.shared), CHI_SQUARE)
        if counted["test"] is None:
            return counted
        sides = (codes[rows] for rows in (self.rows, self.shared))
        table = np.array([np.bincount(side, minlength=bins) for side in sides])
        table = _merged(table[:, table.sum(axis=0) > 0])
        if table.shape[1] < 2:
            return {**counted, "effect": 0.0, "p_value": 1.0}
        from scipy.stats import chi2_contingency
        from scipy.stats.contingency import association

        found = chi2_contingency(table, correction=False)
        effect = association(table, method="cramer", correction=False)
        return {**counted, "effect": float(effect), "p_value": float(found.pvalue)}

    def _counted(self, rows: int, shared: int, test: str) -> dict[str, object]:
        """The sizes of both sides, and the test, or why they are too small for it."""
        counted: dict[str, object] = {"instances": rows, "shared": shared, "test": test}
        for size, called in ((rows, self.name), (shared, "shared")):
            if size < FEWEST_TESTED:
                reason = f"{size} {called} instances with a value are too few for a test"
                return {**counted, "test": None, "reason": reason}
        return counted


def _merged(table: Counts) -> Counts:
    """The table with its rarest columns added up until each is expected often enough."""
    smaller = table.sum(axis=1).min() / table.sum()
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    while table.shape[1] > 1 and table[:, -1].sum() * smaller < FEWEST_TESTED:
        table = np.column_stack([table[:, :-2], table[:, -2] + table[:, -1]])
    return table


@dataclass(frozen=True, slots=True)
class DomainClassifierResult:
    """The ability of a classifier to separate the rows of two versions.

    `compared` names the two sides, of `rows_before` and `rows_after` rows. `auc` is the area under
    the ROC curve of the out-of-fold predictions: 0.5 is chance, 1 is certainty, None is undefined
    for a `reason`; `chance_level` is its 95% chance level. `features` has feature, auc_drop (the
    drop of the AUC when the feature's values are shuffled among the predicted rows), and auc_alone
    (the AUC of the order of its values alone, in either direction; null for texts): largest drop
    first, then the largest alone.
    """

    compared: str
    rows_before: int
    rows_after: int
    auc: float | None
    chance_level: float | None
    features: pl.DataFrame
    reason: str | None = None

    @property
    def is_separable(self) -> bool:
        """Return True if the classifier separates the versions better than chance."""
        return (
            self.auc is not None and self.chance_level is not None and self.auc > self.chance_level
        )


@of_selection(*FILTERS)
def domain_classifier(
    evaluation: Evaluation,
    selection: Selection,
    *,
    split: Split | None = None,
    progress: ProgressCallback | None = None,
    seed: int = 0,
) -> DomainClassifierResult:
    """The ability of a classifier to separate the rows of two versions by the features of both.

    Instances with the same features in both versions are excluded: rows of the secondary alone
    (removed, or before an edit) are compared with rows of the primary alone (added, or after an
    edit). Where one of these sides has too few rows, the shared ones take its place. Gradient
    boosting with one thread, five folds, all rows of an instance in the same fold.

    `progress` is called before every fold.
    """
    dataset = evaluation.dataset
    pair = matching_pair(evaluation, selection, split)
    before, after, compared = _sides(pair)
    counts = (len(before), len(after))
    usable = usable_features(dataset, np.concatenate([before, after]))
    features = [number for number in usable if number in pair.common]
    reason = None
    if min(counts) < FEWEST_ROWS:
        reason = (
            f"{counts[0]:,} rows vs. {counts[1]:,}: each side needs {FEWEST_ROWS} rows that the "
            "other version doesn't contain"
        )
    elif not features:
        reason = "the versions share no feature with a value"
    if reason is not None:
        empty = pl.DataFrame(schema=_IMPORTANCE)
        return DomainClassifierResult(compared, *counts, None, None, empty, reason)
    random = np.random.default_rng(seed)
    before, after = (
        side if len(side) <= MOST_ROWS else np.sort(random.choice(side, MOST_ROWS, replace=False))
        for side in (before, after)
    )
    alone = [_alone(dataset, number, before, after) for number in features]
    rows = np.concatenate([before, after])
    frame = model_input(dataset.feature_frame(rows, features))
    groups = dataset.instance[rows]
    side = np.repeat([0, 1], [len(before), len(after)])
    fit = partial(_cross_validated, dataset, frame, side, groups, progress, random)
    key = [content_digest(frame), groups.tobytes(), len(before), seed, asdict(_CLASSIFIER)]
    auc, *drops = cached_array(dataset.project, "figures", "figures", key, fit).tolist()
    names = [dataset.features[number].name for number in features]
    columns = {"feature": names, "auc_drop": drops, "auc_alone": alone}
    importance = pl.DataFrame(columns, schema=_IMPORTANCE).sort(
        pl.when(pl.col("auc_drop") > _NOISE).then("auc_drop").otherwise(0.0), "auc_alone",
        descending=True, nulls_last=True, maintain_order=True,
    )  # fmt: skip
    chance = _chance(len(before), len(after))
    return DomainClassifierResult(compared, len(before), len(after), auc, chance, importance)


def _sides(pair: Pair) -> tuple[Rows, Rows, str]:
    """The rows of both sides, and their description."""
    edited = pair.edited
    shared = pair.new[~edited]
    before = np.concatenate([pair.removed, pair.old[edited]])
    after = np.concatenate([pair.added, pair.new[edited]])
    if min(len(before), len(after)) >= FEWEST_ROWS:
        return before, after, "rows of the secondary alone vs. rows of the primary alone"
    if len(after) >= len(before):
        return shared, after, "rows of both versions vs. rows of the primary alone"
    return before, shared, "rows of the secondary alone vs. rows of both versions"


def _cross_validated(
    dataset: EvolvingDataset,
    frame: pl.DataFrame,
    side: Counts,
    groups: Rows,
    progress: ProgressCallback | None,
    random: np.random.Generator,
) -> Floats:
    """The AUC over out-of-fold predictions, then its drop without each feature's order."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    scores = np.empty(len(side))
    shuffled = np.empty((frame.width, len(side)))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for done, (train, test) in enumerate(folds.split(np.zeros(len(side)), side, groups)):
        if progress is not None:
            progress(Progress("Fitting the domain classifier", f"fold {done + 1}", done, FOLDS))
        model = fit_model(dataset.project, _CLASSIFIER, frame[train], pl.Series(side[train]))
        asked = frame[test]
        scores[test] = _share(model, asked)
        for place, name in enumerate(frame.columns):
            mixed = asked[name].gather(random.permutation(len(test)))
            shuffled[place, test] = _share(model, asked.with_columns(mixed))
    auc = roc_auc_score(side, scores)
    return np.array([auc, *(auc - roc_auc_score(side, of_feature) for of_feature in shuffled)])


def _share(model: FittedModel, frame: pl.DataFrame) -> Floats:
    """The probability that each row is one of the primary version."""
    shares = model.probabilities(frame)
    assert shares is not None  # gradient boosting gives them
    return shares[:, 1]


def _alone(dataset: EvolvingDataset, number: int, before: Rows, after: Rows) -> float | None:
    """The AUC of a feature's values alone; missing ones count as the lowest."""
    from sklearn.metrics import roc_auc_score

    if dataset.features[number].kind is Kind.TEXT:
        return None
    values = dataset.values[number][np.concatenate([before, after])]
    finite = np.nan_to_num(values, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    ranked = np.unique(finite, return_inverse=True)[1]
    found = float(roc_auc_score(np.repeat([0, 1], [len(before), len(after)]), ranked))
    return max(found, 1 - found)


def _chance(first: int, second: int) -> float:
    """The 95% level of a guessing classifier, by the variance of Mann-Whitney's U."""
    return 0.5 + 1.645 * float(np.sqrt((first + second + 1) / (12 * first * second)))
