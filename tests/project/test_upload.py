"""Uploads of strangers: what they become, their limits, and zips that are unpacked safely."""

import gzip
import io
import stat
import struct
import zipfile
from dataclasses import replace

import polars as pl
import pytest

from chameleon.errors import ProjectError
from chameleon.project import Limits, require_allowed, require_readable, stored, write_project_zip
from chameleon.project.upload import MOST_ENTRIES, MOST_RATIO, unpack
from tests import internals as chameleon
from tests.library import TREE, plain, write_project

LIMITS = Limits()
SMALL = Limits(
    files=3, sent_bytes=20_000, bytes=40_000, rows=100, columns=5, values=400, versions=2
)


def sent(**contents):
    """Files as they are sent: their names with "_" for ".", and their bytes."""
    return [
        (name.replace("_", "."), len(content), io.BytesIO(content))
        for name, content in contents.items()
    ]


def table(rows: int = 20, **columns) -> bytes:
    return plain(rows, **columns).write_csv().encode()


def wide(columns: int) -> bytes:
    return (",".join(f"c{k}" for k in range(columns)) + "\n").encode()


def project_of(files, tmp_path, limits=LIMITS) -> chameleon.Project:
    folder = tmp_path / "brought"
    folder.mkdir()
    stored(files, folder, limits)
    return chameleon.open_project(folder, private=private(tmp_path))


def private(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir(exist_ok=True)
    return folder


def refusal(files, tmp_path, limits=SMALL) -> str:
    folder = tmp_path / "brought"
    folder.mkdir()
    with pytest.raises(ProjectError) as raised:
        take(files, folder, limits)
    assert str(tmp_path) not in str(raised.value)
    return str(raised.value)


def take(files, folder, limits):
    stored(files, folder, limits)
    require_readable(folder, limits, str)


class Unread:
    """A file whose content must not be asked for."""

    def read(self, count=-1):
        raise AssertionError("it was read")

    def seek(self, place, whence=0):
        raise AssertionError("it was looked into")


# ---------------------------------------------------------------- what becomes of the files


def test_several_tables_become_versions_in_natural_order(tmp_path):
    project = project_of(sent(v10_csv=table(24), v9_csv=table(), v11_csv=table(28)), tmp_path)
    assert [version.name for version in project.versions] == ["v9", "v10", "v11"]


def test_one_table_is_asked_how_it_holds_its_versions(tmp_path):
    with pytest.raises(ProjectError, match=r"How does all\.csv hold its versions"):
        project_of(sent(all_csv=table()), tmp_path)


def test_one_table_with_its_settings_opens(tmp_path):
    batches = pl.concat([plain().with_columns(batch=1), plain().with_columns(batch=2)])
    toml = b'[source]\nfile = "all.csv"\nversion = "batch"\nreading = "snapshot"\n'
    files = sent(all_csv=batches.write_csv().encode(), chameleon_toml=toml)
    assert [v.name for v in project_of(files, tmp_path).versions] == ["1", "2"]


def test_a_downloaded_project_comes_back_the_same(tmp_path):
    frames = {"1": plain(), "2": plain(24)}
    toml = 'name = "mine"\n[columns]\nlabel = "label"\n'
    folder = write_project(tmp_path / "mine", frames, toml=toml, predictions=None)
    chameleon.evaluate(chameleon.open_project(folder))
    (folder / "notes.md").write_text("not a project's")
    target = tmp_path / "mine.zip"
    write_project_zip(folder, target)
    names = zipfile.ZipFile(target).namelist()
    assert set(names) == {
        "mine/chameleon.toml",
        "mine/versions/1.parquet",
        "mine/versions/2.parquet",
    }
    content = target.read_bytes()
    again = project_of([("mine.zip", len(content), io.BytesIO(content))], tmp_path)
    assert again.name == "mine"
    before = chameleon.open_project(folder)
    assert again.fingerprints == before.fingerprints


def test_links_are_not_followed_into_the_zip(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()})
    (tmp_path / "secret.csv").write_text("secret")
    (folder / "versions" / "2.csv").symlink_to(tmp_path / "secret.csv")
    write_project_zip(folder, tmp_path / "p.zip")
    assert zipfile.ZipFile(tmp_path / "p.zip").namelist() == ["p/versions/1.parquet"]


