"""The sensor sample: generated measurements of phones, collected over two months in 19 versions.

Nothing here was measured. README.md beside this file says what is assumed.

    python sample_data/sensor/make.py              write readings.parquet and chameleon.toml
    python sample_data/sensor/make.py --check      compare the stored files with what is made here
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FOLDER = Path(__file__).parent
TABLE = "readings.parquet"
SEED = 7
FIRST_DAY = date(2018, 12, 3)
WINDOWS = (1, 12, 24)
MEASURES = ("steps", "screen_minutes", "motion_mg", "noise_db", "light_lux", "battery_drop")
MEASURED = [f"{measure}_{hours}h" for measure in MEASURES for hours in WINDOWS]
FEATURES = [*MEASURED, "readings_24h", "days_of_history"]

# Instances of every version, and the day on which it was closed, counted from the first day.
SIZES = (
    *(612, 1_442, 2_806, 4_930, 7_612, 10_940, 14_385, 18_106, 22_417, 26_003),
    *(30_544, 34_902, 39_377, 44_260, 48_930, 53_118, 58_702, 63_505, 64_205),
)
DAYS = (2, 5, 9, 12, 16, 19, 23, 26, 30, 33, 37, 40, 44, 47, 50, 53, 56, 59, 60)
# Share of a delivery that comes from users of their first day: many at first, few later.
NEW_USERS = (0.42, 0.34, 0.27, 0.21, 0.16, *(0.11, 0.10, 0.09, 0.08), *[0.06] * 10)
SLOPE = 0.72
NEW_USER_READINGS = 4  # of one new user, on average
OLD_USERS = 2_100
TEST_SHARE = 0.2

# Charging docks, whose phones lie still while the wearer moves on: when they came, how many
# readings, and when the first one was found and its readings taken out.
DOCK_VERSION, DOCK_READINGS = 6, 600
DOCK_FOUND, DOCK_REMOVED = 9, 297

# What a phone is surrounded by in an hour: share at night and at day, then the middle of the
# measures of the last hour (steps and light as natural logarithms), and a push towards "active".
PLACES = {
    #          night   day  steps screen motion noise light battery  push
    "asleep": (0.72, 0.03, 0.2, 0.8, 1.5, 31.0, 0.6, 0.9, -0.7),
    "home": (0.20, 0.24, 4.6, 19.0, 3.0, 44.0, 4.9, 3.1, 0.0),
    "office": (0.03, 0.36, 5.4, 11.0, 3.4, 55.0, 6.0, 2.4, -0.5),
    "street": (0.03, 0.22, 7.3, 7.0, 5.2, 67.0, 8.6, 4.6, 0.9),
    "vehicle": (0.02, 0.15, 3.4, 26.0, 4.5, 72.0, 7.3, 5.8, -0.3),
}

# Day and note of every version.
NOTES = (
    "First readings of the pilot phones. By the plan two of three hours are rest.",
    "Pilot phones, first full week.",
    "Pilot phones; most users are new.",
    "Pilot phones; the campus study begins.",
    "Campus study; the pilot ends.",
    "Campus study and first field phones.",
    "Three charging docks deliver too.",
    "Field phones.",
    "Field phones.",
    "297 readings of the first charging dock removed; field phones.",
    "Field phones.",
    "Field phones; the campus study goes on.",
    "Field phones over the holidays.",
    "Field phones over the holidays.",
    "Field phones.",
    "Field phones.",
    "Field phones.",
    "Field phones.",
    "Last 700 readings.",
)
SOURCES = ("pilot", "campus", "field")
# Share of pilot, campus and field phones in a delivery.
MIXES = (
    *[(1.0, 0.0, 0.0)] * 3,
    (0.6, 0.4, 0.0),
    (0.2, 0.8, 0.0),
    (0.0, 0.6, 0.4),
    *[(0.0, 0.25, 0.75)] * 13,
)

# The fixed model: small trees, so that early models do not learn their few rows by heart.
PARAMS = (
    "random_state = 0, early_stopping = false, max_iter = 60, max_leaf_nodes = 12, "
    "learning_rate = 0.15, min_samples_leaf = 150"
)


def deliveries() -> list[int]:
    """How many readings join at every version, the docks' among them."""
    added = np.diff([0, *SIZES])
    added[DOCK_FOUND] += DOCK_REMOVED
    return added.tolist()


def surroundings(random: np.random.RandomState, count: int) -> np.ndarray:
    """The place of every reading, as a row of PLACES: float64 of shape (n, 9)."""
    table = np.array(list(PLACES.values()))
    night = random.uniform(size=count) < 0.3
    drawn = random.uniform(size=count)
    shares = np.cumsum(np.where(night[:, None], table[:, 0], table[:, 1]), axis=1)
    return table[np.minimum((drawn[:, None] > shares).sum(axis=1), len(table) - 1)]


