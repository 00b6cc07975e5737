"""Strategies for hypothesis: whole small projects, and filters that fit them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
from hypothesis import strategies as st

from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle
from tests.internals import FeatureFilter, Filters, Range
from tests.library import evaluated, temporary_project

INF, NAN = float("inf"), float("nan")
DAYS = [dt.date(2019, 1, 1), dt.date(2019, 1, 2), dt.date(2020, 2, 29), dt.date(1969, 12, 31)]
MOMENTS = [dt.datetime(2019, 1, 1, 23, 59, 59, 999999), dt.datetime(2019, 1, 2), None]
POOLS: Mapping[str, list] = {
    "float": [0.0, -0.0, 0.1, 0.1 * 3, 0.3, -3.5, 1e6, 2.0, None, NAN, INF, -INF],
    "whole": [0.0, 1.0, 2.0, 3.0, -7.0, None],
    "integer": [0, 1, 2, 3, -7, 1000, None],
    "boolean": [True, False, None],
    "day": [*DAYS, None],
    "moment": MOMENTS,
    "text": ["red", "blue", "", " ", "Ünïcode ✓", "a=b..c~", "other", "missing", None],
    "absent": [None],
}
TYPES = {
    "float": pl.Float64,
    "whole": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "day": pl.Date,
    "moment": pl.Datetime("us"),
    "text": pl.String,
    "absent": pl.Null,
}
RETYPINGS = [
    ("float",), ("whole", "integer"), ("integer", "float"), ("boolean", "integer"), ("boolean",),
    ("day",), ("moment", "day"), ("text",), ("absent", "text"), ("absent", "float"),
]  # fmt: skip
"""Pools that one column may be drawn from in different versions without losing a value."""

FEATURE_NAMES = ["x", "y y", "größe", "f:x", "bin", "split 2", "0"]


@dataclass(frozen=True)
class Plan:
    """A generated project: what is written, and what is known of it."""

    frames: Mapping[str, pl.DataFrame]
    predictions: Mapping[str, pl.DataFrame]
    said: Mapping[str, Mapping[str, str | None]]

    @property
    def timeline(self) -> oracle.Timeline:
        return oracle.timeline(self.frames, self.said)


@contextmanager
def opened(plan: Plan) -> Iterator[chameleon.Evaluation]:
    """The evaluation of a plan, its folder there while it is looked at."""
    with temporary_project(plan.frames, predictions=plan.predictions) as folder:
        yield evaluated(folder)


@st.composite
def plans(draw: st.DrawFn, max_instances: int = 8) -> Plan:
    """Two to four versions, in which instances are edited, relabeled, moved, leave and return."""
    versions = [f"1.{n}" for n in (1, 2, 10, 11)][: draw(st.integers(2, 4))]
    ids = draw(st.sampled_from([list(range(max_instances)), list("hgfedcba|\\'é")]))
    ids = ids[:max_instances]
    names = draw(st.lists(st.sampled_from(FEATURE_NAMES), min_size=1, max_size=3, unique=True))
    pools = {name: draw(st.sampled_from(RETYPINGS)) for name in names}
    roles = {
        "label": st.sampled_from(draw(st.sampled_from([["a", "b", "c", None], [0, 1, None]]))),
        "split": st.sampled_from(draw(st.sampled_from([["train", "test"], ["Train ", "DEV"]]))),
    }
    if draw(st.booleans()):
        roles["source"] = st.sampled_from(["lab", "vendor", "", None])
    if draw(st.booleans()):
        roles["date"] = st.sampled_from([*DAYS, None])
    frames: dict[str, pl.DataFrame] = {}
    for place, version in enumerate(versions):
        least = 1 if place == 0 else 0
        has = {name for name in names if place == 0 or draw(st.booleans())} or {names[0]}
        kept = draw(st.lists(st.sampled_from(ids), min_size=max(least, 1), unique=True))
        columns = [pl.Series("id", kept)]
        for role, values in roles.items():
            drawn = [draw(values) for _ in kept]
            columns.append(typed(role, drawn))
        for name in names:
            if name in has:
                pool = draw(st.sampled_from(pools[name]))
                drawn = [draw(st.sampled_from(POOLS[pool])) for _ in kept]
                columns.append(pl.Series(name, drawn, dtype=TYPES[pool], strict=True))
        frames[version] = pl.DataFrame(columns)
    return Plan(frames, *draw(_predictions(versions, ids, frames)))


def typed(role: str, values: list) -> pl.Series:
    """A column with a role, of the type its values have even where all of them are missing."""
    if role == "date":
        return pl.Series(role, values, dtype=pl.Date)
    whole = all(value is None or isinstance(value, int) for value in values)
    return pl.Series(role, values, dtype=pl.Int64 if whole else pl.String)


@st.composite
def _predictions(
    draw: st.DrawFn, versions: list[str], ids: list, frames: Mapping[str, pl.DataFrame]
) -> tuple[dict[str, pl.DataFrame], dict[str, dict[str, str | None]]]:
    labels = sorted(
        {oracle.spelled(v) for f in frames.values() for v in f["label"].to_list()} - {None}
    )
    classes = [*labels, "never a label", None]
    files: dict[str, pl.DataFrame] = {}
    said: dict[str, dict[str, str | None]] = {}
    given = [v for v in versions if draw(st.integers(0, 4))] or versions[:1]
    for version in given:
        asked = [key for key in ids if draw(st.integers(0, 6))]
        answers = [draw(st.sampled_from(classes)) for _ in asked]
        files[version] = pl.DataFrame(
            [
                pl.Series("id", asked, dtype=pl.Series(ids).dtype),
                pl.Series("prediction", answers, dtype=pl.String),
            ]
        )
        said[version] = {oracle.spelled(k): a for k, a in zip(asked, answers, strict=True)}
    return files, said


@st.composite
def version_pairs(draw: st.DrawFn, plan: Plan) -> tuple[str, str]:
    """A primary and a secondary, older, newer or the same."""
    names = list(plan.frames)
    return draw(st.sampled_from(names)), draw(st.sampled_from(names))


@st.composite
def filters_for(draw: st.DrawFn, plan: Plan) -> Filters:
    """Filters that name what the project holds; often several at once, often none."""
    time = plan.timeline
    rows = [row for version in time.versions.values() for row in version.values()]
    few = {"max_size": 2, "unique": True}
    labels = sorted(time.labels)
    sources = sorted({row.source for row in rows} - {None})
    dates = [None, *sorted({row.date.date() for row in rows if row.date})]
    asks = {name: draw(st.integers(0, 3)) == 0 for name in ("s", "l", "q", "d", "o", "g")}
    asks["f"] = draw(st.booleans())
    features: list[FeatureFilter] = []
    for flag, name in zip(("f", "g"), time.features, strict=False):
        if asks[flag]:
            found = draw(feature_filters(name, [row.values[name] for row in rows]))
            features += [] if found.is_empty else [found]
    return Filters(
        splits=tuple(draw(st.lists(st.sampled_from(list(Split)), **few))) if asks["s"] else (),
        labels=tuple(draw(st.lists(st.sampled_from([*labels, None]), **few))) if asks["l"] else (),
        sources=tuple(draw(st.lists(st.sampled_from([*sources, None]), **few)))
        if asks["q"]
        else (),
        dates=(draw(st.sampled_from(dates)), draw(st.sampled_from(dates))) if asks["d"] else None,
        outcomes=tuple(draw(st.lists(st.sampled_from(["correct", "incorrect", "unknown"]), **few)))
        if asks["o"]
        else (),
        features=tuple(features),
    )


@st.composite
def feature_filters(draw: st.DrawFn, name: str, values: list[oracle.Value]) -> FeatureFilter:
    """A filter of one feature by the values it has."""
    texts = sorted({value for value in values if isinstance(value, str)})
    numbers = sorted({value for value in values if isinstance(value, float)} - {INF, -INF})
    flags = {"missing": draw(st.booleans()), "non_finite": draw(st.booleans())}
    if texts:
        some = st.lists(st.sampled_from(texts), max_size=2, unique=True)
        return FeatureFilter(name, categories=tuple(draw(some)), other=draw(st.booleans()), **flags)
    if not numbers:
        return FeatureFilter(name, **flags)
    bounds = st.sampled_from([-INF, *numbers, *(n + 0.5 for n in numbers), INF])
    ranges = st.lists(st.builds(Range, bounds, bounds, st.booleans(), st.booleans()), max_size=2)
    return FeatureFilter(name, ranges=tuple(draw(ranges)), **flags)


@st.composite
def filtered_steps(draw: st.DrawFn) -> tuple[Plan, str, str, Filters]:
    """A plan, its primary and secondary version, and filters."""
    plan = draw(plans())
    primary, secondary = draw(version_pairs(plan))
    return plan, primary, secondary, draw(filters_for(plan))
