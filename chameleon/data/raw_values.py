"""Values of columns that are no features (lists, bytes, ignored ones), read when they are shown."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data.dataset import EvolvingDataset
from chameleon.errors import VersionError
from chameleon.project import READ_ERRORS, Version, joined_key, key_text, named

_KEPT = 4
_keys: WeakKeyDictionary[EvolvingDataset, OrderedDict[str, pl.Series]] = WeakKeyDictionary()


def raw_columns(dataset: EvolvingDataset) -> tuple[str, ...]:
    """The columns that any version has, features or not, in the order they first appear."""
    source, found = dataset.project.source, dict[str, None]()
    for version in dataset.versions:
        try:
            found.update(dict.fromkeys(source.scan(version).collect_schema().names()))
        except (*READ_ERRORS, VersionError):
            continue  # gone since the project was opened: what is shown of it says so
    return tuple(found)


def raw_values(
    dataset: EvolvingDataset, column: str, instances: Sequence[str], version: Version
) -> list[object]:
    """The values that a version's file holds for some instances; None where it has none.

    Only these rows' values are read, and never kept.

    Raises
    ------
    VersionError
        The file changed or vanished since the project was opened, or its rows cannot be told
        apart because no column holds an id.
    """
    project = dataset.project
    if not project.roles.id:
        raise VersionError(
            f"Column '{column}' is no feature, and without an id column its rows cannot be told. "
            'Name one under [columns] in chameleon.toml: id = "...".'
        )
    try:
        if project.source.fingerprint(version) != project.fingerprints[version.name]:
            raise VersionError(
                f"{version.place} changed since the project was opened. Open the project again."
            )
        scan = project.source.scan(version)
        if column not in scan.collect_schema().names():
            return [None] * len(instances)
        keys = _row_keys(dataset, version, scan)
        places = _places(keys, instances)
        wanted = np.unique(places[places >= 0])
        numbered = scan.select(named(column)).with_row_index("\0")
        rows = numbered.filter(pl.col("\0").is_in(wanted.tolist())).collect(engine="streaming")
    except READ_ERRORS as error:
        raise project.source.unreadable(version, error) from error
    values = dict(zip(rows["\0"].to_list(), rows[column].to_list(), strict=True))
    return [values.get(place) for place in places.tolist()]


def _places(keys: pl.Series, instances: Sequence[str]) -> NDArray[np.int64]:
    """The row of each instance, -1 where there is none."""
    held = pl.DataFrame({"id": keys}).with_row_index("row").unique("id", keep="first")
    asked = pl.DataFrame({"id": pl.Series(instances, dtype=pl.String)})
    joined = asked.join(held, on="id", how="left", maintain_order="left")
    return joined["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def _row_keys(dataset: EvolvingDataset, version: Version, scan: pl.LazyFrame) -> pl.Series:
    """The id of every row of a version, in the order of its file."""
    kept = _keys.setdefault(dataset, OrderedDict())
    keys = kept.get(version.name)  # other visitors' threads may let go of it meanwhile
    if keys is None:
        roles, untyped = dataset.project.roles, dataset.project.source.untyped(version)
        frame = scan.select(named(*roles.id)).collect()
        parts = [key_text(frame[name], untyped=untyped) for name in roles.id]
        keys = kept[version.name] = joined_key(parts)
        for other in list(kept)[:-_KEPT]:
            kept.pop(other, None)
    return keys
