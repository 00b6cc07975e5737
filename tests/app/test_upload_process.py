"""Uploads that would end, block, or fill the process that reads them."""

import io
import struct
import sys
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest

from chameleon.app.upload_process import in_child
from chameleon.data import evolving_dataset
from chameleon.errors import ChameleonError, ModelError, ProjectError
from chameleon.models import evaluate
from chameleon.project import Limits, open_project, survey
from chameleon.storage.child_process import MEMORY_VARIABLE
from tests.library import TREE, plain, write_project

LIMITS = Limits()
needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


def aborting_arrow() -> bytes:
    """An Arrow file whose metadata states the length of a buffer as 2^62 bytes."""
    texts = [f"a text longer than twelve bytes {k}" for k in range(24)]
    stream = io.BytesIO()
    plain(24).with_columns(text=pl.Series(texts)).write_ipc(stream)
    content = bytearray(stream.getvalue())
    length = struct.pack("<q", sum(map(len, texts)))
    place = content.find(length)
    assert place > 0
    while place > 0:
        content[place : place + 8] = struct.pack("<q", 2**62)
        place = content.find(length, place)
    return bytes(content)


def endless_dates() -> bytes:
    """A Parquet file with a day and a moment that no calendar has."""
    days = pl.Series([17_000] * 23 + [2**31 - 1], dtype=pl.Int32).cast(pl.Date)
    moments = pl.Series([2**62] + [10**12] * 23, dtype=pl.Int64).cast(pl.Datetime("ms"))
    stream = io.BytesIO()
    plain(24).with_columns(date=days, moment=moments).write_parquet(stream)
    return stream.getvalue()


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def task(name, folder, private, limits=LIMITS, **job):
    return in_child(name, folder, private, lambda progress: None, upload=asdict(limits), **job)


def test_a_file_that_aborts_its_reader_is_named(tmp_path, private):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)}, toml=TREE)
    (folder / "versions" / "3.arrow").write_bytes(aborting_arrow())
    with pytest.raises(ChameleonError, match=r"^(Reading )?3\.arrow ") as raised:
        task("survey", folder, private, trial=False)
    assert str(tmp_path) not in str(raised.value)


def test_dates_out_of_range_count_as_missing_and_are_reported(tmp_path, private):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    (folder / "versions" / "2.parquet").write_bytes(endless_dates())
    assert task("survey", folder, private, trial=False) is None
    found = survey(folder, private=private)
    told = [finding.message for finding in found.findings if "years 1 to 9999" in finding.message]
    assert [message.count("1 of 24") for message in told] == [1, 1]
    task("open", folder, private)
    dataset = evolving_dataset(open_project(folder, private=private, cached_only=True))
    assert np.isnat(dataset.date[dataset.rows_of(1)]).sum() == 1
    number = dataset.feature_number("moment")
    assert np.isnan(dataset.values[number, dataset.rows_of(1)]).sum() == 1


@needs_limits
def test_a_file_that_grows_beyond_the_memory_is_named(tmp_path, private, monkeypatch):
    monkeypatch.setenv(MEMORY_VARIABLE, "600")
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    rows = 1_000_000  # as floats 720 MB, as a file a thousandth of it
    wide = {f"f{k}": pl.repeat(0.5, rows, eager=True) for k in range(90)}
    frame = pl.DataFrame(
        {
            "id": pl.int_range(rows, eager=True),
            "label": pl.repeat("cat", rows, eager=True),
            "split": pl.repeat("train", rows, eager=True),
            **wide,
        }
    )
    frame.write_parquet(folder / "versions" / "2.parquet")
    assert (folder / "versions" / "2.parquet").stat().st_size < 20_000_000
    with pytest.raises(ChameleonError, match=r"Reading .*0\.6 GB of memory"):
        task("open", folder, private)


def test_what_is_not_allowed_is_refused(tmp_path, private):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)}, toml=TREE)
    few = replace(LIMITS, predictions=40)
    assert "Too many predictions" in task("survey", folder, private, few, trial=False)
    with pytest.raises(ChameleonError, match="Too many rows"):
        task("survey", folder, private, replace(LIMITS, rows=30), trial=False)


def test_the_server_uses_what_the_child_cached_and_fits_nothing(tmp_path, private):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)}, toml=TREE)
    project = open_project(folder, private=private, cached_only=True)
    with pytest.raises(ProjectError, match="data of p isn't cached"):
        evolving_dataset(project)
    evolving_dataset(replace(project, cached_only=False))
    with pytest.raises(ModelError, match="results of p aren't cached"):
        evaluate(project)
    task("open", folder, private)
    found = evaluate(project)
    alone = evaluate(open_project(folder, private=tmp_path / "other"))
    assert (found.predicted == alone.predicted).all()
    assert found.fitted == ()
