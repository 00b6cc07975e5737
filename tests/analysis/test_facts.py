"""The facts of a step: counted by hand, against a plain oracle, and on the digits sample."""

import math
from collections import Counter
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from chameleon.analysis import (
    SCOPES,
    attribute_change,
    feature_drift,
    pair_facts,
    step_facts,
    step_levels,
    story,
)
from chameleon.analysis.drift import step_distances
from chameleon.project import Split
from chameleon.selection import Selection
from tests import oracle
from tests.library import evaluated, examples
from tests.oracle import Row, Timeline
from tests.projects import opened, plans, version_pairs
from tests.unpacked import Unpacked


@pytest.fixture(scope="module")
def digits(digits_project):
    return evaluated(digits_project)


def test_groups_can_be_counted_by_hand(small):
    facts = step_facts(small, before="v1", after="v10", scope="test")
    # c is unchanged, d was predicted dog and is now predicted cat, g is new
    assert facts.table == (((1, 2), (1, 3)), ((1, 2), (1, 3)))
    assert (facts.unchanged.n, facts.unchanged.before, facts.unchanged.after) == (1, 0, 1)
    assert (facts.unchanged.fixed, facts.unchanged.regressed, facts.unchanged.p) == (1, 0, 1.0)
    # "fresh" gives d a value that it did not have: the row was edited
    assert (facts.edited.n, facts.edited.before, facts.edited.old, facts.edited.new) == (1, 1, 1, 0)
    assert (facts.added.n, facts.added.old, facts.added.new, facts.removed.n) == (1, 0, 0, 0)
    assert (facts.errors.n, facts.errors.before) == (2, 1)
    assert facts.errors.labels == (("dog", 2, 2),)


def test_a_scope_without_outcomes_says_which_version_lacks_them(small):
    facts = step_facts(small, before="v1", after="v2", scope="validation")
    assert facts.status == "none"
    assert facts.reason == "v1 has no validation rows with a label and a prediction."
    assert facts.metric is None


def test_train_rows_have_no_interval(small):
    facts = step_facts(small, before="v1", after="v2", scope="train")
    assert facts.status == "seen"
    assert facts.metric is not None
    assert (facts.metric.low, facts.metric.high, facts.metric.p) == (None, None, None)


class Plain:
    """The same facts from dicts and loops."""

    def __init__(self, time: Timeline, before: str, after: str, scope: str) -> None:
        self.time, self.before, self.after = time, before, after
        self.old, self.new = (
            {k: row for k, row in time.versions[v].items() if scope in ("all", row.split)}
            for v in (before, after)
        )
        self.outcomes = {
            (model, side): {k: oracle.outcome(time, model, k, row) for k, row in rows.items()}
            for model in (before, after)
            for side, rows in (("old", self.old), ("new", self.new))
        }

    def known(self, model: str, side: str) -> dict[str, bool]:
        """The ids with a known outcome, and whether it is correct."""
        found = self.outcomes[model, side].items()
        return {k: o == "correct" for k, o in found if o != "unknown"}

    @property
    def table(self) -> list[list[tuple[int, int]]]:
        return [
            [(sum(k.values()), len(k)) for k in (self.known(m, s) for s in ("old", "new"))]
            for m in (self.before, self.after)
        ]

    def group(self, key: str) -> str | None:
        was, now = key in self.known(self.before, "old"), key in self.known(self.after, "new")
        if was and now:
            same = self.same(self.old[key], self.new[key])
            return "unchanged" if same else "edited"
        return "added" if now else "removed" if was else None

    def same(self, one: Row, other: Row) -> bool:
        features = self.time.features
        return one.label == other.label and all(
            alike(one.values[name], other.values[name]) for name in features
        )

    @property
    def groups(self) -> dict[str, list[str]]:
        keys = sorted({*self.old, *self.new})
        found: dict[str, list[str]] = {g: [] for g in ("unchanged", "edited", "added", "removed")}
        for key in keys:
            group = self.group(key)
            if group is not None:
                found[group].append(key)
        return found


def alike(one: object, other: object) -> bool:
    nothing = [v is None or (isinstance(v, float) and math.isnan(v)) for v in (one, other)]
    return all(nothing) if any(nothing) else one == other


def exact(before: dict[str, bool], after: dict[str, bool], keys: list[str]) -> float | None:
    flips = Counter((before[key], after[key]) for key in keys)
    down, up = flips[True, False], flips[False, True]
    return binomtest(down, down + up).pvalue if down + up else None


@settings(max_examples=examples(90))
@given(st.data())
def test_facts_are_those_of_a_plain_oracle(data):
    plan = data.draw(plans())
    after, before = data.draw(version_pairs(plan))
    scope = data.draw(st.sampled_from(SCOPES))
    with opened(plan) as evaluation:
        facts = step_facts(evaluation, before=before, after=after, scope=scope)
    told = Plain(plan.timeline, before, after, scope)
    assert [[*map(tuple, model)] for model in facts.table] == told.table
    groups = told.groups
    sizes = {name: getattr(facts, name).n for name in groups}
    assert sizes == {name: len(keys) for name, keys in groups.items()}
    was, now = told.known(before, "old"), told.known(after, "new")
    keys = groups["unchanged"]
    assert facts.unchanged.before == sum(was[key] for key in keys)
    assert facts.unchanged.after == sum(now[key] for key in keys)
    assert facts.unchanged.p == pytest.approx(exact(was, now, keys))
    crossed = told.known(before, "new")
    for name in ("edited", "added"):
        keys, found = groups[name], getattr(facts, name)
        complete = all(key in crossed for key in keys)
        assert found.new == sum(now[key] for key in keys)
        assert found.old == (sum(crossed[key] for key in keys) if complete else None)
    assert facts.removed.old == sum(was[key] for key in groups["removed"])
    assert facts.errors.n == sum(not right for right in now.values())
    assert facts.errors.before == sum(not right for right in was.values())
    if facts.metric is not None:
        assert facts.metric.change == pytest.approx(
            sum(now.values()) / len(now) - sum(was.values()) / len(was)
        )
    assert (facts.status == "none") == (not now or not was)


