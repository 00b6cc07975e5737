"""Packed rows hold what the dataset holds, of all rows or of a sample of instances."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.data import Judged, packed_rows, pair_of
from tests import internals as chameleon
from tests import tiny
from tests.library import evaluated, examples, plain, temporary_project
from tests.projects import opened, plans
from tests.unpacked import Unpacked


def judged_by(evaluation: chameleon.Evaluation, cells: int = 3) -> Judged:
    rows = evaluation.dataset.row_count
    return Judged(
        classes=evaluation.classes,
        predicted=evaluation.predicted,
        outcome=evaluation.outcome,
        cell=np.arange(rows)[::-1] % cells,
        changes=np.arange(evaluation.dataset.instance_count) - 1,
    )


def packed(evaluation: chameleon.Evaluation, **options):
    found = packed_rows(evaluation.dataset, judged_by(evaluation), **options)
    return found, Unpacked.of(found.head, found.blob)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("packed") / "tiny"))


@settings(max_examples=examples(60))
@given(plans())
def test_every_row_is_packed_as_the_dataset_holds_it(plan):
    with opened(plan) as evaluation:
        dataset, (found, back) = evaluation.dataset, packed(evaluation)
        assert sorted(found.rows.tolist()) == list(range(dataset.row_count))
        assert np.array_equal(back.arrays["codes"], dataset.codes[:, found.rows])
        assert (np.diff(back.arrays["cell"].astype(int)) >= 0).all()
        assert back.ids == dataset.instance_ids.to_list()
        for place, row in enumerate(found.rows.tolist()):
            for name, value in (("instance", dataset.instance), ("split", dataset.split)):
                assert back.arrays[name][place] == value[row]
            label = int(back.arrays["label"][place])
            assert (-1 if label == 255 else label) == dataset.label[row]
            for version in range(len(dataset.versions)):
                assert back.present(version, place) == dataset.present[version, row]
                assert back.outcome(version, place) == evaluation.outcome[version, row]
        changes = back.arrays["changes"][np.argsort(found.rows)].tolist()
        numbers = dataset.instance.tolist()
        assert changes == [255 if number == 0 else number - 1 for number in numbers]


@settings(max_examples=examples(60))
@given(plans())
def test_an_incorrect_prediction_is_found_by_version_and_row(plan):
    with opened(plan) as evaluation:
        found, back = packed(evaluation)
        wrong = iter(back.arrays["wrong"].tolist() if len(evaluation.classes) > 2 else [])
        for version in range(len(evaluation.dataset.versions)):
            for place, row in enumerate(found.rows.tolist()):
                if back.outcome(version, place) == 1:
                    other = 1 - int(back.arrays["label"][place])
                    predicted = next(wrong) if len(evaluation.classes) > 2 else other
                    assert predicted == evaluation.predicted[version, row]
        assert next(wrong, None) is None


@settings(max_examples=examples(60))
@given(plans())
def test_contents_tell_the_edits_of_any_two_versions(plan):
    with opened(plan) as evaluation:
        dataset, (found, back) = evaluation.dataset, packed(evaluation)
        place_of = {row: place for place, row in enumerate(found.rows.tolist())}
        for first, old in enumerate(dataset.versions):
            for second, new in enumerate(dataset.versions):
                pair = pair_of(dataset, before=old.name, after=new.name)
                groups = set(back.head["contents"][first]) & set(back.head["contents"][second])
                content = back.arrays["content"]
                edited = [
                    any(content[group, place_of[a]] != content[group, place_of[b]]
                        for group in groups)
                    for a, b in zip(pair.old.tolist(), pair.new.tolist(), strict=True)
                ]  # fmt: skip
                assert edited == pair.edited.tolist()


@pytest.mark.parametrize(
    ("ids", "reading"),
    [
        (["r01", "r12", "r33"], {"prefix": "r", "width": 2}),
        (["0", "7", "12"], {"prefix": "", "width": 0}),
        (["07", "8", "12"], {"text": True, "separator": "\n"}),
        (["a\nb", "c", "d"], {"text": True, "separator": "\x01"}),
        (["a1", "b2", "c3"], {"text": True, "separator": "\n"}),
        (["a1234567890", "a2", "a3"], {"text": True, "separator": "\n"}),
    ],
)
def test_ids_are_read_back_as_they_are(ids, reading):
    with temporary_project({"1": plain(3, id=ids)}) as folder:
        evaluation = evaluated(folder)
        _, back = packed(evaluation)
    assert back.head["ids"] == reading
    assert back.ids == evaluation.dataset.instance_ids.to_list()


def test_a_sample_has_whole_instances_and_says_so(small):
    found, back = packed(small, most=9)
    assert back.head["rows"] == len(found.rows) <= 9
    assert back.head["sample"] == {
        "rows": len(found.rows), "of_rows": 14,
        "instances": back.head["instances"], "of_instances": 7, "seed": 0,
    }  # fmt: skip
    instances = set(small.dataset.instance[found.rows].tolist())
    expected = [row for row in range(14) if small.dataset.instance[row] in instances]
    assert sorted(found.rows.tolist()) == expected
    assert back.ids == small.dataset.instance_ids.gather(sorted(instances)).to_list()
    assert np.array_equal(found.rows, packed(small, most=9)[0].rows)
    assert packed(small)[1].head["sample"] is None


def test_a_mask_has_a_bit_per_packed_row(small):
    found, _ = packed(small)
    mask = small.dataset.label == 0
    bits = np.frombuffer(found.mask(mask), np.uint8)
    for place, row in enumerate(found.rows.tolist()):
        assert bool(bits[place // 8] >> place % 8 & 1) == mask[row]


def test_dates_are_in_milliseconds():
    days = pl.date_range(pl.date(2019, 1, 1), pl.date(2019, 3, 1), eager=True)
    with temporary_project({"1": plain(len(days), day=days)}) as folder:
        evaluation = evaluated(folder)
        _, back = packed(evaluation)
    facts = next(one for one in back.head["features"] if one["name"] == "day")
    bins = evaluation.dataset.features[evaluation.dataset.feature_number("day")].bins
    assert facts["low"] == 1_546_300_800_000
    assert facts["edges"] == [edge / 1000 for edge in bins.edges]


@given(st.integers(255, 300))
@settings(max_examples=2)
def test_many_classes_take_two_bytes(count):
    frame = plain(count, label=[f"class {number:03d}" for number in range(count)],
                  split=["train"] * count)  # fmt: skip
    with temporary_project({"1": frame}) as folder:
        evaluation = chameleon.without_predictions(
            chameleon.evolving_dataset(chameleon.open_project(folder))
        )
        found, back = packed(evaluation)
    assert back.arrays["label"].dtype == np.uint16
    assert np.array_equal(back.arrays["label"], evaluation.dataset.label[found.rows])
