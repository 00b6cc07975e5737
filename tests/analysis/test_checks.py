"""The data check: cases counted by hand, then everything against a slow plain oracle."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import internals as chameleon
from tests import oracle_check, tiny
from tests.internals import FindingKind
from tests.library import TREE, evaluated, examples, plain, temporary_project, write_project
from tests.projects import plans


def checked(folder) -> pl.DataFrame:
    return chameleon.check(chameleon.open_project(folder))


def only(frame: pl.DataFrame, kind: FindingKind, **where: object) -> dict:
    """The one notice of that kind."""
    (found,) = frame.filter(kind=kind.value, **where).iter_rows(named=True)
    return found


def counts(frame: pl.DataFrame) -> dict[tuple, tuple]:
    return {
        (row["version"], row["kind"], row["column"]): (row["count"], row["examples"])
        for row in frame.iter_rows(named=True)
    }


# ---------------------------------------------------------------- counted by hand


def test_the_tiny_project_is_noticed_as_a_reader_does(tmp_path):
    assert counts(checked(tiny.write_tiny(tmp_path / "tiny"))) == {
        ("v1", "missing labels", "label"): (1, ["f"]),
        ("v2", "changed split", "split"): (1, ["d"]),
        ("v2", "column added", "fresh"): (6, []),
        ("v2", "non-finite values", "size"): (1, ["e"]),
        ("v10", "changed split", "split"): (1, ["d"]),
        ("v10", "removed and added again", None): (1, ["c"]),
    }


def test_a_project_without_oddities_gives_no_notice(tmp_path):
    frame = checked(write_project(tmp_path / "p", {"1": plain(), "2": plain(21)}))
    assert frame.is_empty()
    assert frame.schema["examples"] == pl.List(pl.String)


def test_every_notice_says_what_was_done(tmp_path):
    bad = {"dup": plain(id=[0, *range(19)]), "none": plain(id=[None, *range(19)])}
    frame = checked(write_project(tmp_path / "p", {**tiny.FRAMES, **bad}))
    assert {"duplicate ids", "missing ids", "changed split"} <= set(frame["kind"])
    assert all(len(done) > 10 for done in frame["action"])
    severities = frame["severity"].to_list()
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


@pytest.mark.parametrize(
    ("second", "words", "form"),
    [
        ({}, "all with one label each", "parquet"),
        ({"label": "c"}, "1 of them with different labels", "csv"),
        ({"split": "test"}, "1 in more than one split", "parquet"),
        ({"label": None}, "1 of them with different labels", "csv"),
    ],
)
def test_duplicate_ids_tell_whether_labels_or_splits_conflict(tmp_path, second, words, form):
    twin = plain().head(1).with_columns(**{n: pl.lit(v) for n, v in second.items()})
    bad = pl.concat([plain(), twin], how="vertical_relaxed")
    folder = write_project(tmp_path / "p", {"1": plain(), "2": bad}, form=form)
    found = only(checked(folder), FindingKind.DUPLICATE_IDS)
    assert (found["version"], found["severity"], found["column"]) == ("2", "error", "id")
    assert (found["count"], found["examples"]) == (1, ["0"])
    assert words in found["message"]
    assert "left out" in found["action"]
    assert "left out" not in found["message"]


def test_a_move_between_train_and_test_weighs_more_than_one_to_validation(tmp_path):
    splits = ["train", "train", "test", "test"]
    frames = {
        "1": plain(4, split=splits),
        "2": plain(4, split=["train", "test", "test", "train"]),
        "3": plain(4, split=["val", "test", "test", "train"]),
    }
    frame = checked(write_project(tmp_path / "p", frames))
    leak = only(frame, FindingKind.MOVED, version="2")
    assert (leak["severity"], leak["count"], leak["examples"]) == ("warning", 2, ["1", "3"])
    assert "1 from train to test, 1 from test to train" in leak["message"]
    assert only(frame, FindingKind.MOVED, version="3")["severity"] == "note"


def test_equal_rows_on_both_sides_of_the_split(tmp_path):
    frame = plain(
        6,
        x=[1.0, 2.0, 1.0, 2.0, 2.0, 3.0],
        split=["train", "train", "test", "test", "dev", "test"],
        label=["a", "a", "a", "b", "a", "a"],
    )
    found = only(checked(write_project(tmp_path / "p", {"1": frame})), FindingKind.ACROSS_SPLIT)
    assert (found["count"], found["examples"]) == (3, ["2", "3", "4"])
    assert "3 of 4 test and validation rows" in found["message"]
    assert "1 of them with a label that no such train row has" in found["message"]


def test_a_type_that_changes_and_changes_back_is_told_twice_not_thrice(tmp_path):
    texts = [f"t{i}" for i in range(20)]
    frames = {"1": plain(), "2": plain(x=texts), "3": plain(x=texts), "4": plain()}
    frame = checked(write_project(tmp_path / "p", frames))
    found = frame.filter(kind=FindingKind.COLUMN_RETYPED.value)
    assert sorted(found["version"]) == ["2", "4"]
    assert set(found["column"]) == {"x"}


def test_a_manifest_in_another_order_than_its_dates(tmp_path):
    toml = "".join(
        f'[[versions]]\nname = "{name}"\nfile = "versions/{name}.parquet"\n{date}'
        for name, date in (
            ("1", "date = 2020-05-01\n"), ("2", ""), ("3", "date = 2020-04-01\n"),
            ("4", "date = 2020-04-01\n"),
        )
    )  # fmt: skip
    frames = {str(k): plain(20 + k) for k in (1, 2, 3, 4)}
    found = only(
        checked(write_project(tmp_path / "p", frames, toml=toml)), FindingKind.OUT_OF_ORDER
    )
    assert (found["version"], found["severity"]) == ("3", "warning")
    assert found["examples"] == ["2020-04-01", "2020-05-01"]


@pytest.mark.parametrize(
    ("values", "spelled"),
    [
        ([2.5] * 20, "2.5"),
        (["red"] * 20, "red"),
        ([True] * 20, "true"),
        ([dt.date(2020, 1, 1)] * 20, "2020-01-01"),
        ([None] * 18 + [7, 7], "7"),
    ],
)
def test_a_constant_feature_shows_its_value(tmp_path, values, spelled):
    found = only(
        checked(write_project(tmp_path / "p", {"1": plain(k=values)})), FindingKind.CONSTANT
    )
    assert (found["column"], found["examples"]) == ("k", [spelled])
    assert found["count"] == 20 - values.count(None)


def labelled(values: list, labels: list[str | None]) -> pl.DataFrame:
    frame = plain(len(values), k=values).drop("x")
    return frame.with_columns(label=pl.Series(labels, dtype=pl.String))


def test_a_feature_that_copies_the_label_is_told(tmp_path):
    labels = ["a", "b"] * 50
    frames = {
        "copy": labelled([f"is {label}" for label in labels], labels),
        "19 of 20": labelled(["is a", "is b"] * 48 + ["is b", "is a"] * 2, labels),
        "chance": labelled(["is a", "is b"] * 25 + ["is b", "is a"] * 25, labels),
        "few": labelled(["is a", "is b"] * 24, labels[:48]),
        "only a": labelled(["is a"] * 100, ["a"] * 100),
    }
    frame = checked(write_project(tmp_path / "p", frames))
    told = frame.filter(kind=FindingKind.TELLS_LABEL.value)
    assert told["version"].to_list() == ["copy"]
    assert told["count"].to_list() == [100]
    assert told["examples"].to_list() == [["is a: a", "is b: b"]]


def test_a_copied_label_of_many_classes_is_told_beyond_the_shown_categories(tmp_path):
    labels = [f"c{i % 60}" for i in range(600)]
    frame = labelled([f"is {label}" for label in labels], labels)
    found = only(checked(write_project(tmp_path / "p", {"1": frame})), FindingKind.TELLS_LABEL)
    assert found["count"] == 600


def test_a_missing_value_may_tell_the_label_too(tmp_path):
    labels = ["a", "b"] * 50
    frame = labelled([None if label == "a" else 1.0 for label in labels], labels)
    found = only(checked(write_project(tmp_path / "p", {"1": frame})), FindingKind.TELLS_LABEL)
    assert (found["count"], found["examples"]) == (100, ["1: b"])


def test_an_evaluation_tells_what_was_wrong_with_its_models_too(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(label=["a"] * 20)}, toml=TREE)
    evaluation = evaluated(folder)
    told = chameleon.check(evaluation)
    assert any("has no model" in message for message in told["message"])
    assert set(checked(folder)["message"]) < set(told["message"])


# ---------------------------------------------------------------- against the oracle


@settings(max_examples=examples(80))
@given(plans())
def test_what_is_noticed_is_what_the_oracle_notices(plan):
    expected = oracle_check.noticed(plan.frames, plan.timeline)
    with temporary_project(plan.frames) as folder:
        project = chameleon.open_project(folder)
        frame = chameleon.check(project)
    usual = frame.filter(~pl.col("kind").is_in(["other", "version left out"]))
    assert len(frame) - len(usual) == sum(finding.kind is None for finding in project.findings)
    found = counts(usual)
    assert len(found) == len(usual)  # nothing is told twice
    assert set(found) == set(expected)
    for key, (count, named) in found.items():
        wanted, pool = expected[key]
        if key[1] == FindingKind.COLUMN_RETYPED.value:
            continue
        assert count == wanted
        if pool != {None}:
            assert set(named) <= pool
            assert len(set(named)) == min(3, len(pool))


@st.composite
def telling(draw: st.DrawFn) -> list[tuple[list, list]]:
    """Versions of a feature that tells the label but for some mistakes, in 45 to 90 rows.

    Its few values lie so far apart that each has a bin of its own.
    """
    names = draw(st.sampled_from([[0, 1, 2, 3], ["p", "q", "r", None], [0.5, 10.5, 99.5, None]]))
    versions = []
    for _ in range(draw(st.integers(1, 2))):
        count, groups = draw(st.integers(45, 90)), draw(st.integers(1, 4))
        values = draw(st.lists(st.integers(0, groups - 1), min_size=count, max_size=count))
        labels: list[str | None] = [f"c{value % 3}" for value in values]
        wrong = st.tuples(st.integers(0, count - 1), st.sampled_from(["c0", "c1", None]))
        for place, label in draw(st.lists(wrong, max_size=5)):
            labels[place] = label
        versions.append(([names[value] for value in values], labels))
    return versions


@settings(max_examples=examples(40))
@given(telling())
def test_a_feature_tells_the_label_where_the_oracle_says_so(versions):
    frames = {str(n): labelled(*version) for n, version in enumerate(versions)}
    with temporary_project(frames) as folder:
        frame = checked(folder)
    found = counts(frame.filter(kind=FindingKind.TELLS_LABEL.value))
    expected = {
        (str(n), "target leakage", "k"): told
        for n, (values, labels) in enumerate(versions)
        if (told := oracle_check.told_labels(list(zip(values, labels, strict=True)))) is not None
    }
    assert {key: count for key, (count, _) in found.items()} == expected


@pytest.mark.parametrize(
    ("moment", "form"), [("0000-06-01", "csv"), ("9999-12-31T23:00:00-05:00", "parquet")]
)
def test_dates_beyond_the_years_of_a_calendar_are_told_as_others_are(tmp_path, moment, form):
    frame = plain(20).with_columns(when=pl.lit(moment), day=pl.lit(moment))
    later = frame.with_columns(day=pl.lit("0000-05-01"))
    toml = f"[columns]\ndate = 'day'\n{TREE}"
    folder = write_project(tmp_path / "p", {"1": frame, "2": later}, toml=toml, form=form)
    found = checked(folder)
    assert "constant feature" in found.filter(pl.col("column") == "when")["kind"].to_list()
    assert "out of order" in found["kind"].to_list()