def test_what_a_zip_holds_beside_a_project_is_left_out_and_told(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in (
            "versions/1.csv",
            "run.py",
            "layout/rows.parquet",
            "evaluation/rows.parquet",
            "evaluation/evaluation.json",
            "inner.zip",
            "tour.toml",
            "blacklists.sqlite",
            "exclusion_lists.sqlite",
            ".chameleon/a",
        ):
            archive.writestr(name, table())
    folder = tmp_path / "brought"
    folder.mkdir()
    told = stored([("p.zip", len(stream.getvalue()), stream)], folder, LIMITS)
    assert told.startswith("9 entries of the zip")
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["1.csv"]


# ---------------------------------------------------------------- limits


def test_sizes_are_looked_at_before_anything_is_read(tmp_path):
    files = [(f"{k}.csv", 15_000, Unread()) for k in range(2)]
    message = refusal(files, tmp_path, replace(SMALL, sent_bytes=20_000))
    assert "too large" in message
    assert "0 MB together" in message


def test_the_number_of_files_is_looked_at_before_anything_is_read(tmp_path):
    message = refusal([(f"{k}.csv", 1, Unread()) for k in range(4)], tmp_path)
    assert message.startswith("Too many files: at most 3, found 4.")


@pytest.mark.parametrize(
    ("limit", "files", "told"),
    [
        ({"rows": 39}, sent(a_csv=table(), b_csv=table()), "at most 39, found 40"),
        (
            {"columns": 5},
            sent(a_csv=wide(6), b_csv=wide(6)),
            "columns in a.csv: at most 5, found 6",
        ),
        ({"values": 99}, sent(a_csv=table(), b_csv=table()), "at most 99, found "),
    ],
)
def test_rows_columns_and_values_are_limited(tmp_path, limit, files, told):
    message = refusal(files, tmp_path, replace(LIMITS, **limit))
    assert told in message
    assert "run Chameleon yourself" in message


def test_rows_of_a_parquet_are_counted_by_its_footer(tmp_path):
    frame = pl.DataFrame({"id": pl.repeat(1, 3_000_000, eager=True, dtype=pl.Int8)})
    stream = io.BytesIO()
    frame.write_parquet(stream)
    content = stream.getvalue()
    assert len(content) < 100_000  # small as it is sent, large as it is read
    message = refusal(sent(a_parquet=content, b_parquet=content), tmp_path, LIMITS)
    assert "at most 2,000,000, found 3,000,000" in message


def test_a_gzip_that_grows_is_stopped(tmp_path):
    content = gzip.compress(b"a\n" * 500_000)
    assert len(content) < 20_000
    files = [("a.csv.gz", len(content), io.BytesIO(content)), *sent(b_csv=table())]
    assert "a.csv.gz is too large" in refusal(files, tmp_path)


@pytest.mark.parametrize("content", [b"\x1f\x8b no gzip", gzip.compress(b"a\n" * 99, mtime=0)[:-9]])
def test_a_damaged_gzip_is_named(tmp_path, content):
    files = [("a.csv.gz", len(content), io.BytesIO(content)), *sent(b_csv=table())]
    assert "a.csv.gz could not be read" in refusal(files, tmp_path)


@pytest.mark.parametrize(
    ("name", "why"), [("../a.csv", "leads out"), ("sub/a.csv", "folder"), ("a.pickle", "no table")]
)
def test_odd_names_are_refused(tmp_path, name, why):
    assert why in refusal([(name, 3, io.BytesIO(b"a\n1")), *sent(b_csv=table())], tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["brought"]


def test_a_zip_comes_alone_and_files_come_once(tmp_path):
    assert "either one zip or tables" in refusal(sent(a_zip=b"", b_csv=b""), tmp_path)
    (tmp_path / "brought").rmdir()
    twice = [*sent(a_csv=table()), *sent(A_csv=table())]
    assert "twice" in refusal(twice, tmp_path)


@pytest.mark.parametrize("files", [sent(chameleon_toml=b'name = "x"'), []])
def test_without_a_table_there_is_no_project(tmp_path, files):
    assert "There is no table in it" in refusal(files, tmp_path)


# ---------------------------------------------------------------- what it may not ask for


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ('estimator = "os.system"', "found 'os.system'"),
        ('estimator = "module:factory"', "found 'module:factory'"),
        ('estimator = "GaussianProcessClassifier"', "found 'GaussianProcessClassifier'"),
        ('estimator = "RandomForestClassifier"\nparams = { n_estimators = 1000000 }', "1000000"),
        ('estimator = "RandomForestClassifier"\nparams = { n_jobs = 64 }', "n_jobs"),
        ('estimator = "LogisticRegression"\nparams = { max_iter = nan }', "max_iter"),
    ],
)
def test_a_model_out_of_proportion_is_refused(tmp_path, model, told):
    files = sent(a_csv=table(), b_csv=table(), chameleon_toml=f"[model]\n{model}\n".encode())
    project = project_of(files, tmp_path)
    with pytest.raises(ProjectError, match="an upload may") as raised:
        require_allowed(project, LIMITS)
    assert told in str(raised.value)


