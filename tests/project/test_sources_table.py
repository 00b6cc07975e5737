"""One table as versions: the same as a folder of them, whichever way the table is read."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chameleon.data import evolving_dataset
from chameleon.project import Severity, folder_stamp
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
)
from tests.project.test_sources import rebuilt
from tests.projects import Plan, plans

Frames = Mapping[str, pl.DataFrame]

SNAPSHOT = 'version = "batch"\nreading = "snapshot"\n'
SINCE = 'version = "batch"\nreading = "since"\n'


def write_table(
    folder: Path, table: pl.DataFrame, source: str, *, form: str = "parquet", toml: str = ""
) -> Path:
    """A project folder that holds one table, and says in chameleon.toml how it is read."""
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[form](table, folder / f"data.{form}")
    text = f'{toml}\n[source]\nfile = "data.{form}"\n{source}'
    (folder / "chameleon.toml").write_text(text, encoding="utf-8")
    return folder


def opened_table(folder: Path, table: pl.DataFrame, source: str, **how: str) -> chameleon.Project:
    return chameleon.open_project(write_table(folder, table, source, **how))


def stacked(frames: Frames, column: str = "batch") -> pl.DataFrame:
    """All versions in one table, the version in a column."""
    parts = [frame.with_columns(pl.lit(name).alias(column)) for name, frame in frames.items()]
    return pl.concat(parts, how="diagonal_relaxed")


def with_values(frames: Frames) -> Frames:
    """The frames without features that have no value: in one table these count as absent."""
    return {
        name: frame.drop(
            column
            for column in frame.columns
            if column not in oracle.ROLES and frame[column].null_count() == len(frame)
        )
        for name, frame in frames.items()
    }


def stacked_values(frames: Frames) -> pl.DataFrame:
    """The versions in one table, without features that have no value at all."""
    table = stacked(frames)
    assume(set(table.columns) - {*oracle.ROLES, "batch"})
    return table


def with_answers(table: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The table with a column of predictions a version, by id."""
    for version, said in plan.said.items():
        answers = [said.get(oracle.spelled(key)) for key in table["id"]]
        table = table.with_columns(pl.Series(f"prediction_{version}", answers, dtype=pl.String))
    return table


def views(evaluation: chameleon.Evaluation) -> list[list[tuple]]:
    """What every view counts, in an order of its own."""
    names = [version.name for version in evaluation.dataset.versions]
    pair = {"primary": names[-1], "secondary": names[0]}
    frames = [
        chameleon.version_metrics(evaluation).drop("date"),
        chameleon.feature_histograms(evaluation, **pair),
        chameleon.feature_summary(evaluation, **pair),
        chameleon.prediction_changes(evaluation, **pair),
        chameleon.sensitivity(evaluation, over=chameleon.SensitivityRange(names[0], names[-1])),
    ]
    # the order of rows decides the last bit of a mean
    frames = [f.with_columns(pl.col(pl.Float64).round_sig_figs(12)) for f in frames]
    return [sorted(frame.select(sorted(frame.columns)).rows(), key=repr) for frame in frames]


def assert_alike(table: chameleon.Evaluation, folder: chameleon.Evaluation) -> None:
    assert [v.name for v in table.dataset.versions] == [v.name for v in folder.dataset.versions]
    assert set(table.dataset.features) == set(folder.dataset.features)
    for version in folder.dataset.versions:
        ours, theirs = rebuilt(table.dataset, version.name), rebuilt(folder.dataset, version.name)
        assert {k: v[:4] for k, v in ours.items()} == {k: v[:4] for k, v in theirs.items()}
    assert repr(views(table)) == repr(views(folder))
    for before, after in zip(folder.dataset.versions, folder.dataset.versions[1:], strict=False):
        pair = {"before": before.name, "after": after.name}
        assert step(table, **pair) == step(folder, **pair)


def step(evaluation: chameleon.Evaluation, **versions: str) -> dict[str, object]:
    """What `compare_data` says, whatever the order of the features."""
    made = chameleon.compare_data(evaluation.dataset.project, **versions)
    said = {field.name: getattr(made, field.name) for field in fields(made)}
    said.pop("columns_retyped")  # a column of one table has one type in all versions
    rows = {k: v.rows() for k, v in said.items() if isinstance(v, pl.DataFrame)}
    return {k: sorted(v) if isinstance(v, (tuple, list)) else v for k, v in (said | rows).items()}


# ---------------------------------------------------------------- the same as a folder

