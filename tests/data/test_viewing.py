"""Viewers: what [viewer] may say, what is found without it, and the values they are handed."""

import numpy as np
import polars as pl
import pytest

from chameleon.data import evolving_dataset, viewed_values, viewer_of
from chameleon.errors import VersionError
from chameleon.project import ViewerKind, ViewerSpec, read_settings
from tests import internals as chameleon
from tests.internals import ProjectError
from tests.library import plain, temporary_project, write_project

WRONG = {
    'kind = "film"': 'must be one of "image", "text", "sensor", "plain", found \'film\'',
    'column = "a"': "must be one of",
    'kind = "text"': "names no column",
    'kind = "text"\ncolumns = ["a", "b"]': "wants one column",
    'kind = "image"\ncolumn = "a"\ncolumns = ["b"]': "has both",
    'kind = "image"\ncolumn = ["a"]': "'column' must be a column name",
    'kind = "image"\ncolumns = [1]': "'columns' must be a list",
    'kind = "image"\ncolumns = [""]': "'columns' must be a list",
    'kind = "image"\ncolumns = ["a", "a"]': "names 'a' twice",
    f'kind = "image"\ncolumns = {["a", *[f"{n}*" for n in range(21)]]}': "has 21 patterns, and",
    'kind = "image"\ncolumns = "p*"\nshape = [8]': "'shape' must be",
    'kind = "image"\ncolumns = "p*"\nshape = [8, 0]': "'shape' must be",
    'kind = "image"\ncolumns = "p*"\nshape = [8, true]': "'shape' must be",
    'kind = "image"\ncolumns = "p*"\nshape = [8, 8, 4]': "'shape' must be",
    'kind = "image"\ncolumns = "p*"\nshape = [99999, 99999]': "'shape' must be",
    'kind = "sensor"\ncolumns = "p*"\nshape = [8, 8]': "belongs to kind",
    'kind = "plain"\ncolumn = "a"': "has no columns",
    'kind = "image"\ncolumn = "a"\nsize = 3': "unknown key 'size'",
}


@pytest.mark.parametrize(("table", "words"), WRONG.items())
def test_what_cannot_be_meant_is_told(tmp_path, table, words):
    (tmp_path / "chameleon.toml").write_text(f"[viewer]\n{table}\n")
    with pytest.raises(ProjectError) as raised:
        read_settings(tmp_path)
    assert str(raised.value).startswith("chameleon.toml: [viewer]")
    assert words in str(raised.value)


def test_one_column_and_a_list_of_one_are_the_same(tmp_path):
    for text in ('column = "a"', 'columns = ["a"]', 'columns = "a"'):
        (tmp_path / "chameleon.toml").write_text(f'[viewer]\nkind = "text"\n{text}\n')
        assert read_settings(tmp_path).viewer == ViewerSpec(ViewerKind.TEXT, ("a",))


def looked_at(toml="", **columns):
    with temporary_project({"1": plain(40, **columns)}, toml=toml) as folder:
        return viewer_of(evolving_dataset(chameleon.open_project(folder)))


def numbers(names, low=0.0):
    return {name: [low + k % 7 + place for k in range(40)] for place, name in enumerate(names)}


GRID = [f"px_{r}_{c}" for r in range(4) for c in range(5)]


@pytest.mark.parametrize(
    ("names", "low", "kind", "shape"),
    [
        ([f"p{k}" for k in range(16)], 0, ViewerKind.IMAGE, (4, 4)),
        ([f"p{k}" for k in range(1, 65)], 0, ViewerKind.IMAGE, (8, 8)),
        (GRID, 0, ViewerKind.IMAGE, (4, 5)),
        (GRID[::-1], 0, ViewerKind.IMAGE, (4, 5)),
        (GRID[:-1], 0, ViewerKind.PLAIN, None),  # a pixel is missing
        ([f"p{k}" for k in range(16)], -1, ViewerKind.SENSOR, None),  # below 0 is no brightness
        ([f"t{k}" for k in range(8)], 0, ViewerKind.SENSOR, None),
        ([f"t{k}" for k in range(12)], 0, ViewerKind.SENSOR, None),
        ([f"t{k}" for k in range(7)], 0, ViewerKind.PLAIN, None),
        ([f"t{k}" for k in range(0, 20, 2)], 0, ViewerKind.PLAIN, None),  # with gaps
        (["a1", "b2", "c3"], 0, ViewerKind.PLAIN, None),
    ],
)
def test_pixels_and_streams_are_found_by_their_names(names, low, kind, shape):
    found = looked_at(**numbers(names, low))
    assert (found.kind, found.shape, found.found) == (kind, shape, True)
    if shape == (4, 5):
        assert found.columns == tuple(GRID)
    elif kind is not ViewerKind.PLAIN:
        assert found.columns == tuple(names)


def test_a_text_that_always_differs_is_found_but_pixels_go_first():
    texts = {"note": [f"text {k}" for k in range(40)]}
    assert looked_at(**texts, **numbers([f"t{k}" for k in range(9)])).kind is ViewerKind.TEXT
    assert looked_at(**texts, **numbers(GRID)).kind is ViewerKind.IMAGE
    assert looked_at('[viewer]\nkind = "plain"\n', **texts).kind is ViewerKind.PLAIN


