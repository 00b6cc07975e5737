"""The arrays: distinct rows once, every version rebuilt from them, cached on disk; and pairs."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

from chameleon.analysis.matching import matching_pair
from chameleon.data import EvolvingDataset, evolving_dataset, pair_of
from chameleon.project import Split
from tests import internals as chameleon
from tests import oracle, tiny
from tests.internals import Evaluation, Filters, Selection
from tests.library import (
    TREE,
    by_hash,
    evaluated,
    examples,
    plain,
    temporary_project,
    write_project,
    write_version,
)
from tests.projects import plans
from tests.reading import rows_of, stored

ARRAYS = (
    "instance", "label", "split", "source", "date", "present", "codes", "values", "summary",
    "has_column",
)  # fmt: skip


def dataset_of(folder: Path) -> EvolvingDataset:
    return evolving_dataset(chameleon.open_project(folder))


# ---------------------------------------------------------------- rows stored once


def test_leaving_and_coming_back_and_editing_back_cost_no_rows(tmp_path):
    dataset = dataset_of(tiny.write_tiny(tmp_path))
    assert dataset.instance_count == 7
    assert dataset.row_count == 14
    assert dataset.present.sum(axis=1).tolist() == [6, 6, 7]


@settings(max_examples=examples(60))
@given(plans())
def test_rows_are_stored_once_and_every_version_is_told_from_the_arrays(plan):
    with temporary_project(plan.frames) as folder:
        dataset = dataset_of(folder)
        versions = plan.timeline.versions
        assert {name: rows_of(dataset, name) for name in versions} == versions
        assert dataset.row_count == oracle.distinct_rows(plan.timeline)
        assert dataset.present.any(axis=0).all()
        columns = plan.timeline.columns
        for number, version in enumerate(dataset.versions):
            places = np.flatnonzero(dataset.has_column[number])
            assert {dataset.features[p].name for p in places} == set(columns[version.name])


@settings(max_examples=examples(20))
@given(plans())
def test_equal_features_have_equal_hashes_whatever_the_version(plan):
    with temporary_project(plan.frames) as folder:
        dataset = dataset_of(folder)
        hashes = dataset.content_hashes().tolist()
        contents = [
            tuple(stored(dataset, place, row) for place in range(len(dataset.features)))
            for row in range(dataset.row_count)
        ]
    assert len(set(hashes)) == len(set(contents))
    assert len(set(zip(hashes, contents, strict=True))) == len(set(contents))


def test_the_raw_frame_keeps_infinities_and_knows_missing_from_empty(tmp_path):
    texts = ["", None, "a", "b"] * 5
    frame = plain(x=[float("inf"), None, float("nan"), 1.5] * 5, t=texts)
    dataset = dataset_of(write_project(tmp_path, {"1": frame}))
    raw = dataset.feature_frame(slice(None))
    held = by_hash(frame)
    assert raw["x"].to_list() == held["x"].fill_nan(None).to_list()
    assert raw["t"].to_list() == held["t"].to_list()
    some = dataset.feature_frame(np.array([3, 0]), [dataset.feature_number("x")])
    assert some["x"].to_list() == [raw["x"][3], raw["x"][0]]


# ---------------------------------------------------------------- kept on disk


def assert_equal(first: EvolvingDataset, second: EvolvingDataset) -> None:
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
        assert getattr(first, name).dtype == getattr(second, name).dtype, name
    for name in ("key", "features", "classes", "sources", "findings"):
        assert getattr(first, name) == getattr(second, name), name
    for name in ("codes", "probabilities", "votes", "classes", "rules", "derived"):
        one, other = (getattr(dataset.weak, name, None) for dataset in (first, second))
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None), name
    assert first.instance_ids.equals(second.instance_ids)
    assert all(first.texts[name].equals(second.texts[name]) for name in first.texts)


def test_what_is_read_from_disk_equals_what_was_built(tmp_path):
    folder = tiny.write_tiny(tmp_path)
    project = chameleon.open_project(folder)
    stages: list[str] = []
    built = evolving_dataset(project, progress=lambda step: stages.append(step.version))
    assert stages == ["v1", "v2", "v10"]
    read = evolving_dataset(project, progress=lambda step: stages.append("built again"))
    assert stages == ["v1", "v2", "v10"]
    assert_equal(built, read)
    shutil.rmtree(folder / ".chameleon")
    assert_equal(built, dataset_of(folder))


@settings(max_examples=examples(30))
@given(plans())
def test_appending_versions_one_by_one_gives_the_dataset_of_all(plan):
    (first, frame), *later = plan.frames.items()
    with temporary_project(plan.frames) as whole, temporary_project({first: frame}) as grown:
        for name, appended in later:
            dataset_of(grown)
            write_version(grown, name, appended)
        assert_equal(dataset_of(grown), dataset_of(whole))


def test_row_hashes_are_computed_once(tmp_path):
    dataset = dataset_of(tiny.write_tiny(tmp_path))
    assert dataset.content_hashes() is dataset.content_hashes()
    with pytest.raises(ValueError, match="read-only"):
        dataset.content_hashes()[0] = 0


def test_a_dataset_folder_that_is_a_file_is_no_matter(tmp_path):
    folder = tiny.write_tiny(tmp_path)
    dataset_of(folder)
    (kept,) = (folder / ".chameleon").glob("dataset-*")
    shutil.rmtree(kept)
    kept.write_text("not a folder")
    assert dataset_of(folder).row_count == 14


def test_another_content_is_another_dataset_and_the_same_again_is_the_first(tmp_path):
    folder = write_project(tmp_path, {"1": plain(), "2": plain()})
    first = dataset_of(folder).key
    write_version(folder, "2", plain(x=[1.5] * 20))
    second = dataset_of(folder).key
    write_version(folder, "2", plain())
    assert dataset_of(folder).key == first != second


def test_settings_that_change_how_data_is_read_change_the_dataset(tmp_path):
    folder = write_project(tmp_path, {"1": plain(k=[1, 2] * 10)})
    keys = {dataset_of(folder).key}
    for toml in ('[columns]\nignore = ["k"]', '[columns]\nsplit = "k"\n', ""):
        (folder / "chameleon.toml").write_text(toml)
        try:
            keys.add(dataset_of(folder).key)
        except chameleon.ProjectError:
            continue  # k is no split
    assert len(keys) == 2
    (folder / "chameleon.toml").write_text(TREE)
    assert dataset_of(folder).key in keys  # the model is no matter to the data


def test_labels_stand_in_natural_order(tmp_path):
    frame = plain(label=[str(i % 12) for i in range(20)])
    dataset = dataset_of(write_project(tmp_path, {"1": frame}))
    assert dataset.classes == tuple(str(i) for i in range(12))


def test_what_does_not_exist_is_an_error_that_names_it(tmp_path):
    dataset = dataset_of(tiny.write_tiny(tmp_path))
    with pytest.raises(chameleon.SelectionError, match="'v3'"):
        dataset.version_number("v3")
    with pytest.raises(chameleon.SelectionError, match="'weight'"):
        dataset.feature_number("weight")
    assert dataset.feature_number("colour") == 0


def test_a_single_feature_of_text_and_a_single_row_are_enough(tmp_path):
    frame = pl.DataFrame({"id": [1], "label": ["a"], "t": ["x"]})
    evaluation = evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))
    assert evaluation.dataset.row_count == 1
    assert not evaluation.has_outcomes


# ---------------------------------------------------------------- pair


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "v1",
            "v2",
            {"shared": "abdef", "removed": "c", "added": "g", "relabeled": "bf",
             "changed_split": "d", "edited": "e", "unchanged": "a", "fair": ""},
        ),
        (
            "v2",
            "v10",
            {"shared": "abdefg", "removed": "", "added": "c", "relabeled": "g",
             "changed_split": "d", "edited": "eg", "unchanged": "abf", "fair": ""},
        ),
        # e is missing in both versions, which is no edit
        (
            "v1",
            "v10",
            {"shared": "abcdef", "removed": "", "added": "g", "relabeled": "bf",
             "changed_split": "", "edited": "", "unchanged": "acde", "fair": "cd"},
        ),
    ],
)  # fmt: skip
def test_every_instance_of_the_tiny_timeline_is_where_a_reader_finds_it(
    small, before, after, expected
):
    dataset = small.dataset
    pair = pair_of(dataset, before=before, after=after)

    def ids(instances):
        return "".join(sorted(dataset.instance_ids.gather(instances)))

    found = {name: ids(dataset.instance[getattr(pair, name)]) for name in ("removed", "added")}
    found["shared"] = ids(pair.shared)
    for name in ("relabeled", "changed_split", "edited", "unchanged", "fair"):
        found[name] = ids(pair.shared[getattr(pair, name)])
    assert found == expected
    assert np.array_equal(dataset.instance[pair.old], pair.shared)
    assert np.array_equal(dataset.instance[pair.new], pair.shared)
    assert pair_of(dataset, before=before, after=after) is pair


def test_an_instance_that_left_the_split_counts_as_removed(small):
    pair = matching_pair(small, Selection("v2", "v1"), Split.TEST)
    ids = [sorted(small.dataset.instance_ids.gather(small.dataset.instance[rows]))
           for rows in (pair.old, pair.removed, pair.added)]  # fmt: skip
    assert ids == [[], ["c", "d"], ["g"]]
    narrow = Selection("v2", "v1", Filters(labels=("cat",)), Filters(splits=(Split.TRAIN,)))
    pair = matching_pair(small, narrow)
    # b is a cat in v2, c in v1 alone; g is no train row of the primary side
    assert (pair.size, len(pair.old), len(pair.removed), len(pair.added)) == (3, 2, 1, 0)
