"""Predictions that are given: by id, whichever row of the instance is meant."""

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

from chameleon.counting import CORRECT, INCORRECT, UNKNOWN
from tests import internals as chameleon
from tests import oracle, tiny
from tests.library import TREE, evaluated, messages, plain, write_project


def answers(count: int = 20, **columns: object) -> pl.DataFrame:
    return pl.DataFrame({"id": list(range(count)), "prediction": ["a"] * count} | columns)


def with_answers(tmp_path, frame: pl.DataFrame, *, form: str = "csv", **columns: object):
    """The evaluation of one plain version with these predictions."""
    frames = {"1": plain(**columns)}
    return evaluated(write_project(tmp_path, frames, form=form, predictions={"1": frame}))


def test_a_prediction_holds_for_whichever_row_of_the_instance(tmp_path):
    evaluation = evaluated(tiny.write_tiny(tmp_path))
    dataset = evaluation.dataset
    codes = {"correct": CORRECT, "incorrect": INCORRECT, "unknown": UNKNOWN}
    for number, version in enumerate(tiny.SAID):
        for row in range(dataset.row_count):
            key = dataset.instance_ids[int(dataset.instance[row])]
            said, label = tiny.SAID[version].get(key), dataset.label[row]
            spelled = None if label < 0 else dataset.classes[label]
            wanted = oracle.outcome(
                oracle.Timeline({}, tiny.SAID),
                version,
                key,
                oracle.Row(spelled, "train", None, None, {}),
            )
            assert evaluation.outcome[number, row] == codes[wanted]
            predicted = evaluation.predicted[number, row]
            assert (None if predicted < 0 else evaluation.classes[predicted]) == said


def test_nothing_is_trained_where_predictions_are_given(tmp_path):
    folder = tiny.write_tiny(tmp_path)
    stages = []
    project = chameleon.open_project(folder)
    evaluation = chameleon.evaluate(project, progress=lambda step: stages.append(step.stage))
    assert set(stages) == {"Reading"}
    assert evaluation.fitted == ()
    assert "predictions/" in evaluation.model


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_every_format_says_the_same(tmp_path, form):
    said = answers(prediction=[1, 0] * 10)
    labels = [1, 1, 0, 0] * 5
    evaluation = with_answers(tmp_path, said, form=form, label=labels)
    assert evaluation.classes == ("0", "1")
    assert (evaluation.outcome[0] == CORRECT).sum() == 10


MISSING = {
    "few rows": (answers().head(12), 8),
    "missing predictions": (answers(prediction=["a", None] * 10), 10),
    "no row": (answers().clear(), 20),
    "no prediction": (answers(prediction=pl.Series([None] * 20, dtype=pl.String)), 20),
}


@pytest.mark.parametrize(("frame", "unknown"), MISSING.values(), ids=MISSING)
def test_missing_predictions_leave_outcomes_unknown_and_are_counted(tmp_path, frame, unknown):
    evaluation = with_answers(tmp_path, frame, form="parquet")
    assert (evaluation.outcome == UNKNOWN).sum() == unknown
    assert evaluation.has_outcomes is (unknown < 20)
    expected = f"Version 1 (versions/1.parquet) has no prediction for {unknown} of its 20 instances"
    assert expected in messages(evaluation.findings)
    line = chameleon.version_metrics(evaluation).row(0, named=True)
    assert line["train_unknown"] + line["test_unknown"] == unknown


def test_a_prediction_without_an_id_is_not_used(tmp_path):
    said = pl.concat([answers(), answers(2, id=pl.Series([None, None], dtype=pl.Int64))])
    evaluation = with_answers(tmp_path, said, form="parquet")
    assert (evaluation.outcome != UNKNOWN).all()
    assert not messages(evaluation.findings)


def test_a_version_without_a_file_is_unknown_and_told(tmp_path):
    frames = {"1": plain(), "2": plain(x=[1.5] * 20)}
    evaluation = evaluated(write_project(tmp_path, frames, predictions={"1": answers()}))
    assert (evaluation.outcome == UNKNOWN).all(axis=1).tolist() == [False, True]
    told = messages(evaluation.findings)
    assert "Version 2 (versions/2.parquet) has no file in predictions/" in told


