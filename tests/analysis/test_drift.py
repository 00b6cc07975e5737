"""Drift between versions, against scipy, a plain oracle, and planted truths."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from chameleon.analysis import DriftReference, drift_over_versions
from chameleon.analysis.drift import bin_places
from chameleon.counting import Roles, binned_wasserstein, jensen_shannon, stability_index
from chameleon.project import Split
from chameleon.selection import Filters
from tests import internals as chameleon
from tests import oracle
from tests.internals import feature_drift
from tests.library import examples
from tests.planted import looked_at, population, sides_of, steps
from tests.projects import opened, plans, version_pairs

histograms = st.lists(st.integers(0, 40), min_size=2, max_size=6)


# ---------------------------------------------------------------- the distances


@given(st.data())
def test_distances_are_those_of_scipy(data):
    p = np.array(data.draw(histograms))
    q = np.array(data.draw(st.lists(st.integers(0, 40), min_size=len(p), max_size=len(p))))
    if not p.any() or not q.any():
        assert np.isnan(jensen_shannon(p, q))
        assert np.isnan(stability_index(p, q))
        return
    distance = float(jensen_shannon(p, q))
    assert distance == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    assert distance == pytest.approx(float(jensen_shannon(q, p)), abs=1e-12)
    assert 0 <= distance <= 1
    places = np.cumsum(data.draw(st.lists(st.floats(0.1, 9), min_size=len(p), max_size=len(p))))
    both = np.repeat(places, p + q)
    found = float(binned_wasserstein(p, q, places))
    if both.std() < 1e-9:
        assert math.isnan(found)
    else:
        moved = wasserstein_distance(places, places, p, q)
        assert found == pytest.approx(moved / both.std(), abs=1e-9)


def test_many_pairs_at_once_are_each_alone():
    random = np.random.default_rng(0)
    p, q = random.integers(0, 9, (2, 50, 7))
    places = np.arange(7.0)
    for distance in (jensen_shannon, stability_index):
        assert np.allclose(distance(p, q), [distance(a, b) for a, b in zip(p, q, strict=True)])
    alone = [binned_wasserstein(a, b, places) for a, b in zip(p, q, strict=True)]
    assert np.allclose(binned_wasserstein(p, q, places), alone)


def test_the_stability_index_is_what_a_reader_computes():
    # shares with 1/2 added to both used bins: 1.5/5 and 3.5/5 against 3.5/5 and 1.5/5
    expected = 2 * (0.7 - 0.3) * math.log(0.7 / 0.3)
    found = stability_index(np.array([1, 3, 0]), np.array([3, 1, 0]))
    assert float(found) == pytest.approx(expected)


def test_dates_keep_their_digits():
    places = 1.6e15 + np.arange(4) * 1e6  # seconds, in microseconds since 1970
    found = binned_wasserstein(np.array([5, 5, 0, 0]), np.array([0, 0, 5, 5]), places)
    assert float(found) == pytest.approx(2 / np.repeat(np.arange(4), 5).std())


# ---------------------------------------------------------------- against the oracle


def plain_histograms(time, bars, feature, version, split):
    rows = [r for r in time.versions[version].values() if split in (None, r.split)]
    counts = Counter(oracle.bin_of(row.values[feature], bars[feature]) for row in rows)
    return [counts[bar["bin"]] for bar in bars[feature]]


@settings(max_examples=examples(60))
@given(st.data())
def test_drift_is_that_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    split = data.draw(st.sampled_from([None, Split.TRAIN]))
    time = plan.timeline
    with opened(plan) as evaluation:
        sides = {"primary": primary, "secondary": secondary}
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
        frame = feature_drift(evaluation, **sides, split=split, draws=20)
        over = drift_over_versions(evaluation, split=split)
        first = drift_over_versions(evaluation, against=DriftReference.FIRST, split=split)
    assert set(frame.filter(kind="feature")["feature"]) == set(time.features)
    for line in frame.filter(kind="feature").iter_rows(named=True):
        check_distance(time, bars, line, secondary, primary, split)
        if line["js_distance"] is not None:
            assert 0 < line["p_value"] <= 1
            assert line["js_distance"] > 0 or line["p_value"] == 1
    for each in (over, first):
        assert len(each) == (len(time.features) + 1) * (len(time.versions) - 1)
        for line in each.filter(kind="feature").iter_rows(named=True):
            check_distance(time, bars, line, line["before"], line["version"], split)
    names = list(time.versions)
    assert first["before"].unique().to_list() == names[:1]
    pairs = over.filter(kind="label").select("before", "version").rows()
    assert pairs == list(pairwise(names))


def check_distance(time, bars, line, before, after, split):
    feature = line["feature"]
    both = [plain_histograms(time, bars, feature, v, split) for v in (before, after)]
    lacking = any(feature not in time.columns[v] for v in (before, after))
    text = bars[feature][0]["bar"] == "text"
    if lacking or text or not all(map(sum, both)):
        assert line["js_distance"] is None
        assert line["reason"]
    else:
        assert line["reason"] is None
        assert line["js_distance"] == pytest.approx(jensenshannon(*both, base=2), abs=1e-7)


def test_the_label_is_a_row_of_its_own(small):
    frame = feature_drift(small, primary="v2", secondary="v1")
    line = frame.row(by_predicate=pl.col("kind") == "label", named=True)
    # labels ?, cat, dog: 1, 2, 3 of six, then 0, 3, 3 of six
    assert line["js_distance"] == pytest.approx(jensenshannon([1, 2, 3], [0, 3, 3], base=2))
    assert line["wasserstein"] is None
    assert "order" in line["wasserstein_reason"]
    assert (line["secondary_instances"], line["primary_instances"]) == (6, 6)


def test_what_is_undefined_is_null_with_the_reason(small):
    frame = feature_drift(small, primary="v2", secondary="v1")
    reasons = dict(frame.select("feature", "reason").iter_rows())
    assert reasons["fresh"] == "version v1 has no such column"
    assert frame.row(by_predicate=pl.col("feature") == "fresh", named=True)["js_distance"] is None
    assert frame["feature"][-1] == "fresh"
    empty = feature_drift(small, primary="v2", secondary="v1", split=Split.VALIDATION)
    assert set(empty.filter(pl.col("feature") != "fresh")["reason"]) == {
        "version v1 has no matching instance"
    }
    colour = frame.row(by_predicate=pl.col("feature") == "colour", named=True)
    assert "order" in colour["wasserstein_reason"]


def test_filters_narrow_both_sides(small):
    only = Filters(labels=("dog",))  # read from v2: d, e, f; of v1 the same instances
    frame = feature_drift(small, primary="v2", secondary="v1", filters=only)
    assert frame.select("secondary_instances", "primary_instances").unique().rows() == [(3, 3)]


def test_the_exact_distance_is_that_of_the_values(tmp_path):
    frame = population(300, 1)
    after = frame.with_columns(f1=pl.col("f1") * 3)
    evaluation = looked_at(tmp_path, {"1": frame, "2": after})
    found = feature_drift(evaluation, primary="2", secondary="1", exact=True)
    line = found.row(by_predicate=pl.col("feature") == "f1", named=True)
    sides = frame["f1"].to_numpy(), after["f1"].to_numpy()
    expected = wasserstein_distance(*sides) / np.concatenate(sides).std()
    assert line["wasserstein"] == pytest.approx(expected)
    binned = feature_drift(evaluation, primary="2", secondary="1")
    nearly = binned.row(by_predicate=pl.col("feature") == "f1", named=True)["wasserstein"]
    assert nearly == pytest.approx(expected, rel=0.1)


def test_bins_lie_at_the_mean_of_their_values(tmp_path):
    evaluation = looked_at(tmp_path, {"1": population(400, 2)})
    number = evaluation.dataset.feature_number("f2")
    places = bin_places(evaluation.dataset, number)
    values, codes = evaluation.dataset.values[number], evaluation.dataset.codes[number]
    for code in np.unique(codes):
        assert places[code] == pytest.approx(values[codes == code].mean())
    assert (np.diff(places) >= 0).all()


# ---------------------------------------------------------------- chance


def plain_draw(random, kept, removed, added):
    """One permutation of explicit instances: roles dealt anew, changed values in either order."""
    steady = [a for a, b in kept if a == b]
    changed = [(a, b) if random.random() < 0.5 else (b, a) for a, b in kept if a != b]
    pool = [*steady, *removed, *added]
    random.shuffle(pool)
    new, old = pool[: len(added)], pool[len(added) : len(added) + len(removed)]
    both = pool[len(added) + len(removed) :]
    before = [*both, *old, *(a for a, _ in changed)]
    after = [*both, *new, *(b for _, b in changed)]
    return np.bincount(before, minlength=4), np.bincount(after, minlength=4)


def test_chance_is_that_of_permuted_instances():
    random = np.random.default_rng(5)
    kept = random.integers(0, 4, (60, 2))
    kept[:40, 1] = kept[:40, 0]
    removed, added = random.integers(0, 4, 15), random.integers(0, 3, 25)
    roles = Roles.of_codes(kept[:, 0], kept[:, 1], removed, added, 4)
    before, after = roles.drawn(4000, seed=1)
    assert (before.sum(axis=1) == 75).all()
    assert (after.sum(axis=1) == 85).all()
    plain = [plain_draw(random, kept.tolist(), removed.tolist(), added.tolist())
             for _ in range(4000)]  # fmt: skip
    slow = np.array([jensen_shannon(a, b) for a, b in plain])
    fast = jensen_shannon(before, after)
    for level in (0.25, 0.5, 0.75, 0.95):
        assert np.quantile(fast, level) == pytest.approx(np.quantile(slow, level), rel=0.05)
    assert before.mean(axis=0) == pytest.approx(np.mean([a for a, _ in plain], axis=0), abs=0.4)
    assert after.mean(axis=0) == pytest.approx(np.mean([b for _, b in plain], axis=0), abs=0.4)


@given(st.data())
def test_roles_hold_both_histograms(data):
    codes = st.integers(0, 3)
    kept = np.array(data.draw(st.lists(st.tuples(codes, codes)))).reshape(-1, 2).astype(int)
    removed, added = (np.array(data.draw(st.lists(codes)), dtype=int) for _ in range(2))
    roles = Roles.of_codes(kept[:, 0], kept[:, 1], removed, added, 4)
    before = np.bincount(np.concatenate([kept[:, 0], removed]), minlength=4)
    after = np.bincount(np.concatenate([kept[:, 1], added]), minlength=4)
    assert roles.before.tolist() == before.tolist()
    assert roles.after.tolist() == after.tolist()
    drawn = roles.drawn(5, seed=0)
    assert (drawn[0].sum(axis=1) == before.sum()).all()
    assert (drawn[1].sum(axis=1) == after.sum()).all()
    assert min(side.min(initial=0) for side in drawn) >= 0


@pytest.mark.parametrize("design", ["nested", "overlapping", "disjoint"])
def test_a_random_split_passes_its_level_one_time_in_twenty(tmp_path, design):
    cuts = {"nested": (0, 200, 0, 300), "overlapping": (0, 200, 100, 300),
            "disjoint": (0, 150, 150, 300)}[design]  # fmt: skip
    alarms = tested = 0
    frames = [population(300, seed, features=8) for seed in range(12)]
    pairs = {s: (f[cuts[0] : cuts[1]], f[cuts[2] : cuts[3]]) for s, f in enumerate(frames)}
    evaluation = looked_at(tmp_path, steps(pairs))
    for seed in pairs:
        found = feature_drift(evaluation, **sides_of(seed), seed=seed)
        for column in ("js", "wasserstein", "psi"):
            distance = "js_distance" if column == "js" else column
            known = found.drop_nulls(distance)
            alarms += (known[distance] > known[f"{column}_chance_level"] + 1e-12).sum()
            tested += len(known)
    # about 370 comparisons, 5 % by design; a share beyond 9 % would come once in a thousand
    assert 0.01 < alarms / tested < 0.09


def test_a_change_of_unit_stands_first_and_beyond_chance(tmp_path):
    frame = population(400, 4)
    tenfold = frame.with_columns(
        f3=pl.when(pl.col("id") < 60).then(pl.col("f3") * 10).otherwise("f3")
    )
    evaluation = looked_at(tmp_path, {"1": frame, "2": tenfold})
    found = feature_drift(evaluation, primary="2", secondary="1")
    assert found["feature"][0] == "f3"
    assert found["js_distance"][0] > found["js_chance_level"][0]
    assert found["p_value"][0] == 1 / 201
    assert found["js_distance"][1:].max() == 0