def test_digits_tell_what_their_notes_say(digits):
    facts = step_facts(digits, before="1.8", after="1.9")
    assert facts.table == (((434, 450), (349, 450)), ((432, 450), (399, 450)))
    assert asdict(facts.edited) | {"p_test": 0, "p_model": 0} == {
        "n": 100, "before": 97, "old": 12, "new": 62, "p_test": 0, "p_model": 0
    }  # fmt: skip
    assert (facts.unchanged.regressed, facts.unchanged.fixed) == (4, 4)
    assert [(chip.about, chip.direction, chip.level) for chip in facts.chips] == [
        ("test set", "harder", "certain"), ("unchanged rows", None, "chance")
    ]  # fmt: skip
    assert facts.step["train"]["edited"] == 250
    facts = step_facts(digits, before="1.4", after="1.5")
    assert (facts.unchanged.regressed, facts.unchanged.fixed) == (34, 4)
    assert facts.errors.labels[:2] == (("5", 12, 33), ("4", 7, 39))


def test_facts_never_contradict_the_attribution(digits):
    names = [version.name for version in digits.dataset.versions]
    for before, after in [*pairwise(names), ("1.11", "1.0"), ("1.5", "1.8")]:
        facts = step_facts(digits, before=before, after=after)
        found = attribute_change(digits, before=before, after=after)
        assert facts.metric is not None
        assert found.change == (facts.metric.change, facts.metric.low, facts.metric.high)
        assert found.crossed["value"].to_list() == [c / n for row in facts.table for c, n in row]
        assert facts.metric.chance == found.within_noise
        (unchanged,) = (chip for chip in facts.chips if chip.about == "unchanged rows")
        if facts.chips[0].direction == "unchanged":
            assert (unchanged.level == "chance") == facts.metric.chance


def test_leaked_rows_are_left_out_beside_the_reported_change(tmp_path):
    from tests.library import TREE, plain, write_project

    first, second = plain(60), plain(60)
    moved = [*second["split"][:30].replace_strict("test", "train", default="train"),
             *second["split"][30:]]  # fmt: skip
    frames = {"1": first, "2": second.with_columns(split=np.array(moved))}
    evaluation = evaluated(write_project(tmp_path / "leaky", frames, toml=TREE))
    facts = step_facts(evaluation, before="1", after="2")
    assert facts.excluded == {"leaked": 12, "unknown": 0}
    assert facts.guarded is not None
    assert facts.metric is not None
    own = [c / n for c, n in (facts.table[0][0], facts.table[1][1])]
    assert [facts.metric.before, facts.metric.after] == own
    found = attribute_change(evaluation, before="1", after="2")
    assert found.change == (facts.guarded.change, facts.guarded.low, facts.guarded.high)


def test_the_payload_has_the_facts_and_the_drift_of_every_step_or_of_none(digits):
    levels = step_levels(digits.dataset)
    whole, sampled = story(digits, levels=levels), story(digits, levels=levels, most=500)
    assert (whole.is_complete, sampled.is_complete) == (True, False)
    assert sampled.head["sample"]["rows"] <= 500
    facts = step_facts(digits, before="1.4", after="1.5")
    assert whole.head["facts"]["test"][5] == asdict(facts)
    assert set(sampled.head["facts"]["test"]) == {None}
    assert "drift" not in Unpacked.of(sampled.head, sampled.packed.blob).arrays
    assert "drift" not in Unpacked.of(story(digits).head, story(digits).packed.blob).arrays
    (test, chance) = step_distances(digits.dataset, before="1.4", after="1.5", split=Split.TEST).T
    drift = Unpacked.of(whole.head, whole.packed.blob).arrays["drift"][5]
    assert np.allclose(drift[:, 1], test)
    assert np.allclose(drift[:, 3], chance)
    pair = pair_facts(digits, before="1.4", after="1.5")
    assert pair["facts"]["test"] == asdict(facts)
    assert np.allclose(np.array(pair["drift"], dtype=float), drift)


@pytest.mark.parametrize("split", [Split.TRAIN, Split.TEST])
def test_drift_is_that_of_the_drift_page(digits, split):
    selection = Selection(primary="1.9", secondary="1.8")
    frame = feature_drift(digits, selection, split=split).filter(kind="feature")
    found = step_distances(digits.dataset, before="1.8", after="1.9", split=split)
    for line in frame.iter_rows(named=True):
        number = digits.dataset.feature_number(line["feature"])
        assert tuple(found[number]) == (line["js_distance"], line["js_chance_level"])
