"""The rows of a timeline as one block of bytes, for a browser that counts them.

Everything that depends on the rows is in it: the bins of their values, the outcome of every row
under every model, and the versions with each row. So any two versions can be compared without
another message. Arrays begin at offsets divisible by 4; rows are in the order of their cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import INCORRECT
from chameleon.data.bins import BinKind
from chameleon.data.dataset import EvolvingDataset, Feature, Rows
from chameleon.project import Kind

MOST_ROWS = 250_000
"""Of a larger timeline a sample is packed: about 12 MB at 20 features and 20 versions."""

MOST_CHANGES = 254
UNKNOWN_CHANGES = 255

_SEED = 0
_MILLISECOND = 1000.0  # microseconds, the unit of dates in the dataset
_ALIGNMENT = 4  # bytes of the widest type
_NUMBERED = re.compile(r"([^0-9]*)([0-9]{1,9})")  # nine digits fit into four bytes
_SEPARATORS = ("\n", *map(chr, range(1, 32)), *map(chr, range(0xE000, 0xF8FF)))

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Predictions, outcomes, and map cells of the rows of a dataset.

    `predicted` and `outcome` have shape (n_versions, n_rows), as in an evaluation with `classes`;
    `cell` has shape (n_rows,); `changes` has shape (n_instances,): the changes of the outcome over
    all versions, negative where fewer than two outcomes are known.
    """

    classes: Sequence[str]
    predicted: NDArray[np.int16]
    outcome: NDArray[np.uint8]
    cell: NDArray[np.integer]
    changes: NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """Packed rows: the `head` that describes them, the bytes, and the dataset's row at each place.

    `head` has rows, instances, sample (None where all rows are packed), contents, features, ids,
    and arrays (name, dtype, shape, offset).
    """

    head: Mapping[str, Any]
    blob: bytes
    rows: Rows

    def mask(self, rows: Mask) -> bytes:
        """A mask of the dataset's rows as one bit per packed row, the lowest bit first."""
        return np.packbits(rows[self.rows], bitorder="little").tobytes()


def packed_rows(
    dataset: EvolvingDataset,
    judged: Judged,
    *,
    also: Mapping[str, NDArray[Any]] | None = None,
    most: int = MOST_ROWS,
) -> PackedRows:
    """The rows of a dataset, of at most `most` rows; further arrays in `also` go last.

    Arrays: codes (n_features, n); instance, cell, label, split, changes (n,); content (n_groups, n;
    see `_content_groups`); present, one bit (n_versions, bytes); outcome, two bits (n_versions,
    bytes); wrong, the class of each incorrect prediction by version, then by row, if there are more
    than two classes; ids.
    """
    held = _sampled_instances(dataset, most)
    rows: Rows = np.flatnonzero(held[dataset.instance]).astype(np.int32)
    rows = rows[np.argsort(judged.cell[rows], kind="stable")]
    numbers = np.cumsum(held) - 1
    instances = int(held.sum())
    groups, contents = _content_groups(dataset)
    ids, reading = _packed_ids(dataset.instance_ids.filter(held).to_list())
    changes = np.minimum(judged.changes, MOST_CHANGES)
    arrays: dict[str, NDArray[Any]] = {
        "codes": dataset.codes[:, rows],
        "instance": numbers[dataset.instance[rows]].astype(np.uint32),
        "cell": judged.cell[rows].astype(np.uint16),
        "label": _class_codes(dataset.label[rows], judged.classes),
        "split": dataset.split[rows],
        "content": np.stack([_numbered_contents(dataset, group, rows) for group in groups]),
        "changes": np.where(changes < 0, UNKNOWN_CHANGES, changes)[dataset.instance[rows]].astype(
            np.uint8
        ),
        "present": np.packbits(dataset.present[:, rows], axis=1, bitorder="little"),
        "outcome": _two_bits(judged.outcome[:, rows]),
    }
    if len(judged.classes) > 2:
        incorrect = judged.outcome[:, rows] == INCORRECT
        arrays["wrong"] = _class_codes(judged.predicted[:, rows][incorrect], judged.classes)
    arrays["ids"] = ids
    directory, blob = _joined({**arrays, **(also or {})})
    head = {
        "rows": len(rows),
        "instances": instances,
        "sample": None if held.all() else _sample_facts(dataset, len(rows), instances),
        "contents": contents,
        "features": [_feature_facts(feature) for feature in dataset.features],
        "ids": reading,
        "arrays": directory,
    }
    return PackedRows(head, blob, rows)


def _sampled_instances(dataset: EvolvingDataset, most: int) -> Mask:
    """A random sample of instances with at most `most` rows together, or all of them."""
    count = dataset.instance_count
    if dataset.row_count <= most:
        return np.ones(count, dtype=np.bool_)
    drawn = np.random.default_rng(_SEED).permutation(count)
    rows = np.cumsum(np.bincount(dataset.instance, minlength=count)[drawn])
    held = np.zeros(count, dtype=np.bool_)
    held[drawn[rows <= most]] = True
    return held