SAID = '[predictions]\ncolumns = "prediction_{version}"\n'


@settings(max_examples=examples(30))
@given(plans())
def test_a_table_of_snapshots_is_the_same_as_a_folder_of_them(tmp_path_factory, plan):
    frames = with_values(plan.frames)
    folder = tmp_path_factory.mktemp("table")
    table = with_answers(stacked_values(frames), plan)
    write_table(folder, table, SNAPSHOT + SAID)
    with temporary_project(frames, predictions=plan.predictions) as other:
        assert_alike(evaluated(folder), evaluated(other))


@settings(max_examples=examples(25))
@given(plans(), st.data())
def test_a_cumulative_table_is_the_same_as_a_folder_of_all_so_far(tmp_path_factory, plan, data):
    seen: set = set()
    news = {}
    for name, frame in plan.frames.items():
        fresh = frame.filter(~frame["id"].is_in(list(seen)))
        seen |= set(fresh["id"])
        if len(fresh):
            news[name] = fresh
    table = stacked_values(with_values(news))
    shuffled = table[data.draw(st.permutations(range(len(table))))]
    names = list(news)
    frames = with_values(
        {
            name: table.filter(table["batch"].is_in(names[: number + 1])).drop("batch")
            for number, name in enumerate(names)
        }
    )
    folder = tmp_path_factory.mktemp("table")
    source = SINCE + SAID
    write_table(folder, with_answers(shuffled, plan), source)
    given_ = {name: frame for name, frame in plan.predictions.items() if name in names}
    assume(given_)
    with temporary_project(frames, predictions=given_) as other:
        assert_alike(evaluated(folder), evaluated(other))


def spans(frames: Frames, *, inclusive: bool) -> pl.DataFrame:
    """The versions as rows that say from where to where they hold; a row a lasting content."""
    names = list(frames)
    open_rows: dict[str, tuple[dict, int]] = {}
    lines: list[dict] = []

    def close(key: str, number: int) -> None:
        row, first = open_rows.pop(key)
        end = None if number == len(names) else names[number - inclusive]
        lines.append({**row, "valid_from": names[first], "valid_to": end})

    for number, frame in enumerate(frames.values()):
        rows = {repr(row["id"]): row for row in frame.iter_rows(named=True)}
        for key in [k for k, (row, _) in open_rows.items() if repr(rows.get(k)) != repr(row)]:
            close(key, number)
        for key, row in rows.items():
            open_rows.setdefault(key, (row, number))
    for key in list(open_rows):
        close(key, len(names))
    schema = stacked(frames).drop("batch").schema
    return pl.DataFrame(
        lines, schema={**schema, "valid_from": pl.String, "valid_to": pl.String}, orient="row"
    )


@settings(max_examples=examples(25))
@given(plans(), st.booleans())
def test_a_table_of_spans_is_the_same_as_a_folder(tmp_path_factory, plan, inclusive):
    frames = with_values(plan.frames)
    whole = stacked_values(frames)  # every row with all columns and one type
    plain_frames = {name: whole.filter(batch=name).drop("batch") for name in frames}
    listed = "".join(f'[[versions]]\nname = "{name}"\n' for name in frames)
    source = f'reading = "valid"\ninclusive = {str(inclusive).lower()}\n' + SAID + listed
    folder = tmp_path_factory.mktemp("table")
    table = with_answers(spans(plain_frames, inclusive=inclusive), plan)
    write_table(folder, table, source)
    with temporary_project(frames, predictions=plan.predictions) as other:
        assert_alike(evaluated(folder), evaluated(other))


def test_columns_that_tell_versions_or_predictions_need_not_be_ignored_but_may_be(tmp_path):
    frame = stacked({"1": plain(), "2": plain(24)}).with_columns(prediction_1=pl.lit("p"))
    source = (
        '[source]\nfile = "data.parquet"\nversion = "batch"\nreading = "snapshot"\n'
        '[predictions]\ncolumns = "prediction_{version}"\n[columns]\n'
    )
    frame.write_parquet(tmp_path / "data.parquet")
    (tmp_path / "chameleon.toml").write_text(f'{source}ignore = ["batch", "prediction_1"]')
    assert list(chameleon.open_project(tmp_path).kinds) == ["x"]
    (tmp_path / "chameleon.toml").write_text(f'{source}ignore = ["batches"]')
    with pytest.raises(chameleon.ProjectError, match="'batches' is named as ignored"):
        chameleon.open_project(tmp_path)


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, form):
    frames = {
        name: frame.with_columns(size=pl.when(pl.col("size").is_finite()).then("size"))
        for name, frame in tiny.FRAMES.items()
    }
    folder = write_table(tmp_path / "t", stacked(frames), SNAPSHOT, form=form, toml=TREE)
    other = write_project(tmp_path / "f", frames, form=form, toml=TREE)
    ours, theirs = chameleon.open_project(folder), chameleon.open_project(other)
    assert [v.name for v in ours.versions] == ["v1", "v2", "v10"]
    first, second = evolving_dataset(ours), evolving_dataset(theirs)
    for version in theirs.versions:
        assert rebuilt(first, version.name) == rebuilt(second, version.name)
    assert ours.kinds == theirs.kinds


