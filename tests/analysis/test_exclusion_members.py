"""Members and hits against loops over plain rows; files of lists there and back."""

import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chameleon
from chameleon import ChangeType, DataChange, ExclusionLists, Filters, OutcomeChange, Selection
from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection import excluded_mask, rule_mask, rule_of, rule_selection
from tests import oracle, tiny
from tests.library import TREE, evaluated, examples, plain, write_project
from tests.projects import filters_for, opened, plans, version_pairs


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


def held_by(evaluation, rule, version):
    mask = rule_mask(evaluation, rule, version=version)
    return sorted(evaluation.dataset.instance_ids.filter(pl.Series(mask)).to_list())


@settings(max_examples=examples(25))
@given(st.data())
def test_members_and_hits_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    filters = data.draw(filters_for(plan))
    time = plan.timeline
    with opened(plan) as evaluation:
        store = ExclusionLists()
        some = st.sampled_from([*evaluation.dataset.instance_ids.to_list(), "nobody"])
        entries = data.draw(st.lists(some, max_size=4, unique=True))
        store.add("l", entries, "bad")
        store.add_rule("l", rule_of(Selection(primary, secondary, filters), "rule"))
        exclusion_list = store.of("l")
        members = chameleon.exclusion_list_members(evaluation, exclusion_list, version=primary)
        hits = chameleon.exclusion_list_counts(evaluation, exclusion_list, version=primary)
        sides = {"primary": primary, "secondary": secondary}
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
    rows = time.versions[primary]
    by_entry = members.filter(by="entry")
    assert by_entry["instance"].to_list() == sorted(entries, key=str.encode)
    for row in members.iter_rows(named=True):
        own = rows.get(row["instance"])
        assert row["held"] == (own is not None)
        assert row["label"] == (own.label if own else None)
        assert row["split"] == (own.split if own else None)
        assert row["known"] == any(row["instance"] in v for v in time.versions.values())
    by_rule = set(members.filter(by="rule")["instance"])
    assert by_rule <= set(rows)
    assert by_rule == {
        key for key in rows if oracle.passes(time, key, primary, secondary, filters, bars)
    }
    on_list = (set(entries) | by_rule) & set(rows)
    for by, group, instances, of, share in hits.iter_rows():
        of_group = {
            key for key, row in rows.items()
            if by == "version" or getattr(row, by) == group
        }  # fmt: skip
        assert (instances, of) == (len(of_group & on_list), len(of_group))
        assert share == pytest.approx(instances / of)
    for by in ("version", "split", "label"):
        assert hits.filter(by=by)["of"].sum() == len(rows)


def test_hits_by_label_are_counted_without_any_label(tmp_path):
    frame = plain(4, label=pl.Series([None] * 4, dtype=pl.String))
    predictions = pl.DataFrame({"id": range(4), "prediction": "a"})
    folder = write_project(tmp_path / "p", {"1": frame}, predictions={"1": predictions})
    store = ExclusionLists()
    store.add("l", ["0", "3"], "")
    hits = chameleon.exclusion_list_counts(evaluated(folder), store.of("l"), version="1")
    assert hits.filter(by="label").rows() == [("label", None, 2, 4, 0.5)]


def test_a_rule_is_looked_at_against_the_version_as_far_away(small):
    def seen(rule, version):
        found = rule_selection(small, rule, version=version)
        return found.primary, found.secondary

    back = rule_of(Selection("v2", "v1"), "")
    assert [seen(back, v) for v in ("v1", "v2", "v10")] == [
        ("v1", "v1"), ("v2", "v1"), ("v10", "v2"),
    ]  # fmt: skip
    ahead = rule_of(Selection("v1", "v10"), "")
    assert [seen(ahead, v)[1] for v in ("v1", "v2", "v10")] == ["v10", "v10", "v10"]
    gone = chameleon.ExclusionRule(1, "", "v0", "v1")
    assert [seen(gone, v)[1] for v in ("v1", "v2", "v10")] == ["v1", "v1", "v2"]


