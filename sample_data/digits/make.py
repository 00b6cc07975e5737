"""The digits sample: real handwritten digits with a staged history of twelve versions.

The images are those of scikit-learn's ``load_digits``. README.md beside this file says what is real
and what is staged.

    python sample_data/digits/make.py              write versions/ and chameleon.toml
    python sample_data/digits/make.py --check      compare the stored files with what is made here
    python sample_data/digits/make.py --measure    fit the model on every version, print the tables
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).parent
SEED = 49
SIDE = 8
FULL_INK = 16
PIXELS = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
SHIFTS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
SHIFTED_IMAGES = 40
# The digit that the model of 1.1 recalls least on the validation rows; --measure shows it.
WEAK_DIGIT = "9"
# From this row of the vendor's list on, every label is that of the row before.
FIRST_SLIPPED_ROW = 40
FAULTY_DIVISOR = 16


@dataclass(frozen=True, slots=True)
class Batch:
    """Images that arrive together, drawn without replacement; `digit` draws only that digit."""

    size: int
    split: str
    source: str
    first_day: date
    last_day: date
    digit: str | None = None


BATCHES = {
    "first test": Batch(350, "test", "scan", date(2024, 1, 2), date(2024, 1, 12)),
    "vendor test": Batch(100, "test", "vendor", date(2024, 5, 2), date(2024, 5, 10)),
    "validation": Batch(100, "validation", "scan", date(2024, 1, 16), date(2024, 1, 26)),
    "first train": Batch(100, "train", "scan", date(2024, 1, 2), date(2024, 1, 12)),
    "second train": Batch(100, "train", "scan", date(2024, 1, 16), date(2024, 1, 26)),
    "archive": Batch(150, "train", "archive", date(2023, 9, 4), date(2023, 12, 15)),
    "weak digit": Batch(
        45, "train", "weak-digit drive", date(2024, 2, 1), date(2024, 2, 9), WEAK_DIGIT
    ),
    "vendor": Batch(250, "train", "vendor", date(2024, 3, 1), date(2024, 3, 22)),
    "damaged": Batch(40, "train", "vendor", date(2024, 3, 18), date(2024, 3, 22)),
    "third train": Batch(100, "train", "scan", date(2024, 5, 2), date(2024, 5, 10)),
    "fourth train": Batch(200, "train", "scan", date(2024, 6, 10), date(2024, 6, 28)),
}
MEASURED = (
    *("version", "train", "unlabeled", "test", "validation"),
    *("added", "removed", "relabeled", "edited", "train accuracy", "test accuracy"),
)
SHIFT_DAY = date(2024, 3, 4)
# Day and note of every version, in the order of `states`.
HISTORY = (
    (date(2024, 1, 15), "First scans: 100 train images and 350 test images."),
    (date(2024, 1, 29), "100 sampled, 150 unlabeled and 100 validation images added."),
    (date(2024, 2, 12), "45 images of 9 added, the digit that the model of 1.1 recalled least."),
    (date(2024, 2, 26), "Labels added to the 150 unlabeled images; no image changed."),
    (
        date(2024, 3, 11),
        "160 synthetic images added: 40 train images shifted by a pixel four ways.",
    ),
    (date(2024, 3, 25), "290 vendor images added, 191 of them wrongly labeled and 40 damaged."),
    (date(2024, 4, 8), "The 191 wrong labels of the vendor corrected; no image changed."),
    (date(2024, 4, 22), "The 40 damaged vendor images (blank or noise) removed."),
    (date(2024, 5, 13), "Test set grown by 100 vendor images; 100 sampled train images added."),
    (date(2024, 5, 27), "Faulty export: pixels of all 350 vendor images divided by 16 and cut."),
    (date(2024, 6, 10), "Vendor images exported again with the right pixels, as in 1.8."),
    (date(2024, 7, 1), "200 sampled train images added."),
)


@dataclass(frozen=True, slots=True)
class Version:
    """One state of the dataset: its place on the timeline and all its rows, sorted by id."""

    name: str
    day: date
    note: str
    rows: pl.DataFrame

    @property
    def file(self) -> str:
        """Path of the version's file, relative to the project folder."""
        return f"versions/{self.name}.parquet"


