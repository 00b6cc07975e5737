"""The content of a dataset, told from its arrays alone, to compare with the oracle."""

from __future__ import annotations

import numpy as np

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.project import Kind
from tests import oracle


def rows_of(dataset: EvolvingDataset, version: str) -> dict[str, oracle.Row]:
    """Every row of a version by its id, which is never repeated."""
    found: dict[str, oracle.Row] = {}
    for row in dataset.rows_of(dataset.version_number(version)).tolist():
        key = dataset.instance_ids[int(dataset.instance[row])]
        assert key not in found
        label, source, date = dataset.label[row], dataset.source[row], dataset.date[row]
        found[key] = oracle.Row(
            label=None if label < 0 else dataset.classes[label],
            split=SPLITS[dataset.split[row]].value,
            date=None if np.isnat(date) else date.item(),
            source=None if source < 0 else dataset.sources[source],
            values={f.name: stored(dataset, k, row) for k, f in enumerate(dataset.features)},
        )
    return found


def stored(dataset: EvolvingDataset, place: int, row: int) -> oracle.Value:
    """The value of a feature in a row."""
    feature, value = dataset.features[place], float(dataset.values[place, row])
    if np.isnan(value):
        return None
    return dataset.texts[feature.name][int(value)] if feature.kind is Kind.TEXT else value
