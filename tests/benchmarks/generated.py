"""Generated timelines of the paper's size: 64,205 instances, 20 features, 19 growing versions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

INSTANCES, FEATURES, VERSIONS = 64_205, 20, 19


def write_timeline(
    folder: Path,
    *,
    instances: int = INSTANCES,
    features: int = FEATURES,
    versions: int = VERSIONS,
    ending: str = "parquet",
) -> Path:
    """A project folder whose versions grow evenly; 0.5 % of the kept rows change at every step.

    Features are skewed, long-tailed, bell-shaped, whole numbers and partly missing, in turn.
    """
    random = np.random.default_rng(7)
    columns = {f"feature_{k}": _values(random, k, instances) for k in range(features)}
    score = columns["feature_0"] + columns["feature_1"] + random.normal(size=instances)
    table = pl.DataFrame(
        {
            "id": [f"i{k:06d}" for k in range(instances)],
            "label": np.where(score > np.nanmedian(score), "active", "still"),
            "split": np.where(random.random(instances) < 0.2, "test", "train"),
            "source": np.array(["lab", "field", "partner"])[random.integers(0, 3, instances)],
            "date": [dt.date(2019, 1, 1) + dt.timedelta(days=k % 60) for k in range(instances)],
            **columns,
        },
        nan_to_null=True,
    )
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for number in range(versions):
        count = max(instances * (number + 1) // versions, 100)
        if number:
            edited = random.random(instances) < 0.005
            name = f"feature_{number % features}"
            table = table.with_columns(
                pl.when(pl.Series(edited))
                .then(pl.col(name) + 1)
                .otherwise(pl.col(name))
                .alias(name)
            )
        version = table.head(count)
        path = folder / "versions" / f"1.{number}.{ending}"
        version.write_parquet(path) if ending == "parquet" else version.write_csv(path)
    return folder


def _values(random: np.random.Generator, number: int, count: int) -> np.ndarray:
    kind = number % 5
    if kind == 0:
        return random.normal(size=count)
    if kind == 1:
        return random.lognormal(sigma=1.0, size=count)
    if kind == 2:
        return random.pareto(2.0, size=count)
    if kind == 3:
        return random.poisson(40, size=count).astype(float)
    values = random.gamma(2.0, size=count)
    values[random.random(count) < 0.1] = np.nan
    return values