def _sample_facts(dataset: EvolvingDataset, rows: int, instances: int) -> dict[str, int]:
    return {
        "rows": rows,
        "of_rows": dataset.row_count,
        "instances": instances,
        "of_instances": dataset.instance_count,
        "seed": _SEED,
    }


def _content_groups(dataset: EvolvingDataset) -> tuple[list[list[int]], list[list[int]]]:
    """Features by the versions with their columns, and the groups that each version has.

    An edit counts in the features that both versions have. Nearly always all versions have the same
    columns, which are then one group.
    """
    patterns, group_of = np.unique(dataset.has_column.T, axis=0, return_inverse=True)
    if not len(dataset.features):
        return [[]], [[0] for _ in dataset.versions]
    groups = [np.flatnonzero(group_of.ravel() == group).tolist() for group in range(len(patterns))]
    return groups, [np.flatnonzero(patterns[:, v]).tolist() for v in range(len(dataset.versions))]


def _numbered_contents(dataset: EvolvingDataset, features: list[int], rows: Rows) -> NDArray[Any]:
    """Each row's number among the distinct contents of its instance in some features, from 0."""
    hashes = dataset.content_hashes(features)[rows]
    instance = dataset.instance[rows]
    order = np.lexsort((hashes, instance))
    same_instance = np.diff(instance[order], prepend=-1) == 0
    differs = np.diff(hashes[order], prepend=hashes[order][:1]) != 0
    running = np.cumsum(same_instance & differs)
    first = np.maximum.accumulate(np.where(same_instance, 0, np.arange(len(rows))))
    numbers = np.empty(len(rows), dtype=np.int64)
    numbers[order] = running - running[first]
    return numbers.astype(np.uint8 if numbers.max(initial=0) < 256 else np.uint16)


def _class_codes(codes: NDArray[np.integer], classes: Sequence[str]) -> NDArray[Any]:
    """Class codes in one byte, or in two if there are many; the largest value where negative."""
    wanted = np.uint8 if len(classes) <= 254 else np.uint16
    return np.where(codes < 0, np.iinfo(wanted).max, codes).astype(wanted)


def _two_bits(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Codes from 0 to 3 of shape (n_versions, n), four in a byte, the lowest bits first."""
    versions, count = codes.shape
    padded = np.zeros((versions, -(-count // 4) * 4), dtype=np.uint8)
    padded[:, :count] = codes
    first, second, third, fourth = np.moveaxis(padded.reshape(versions, -1, 4), 2, 0)
    return np.asarray(first | second << 2 | third << 4 | fourth << 6)


def _packed_ids(ids: Sequence[str]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Ids as numbers after a common prefix, else as text, and how they are read.

    A `width` of 0 is that of the number itself.
    """
    matched = [match for match in map(_NUMBERED.fullmatch, ids) if match is not None]
    prefixes = {match[1] for match in matched}
    widths = {len(match[2]) for match in matched}
    plain = all(match[2] == "0" or not match[2].startswith("0") for match in matched)
    if len(matched) == len(ids) and len(prefixes) == 1 and (plain or len(widths) == 1):
        numbers = np.array([int(match[2]) for match in matched], dtype=np.uint32)
        return numbers, {"prefix": prefixes.pop(), "width": 0 if plain else widths.pop()}
    used = set().union(*ids)
    separator = next(character for character in _SEPARATORS if character not in used)
    text = separator.join(ids).encode("utf-8", "replace")
    return np.frombuffer(text, dtype=np.uint8), {"text": True, "separator": separator}


def _joined(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """Where each array is, and the bytes of all."""
    directory: list[dict[str, Any]] = []
    parts: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        content = np.ascontiguousarray(little).tobytes()
        directory.append(
            {
                "name": name,
                "dtype": f"{array.dtype.kind}{array.dtype.itemsize}",
                "shape": list(array.shape),
                "offset": offset,
            }
        )
        padding = -len(content) % _ALIGNMENT
        parts += [content, bytes(padding)]
        offset += len(content) + padding
    return directory, b"".join(parts)


def _feature_facts(feature: Feature) -> dict[str, Any]:
    """A feature's name, kind, and bars in the order of their codes; dates in milliseconds."""
    bins = feature.bins
    facts: dict[str, Any] = {
        "name": feature.name,
        "kind": str(feature.kind),
        "bins": str(bins.kind),
        "bars": bins.count,
    }
    match bins.kind:
        case BinKind.RANGES:
            unit = _MILLISECOND if feature.kind is Kind.DATE else 1.0
            low, high = (None if end is None else end / unit for end in (bins.low, bins.high))
            facts |= {"edges": [edge / unit for edge in bins.edges], "low": low, "high": high}
        case BinKind.VALUES:
            facts |= {"values": list(bins.values)}
        case BinKind.CATEGORIES:
            facts |= {"categories": list(bins.categories), "other": bins.other}
    return facts
