"""The answers that have more than a frame: scalars, a verdict, or a chart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from chameleon.analysis import Proportion as Proportion
from chameleon.api.objects import html_table
from chameleon.errors import GateError

if TYPE_CHECKING:
    from typing import Self

    from chameleon.charts import Chart
    from chameleon.types import Verdict


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result:
    """An answer with a frame. Compares by identity, because frames don't compare."""

    frame: pl.DataFrame

    @classmethod
    def _of(cls, found: object, frame: pl.DataFrame, **more: object) -> Self:
        """The answer with a frame, and whatever has the same name in a result of `analysis`."""
        shared = {one.name for one in fields(cls) if hasattr(found, one.name)}
        named: Any = {name: getattr(found, name) for name in shared}
        return cls(**{**named, **more, "frame": frame})

    def to_dict(self) -> dict[str, Any]:
        """All attributes as plain values; frames as lists of rows."""
        names = [one.name for one in fields(self) if not one.name.startswith("_")]
        return {name: _plain(getattr(self, name)) for name in names}

    @property
    def _line(self) -> str:
        """The gist, for `repr`."""
        return f"{len(self.frame):,} rows"

    def __repr__(self) -> str:
        """The result in a line."""
        return f"<{type(self).__name__}: {self._line}>"[:200]

    def _repr_html_(self) -> str:
        return html_table(self.frame, repr(self))


