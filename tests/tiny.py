"""A project of three versions that a reader can count by hand.

The versions (features size, colour and fresh; "fresh" joins with version 2):

id  v1                            v2                            v10
--  ----------------------------  ----------------------------  ----------------------------
a   cat   train  1.5   red        cat   train  1.5   red   yes  cat   train  1.5   red   yes
b   dog   train  2.5   blue       cat   train  2.5   blue  no   cat   train  2.5   blue  no
c   cat   test   3.5   red        -                             cat   test   3.5   red   ?
d   dog   test   4.5   blue       dog   train  4.5   blue  yes  dog   test   4.5   blue  yes
e   dog   train  ?     red        dog   train  inf   red   no   dog   train  ?     red   ?
f   ?     train  6.5   blue       dog   train  6.5   blue  no   dog   train  6.5   blue  no
g   -                             cat   test   7.5   ?     yes  dog   test   8.5   blue  yes

From v1 to v2 b is relabeled, c leaves, d is moved, e is edited, f gets its label, g is added.
From v2 to v10 c comes back as it was, d is moved back, e is edited back, and g is relabeled and
edited at once. So 14 rows are distinct: all of v1 (6); all of v2 (6), because "fresh" gives every
line a new value; of v10 only d and g (2), for c and e, without a "fresh" there, are as in v1.

What the models say, by id ("-": nothing):

     a     b     c     d     e     f     g
v1   cat   dog   dog   dog   cat   dog   cat
v2   cat   cat   cat   dog   dog   dog   cat
v10  dog   cat   cat   cat   dog   -     cat

Outcomes of each version's own rows (+ correct, x incorrect, ? unknown):

     a     b     c     d     e     f     g
v1   +     +     x     +     x     ?
v2   +     +           +     +     +     +
v10  x     +     +     x     +     ?     x
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.library import write_project

INF = float("inf")
_COLUMNS = ("id", "label", "split", "size", "colour", "fresh")

_V1 = [
    ("a", "cat", "train", 1.5, "red"),
    ("b", "dog", "train", 2.5, "blue"),
    ("c", "cat", "test", 3.5, "red"),
    ("d", "dog", "test", 4.5, "blue"),
    ("e", "dog", "train", None, "red"),
    ("f", None, "train", 6.5, "blue"),
]
_V2 = [
    ("a", "cat", "train", 1.5, "red", True),
    ("b", "cat", "train", 2.5, "blue", False),
    ("d", "dog", "train", 4.5, "blue", True),
    ("e", "dog", "train", INF, "red", False),
    ("f", "dog", "train", 6.5, "blue", False),
    ("g", "cat", "test", 7.5, None, True),
]
_V10 = [
    ("a", "cat", "train", 1.5, "red", True),
    ("b", "cat", "train", 2.5, "blue", False),
    ("c", "cat", "test", 3.5, "red", None),
    ("d", "dog", "test", 4.5, "blue", True),
    ("e", "dog", "train", None, "red", None),
    ("f", "dog", "train", 6.5, "blue", False),
    ("g", "dog", "test", 8.5, "blue", True),
]

FRAMES = {
    "v1": pl.DataFrame(_V1, schema=_COLUMNS[:5], orient="row"),
    "v2": pl.DataFrame(_V2, schema=_COLUMNS, orient="row"),
    "v10": pl.DataFrame(_V10, schema=_COLUMNS, orient="row"),
}

SAID = {
    "v1": {"a": "cat", "b": "dog", "c": "dog", "d": "dog", "e": "cat", "f": "dog", "g": "cat"},
    "v2": {"a": "cat", "b": "cat", "c": "cat", "d": "dog", "e": "dog", "f": "dog", "g": "cat"},
    "v10": {"a": "dog", "b": "cat", "c": "cat", "d": "cat", "e": "dog", "g": "cat"},
}

PREDICTIONS = {
    version: pl.DataFrame({"id": list(said), "prediction": list(said.values())})
    for version, said in SAID.items()
}


def write_tiny(folder: Path, *, form: str = "parquet") -> Path:
    """Write the tiny project, predictions included, into a folder and return it."""
    return write_project(folder, FRAMES, form=form, predictions=PREDICTIONS)
