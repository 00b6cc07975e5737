"""The ranked mistakes against the oracle."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.errors import SelectionError
from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle, oracle_views
from tests.internals import SensitivityRange
from tests.library import evaluated, examples, plain, write_project
from tests.projects import filtered_steps, opened


@settings(max_examples=examples(30))
@given(st.data())
def test_mistakes_are_those_of_the_oracle_in_order(data):
    plan, primary, secondary, filters = data.draw(filtered_steps())
    split = data.draw(st.sampled_from([None, *Split]))
    names = list(plan.frames)
    over = SensitivityRange(names[0], names[-1], data.draw(st.booleans()))
    sides = {"primary": primary, "secondary": secondary}
    asked = {**sides, "filters": filters, "split": split, "over": over}
    with opened(plan) as evaluation:
        found = chameleon.ranked_errors(evaluation, by="sensitivity", **asked)
        sure = chameleon.ranked_errors(evaluation, **asked)
        listed = chameleon.most_sensitive(
            evaluation, first=names[0], last=names[-1], held_only=over.held_only, most=99
        )
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
        assert chameleon.ranked_errors(evaluation, **asked, most=2).equals(sure.head(2))
    time = plan.timeline
    through = oracle_views.through(time, primary, secondary, filters, bars)
    expected = {
        key: row
        for key, row in time.versions[primary].items()
        if (filters.is_empty or key in through)
        and split in (None, row.split)
        and oracle_views.judged(time, primary, key, row.label) == "incorrect"
    }
    assert set(found["instance"]) == set(sure["instance"]) == set(expected)
    assert sure["instance"].to_list() == sorted(expected)  # no probabilities: by id
    for row in found.iter_rows(named=True):
        key = row["instance"]
        assert row["label"] == expected[key].label
        assert row["prediction"] == time.said[primary][key]
        assert row["split"] == expected[key].split
        assert row["source"] == expected[key].source
        assert row["changes"] == oracle_views.changes(time, key, over)
        assert row["probability"] is row["label_issue_score"] is row["suggested_label"] is None
        if row["changes"]:
            assert {row["course"]} == set(listed.filter(instance=key)["course"])
    ranks = [-1 if n is None else n for n in found["changes"]]
    assert ranks == sorted(ranks, reverse=True)


def test_the_surest_mistake_stands_first(tmp_path):
    frame = plain(6).with_columns(label=pl.lit("a"), split=pl.lit("test"))
    said = pl.DataFrame(
        {
            "id": range(6),
            "prediction": ["b", "a", "b", "b", "a", "b"],
            "proba_a": [0.4, 0.9, 0.1, 0.3, 0.8, None],
            "proba_b": [0.6, 0.1, 0.9, 0.7, 0.2, None],
        }
    )
    folder = write_project(tmp_path / "p", {"1": frame}, predictions={"1": said})
    evaluation = evaluated(folder)
    found = chameleon.ranked_errors(evaluation, primary="1", secondary="1")
    assert found["instance"].to_list() == ["2", "3", "0", "5"]
    assert found["probability"].to_list()[:3] == pytest.approx([0.9, 0.7, 0.6])
    assert found["probability"][3] is None
    assert found["changes"].null_count() == 4  # one version: nothing can change
    for by, told in (("luck", "ranked by one of"), ("label_issue", "requires")):
        with pytest.raises(SelectionError, match=told):
            chameleon.ranked_errors(evaluation, primary="1", secondary="1", by=by)


def test_suspicion_ranks_labels_that_an_unseeing_model_contradicts(tmp_path):
    random = np.random.default_rng(0)
    label = np.arange(200) % 2
    wrong = label.copy()
    wrong[:6] = 1 - wrong[:6]
    frame = pl.DataFrame(
        {
            "id": [f"i{k:03d}" for k in range(200)],
            "label": np.array(["a", "b"])[wrong],
            "split": np.where(np.arange(200) < 150, "train", "test"),
            "x": label * 4 + random.normal(size=200),
        }
    )
    folder = write_project(
        tmp_path / "p", {"1": frame, "2": frame}, toml='[model]\nestimator = "GaussianNB"\n'
    )
    evaluation = evaluated(folder)
    issues = chameleon.label_issues(evaluation, "2")
    sides = {"primary": "2", "secondary": "1"}
    found = chameleon.ranked_errors(evaluation, **sides, by="label_issue", issues=issues)
    assert set(found["instance"][:6]) == {f"i{k:03d}" for k in range(6)}
    assert (found["suggested_label"] != found["label"]).all()
    assert found["label_issue_score"].to_list() == sorted(found["label_issue_score"], reverse=True)
    expected = issues.rows.drop_nulls("suggested_label")
    assert set(found["instance"]) == set(expected["instance"])
    tested = chameleon.ranked_errors(
        evaluation, **sides, by="label_issue", issues=issues, split=Split.TEST
    )
    assert set(tested["instance"]) == set(expected.filter(split="test")["instance"])
    with pytest.raises(SelectionError, match="of version 2, not of 1"):
        chameleon.ranked_errors(
            evaluation, primary="1", secondary="2", by="label_issue", issues=issues
        )
