"""What the library says of instances, each result kept by what it was asked for, as in `cached`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from chameleon.analysis import (
    InstancePage,
    TableForm,
    instance_file,
    instance_groups,
    instance_places,
    instance_rows,
    instance_versions,
    instances,
    nearest_instances,
)
from chameleon.app.result_cache import kept
from chameleon.models import Evaluation
from chameleon.selection import Selection


@dataclass(frozen=True, slots=True)
class Asked:
    """Which instances behind the filters, and in which order.

    Attributes
    ----------
    search, order_by, descending, features
        As `instances` takes them.
    """

    search: str = ""
    order_by: str = "instance"
    descending: bool = False
    features: tuple[str, ...] = ()


@kept(max_entries=32)
def _page(
    key: str, query: str, asked: str, offset: int, limit: int,
    _evaluation: Evaluation, _s: Selection, _asked: Asked,
) -> InstancePage:  # fmt: skip
    return instances(_evaluation, **_sides(_s), **_order(_asked), offset=offset, limit=limit)


@kept(max_entries=16)
def _groups(
    key: str, query: str, search: str, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return instance_groups(_evaluation, **_sides(_s), search=search)


@kept(max_entries=32)
def _versions(key: str, instance: str, _evaluation: Evaluation) -> pl.DataFrame:
    return instance_versions(_evaluation, instance)


@kept(max_entries=32)
def _rows(key: str, instance: str, _evaluation: Evaluation) -> pl.DataFrame:
    return instance_rows(_evaluation, instance)


@kept(max_entries=32)
def _places(
    key: str, instance: str, primary: str, secondary: str, _evaluation: Evaluation
) -> pl.DataFrame:
    return instance_places(_evaluation, instance, primary=primary, secondary=secondary)


@kept(max_entries=32, show_spinner="Looking for the nearest instances…")
def _near(
    key: str, instance: str, primary: str, secondary: str, count: int, _evaluation: Evaluation
) -> pl.DataFrame:
    return nearest_instances(
        _evaluation, instance, primary=primary, secondary=secondary, count=count
    )


def _sides(selection: Selection) -> dict[str, Any]:
    return {
        "primary": selection.primary,
        "secondary": selection.secondary,
        "filters": selection.filters,
        "primary_only": selection.primary_only,
        "secondary_only": selection.secondary_only,
    }


def _order(asked: Asked) -> dict[str, Any]:
    return {
        "search": asked.search,
        "order_by": asked.order_by,
        "descending": asked.descending,
        "features": asked.features,
    }


def page(
    evaluation: Evaluation, selection: Selection, asked: Asked, *, offset: int, limit: int
) -> InstancePage:
    """A page of `instances` under the selection."""
    query = selection.to_query_string()
    return _page(evaluation.key, query, repr(asked), offset, limit, evaluation, selection, asked)


def whole(evaluation: Evaluation, selection: Selection, asked: Asked) -> pl.DataFrame:
    """All instances, made anew: it is asked for once, and may be large."""
    return instances(evaluation, **_sides(selection), **_order(asked), limit=None).frame


def parquet(evaluation: Evaluation, selection: Selection, asked: Asked) -> bytes:
    """All instances as the content of a Parquet file, made anew."""
    return instance_file(evaluation, TableForm.PARQUET, **_sides(selection), **_order(asked))


def groups(evaluation: Evaluation, selection: Selection, search: str) -> pl.DataFrame:
    """`instance_groups` under the selection."""
    return _groups(evaluation.key, selection.to_query_string(), search, evaluation, selection)


def versions(evaluation: Evaluation, instance: str) -> pl.DataFrame:
    """`instance_versions` of an instance."""
    return _versions(evaluation.key, instance, evaluation)


def rows(evaluation: Evaluation, instance: str) -> pl.DataFrame:
    """`instance_rows` of an instance."""
    return _rows(evaluation.key, instance, evaluation)


def places(evaluation: Evaluation, selection: Selection, instance: str) -> pl.DataFrame:
    """`instance_places` of an instance."""
    primary, secondary = selection.primary, selection.secondary
    return _places(evaluation.key, instance, primary, secondary, evaluation)


def near(
    evaluation: Evaluation, selection: Selection, instance: str, *, count: int
) -> pl.DataFrame:
    """`nearest_instances` of an instance."""
    primary, secondary = selection.primary, selection.secondary
    return _near(evaluation.key, instance, primary, secondary, count, evaluation)
