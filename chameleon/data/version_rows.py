"""The rows of one version as a frame, in the order of its file."""

from __future__ import annotations

import polars as pl

from chameleon.data.dataset import EvolvingDataset
from chameleon.errors import VersionError
from chameleon.project import (
    READ_ERRORS,
    Version,
    id_keys,
    named,
)


def id_columns(dataset: EvolvingDataset, version: Version) -> pl.DataFrame:
    """The id columns of a version as its file has them, one row per row of the file.

    Of a plain-text file, ids that are all whole numbers as they are written become integers.

    Raises
    ------
    VersionError
        The file changed, or can't be read any more.
    """
    source, names = dataset.project.source, dataset.project.roles.id
    try:
        frame = source.scan(version).select(named(name) for name in names).collect()
    except VersionError:
        raise
    except READ_ERRORS as error:
        raise source.unreadable(version, error) from error
    if source.untyped(version):
        return frame.select(_typed(frame[name]) for name in names)
    return frame


def _typed(column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Int64, strict=False)
    return numbers if (numbers.cast(pl.String) == column).all() else column


def instance_keys(dataset: EvolvingDataset, version: Version, ids: pl.DataFrame) -> pl.Series:
    """The id of every row as text, as instances are known."""
    untyped = dataset.project.source.untyped(version)
    texts = ids.cast(pl.String) if untyped else ids
    return id_keys(texts, ids.columns, untyped=untyped).alias("instance")