def drawn_batches(random: np.random.RandomState) -> dict[str, pl.DataFrame]:
    """Rows of every batch with true labels and true pixels, in the order of arrival.

    Columns: id, label, split, source, date, pixel_0_0 ... pixel_7_7. An image is in one batch only,
    so that it keeps its split. The days of a batch are spread evenly over its images.
    """
    images, digits = load_digits(return_X_y=True)
    labels = digits.astype(str)
    order = random.permutation(len(labels))
    batches = {}
    for name, batch in BATCHES.items():
        candidates = order if batch.digit is None else order[labels[order] == batch.digit]
        chosen = candidates[: batch.size]
        order = order[~np.isin(order, chosen)]
        days = (batch.last_day - batch.first_day).days + 1
        about = pl.DataFrame(
            {
                "id": [f"digit-{number:04d}" for number in chosen],
                "label": labels[chosen].tolist(),
                "split": batch.split,
                "source": batch.source,
                "date": [
                    batch.first_day + timedelta(days=place * days // batch.size)
                    for place in range(batch.size)
                ],
            }
        )
        batches[name] = pl.concat([about, pixel_frame(images[chosen])], how="horizontal")
    return batches


def pixel_frame(images: np.ndarray) -> pl.DataFrame:
    """Images of shape (n, 64) or (n, 8, 8) as columns of small integers, 0 (paper) to 16 (ink)."""
    flat = images.reshape(-1, SIDE * SIDE).astype(np.uint8)
    return pl.DataFrame(flat, schema=PIXELS, orient="row")


def with_pixels(rows: pl.DataFrame, images: np.ndarray) -> pl.DataFrame:
    """Rows like these that show other images."""
    return rows.with_columns(pixel_frame(images).get_columns())


def shifted(rows: pl.DataFrame) -> pl.DataFrame:
    """Four synthetic rows a row: its image moved by one pixel each way, paper filling the edge."""
    images = rows.select(PIXELS).to_numpy().reshape(-1, SIDE, SIDE)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    copies = []
    for name, (down, right) in SHIFTS.items():
        window = padded[:, 1 - down : 1 - down + SIDE, 1 - right : 1 - right + SIDE]
        copies.append(
            with_pixels(rows, window).with_columns(
                id=pl.col.id.str.replace("digit", "shift") + f"-{name}",
                source=pl.lit("synthetic shift"),
                date=pl.lit(SHIFT_DAY),
            )
        )
    return pl.concat(copies)


def damaged(rows: pl.DataFrame, random: np.random.RandomState) -> pl.DataFrame:
    """Rows like these without a digit: every third image blank, the others noise."""
    images = random.randint(0, FULL_INK + 1, size=(len(rows), SIDE * SIDE))
    images[::3] = 0
    return with_pixels(rows, images)


def slipped(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows like these, their labels slipped by one from `FIRST_SLIPPED_ROW` on."""
    in_order = pl.int_range(pl.len()) < FIRST_SLIPPED_ROW
    return rows.with_columns(
        label=pl.when(in_order).then(pl.col.label).otherwise(pl.col.label.shift(1))
    )


def faintly_exported(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows like these, the vendor's pixels divided by 16 and cut to whole numbers: 0 or 1."""
    pixels = pl.col(PIXELS)
    faint = pixels // FAULTY_DIVISOR
    return rows.with_columns(
        pl.when(pl.col.source == "vendor").then(faint).otherwise(pixels).name.keep()
    )


def states() -> Iterator[pl.DataFrame]:
    """All rows of every version, from old to new, as `HISTORY` tells it."""
    # RandomState, not default_rng: NumPy promises that its stream never changes.
    random = np.random.RandomState(SEED)
    batch = drawn_batches(random)
    scans = pl.concat([batch["first train"], batch["second train"]]).sort("id")
    chosen = np.sort(random.permutation(len(scans))[:SHIFTED_IMAGES])
    synthetic = shifted(scans[chosen.tolist()])
    broken = damaged(batch["damaged"], random)
    unlabeled = batch["archive"].with_columns(label=pl.lit(None, dtype=pl.String))

    rows = pl.concat([batch["first test"], batch["first train"]])
    yield rows
    rows = pl.concat([rows, batch["second train"], batch["validation"]])
    yield pl.concat([rows, unlabeled])
    rows = pl.concat([rows, batch["weak digit"]])
    yield pl.concat([rows, unlabeled])
    rows = pl.concat([rows, batch["archive"]])
    yield rows
    rows = pl.concat([rows, synthetic])
    yield rows
    yield pl.concat([rows, slipped(batch["vendor"]), broken])
    rows = pl.concat([rows, batch["vendor"]])
    yield pl.concat([rows, broken])
    yield rows
    rows = pl.concat([rows, batch["vendor test"], batch["third train"]])
    yield rows
    yield faintly_exported(rows)
    yield rows
    yield pl.concat([rows, batch["fourth train"]])


def timeline() -> list[Version]:
    """All versions, from 1.0 on."""
    return [
        Version(f"1.{number}", day, note, rows.sort("id"))
        for number, ((day, note), rows) in enumerate(zip(HISTORY, states(), strict=True))
    ]


def project_text(versions: list[Version]) -> str:
    """Content of chameleon.toml."""
    head = """\
# Written by make.py, which says how the versions came about.
name = "digits"
open_at = "1.5"

[columns]
id = "id"
label = "label"
split = "split"
date = "date"
source = "source"

[model]
estimator = "HistGradientBoostingClassifier"
params = { random_state = 0, early_stopping = false }
"""
    entries = [
        f'\n[[versions]]\nname = "{version.name}"\nfile = "{version.file}"\n'
        f'date = {version.day}\nnote = "{version.note}"\n'
        for version in versions
    ]
    return head + "".join(entries)


def write_project(versions: list[Version]) -> None:
    """Write chameleon.toml and the version files."""
    (FOLDER / "versions").mkdir(exist_ok=True)
    for version in versions:
        version.rows.write_parquet(
            FOLDER / version.file, compression="zstd", compression_level=19, statistics=False
        )
    (FOLDER / "chameleon.toml").write_text(project_text(versions), encoding="utf-8", newline="\n")


def differences(versions: list[Version]) -> list[str]:
    """Sentences, one a file, on what is stored otherwise than it is made here."""
    found = []
    expected = {FOLDER / version.file for version in versions}
    for extra in sorted(set((FOLDER / "versions").glob("*")) - expected):
        found.append(f"versions/{extra.name} is not made by this script.")
    for version in versions:
        path = FOLDER / version.file
        if not path.is_file():
            found.append(f"{version.file} is missing.")
        elif not pl.read_parquet(path).equals(version.rows):
            found.append(f"{version.file} holds other rows, or its columns differ.")
        elif pl.read_parquet_schema(path) != version.rows.schema:
            found.append(f"{version.file} holds other column types.")
    project = FOLDER / "chameleon.toml"
    if not project.is_file() or project.read_text(encoding="utf-8") != project_text(versions):
        found.append("chameleon.toml is missing or differs.")
    return found


def features_and_labels(rows: pl.DataFrame, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels as float64 of shape (n, 64), and labels (n,), of a split's labeled rows."""
    known = rows.filter(pl.col.split == split, pl.col.label.is_not_null()).sort("id")
    return known.select(PIXELS).to_numpy().astype(np.float64), known["label"].to_numpy()


def step_counts(before: pl.DataFrame, after: pl.DataFrame) -> str:
    """Instances added, removed, relabeled, and edited in a step, as cells of a Markdown table."""
    kept = before.join(after, on="id", suffix="_after")
    relabeled = kept.filter(pl.col.label.ne_missing(pl.col.label_after))
    edited = kept.filter(pl.any_horizontal(pl.col(p) != pl.col(f"{p}_after") for p in PIXELS))
    counts = (len(after) - len(kept), len(before) - len(kept), len(relabeled), len(edited))
    return " | ".join(str(count) for count in counts)


def print_measurements(versions: list[Version]) -> None:
    """Print size, change and accuracy of every version, and the recalls that chose the digit."""
    print(f"| {' | '.join(MEASURED)} |\n|{' --- |' * len(MEASURED)}")
    before = versions[0].rows.clear()
    recalls = ""
    started = time.perf_counter()
    for version in versions:
        train, train_labels = features_and_labels(version.rows, "train")
        test, test_labels = features_and_labels(version.rows, "test")
        valid, valid_labels = features_and_labels(version.rows, "validation")
        model = HistGradientBoostingClassifier(random_state=0, early_stopping=False)
        with threadpool_limits(1):
            model.fit(train, train_labels)
            train_score = model.score(train, train_labels)
            test_score = model.score(test, test_labels)
            if version.name == "1.1":
                right = model.predict(valid) == valid_labels
                recalls = "  ".join(
                    f"{label}: {right[valid_labels == label].sum()}/{(valid_labels == label).sum()}"
                    for label in model.classes_
                )
        print(
            f"| {version.name} | {len(train)} | {version.rows['label'].null_count()} "
            f"| {len(test)} | {len(valid)} | {step_counts(before, version.rows)} "
            f"| {train_score:.3f} | {test_score:.3f} |"
        )
        before = version.rows
    print(f"Validation recall by digit, model of 1.1: {recalls}")
    print(f"{len(versions)} fits in {time.perf_counter() - started:.1f} s, one thread.")


def main() -> int:
    """Exit code: 1 where --check finds a difference, else 0."""
    parser = argparse.ArgumentParser(description="Makes the versions of the digits sample.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare the stored files")
    action.add_argument("--measure", action="store_true", help="fit and print accuracies")
    options = parser.parse_args()
    versions = timeline()
    if options.measure:
        print_measurements(versions)
        return 0
    if not options.check:
        write_project(versions)
        return 0
    found = differences(versions)
    print("\n".join(found) or f"{len(versions)} versions and chameleon.toml are as made here.")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
