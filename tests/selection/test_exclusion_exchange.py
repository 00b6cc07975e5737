"""Exclusion lists as CSV, Parquet, and JSON: there and back, and files from elsewhere."""

import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.errors import SelectionError
from chameleon.selection import add_lists, lists_json
from chameleon.selection.exclusion_lists import FILE
from tests import internals as chameleon
from tests.internals import ExclusionLists
from tests.library import TREE, evaluated, examples, plain, write_project

IDS = st.text(st.sampled_from("a=+-@'\"\t\r\n ,;|\\é\uff1d0\x1f\u200b"), min_size=1, max_size=6)
SCHEMA = {"instance": pl.String, "reason": pl.String, "by": pl.String, "added": pl.Datetime("us")}


@pytest.fixture(scope="module")
def project(small):
    return small.dataset.project


def as_parquet(**columns):
    target = io.BytesIO()
    pl.DataFrame(columns).write_parquet(target)
    return target.getvalue()


@settings(max_examples=examples(150))
@given(st.dictionaries(IDS, IDS, max_size=6))
def test_exported_lists_are_imported_exactly(project, reasons):
    rows = [(key, " ".join(reason.split()), "entry", None) for key, reason in reasons.items()]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    text = chameleon.exclusion_list_csv(frame)
    for content, name in (
        (text.encode(), "l.csv"),
        (chameleon.exclusion_list_parquet(frame), "l.parquet"),
    ):
        read = chameleon.read_exclusion_list(content, name, project)
        assert read.frame.equals(frame.select("instance", "reason"))
        assert (read.rows, read.duplicates, read.without_id) == (len(reasons), 0, 0)
    for cell in pl.read_csv(text.encode(), infer_schema=False)["instance"]:
        assert not cell.strip("\t\r\n \x1f\u200b").startswith(("=", "+", "-", "@", "\uff1d"))


def test_files_from_elsewhere_are_read_by_the_id_columns(tmp_path):
    frame = plain(6, part=["x", "y|", "x", "y|", "x", "y|"])
    toml = f'{TREE}[columns]\nid = ["id", "part"]\n'
    two = evaluated(write_project(tmp_path / "p", {"1": frame}, toml=toml)).dataset.project
    parquet = as_parquet(part=frame["part"], id=frame["id"], Reason=["'=1"] * 6)
    for content, name in (
        (b"id;part;reason\n0.0;x;old\n1;y|;'=1\n0;x;again\n;x;none\n", "l.csv"),
        (b"\xef\xbb\xbfpart,id\nx,0\ny|,1\n", "l.CSV"),
        (parquet, "l.parquet"),
    ):
        read = chameleon.read_exclusion_list(content, name, two)
        assert read.frame["instance"].to_list()[:2] == ["0|x", "1|y\\|"]
    content = b"id;part;reason\n0;x;'=1\n0;x;b\n;x;c\n"
    read = chameleon.read_exclusion_list(content, "l.csv", two)
    assert read.frame["reason"].to_list() == ["'=1"]  # from elsewhere: unchanged
    assert (read.rows, read.duplicates, read.without_id) == (3, 1, 1)


NOT_SINGLE = {
    "list": pl.Series([["1"], ["2"]]),
    "bytes": pl.Series([b"\xff", b"2"]),
    "struct": pl.Series([{"a": 1}, {"a": 2}]),
    "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
}
UNUSABLE = [
    (b"PAR1 nothing", "l.parquet", "couldn't be read as Parquet"),
    (b"\xff\xfe\x00", "l.csv", "couldn't be read as CSV"),
    (b"a\xff", "l.csv", "UTF-8"),
    (b"", "l.csv", "couldn't be read as CSV"),
    (b"a,b\n1,2\n", "l.csv", "no column of ids.*Columns found: a, b"),
    (b"id,reason\n1,a\n2\n", "l.csv", "more or fewer fields"),
    *((as_parquet(**{name: values}, reason=["a", "b"]), "l.parquet", "ids are not texts")
      for values in NOT_SINGLE.values() for name in ("instance", "id")),
    *((as_parquet(instance=["1", "2"], Reason=values, **also), "l.parquet", "reasons are not texts")
      for values in NOT_SINGLE.values() for also in ({}, {"added": [1, 2]})),
]  # fmt: skip


@pytest.mark.parametrize(("content", "name", "message"), UNUSABLE)
def test_unusable_files_are_rejected_with_the_reason(project, content, name, message):
    with pytest.raises(SelectionError, match=message):
        chameleon.read_exclusion_list(content, name, project)


@pytest.mark.parametrize("name", ["instance", "id"])
def test_whole_floats_are_the_same_ids_in_every_column(project, name):
    csv = f"{name},reason\n1.0,a\n2,b\n,c\n"
    for content, file in (
        (as_parquet(**{name: [1.0, 2.0, None]}), "l.parquet"),
        (as_parquet(**{name: [1.0, 2.0, float("nan")]}, reason=[1, 2, 3]), "l.parquet"),
        (csv.encode(), "l.csv"),
        (csv.encode("utf-16"), "l.csv"),
    ):
        read = chameleon.read_exclusion_list(content, file, project)
        assert read.frame["instance"].to_list() == ["1", "2"]
        assert (read.rows, read.without_id) == (3, 1)


@pytest.mark.parametrize(
    "header", ['id;"why, so";reason', '"why, so";id;reason', 'id;"a;b";reason']
)
def test_a_separator_is_found_outside_the_quotes(project, header):
    first = "x;0" if header.startswith('"') else "0;x"
    text = f"{header.replace('id', 'instance')}\n{first};old\n"
    read = chameleon.read_exclusion_list(text.encode(), "l.csv", project)
    assert read.frame.rows() == [("0", "old")]


EMPTY = json.loads(lists_json([]))


def all_lists(*lists):
    return json.dumps({**EMPTY, "lists": lists}).encode()


def entry(name, *entries, rules=()):
    return {"name": name, "entries": entries, "rules": rules}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"{}", b'{"form": 1}', b"[" * 100_000,
        all_lists(entry("l", [1, "", 5])), all_lists(entry("l", ["1", "", 1e400])),
        all_lists(entry("l", ["1", "", 5]), entry("l", rules=[{}])),
    ],
    ids=range(9),
)  # fmt: skip
def test_other_json_is_rejected(content):
    store = ExclusionLists()
    with pytest.raises(SelectionError, match="contains no exclusion lists"):
        add_lists(store, content)
    assert store.names == ()


@pytest.mark.parametrize("name", ["", " ", "n" * 81])
def test_one_bad_name_adds_nothing_of_the_file(tmp_path, name):
    content = all_lists(entry("first", ["1", "", 5]), entry(name, ["2", "", 5]))
    for store in (ExclusionLists(), ExclusionLists(tmp_path / FILE)):
        with pytest.raises(SelectionError, match="name"):
            add_lists(store, content)
        assert store.names == ()
