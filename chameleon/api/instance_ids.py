"""Ids of instances as arguments: one, several, a column, or a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from warnings import warn

import polars as pl

from chameleon.api.memory import as_polars
from chameleon.errors import SelectionError
from chameleon.selection import instance_numbers

if TYPE_CHECKING:
    from chameleon.data import EvolvingDataset


def instance_ids(value: object) -> tuple[str, ...]:
    """The ids as text: one id, several, or the column `instance` of a frame."""
    if hasattr(value, "columns"):
        frame = as_polars(value, "instances")
        if "instance" not in frame.columns:
            raise SelectionError(
                "A frame of instances needs the column 'instance'. Columns found: "
                f"{', '.join(frame.columns)}. Pass the column of ids instead: frame['id']."
            )
        value = frame["instance"]
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = (value,)
    return tuple(_text(one) for one in value)


def warn_of_unknown(dataset: EvolvingDataset, ids: Sequence[str]) -> None:
    """Warn of ids that no version has; they may be those of rows that were removed long ago."""
    column = pl.Series(ids, dtype=pl.String)
    unknown = column.filter(pl.Series(instance_numbers(dataset, column) < 0))
    if len(unknown):
        some = f"{len(unknown):,} of {len(ids):,} ids are in no version, such as '{unknown[0]}'."
        warn(some, stacklevel=4)


def _text(one: object) -> str:
    """An id as the dataset holds it: pandas turns integers into 3.0 where any is missing."""
    return str(int(one)) if isinstance(one, float) and one.is_integer() else str(one)