def test_foreign_ids_are_told_and_not_used(tmp_path):
    evaluation = with_answers(tmp_path, answers(25))
    assert "predictions for 5 ids that no version contains, such as '20'" in messages(
        evaluation.findings
    )
    assert (evaluation.outcome != UNKNOWN).all()


def test_a_class_that_is_never_a_label_is_incorrect(tmp_path):
    evaluation = with_answers(tmp_path, answers(prediction=["z"] * 20))
    assert evaluation.classes == ("a", "b", "z")
    assert (evaluation.outcome == INCORRECT).all()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pl.concat([answers(), answers().head(2)]), ["repeats 2 ids", "'0'"]),
        (answers().rename({"prediction": "guess"}), ["no column 'prediction'", "id, guess"]),
        (answers().rename({"id": "who"}), ["no column 'id'", "who, prediction"]),
        (answers(proba_a=[1.5] * 20), ["'proba_a'", "1.5", "0 to 1"]),
        (answers(proba_a=["inf"] * 20), ["'proba_a'", "inf"]),
        (answers(proba_a=["much"] * 20), ["'proba_a'", "numbers"]),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_name(tmp_path, frame, words):
    frames = {"1": plain(), "2": plain(x=[2.5] * 20)}
    given = {"1": frame, "2": answers()}
    evaluation = evaluated(write_project(tmp_path, frames, form="csv", predictions=given))
    told = messages(evaluation.findings)
    for word in ["Version 1", "predictions/1.csv", *words]:
        assert word in told
    assert (evaluation.outcome[0] == UNKNOWN).all()
    assert (evaluation.outcome[1] != UNKNOWN).all()  # the other version stays usable


@pytest.mark.parametrize("content", [b"", b"PAR1 not really", b"\xff\xfe\x00"])
def test_an_unreadable_file_is_told_by_its_name(tmp_path, content):
    folder = write_project(tmp_path, {"1": plain()}, predictions={"1": answers()})
    (folder / "predictions" / "1.parquet").write_bytes(content)
    evaluation = evaluated(folder)
    assert "predictions/1.parquet" in messages(evaluation.findings)
    assert not evaluation.has_outcomes


def test_without_ids_predictions_cannot_be_matched_and_that_is_said(tmp_path):
    folder = write_project(tmp_path, {"1": plain().drop("id")}, predictions={"1": answers()})
    evaluation = evaluated(folder)
    assert "matched by id" in messages(evaluation.findings)
    assert not evaluation.has_outcomes


def test_several_id_columns_are_matched_together(tmp_path):
    keys = {"a": [i // 5 for i in range(20)], "b": [i % 5 for i in range(20)]}
    toml = '[columns]\nid = ["a", "b"]\nignore = ["id"]\n'
    said = pl.DataFrame(keys | {"prediction": ["a" if i % 2 else "b" for i in range(20)]})
    evaluation = evaluated(
        write_project(tmp_path, {"1": plain(**keys)}, toml=toml, predictions={"1": said.reverse()})
    )
    assert (evaluation.outcome == CORRECT).all()


# ---------------------------------------------------------------- probabilities


def test_probabilities_are_of_the_label_and_of_the_prediction(tmp_path):
    shares = [i / 19 for i in range(20)]
    said = answers(
        prediction=["a" if share >= 0.5 else "b" for share in shares],
        proba_a=shares,
        proba_b=[1 - share for share in shares],
    )
    evaluation = with_answers(tmp_path, said, form="parquet")
    dataset = evaluation.dataset
    for row in range(20):
        share = shares[int(dataset.instance_ids[int(dataset.instance[row])])]
        label = dataset.classes[dataset.label[row]]
        of_label = share if label == "a" else 1 - share
        assert evaluation.probability_of_label[0, row] == np.float32(of_label)
        of_prediction = evaluation.probability_of_prediction[0, row]
        assert of_prediction == np.float32(max(share, 1 - share))
    line = chameleon.version_metrics(evaluation).row(0, named=True)
    frame = plain().join(said, on="id")
    for split in ("train", "test"):
        own = frame.filter(split=split)
        pairs = own.select("proba_a", "proba_b").to_numpy()
        truth = own["label"].to_numpy()
        assert line[f"{split}_accuracy"] == metrics.accuracy_score(truth, own["prediction"])
        loss = metrics.log_loss(truth, pairs, labels=["a", "b"])
        assert line[f"{split}_log_loss"] == pytest.approx(loss, rel=1e-12)
        assert line[f"{split}_roc_auc"] == metrics.roc_auc_score(truth == "b", pairs[:, 1])


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ({}, "without probabilities"),
        ({"proba_a": [0.7] * 20}, None),
        ({"proba_a": [0.7] * 20, "proba_b": [0.2] * 20}, "do not add up to 1"),
        ({"proba_a": [0.7] * 20, "proba_b": [None] * 20}, "no row has probabilities"),
        ({"proba_a": [0.7] * 20, "proba_c": [0.3] * 20}, "'b'"),
    ],
)
def test_where_probabilities_do_not_suffice_the_reason_is_given(tmp_path, shares, reason):
    evaluation = with_answers(tmp_path, answers(**shares), form="parquet")
    line = chameleon.version_metrics(evaluation).row(0, named=True)
    assert line["train_accuracy"] is not None
    for metric in ("log_loss", "roc_auc"):
        assert line[f"train_{metric}"] is None
        assert reason is None or reason in line[f"train_{metric}_reason"]