# ---------------------------------------------------------------- cut by a date


def dated(days: list) -> pl.DataFrame:
    return plain(len(days), date=days)


@st.composite
def day_lists(draw):
    day = st.dates(dt.date(2018, 11, 1), dt.date(2021, 2, 1))
    return draw(st.lists(day, min_size=2, max_size=12))


def period_end(day: dt.date, cut: str) -> dt.date:
    if cut == "day":
        return day
    if cut == "week":
        return day + dt.timedelta(days=6 - day.weekday())
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)


@settings(max_examples=examples(60))
@given(day_lists(), st.sampled_from(["day", "week", "month"]), st.sampled_from(["csv", "parquet"]))
def test_a_cut_holds_everything_up_to_its_last_day(tmp_path_factory, days, cut, form):
    folder = tmp_path_factory.mktemp("table")
    write_table(folder, dated(days), f'date = "date"\ncut = "{cut}"\n', form=form)
    project = chameleon.open_project(folder)
    ends = sorted({period_end(day, cut) for day in days})
    assert [v.date for v in project.versions] == ends
    assert project.roles.date == "date"
    for version, end in zip(project.versions, ends, strict=True):
        held = project.source.scan(version).collect()["id"].cast(pl.Int64).to_list()
        assert sorted(held) == [i for i, day in enumerate(days) if day <= end]
        assert version.note == f"everything up to {end}"


def test_periods_are_named_by_day_iso_week_and_month(tmp_path):
    days = [dt.date(2019, 12, 30), dt.date(2020, 1, 5), dt.date(2020, 2, 29)]
    names = {}
    for cut in ("day", "week", "month"):
        folder = write_table(tmp_path / cut, dated(days), f'cut = "{cut}"\n')
        names[cut] = [v.name for v in chameleon.open_project(folder).versions]
    assert names == {
        "day": ["2019-12-30", "2020-01-05", "2020-02-29"],
        "week": ["2020-W01", "2020-W09"],
        "month": ["2019-12", "2020-01", "2020-02"],
    }


@settings(max_examples=examples(40))
@given(day_lists(), st.integers(1, 12))
def test_steps_are_of_equal_length_and_the_last_holds_all(tmp_path_factory, days, steps):
    folder = tmp_path_factory.mktemp("table")
    write_table(folder, dated(days), f'date = "date"\nsteps = {steps}\n')
    project = chameleon.open_project(folder)
    first, span = min(days), (max(days) - min(days)).days
    count = steps if span else 1
    assert [v.name for v in project.versions] == [str(k) for k in range(1, count + 1)]
    for k, version in enumerate(project.versions, start=1):
        held = project.source.scan(version).collect()["id"].to_list()
        assert sorted(held) == [
            i for i, day in enumerate(days) if (day - first).days * count <= span * k
        ]


def test_moments_are_cut_at_midnight_utc(tmp_path):
    moments = [dt.datetime(2019, 1, 31, 23, 59, 59, 999999), dt.datetime(2019, 2, 1)]
    zoned = pl.Series(moments * 2).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
    for name, values in {"naive": moments * 2, "zoned": zoned}.items():
        folder = write_table(
            tmp_path / name,
            dated(list(moments * 2)).with_columns(pl.Series("date", values)),
            'cut = "month"\n',
        )
        project = chameleon.open_project(folder)
        sizes = [len(project.source.scan(v).collect()) for v in project.versions]
        assert sizes == [2, 4]


def test_dates_that_are_missing_or_unreadable_are_counted_and_left_out(tmp_path):
    days = ["2019-01-05", "soon", None, "2019-02-05", "", "later"]
    folder = write_table(tmp_path, dated(days), 'date = "date"\ncut = "month"\n', form="csv")
    project = chameleon.open_project(folder)
    told = errors_of(project)
    assert "data.csv: 2 of 6 rows have no date ('date')" in told
    assert "data.csv: 2 of 6 rows have a date in 'date' that can't be read" in told
    assert "'soon'" in told or "'later'" in told
    assert [len(project.source.scan(v).collect()) for v in project.versions] == [1, 2]