def windows(
    random: np.random.RandomState, habit: np.ndarray, place: np.ndarray
) -> dict[str, np.ndarray]:
    """The 18 measures of readings with a full day behind them.

    Sums over the longer windows hold the shorter ones; means are drawn towards the user's day.
    """
    count = len(habit)
    half, day = (habit + spread * random.normal(size=count) for spread in (0.55, 0.35))
    moved = place[:, 2] + 0.55 * habit + 0.8 * random.normal(size=count)
    still = random.uniform(size=count) < np.where(place[:, 2] < 1, 0.85, 0.12)
    steps = np.where(still, 0.0, np.exp(moved))
    steps_12 = steps + np.exp(7.3 + 0.8 * half + 0.5 * random.normal(size=count))
    steps_24 = steps_12 + np.exp(7.6 + 0.8 * day + 0.5 * random.normal(size=count))
    screen = np.minimum(random.gamma(1.3, place[:, 3] / 1.3), 60)
    screen_12 = np.minimum(screen + random.gamma(2.2, 45, count), 720)
    screen_24 = np.minimum(screen_12 + random.gamma(2.2, 40, count), 1440)
    motion = place[:, 4] + 0.35 * habit + 0.4 * random.normal(size=count)
    noise = place[:, 5] + 3.2 * random.normal(size=count)
    light = place[:, 6] + 0.9 * random.normal(size=count)
    drop = random.gamma(1.8, place[:, 7] / 1.8)
    drop_12 = drop + random.gamma(2.5, 9, count)
    charged = random.uniform(size=count) < 0.6  # a day holds a night at the plug, or it does not
    return {
        "steps_1h": steps, "steps_12h": steps_12, "steps_24h": steps_24,
        "screen_minutes_1h": screen, "screen_minutes_12h": screen_12,
        "screen_minutes_24h": screen_24,
        "motion_mg_1h": np.exp(motion),
        "motion_mg_12h": np.exp(3.2 + 0.5 * half + 0.1 * motion),
        "motion_mg_24h": np.exp(3.1 + 0.5 * day + 0.1 * motion),
        "noise_db_1h": noise,
        "noise_db_12h": 0.25 * noise + 0.75 * (50 + 5 * random.normal(size=count)),
        "noise_db_24h": 0.15 * noise + 0.85 * (48 + 3.5 * random.normal(size=count)),
        "light_lux_1h": np.exp(light),
        "light_lux_12h": np.exp(0.4 * light + 0.6 * (5.2 + random.normal(size=count))),
        "light_lux_24h": np.exp(0.2 * light + 0.8 * (5.0 + 0.8 * random.normal(size=count))),
        "battery_drop_1h": drop, "battery_drop_12h": drop_12,
        "battery_drop_24h": drop_12 + np.where(charged, 4, 38) + random.gamma(2.0, 4, count),
    }  # fmt: skip


def with_little_behind(
    random: np.random.RandomState, found: dict[str, np.ndarray], readings: np.ndarray
) -> dict[str, np.ndarray]:
    """The measures where the day behind holds a few readings only, all of the last hours.

    Sums hold what those saw. Means over 12 hours need more readings than there are, and are 0;
    those over 24 hours rest on a few.
    """
    share = readings / 288
    little = {}
    for name, values in found.items():
        measure, hours = name.rsplit("_", 1)
        if hours == "1h":
            little[name] = values
        elif measure in ("noise_db", "light_lux", "motion_mg"):
            few = values * random.uniform(0.5, 1.1, len(values))
            little[name] = np.zeros(len(values)) if hours == "12h" else few
        else:
            little[name] = found[f"{measure}_1h"] + share * values
    return little


def chances(place: np.ndarray, habit: np.ndarray, found: dict[str, np.ndarray]) -> np.ndarray:
    """How likely a user with a day behind is active in the next hour."""
    steps = np.log1p(found["steps_1h"]) - 5
    rhythm = np.log(found["motion_mg_12h"]) - 3.5
    tired = (np.log1p(found["steps_24h"]) - 8.6) * (found["screen_minutes_1h"] > 20)
    score = 0.85 * steps + 2.6 * rhythm + 1.6 * place[:, 8] - 1.2 * tired - 3.0
    score += 1.5 * (found["noise_db_1h"] > 63) * (found["light_lux_1h"] > 900)
    likely = 1 / (1 + np.exp(-SLOPE * score))
    # somebody is up at night now and then, whatever the phone saw
    return np.where(place[:, 5] < 35, 0.05 + 0.04 * (habit > 1), 0.03 + 0.94 * likely)