def test_probabilities_of_few_digits_still_count(tmp_path):
    thirds = {f"proba_{name}": [0.33] * 20 for name in "abc"}
    labels = ["a", "b", "c", "a"] * 5
    evaluation = with_answers(tmp_path, answers(**thirds), form="parquet", label=labels)
    line = chameleon.version_metrics(evaluation).row(0, named=True)
    assert line["train_log_loss"] == pytest.approx(np.log(3))
    assert line["train_roc_auc"] == 0.5


# ---------------------------------------------------------------- kept on disk


def test_other_predictions_are_another_evaluation(tmp_path):
    frames, said = {"1": plain()}, {"1": answers()}
    folder = write_project(tmp_path, frames, form="csv", toml=TREE, predictions=said)
    first = evaluated(folder)
    answers(prediction=["b"] * 20).write_csv(folder / "predictions" / "1.csv")
    second = evaluated(folder)
    assert (first.outcome != second.outcome).all()
    answers().write_csv(folder / "predictions" / "1.csv")
    assert evaluated(folder).key == first.key != second.key
    (folder / "predictions" / "1.csv").unlink()
    assert "DecisionTreeClassifier" in evaluated(folder).model


# ---------------------------------------------------------------- columns of the data


def told_by_columns(tmp_path, table: pl.DataFrame, predictions: str) -> chameleon.Evaluation:
    """The evaluation of a table of snapshots that holds its own predictions."""
    table.write_csv(tmp_path / "data.csv")
    source = '[source]\nfile = "data.csv"\nversion = "v"\nreading = "snapshot"\n'
    (tmp_path / "chameleon.toml").write_text(f"{source}[predictions]\n{predictions}\n")
    return evaluated(tmp_path)


def snapshots(**columns: object) -> pl.DataFrame:
    """Two versions of the plain instances in one table; columns have forty values."""
    both = pl.concat([plain().with_columns(v=pl.lit("1")), plain().with_columns(v=pl.lit("1_2"))])
    return both.with_columns(**{k: pl.Series(v, strict=False) for k, v in columns.items()})


def test_a_column_a_version_says_what_its_model_predicts(tmp_path):
    columns = {
        "prediction_1": ["a", "b"],
        "prediction_1_2": ["b", "a"],
        "prediction_old": ["a"] * 2,
    }
    table = snapshots(**{name: pair * 20 for name, pair in columns.items()})
    evaluation = told_by_columns(tmp_path, table, 'columns = "prediction_{version}"')
    assert list(evaluation.dataset.project.kinds) == ["x"]  # what predicts is no feature
    assert evaluation.fitted == ()
    assert "prediction_{version}" in evaluation.model
    assert (evaluation.outcome[0] == INCORRECT).all()
    assert (evaluation.outcome[1] == CORRECT).all()
    assert not messages(evaluation.findings)


def test_a_column_without_a_version_is_of_the_row_it_stands_in(tmp_path):
    table = snapshots(said=["a", "b"] * 10 + ["b", "a"] * 10)
    evaluation = told_by_columns(tmp_path, table, 'columns = "said"')
    assert (evaluation.outcome[0] == INCORRECT).all()
    assert (evaluation.outcome[1] == CORRECT).all()