def test_rules_are_applied_to_every_version_anew(small):
    wrong = rule_of(Selection("v1", "v1", Filters(outcomes=("incorrect",))), "")
    assert [held_by(small, wrong, v) for v in ("v1", "v2", "v10")] == [
        ["c", "e"], [], ["a", "d", "g"],
    ]  # fmt: skip
    regressed = Filters(outcome_changes=(OutcomeChange("correct", "incorrect"),))
    rule = rule_of(Selection("v2", "v1", regressed), "")
    assert [held_by(small, rule, v) for v in ("v1", "v2", "v10")] == [[], [], ["a", "d", "g"]]
    moved = rule_of(
        Selection("v2", "v1", Filters(data_changes=(DataChange(ChangeType.MOVED),))), ""
    )
    assert [held_by(small, moved, v) for v in ("v1", "v2", "v10")] == [[], ["d"], ["d"]]
    only = Selection("v2", "v1", primary_only=Filters(splits=(Split.TEST,)))
    assert [held_by(small, rule_of(only, ""), v) for v in ("v2", "v10")] == [["g"], ["c", "d", "g"]]


def test_a_rule_holds_none_that_the_version_lacks(small):
    rule = rule_of(Selection("v2", "v1", Filters(labels=("cat",))), "")
    assert held_by(small, rule, "v2") == ["a", "b", "g"]  # c was cat, and has left


def test_a_rule_that_cannot_be_applied_is_named(small):
    store = ExclusionLists()
    store.add_rule("l", chameleon.ExclusionRule(0, "label=bird", "v2", "v1"))
    with pytest.raises(SelectionError, match=r"Rule 1 .* version v2: There is no label 'bird'"):
        chameleon.exclusion_list_members(small, store.of("l"), version="v2")
    with pytest.raises(SelectionError, match="no version 'v3'"):
        excluded_mask(small, store.of("l"), version="v3")


# ---------------------------------------------------------------- files


IDS = st.text(st.sampled_from("a=+-@'\"\t\r\n ,;|\\é\uff1d0\x1f\u200b"), min_size=1, max_size=6)


@settings(max_examples=examples(150))
@given(st.dictionaries(IDS, IDS, max_size=6))
def test_what_is_exported_is_imported_exactly(small_project, reasons):
    store = ExclusionLists()
    frame = pl.DataFrame(
        {
            "instance": list(reasons),
            "reason": [" ".join(reason.split()) for reason in reasons.values()],
            "by": ["entry"] * len(reasons),
            "added": [None] * len(reasons),
        },
        schema={"instance": pl.String, "reason": pl.String, "by": pl.String,
                "added": pl.Datetime("us")},
    )  # fmt: skip
    text = chameleon.exclusion_list_csv(frame)
    for content, name in (
        (text.encode(), "l.csv"),
        (chameleon.exclusion_list_parquet(frame), "l.parquet"),
    ):
        read = chameleon.read_exclusion_list(content, name, small_project)
        assert read.frame.equals(frame.select("instance", "reason"))
        assert (read.rows, read.duplicates, read.without_id) == (len(reasons), 0, 0)
    whole = pl.read_csv(text.encode(), infer_schema=False) if reasons else frame
    for cell in whole["instance"]:
        assert not cell.strip("\t\r\n \x1f\u200b").startswith(("=", "+", "-", "@", "\uff1d"))
    assert store.names == ()


@pytest.fixture(scope="module")
def small_project(small):
    return small.dataset.project


