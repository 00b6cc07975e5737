"""Speed of a page of instances, as a ratio to building the whole table and sorting it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests import internals as chameleon

from .generated import write_timeline
from .timing import medians

AT_LEAST = 3
ROUNDS = 7
SIDES = {"primary": "1.18", "secondary": "1.17"}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> chameleon.Evaluation:
    folder = write_timeline(tmp_path_factory.mktemp("instances"))
    random = np.random.default_rng(0)
    (folder / "predictions").mkdir()
    for path in sorted((folder / "versions").iterdir()):
        version = pl.read_parquet(path, columns=["id", "label"])
        said = version["label"].zip_with(
            pl.Series(random.random(len(version)) < 0.9), version["label"].shuffle(seed=1)
        )
        share = random.random(len(version))
        pl.DataFrame(
            {"id": version["id"], "prediction": said, "proba_active": share,
             "proba_still": 1 - share}
        ).write_parquet(folder / "predictions" / path.name)  # fmt: skip
    return chameleon.evaluate(chameleon.open_project(folder))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"order_by": "feature_1", "descending": True},
        {"order_by": "primary_probability_of_label"},
        {"order_by": "strip"},
        {"order_by": "course", "descending": True},
        {"order_by": "errors"},
        {"search": "i0123"},
        {"offset": 60_000},
    ],
    ids=str,
)
def test_a_page_is_much_faster_than_the_whole_table(evaluation, asked):
    order_by = asked.get("order_by", "instance")
    order_by = "instance" if order_by == "errors" else order_by
    chameleon.instances(evaluation, **SIDES, **asked)  # what is kept is made by the first page

    def whole() -> pl.DataFrame:
        frame = chameleon.instances(evaluation, **SIDES, limit=None).frame
        return frame.sort(order_by, descending=asked.get("descending", False)).head(100)

    page, everything = medians(
        lambda: chameleon.instances(evaluation, **SIDES, **asked), whole, rounds=ROUNDS
    )
    print(
        f"\npage of 100 of 64,205 x 20, {asked}: {page * 1000:.1f} ms; whole table sorted "
        f"{everything * 1000:.0f} ms, {everything / page:.0f} times"
    )
    assert everything / page >= AT_LEAST


def test_opening_one_instance_is_quick_beside_the_whole_table(evaluation):
    key = evaluation.dataset.instance_ids[1234]

    def opened() -> None:
        chameleon.instance_versions(evaluation, key)
        chameleon.instance_rows(evaluation, key)
        chameleon.instance_places(evaluation, key, **SIDES)
        chameleon.nearest_instances(evaluation, key, **SIDES)

    opened()
    one, everything = medians(
        opened, lambda: chameleon.instances(evaluation, **SIDES, limit=None), rounds=ROUNDS
    )
    print(f"\none instance opened: {one * 1000:.0f} ms, {everything / one:.1f} of the whole table")
    assert everything / one >= 0.5