def test_the_column_that_cuts_is_the_date_of_the_instances(tmp_path):
    days = [dt.date(2019, 1, 1 + i) for i in range(20)]
    folder = write_table(tmp_path, plain(when=days), 'date = "when"\nsteps = 2\n', toml=TREE)
    project = chameleon.open_project(folder)
    assert project.roles.date == "when"
    assert list(project.kinds) == ["x"]


# ---------------------------------------------------------------- only what changed is done again


SNAPSHOTS = {
    str(n): plain(20 + n, x=[i * n / 2 + i % 3 for i in range(20 + n)]) for n in range(1, 5)
}


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("reading", ["snapshot", "since"])
def test_rows_of_a_new_version_train_one_model(tmp_path, form, reading):
    source = f'version = "batch"\nreading = "{reading}"\n'
    frames = SNAPSHOTS
    if reading == "since":
        frames = {n: f.with_columns(id=pl.col("id") + 100 * int(n)) for n, f in frames.items()}
    folder = tmp_path / "t"
    toml = TREE.replace("3", f"3, min_samples_leaf = {len(form + reading)}")  # of this test alone
    write_table(folder, stacked(dict(list(frames.items())[:3])), source, form=form, toml=toml)
    before = chameleon.open_project(folder)
    assert chameleon.evaluate(before).fitted == ("1", "2", "3")
    assert evaluated(folder).fitted == ()
    WRITERS[form](stacked(frames).reverse(), folder / f"data.{form}")  # whatever the order
    after = chameleon.open_project(folder)
    assert chameleon.evaluate(after).fitted == ("4",)
    assert {n: after.fingerprints[n] for n in "123"} == dict(before.fingerprints)


def test_a_changed_cell_changes_the_fingerprints_that_hold_it(tmp_path):
    folder = write_table(tmp_path, stacked(SNAPSHOTS), SNAPSHOT)
    before = chameleon.open_project(folder).fingerprints
    edited = stacked(SNAPSHOTS).with_columns(
        x=pl.when((pl.col("batch") == "2") & (pl.col("id") == 3)).then(-1.0).otherwise("x")
    )
    write_table(folder, edited, SNAPSHOT)
    after = chameleon.open_project(folder).fingerprints
    assert [n for n in before if before[n] != after[n]] == ["2"]


def test_a_table_that_changes_after_opening_is_an_error_that_names_it(tmp_path):
    folder = write_table(tmp_path, stacked(SNAPSHOTS), SNAPSHOT, toml=TREE)
    project = chameleon.open_project(folder)
    write_table(folder, stacked(dict(list(SNAPSHOTS.items())[:2])), SNAPSHOT, toml=TREE)
    with pytest.raises(chameleon.VersionError, match=r"Version 1 \(data\.parquet\) changed"):
        chameleon.evaluate(project)


def test_columns_of_odd_types_are_told_and_in_nobodys_way(tmp_path):
    table = stacked(SNAPSHOTS).with_columns(
        pl.lit(b"x").alias("bytes"),
        pl.concat_list("x", "x").alias("list"),
        pl.struct("x", "id").alias("struct"),
        pl.col("x").cast(pl.Decimal(10, 2)).alias("decimal"),
        pl.col("label").cast(pl.Categorical).alias("category"),
        pl.col("batch").cast(pl.Categorical),
    )
    source = 'version = "batch"\nreading = "since"\n[columns]\nid = ["id", "part"]\n'
    table = table.with_columns(part=pl.col("batch").cast(pl.String))
    project = opened_table(tmp_path, table, source)
    assert [v.name for v in project.versions] == ["1", "2", "3", "4"]
    assert set(project.kinds) == {"x", "decimal", "category"}
    told = messages(project.findings, Severity.WARNING)
    assert all(f"column '{name}'" in told for name in ("bytes", "list", "struct"))


def test_a_file_that_a_listed_version_names_is_told_to_be_unused(tmp_path):
    listed = '[[versions]]\nname = "1"\nfile = "versions/1.csv"\n'
    project = opened_table(tmp_path, stacked(SNAPSHOTS), SNAPSHOT + listed)
    assert "(versions/1.csv) is not used" in messages(project.findings, Severity.WARNING)


