"""Every number in the guided tours, computed by the library, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import polars as pl
import pytest

from chameleon.analysis import selected
from chameleon.app.formatting import bar_words
from chameleon.data import BarKind
from chameleon.project import TourStep
from chameleon.selection import Selection
from tests import internals as chameleon
from tests.internals import Evaluation

SAMPLES = ("digits", "sensor", "logs")
WORDS = {2: "two", 3: "three", 4: "four", 8: "eight", 12: "twelve", 19: "nineteen"}
"""Numbers that the tours write as words, except "one", which may be a pronoun."""


@dataclass(frozen=True)
class Figures:
    """The numbers in a step's text, and texts that the page must show outside the tour's box."""

    figures: tuple[str, ...]
    shown: tuple[str, ...] = ()


def figures_of(sample: str, number: int, evaluation: Evaluation, step: TourStep) -> Figures:
    """The numbers of a step, as its text writes them."""
    return _STEPS[sample][number - 1](evaluation, selection_of(evaluation, step))


def selection_of(evaluation: Evaluation, step: TourStep) -> Selection:
    return Selection.from_query(step.query, Selection.newest(evaluation))


def count_line(evaluation: Evaluation, selection: Selection) -> str:
    """The page's count of matching instances."""
    found = selected(evaluation, selection)
    filtered = (selection.filters, selection.primary_only, selection.secondary_only)
    if all(one.is_empty for one in filtered):
        return f"All {found.of:,} instances of {selection.primary} and {selection.secondary}"
    return f"{found.instances:,} of {found.of:,} instances"


# --- used by several steps


def three(value: float) -> str:
    return f"{value:.3f}"


def tested(evaluation: Evaluation, versions: Iterable[str]) -> dict[str, float]:
    metrics = chameleon.version_metrics(evaluation).rows_by_key("version", named=True, unique=True)
    return {name: metrics[name]["test_accuracy"] for name in versions}


def by_version(evaluation: Evaluation, _: Selection, versions: Iterable[str]) -> Figures:
    """Test accuracies, and the text of each version's box on the timeline."""
    metrics = chameleon.version_metrics(evaluation).rows_by_key("version", named=True, unique=True)
    boxes = tuple(
        f"version {name}, {metrics[name]['date']}, {metrics[name]['instances']:,} instances, "
        f"train accuracy {three(metrics[name]['train_accuracy'])}, "
        f"test accuracy {three(metrics[name]['test_accuracy'])}"
        for name in versions
    )
    return Figures(tuple(map(three, tested(evaluation, versions).values())), boxes)


def changes(evaluation: Evaluation, selection: Selection) -> dict[tuple[str, str], int]:
    """Instances by outcome in the secondary and in the primary."""
    frame = chameleon.prediction_changes(
        evaluation, primary=selection.primary, secondary=selection.secondary
    )
    counted = frame.select("secondary", "primary", "instances").iter_rows()
    return {(before, after): count for before, after, count in counted}


def all_changes(evaluation: Evaluation, last: str) -> dict[int, int]:
    """Instances by their number of outcome changes."""
    frame = chameleon.sensitivity(
        evaluation, over=chameleon.SensitivityRange("1.0", last)
    ).drop_nulls("changes")
    return dict(frame.iter_rows())


def from_bar_on(counts: Mapping[int, int], first: int) -> int:
    return sum(count for number, count in counts.items() if number >= first)


def share_of_bar(
    evaluation: Evaluation, selection: Selection, feature: str, low: float
) -> dict[str, tuple[float, tuple[int, int]]]:
    """By version, the share of train instances in a bar, with those correct and incorrect."""
    frame = chameleon.feature_over_versions(
        evaluation, feature, primary=selection.primary, secondary=selection.secondary
    ).filter(split="train")
    counts = frame.select("version", "bar", "low", "correct", "incorrect", "unknown")
    found = {}
    for (version,), bars in counts.group_by("version"):
        whole = sum(bars[name].sum() for name in ("correct", "incorrect", "unknown"))
        bar = bars.filter((pl.col("low") == low) & (pl.col("bar") != "below"))
        parts = bar["correct"][0], bar["incorrect"][0]
        found[str(version)] = ((sum(parts) + bar["unknown"][0]) / whole, parts)
    return found


