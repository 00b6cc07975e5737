"""How many instances the filters leave, against the oracle."""

from dataclasses import asdict

from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.analysis import selected
from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle
from tests.internals import FeatureFilter, Filters, Range, Selection
from tests.library import examples
from tests.projects import filtered_steps, opened


def test_the_counts_are_what_a_reader_counts(small):
    everything = selected(small, Selection("v2", "v1"))
    assert (everything.instances, everything.of) == (7, 7)
    assert (everything.primary, everything.of_primary) == (6, 6)
    assert (everything.secondary, everything.of_secondary) == (6, 6)
    assert everything.by_split == {"train": (5, 4), "test": (1, 2), "validation": (0, 0)}
    cats = selected(small, Selection("v2", "v1", Filters(labels=("cat",))))
    # a, b and g in v2; of these g is not in v1, and c is a cat in v1 alone
    assert (cats.instances, cats.primary, cats.secondary) == (4, 3, 3)
    unlabelled = Selection("v1", "v2", Filters(labels=(None,), splits=(Split.TRAIN,)))
    assert selected(small, unlabelled).instances == 1  # f
    few = Filters(features=(FeatureFilter("size", (Range(1.5, 3.5),), missing=True),))
    assert selected(small, Selection("v1", "v2", few)).instances == 3  # a, b, e


@settings(max_examples=examples(60))
@given(st.data())
def test_the_counts_are_those_of_the_oracle(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    with opened(plan) as evaluation:
        found = selected(evaluation, Selection(primary, secondary, filters))
        frame = chameleon.feature_histograms(evaluation, primary=primary, secondary=secondary)
    bars = oracle.bars_of(frame)
    assert asdict(found) == oracle.selected(plan.timeline, primary, secondary, filters, bars)
