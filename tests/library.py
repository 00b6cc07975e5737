"""Writing project folders, and opening them: what most library tests begin with."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import settings

from chameleon.project import Severity
from tests import internals as chameleon

Frames = Mapping[str, pl.DataFrame]

TREE = '[model]\nestimator = "DecisionTreeClassifier"\nparams = { max_depth = 3 }\n'
"""A model that is fitted in a millisecond, for tests of anything else."""


def examples(most: int) -> int:
    """All examples where new ones are drawn, else a fifth: the fixed ones are always the same."""
    return most if settings.get_current_profile_name() == "random" else max(most // 5, 5)


def _write_csv_gz(frame: pl.DataFrame, path: Path) -> None:
    path.write_bytes(gzip.compress(frame.write_csv().encode(), mtime=0))


WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": lambda frame, path: frame.write_parquet(path),
    "csv": lambda frame, path: frame.write_csv(path),
    "csv.gz": _write_csv_gz,
    "arrow": lambda frame, path: frame.write_ipc(path),
    "feather": lambda frame, path: frame.write_ipc(path),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
}


def write_project(
    folder: Path,
    frames: Frames,
    *,
    form: str = "parquet",
    toml: str = "",
    predictions: Frames | None = None,
) -> Path:
    """Write a project folder and return it: a file a version, named as the version."""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        write_version(folder, name, frame, form=form)
    if toml:
        (folder / "chameleon.toml").write_text(toml, encoding="utf-8")
    if predictions is not None:
        (folder / "predictions").mkdir(exist_ok=True)
        for name, frame in predictions.items():
            WRITERS[form](frame, folder / "predictions" / f"{name}.{form}")
    return folder


def write_version(folder: Path, name: str, frame: pl.DataFrame, *, form: str = "parquet") -> Path:
    path = folder / "versions" / f"{name}.{form}"
    WRITERS[form](frame, path)
    return path


@contextmanager
def temporary_project(
    frames: Frames,
    *,
    form: str = "parquet",
    toml: str = "",
    predictions: Frames | None = None,
) -> Iterator[Path]:
    """A project folder for one example of a property, gone afterwards."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "generated"
        yield write_project(path, frames, form=form, toml=toml, predictions=predictions)


def evaluated(folder: Path) -> chameleon.Evaluation:
    return chameleon.evaluate(chameleon.open_project(folder))


def by_hash(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order of a hash of their ids, as the library holds and fits them."""
    digests = [
        hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        for key in frame["id"].cast(pl.String)
    ]
    return frame[pl.Series(digests).arg_sort()]


def messages(findings: tuple[chameleon.Finding, ...], severity: Severity | None = None) -> str:
    """All messages of problems, a line each."""
    return "\n".join(p.message for p in findings if severity in (None, p.severity))


def errors_of(project: chameleon.Project) -> str:
    return messages(project.findings, Severity.ERROR)


def plain(count: int = 20, **columns: object) -> pl.DataFrame:
    """A version of two classes with one feature x; further columns replace or follow its own."""
    return pl.DataFrame(
        {
            "id": list(range(count)),
            "label": ["a" if i % 2 else "b" for i in range(count)],
            "split": ["test" if i % 5 > 2 else "train" for i in range(count)],
            "x": [i * 0.75 + (i % 2) * 3 for i in range(count)],
        }
        | columns
    )