def test_a_prediction_file_named_as_the_table_is_of_no_version(tmp_path):
    folder = write_table(tmp_path, stacked(SNAPSHOTS), SNAPSHOT, toml=TREE)
    (folder / "predictions").mkdir()
    for name in ("data", "2"):
        said = pl.DataFrame({"id": range(24), "prediction": ["a"] * 24})
        said.write_parquet(folder / "predictions" / f"{name}.parquet")
    evaluation = evaluated(folder)
    known = (evaluation.predicted >= 0).any(axis=1)
    assert known.tolist() == [False, True, False, False]


# ---------------------------------------------------------------- roles, order, names


def test_the_columns_that_tell_versions_are_no_features(tmp_path):
    table = plain(valid_from=["a"] * 20, valid_to=[None] * 20)
    table = table.with_columns(pl.col("valid_to").cast(pl.String))
    project = opened_table(tmp_path, table, 'reading = "valid"\n')
    assert list(project.kinds) == ["x"]
    assert [v.name for v in project.versions] == ["a"]


def test_a_date_that_tells_snapshots_stays_the_date(tmp_path):
    table = pl.concat([plain(date=[dt.date(2019, 1, n)] * 20) for n in (2, 10)])
    source = 'version = "date"\nreading = "snapshot"\n'
    project = opened_table(tmp_path, table, source)
    assert [(v.name, v.date) for v in project.versions] == [
        ("2019-01-02", dt.date(2019, 1, 2)), ("2019-01-10", dt.date(2019, 1, 10))
    ]  # fmt: skip
    assert project.roles.date == "date"
    assert list(project.kinds) == ["x"]


def test_versions_are_in_natural_order_and_keep_their_spelling(tmp_path):
    frames = dict.fromkeys(["1.10", "1.9", "1.0", "2", "07"], plain())
    folder = write_table(tmp_path, stacked(frames), SNAPSHOT, form="csv")
    names = [v.name for v in chameleon.open_project(folder).versions]
    assert names == ["1.0", "1.9", "1.10", "2", "07"]


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "/etc/passwd", "CON", "new\nline", "😀", "{class}"]
)
def test_any_text_names_a_version_and_no_file(tmp_path, name):
    frames = {name: plain(), "z": plain(x=[0.5] * 20)}
    folder = write_table(tmp_path / "t", stacked(frames), SNAPSHOT, toml=TREE)
    evaluation = evaluated(folder)
    assert {v.name for v in evaluation.dataset.versions} == set(frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t"]


LISTED = '[[versions]]\nname = "b"\nnote = "second"\n[[versions]]\nname = "a"\ndate = 2019-01-11\n'


def test_listed_versions_give_order_date_and_note(tmp_path):
    frames = dict.fromkeys("abc", plain())
    source = SNAPSHOT + LISTED
    project = opened_table(tmp_path, stacked(frames), source)
    assert [(v.name, v.date, v.note) for v in project.versions] == [
        ("b", None, "second"), ("a", dt.date(2019, 1, 11), None), ("c", None, None)
    ]  # fmt: skip
    assert "versions not listed in chameleon.toml follow the listed ones: c." in messages(
        project.findings, Severity.NOTE
    )


def test_listing_some_versions_in_their_natural_order_moves_none(tmp_path):
    frames = dict.fromkeys("abc", plain())
    source = 'version = "batch"\nreading = "snapshot"\n[[versions]]\nname = "b"\nnote = "n"\n'
    project = opened_table(tmp_path, stacked(frames), source)
    assert [(v.name, v.note) for v in project.versions] == [("a", None), ("b", "n"), ("c", None)]
    assert project.findings == ()


def test_a_listed_version_without_rows_is_told(tmp_path):
    source = 'version = "batch"\nreading = "snapshot"\n[[versions]]\nname = "9"\n'
    project = opened_table(tmp_path, stacked(SNAPSHOTS), source)
    assert "Version 9 is listed in chameleon.toml, but no row of data.parquet" in errors_of(project)
    assert len(project.versions) == 4


# ---------------------------------------------------------------- what cannot be told


def refused(folder: Path) -> str:
    with pytest.raises(chameleon.ProjectError) as raised:
        chameleon.open_project(folder)
    return str(raised.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('reading = "often"', ["reading", "snapshot, since, valid", "'often'"]),
        ('reading = "since"\nversion = "lot"', ["'lot'", "no such column", "id, label, split, x"]),
        ('reading = "valid"', ["valid_from", "no such column"]),
        ('reading = "valid"\nvalid_from = "x"\nvalid_to = "x"', ["both valid_from and valid_to"]),
        ('reading = "valid"\nversion = "batch"', ["'version'", "valid"]),
        ('reading = "valid"\nvalid_from = "x"\nvalid_to = "id"\ninclusive = 1', ["inclusive"]),
        ('cut = "month"', ["no date column", "Columns found"]),
        ('date = "x"', ["cut or steps", "neither"]),
        ('date = "x"\ncut = "day"\nsteps = 3', ["both"]),
        ('date = "x"\ncut = "year"', ["day, week, month", "'year'"]),
        ('date = "x"\nsteps = 0', ["steps", "1 to 1,000"]),
        ('date = "x"\nsteps = true', ["steps"]),
        ('date = "x"\nsteps = 3', ["cannot be cut by 'x'", "20 of 20 rows"]),
        ('date = "x"\ncut = "day"\nreading = "since"', ["'reading'", "not both"]),
        ('version = 3', ["'version'", "column name"]),
        ('reading = "since"\nversions = "batch"', ["unknown key 'versions'"]),
        ('reading = "since"\nversion = "label"', ["'label'", "cannot be the label too"]),
        ('kind = "tables"', ["kind", "folder, table"]),
        ('reading = "since"\nversion = "lists"', ["List(Int64) in column 'lists'", "single"]),
    ],
)  # fmt: skip
def test_a_wrong_source_is_an_error_that_names_it(tmp_path, source, words):
    table = plain(batch=["1"] * 20, lists=[[1]] * 20)
    roles = '[columns]\nlabel = "label"\n'
    told = refused(write_table(tmp_path, table, source + "\n", toml=roles))
    for word in words:
        assert word in told, told