def bar_tooltips(
    evaluation: Evaluation, feature: str, low: float, version: str, counts: tuple[int, int]
) -> tuple[str, ...]:
    """The tooltips of both halves of a version's bar."""
    found = evaluation.dataset.features[evaluation.dataset.feature_number(feature)]
    (bar,) = (bar for bar in found.bins.bars if bar.low == low and bar.kind != BarKind.BELOW)
    values = bar_words(bar, found.kind)
    return tuple(
        f"Version: {version}; Values: {values}; Outcome: {half}; Instances: {count:,}"
        for half, count in zip(("correct", "incorrect"), counts, strict=True)
        if count
    )


@lru_cache(maxsize=4)
def instances(evaluation: Evaluation, version: str) -> pl.DataFrame:
    """All instances of a version, with its own model's outcome as a truth value."""
    frame = chameleon.instances(evaluation, primary=version, secondary=version, limit=None).frame
    return frame.with_columns(right=pl.col("primary_outcome") == "correct")


def accuracy(frame: pl.DataFrame) -> float:
    return float(frame["right"].mean())


def info(frame: pl.DataFrame, of: pl.DataFrame) -> tuple[str, ...]:
    """The dataset info of a side: its instances, and the accuracy in each split."""
    parts = {split: frame.filter(split=split) for split in ("train", "test")}
    return (
        f"{len(frame):,} of {len(of):,}",
        *(f"{three(accuracy(part))} of {len(part):,}" for part in parts.values()),
    )


def attributed(evaluation: Evaluation, selection: Selection) -> dict[str, float]:
    """The contributions, and the metric before and after."""
    found = chameleon.attribute_change(
        evaluation, before=selection.secondary, after=selection.primary
    )
    parts = dict(found.parts.select("part", "value").iter_rows())
    ends = {"before": found.reported_before, "after": found.reported_after}
    assert sum(parts.values()) == pytest.approx(found.change[0])
    return parts | ends | {"change": found.change[0], "interaction": found.interaction}


# --- digits


def digits_climb(evaluation: Evaluation, selection: Selection) -> Figures:
    found = tested(evaluation, (f"1.{number}" for number in range(12)))
    steps = pairwise(found)
    drops = [after for before, after in steps if found[after] < found[before] - 0.05]
    assert drops == ["1.5", "1.9"]
    ends = by_version(evaluation, selection, ("1.0", "1.11", *drops))
    return Figures((*ends.figures, WORDS[len(drops)]), ends.shown)


def digits_delivery(evaluation: Evaluation, selection: Selection) -> Figures:
    found = changes(evaluation, selection)
    by = chameleon.data_changes_by(evaluation, "source", primary="1.5", secondary="1.4")
    added = by.filter(group="vendor")["added"][0]
    assert added == by["added"].sum()
    lost, won = found["correct", "incorrect"], found["incorrect", "correct"]
    held = sum(found.values())
    return Figures(
        (str(added), f"{held:,}", str(lost), str(won)),
        (f"Of {held:,} instances", f"{lost} regressed", f"{won} fixed"),
    )


def digits_ninths(evaluation: Evaluation, selection: Selection) -> Figures:
    (kind,) = chameleon.iteration_kinds(evaluation, primary="1.2", secondary="1.1").to_dicts()
    assert kind["kind"] == "specific instances added"
    assert (kind["split"], kind["share"], kind["by"]) == ("train", 1.0, "label")
    both = by_version(evaluation, selection, ("1.1", "1.2"))
    added = str(kind["instances"])
    said = (
        f"{added} train instances added do not look like",
        f"100% are of label '{kind['group']}'",
    )
    return Figures((*both.figures, added, kind["group"]), (*both.shown, *said))


