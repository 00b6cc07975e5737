"""Packed rows read back the plain way, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Unpacked:
    """The arrays of a block of bytes by name, and the head that describes them."""

    head: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, head: Mapping[str, Any], blob: bytes) -> Unpacked:
        arrays: dict[str, np.ndarray] = {}
        for entry in head["arrays"]:
            assert entry["offset"] % 4 == 0
            count = int(np.prod(entry["shape"]))
            found = np.frombuffer(blob, "<" + entry["dtype"], count, entry["offset"])
            arrays[entry["name"]] = found.reshape(entry["shape"])
        return cls(head, arrays)

    def present(self, version: int, row: int) -> bool:
        return bool(self.arrays["present"][version, row // 8] >> row % 8 & 1)

    def outcome(self, version: int, row: int) -> int:
        return int(self.arrays["outcome"][version, row // 4] >> row % 4 * 2 & 3)

    @property
    def ids(self) -> list[str]:
        """The ids of the instances, in the order of their numbers."""
        reading = self.head["ids"]
        if "text" in reading:
            return self.arrays["ids"].tobytes().decode().split(reading["separator"])
        return [
            reading["prefix"] + str(n).rjust(reading["width"], "0")
            for n in self.arrays["ids"].tolist()
        ]