def test_what_is_said_is_taken_in_its_order_and_a_pattern_in_natural_order():
    names = [f"q{k}" for k in (1, 10, 2)]
    said = looked_at('[viewer]\nkind = "sensor"\ncolumns = ["q10", "q1"]\n', **numbers(names))
    assert (said.columns, said.found) == (("q10", "q1"), False)
    pattern = looked_at('[viewer]\nkind = "sensor"\ncolumns = "q*"\n', **numbers(names))
    assert pattern.columns == ("q1", "q2", "q10")
    wide = looked_at('[viewer]\nkind = "image"\ncolumns = "px*"\nshape = [5, 4]\n', **numbers(GRID))
    assert wide.shape == (5, 4)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('kind = "image"\ncolumns = "px*"', "20 pixel columns, which are not 4 x 4"),
        ('kind = "image"\ncolumns = "px*"\nshape = [3, 3]', "not 3 x 3"),
        ('kind = "text"\ncolumn = "absent"', "'absent', but no version has such a column"),
        ('kind = "text"\ncolumn = "px*"', "20 columns, where a text is one"),
        ('kind = "sensor"\ncolumns = "zz*"', "'zz*', but no version"),
        ('kind = "sensor"\ncolumns = ["px_0_0", "label"]', "'label' among several"),
    ],
)
def test_what_is_said_and_cannot_be_shown_is_told_and_a_table_shown(toml, words):
    found = looked_at(f"[viewer]\n{toml}\n", **numbers(GRID))
    assert found.kind is ViewerKind.PLAIN
    assert words in found.finding


# ---------------------------------------------------------------- values


def streams(count, start):
    return pl.DataFrame(
        {
            "id": [f"r{k}" for k in range(count)],
            "label": ["a", "b"] * (count // 2),
            "split": "train",
            "x": [float(k + start) for k in range(count)],
            "wave": [[float(k), float(start)] for k in range(count)],
            "blob": [f"{k}-{start}".encode() for k in range(count)],
            "path": [f"images/{k}.png" for k in range(count)],
        }
    )


def test_lists_and_bytes_are_read_from_a_version_that_holds_the_row(tmp_path):
    frames = {"1": streams(6, 0), "2": streams(8, 1)[::-1]}
    for column, expected in (
        ("wave", lambda k, v: [float(k), float(v)]),
        ("blob", lambda k, v: f"{k}-{v}".encode()),
    ):
        toml = f'[viewer]\nkind = "sensor"\ncolumn = "{column}"\n'
        folder = write_project(tmp_path / column, frames, toml=toml)
        dataset = evolving_dataset(chameleon.open_project(folder))
        viewer = viewer_of(dataset)
        assert viewer.finding is None
        for version in (0, 1):
            rows = dataset.row_of_instance(version)
            held = np.flatnonzero(rows >= 0)
            values = viewed_values(dataset, viewer, rows[held], first=["1", "2"])
            ids = dataset.instance_ids.gather(held).to_list()
            assert values == [expected(int(i[1:]), version) for i in ids]


def test_ignored_text_is_read_and_features_come_from_memory(tmp_path):
    toml = '[columns]\nignore = ["path"]\n[viewer]\nkind = "image"\ncolumn = "path"\n'
    folder = write_project(tmp_path / "p", {"1": streams(4, 0).drop("wave", "blob")}, toml=toml,
                           form="csv")  # fmt: skip
    dataset = evolving_dataset(chameleon.open_project(folder))
    values = viewed_values(dataset, viewer_of(dataset), np.array([2, 0]), first=["1"])
    assert values == [f"images/{dataset.instance_ids[row][1:]}.png" for row in (2, 0)]
    (folder / "versions" / "1.csv").write_text("id,label\n1,a\n")
    with pytest.raises(VersionError, match="changed since"):
        viewed_values(dataset, viewer_of(dataset), np.array([0]), first=["1"])


def test_without_an_id_a_column_that_is_no_feature_cannot_be_read(tmp_path):
    toml = '[viewer]\nkind = "sensor"\ncolumn = "wave"\n'
    folder = write_project(tmp_path / "p", {"1": streams(4, 0).drop("id", "blob")}, toml=toml)
    dataset = evolving_dataset(chameleon.open_project(folder))
    with pytest.raises(VersionError, match="without an id column"):
        viewed_values(dataset, viewer_of(dataset), np.array([0]), first=["1"])


def test_a_name_like_a_pattern_of_polars_is_a_name(tmp_path):
    frame = streams(4, 0).drop("blob").rename({"wave": "^w.*$"})
    toml = "[viewer]\nkind = \"sensor\"\ncolumn = '^w.*$'\n"
    folder = write_project(tmp_path / "p", {"1": frame}, toml=toml)
    dataset = evolving_dataset(chameleon.open_project(folder))
    third = np.array([dataset.instance_ids.index_of("r3")])
    assert viewed_values(dataset, viewer_of(dataset), third, first=["1"]) == [[3.0, 0.0]]
