"""What each kind of change of the train data brought: brute force, planted causes, and sums."""

from dataclasses import replace
from itertools import permutations
from statistics import mean

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score
from sklearn.tree import DecisionTreeClassifier

from chameleon.analysis import attribute_training, training_fits, training_seconds
from chameleon.analysis.training import deviations
from chameleon.errors import SelectionError
from chameleon.models import trainer
from tests import internals as chameleon
from tests.library import TREE, by_hash, evaluated, write_project, write_version

TESTS = 150


def frames(seed=0, *, drop=0, add=0, flip=0, edit=0, move=0, unlabeled=0):
    """Two versions of noisy data with the same test rows, the train rows changed in some ways."""
    random = np.random.default_rng(seed)
    size = 400
    x, y = random.normal(size=(2, size))
    label = np.where(x + y / 2 + random.normal(scale=0.5, size=size) > 0, "up", "down").tolist()
    split = ["test"] * TESTS + ["train"] * (size - TESTS)
    whole = pl.DataFrame({"id": range(size), "label": label, "split": split, "x": x, "y": y})
    first = whole.head(size - add)
    places = iter(range(TESTS, size))
    take = {
        name: [next(places) for _ in range(count)]
        for name, count in {"drop": drop, "flip": flip, "edit": edit, "move": move,
                            "label": unlabeled}.items()
    }  # fmt: skip
    here = pl.col("id")
    first = first.with_columns(
        label=pl.when(here.is_in(take["label"])).then(None).otherwise("label"),
        split=pl.when(here.is_in(take["move"])).then(pl.lit("validation")).otherwise("split"),
    )
    turned = pl.when(pl.col("label") == "up").then(pl.lit("down")).otherwise(pl.lit("up"))
    second = whole.filter(~here.is_in(take["drop"])).with_columns(
        label=pl.when(here.is_in(take["flip"])).then(turned).otherwise("label"),
        x=pl.when(here.is_in(take["edit"])).then(pl.col("x") * 10).otherwise("x"),
    )
    return first, second


def opened(folder, seed=0, **changes):
    first, second = frames(seed, **changes)
    return evaluated(write_project(folder, {"1": first, "2": second}, toml=TREE))


def told(found) -> dict[str, float]:
    return dict(found.parts.select("part", "value").iter_rows())


def test_parts_are_those_of_all_orders_fitted_one_by_one(tmp_path):
    """Three kinds; every train set built by hand and given to scikit-learn's own tree."""
    first, second = frames(3, drop=30, add=90, flip=40)
    evaluation = evaluated(write_project(tmp_path / "p", {"1": first, "2": second}, toml=TREE))
    found = attribute_training(evaluation, before="1", after="2", repeats=0)

    def score(happened):
        ids = set(first["id"].to_list())
        if "removed" in happened:
            ids &= set(second["id"].to_list())
        if "added" in happened:
            ids |= set(second["id"].to_list()) - set(first["id"].to_list())
        old = dict(first.select("id", "label").iter_rows())
        new = dict(second.select("id", "label").iter_rows())
        rows = pl.concat([first, second]).unique("id").filter(pl.col("split") == "train")
        rows = rows.filter(pl.col("id").is_in(list(ids)))
        rows = by_hash(rows)
        labels = [
            new[i] if i not in old or (i in new and "relabeled" in happened) else old[i]
            for i in rows["id"]
        ]
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        tree.fit(rows.select("x", "y").to_numpy(), labels)
        test = first.filter(pl.col("split") == "test")
        return accuracy_score(test["label"], tree.predict(test.select("x", "y").to_numpy()))

    kinds = ("added", "removed", "relabeled")
    brought = {kind: [] for kind in kinds}
    for order in permutations(kinds):
        for place, kind in enumerate(order):
            gain = score(order[: place + 1]) - score(order[:place])
            brought[kind].append(gain)
    assert told(found) == pytest.approx({kind: mean(gains) for kind, gains in brought.items()})
    assert dict(found.parts.select("part", "instances").iter_rows()) == {
        "added": 90, "removed": 30, "relabeled": 40,
    }  # fmt: skip
    assert (found.exact, found.fits) == (True, 8)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"flip": 60}, {"relabeled"}),
        ({"add": 100, "move": 20}, {"added", "moved"}),
        ({"unlabeled": 50, "edit": 30, "drop": 5}, {"labels added", "edited", "removed"}),
        ({"add": 50, "drop": 10, "flip": 10, "edit": 10, "move": 10},
         {"added", "removed", "relabeled", "edited", "moved"}),
    ],
)  # fmt: skip
def test_parts_add_up_to_the_part_of_the_model(tmp_path, changes, kinds):
    evaluation = opened(tmp_path / "p", **changes)
    found = attribute_training(evaluation, before="1", after="2", repeats=0)
    whole = chameleon.attribute_change(evaluation, before="1", after="2", resamples=0)
    model = whole.parts.filter(part="model")["value"][0]
    assert set(told(found)) == kinds
    assert found.total == pytest.approx(model, abs=1e-12)
    assert sum(told(found).values()) == pytest.approx(model, abs=1e-12)
    assert found.exact is (len(kinds) <= 4)