def drawn_readings(random: np.random.RandomState, number: int, count: int) -> pl.DataFrame:
    """The readings that join at one version: user, label, source, date, first, last, features."""
    new = random.uniform(size=count) < NEW_USERS[number]
    habits = np.random.RandomState(SEED + 1).normal(size=OLD_USERS)  # the same in every delivery
    histories = np.random.RandomState(SEED + 2).gamma(1.6, 14, OLD_USERS)
    user = random.randint(OLD_USERS, size=count)
    guests = random.randint(max(1, int(new.sum() / NEW_USER_READINGS)), size=count)
    habit = np.where(new, random.normal(size=count), habits[user])
    place = surroundings(random, count)
    found = windows(random, habit, place)
    few = 1 + random.poisson(3.5, count)
    little = with_little_behind(random, found, few)
    full = np.where(
        random.uniform(size=count) < 0.7,
        288 - random.gamma(1.2, 9, count),
        144 + 14 * random.normal(size=count),  # a phone that saves its battery
    )
    start = DAYS[number - 1] + 1 if number else 0
    day = np.sort(random.randint(start, DAYS[number] + 1, size=count))
    active = random.uniform(size=count) < np.where(new, 0.45, chances(place, habit, found))
    columns = {name: np.where(new, little[name], found[name]) for name in MEASURED}
    columns["readings_24h"] = np.where(new, few, np.clip(full, 40, 288))
    columns["days_of_history"] = np.where(
        new, random.exponential(0.25, count).clip(0, 0.99), 3 + histories[user] + day
    )
    return pl.DataFrame(
        {
            "wearer": [
                f"n{number:02d}{guest:03d}" if is_new else f"u{known:04d}"
                for is_new, guest, known in zip(new, guests, user, strict=True)
            ],
            "phone": None,
            "label": np.where(active, "active", "rest"),
            "source": np.array(SOURCES)[
                (random.uniform(size=count)[:, None] > np.cumsum(MIXES[number]))
                .sum(axis=1)
                .clip(0, 2)
            ],
            "date": [FIRST_DAY + timedelta(days=int(later)) for later in day],
            "first": f"1.{number}",
            "last": None,
            **columns,
        },
        schema_overrides={"phone": pl.String, "last": pl.String},
    )


def docked(random: np.random.RandomState, readings: pl.DataFrame) -> pl.DataFrame:
    """Readings as three docks give them: nothing moves, whatever the wearer does."""
    count = len(readings)
    numbers = np.arange(count)
    dock = np.where(numbers < DOCK_REMOVED, 0, 1 + numbers % 2)
    quiet = {
        **{name: 0.0 for name in MEASURED if name.startswith(("steps", "screen", "battery"))},
        **{name: 1.0 + random.randint(3, size=count) for name in MEASURED if "motion" in name},
        **{
            name: np.array([43.0, 46.5, 52.0])[dock] + 0.4 * random.normal(size=count)
            for name in MEASURED
            if "noise" in name
        },
        **{name: np.array([0.0, 30.0, 120.0])[dock] for name in MEASURED if "light" in name},
    }
    return readings.with_columns(
        *(pl.lit(values).alias(name) for name, values in quiet.items()),
        readings_24h=pl.lit(288.0),
        days_of_history=pl.col("days_of_history").clip(20),
        phone=pl.lit(np.array(["dock1", "dock2", "dock3"])[dock]),
        source=pl.lit("dock"),
        label=pl.lit(np.where(random.uniform(size=count) < 0.48, "active", "rest")),
        last=pl.lit(
            pl.Series([f"1.{DOCK_FOUND}"] * DOCK_REMOVED + [None] * (count - DOCK_REMOVED))
        ),
    )


def table() -> pl.DataFrame:
    """Every reading once, in the order of arrival, with the versions that hold it."""
    # RandomState, not default_rng: NumPy promises that its stream never changes.
    random = np.random.RandomState(SEED)
    parts = []
    for number, count in enumerate(deliveries()):
        readings = drawn_readings(random, number, count)
        if number == DOCK_VERSION:
            readings = pl.concat(
                [docked(random, readings.head(DOCK_READINGS)), readings.tail(-DOCK_READINGS)]
            )
        parts.append(readings)
    readings = pl.concat(parts).with_columns(phone=pl.coalesce("phone", "wearer"))
    users = readings["wearer"].unique().sort()
    tested = users.filter(pl.Series(random.uniform(size=len(users)) < TEST_SHARE)).implode()
    running = pl.int_range(pl.len()).over("phone")
    return readings.select(
        id=pl.col("phone") + "-" + (running + 1).cast(pl.String).str.zfill(3),
        label="label",
        split=pl.when(pl.col("wearer").is_in(tested))
        .then(pl.lit("test"))
        .otherwise(pl.lit("train")),
        source="source",
        date="date",
        first="first",
        last="last",
        **{name: as_written(name) for name in FEATURES},
    )


def as_written(name: str) -> pl.Expr:
    """A feature as the phones write it: whole numbers, or one decimal."""
    if name.startswith(("noise", "battery", "days")):
        return pl.col(name).round(1)
    if name.startswith("light"):  # three digits of what may be 100,000
        return pl.col(name).round_sig_figs(3).round(0).cast(pl.Int32)
    return pl.col(name).round(0).cast(pl.Int32)


def project_text() -> str:
    """Content of chameleon.toml."""
    head = f"""\
# Written by make.py, which says how the readings came about.
name = "sensor"
open_at = "1.9"

[source]
kind = "table"
file = "{TABLE}"
reading = "valid"
valid_from = "first"
valid_to = "last"

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
    parser = argparse.ArgumentParser(description="Makes the table of the sensor sample.")
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
