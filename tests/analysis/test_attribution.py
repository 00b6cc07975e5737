"""Why a metric moved: against an oracle, scikit-learn, hand-counted cases and planted causes."""

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from chameleon.errors import SelectionError
from tests import internals as chameleon
from tests import oracle_attribution
from tests.library import TREE, evaluated, examples, write_project
from tests.projects import opened, plans, version_pairs


def parts_of(found: chameleon.Attribution) -> dict[str, float]:
    return dict(found.parts.select("part", "value").iter_rows())


def corner(found: chameleon.Attribution, model: str, test: str) -> float:
    return found.crossed.filter(model=model, test=test)["value"][0]


def given_project(folder, versions, said, toml=""):
    """A project of instances (id, label, split) and what each model says of them by id."""
    frames = {
        name: pl.DataFrame(
            [(*row, index % 7) for index, row in enumerate(rows)],
            schema=["id", "label", "split", "x"],
            orient="row",
        )
        for name, rows in versions.items()
    }
    predictions = {
        name: pl.DataFrame({"id": list(by_id), "prediction": list(by_id.values())})
        for name, by_id in said.items()
    }
    return evaluated(write_project(folder, frames, predictions=predictions, toml=toml))


@settings(max_examples=examples(80))
@given(st.data())
def test_corners_and_parts_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    after, before = data.draw(version_pairs(plan))
    time = plan.timeline
    with opened(plan) as evaluation:
        found = chameleon.attribute_change(
            evaluation, before=before, after=after, resamples=data.draw(st.sampled_from([0, 3]))
        )
    old, new, leaked, unknown = oracle_attribution.guarded(time, before, after)
    assert (found.leaked, found.unknown) == (leaked, unknown)
    values = [
        oracle_attribution.accuracy(time, model, labels)
        for model in (before, after)
        for labels in (old, new)
    ]
    assert found.crossed["value"].to_list() == pytest.approx(values)
    if None in values:
        assert found.change is None
        assert found.parts.is_empty()
        assert found.reason
        return
    a, b, c, d = values
    told = parts_of(found)
    assert found.change[0] == pytest.approx(d - a)
    assert told["model"] == pytest.approx((c - a + d - b) / 2)
    assert found.interaction == pytest.approx(d - c - b + a)
    assert sum(v for k, v in told.items() if k != "leakage") == pytest.approx(d - a)
    expected = oracle_attribution.parts_brought(time, before, after)
    if expected is None:
        assert told["test"] == pytest.approx((b - a + d - c) / 2)
        assert "can't be divided" in found.reason
    else:
        assert {part: told[part] for part in expected} == pytest.approx(expected)
        assert told["edited"] == pytest.approx(0)  # the predictions are by id
    if found.reported_before is not None and found.reported_after is not None:
        assert sum(told.values()) == pytest.approx(found.reported_after - found.reported_before)


def test_the_tiny_project_by_hand(small):
    """v2 to v10: c joins the test set, d is moved into it from train, g is relabeled."""
    found = chameleon.attribute_change(small, before="v2", after="v10", resamples=0)
    assert found.leaked == 1  # d stands in the train set of v2
    # left: g (cat, then dog; both models say cat) and c (cat; both say cat)
    assert found.crossed["value"].to_list() == [1.0, 0.5, 1.0, 0.5]
    told = parts_of(found)
    # alone, c leaves all right and g all wrong: 1, 1, 0, 0.5; so c brings (0 + 0.5) / 2
    assert told["added"] == pytest.approx(0.25)
    assert told["relabeled"] == pytest.approx(-0.75)
    assert (told["model"], told["removed"], told["edited"]) == (0, 0, 0)
    # reported: 1 of 1, then c right, d and g wrong
    assert found.reported_after == pytest.approx(1 / 3)
    assert told["leakage"] == pytest.approx(1 / 3 - 1 + 0.5)
    assert not found.is_ambiguous


