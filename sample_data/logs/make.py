"""The logs sample: generated counters of an application's logs, six months in 13 versions.

Nothing here was measured. README.md beside this file says what is assumed.

    python sample_data/logs/make.py              write sessions.parquet and chameleon.toml
    python sample_data/logs/make.py --check      compare the stored files with what is made here
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FOLDER = Path(__file__).parent
TABLE = "sessions.parquet"
SEED = 11
FIRST_DAY = date(2018, 12, 3)
COUNTERS = (
    *("opens", "closes", "searches", "scrolls", "taps", "shares", "saves", "prints", "undos"),
    *("copies", "pastes", "errors", "retries", "timeouts", "logins", "syncs", "exports"),
)
FEATURES = [f"{counter}_{span}" for counter in COUNTERS for span in ("day", "week")]

# Sessions that join at every version, and the day on which it was closed, counted from the first.
ADDED = (6_000, *[2_700] * 7, 12_300, *[2_700] * 4)
DAYS = (13, 27, 41, 55, 69, 83, 97, 111, 132, 146, 160, 174, 181)
# The version from which on new sessions are processed otherwise.
CHANGED = 8
# So many events of a counter a day, or a week, are one unit; the new processing counts no more of
# them than CAP units, and calls these one.
CAP = 0.03
TEST_SHARE = 0.2
# Share of labels that nothing in the logs explains: few among the first users, more later.
FIRST_CHANCE, LAST_CHANCE = 0.0, 0.26

# How heavy each counter's tail is (the exponent of its power law): smaller is heavier.
TAILS = np.linspace(1.3, 2.6, len(COUNTERS))
# What keeping a suggestion goes with: the counter, and how much.
WEIGHTS = {
    "opens": 0.5, "searches": 1.1, "saves": 1.5, "shares": 0.9, "exports": 0.8,
    "undos": -1.3, "errors": -1.1, "retries": -0.6,
}  # fmt: skip

NOTES = (
    "First two weeks: users of the trial.",
    "Users of the trial.",
    "The trial is opened to whole teams.",
    "Teams.",
    "Teams.",
    "First public users.",
    "Public users.",
    "Public users.",
    "A backlog of sessions, delivered by the new log pipeline.",
    "Public users, new log pipeline.",
    "Public users, new log pipeline.",
    "Public users, new log pipeline.",
    "Last week of the six months.",
)
SOURCES = ("trial", "teams", "public")
# Share of trial, teams and public in a delivery.
MIXES = (
    *[(1.0, 0.0, 0.0)] * 2,
    *[(0.3, 0.7, 0.0)] * 3,
    *[(0.1, 0.3, 0.6)] * 8,
)

# The fixed model: small trees, so that early models do not learn their few rows by heart.
PARAMS = (
    "random_state = 0, early_stopping = false, max_iter = 60, max_leaf_nodes = 12, "
    "learning_rate = 0.15, min_samples_leaf = 150"
)


def counted(random: np.random.RandomState, count: int) -> np.ndarray:
    """Normalised counters, float64 of shape (n, 17, 2): of the day and of the week.

    Power laws, whose seeds share what a busy user does more of; 1 is what one day in about a
    hundred passes.
    """
    busy = random.normal(size=(count, 1))
    own = random.normal(size=(count, len(COUNTERS)))
    common = 0.45 * busy + np.sqrt(1 - 0.45**2) * own
    week = common
    day = 0.8 * common + 0.6 * random.normal(size=common.shape)
    return np.stack([power_law(seeds) for seeds in (day, week)], axis=2)


def power_law(seeds: np.ndarray) -> np.ndarray:
    """Standard normal seeds turned to Pareto (Lomax) values by their rank, a column a counter."""
    tail = upper_tail(seeds)
    values = tail ** (-1 / TAILS) - 1
    return values / (0.01 ** (-1 / TAILS) - 1)


def upper_tail(seeds: np.ndarray) -> np.ndarray:
    """The share of a standard normal distribution above a value (Abramowitz, Stegun 26.2.17)."""
    at = np.abs(seeds)
    t = 1 / (1 + 0.2316419 * at)
    series = t * (
        0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429)))
    )
    above = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi) * series
    return np.where(seeds >= 0, above, 1 - above)


def kept(random: np.random.RandomState, values: np.ndarray, chance: float) -> np.ndarray:
    """Whether each suggestion was kept: by what the logs show, or, for a share, by chance."""
    score = np.full(len(values), -0.15)
    for name, weight in WEIGHTS.items():
        day, week = values[:, COUNTERS.index(name)].T
        score += weight * (np.log(0.05 + week) + 0.4 * np.log(0.05 + day) + 3.2)
    by_logs = score + 0.25 * random.logistic(size=len(values)) > 0.5
    by_chance = random.uniform(size=len(values)) < 0.4
    return np.where(random.uniform(size=len(values)) < chance, by_chance, by_logs)


def drawn_sessions(random: np.random.RandomState, number: int) -> pl.DataFrame:
    """The sessions that join at one version: label, source, date, since, features."""
    count = ADDED[number]
    values = counted(random, count)
    chance = FIRST_CHANCE + (LAST_CHANCE - FIRST_CHANCE) * number / (len(ADDED) - 1)
    label = np.where(kept(random, values, chance), "kept", "dismissed")
    if number >= CHANGED:
        values = np.minimum(values, CAP) / CAP
    start = DAYS[number - 1] + 1 if number else 0
    day = np.sort(random.randint(start, DAYS[number] + 1, size=count))
    drawn = random.uniform(size=count)[:, None] > np.cumsum(MIXES[number])
    flat = values.reshape(count, -1)
    return pl.DataFrame(
        {
            "label": label,
            "source": np.array(SOURCES)[drawn.sum(axis=1).clip(0, len(SOURCES) - 1)],
            "date": [FIRST_DAY + timedelta(days=int(later)) for later in day],
            "since": f"1.{number}",
            **{name: flat[:, place] for place, name in enumerate(FEATURES)},
        }
    )


def table() -> pl.DataFrame:
    """Every session once, in the order of arrival, with the version that brought it."""
    # RandomState, not default_rng: NumPy promises that its stream never changes.
    random = np.random.RandomState(SEED)
    sessions = pl.concat([drawn_sessions(random, number) for number in range(len(ADDED))])
    tested = pl.Series(random.uniform(size=len(sessions)) < TEST_SHARE)
    return sessions.select(
        id="s-" + (pl.int_range(pl.len()) + 1).cast(pl.String).str.zfill(5),
        label="label",
        split=pl.when(tested).then(pl.lit("test")).otherwise(pl.lit("train")),
        source="source",
        date="date",
        since="since",
        **{name: pl.col(name).round(3) for name in FEATURES},
    )


def project_text() -> str:
    """Content of chameleon.toml."""
    head = f"""\
