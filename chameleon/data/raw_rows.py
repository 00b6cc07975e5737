"""The rows of a version as its file has them: ids, and columns that are no features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.dataset import EvolvingDataset
from chameleon.errors import VersionError
from chameleon.project import READ_ERRORS, Version, id_keys, named
from chameleon.storage import MemoryCache

_keys: MemoryCache[EvolvingDataset, str, pl.Series] = MemoryCache(4)


def id_columns(dataset: EvolvingDataset, version: Version) -> pl.DataFrame:
    """The id columns of a version as its file has them, one row per row of the file.

    Of a plain-text file, ids that are all whole numbers as they are written become integers.
    VersionError: the file can't be read anymore.
    """
    source, names = dataset.project.source, dataset.project.roles.id
    try:
        frame = source.scan(version).select(named(*names)).collect()
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


def raw_columns(dataset: EvolvingDataset) -> tuple[str, ...]:
    """The columns of any version, features or not, in the order they first appear."""
    source, found = dataset.project.source, dict[str, None]()
    for version in dataset.versions:
        try:
            found.update(dict.fromkeys(source.scan(version).collect_schema().names()))
        except (*READ_ERRORS, VersionError):
            continue  # removed since the project was opened; reading its values reports it
    return tuple(found)


def raw_values(
    dataset: EvolvingDataset, column: str, instances: Sequence[str], version: Version
) -> list[object]:
    """The values of some instances in a version's file, never cached; None without one."""
    project = dataset.project
    if not project.roles.id:
        raise VersionError(
            f"Column '{column}' isn't a feature, and without an id column its rows can't be "
            "identified.",
            column=column,
            fix='Name one under [columns] in chameleon.toml: id = "...".',
        )
    try:
        if project.source.fingerprint(version) != project.fingerprints[version.name]:
            raise version.changed
        scan = project.source.scan(version)
        if column not in scan.collect_schema().names():
            return [None] * len(instances)
        keys = _keys.recall(
            dataset,
            version.name,
            lambda: instance_keys(
                dataset, version, scan.select(named(*project.roles.id)).collect()
            ),
        )
        places = _places(keys, instances)
        wanted = np.unique(places[places >= 0])
        numbered = scan.select(named(column)).with_row_index("\0")
        rows = numbered.filter(pl.col("\0").is_in(wanted.tolist())).collect(engine="streaming")
    except READ_ERRORS as error:
        raise project.source.unreadable(version, error) from error
    values = dict(zip(rows["\0"].to_list(), rows[column].to_list(), strict=True))
    return [values.get(place) for place in places.tolist()]


def _places(keys: pl.Series, instances: Sequence[str]) -> NDArray[np.int64]:
    """The row of each instance, -1 without one."""
    held = pl.DataFrame({"id": keys}).with_row_index("row").unique("id", keep="first")
    asked = pl.DataFrame({"id": pl.Series(instances, dtype=pl.String)})
    joined = asked.join(held, on="id", how="left", maintain_order="left")
    return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()