def _plain(value: object) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, pl.DataFrame):
        return [{key: _plain(cell) for key, cell in row.items()} for row in value.to_dicts()]
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Proportion):
        return {one.name: getattr(value, one.name) for one in fields(value)} | {
            "share": value.share
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def signed(value: float | None) -> str:
    """A change for a line of text; – where it is undefined."""
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Cost:
    """The models that an analysis fits at most, and about how many seconds that takes."""

    fits: int
    seconds: float | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DataChanges(Result):
    """What changed in the data: change, instances, share; with `by` also group.

    Relabeled, edited, and changed split may overlap; the overlaps are given by name. `labeled`
    and `label_removed` are part of `relabeled`.
    """

    added: int
    removed: int
    shared: int
    relabeled: int
    labeled: int
    label_removed: int
    edited: int
    changed_split: int
    redated: int
    resourced: int
    unchanged: int
    overlaps: Mapping[str, int]
    edited_features: pl.DataFrame
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...]

    @property
    def _line(self) -> str:
        names = (
            "added", "removed", "relabeled", "edited", "changed_split", "redated", "resourced",
            "unchanged",
        )  # fmt: skip
        columns = ("columns_added", "columns_removed", "columns_retyped")
        counts = {name: getattr(self, name) for name in names}
        counts |= {name: len(getattr(self, name)) for name in columns}
        shown = [f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n]
        return ", ".join(shown) or "no instance"

    def plot(self) -> Chart:
        """A bar for every kind of change."""
        from chameleon.api.plots import change_bars

        return change_bars(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PredictionChanges(Result):
    """Outcomes before and after: before, after, flip, instances, share, relabeled, edited.

    With `by` the frame has group, before, after, flip, instances, share. The fair flips are those
    of test rows in both versions that kept their label. McNemar's exact test is of these.
    """

    churn: Proportion
    negative_flips: Proportion
    positive_flips: Proportion
    fair_negative_flips: Proportion
    fair_positive_flips: Proportion
    flip_ratio: float | None
    mcnemar_p: float | None
    unknown: int

    @property
    def _line(self) -> str:
        return (
            f"{self.positive_flips.count:,} fixed, {self.negative_flips.count:,} regressed "
            f"of {self.negative_flips.total:,}"
        )

    def plot(self) -> Chart:
        """The four outcomes before and after."""
        from chameleon.api.plots import outcome_matrix

        return outcome_matrix(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attribution(Result):
    """Contributions to the change of a metric: contribution, value, ci_low, ci_high, instances.

    "leakage" is the reported change minus the one without leaked rows; then "model"; then
    "removed", "added", "relabeled", and "edited" test rows, or "test" where the test set can't be
    taken apart. `crossed` holds both models on both test sets. Intervals are of sampling noise.
    """

    metric: str
    value_before: float | None
    value_after: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    crossed: pl.DataFrame
    interaction: float | None
    is_ambiguous: bool
    leaked: int
    duplicates: int
    unknown: int
    reason: str | None
    _source: Any

    @property
    def _line(self) -> str:
        parts = ", ".join(
            f"{name} {signed(value)}"
            for name, value in self.frame.select("contribution", "value").iter_rows()
            if value
        )
        return f"{self.metric} {signed(self.change)}; {parts or self.reason or 'no change'}"

    def plot(self) -> Chart:
        """A waterfall from the metric before to the metric after."""
        from chameleon.api.plots import waterfall

        return waterfall(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainingAttribution(Result):
    """The model's contribution by change of the train data.

    The frame: contribution, value, deviation (over the repeats), half_width (of the 95%
    interval), is_noise, instances.
    """

    metric: str
    total: float | None
    fits: int
    repeats: int
    exact: bool
    reason: str | None
    _source: Any

    @property
    def _line(self) -> str:
        return f"{self.metric} {signed(self.total)}, {self.fits:,} fits"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelIssues(Result):
    """Likely wrong labels, by models that never saw them.

    The frame: instance, split, label, suggested_label (null where it is the label),
    suggested_probability, score (0 to 1, 1/2 where both are equally probable), is_issue
    (confident learning: Northcutt, Jiang, and Chuang 2021).
    """

    version: str
    unlabeled: int
    leaked: int
    unjudged: int
    fitted: int
    reason: str | None
    _source: Any

    @property
    def _line(self) -> str:
        return f"{self.frame['is_issue'].sum():,} issues among {len(self.frame):,} labels"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Slices(Result):
    """Slices of test instances whose accuracy changed.

    The frame: slice, direction ("worse" or "better"), found_in (instances in the half in which it
    was found), instances, fixed, regressed, accuracy_before, accuracy_after, change, ci_low,
    ci_high (Bonett and Price 2012), q_value (Benjamini and Hochberg 1995): of the other half.
    `slices[0]` holds the conditions of the first slice: `step.filter(**slices[0])`.
    """

    tried: tuple[int, int]
    instances: int
    _conditions: tuple[Mapping[str, Any], ...]

    def __getitem__(self, place: int) -> dict[str, Any]:
        """The conditions of a slice, for `Step.filter`."""
        return dict(self._conditions[place])

    def __len__(self) -> int:
        """Number of slices."""
        return len(self._conditions)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The conditions of every slice."""
        return map(dict, self._conditions)

    @property
    def _line(self) -> str:
        return f"{len(self):,} found among {self.tried[0]:,} tried"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DomainClassifierResult(Result):
    """How well a classifier separates the rows of two versions.

    The frame: feature, auc_drop (of the AUC when its values are shuffled), auc_alone (null for
    texts). `auc` is out of fold; 95% of guessing classifiers are below `chance_level`.
    """

    compared: str
    rows_before: int
    rows_after: int
    auc: float | None
    chance_level: float | None
    reason: str | None

    @property
    def _line(self) -> str:
        auc = "–" if self.auc is None else f"{self.auc:.3f}"
        level = "–" if self.chance_level is None else f"{self.chance_level:.3f}"
        return f"AUC {auc} (95% chance level {level})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Refit(Result):
    """A version refitted without some instances: split, removed, total, fitted."""

    version: str
    unknown: int
    refitted: bool
    prediction_changes: PredictionChanges
    attribution: Attribution

    @property
    def _line(self) -> str:
        return f"{self.version} without {self.frame['removed'].sum():,} instances"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepSummary(Result):
    """The step in sentences: topic, sentence, causes, conditions (the query of a link).

    `facts` holds the numbers behind the verdict; its "scopes" are those of the Overview, by scope:
    both models on unchanged, edited, added, and removed rows. `str()` joins the sentences.
    """

    verdict: Verdict
    facts: Mapping[str, Any]

    def __str__(self) -> str:
        """The sentences."""
        return " ".join(self.frame["sentence"])

    @property
    def _line(self) -> str:
        return f"{self.verdict}, {len(self.frame)} sentences"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gate(Result):
    """Checks of a step against limits: check, value, limit, passed, message."""

    passed: bool
    _step: str

    def raise_for_failure(self) -> None:
        """Raise GateError if a check failed; its message names the first one."""
        if self.passed:
            return
        failed = self.frame.filter(~pl.col("passed"))
        raise GateError(
            f"{self._step} failed {len(failed)} of {len(self.frame)} checks: "
            f"{'; '.join(failed['message'])}."
        )

    def write_json(self, path: str | Path) -> Path:
        """Write the checks as JSON."""
        target = Path(path)
        text = json.dumps({"step": self._step, **self.to_dict()}, indent=2, default=str)
        target.write_text(text + "\n", encoding="utf-8")
        return target

    @property
    def _line(self) -> str:
        return f"{self.frame['passed'].sum()} of {len(self.frame)} checks passed"


def figures(wide: pl.DataFrame, split: str) -> pl.DataFrame:
    """The columns of one split in the frame of `version_metrics`, without the split's name."""
    names = ("instances", "unknown", "accuracy", "macro_f1", "log_loss", "roc_auc")
    found: dict[str, pl.Expr] = {name: pl.col(f"{split}_{name}") for name in names}
    for end in ("low", "high"):
        column = f"{split}_accuracy_{end}"
        absent = pl.lit(None, dtype=pl.Float64)
        found[f"accuracy_ci_{end}"] = pl.col(column) if column in wide.columns else absent
    reasons = [pl.col(f"{split}_{name}_reason") for name in names[2:]]
    return wide.select("version", "date", split=pl.lit(split), **found, reason=pl.coalesce(reasons))
