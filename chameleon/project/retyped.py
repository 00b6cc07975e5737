"""Features whose type differs between versions: one kind for all, and what that loses."""

from __future__ import annotations

from collections.abc import Mapping, Set

from chameleon.project.columns import common_kind
from chameleon.project.records import Kind, NoticeKind, Problem, Severity, Version, natural_order


def common_kinds(
    headers: Mapping[Version, Mapping[str, str | None]], excluded: Set[str]
) -> tuple[dict[str, Kind], list[Problem]]:
    """One kind a feature over all versions, in natural order, and what was changed for it.

    Parameters
    ----------
    headers
        The kind of every column of every version; None where all its values are missing.
    excluded
        Columns that are no features.
    """
    features = natural_order({name for header in headers.values() for name in header} - excluded)
    kinds: dict[str, Kind] = {}
    problems: list[Problem] = []
    for feature in features:
        found = {
            version: Kind(kind)
            for version, header in headers.items()
            if (kind := header.get(feature)) is not None
        }
        # a column without a single value is a number: an all-missing histogram needs no more
        kinds[feature] = common_kind(found.values()) if found else Kind.NUMBER
        if len(set(found.values())) > 1:
            problems.append(_change_of_type(feature, found, kinds[feature]))
    return kinds, problems


def _change_of_type(feature: str, found: Mapping[Version, Kind], common: Kind) -> Problem:
    versions = list(found)
    at = next(i for i in range(1, len(versions)) if found[versions[i]] != found[versions[i - 1]])
    before, after = versions[at - 1], versions[at]
    lossless = common is Kind.NUMBER
    what = (
        "true counts as 1 and false as 0"
        if lossless
        else "it is treated as text in every version, because nothing else holds all its values. "
        "Correct the odd version to get its histogram back"
    )
    return Problem(
        Severity.NOTE if lossless else Severity.WARNING,
        f"Column '{feature}' is {found[before]} in version {before.name} ({before.file}) and "
        f"{found[after]} in version {after.name} ({after.file}): {what}.",
        version=after.name,
        file=after.file,
        column=feature,
        kind=NoticeKind.COLUMN_RETYPED,
    )
