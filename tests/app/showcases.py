"""Projects for the app: growing, hostile, bare. None fits a slow model."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from tests.library import TREE, Frames, plain, write_project

MARKUP = '<img src=x onerror="window.hacked=1">'
MARKDOWN = (
    "**bold** `code` $x$ :smile: :red[no] [a](javascript:window.hacked=1) "
    ":material/delete: ](javascript:window.hacked=1)"
)
FORMULA = "=HYPERLINK(A1)"
QUOTES = "😀 \"double\" 'single' & <b>tag</b> a|b\\c # h"
LONG = "long " + "x" * 295
HOSTILE_FEATURES = (MARKUP, MARKDOWN, QUOTES, LONG, "plain")
HOSTILE_VERSIONS = ("1 <b>x<", "2 **b** 😀 $x$ :material:", "3 " + "y" * 120)
HOSTILE_NAME = "<script>window.hacked=1</script> <img src=x onerror=window.hacked=1> **p** 😀 $x$"
_HOSTILE_TOML = f"""name = "{HOSTILE_NAME}"
[[versions]]
name = "{HOSTILE_VERSIONS[0]}"
file = "versions/{HOSTILE_VERSIONS[0]}.parquet"
note = "<img src=x onerror='window.hacked=1'> **n** {"w" * 300}"
"""


def given(frames: Frames, *, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Predictions for every version, correct for about four of five instances."""
    rng = np.random.default_rng(seed)
    predictions: dict[str, pl.DataFrame] = {}
    for name, frame in frames.items():
        labels = frame["label"]
        right = pl.Series(rng.random(len(frame)) < 0.8)
        prediction = labels.zip_with(right, labels.shuffle(seed=seed)).alias("prediction")
        predictions[name] = pl.DataFrame([frame["id"], prediction])
    return predictions


def growing(versions: int, features: int, *, instances: int = 60) -> dict[str, pl.DataFrame]:
    """Versions 1.0, 1.1, ... of numbers that drift; every version has five instances more."""
    frames: dict[str, pl.DataFrame] = {}
    for version in range(versions):
        ids = np.arange(instances + 5 * (version % 20))
        columns: dict[str, object] = {
            "id": ids,
            "label": np.where(ids % 3 == 0, "cat", "dog"),
            "split": np.where(ids % 4 == 3, "test", "train"),
        }
        for feature in range(features):
            values = np.random.default_rng(feature).normal(size=instances + 100)[: len(ids)]
            columns[f"f{feature:03d}"] = np.round(values + 0.02 * version * (feature % 5), 3)
        frames[f"1.{version}"] = pl.DataFrame(columns)
    return frames


def write_growing(folder: Path, versions: int = 3, features: int = 3, **options: int) -> Path:
    frames = growing(versions, features, **options)
    return write_project(folder, frames, predictions=given(frames))


