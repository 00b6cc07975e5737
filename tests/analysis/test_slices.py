"""Groups on which the model changed: planted ones are found, and noise is left alone."""

import numpy as np
import polars as pl
import pytest

from chameleon.analysis.slices import LEAST, _bonett_price
from chameleon.selection import Selection, instance_mask
from tests import internals as chameleon
from tests.library import evaluated, write_project
from tests.planted import steps


def nothing(frame, random):
    return [], []


def step(seed=0, *, size=1600, flips=nothing):
    """Rows, and what two models say of them, who differ on the rows that `flips` names."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "id": range(size),
            "label": random.choice(["cat", "dog", "owl"], size),
            "split": ["test"] * (size - 4) + ["train"] * 4,
            "source": random.choice(["lab", "field"], size),
            "age": random.integers(0, 90, size).astype(float),
            "weight": random.normal(size=size),
            "colour": random.choice(["red", "blue"], size),
        }
    )
    other = {"cat": "dog", "dog": "owl", "owl": "cat"}
    truth = frame["label"].to_list()
    wrong = random.random(size) < 0.2
    losses, gains = flips(frame, random)
    before = np.where(wrong, [other[t] for t in truth], truth)
    before[gains] = [other[truth[k]] for k in gains]
    before[losses] = [truth[k] for k in losses]
    after = before.copy()
    after[losses] = [other[truth[k]] for k in losses]
    after[gains] = [truth[k] for k in gains]
    said = [pl.DataFrame({"id": range(size), "prediction": g.tolist()}) for g in (before, after)]
    return (frame, frame), said


def project(folder, **options):
    """Two versions of the same rows."""
    frames, said = (dict(zip("12", both, strict=True)) for both in step(**options))
    return evaluated(write_project(folder, frames, predictions=said))


def planted(frame, random):
    """Old cats get worse by a third; as many others get better, all over the place."""
    group = ((frame["label"] == "cat") & (frame["age"] > 60)).to_numpy()
    tested = (frame["split"] == "test").to_numpy()
    losses = np.flatnonzero(group & tested & (random.random(len(frame)) < 0.35))
    rest = random.permutation(np.flatnonzero(~group & tested))
    return losses, rest[: len(losses)]


def test_a_group_that_regressed_is_found_though_the_whole_did_not_change(tmp_path):
    evaluation = project(tmp_path / "p", flips=planted)
    whole = chameleon.attribute_change(evaluation, before="1", after="2")
    assert whole.within_noise
    found = chameleon.changed_slices(evaluation, before="1", after="2")
    assert found.worse
    strongest = found.worse[0]
    assert strongest.change < -0.15
    assert strongest.filters.labels == ("cat",)
    (age,) = strongest.filters.features
    assert age.feature == "age"
    assert 45 <= age.ranges[0].low <= 75
    assert strongest.ci_high < 0


def test_the_figures_are_those_of_the_half_that_confirms(tmp_path):
    evaluation = project(tmp_path / "p", flips=planted)
    dataset = evaluation.dataset
    for one in chameleon.changed_slices(evaluation, before="1", after="2").worse:
        through = instance_mask(evaluation, Selection("2", "1", one.filters))
        rows = dataset.row_of_instance(1)[through]
        rows = rows[dataset.split[rows] == 1]
        assert one.instances + one.found_in == len(rows)
        assert min(one.instances, one.found_in) >= LEAST
        assert one.change == pytest.approx((one.fixed - one.regressed) / one.instances)
        assert one.ci_low < one.change < one.ci_high
        assert one.q_value <= 0.05


def test_noise_is_left_alone(tmp_path):
    """Flips both ways all over the place: at most one series in twenty may tell a group."""

    def noise(frame, random):
        tested = random.permutation(np.flatnonzero((frame["split"] == "test").to_numpy()))
        return tested[:80], tested[80:160]

    drawn = {seed: step(seed, size=600, flips=noise) for seed in range(12)}
    frames, said = (steps({s: both[k] for s, both in drawn.items()}) for k in (0, 1))
    evaluation = evaluated(write_project(tmp_path, frames, predictions=said))
    alarms = 0
    for seed in drawn:
        found = chameleon.changed_slices(evaluation, before=f"{seed}.1", after=f"{seed}.2")
        assert found.tried[0] > 50
        alarms += bool(found.worse or found.better)
    assert alarms <= 3  # four or more happen in 2 of 1000 such series


def test_where_nothing_flipped_or_nothing_is_fair_nothing_is_told(tmp_path):
    evaluation = project(tmp_path / "p", size=200)
    found = chameleon.changed_slices(evaluation, before="1", after="2")
    assert (found.worse, found.better, found.instances) == ((), (), 196)
    assert found.tried[0] > 0
    assert found.tried[1] == 0
    few = project(tmp_path / "few", size=8)
    assert chameleon.changed_slices(few, before="1", after="2").tried == (0, 0)


def test_swapping_the_versions_swaps_worse_and_better(tmp_path):
    evaluation = project(tmp_path / "p", flips=planted)
    there = chameleon.changed_slices(evaluation, before="1", after="2")
    back = chameleon.changed_slices(evaluation, before="2", after="1")
    assert [s.filters for s in there.worse] == [s.filters for s in back.better]
    assert [s.change for s in there.worse] == pytest.approx([-s.change for s in back.better])


def test_the_interval_is_bonett_and_prices():
    # by hand: (6 + 1 - (2 + 1)) / 22, and its standard error
    low, high = _bonett_price(6, 2, 20)
    gain, loss = 7 / 22, 3 / 22
    reach = 1.959963984540054 * ((gain + loss - (gain - loss) ** 2) / 22) ** 0.5
    assert (low, high) == pytest.approx((gain - loss - reach, gain - loss + reach))