def digits_labels(evaluation: Evaluation, selection: Selection) -> Figures:
    step = chameleon.compare_data(evaluation.dataset.project, before="1.5", after="1.6")
    assert step.relabeled + step.unchanged == step.shared
    assert not step.added
    assert not step.removed
    found = attributed(evaluation, selection)
    assert found["model"] == found["change"]
    ends = [f"{found[end]:.4f}" for end in ("before", "after")]
    return Figures(
        (str(step.relabeled), *ends),
        (f"{step.relabeled} labels modified", f"{ends[0]} → {ends[1]}",
         f"its train data {found['change']:+.4f}"),
    )  # fmt: skip


def digits_unit(evaluation: Evaluation, selection: Selection) -> Figures:
    step = chameleon.compare_data(evaluation.dataset.project, before="1.8", after="1.9")
    sources = chameleon.data_changes_by(evaluation, "source", primary="1.9", secondary="1.8")
    assert sources.filter(group="vendor")["edited"].to_list() == [step.edited]
    edits = chameleon.edited_values(evaluation, primary="1.9", secondary="1.8")
    before = instances(evaluation, "1.8").select("instance", before="pixel_1_4")
    both = before.join(instances(evaluation, "1.9"), on="instance").filter(source="vendor")
    (factor,) = {n for n in range(2, 33) if (both["before"] // n == both["pixel_1_4"]).all()}
    assert "pixel_1_4" in edits["feature"]
    bar = share_of_bar(evaluation, selection, "pixel_1_4", 0.0)
    shares = [three(bar[version][0]) for version in ("1.8", "1.9", "1.10")]
    assert shares[0] == shares[2]
    return Figures(
        (str(step.edited), str(factor), "0", *shares),
        bar_tooltips(evaluation, "pixel_1_4", 0.0, "1.9", bar["1.9"][1]),
    )


def both_act(evaluation: Evaluation, selection: Selection, part: str) -> Figures:
    """A harder test set, a better model, and an ambiguous attribution."""
    found = attributed(evaluation, selection)
    others = set(found) - {part, "model", "before", "after", "change", "interaction"}
    assert not any(found[other] for other in others)
    assert found["change"] < 0 < found["model"]
    assert abs(found["interaction"]) > abs(found["change"]) / 2
    said = [f"{found[name]:+.4f}" for name in ("change", part, "model")]
    return Figures(
        tuple(text[1:] for text in said),
        (said[0], said[1], said[2], "the attribution is ambiguous: model and test set interact"),
    )


def digits_sensitive(evaluation: Evaluation, selection: Selection) -> Figures:
    counts = all_changes(evaluation, "1.11")
    versions = WORDS[len(evaluation.dataset.versions)]
    return Figures(
        (versions, f"{counts[0]:,}", str(from_bar_on(counts, 4)), WORDS[4], "4"),
        (f"{counts[0]:,} no prediction change", *(str(counts[n]) for n in (4, 5, 6, 7))),
    )


# --- sensor


def sensor_climb(evaluation: Evaluation, selection: Selection) -> Figures:
    found = tested(evaluation, (f"1.{number}" for number in range(19)))
    assert found["1.6"] < found["1.5"]
    assert found["1.9"] > found["1.8"]
    dates = [version.date for version in evaluation.dataset.versions]
    months = WORDS[round((dates[-1] - dates[0]).days / 30)]
    docks = WORDS[len(instances(evaluation, "1.8").filter(source="dock")["instance"]
                      .str.split("-").list[0].unique())]  # fmt: skip
    ends = by_version(evaluation, selection, ("1.0", "1.4", "1.9", "1.18"))
    return Figures((*ends.figures, months, docks, WORDS[len(found)]), ends.shown)


def sensor_skew(evaluation: Evaluation, _: Selection) -> Figures:
    figures: list[str] = [WORDS[2], WORDS[3]]
    shown = []
    for version in ("1.0", "1.18"):
        every = instances(evaluation, version)
        rest = every.filter(label="rest")
        assert len(rest) / len(every) > 2 / 3
        figures += [f"{len(rest):,}", f"{len(every):,}", three(len(rest) / len(every))]
        shown += info(rest, every)
    (note,) = (v.note for v in evaluation.dataset.versions if v.name == "1.0")
    assert "two of three" in note
    return Figures(tuple(figures), (*shown, "two of three hours are rest"))


def sensor_shapes(evaluation: Evaluation, _: Selection) -> Figures:
    trains = {}
    for version in ("1.0", "1.4", "1.18"):
        trains[version] = f"{len(instances(evaluation, version).filter(split='train')):,}"
    moved = {
        version: chameleon.feature_drift(evaluation, primary="1.18", secondary=version).filter(
            feature="noise_db_1h"
        )["js_distance"][0]
        for version in ("1.0", "1.4")
    }
    assert moved["1.4"] < moved["1.0"] / 2
    return Figures(tuple(trains.values()), tuple(f"{count} instances" for count in trains.values()))


def sensor_cluster(evaluation: Evaluation, selection: Selection) -> Figures:
    found = selected(evaluation, selection)
    frame = chameleon.instances(
        evaluation, primary="1.18", secondary="1.17", filters=selection.filters, limit=None
    ).frame.filter(pl.col("side") != "secondary")
    right = (frame["primary_outcome"] == "correct").mean()
    assert 0.5 < right < 0.6
    every = instances(evaluation, "1.18")
    return Figures(
        (f"{found.instances:,}",), (f"{len(every):,} instances in", three(accuracy(every)))
    )


def sensor_history(evaluation: Evaluation, selection: Selection) -> Figures:
    every = instances(evaluation, "1.18")
    few = every.filter(pl.col("readings_24h") < 20)
    others = every.filter(pl.col("readings_24h") >= 20)
    means = ["motion_mg_12h", "noise_db_12h", "light_lux_12h"]
    assert few.select(pl.all_horizontal(pl.col(means) == 0).all()).item()
    assert few["days_of_history"].max() < 2
    tests = [three(accuracy(side.filter(split="test"))) for side in (few, others)]
    bound = selection.primary_only.features[0].ranges[0].high
    return Figures(
        (f"{len(few):,}", f"{bound:g}", *tests, means[0].split("_")[-1].removesuffix("h")),
        (*info(few, every), *info(others, every)),
    )


def sensor_quiet(evaluation: Evaluation, selection: Selection) -> Figures:
    every = instances(evaluation, "1.18")
    quiet = every.filter(pl.col("noise_db_1h") < 36)
    others = every.filter(pl.col("noise_db_1h") >= 36)
    others_right = {three(accuracy(others.filter(split=split))) for split in ("train", "test")}
    assert len(others_right) == 1
    bound = selection.primary_only.features[0].ranges[0].high
    right = accuracy(quiet)
    return Figures(
        (f"{right:.0%}", f"{len(quiet):,}", f"{bound:g}", three(right), *others_right),
        (*info(quiet, every), *info(others, every), f"accuracy {three(right)}"),
    )


def sensor_last(evaluation: Evaluation, selection: Selection) -> Figures:
    found = changes(evaluation, selection)
    statistics = chameleon.change_statistics(evaluation, primary="1.18", secondary="1.17")
    assert statistics.mcnemar_p > 0.05
    counts = {cell: f"{count:,}" for cell, count in found.items()}
    held = f"{sum(found.values()):,}"
    names = ("still correct", "regressed", "fixed", "still incorrect")
    told_cells = [f"{count} {name}" for count, name in zip(counts.values(), names, strict=True)]
    return Figures(
        (held, *counts.values()), (f"Of {held} instances", *told_cells, "consistent with chance")
    )


def sensor_sensitive(evaluation: Evaluation, selection: Selection) -> Figures:
    counts = all_changes(evaluation, "1.18")
    found = selected(evaluation, selection)
    chosen = selection.filters.sensitivity.changes
    assert chosen == tuple(range(8, max(counts) + 1))
    every = instances(evaluation, "1.18")
    assert len(every.filter(pl.col("changes") >= 8)) == found.instances
    return Figures(
        (WORDS[len(evaluation.dataset.versions)], f"{counts[0]:,}", f"{found.instances:,}",
         WORDS[min(chosen)], str(max(counts))),
        (f"{counts[0]:,} no prediction change", f"at most {max(counts)} times"),
    )  # fmt: skip


def sensor_boundary(evaluation: Evaluation, selection: Selection) -> Figures:
    every = instances(evaluation, "1.18")
    chosen = every.filter(pl.col("changes") >= 8)
    never = every.filter(changes=0)
    sure = [side["primary_probability"].mean() for side in (chosen, never)]
    page = chameleon.instances(
        evaluation, primary="1.18", secondary="1.17", filters=selection.filters, limit=50
    )
    near = page.frame["primary_probability_of_label"]
    assert near.is_between(0.35, 0.65).all()
    rows = tuple(repr(value)[:7] for value in near.head(5))
    return Figures((f"{page.found:,}", *map(three, sure)), rows)


def sensor_docks(evaluation: Evaluation, _: Selection) -> Figures:
    every = instances(evaluation, "1.18")
    docks = every.filter(source="dock")
    tests = [three(accuracy(side.filter(split="test"))) for side in (docks, every)]
    last = (f"{three(accuracy(every.filter(split=split)))} of" for split in ("train", "test"))
    return Figures((f"{len(docks):,}", *tests), (*info(docks, every), *last))


def sensor_removal(evaluation: Evaluation, selection: Selection) -> Figures:
    found = selected(evaluation, selection)
    assert found.primary == found.instances
    count = f"{found.instances:,}"
    return Figures((count,), (f"{count} instances of 1.18 match", f"Add {count} instances",
                           "As a rule: source: dock"))  # fmt: skip


# --- logs


def logs_backlog(evaluation: Evaluation, _: Selection) -> Figures:
    added = chameleon.compare_data(evaluation.dataset.project, before="1.7", after="1.8").added
    drift = chameleon.drift_over_versions(evaluation).filter(kind="feature")
    there = drift.filter(version="1.8")["js_distance"]
    elsewhere = drift.filter(pl.col("version") != "1.8")["js_distance"]
    ends = (three(there.min()), three(there.max()), three(elsewhere.max()))
    return Figures((f"{added:,}", *ends), (f"{added:,} added", f"{there.max():.3f}"))


def logs_shape(evaluation: Evaluation, selection: Selection) -> Figures:
    bar = share_of_bar(evaluation, selection, "saves_week", 1.0)
    assert all(bar[f"1.{number}"][0] < 0.002 for number in range(8))
    shares = [three(bar[version][0]) for version in ("1.8", "1.12")]
    return Figures(
        ("1", *shares), bar_tooltips(evaluation, "saves_week", 1.0, "1.8", bar["1.8"][1])
    )


def logs_dates(evaluation: Evaluation, selection: Selection) -> Figures:
    every = instances(evaluation, "1.8")
    day = selection.primary_only.dates[0]
    new, old = every.filter(pl.col("date") >= day), every.filter(pl.col("date") < day)
    figures = [day.isoformat(), "1"]
    for side in (new, old):
        tested = side.filter(split="test")
        figures += [three(accuracy(tested)), f"{len(tested):,}"]
    return Figures(tuple(figures), (*info(new, every), *info(old, every)))


_STEPS: Mapping[str, tuple[Callable[[Evaluation, Selection], Figures], ...]] = {
    "digits": (
        digits_climb, digits_ninths, digits_delivery, digits_labels, digits_unit,
        partial(both_act, part="edited"), digits_sensitive,
    ),
    "sensor": (
        sensor_climb, sensor_skew, sensor_shapes, sensor_cluster, sensor_history, sensor_quiet,
        sensor_last, sensor_sensitive, sensor_boundary, sensor_docks, sensor_removal,
    ),
    "logs": (
        partial(by_version, versions=("1.0", "1.12", "1.7", "1.8")), logs_backlog, logs_shape,
        partial(both_act, part="added"), logs_dates,
    ),
}  # fmt: skip
