"""Opening and surveying a project: formats, order, roles, listed files, and what stays outside."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.data import SPLITS, evolving_dataset
from chameleon.data.dataset import hashed_splits, text_hashes
from chameleon.errors import ProjectError
from chameleon.project import Kind, Settings, Severity, Split, Version, survey
from chameleon.project import opening as sources
from chameleon.project.records import VersionSource
from chameleon.storage import FileMemory
from chameleon.storage import folders as store
from tests import internals as chameleon
from tests import oracle, tiny
from tests.library import (
    TREE,
    WRITERS,
    errors_of,
    evaluated,
    examples,
    messages,
    plain,
    temporary_project,
    write_project,
    write_version,
)
from tests.projects import plans
from tests.reading import rows_of


def names_of(folder: Path) -> list[str]:
    return [version.name for version in chameleon.open_project(folder).versions]


# ---------------------------------------------------------------- formats


def test_every_format_gives_the_same_dataset(tmp_path):
    frames = {
        name: frame.with_columns(
            when=pl.Series([None, *["2019-01-11"] * (len(frame) - 1)]).str.to_date(),
            source=pl.lit("lab"),
            count=pl.int_range(pl.len()),
            # JSON has neither infinities nor NaN
            size=pl.when(pl.col("size").is_finite()).then("size"),
        )
        for name, frame in tiny.FRAMES.items()
    }
    first, *others = (
        evaluated(write_project(tmp_path / form, frames, form=form, predictions=tiny.PREDICTIONS))
        for form in WRITERS
    )
    for other in others:
        assert other.dataset.features == first.dataset.features
        for version in frames:
            assert rows_of(other.dataset, version) == rows_of(first.dataset, version)
        assert other.scores.equals(first.scores)


@settings(max_examples=examples(30))
@given(plans(), st.sampled_from(["csv", "csv.gz", "arrow"]))
def test_changing_the_format_of_a_version_is_no_change(plan, form):
    # a CSV spells neither a text that is empty nor a number that is "-0.0" or NaN differently
    name, frame = next(iter(plan.frames.items()))
    emptied = frame.with_columns(pl.col(pl.String).replace(["", "missing"], [None, "m"]))
    if form != "arrow":
        blank = [c for c in emptied.columns[1:] if emptied[c].null_count() == len(emptied)]
        emptied = emptied.drop(c for c in blank if c not in oracle.ROLES)
    if not set(emptied.columns) - set(oracle.ROLES):
        return
    with temporary_project({"1": emptied}) as folder:
        write_version(folder, "2", emptied, form=form)
        project = chameleon.open_project(folder)
        step = chameleon.compare_data(project, before="1", after="2")
    assert [p for p in project.findings if p.severity is Severity.ERROR] == []
    kinds = {p.column for p in project.findings if p.column}
    assert step.unchanged == len(frame) or kinds, (name, step)


def test_a_folder_may_hold_the_files_itself(tmp_path):
    for name in ("1.10", "1.9"):
        plain().write_csv(tmp_path / f"{name}.csv")
    (tmp_path / "README.md").write_text("not a version")
    assert names_of(tmp_path) == ["1.9", "1.10"]


def test_hidden_and_temporary_files_are_no_versions(tmp_path):
    folder = write_project(tmp_path, {"1": plain()})
    for name in (".2.csv", "~3.csv", "4.txt", "5"):
        (folder / "versions" / name).write_text("id,label\n")
    assert names_of(folder) == ["1"]


# ---------------------------------------------------------------- roles


USUAL = {
    "id": ["id", "instance_id", "uid", "key", "ID"],
    "label": ["label", "target", "y", "y_true", "class", "ground_truth", "Label"],
    "split": ["split", "partition", "subset", "Subset"],
}


@pytest.mark.parametrize(("role", "name"), [(r, n) for r, names in USUAL.items() for n in names])
def test_roles_are_found_by_their_usual_names(tmp_path, role, name):
    folder = write_project(tmp_path, {"1": plain().rename({role: name} if role != name else {})})
    project = chameleon.open_project(folder)
    found = getattr(project.roles, role)
    assert found == ((name,) if role == "id" else name)
    assert list(project.kinds) == ["x"]
    assert project.findings == ()


def test_roles_that_are_named_go_before_usual_names(tmp_path):
    toml = '[columns]\nlabel = "mood"\nid = ["who", "when"]\nignore = ["x"]\n'
    frame = plain(mood=["up", "down"] * 10, who=[i // 4 for i in range(20)], when=[*range(4)] * 5)
    project = chameleon.open_project(write_project(tmp_path, {"1": frame}, toml=toml))
    assert project.roles.label == "mood"
    assert project.roles.id == ("who", "when")
    assert set(project.kinds) == {"id", "label"}  # now columns like any other


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('label = "mod"', "'mod' is named as label, .*Did you mean 'mood'"),
        (
            'label = "tempo"',
            "'tempo' is named as label, .*found: id, label, split, x, mood",
        ),
        ('id = ["id", "id_2"]', "'id_2' is named as id, "),
        ('ignore = ["mood", "coment"]', "'coment' is named as ignored, .*Did you mean 'comment'"),
        ('ignore = ["^c.*$"]', r"'\^c\.\*\$' is named as ignored, .*Columns found: id, label, "),
        (f'ignore = ["{"c" * 90_000}"]', "as ignored, "),
        ('label = "split"', "'split' has two roles"),
        ('id = ["id", "id"]', "'id' has two roles"),
    ],
)
def test_a_named_role_that_cannot_be_is_an_error_with_the_names_that_read_like_it(
    tmp_path, setting, words
):
    frames = {"1": plain(mood=["up"] * 20), "2": plain(comment=["-"] * 20)}
    folder = write_project(tmp_path, frames, toml=f"[columns]\n{setting}\n")
    with pytest.raises(chameleon.ProjectError, match=words):
        chameleon.open_project(folder)


def test_a_column_that_one_version_has_may_be_ignored(tmp_path):
    frames = {"1": plain(mood=["up"] * 20), "2": plain(comment=["-"] * 20)}
    toml = '[columns]\nignore = ["mood", "comment"]\n'
    project = chameleon.open_project(write_project(tmp_path, frames, toml=toml))
    assert list(project.kinds) == ["x"]


def test_several_id_columns_are_one_id_and_never_run_together(tmp_path):
    frame = pl.DataFrame(
        {
            "a": ["x|", "x", "x\\", "x"],
            "b": ["y", "|y", "y", "\\y"],
            "label": ["p", "q", "p", "q"],
            "v": [1.5, 2.5, 3.5, 4.5],
        }
    )
    toml = TREE + '[columns]\nid = ["a", "b"]\n'
    project = chameleon.open_project(
        write_project(tmp_path, {"1": frame, "2": frame.reverse()}, toml=toml)
    )
    step = chameleon.compare_data(project, before="1", after="2")
    assert (step.shared, step.unchanged) == (4, 4)
    assert evolving_dataset(project).instance_count == 4


# ---------------------------------------------------------------- no id, no split


def test_without_an_id_duplicates_survive_and_a_relabelling_shows(tmp_path):
    first = plain().drop("id")
    first = pl.concat([first, first.head(3)])  # three rows twice
    second = first.with_columns(
        label=pl.when(pl.col("x") == 1.5).then(pl.lit("c")).otherwise("label"),
        x=pl.when(pl.col("x") == 3.0).then(99.0).otherwise("x"),
    )
    project = chameleon.open_project(write_project(tmp_path, {"1": first, "2": second}))
    assert "No id column" in messages(project.findings, Severity.NOTE)
    step = chameleon.compare_data(project, before="1", after="2")
    assert step.shared + step.added == 23
    assert (step.relabeled, step.edited) == (2, 0)  # x = 1.5 stands twice
    assert (step.added, step.removed) == (1, 1)  # an edit


@settings(max_examples=examples(20))
@given(st.permutations(range(12)))
def test_without_an_id_row_order_is_no_matter(order):
    frame = pl.DataFrame(
        {
            "label": ["a", "a", "b", "b"] * 3,
            "split": ["train", "test"] * 6,
            "source": ["s", "t", "u"] * 4,
            "x": [1.0, 1.0, 2.0, 1.0] * 3,
        }
    )
    with temporary_project({"1": frame, "2": frame[order]}) as folder:
        step = chameleon.compare_data(chameleon.open_project(folder), before="1", after="2")
    assert step.unchanged == 12
    assert step.resourced == 0


def test_without_a_split_an_instance_has_one_split_in_all_versions(tmp_path):
    frames = {
        str(v): plain(400, x=[i * v + 0.5 for i in range(400)]).drop("split")[v * 20 :]
        for v in range(1, 4)
    }
    project = chameleon.open_project(write_project(tmp_path, frames, toml=TREE))
    assert "No split column" in messages(project.findings, Severity.NOTE)
    dataset = evolving_dataset(project)
    for instance in range(dataset.instance_count):
        assert len(set(dataset.split[dataset.instance == instance].tolist())) == 1
    test_share = (dataset.split == list(Split).index(Split.TEST)).mean()
    assert 0.13 < test_share < 0.27
    assert (dataset.split == list(Split).index(Split.VALIDATION)).sum() == 0


def test_the_hash_of_an_id_never_changes_between_releases():
    splits = hashed_splits(text_hashes(pl.Series(map(str, range(40)))))
    tests = [i for i, split in enumerate(splits) if SPLITS[split] is Split.TEST]
    assert tests == [2, 6, 17, 18, 23, 29, 34]


# ---------------------------------------------------------------- listed and unlisted files


def listing(*files: str) -> str:
    return TREE + "".join(f'[[versions]]\nfile = "{file}"\n' for file in files)


def test_listed_versions_stand_in_the_order_of_the_list_and_others_follow(tmp_path):
    frames = {name: plain() for name in ("1", "2", "10", "3")}
    toml = listing("versions/10.csv", "versions/1.csv")
    folder = write_project(tmp_path, frames, form="csv", toml=toml)
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["10", "1", "2", "3"]
    notes = messages(project.findings, Severity.NOTE)
    assert "Version 2 (versions/2.csv) is not listed" in notes
    assert not errors_of(project)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("versions/9.csv", "no such file"),
        ("versions", "no such file"),
        (".", "no such file"),
        ("../outside/1.csv", "outside the project folder"),
        ("versions/../../outside/1.csv", "outside the project folder"),
        ("/etc/hostname", "outside the project folder"),
        ("versions/link.csv", "outside the project folder"),
        ("versions/folder/1.csv", "outside the project folder"),
        ("versions/loop.csv", "versions/loop.csv"),
        ("versions/notes.txt", "ending"),
        ("versions/\\u0000.csv", "Version"),
        ("versions/" + "a" * 300 + ".csv", "Version"),
    ],
)
def test_a_listed_file_that_cannot_be_used_is_told_and_never_read(tmp_path, file, words):
    toml = listing("versions/1.csv", file) + 'name = "odd"\n'
    folder = write_project(tmp_path / "inside", {"1": plain()}, form="csv", toml=toml)
    secret = write_project(tmp_path / "outside", {}) / "1.csv"
    plain(label=["secret"] * 20).write_csv(secret)
    (folder / "versions" / "link.csv").symlink_to(secret)
    (folder / "versions" / "loop.csv").symlink_to("loop.csv")
    (folder / "versions" / "folder").symlink_to(secret.parent)
    (folder / "versions" / "notes.txt").write_text("a")
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["1"]
    assert words in errors_of(project)
    assert "secret" not in evolving_dataset(project).classes


def test_a_link_that_leads_outside_is_no_version_and_no_prediction(tmp_path):
    folder = write_project(tmp_path / "inside", {"1": plain()}, form="csv", toml=TREE)
    outside = write_project(tmp_path / "outside", {"2": plain()}, form="csv")
    said = plain().select("id", prediction="label")
    said.write_csv(outside / "versions" / "1.csv")
    (folder / "versions" / "2.csv").symlink_to(outside / "versions" / "2.csv")
    (folder / "predictions").symlink_to(outside / "versions")
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["1"]
    assert "Version 2 (versions/2.csv)" in errors_of(project)
    assert "DecisionTreeClassifier" in chameleon.evaluate(project).model


def test_a_link_that_stays_inside_is_followed(tmp_path):
    folder = write_project(tmp_path, {"1": plain()}, form="csv")
    (folder / "versions" / "2.csv").symlink_to(folder / "versions" / "1.csv")
    assert names_of(folder) == ["1", "2"]


def test_of_two_files_of_one_name_the_second_is_told(tmp_path):
    folder = write_project(tmp_path, {"1": plain()}, form="csv")
    write_version(folder, "1", plain(), form="parquet")
    project = chameleon.open_project(folder)
    assert [v.file for v in project.versions] == ["versions/1.csv"]
    assert "Version 1 (versions/1.parquet) has the same name as versions/1.csv" in errors_of(
        project
    )


# ---------------------------------------------------------------- what is remembered


def test_findings_of_another_shape_are_found_again(tmp_path):
    folder = write_project(tmp_path, {"1": plain()}, form="csv")
    chameleon.open_project(folder)
    memory = folder / ".chameleon" / "files" / "files.json"
    entries = json.loads(memory.read_text())
    for entry in entries.values():
        for fact in set(entry) - {"stamp"}:
            entry[fact] = {"odd": 1}
    memory.write_text(json.dumps(entries))
    store.seal(memory.parent)
    assert names_of(folder) == ["1"]


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_file_that_changes_after_opening_is_an_error_that_names_it(tmp_path, change):
    folder = write_project(tmp_path, {"1": plain(), "2": plain()}, toml=TREE)
    project = chameleon.open_project(folder)
    path = folder / "versions" / "2.parquet"
    if change == "edit":
        plain(x=[0.5] * 20).write_parquet(path)
    else:
        path.unlink()
    with pytest.raises(chameleon.VersionError, match=r"Version 2 \(versions/2\.parquet\)"):
        chameleon.evaluate(project)
    plain().write_parquet(path)
    assert evaluated(folder).dataset.row_count == 20


# ---------------------------------------------------------------- a further kind of source


class Countdown(VersionSource):
    """Three versions that stand in no file: all that a further kind has to say."""

    def __init__(self, folder: Path, settings: Settings, memory: FileMemory) -> None:
        self._frames = {str(n): plain(30 - n) for n in range(3)}

    def versions(self) -> tuple[Version, ...]:
        return tuple(Version(name, note="counted") for name in self._frames)

    def scan(self, version: Version) -> pl.LazyFrame:
        return self._frames[version.name].lazy()

    def fingerprint(self, version: Version) -> str:
        return f"countdown {version.name}"


def test_a_further_kind_of_source_is_one_class_and_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sources.SOURCES, "countdown", Countdown)
    toml = TREE + '[source]\nkind = "countdown"\n'
    folder = write_project(tmp_path, {"ignored": plain()}, toml=toml)
    evaluation = evaluated(folder)
    sizes = chameleon.version_metrics(evaluation)["instances"].to_list()
    assert sizes == [30, 29, 28]
    assert evaluation.dataset.versions[0].note == "counted"


class Broken(Countdown):
    """A source whose second version cannot be read."""

    def scan(self, version: Version) -> pl.LazyFrame:
        if version.name == "1":
            raise OSError("the network is away")
        return super().scan(version)


def test_a_version_that_a_source_cannot_give_is_told_and_the_rest_is_usable(tmp_path, monkeypatch):
    monkeypatch.setitem(sources.SOURCES, "broken", Broken)
    folder = write_project(tmp_path, {}, toml='[source]\nkind = "broken"\n')
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["0", "2"]
    assert "Version 1" in errors_of(project)
    assert "the network is away" in errors_of(project)


# ---------------------------------------------------------------- limits


@pytest.fixture
def headers(monkeypatch):
    """Return the list of the versions whose headers are read."""
    read = []
    original = sources.version_header
    monkeypatch.setattr(
        sources, "version_header", lambda *of: read.append(of[1].name) or original(*of)
    )
    return read


def test_versions_are_counted_before_any_header_is_read(tmp_path, headers):
    folder = write_project(tmp_path / "found", {str(n): plain() for n in range(3)})
    with pytest.raises(chameleon.ProjectError, match="found has 3 versions, and at most 2 are"):
        chameleon.open_project(folder, most_versions=2)
    assert survey(folder, most_versions=2).error is not None
    entry = "[[versions]]\nname = '{}'\nfile = 'versions/0.parquet'\n"
    listed = "".join(entry.format(number) for number in range(1_001))
    folder = write_project(tmp_path / "listed", {"0": plain()}, toml=listed)
    with pytest.raises(chameleon.ProjectError, match="has 1,001 versions, and at most 1,000 are"):
        chameleon.open_project(folder)
    assert headers == []
    assert names_of(tmp_path / "found") == ["0", "1", "2"]
    assert headers == ["0", "1", "2"]


def test_an_address_names_few_settings(tmp_path):
    plain().write_parquet(tmp_path / "data.parquet")
    named = "&".join(["id=id"] * 101)
    with pytest.raises(chameleon.ProjectError, match="more than 100 settings"):
        chameleon.open_project(f"{tmp_path / 'data.parquet'}?{named}")


# ---------------------------------------------------------------- survey


def test_a_project_that_opens_is_told_with_its_versions_and_columns(tmp_path):
    folder = write_project(tmp_path / "p", {"1.2": plain(), "1.10": plain(24)})
    found = survey(folder)
    assert [(v.version.name, v.rows) for v in found.versions] == [("1.2", 20), ("1.10", 24)]
    assert found.error is None
    assert found.project is not None
    assert list(found.columns) == plain().columns
    assert found.columns["x"] == Kind.NUMBER
    assert found.guessed["label"] == ("label",)
    assert found.head.columns == plain().columns
    assert found.readings == ()


def test_without_a_label_it_does_not_open_and_settings_mend_it(tmp_path):
    frame = plain().rename({"label": "animal"})
    folder = write_project(tmp_path / "p", {"1": frame, "2": frame})
    found = survey(folder)
    assert found.project is None
    assert "no label column" in (found.error or "")
    assert len(found.versions) == 2
    mended = replace(found.settings, columns={"label": ("animal",)})
    tried = survey(folder, settings=mended)
    assert tried.error is None
    assert tried.project is not None
    assert tried.project.roles.label == "animal"
    assert not (folder / "chameleon.toml").exists()


def test_a_trial_leaves_nothing_to_remember(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)})
    first = survey(folder)
    memory = folder / ".chameleon" / "files" / "files.json"
    before = memory.read_text()
    survey(folder, settings=replace(first.settings, columns={"id": ("x",)}))
    assert memory.read_text() == before


def test_a_table_that_does_not_say_its_reading_offers_the_choices(tmp_path):
    frames = [plain().with_columns(batch=1), plain().with_columns(batch=2)]
    pl.concat(frames).write_csv(tmp_path / "t.csv")
    found = survey(tmp_path / "t.csv")
    assert "How does t.csv hold its versions?" in (found.error or "")
    assert found.table_columns == (*plain().columns, "batch")
    snapshot = found.readings[0]
    assert snapshot.source == {"file": "t.csv", "version": "batch", "reading": "snapshot"}
    tried = survey(tmp_path / "t.csv", settings=replace(found.settings, source=snapshot.source))
    assert tried.error is None
    assert [(v.version.name, v.rows) for v in tried.versions] == [("1", 20), ("2", 20)]
    assert "batch" not in tried.columns
    assert "batch" in tried.table_columns


def test_a_version_that_cannot_be_read_is_listed_beside_the_others(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain()})
    (folder / "versions" / "2.parquet").write_bytes(b"no parquet")
    found = survey(folder)
    assert [(v.version.name, v.rows) for v in found.versions] == [("1", 20), ("2", None)]
    assert found.project is not None
    assert any(finding.version == "2" for finding in found.findings)


def test_an_empty_folder_says_what_to_put_there(tmp_path):
    found = survey(tmp_path)
    assert "Put one file per version" in (found.error or "")
    with pytest.raises(ProjectError, match="no project folder 'gone'"):
        survey(tmp_path / "gone")


def test_a_private_survey_writes_into_the_private_folder_only(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()}, form="csv")
    private = tmp_path / "private"
    private.mkdir()
    survey(folder, private=private)
    assert (private / "files" / "files.json").is_file()
    assert not (folder / ".chameleon").exists()
    shutil.rmtree(private)
    chameleon.open_project(folder)
    assert (folder / ".chameleon").is_dir()