def tree_project(folder, *, seed=0, **changes):
    """Two versions of noisy data under a fitted tree; the second with some columns changed."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, 240))
    label = np.where(x + random.normal(scale=0.4, size=240) > 0, "up", "down")
    first = pl.DataFrame(
        {
            "id": range(240),
            "label": label,
            "split": ["test" if i % 3 == 0 else "train" for i in range(240)],
            "x": x,
            "y": y,
        }
    )
    second = first.with_columns(
        **{k: pl.Series(f(first[k].to_numpy().copy())) for k, f in changes.items()}
    )
    return evaluated(write_project(folder, {"1": first, "2": second}, toml=TREE))


def shifted(values):
    values[::3] += 1.5  # every test row
    return values


def flipped(values):
    values[:60:3] = np.where(values[:60:3] == "up", "down", "up")
    return values


@pytest.mark.parametrize(
    ("metric", "of_class", "score"),
    [
        ("accuracy", None, accuracy_score),
        ("macro_f1", None, lambda t, g: f1_score(t, g, average="macro")),
        ("recall", "up", lambda t, g: recall_score(t, g, pos_label="up")),
    ],
)
def test_corners_are_scikit_learns(tmp_path, metric, of_class, score):
    evaluation = tree_project(tmp_path / "p", x=shifted, label=flipped)
    dataset = evaluation.dataset
    found = chameleon.attribute_change(
        evaluation, before="1", after="2", metric=metric, of_class=of_class, resamples=0
    )
    names = np.array(evaluation.classes)
    for model in (0, 1):
        for test in (0, 1):
            rows = dataset.rows_of(test)
            rows = rows[dataset.split[rows] == 1]
            truth, guess = names[dataset.label[rows]], names[evaluation.predicted[model, rows]]
            value = corner(found, str(model + 1), str(test + 1))
            assert value == pytest.approx(score(truth, guess), abs=1e-12)
    assert found.change[0] == pytest.approx(
        sum(v for k, v in parts_of(found).items() if k != "leakage"), abs=1e-12
    )


def test_the_log_loss_of_the_corners_is_scikit_learns(tmp_path):
    evaluation = tree_project(tmp_path / "p", x=shifted)
    found = chameleon.attribute_change(
        evaluation, before="1", after="2", metric="log_loss", resamples=0
    )
    assert found.better == -1
    for version, reported in (("1", found.reported_before), ("2", found.reported_after)):
        assert corner(found, version, version) == pytest.approx(reported, rel=1e-6)
    dataset = evaluation.dataset
    rows = dataset.rows_of(1)
    rows = rows[dataset.split[rows] == 1]
    share = evaluation.probability_of_label[0, rows].astype(float)
    up = dataset.label[rows] == dataset.classes.index("up")
    expected = log_loss(up, np.where(up, share, 1 - share))
    assert corner(found, "1", "2") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "part", "count"),
    [({"x": shifted}, "edited", 80), ({"label": flipped}, "relabeled", 20)],
)
def test_only_the_test_rows_that_changed_are_blamed(tmp_path, changes, part, count):
    evaluation = tree_project(tmp_path / "p", **changes)
    found = chameleon.attribute_change(evaluation, before="1", after="2")
    told = parts_of(found)
    assert not found.within_noise
    assert told.pop(part) == pytest.approx(found.change[0])
    assert set(told.values()) == {0}
    assert found.parts.filter(part=part)["instances"][0] == count


def test_twins_of_train_rows_are_counted_and_left_out_on_request(tmp_path):
    frame = pl.DataFrame(
        {
            "id": range(20),
            "label": ["a", "b"] * 10,
            "split": ["train"] * 10 + ["test"] * 10,
            "x": [*range(10), *range(4), *range(50, 56)],  # four test rows are like train rows
        }
    )
    folder = write_project(tmp_path / "p", {"1": frame, "2": frame.head(19)}, toml=TREE)
    evaluation = evaluated(folder)
    kept = chameleon.attribute_change(evaluation, before="1", after="2")
    assert (kept.duplicates, kept.crossed["instances"].to_list()) == (4, [10, 9, 10, 9])
    without = chameleon.attribute_change(evaluation, before="1", after="2", exclude_duplicates=True)
    assert (without.duplicates, without.crossed["instances"].to_list()) == (4, [6, 5, 6, 5])
    assert without.parts.filter(part="leakage")["instances"][0] == 4


def test_intervals_of_pure_noise_hold_zero_at_their_level(tmp_path):
    """One model, one distribution, half of the test set drawn anew: false alarms near 5 %."""
    train = [(i + 1000, "ab"[i % 2], "train") for i in range(4)]
    ends = {
        place: [*train, *((i, "ab"[i % 2], "test") for i in ids)]
        for place, ids in {"1": range(200), "2": range(100, 300)}.items()
    }
    versions, said = {}, {}
    for seed in range(40):
        right = np.random.default_rng(seed).random(300) < 0.8
        says = {i: ("ab"[i % 2] if right[i] else "ba"[i % 2]) for i in range(300)}
        for place, rows in ends.items():
            versions[f"{seed}.{place}"], said[f"{seed}.{place}"] = rows, says
    evaluation = given_project(tmp_path / "p", versions, said)
    found = [
        chameleon.attribute_change(evaluation, before=f"{seed}.1", after=f"{seed}.2", resamples=400)
        for seed in range(40)
    ]
    # 2 alarms are expected; 7 or more happen once in 300 such series
    assert sum(not one.within_noise for one in found) <= 6


def test_intervals_are_drawn_over_all_instances_of_both_test_sets(tmp_path):
    """Against resampling one instance at a time."""
    evaluation = tree_project(tmp_path / "p", x=shifted, label=flipped)
    found = chameleon.attribute_change(evaluation, before="1", after="2", resamples=4000)
    dataset = evaluation.dataset
    old, new = (dataset.row_of_instance(v) for v in (0, 1))
    tested = np.flatnonzero(dataset.split[old] == 1)
    right = [
        evaluation.predicted[v, rows[tested]] == dataset.label[rows[tested]]
        for v, rows in ((0, old), (1, new))
    ]
    random = np.random.default_rng(5)
    drawn = random.integers(0, len(tested), (4000, len(tested)))
    changes = right[1][drawn].mean(axis=1) - right[0][drawn].mean(axis=1)
    low, high = np.percentile(changes, [2.5, 97.5])
    assert found.change[1] == pytest.approx(low, abs=0.02)
    assert found.change[2] == pytest.approx(high, abs=0.02)


@settings(max_examples=examples(40))
@given(st.data())
def test_models_on_tests_and_frozen_tests_are_counted_one_by_one(data):
    plan = data.draw(plans())
    time = plan.timeline
    with opened(plan) as evaluation:
        matrix = chameleon.model_on_tests(evaluation)
        frozen = chameleon.fixed_test_set(evaluation, test=next(iter(plan.frames)))
    rows = {v: time.versions[v] for v in plan.frames}
    for model, test, value, instances, leaked, unknown in matrix.iter_rows():
        own = {k: r for k, r in rows[test].items() if r.split == "test"}
        learnt = {k for k, r in rows[model].items() if r.split == "train"}
        said = time.said.get(model, {})
        known = {
            k: r for k, r in own.items()
            if k not in learnt and r.label is not None and said.get(k) is not None
        }  # fmt: skip
        assert leaked == len(own.keys() & learnt)
        assert instances == len(known)
        assert unknown == len(own) - leaked - len(known)
        right = sum(said[k] == r.label for k, r in known.items())
        assert value == (pytest.approx(right / len(known)) if known else None)
    first = next(iter(plan.frames))
    own = {k: r for k, r in rows[first].items() if r.split == "test"}
    learnt = {k for version in rows.values() for k, r in version.items() if r.split == "train"}
    fair = {k: r for k, r in own.items() if k not in learnt}
    known = {
        k: r for k, r in fair.items()
        if r.label is not None and all(time.said.get(v, {}).get(k) for v in rows)
    }  # fmt: skip
    for version, value, low, high, instances, leaked, unknown in frozen.iter_rows():
        assert (instances, leaked) == (len(known), len(own) - len(fair))
        assert unknown == len(fair) - len(known)
        if not known:
            assert (value, low, high) == (None, None, None)
            continue
        right = sum(time.said[version][k] == r.label for k, r in known.items())
        assert value == pytest.approx(right / len(known))
        assert low <= value <= high


def test_intervals_of_a_frozen_test_are_clopper_and_pearsons(tmp_path):
    evaluation = tree_project(tmp_path / "p")
    from scipy.stats import binomtest

    for row in chameleon.fixed_test_set(evaluation, test="1").iter_rows(named=True):
        right = round(row["value"] * row["instances"])
        exact = binomtest(right, row["instances"]).proportion_ci(method="exact")
        assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))


def test_what_does_not_exist_is_named(tmp_path):
    evaluation = tree_project(tmp_path / "p")
    with pytest.raises(SelectionError, match="no metric 'f2'"):
        chameleon.attribute_change(evaluation, before="1", after="2", metric="f2")
    with pytest.raises(SelectionError, match="no class 'sideways'"):
        chameleon.attribute_change(
            evaluation, before="1", after="2", metric="recall", of_class="sideways"
        )


def test_parts_add_up_for_every_step_of_the_sample(digits_project):
    evaluation = evaluated(digits_project)
    names = [version.name for version in evaluation.dataset.versions]
    for before, after in pairwise(names):
        found = chameleon.attribute_change(evaluation, before=before, after=after, resamples=0)
        change = found.reported_after - found.reported_before
        assert math.isclose(found.parts["value"].sum(), change, abs_tol=1e-12)
    faulty = chameleon.attribute_change(evaluation, before="1.8", after="1.9", resamples=0)
    assert parts_of(faulty)["edited"] < -0.1  # the vendor's faulty scaling reached the test set
    assert parts_of(faulty)["model"] > 0
    assert faulty.is_ambiguous
