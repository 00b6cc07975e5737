"""Zips that strangers make: what is unpacked, and everything that is refused before it is."""

import io
import stat
import struct
import zipfile

import pytest

from chameleon.errors import ProjectError
from chameleon.project.upload import MOST_ENTRIES, MOST_RATIO, unpack

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


def refusal(stream, tmp_path, most_bytes=MEGABYTE) -> str:
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


def test_files_come_out_as_they_went_in(tmp_path):
    stream = packed(("chameleon.toml", "x"), ("versions/1.0.csv", "a,b\n"))
    assert unpacked(stream, tmp_path / "p") == ()
    assert files(tmp_path / "p") == {"chameleon.toml": b"x", "versions/1.0.csv": b"a,b\n"}


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


def test_what_is_not_wanted_is_told_and_not_unpacked(tmp_path):
    inner = packed(("versions/1.csv", "1")).getvalue()
    stream = packed(("a.csv", "1"), ("inner.zip", inner))
    skipped = unpacked(stream, tmp_path / "p", wanted=lambda path: path[-1].endswith(".csv"))
    assert skipped == ("inner.zip",)
    assert set(files(tmp_path / "p")) == {"a.csv"}


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
    message = refusal(packed(("good.csv", "1"), (name, "2")), tmp_path)
    assert message.startswith("The zip is not unpacked: its entry ")


def test_a_name_with_a_nul_is_refused(tmp_path):
    # the name that zipfile shows ends before the NUL; the one in the file does not
    plain = packed(("aXb.csv", "1")).getvalue().replace(b"aXb.csv", b"a\0b.csv")
    assert "control character" in refusal(io.BytesIO(plain), tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(tmp_path, kind):
    entry = zipfile.ZipInfo("versions/1.csv")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    assert "link or a special file" in refusal(packed((entry, "/etc/passwd")), tmp_path)


@pytest.mark.parametrize("names", [("a.csv", "A.CSV"), ("\u00e9.csv", "e\u0301.csv"), ("a", "a/")])
def test_names_that_some_disks_cannot_tell_apart_are_refused(tmp_path, names):
    assert "twice" in refusal(packed(*((name, "") for name in names)), tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(tmp_path):
    assert "'a.csv' twice" in refusal(packed(("a.csv", "1"), ("a.csv", "2")), tmp_path)


def test_declared_sizes_are_summed_before_anything_is_written(tmp_path):
    stream = packed(("a.csv", bytes(range(256)) * 2000), ("b.csv", bytes(range(256)) * 2000))
    message = refusal(stream, tmp_path, most_bytes=900_000)
    assert "1 MB are declared" in message
    assert not list((tmp_path / "in" / "side").iterdir())


def test_what_shrinks_too_much_is_refused_before_it_is_unpacked(tmp_path):
    message = refusal(packed(("a.csv", bytes(20 * MEGABYTE))), tmp_path, most_bytes=10**9)
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
    refusal(lying(honest, 100), tmp_path, most_bytes=MEGABYTE)
    written = sum(p.stat().st_size for p in tmp_path.rglob("*.csv"))
    assert written <= MEGABYTE


def test_the_limit_holds_over_all_entries_together(tmp_path):
    entries = [(f"{k}.csv", bytes(range(256)) * 1000) for k in range(5)]
    refusal(packed(*entries), tmp_path, most_bytes=5 * 256_000 - 1)
    unpacked(packed(*entries), tmp_path / "p", 5 * 256_000)
    assert files(tmp_path / "p") == dict(entries)


def test_too_many_entries_are_refused_before_their_list_is_read(tmp_path):
    stream = packed(*((f"{k}.csv", "") for k in range(MOST_ENTRIES + 1)))
    assert f"{MOST_ENTRIES + 1:,} entries" in refusal(stream, tmp_path)


def test_a_zip64_is_refused(tmp_path):
    content = packed(("a.csv", "1")).getvalue()
    end = content.rfind(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    assert "zip64" in refusal(io.BytesIO(content[:end] + locator + content[end:]), tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(tmp_path, method):
    assert "packed in a way" in refusal(packed(("a.csv", "1" * 99), method=method), tmp_path)


def test_an_encrypted_entry_is_refused(tmp_path):
    content = bytearray(packed(("a.csv", "1")).getvalue())
    content[content.find(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refusal(io.BytesIO(bytes(content)), tmp_path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", b"PK\x03\x04" * 99])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    assert "no zip" in refusal(io.BytesIO(content), tmp_path)


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
