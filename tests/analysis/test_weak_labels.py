"""Weak labels and labelling rules: equal to the oracle, filtered as it filters."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.project import Split
from chameleon.selection import instance_mask, usable
from tests import internals as chameleon
from tests import oracle, oracle_weak
from tests.data.test_dataset import told
from tests.internals import Filters, LabelProbability, RuleVote, Selection, VoteChange, Voted
from tests.library import TREE, evaluated, examples, plain, temporary_project, write_project
from tests.oracle_weak import CLASSES, RULES, weak_plans

BOUNDS = (0.0, 0.05, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0)
DEFAULT = Selection("v1", "v0")


def few(values):
    return st.just(()) | st.lists(values, min_size=1, max_size=2, unique=True).map(tuple)


@st.composite
def weak_filters(draw):
    rules = st.sampled_from(RULES)
    ranges = st.tuples(st.sampled_from(CLASSES), st.sampled_from(BOUNDS), st.sampled_from(BOUNDS))
    return Filters(
        splits=draw(few(st.sampled_from(list(Split)))),
        votes=draw(few(st.builds(RuleVote, rules, st.sampled_from(["a", "b", "c", None])))),
        label_probabilities=draw(
            few(ranges.filter(lambda r: r[1] <= r[2]).map(lambda r: LabelProbability(*r)))
        ),
        vote_changes=draw(few(st.builds(VoteChange, rules, st.sampled_from(list(Voted))))),
    )


def same(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        if value is None or isinstance(value, str):
            assert found[name] == value, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-7), name


def side(line, name):
    return {
        key.removeprefix(f"{name}_"): value
        for key, value in line.items()
        if key.startswith(f"{name}_")
    }


@settings(max_examples=examples(40))
@given(st.data())
def test_every_figure_is_that_of_the_oracle(data):
    plan = data.draw(weak_plans())
    names = st.sampled_from(list(plan.frames))
    versions = {"primary": data.draw(names), "secondary": data.draw(names)}
    filters = data.draw(weak_filters() | st.just(Filters()))
    if any(c not in _classes(plan) for _, c in filters.votes):
        filters = Filters()
    with temporary_project(plan.frames, predictions=plan.predictions) as folder:
        evaluation = evaluated(folder)
        # ---- whole dataset: rows once, nothing else touched
        assert told(evaluation.dataset) == plan.time.versions
        assert evaluation.dataset.row_count == oracle_weak.distinct_rows(plan)
        first, *_, last = plan.frames
        step = chameleon.compare_data(evaluation.dataset.project, before=first, after=last)
        expected = oracle.compare_data(plan.time, first, last)
        for name in (
            "shared",
            "edited",
            "unchanged",
            "relabeled",
            "changed_split",
            "added",
            "removed",
        ):
            assert getattr(step, name) == expected[name], name
        # ---- the mask
        selection = Selection(versions["primary"], versions["secondary"], filters)
        assert usable(evaluation, selection, selection) == (selection, ())
        ids = evaluation.dataset.instance_ids
        keys = oracle_weak.through(plan, *versions.values(), filters)
        assert set(ids.filter(instance_mask(evaluation, selection))) == keys
        # ---- classes
        keys = oracle_weak.through(plan, *versions.values(), _without(filters, "probabilities"))
        frame = chameleon.weak_labels(evaluation, **versions, filters=filters)
        assert set(frame["class"]) == {*CLASSES, *plan.time.labels}
        for line in frame.iter_rows(named=True):
            for name, version in versions.items():
                wanted = oracle_weak.class_figures(plan, version, keys, line["class"])
                same(side(line, name), wanted)
        _check_totals(plan, evaluation, versions, filters, keys)
        _check_histogram(plan, evaluation, versions, filters, keys)
        # ---- rules
        keys = oracle_weak.through(plan, *versions.values(), _without(filters, "votes"))
        frame = chameleon.labeling_functions(evaluation, **versions, filters=filters)
        assert frame["function"].to_list() == list(RULES)
        for line in frame.iter_rows(named=True):
            for name, version in versions.items():
                wanted = oracle_weak.rule_figures(plan, version, keys, line["function"])
                same(side(line, name), wanted)
            wanted = oracle_weak.step_figures(plan, *versions.values(), keys, line["function"])
            same({name: line[name] for name in wanted}, wanted)


def _classes(plan):
    said = {v for rows in plan.weak.values() for _, votes in rows.values() for v in votes.values()}
    return {*CLASSES, *plan.time.labels, *said}


def _without(filters, what):
    if what == "probabilities":
        return Filters(filters.splits, votes=filters.votes, vote_changes=filters.vote_changes)
    return Filters(filters.splits, label_probabilities=filters.label_probabilities)


def _check_totals(plan, evaluation, versions, filters, keys):
    frame = chameleon.weak_label_totals(evaluation, **versions, filters=filters)
    for line in frame.iter_rows(named=True):
        version = versions[line["side"]]
        own = {k: p for k, (p, _) in plan.weak[version].items() if k in keys}
        known = {k: p for k, p in own.items() if p is not None}
        best = {k: oracle_weak.likeliest(p) for k, p in known.items()}
        label = {k: plan.time.versions[version][k].label for k in known}
        judged = [k for k in known if best[k] is not None and label[k] is not None]
        wanted = {
            "side": line["side"],
            "version": version,
            "instances": len(own),
            "with_probabilities": len(known),
            "tied": sum(b is None for b in best.values()),
            "confidence": oracle_weak.mean([max(p.values()) for p in known.values()]),
            "entropy": oracle_weak.mean([oracle_weak.entropy(p) for p in known.values()]),
            "judged": len(judged),
            "disagreements": sum(best[k] != label[k] for k in judged),
        }
        same(line, wanted)
    change = chameleon.label_probability_change(evaluation, **versions, filters=filters)
    old, new = plan.weak[versions["secondary"]], plan.weak[versions["primary"]]
    kept = [k for k in old if k in new and k in keys]
    both = [(old[k][0], new[k][0]) for k in kept if None not in (old[k][0], new[k][0])]
    best = [(oracle_weak.likeliest(a), oracle_weak.likeliest(b)) for a, b in both]
    assert (change.shared, change.compared) == (len(kept), len(both))
    assert change.changed == sum(a != b for a, b in both)
    assert change.most_likely_changed == sum(
        None not in pair and pair[0] != pair[1] for pair in best
    )
    wanted = oracle_weak.mean([oracle_weak.distance(a, b) for a, b in both])
    same({"distance": change.distance}, {"distance": wanted})


def _check_histogram(plan, evaluation, versions, filters, keys):
    frame = chameleon.label_probability_histogram(evaluation, **versions, filters=filters)
    assert len(frame) == 10 * len(CLASSES)
    for line in frame.iter_rows(named=True):
        low, high = line["low"], line["high"]
        for name, version in versions.items():
            values = [p[line["class"]] for k, (p, _) in plan.weak[version].items()
                      if k in keys and p is not None]  # fmt: skip
            assert line[name] == sum(low <= v and (v < high or v == high == 1) for v in values)


@settings(max_examples=examples(25))
@given(weak_plans())
def test_what_is_said_of_an_instance_is_what_was_written(plan):
    with temporary_project(plan.frames, predictions=plan.predictions) as folder:
        evaluation = evaluated(folder)
    for version, rows in plan.weak.items():
        for key in {k for others in plan.weak.values() for k in others}:
            found = chameleon.weak_label_of(evaluation, key, version)
            if key not in rows:
                assert found is None
                continue
            probabilities, votes = rows[key]
            assert found.label == plan.time.versions[version][key].label
            assert found.votes == votes
            assert found.probabilities == pytest.approx(probabilities or {}, rel=1e-6)
    with pytest.raises(chameleon.SelectionError, match="'nobody'"):
        chameleon.weak_label_of(evaluation, "nobody", "v0")
    with pytest.raises(chameleon.SelectionError, match="'v9'"):
        chameleon.weak_label_of(evaluation, "0", "v9")


# ---------------------------------------------------------------- filters in a link


TEXTS = st.sampled_from(["", "a", "~", '"', "\\", "[", "é", "null", "a b", "1"])
PROBABILITIES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(
    st.lists(st.builds(RuleVote, TEXTS, st.none() | TEXTS), max_size=2).map(tuple),
    st.lists(st.builds(VoteChange, TEXTS, st.sampled_from(list(Voted))), max_size=2).map(tuple),
    st.lists(st.tuples(TEXTS, PROBABILITIES), max_size=2).map(
        lambda found: tuple(LabelProbability(name, *bounds) for name, bounds in found)
    ),
)
def test_a_link_gives_back_the_very_same_filters(votes, changes, ranges):
    filters = Filters(votes=votes, vote_changes=changes, label_probabilities=ranges)
    selection = Selection("b", "a", filters)
    assert Selection.from_query_string(selection.to_query_string(), DEFAULT) == selection
    assert len(filters.parts) == len({*votes}) + len({*changes}) + len({*ranges})
    assert filters.of_rows == Filters(votes=votes, label_probabilities=ranges)
    assert filters.of_instances == Filters(vote_changes=changes)


@pytest.mark.parametrize(
    "text",
    [
        "vote=x", 'vote=["r"]', 'vote=["r",1]', "vote=null", 'vote-change=["r","perhaps"]',
        "vote-change=r", 'label-probability=["a",0]', 'label-probability=["a",0.5,0.2]',
        'label-probability=["a",-1,0]', 'label-probability=["a",0,2]',
        'label-probability=["a",true,1]', 'label-probability=["a",NaN,1]',
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_an_error_of_ours(text):
    with pytest.raises(chameleon.SelectionError, match="link"):
        Selection.from_query_string(text, DEFAULT)


def test_what_does_not_exist_is_an_error_and_is_left_out_with_a_sentence(tmp_path):
    frame = plain(label_vote_r=["a"] * 20)
    weak = evaluated(write_project(tmp_path / "weak", {"1": frame}, toml=TREE))
    bare = evaluated(write_project(tmp_path / "bare", {"1": plain()}, toml=TREE))
    wrong = (
        Filters(votes=(RuleVote("gone", None),)),
        Filters(votes=(RuleVote("r", "gone"),)),
        Filters(vote_changes=(VoteChange("gone"),)),
        Filters(label_probabilities=(LabelProbability("gone", 0, 1),)),
        Filters(label_probabilities=(LabelProbability("a", 0, 1),)),  # has no column
    )
    default = Selection("1", "1")
    for evaluation in (weak, bare):
        for filters in wrong:
            selection = Selection("1", "1", filters)
            with pytest.raises(chameleon.SelectionError, match=r"There (is no|are no)"):
                instance_mask(evaluation, selection)
            kept, complaints = usable(evaluation, selection, default)
            assert kept == default
            assert len(complaints) == 1
    assert chameleon.has_weak_labels(weak)
    assert not chameleon.has_weak_labels(bare)


def test_without_such_columns_there_are_no_rows_and_no_errors(tmp_path):
    bare = evaluated(write_project(tmp_path, {"1": plain(), "2": plain()}, toml=TREE))
    versions = {"primary": "2", "secondary": "1"}
    for name in ("weak_labels", "weak_label_totals", "label_probability_histogram",
                 "labeling_functions"):  # fmt: skip
        assert getattr(chameleon, name)(bare, **versions).is_empty()
    change = chameleon.label_probability_change(bare, **versions)
    assert (change.shared, change.compared, change.distance) == (20, 0, None)
    assert chameleon.weak_label_of(bare, "3", "1") == chameleon.WeakLabel("a", {}, {})


def test_a_planted_rule_carries_the_change_it_made(tmp_path):
    # the rule votes b instead of a on ids 0 to 4, and the probabilities follow there alone
    p = [0.75] * 20
    before = _weak(p, ["a"] * 10 + [None] * 10)
    after = _weak([0.25] * 5 + p[5:], ["b"] * 5 + ["a"] * 5 + [None] * 9 + ["b"])
    evaluation = evaluated(write_project(tmp_path, {"1": before, "2": after}, toml=TREE))
    (line,) = chameleon.labeling_functions(evaluation, primary="2", secondary="1").to_dicts()
    assert [line[n] for n in ("changed", "started", "stopped", "switched")] == [6, 1, 0, 5]
    assert line["changed_distance"] == pytest.approx(5 * 0.5 / 6)
    assert line["other_distance"] == 0
    assert line["changed_share"] == 1
    assert (line["secondary_coverage"], line["primary_coverage"]) == (0.5, 0.55)
    # the label of plain() is b for even ids
    assert (line["secondary_judged"], line["secondary_correct"]) == (10, 5)
    assert (line["primary_judged"], line["primary_correct"]) == (11, 3 + 3)
    step = chameleon.compare_data(evaluation.dataset.project, before="1", after="2")
    assert (step.edited, step.unchanged) == (0, 20)
    assert evaluation.dataset.row_count == 26
    assert evaluation.predicted.shape == (2, 26)
    assert [f.name for f in evaluation.dataset.features] == ["x"]


def _weak(probabilities, votes):
    return plain(
        label_proba_a=probabilities,
        label_proba_b=[1 - p for p in probabilities],
        label_vote_r=votes,
    )


def test_a_side_can_be_restricted_to_a_vote(tmp_path):
    frame = _weak([0.75] * 20, ["a"] * 7 + ["b"] * 8 + [None] * 5)
    evaluation = evaluated(write_project(tmp_path, {"1": frame, "2": frame}, toml=TREE))
    only = Filters(votes=(RuleVote("r", "a"),))
    (line,) = chameleon.labeling_functions(
        evaluation, primary="2", secondary="1", primary_only=only
    ).to_dicts()
    assert (line["primary_instances"], line["secondary_instances"], line["shared"]) == (7, 20, 7)


def test_entropy_is_that_of_a_coin_and_of_certainty():
    from chameleon.analysis.weak import _entropies

    found = _entropies(np.array([[0.5, 1.0, 0.25], [0.5, 0.0, 0.75]]))
    wanted = [1.0, 0.0, -0.25 * math.log2(0.25) - 0.75 * math.log2(0.75)]
    assert found.tolist() == pytest.approx(wanted)
    assert not np.signbit(found).any()
    assert isinstance(pl.Series(found).dtype, pl.Float64)