def test_where_the_reading_is_not_said_the_message_asks_with_the_lines_to_write(tmp_path):
    told = refused(write_table(tmp_path, stacked(SNAPSHOTS, "Version"), ""))
    for word in (
        "How does data.parquet hold its versions?",
        "Columns found: id, label, split, x, Version",
        "90 rows have 24 ids and 4 values of 'Version', which suggests snapshot",
        'file = "data.parquet"', 'version = "Version", reading = "snapshot"',
        'reading = "since"', 'reading = "valid"', 'cut = "month"', "steps = 10",
    ):  # fmt: skip
        assert word in told


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("../data.csv", "outside"), ("/etc/hostname", "outside"), ("link.csv", "outside"),
        ("folder/../data.csv", "outside"), ("gone.csv", "not there"), ("folder", "not there"),
        ("notes.txt", "endings"), ("\\u0000.csv", "outside"),
        ("loop.csv", "'loop.csv'"),  # Python 3.13 resolves a link to itself
    ],
)  # fmt: skip
def test_the_file_of_a_source_stays_inside_the_project(tmp_path, file, words):
    folder = tmp_path / "p"
    (folder / "folder").mkdir(parents=True)
    plain(label=["secret"] * 20).write_csv(tmp_path / "data.csv")
    (folder / "link.csv").symlink_to(tmp_path / "data.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "notes.txt").write_text("id")
    (folder / "chameleon.toml").write_text(f'[source]\nfile = "{file}"\n')
    told = refused(folder)
    assert words in told
    assert str(tmp_path) not in told


@pytest.mark.parametrize("content", [b"", b"id,label,batch\n", b"PAR1 not really", b"\xff\xfe\x00"])
@pytest.mark.parametrize("form", ["csv", "parquet", "csv.gz", "arrow", "jsonl"])
def test_a_table_that_cannot_be_read_is_told_by_its_name(tmp_path, form, content):
    (tmp_path / f"data.{form}").write_bytes(content)
    source = f'[source]\nfile = "data.{form}"\nversion = "batch"\nreading = "since"\n'
    (tmp_path / "chameleon.toml").write_text(source)
    told = refused(tmp_path)
    assert f"data.{form}" in told or "batch" in told
    assert str(tmp_path) not in told


def test_rows_without_a_version_are_counted_and_left_out(tmp_path):
    batches = ["1"] * 15 + [None] * 3 + ["  "] * 2
    project = opened_table(tmp_path, plain(batch=batches), SNAPSHOT)
    assert "data.parquet: 5 of 20 rows have no version ('batch')" in errors_of(project)
    assert len(project.source.scan(project.versions[0]).collect()) == 15


def test_too_many_versions_are_refused(tmp_path):
    table = plain(1001, batch=[str(i) for i in range(1001)])
    told = refused(write_table(tmp_path, table, SINCE))
    assert "1,001 different values in 'batch'" in told
    days = [dt.date(2000, 1, 1) + dt.timedelta(days=i) for i in range(1001)]
    told = refused(write_table(tmp_path, dated(days), 'cut = "day"\n'))
    assert "1,001 versions" in told


SPANS = [("1", "3"), ("2", None), (None, "2"), ("3", "1"), ("2", "2"), (None, None)]


MARKS = ["1", "2", "3", "10", None]


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(st.sampled_from(MARKS), st.sampled_from(MARKS)), min_size=1, max_size=12),
    st.booleans(),
)
def test_every_row_is_in_the_versions_of_its_span_or_is_told(tmp_path_factory, spans_, inclusive):
    assume(any(mark for span in spans_ for mark in span))
    folder = tmp_path_factory.mktemp("table")
    starts, ends = (pl.Series(side, dtype=pl.String) for side in zip(*spans_, strict=True))
    table = plain(len(spans_), valid_from=starts, valid_to=ends)
    source = f'reading = "valid"\ninclusive = {str(inclusive).lower()}\n'
    order = sorted({int(mark) for span in spans_ for mark in span if mark})
    held = {mark: set() for mark in order}
    for row, (start, end) in enumerate(spans_):
        for mark in order:
            begun = start is None or int(start) <= mark
            over = end is not None and (mark > int(end) if inclusive else mark >= int(end))
            if begun and not over:
                held[mark].add(row)
    write_table(folder, table, source)
    if not any(held.values()):
        assert "no version" in refused(folder)
        return
    project = chameleon.open_project(folder)
    found = {int(v.name): project.source.scan(v).collect()["id"] for v in project.versions}
    assert all(ids.is_unique().all() for ids in found.values())
    assert {m: set(ids) for m, ids in found.items()} == {m: s for m, s in held.items() if s}
    lost = len(spans_) - len(set().union(*held.values()))
    told = [p.message for p in project.findings if " of " in p.message and "rows end" in p.message]
    assert sum(int(message.split(": ")[1].split()[0]) for message in told) == lost