def test_wrong_labels_are_the_cause_and_stand_out_from_noise(tmp_path):
    evaluation = opened(tmp_path / "p", seed=2, flip=110, add=5)
    found = attribute_training(evaluation, before="1", after="2", repeats=6)
    parts = {row["part"]: row for row in found.parts.iter_rows(named=True)}
    assert parts["relabeled"]["value"] < -0.05
    assert not parts["relabeled"]["is_noise"]
    assert abs(parts["added"]["value"]) < abs(parts["relabeled"]["value"]) / 3
    assert parts["added"]["is_noise"]


def test_what_was_fitted_is_kept_and_a_run_that_was_cut_off_goes_on(tmp_path):
    evaluation = opened(tmp_path / "p", flip=40, add=20)
    asked = {"before": "1", "after": "2", "repeats": 1}
    most = training_fits(evaluation, before="1", after="2", repeats=1)
    seen = []

    class Enough(Exception):
        pass

    def note(progress):
        seen.append(progress.done)
        if len(seen) == 4:
            raise Enough

    with pytest.raises(Enough):
        attribute_training(evaluation, **asked, progress=note)
    folder = tmp_path / "p" / ".chameleon"
    kept = {path.name for path in folder.glob("refit-*")}
    assert len(kept) == 3
    found = attribute_training(evaluation, **asked)
    after = {path.name for path in folder.glob("refit-*")}
    assert kept < after
    assert len(after) <= most + 2
    times = {path: path.stat().st_mtime_ns for path in folder.glob("refit-*/values.npy")}
    assert attribute_training(evaluation, **asked).parts.equals(found.parts)
    assert times == {p: p.stat().st_mtime_ns for p in folder.glob("refit-*/values.npy")}


def test_sources_and_classes_are_parts_on_request(tmp_path):
    first, second = frames(1, add=120)
    named = [
        frame.with_columns(
            source=pl.when(pl.col("id") % 3 == 0).then(pl.lit("lab")).otherwise(pl.lit("field"))
        )
        for frame in (first, second)
    ]
    evaluation = evaluated(write_project(tmp_path / "p", dict(zip("12", named, strict=True)),
                                         toml=TREE))  # fmt: skip
    model = attribute_training(evaluation, before="1", after="2", repeats=0).total
    for by, names in (("source", {"lab", "field"}), ("label", {"up", "down"})):
        found = attribute_training(evaluation, before="1", after="2", repeats=0, by=by)
        assert set(told(found)) == names
        assert found.parts["instances"].sum() == 120
        assert found.total == pytest.approx(model, abs=1e-12)


def test_nothing_changed_and_nonsense_are_told(tmp_path):
    evaluation = opened(tmp_path / "p")
    found = attribute_training(evaluation, before="1", after="2")
    assert (found.total, found.fits) == (None, 0)
    assert found.reason == "The train data did not change."
    assert training_fits(evaluation, before="1", after="2") == 0
    with pytest.raises(SelectionError, match="log loss"):
        attribute_training(evaluation, before="1", after="2", metric="log_loss")
    with pytest.raises(SelectionError, match="one of kind, source, label"):
        attribute_training(evaluation, before="1", after="2", by="moon")


def test_the_time_is_that_of_the_versions_fits_and_measured_where_that_is_unknown(tmp_path):
    evaluation = opened(tmp_path / "p", flip=40)
    asked = {"before": "1", "after": "2"}
    assert set(evaluation.seconds) == {"1", "2"}
    each = (evaluation.seconds["1"] + evaluation.seconds["2"]) / 2
    assert training_seconds(evaluation, **asked, fits=12) == pytest.approx(12 * each)
    # kept with the evaluation, and with the models where another version makes it anew
    again = evaluated(tmp_path / "p")
    assert (again.fitted, again.seconds) == ((), evaluation.seconds)
    write_version(tmp_path / "p", "3", frames(flip=10)[1])
    grown = evaluated(tmp_path / "p")
    assert grown.fitted == ("3",)
    assert {name: grown.seconds[name] for name in "12"} == evaluation.seconds
    unknown = replace(evaluation, seconds={})
    one = training_seconds(unknown, **asked, fits=1)
    assert 0 < one < 60
    one_class = frames()[0].filter(pl.col("label") == "up")
    lone = evaluated(write_project(tmp_path / "q", {"1": one_class, "2": one_class}, toml=TREE))
    assert training_seconds(lone, **asked, fits=1) is None


def test_the_time_is_measured_with_the_code_of_the_versions(tmp_path, monkeypatch):
    own = 'model = { estimator = "GaussianNB" }\n'
    listed = [f'[[versions]]\nname = "{k}"\nfile = "versions/{k}.parquet"\n{own}' for k in "12"]
    first, second = frames(flip=40)
    folder = write_project(tmp_path / "p", {"1": first, "2": second}, toml=TREE + "".join(listed))
    evaluation = replace(evaluated(folder), seconds={})
    timed = []
    unfitted = trainer.unfitted_pipeline
    monkeypatch.setattr(
        trainer, "unfitted_pipeline",
        lambda spec, *columns: timed.append(spec.estimator) or unfitted(spec, *columns),
    )  # fmt: skip
    assert training_seconds(evaluation, before="1", after="2", fits=1) > 0
    assert timed == ["GaussianNB"]


def test_few_repeats_need_more_deviations():
    assert deviations(2) > deviations(5) > deviations(100) > 1.95
    assert deviations(5) == pytest.approx(2.776, abs=1e-3)  # a table of Student's t
    assert deviations(5, bars=4) > deviations(5)