def test_lists_from_elsewhere_are_read_by_their_id_columns(tmp_path):
    frame = plain(6, part=["x", "y|", "x", "y|", "x", "y|"])
    toml = f'{TREE}[columns]\nid = ["id", "part"]\n'
    project = evaluated(write_project(tmp_path / "p", {"1": frame}, toml=toml)).dataset.project
    parquet = io.BytesIO()
    frame.select("part", "id", Reason=pl.lit("'=1")).write_parquet(parquet)
    for content, name in (
        (b"id;part;reason\n0.0;x;old\n1;y|;'=1\n0;x;again\n;x;none\n", "l.csv"),
        (b"\xef\xbb\xbfpart,id\nx,0\ny|,1\n", "l.CSV"),
        (parquet.getvalue(), "l.parquet"),
    ):
        read = chameleon.read_exclusion_list(content, name, project)
        assert read.frame["instance"].to_list()[:2] == ["0|x", "1|y\\|"]
    read = chameleon.read_exclusion_list(
        b"id;part;reason\n0;x;'=1\n0;x;b\n;x;c\n", "l.csv", project
    )
    assert read.frame["reason"].to_list() == ["'=1"]  # from elsewhere: as it is
    assert (read.rows, read.duplicates, read.without_id) == (3, 1, 1)


def test_what_is_no_list_is_said(small_project):
    for content, name, said in (
        (b"PAR1 nothing", "l.parquet", "couldn't be read as Parquet"),
        (b"\xff\xfe\x00", "l.csv", "couldn't be read as CSV"),
        (b"a\xff", "l.csv", "is no UTF-8"),
        (b"", "l.csv", "couldn't be read as CSV"),
        (b"a,b\n1,2\n", "l.csv", "no column of ids.*Columns found: a, b"),
    ):
        with pytest.raises(SelectionError, match=said):
            chameleon.read_exclusion_list(content, name, small_project)


NOT_SINGLE = {
    "list": pl.Series([["1"], ["2"]]),
    "bytes": pl.Series([b"\xff", b"2"]),
    "struct": pl.Series([{"a": 1}, {"a": 2}]),
    "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
}


def as_parquet(**columns):
    target = io.BytesIO()
    pl.DataFrame(columns).write_parquet(target)
    return target.getvalue()


@pytest.mark.parametrize("kind", NOT_SINGLE)
def test_ids_and_reasons_that_are_no_single_values_are_refused(small_project, kind):
    for name in ("instance", "id"):
        content = as_parquet(**{name: NOT_SINGLE[kind]}, reason=["a", "b"])
        with pytest.raises(SelectionError, match="the ids are not texts or numbers"):
            chameleon.read_exclusion_list(content, "l.parquet", small_project)
    for also in ({}, {"added": [1, 2]}):
        content = as_parquet(instance=["1", "2"], Reason=NOT_SINGLE[kind], **also)
        with pytest.raises(SelectionError, match="the reasons are not texts"):
            chameleon.read_exclusion_list(content, "l.parquet", small_project)


@pytest.mark.parametrize("name", ["instance", "id"])
def test_whole_floats_are_the_same_ids_in_every_column(small_project, name):
    csv = f"{name},reason\n1.0,a\n2,b\n,c\n"
    for content, file in (
        (as_parquet(**{name: [1.0, 2.0, None]}), "l.parquet"),
        (as_parquet(**{name: [1.0, 2.0, float("nan")]}, reason=[1, 2, 3]), "l.parquet"),
        (csv.encode(), "l.csv"),
        (csv.encode("utf-16"), "l.csv"),
    ):
        read = chameleon.read_exclusion_list(content, file, small_project)
        assert read.frame["instance"].to_list() == ["1", "2"]
        assert (read.rows, read.without_id) == (3, 1)


@pytest.mark.parametrize(
    "header", ['id;"why, so";reason', '"why, so";id;reason', 'id;"a;b";reason']
)
def test_a_separator_is_told_from_outside_the_quotes(small_project, header):
    first = "x;0" if header.startswith('"') else "0;x"
    text = f"{header.replace('id', 'instance')}\n{first};old\n"
    read = chameleon.read_exclusion_list(text.encode(), "l.csv", small_project)
    assert read.frame.rows() == [("0", "old")]


def test_rows_that_are_not_whole_are_refused(small_project):
    with pytest.raises(SelectionError, match="more or fewer fields"):
        chameleon.read_exclusion_list(b"id,reason\n1,a\n2\n", "l.csv", small_project)