MOMENTS = pl.Series([dt.datetime(2019, 1, 2, 3), dt.datetime(2019, 1, 2)] * 10)
TYPED = {
    "category": pl.Series(["b", "a"] * 10, dtype=pl.Categorical),
    "enum": pl.Series(["b", "a"] * 10, dtype=pl.Enum(["b", "a"])),
    "integer": pl.Series([10, 9] * 10),
    "decimal": pl.Series([1.5, 0.5] * 10).cast(pl.Decimal(5, 2)),
    "float": pl.Series([1.5, 0.5] * 10),
    "boolean": pl.Series([True, False] * 10),
    "moment": MOMENTS,
    "zoned": MOMENTS.dt.replace_time_zone("UTC"),
    "milliseconds": MOMENTS.cast(pl.Datetime("ms")),
    "nanoseconds": MOMENTS.cast(pl.Datetime("ns")),
    "edges": pl.Series([dt.date(9999, 12, 31), dt.date(1, 1, 1)] * 10),
}


@pytest.mark.parametrize("reading", ["snapshot", "since"])
@pytest.mark.parametrize("form", TYPED)
def test_a_version_column_may_have_any_type_of_single_values(tmp_path, form, reading):
    table = plain(batch=TYPED[form])
    source = f'version = "batch"\nreading = "{reading}"\n'
    project = opened_table(tmp_path, table, source)
    held = [sorted(project.source.scan(v).collect()["id"]) for v in project.versions]
    odd = list(range(1, 20, 2))
    assert held == [odd, list(range(0, 20, 2)) if reading == "snapshot" else list(range(20))]


@pytest.mark.parametrize("cut", ["day", "week", "month"])
def test_the_first_and_the_last_day_there_is_are_cut(tmp_path, cut):
    days = [dt.date(1, 1, 1), dt.date(9999, 12, 31)]
    project = opened_table(tmp_path, dated(days), f'cut = "{cut}"\n')
    assert [len(project.source.scan(v).collect()) for v in project.versions] == [1, 2]


