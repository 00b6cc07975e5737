"""What a dataset holds, instance by instance, so that it can be compared with the oracle."""

from __future__ import annotations

import numpy as np

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.project import Kind
from tests import oracle


def rows_of(dataset: EvolvingDataset, version: str) -> dict[str, tuple]:
    """Label, split and values of every row a version holds, by id; ids are never repeated."""
    found: dict[str, tuple] = {}
    texts = {name: series.to_list() for name, series in dataset.texts.items()}
    for row in dataset.rows_of(dataset.version_number(version)).tolist():
        key = dataset.instance_ids[int(dataset.instance[row])]
        assert key not in found
        values: dict[str, oracle.Value] = {}
        for number, feature in enumerate(dataset.features):
            value = float(dataset.values[number, row])
            if np.isnan(value):
                values[feature.name] = None
            else:
                text = feature.kind is Kind.TEXT
                values[feature.name] = texts[feature.name][int(value)] if text else value
        code = int(dataset.label[row])
        label = None if code < 0 else dataset.classes[code]
        found[key] = (label, SPLITS[int(dataset.split[row])].value, values)
    return found


def expected_rows(time: oracle.Timeline, version: str) -> dict[str, tuple]:
    """The same, of the oracle."""
    return {
        key: (row.label, row.split, dict(row.values)) for key, row in time.versions[version].items()
    }