def write_hostile(folder: Path) -> Path:
    """A project in which every name is hostile."""
    rng = np.random.default_rng(1)
    texts = np.array([MARKUP, "*b*", "😀 " + "q" * 280])
    frames: dict[str, pl.DataFrame] = {}
    for place, version in enumerate(HOSTILE_VERSIONS):
        ids = np.arange(60 + 10 * place)
        columns: dict[str, object] = {
            "id": [f"{MARKUP} {MARKDOWN} {k}" for k in ids],
            "label": np.array([MARKUP, MARKDOWN, "😀" + "z" * 280, FORMULA])[ids // 2 % 4],
            "split": np.where(ids % 4 == 3, "test", "train"),
            "source": np.array([MARKUP, 'a & "b"', MARKDOWN])[ids % 3],
            "date": [dt.date(2024, 1, 1) + dt.timedelta(days=int(k)) for k in ids],
        }
        for number, name in enumerate(HOSTILE_FEATURES):
            number_like = number % 2 == 0
            columns[name] = rng.normal(size=len(ids)) if number_like else texts[(ids + place) % 3]
        frames[version] = pl.DataFrame(columns)
    return write_project(folder, frames, predictions=given(frames), toml=_HOSTILE_TOML)


def write_without_outcomes(folder: Path) -> Path:
    """No label, so that no model can be fitted and no outcome is known."""
    frames = {
        name: frame.with_columns(label=pl.lit(None, dtype=pl.String))
        for name, frame in growing(2, 2).items()
    }
    return write_project(folder, frames)


def write_one_version(folder: Path) -> Path:
    return write_growing(folder, versions=1)


def write_many_versions(folder: Path) -> Path:
    return write_growing(folder, versions=30, features=2, instances=30)


def write_many_features(folder: Path) -> Path:
    return write_growing(folder, versions=2, features=500)


def write_without_test_rows(folder: Path) -> Path:
    frames = {
        name: frame.with_columns(split=pl.lit("train")) for name, frame in growing(2, 2).items()
    }
    return write_project(folder, frames, predictions=given(frames))


def write_squares(folder: Path) -> Path:
    """Two versions of sixty images of 4 x 4 pixels, some of them wrongly predicted."""
    pixels = {f"p{k}": np.random.default_rng(k).integers(0, 9, 60) for k in range(16)}
    frames = {"1": plain(60, **pixels), "2": plain(60, **pixels, x=[float(k) for k in range(60)])}
    return write_project(folder, frames, predictions=given(frames))


def write_kinds(folder: Path) -> Path:
    """Two versions with a feature of every kind: ranges with tails, dates, text, whole numbers,
    booleans, nearly distinct text, missing and infinite values; validation rows too."""
    rng = np.random.default_rng(3)
    frames: dict[str, pl.DataFrame] = {}
    for place, version in enumerate(("a", "b")):
        ids = np.arange(900 + 100 * place)
        wide = rng.normal(size=len(ids)) + place
        wide[:3] = (-1e4, 1e4, np.inf)
        few = np.array(["red", "green", "blue"])[rng.integers(0, 3, len(ids))]
        day = dt.datetime(2020, 1, 1)
        columns: dict[str, object] = {
            "id": ids,
            "label": np.array(["yes", "no", "maybe"])[ids % 3],
            "split": np.array(["train", "train", "test", "dev"])[ids % 4],
            "source": np.array(["lab", "vendor"])[ids % 2],
            "date": [day.date() + dt.timedelta(days=int(k % 50)) for k in ids],
            "wide": [None if k % 97 == 5 else v for k, v in enumerate(wide.tolist())],
            "whole": rng.integers(0, 6, len(ids)),
            "few": [None if k % 50 == 7 else v for k, v in enumerate(few.tolist())],
            "many": [f"c{k}" for k in rng.zipf(1.5, len(ids)).clip(max=90)],
            "flag": rng.random(len(ids)) < 0.3,
            "moment": [day + dt.timedelta(hours=int(k)) for k in ids],
            "words": [f"sentence number {k} of {version}" for k in ids],
        }
        frames[version] = pl.DataFrame(columns)
    return write_project(folder, frames, predictions=given(frames))


def write_gaps(folder: Path) -> Path:
    """Columns of every kind without values in any version, or in some; half of v2 is added."""
    rows = np.arange(240)
    values = {
        "number": pl.Series(rows * 1.5),
        "text": pl.Series(np.where(rows % 2 == 0, "red", "blue")),
        "words": pl.Series([f"sentence {row}" for row in rows]),
        "flag": pl.Series(rows % 2 == 0),
        "day": pl.Series([dt.date(2024, 1, 1) + dt.timedelta(days=int(row % 9)) for row in rows]),
    }
    nothing = {kind: pl.Series([None] * len(rows), dtype=of.dtype) for kind, of in values.items()}
    frames: dict[str, pl.DataFrame] = {}
    for version, held in (("v1", rows < 120), ("v2", rows < 240), ("v10", rows >= 60)):
        columns = {f"never_{kind}": of for kind, of in nothing.items()}
        columns["never_typed"] = pl.Series([None] * len(rows), dtype=pl.Null)
        columns["never_finite"] = pl.Series([float("nan")] * len(rows))
        for kind, of in values.items():
            columns[f"not_in_v2_{kind}"] = of if version != "v2" else nothing[kind]
            columns[f"only_in_v2_{kind}"] = of if version == "v2" else nothing[kind]
        source = np.where(rows < 120, "lab", "new")
        edited = rows * 0.75 + (rows % 3 == 0) * (version == "v2")
        frames[version] = plain(
            240, id=[f"i{row}" for row in rows], x=edited, source=source,
        ).with_columns(**columns).filter(pl.Series(held))  # fmt: skip
    return write_project(folder, frames, toml=TREE)


_ROWS = np.arange(200)
_NORMAL = np.random.default_rng(5).normal(size=200)
_NEIGHBORS = np.where(_ROWS % 2 == 0, 1e300, np.nextafter(1e300, np.inf))
EXTREMES = {
    "largest": np.where(_ROWS % 2 == 0, 1.0, -1.0) * (1.797e308 - 1e304 * _ROWS),
    "large": _NORMAL * 1e300,
    "one large": np.where(_ROWS == 7, 1e24, _NORMAL),
    "close": 1e22 + 1e17 * _ROWS,
    "neighbors": _NEIGHBORS + 1e285 * _NORMAL,
    "small": _NORMAL * 1e-300,
    "smallest": 5e-324 * (_ROWS - 100),
    "both": _NORMAL * 10.0 ** np.random.default_rng(6).integers(-300, 300, 200),
    "infinite": np.where(_ROWS % 3 == 0, np.inf, np.where(_ROWS % 3 == 1, -np.inf, 1e21)),
    "few": 1e23 * (_ROWS % 3),
}
"""Features with numbers at the ends of what a float holds."""


def write_extremes(folder: Path) -> Path:
    frames: dict[str, pl.DataFrame] = {}
    for place, version in enumerate(("1", "2")):
        changed = {n: np.where(40 * place > _ROWS, of / 2, of) for n, of in EXTREMES.items()}
        frames[version] = plain(200, **changed).head(150 + 50 * place)
    return write_project(folder, frames, predictions=given(frames))


WEAK_RULE = '=<b>"rule"</b> *x*'
"""A labeling function with a hostile name."""


def write_weak(folder: Path, *, labeled: bool = True) -> Path:
    """Weak labels: labeling functions vote; the second version has rewritten one of them.

    Probabilities follow the majority of the votes; the third version has one function fewer.
    """
    names = ("cat", "dog", "bird")
    rules = ("long words", "photos", WEAK_RULE)
    frames: dict[str, pl.DataFrame] = {}
    for place, version in enumerate(("1.0", "1.1", "1.2")):
        rng = np.random.default_rng(7)
        ids = np.arange(300)
        label = rng.integers(0, 3, len(ids))
        votes = np.where(rng.random((3, len(ids))) < 0.75, label, rng.integers(0, 3, (3, len(ids))))
        votes[rng.random(votes.shape) < 0.4] = -1
        if place:  # the rule for photos now takes birds for dogs, and votes more often
            votes[1] = np.where(ids % 3 == 0, np.where(label == 2, 1, label), votes[1])
        counts = np.stack([(votes[: 3 - place // 2] == k).sum(axis=0) for k in range(3)]) + 0.5
        shares = counts / counts.sum(axis=0)
        columns: dict[str, object] = {"id": ids, "split": np.where(ids % 4 == 3, "test", "train")}
        if labeled:
            columns["label"] = [None if k % 10 == 0 else names[label[k]] for k in ids]
        columns["size"] = np.round(rng.normal(size=len(ids)) + label, 3)
        columns |= {f"label_proba_{name}": shares[k] for k, name in enumerate(names)}
        for k, rule in enumerate(rules[: 3 - place // 2]):
            columns[f"label_vote_{rule}"] = [None if v < 0 else names[v] for v in votes[k]]
        frames[version] = pl.DataFrame(columns)
    predictions = {
        name: frame.select("id", prediction=pl.Series([names[k % 3] for k in range(300)]))
        for name, frame in frames.items()
    }
    return write_project(folder, frames, predictions=predictions)


def write_weak_alone(folder: Path) -> Path:
    """No label column: the likeliest class is the label."""
    return write_weak(folder, labeled=False)