@pytest.mark.parametrize("inclusive", [False, True])
def test_a_span_goes_up_to_its_end_which_it_may_include(tmp_path, inclusive):
    table = plain(12, start=[s for s, _ in SPANS] * 2, end=[e for _, e in SPANS] * 2)
    source = 'valid_from = "start"\nvalid_to = "end"\n'
    project = opened_table(tmp_path, table, source + "inclusive = true\n" * inclusive)
    held = {  # of the first six rows
        v.name: sorted(i for i in project.source.scan(v).collect()["id"] if i < 6)
        for v in project.versions
    }
    ends = {"2": [0, 1, 2, 4, 5], "3": [0, 1, 5]} if inclusive else {"2": [0, 1, 5], "3": [1, 5]}
    assert held == {"1": [0, 2, 5], **ends}
    told = errors_of(project)
    assert "2 of 12 rows end before they begin ('start' to 'end': 3 to 1)" in told
    assert ("2 of 12 rows end where they begin ('start' to 'end': 2 to 2)" in told) != inclusive
    assert ("inclusive = true" in told) != inclusive
    assert "4 of 12 rows have no start" in messages(project.findings, Severity.NOTE)


def test_an_end_far_in_the_future_is_no_version(tmp_path):
    days = [dt.date(2019, 1, 1), dt.date(2019, 2, 1)] * 10
    table = plain(valid_from=days, valid_to=[dt.date(9999, 12, 31)] * 20)
    project = opened_table(tmp_path, table, 'reading = "valid"\n')
    assert [v.name for v in project.versions] == ["2019-01-01", "2019-02-01"]
    assert "9999-12-31" in messages(project.findings, Severity.NOTE)


def test_an_id_twice_in_a_version_leaves_it_out(tmp_path):
    table = pl.concat([plain(batch=["1"] * 20), plain(2, batch=["2"] * 2)])
    project = opened_table(tmp_path, table, SINCE)
    assert [v.name for v in project.versions] == ["1"]
    assert "Version 2 (data.parquet) repeats 2 ids ('id')" in errors_of(project)


# ---------------------------------------------------------------- how a project is named


def test_a_table_may_be_named_with_its_reading(tmp_path):
    stacked(SNAPSHOTS).rename({"label": "mood"}).write_csv(tmp_path / "data.csv")
    address = f"{tmp_path}/data.csv?version=batch&reading=snapshot&label=mood"
    project = chameleon.open_project(address)
    assert project.name == "data"
    assert len(project.versions) == 4
    assert project.roles.label == "mood"
    assert project.address == address
    chameleon.evaluate(project)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.csv"]  # no cache beside it


def test_a_chameleon_toml_beside_a_table_that_names_it_is_its_project(tmp_path):
    folder = write_table(tmp_path / "t", stacked(SNAPSHOTS), SNAPSHOT, toml='name = "n"\n')
    for path in (folder, folder / "chameleon.toml", folder / "data.parquet"):
        project = chameleon.open_project(path)
        assert (project.name, project.path, len(project.versions)) == ("n", folder, 4)


def test_a_settings_file_may_have_another_name(tmp_path):
    folder = write_table(tmp_path, stacked(SNAPSHOTS), SNAPSHOT)
    (folder / "chameleon.toml").rename(folder / "other.toml")
    assert len(chameleon.open_project(folder / "other.toml").versions) == 4


@pytest.mark.parametrize(
    "name", ["gone", "gone.csv", "gone.toml", "notes.txt", "gone.csv?reading=since"]
)
def test_what_is_not_there_is_told_without_its_folder(tmp_path, name):
    (tmp_path / "notes.txt").write_text("a")
    told = refused(tmp_path / name)
    assert name.split("?")[0] in told
    assert str(tmp_path) not in told


def test_the_stamp_changes_with_every_file_that_matters(tmp_path):
    folder = tmp_path / "t"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "versions" / "1").mkdir(parents=True)
    write_table(folder, stacked(SNAPSHOTS), SNAPSHOT)
    toml = folder / "chameleon.toml"
    toml.write_text(toml.read_text().replace("data.parquet", "deep/er/data.parquet"))
    (folder / "data.parquet").rename(folder / "deep" / "er" / "data.parquet")
    for place in (folder, toml):
        before = folder_stamp(place)
        assert before == folder_stamp(place)
        for file in (folder / "deep/er/data.parquet", folder / "versions/1/train.csv", toml):
            with file.open("ab") as stream:
                stream.write(b"\n")
            after = folder_stamp(place)
            assert after != before
            before = after
    table = tmp_path / "single.csv"
    table.write_text("id\n")
    before = folder_stamp(f"{table}?reading=since")
    table.write_text("id\n1\n")
    assert folder_stamp(f"{table}?reading=since") != before