def test_usual_models_are_allowed_and_versions_are_limited(tmp_path):
    files = sent(a_csv=table(), b_csv=table(), c_csv=table(), chameleon_toml=TREE.encode())
    project = project_of(files, tmp_path)
    require_allowed(project, LIMITS)
    with pytest.raises(ProjectError, match="Too many versions: at most 2, found 3"):
        require_allowed(project, SMALL)


# ---------------------------------------------------------------- kept in one folder


def test_everything_kept_lies_in_the_private_folder(tmp_path, monkeypatch):
    elsewhere = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(elsewhere))
    batches = pl.concat([plain().with_columns(batch=1), plain(24).with_columns(batch=2)])
    toml = f'[source]\nfile = "all.csv"\nversion = "batch"\nreading = "snapshot"\n{TREE}'
    files = sent(all_csv=batches.write_csv().encode(), chameleon_toml=toml.encode())
    project = project_of(files, tmp_path)
    evaluation = chameleon.evaluate(project)
    assert evaluation.fitted == ("1", "2")
    assert project.results_folder == private(tmp_path)
    kept = {p.name.partition("-")[0] for p in private(tmp_path).iterdir()}
    assert kept >= {"table", "keys", "dataset", "evaluation", "model", "models", "files"}
    assert sorted(p.name for p in (tmp_path / "brought").iterdir()) == ["all.csv", "chameleon.toml"]
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"predictions": 79}, "predictions (rows times versions): at most 79, found 80"),
        ({"probabilities": 79}, "times the 2 classes of 'label'): at most 79, found 80"),
    ],
)
def test_rows_times_versions_and_classes_are_limited(tmp_path, limit, told):
    project = project_of(sent(a_csv=table(), b_csv=table()), tmp_path)
    exact = {name: most + 1 for name, most in limit.items()}
    require_allowed(project, replace(LIMITS, **exact))
    with pytest.raises(ProjectError) as raised:
        require_allowed(project, replace(LIMITS, **limit))
    assert told in str(raised.value)


@pytest.mark.parametrize("name", ["*", "^l.*$"])
def test_classes_are_counted_whatever_the_label_is_called(tmp_path, name):
    toml = f"[columns]\nlabel = '{name}'\n{TREE}"
    frame = plain().rename({"label": name})
    project = chameleon.open_project(write_project(tmp_path / "p", {"1": frame}, toml=toml))
    require_allowed(project, LIMITS)
    with pytest.raises(ProjectError, match="at most 39, found 40"):
        require_allowed(project, replace(LIMITS, probabilities=39))


# ---------------------------------------------------------------- unpacking


MEGABYTE = 1_000_000


def packed(*entries, method=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip of names, or `ZipInfo`s, and contents."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream


def unpacked(stream, folder, most_bytes=MEGABYTE, wanted=lambda path: True):
    folder.mkdir(exist_ok=True)
    return unpack(stream, folder, wanted=wanted, most_bytes=most_bytes)


def zip_refusal(stream, tmp_path, most_bytes=MEGABYTE) -> str:
    """Why it was refused; nothing lies outside the folder then."""
    inside = tmp_path / "in" / "side"
    inside.mkdir(parents=True)
    with pytest.raises(ProjectError) as raised:
        unpacked(stream, inside, most_bytes)
    outside = [p for p in tmp_path.rglob("*") if not p.is_relative_to(tmp_path / "in")]
    assert not outside
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["side"]
    assert not any(p.is_symlink() for p in inside.rglob("*"))
    assert str(tmp_path) not in str(raised.value)
    return str(raised.value)


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("p/versions/1.csv", "p/chameleon.toml"), {"versions/1.csv", "chameleon.toml"}),
        (("versions/1.csv", "versions/2.csv"), {"versions/1.csv", "versions/2.csv"}),
        (("a.csv", "p/b.csv"), {"a.csv", "p/b.csv"}),
        (("p/a.csv", "__MACOSX/p/._a.csv", "p/.DS_Store"), {"a.csv"}),
    ],
)
def test_a_folder_around_everything_is_taken_off(tmp_path, names, found):
    unpacked(packed(*((name, "1") for name in names)), tmp_path / "p")
    assert set(files(tmp_path / "p")) == found


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../out.csv", "a/../../out.csv", "a/./b.csv", "C:/out.csv", "C:out.csv",
        "..\\out.csv", "a\\b.csv", "//host/share.csv", "a//b.csv", "a.csv:stream", "new\nline.csv",
        "tab\t.csv", "a" * 300, "esc\x1b.csv", "CON", "versions/nul.csv", "aux.parquet",
        "com1.csv", "LPT9.txt", "dot./a.csv", "space /a.csv",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    message = zip_refusal(packed(("good.csv", "1"), (name, "2")), tmp_path)
    assert message.startswith("The zip is not unpacked: its entry ")