# Written by make.py, which says how the sessions came about.
name = "logs"
open_at = "1.8"

[source]
kind = "table"
file = "{TABLE}"
version = "since"
reading = "since"

[columns]
id = "id"
label = "label"
split = "split"
date = "date"
source = "source"

[model]
estimator = "HistGradientBoostingClassifier"
params = {{ {PARAMS} }}
"""
    entries = [
        f'\n[[versions]]\nname = "1.{number}"\n'
        f'date = {FIRST_DAY + timedelta(days=day)}\nnote = "{note}"\n'
        for number, (day, note) in enumerate(zip(DAYS, NOTES, strict=True))
    ]
    return head + "".join(entries)


def differences() -> list[str]:
    """Sentences, one a file, on what is stored otherwise than it is made here."""
    found = []
    path, project = FOLDER / TABLE, FOLDER / "chameleon.toml"
    if not path.is_file():
        found.append(f"{TABLE} is missing.")
    else:
        stored, made = pl.read_parquet(path), table()
        if stored.schema != made.schema:
            found.append(f"{TABLE} has other columns, or other types.")
        elif not stored.equals(made):
            found.append(f"{TABLE} holds other rows.")
    if not project.is_file() or project.read_text(encoding="utf-8") != project_text():
        found.append("chameleon.toml is missing or differs.")
    return found


def main() -> int:
    """Exit code: 1 where --check finds a difference, else 0."""
    parser = argparse.ArgumentParser(description="Makes the table of the logs sample.")
    parser.add_argument("--check", action="store_true", help="compare the stored files")
    if not parser.parse_args().check:
        table().write_parquet(
            FOLDER / TABLE, compression="zstd", compression_level=19, statistics=False
        )
        (FOLDER / "chameleon.toml").write_text(project_text(), encoding="utf-8", newline="\n")
        return 0
    found = differences()
    print("\n".join(found) or f"{TABLE} and chameleon.toml are as made here.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
