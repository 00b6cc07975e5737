"""The pair of two versions, counted by hand on the tiny timeline."""

import numpy as np
import pytest

from chameleon import Evaluation, Filters, Selection
from chameleon.analysis.matching import matching_pair
from chameleon.data import pair_of
from chameleon.project import Split
from tests import tiny
from tests.library import evaluated


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "v1",
            "v2",
            {"shared": "abdef", "removed": "c", "added": "g", "relabeled": "bf",
             "changed_split": "d", "edited": "e", "unchanged": "a", "fair": ""},
        ),
        (
            "v2",
            "v10",
            {"shared": "abdefg", "removed": "", "added": "c", "relabeled": "g",
             "changed_split": "d", "edited": "eg", "unchanged": "abf", "fair": ""},
        ),
        # e is missing in both versions, which is no edit
        (
            "v1",
            "v10",
            {"shared": "abcdef", "removed": "", "added": "g", "relabeled": "bf",
             "changed_split": "", "edited": "", "unchanged": "acde", "fair": "cd"},
        ),
    ],
)  # fmt: skip
def test_every_instance_of_the_tiny_timeline_is_where_a_reader_finds_it(
    small, before, after, expected
):
    dataset = small.dataset
    pair = pair_of(dataset, before=before, after=after)

    def ids(instances):
        return "".join(sorted(dataset.instance_ids.gather(instances)))

    found = {name: ids(dataset.instance[getattr(pair, name)]) for name in ("removed", "added")}
    found["shared"] = ids(pair.shared)
    for name in ("relabeled", "changed_split", "edited", "unchanged", "fair"):
        found[name] = ids(pair.shared[getattr(pair, name)])
    assert found == expected
    assert np.array_equal(dataset.instance[pair.old], pair.shared)
    assert np.array_equal(dataset.instance[pair.new], pair.shared)
    assert pair_of(dataset, before=before, after=after) is pair


def test_an_instance_that_left_the_split_counts_as_removed(small):
    pair = matching_pair(small, Selection("v2", "v1"), Split.TEST)
    ids = [sorted(small.dataset.instance_ids.gather(small.dataset.instance[rows]))
           for rows in (pair.old, pair.removed, pair.added)]  # fmt: skip
    assert ids == [[], ["c", "d"], ["g"]]
    narrow = Selection("v2", "v1", Filters(labels=("cat",)), Filters(splits=(Split.TRAIN,)))
    pair = matching_pair(small, narrow)
    # b is a cat in v2, c in v1 alone; g is no train row of the primary side
    assert (pair.size, len(pair.old), len(pair.removed), len(pair.added)) == (3, 2, 1, 0)
