"""Bad input of every sort: read with the right counts, or refused in words that help."""

import polars as pl
import pytest

from chameleon.data import evolving_dataset
from chameleon.project import Severity
from tests import corpus, oracle
from tests import internals as chameleon
from tests.corpus import CASES, FILE_NAMES
from tests.library import TREE, plain, write_project
from tests.reading import rows_of

FIRST = corpus.GOOD.with_columns(id=pl.Series([str(k) for k in range(20)]))


def beside_odd(folder, case):
    """A project of a sound version and an odd one, opened."""
    write_project(folder, {"good": FIRST}, toml=case.toml or TREE)
    case.write(folder / "versions" / f"odd.{case.ending}")
    return chameleon.open_project(folder)


@pytest.mark.parametrize("name", CASES)
def test_an_odd_version_is_read_as_it_is_or_refused_in_words_that_help(tmp_path, name):
    case = CASES[name]
    project = beside_odd(tmp_path / "p", case)
    dataset = evolving_dataset(project)
    own = [p for p in (*project.findings, *dataset.findings) if p.version == "odd"]
    errors = [p for p in own if p.severity is Severity.ERROR]
    told = [p.message for p in (errors if case.rows is None else own)]
    for word in case.words:
        assert any(word in message for message in told), (word, told)
    assert str(tmp_path) not in " ".join(told)
    frames = {"good": FIRST} | ({} if case.rows is None else {"odd": case.rows})
    assert [version.name for version in project.versions] == list(frames)
    if case.rows is None:
        (error,) = errors
        assert f"Version odd (versions/odd.{case.ending})" in error.message
        assert (error.version, error.file) == ("odd", f"versions/odd.{case.ending}")
    else:
        assert not errors
    time = oracle.timeline(frames, {})
    for version in frames:
        assert rows_of(dataset, version) == time.versions[version]


# the rows of the others are those of a sound version, or hundreds of columns
EVALUATED = [
    name
    for name, case in {**corpus.IDS, **corpus.LABELS, **corpus.VALUES, **corpus.WEAK}.items()
    if case.rows is not None
]


@pytest.mark.parametrize("name", EVALUATED)
def test_what_is_read_is_evaluated_and_checked(tmp_path, name):
    case = CASES[name]
    evaluation = chameleon.evaluate(beside_odd(tmp_path / "p", case))
    metrics = chameleon.version_metrics(evaluation)
    assert metrics["instances"].to_list() == [20, len(case.rows)]
    assert (metrics["test_accuracy"].is_null() != metrics["test_accuracy_reason"].is_null()).all()
    frame = chameleon.feature_histograms(evaluation, primary="odd", secondary="good")
    counted = frame.group_by("feature").agg(
        pl.sum("primary_correct", "primary_incorrect", "primary_unknown")
    )
    totals = counted.select(pl.sum_horizontal(pl.exclude("feature"))).to_series()
    assert set(totals) == {len(case.rows)}
    assert len(chameleon.check(evaluation)) >= len(evaluation.findings)


@pytest.mark.parametrize("name", [n for n, c in corpus.ENCODINGS.items() if c.ending == "csv"])
def test_one_table_in_an_odd_form_is_read_as_it_is_or_refused(tmp_path, name):
    case = CASES[name]
    path = tmp_path / "data.csv"
    path.write_bytes(case.content)
    address = f"{path}?version=split&reading=snapshot"
    if case.rows is None:
        with pytest.raises(chameleon.ProjectError) as raised:
            chameleon.open_project(address)
        for word in case.words:
            assert word in str(raised.value)
        assert str(tmp_path) not in str(raised.value)
        return
    project = chameleon.open_project(address)
    counts = case.rows["split"].value_counts().sort("split", descending=True)
    assert [version.name for version in project.versions] == ["test", "train"]
    assert evolving_dataset(project).present.sum(axis=1).tolist()[::-1] == counts["count"].to_list()
    told = " ".join(finding.message for finding in project.findings)
    assert all(word in told for word in case.words)


def test_given_predictions_in_an_odd_form_are_read_or_told(tmp_path):
    folder = write_project(
        tmp_path / "p", {"1": plain(), "2": plain()},
        predictions={"1": plain().select("id", prediction="label")},
    )  # fmt: skip
    (folder / "predictions" / "1.parquet").unlink()
    sound = plain().select("id", prediction="label").write_csv(separator=";")
    (folder / "predictions" / "1.csv").write_bytes(sound.encode("utf-16"))
    (folder / "predictions" / "2.csv").write_text("id,prediction\n1,a\n2\n")
    evaluation = chameleon.evaluate(chameleon.open_project(folder))
    assert (evaluation.outcome[0] == 0).all()
    told = " ".join(p.message for p in evaluation.findings if p.version == "2")
    assert "predictions/2.csv" in told
    assert "line 3" in told


def test_a_version_may_have_any_name_a_file_may_have(tmp_path):
    frames = {name: plain(20 + k) for k, name in enumerate(FILE_NAMES)}
    shown = {name: 20 + k for k, name in enumerate(FILE_NAMES) if not name.startswith(".")}
    project = chameleon.open_project(write_project(tmp_path / "p", frames, toml=TREE))
    metrics = chameleon.version_metrics(chameleon.evaluate(project))
    assert dict(metrics.select("version", "instances").rows()) == shown


def test_a_listed_version_may_have_any_name_at_all(tmp_path):
    names = ["a/b", "../x", "C:\\x", "..", ".", "CON", " ", "a\nb"]
    versions = tuple(
        chameleon.Version(name, file=f"versions/{k}.parquet") for k, name in enumerate(names)
    )
    text = chameleon.settings_text(chameleon.Settings(name="p", versions=versions))
    frames = {f"{k}": plain() for k in range(len(names))}
    project = chameleon.open_project(write_project(tmp_path / "p", frames, toml=text + TREE))
    assert [version.name for version in project.versions] == names
    assert chameleon.evaluate(project).predicted.shape == (len(names), 20)
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


# a project may lack an id and a split in every version
REFUSED = {name for name, case in CASES.items() if case.rows is None} - {
    "no id column", "no split column",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_error_about_the_only_version_names_it_its_file_and_its_column(tmp_path, name):
    case = CASES[name]
    folder = write_project(tmp_path / "p", {}, toml=case.toml or TREE)
    case.write(folder / "versions" / f"odd.{case.ending}")
    with pytest.raises(chameleon.ProjectError) as raised:
        chameleon.open_project(folder)
    error = raised.value
    if "no label column" not in str(error):
        assert (error.version, error.file) == ("odd", f"versions/odd.{case.ending}")
    assert error.column is None or f"'{error.column}'" in str(error)