def test_partial_columns_are_counted_and_unknown(tmp_path):
    some = ["a", None] * 10
    table = snapshots(prediction_1=some + ["a"] * 20, prediction_1_2=[None] * 40)
    evaluation = told_by_columns(tmp_path, table, 'columns = "prediction_{version}"')
    told = messages(evaluation.findings)
    assert "Version 1 (data.csv) has no prediction for 10 of its 20 instances" in told
    assert "Version 1_2 (data.csv) has no prediction for 20 of its 20 instances" in told
    assert (evaluation.outcome == UNKNOWN).sum() == 30


def test_probabilities_stand_in_columns_by_version_and_class(tmp_path):
    shares = [i / 39 for i in range(40)]
    table = snapshots(
        prediction_1=["a"] * 40, proba_1_a=shares, proba_1_b=[1 - s for s in shares],
        prediction_1_2=["b"] * 40, proba_1_2_a=[0.25] * 40, proba_1_2_b=[0.75] * 40,
    )  # fmt: skip
    asked = 'columns = "prediction_{version}"\nproba = "proba_{version}_{class}"'
    evaluation = told_by_columns(tmp_path, table, asked)
    assert list(evaluation.dataset.project.kinds) == ["x"]
    assert evaluation.classes == ("a", "b")
    assert (evaluation.probability_of_prediction[1] == np.float32(0.75)).all()
    own = evaluation.dataset.rows_of(0)
    ids = evaluation.dataset.instance_ids.gather(evaluation.dataset.instance[own])
    assert np.allclose(
        evaluation.probability_of_prediction[0, own], [shares[int(i)] for i in ids], atol=1e-7
    )
    assert chameleon.version_metrics(evaluation)["test_log_loss"].null_count() == 0


def test_an_instance_that_a_version_lacks_is_judged_where_its_rows_agree(tmp_path):
    table = snapshots(prediction_1=["a"] * 40).filter(~((pl.col("v") == "1") & (pl.col("id") < 5)))
    third = plain().with_columns(v=pl.lit("3"), prediction_1=pl.lit("b")).filter(pl.col("id") < 2)
    evaluation = told_by_columns(
        tmp_path, pl.concat([table, third]), 'columns = "prediction_{version}"'
    )
    dataset = evaluation.dataset
    ids = dataset.instance_ids.gather(dataset.instance).cast(pl.Int64).to_numpy()
    assert (evaluation.predicted[0, ids < 2] == -1).all()  # one row says a, another b
    assert (evaluation.predicted[0, ids >= 2] == evaluation.classes.index("a")).all()
    told = messages(evaluation.findings)
    assert "conflicting predictions for 2 instances that it lacks, such as '0'" in told
    assert "has no predictions, column 'prediction_3'" in told


def test_predictions_that_stand_twice_are_told(tmp_path):
    frame = plain(said=["a"] * 20)
    toml = '[predictions]\ncolumns = "said"\n'
    folder = write_project(
        tmp_path, {"1": frame}, toml=toml, predictions={"1": answers(prediction=["b"] * 20)}
    )
    evaluation = evaluated(folder)
    assert "predictions/1.parquet is not" in messages(evaluation.findings)
    assert list(evaluation.dataset.project.kinds) == ["x"]
    assert (evaluation.outcome == CORRECT).sum() == 10  # as "said" has it


def test_other_columns_are_another_evaluation(tmp_path):
    table = snapshots(prediction_1=["a"] * 40, prediction_1_2=["a"] * 40)
    asked = 'columns = "prediction_{version}"'
    first = told_by_columns(tmp_path, table, asked)
    second = told_by_columns(tmp_path, table.with_columns(prediction_1=pl.lit("b")), asked)
    assert second.dataset.key == first.dataset.key  # the data is the same
    assert second.key != first.key
    assert (second.outcome[0] != first.outcome[0]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('columns = "{version}"', ["'columns'", "prediction_{version}"]),
        ('columns = "p"\nproba = "q_{version}_{class}"', ["both", "neither"]),
        ('proba = "q_{class}"', ["'columns'"]),
        ("columns = 3", ["'columns'", "3"]),
    ],
)
def test_wrong_names_of_columns_are_an_error_that_says_how(tmp_path, text, words):
    with pytest.raises(chameleon.ProjectError) as raised:
        told_by_columns(tmp_path, snapshots(), text)
    for word in words:
        assert word in str(raised.value)
