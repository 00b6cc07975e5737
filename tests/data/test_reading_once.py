"""Files are read once to the end, and only where their content is new."""

import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from chameleon.data import EvolvingDataset, evolving_dataset
from chameleon.project import survey
from tests import internals as chameleon
from tests.data.test_dataset import assert_equal
from tests.library import WRITERS, plain, write_project, write_version

VERSIONS = {"1": plain(day=["2020-01-01"] * 20), "2": plain(x=[1.5] * 20, day=["2020-01-02"] * 20)}
THIRD = plain(x=[2.5] * 20, day=["2020-01-03"] * 20)
by_form = pytest.mark.parametrize("form", ["parquet", "csv.gz", "jsonl"])


@pytest.fixture
def reads(monkeypatch):
    """Return how often each file was read whole by Python, or handed to polars by its path."""
    counts: Counter[str] = Counter()
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        counts[path.name] += 1
        return read_bytes(path)

    def spy(name: str) -> None:
        scan = getattr(pl, name)

        def scanned(source: object, *args: object, **options: object) -> pl.LazyFrame:
            if isinstance(source, Path):
                counts[source.name] += 1
            return scan(source, *args, **options)

        monkeypatch.setattr(pl, name, scanned)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for name in ("scan_csv", "scan_parquet", "scan_ipc", "scan_ndjson"):
        spy(name)
    return counts


def dataset_of(folder: Path) -> EvolvingDataset:
    return evolving_dataset(chameleon.open_project(folder))


@by_form
def test_from_file_to_dataset_every_file_is_read_once(tmp_path, reads, form):
    folder = write_project(tmp_path, VERSIONS, form=form)
    dataset_of(folder)
    files = [f"1.{form}", f"2.{form}"]
    assert [reads[name] for name in files] == [1, 1]
    write_version(folder, "3", THIRD, form=form)
    dataset_of(folder)
    dataset_of(folder)
    assert [reads[name] for name in [*files, f"3.{form}"]] == [1, 1, 1]


@by_form
def test_a_survey_reads_every_file_once_too_and_holds_none(tmp_path, reads, form):
    folder = write_project(tmp_path, VERSIONS, form=form)
    assert survey(folder).error is None
    assert [reads[f"1.{form}"], reads[f"2.{form}"]] == [1, 1]


@by_form
def test_a_table_is_read_once(tmp_path, reads, form):
    table = pl.concat([f.with_columns(batch=pl.lit(name)) for name, f in VERSIONS.items()])
    WRITERS[form](table, tmp_path / f"all.{form}")
    address = f"{tmp_path}/all.{form}?version=batch&reading=snapshot"
    dataset = evolving_dataset(chameleon.open_project(address))
    assert [version.name for version in dataset.versions] == ["1", "2"]
    assert reads[f"all.{form}"] == 1


@by_form
def test_an_appended_version_costs_the_reading_of_its_own_file(tmp_path, form):
    folder = write_project(tmp_path / "p", VERSIONS, form=form)
    dataset_of(folder)
    for name in VERSIONS:  # whoever reads them now finds nothing that can be read
        path = folder / "versions" / f"{name}.{form}"
        status = path.stat()
        with path.open("r+b") as stream:
            stream.write(b"\xff" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    write_version(folder, "3", THIRD, form=form)
    whole = write_project(tmp_path / "q", {**VERSIONS, "3": THIRD}, form=form)
    assert_equal(dataset_of(folder), dataset_of(whole))


def test_what_is_held_is_let_go_when_its_rows_are_stored(tmp_path, reads):
    folder = write_project(tmp_path, VERSIONS)
    project = chameleon.open_project(folder)
    for _ in range(2):
        evolving_dataset(project)
    reads.clear()
    frame = project.source.scan(project.versions[0]).collect()
    assert reads == {"1.parquet": 1}  # from the disk again
    assert frame.equals(VERSIONS["1"])