def test_a_name_with_a_nul_is_refused(tmp_path):
    # the name that zipfile shows ends before the NUL; the one in the file does not
    plain = packed(("aXb.csv", "1")).getvalue().replace(b"aXb.csv", b"a\0b.csv")
    assert "control character" in zip_refusal(io.BytesIO(plain), tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(tmp_path, kind):
    entry = zipfile.ZipInfo("versions/1.csv")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    assert "link or a special file" in zip_refusal(packed((entry, "/etc/passwd")), tmp_path)


@pytest.mark.parametrize("names", [("a.csv", "A.CSV"), ("\u00e9.csv", "e\u0301.csv"), ("a", "a/")])
def test_names_that_some_disks_cannot_tell_apart_are_refused(tmp_path, names):
    assert "twice" in zip_refusal(packed(*((name, "") for name in names)), tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path):
    assert "'a.csv' twice" in zip_refusal(packed(("a.csv", "1"), ("a.csv", "2")), tmp_path)


def test_what_shrinks_too_much_is_refused_before_it_is_unpacked(tmp_path):
    message = zip_refusal(packed(("a.csv", bytes(20 * MEGABYTE))), tmp_path, most_bytes=10**9)
    assert f"more than {MOST_RATIO} times" in message
    assert not list((tmp_path / "in" / "side").iterdir())


def test_a_small_file_may_shrink_much(tmp_path):
    unpacked(packed(("a.csv", bytes(MEGABYTE))), tmp_path / "p")
    assert files(tmp_path / "p") == {"a.csv": bytes(MEGABYTE)}


def lying(stream, declared: int) -> io.BytesIO:
    """The zip of one entry with another size written into both of its headers."""
    content = bytearray(stream.getvalue())
    struct.pack_into("<I", content, content.find(b"PK\x03\x04") + 22, declared)
    struct.pack_into("<I", content, content.find(b"PK\x01\x02") + 24, declared)
    return io.BytesIO(bytes(content))


def test_a_size_that_lies_writes_no_more_than_the_limit(tmp_path):
    honest = packed(("a.csv", bytes(range(256)) * 40_000))
    zip_refusal(lying(honest, 100), tmp_path, most_bytes=MEGABYTE)
    written = sum(p.stat().st_size for p in tmp_path.rglob("*.csv"))
    assert written <= MEGABYTE


def test_declared_sizes_are_summed_before_anything_is_written(tmp_path):
    entries = [(f"{k}.csv", bytes(range(256)) * 1000) for k in range(5)]
    message = zip_refusal(packed(*entries), tmp_path, most_bytes=5 * 256_000 - 1)
    assert "1 MB are declared" in message
    assert not list((tmp_path / "in" / "side").iterdir())
    unpacked(packed(*entries), tmp_path / "p", 5 * 256_000)
    assert files(tmp_path / "p") == dict(entries)


def test_too_many_entries_are_refused_before_their_list_is_read(tmp_path):
    stream = packed(*((f"{k}.csv", "") for k in range(MOST_ENTRIES + 1)))
    assert f"{MOST_ENTRIES + 1:,} entries" in zip_refusal(stream, tmp_path)


def test_a_zip64_is_refused(tmp_path):
    content = packed(("a.csv", "1")).getvalue()
    end = content.rfind(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    assert "zip64" in zip_refusal(io.BytesIO(content[:end] + locator + content[end:]), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(tmp_path, method):
    assert "packed in a way" in zip_refusal(packed(("a.csv", "1" * 99), method=method), tmp_path)


def test_an_encrypted_entry_is_refused(tmp_path):
    content = bytearray(packed(("a.csv", "1")).getvalue())
    content[content.find(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in zip_refusal(io.BytesIO(bytes(content)), tmp_path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", b"PK\x03\x04" * 99])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    assert "no zip" in zip_refusal(io.BytesIO(content), tmp_path)


def test_every_truncation_and_flipped_byte_is_refused_or_unpacked_within_limits(tmp_path):
    content = packed(("versions/1.csv", "a,b\n" * 40), ("versions/2.csv", "c" * 99)).getvalue()
    damaged = [content[:end] for end in range(0, len(content), 7)]
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        damaged.append(bytes(flipped))
    refused = 0
    for number, bad in enumerate(damaged):
        try:
            unpacked(io.BytesIO(bad), tmp_path / str(number), most_bytes=1000)
        except ProjectError:
            refused += 1
    assert refused > len(damaged) / 2
    assert all(len(p.relative_to(tmp_path).parts) <= 4 for p in tmp_path.rglob("*"))
