"""Files on disk and caches: never half there; where nothing can be cached nothing breaks."""

import csv
import gc
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.storage import FileMemory, MemoryCache, csv_text, load_parts, read_parts, write_parts
from chameleon.storage import folders as store


def test_a_digest_tells_parts_apart_and_not_the_order_of_keys():
    assert store.digest("ab", "c") != store.digest("a", "bc")
    assert store.digest({"a": 1, "b": 2}) == store.digest({"b": 2, "a": 1})
    assert store.digest([1, 2]) != store.digest([2, 1])
    assert len(store.digest()) == 32


def write_one(folder: Path) -> None:
    (folder / "a").write_text("1")


def test_a_folder_is_kept_whole_with_a_manifest_that_sha256sum_verifies(tmp_path):
    assert store.write_folder(tmp_path / "kept", write_one)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [store.MANIFEST, "a"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    check = ["sha256sum", "--check", store.MANIFEST]
    told = subprocess.run(check, cwd=tmp_path / "kept", capture_output=True, text=True, check=True)
    assert told.stdout == "a: OK\n"


def test_all_of_a_folder_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    done: list[tuple[str, int]] = []
    fsync, rename = os.fsync, os.rename

    def synced(handle: int) -> None:
        fsync(handle)
        done.append(("fsync", os.fstat(handle).st_ino))

    def renamed(source: Path, target: Path) -> None:
        rename(source, target)
        done.append(("rename", Path(target).stat().st_ino))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    target = tmp_path / "kept"
    assert store.write_folder(target, write_one)
    moment = done.index(("rename", target.stat().st_ino))
    content = [target, *target.iterdir()]
    assert len(content) == 3
    assert {inode for _, inode in done[:moment]} == {path.stat().st_ino for path in content}
    assert done[moment + 1 :] == [("fsync", tmp_path.stat().st_ino)]


def read_texts(folder: Path) -> tuple[str, str]:
    return (folder / "a").read_text(), (folder / "b").read_text()


def test_a_folder_that_is_replaced_while_it_is_read_is_neither_mixed_nor_damaged(tmp_path):
    target, over = tmp_path / "kept", threading.Event()

    def replace() -> None:
        for number in range(60):
            text = str(number // 2)  # every second time by the same

            def write(folder: Path, text: str = text) -> None:
                (folder / "a").write_text(text)
                (folder / "b").write_text(text)

            store.write_folder(target, write)
        over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    with store.noted_damage() as damaged:
        while not over.is_set():
            found = store.read_folder(target, read_texts, "pair")
            assert found is None or found[0] == found[1]
    writer.join()
    assert damaged == []
    assert store.read_folder(target, read_texts, "pair") == ("29", "29")


def test_damage_is_noted_by_all_who_listen_and_the_folder_is_gone(tmp_path, caplog):
    target = tmp_path / "kept"
    store.write_folder(target, write_one)
    (target / "a").write_text("2")
    with store.noted_damage() as outer:
        with store.noted_damage() as inner:
            assert store.read_folder(target, read_texts, "text") is None
        with store.noted_damage() as later:
            assert store.read_folder(target, read_texts, "text") is None
    assert (outer, inner, later) == (["cached text"], ["cached text"], [])
    assert list(tmp_path.iterdir()) == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(target) in caplog.text


def test_a_folder_of_an_earlier_release_or_with_hidden_files_is_not_damaged(tmp_path, caplog):
    store.write_folder(tmp_path / "kept", write_one)
    (tmp_path / "kept" / ".DS_Store").touch()
    (tmp_path / "earlier").mkdir()
    write_one(tmp_path / "earlier")
    with store.noted_damage() as damaged:
        found = [store.read_folder(tmp_path / n, Path.is_dir, "text") for n in ("earlier", "kept")]
    assert (found, damaged, caplog.records) == ([None, True], [], [])


def test_parts_are_read_as_they_were_written_and_others_of_the_kind_leave(tmp_path):
    array, table = np.arange(6.0).reshape(2, 3), pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    meta = {"names": ["a"], "most": None, "share": 0.1}
    for name in ("kind-old", "kind-new"):
        assert write_parts(tmp_path / name, {"array": array, "table": table, "meta": meta}, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["kind-new"]
    (tmp_path / "kind-new" / "._array.npy").write_bytes(b"from a file manager")
    parts = read_parts(tmp_path / "kind-new", "kind", dict, mapped=["array"])
    assert set(parts) == {"array", "table", "meta"}
    assert isinstance(parts["array"], np.memmap)
    assert np.array_equal(parts["array"], array)
    assert parts["table"].equals(table)
    assert parts["meta"] == meta


def test_a_part_that_is_not_asked_for_is_not_read(tmp_path):
    (tmp_path / "array.npy").write_bytes(b"no array")
    (tmp_path / "meta.json").write_text("[1]")
    parts = load_parts(tmp_path)
    assert (sorted(parts), parts["meta"], parts.get("table")) == (["array", "meta"], [1], None)
    with pytest.raises(ValueError, match="pickle"):
        parts["array"]


def test_writing_that_breaks_leaves_nothing_behind(tmp_path):
    def broken(error: Exception, folder: Path) -> None:
        write_one(folder)
        raise error

    full_disk = partial(broken, OSError(28, "No space left on device"))
    assert not store.write_folder(tmp_path / "kept", full_disk)
    with pytest.raises(RuntimeError, match="a bug"):
        store.write_folder(tmp_path / "kept", partial(broken, RuntimeError("a bug")))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_is_replaced(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "half").write_text("")
    assert store.write_folder(tmp_path / "kept", write_one)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [store.MANIFEST, "a"]


def test_a_text_is_replaced_at_once(tmp_path):
    path = tmp_path / "deep" / "file.json"
    assert store.write_text(path, "first")
    assert store.write_text(path, "second")
    assert path.read_text() == "second"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]
    (tmp_path / "plain").touch()
    assert not store.write_text(tmp_path / "plain" / "file.json", "cannot be")


def aged(path: Path, seconds: float) -> Path:
    path.mkdir()
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_the_longest_unused_leave_first(tmp_path):
    for age in range(9):
        aged(tmp_path / f"dataset-{age}", age * 10)
    aged(tmp_path / "evaluation-old", 1000)
    store.prune_cache(tmp_path, "dataset", keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dataset-0", "dataset-1", "dataset-2", "evaluation-old",
    ]  # fmt: skip


def test_reading_a_result_counts_as_using_it_but_not_of_one_that_came_with_the_project(tmp_path):
    for name in ("refit-read", "refit-not", "refit-shipped"):
        assert store.write_folder(tmp_path / name, lambda folder: (folder / "a").write_text("1"))
        os.utime(tmp_path / name, (0, 0))
    assert store.read_folder(tmp_path / "refit-read", lambda folder: 1, "refit") == 1
    assert store.read_folder(tmp_path / "refit-not", lambda folder: 1, "refit", used=False) == 1
    assert store.read_folder(tmp_path / "refit-shipped", lambda folder: 1, "refit", shipped=True)
    unused = ["refit-not", "refit-shipped"]
    assert [name for name in unused if (tmp_path / name).stat().st_mtime] == []
    store.prune_cache(tmp_path, "refit", keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["refit-read"]


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path):
    aged(tmp_path / ".tmp-old", 25 * 3600)
    aged(tmp_path / ".tmp-new", 60)
    (tmp_path / ".tmp-file").touch()
    store.prune_cache(tmp_path, "dataset")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".tmp-file", ".tmp-new"]


def test_a_project_keeps_its_results_itself_and_else_in_the_users_folder(tmp_path, user_cache):
    names = ("phones", "watches", "deep/watches", "linked")
    projects = {name: tmp_path / name for name in names}
    for project in projects.values():
        project.mkdir(parents=True)
    for name in names[1:3]:
        (projects[name] / ".chameleon").touch()  # a file where the folder should be
    (tmp_path / "elsewhere").mkdir()
    (projects["linked"] / ".chameleon").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data.csv").write_text("id\n")
    own, *others = (
        store.cache_folder(place) for place in (*projects.values(), tmp_path / "data.csv")
    )
    assert own == projects["phones"] / ".chameleon"
    assert own.is_dir()
    assert {folder.parent for folder in others} == {user_cache / "chameleon"}
    assert others[0].name.startswith("watches-")
    assert len(set(others)) == 4
    assert not list((tmp_path / "elsewhere").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["data.csv", "deep", "elsewhere", "linked", "phones", "watches"]
    )


def test_the_users_folder_is_where_the_system_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.user_cache_folder() == tmp_path / "chameleon"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert store.user_cache_folder() == Path.home() / ".cache" / "chameleon"


def test_a_fact_is_found_again_only_when_the_file_was_touched(tmp_path):
    path = tmp_path / "version.csv"
    path.write_text("a")
    found: list[str] = []

    def find() -> int:
        found.append("once")
        return len(found)

    memory = FileMemory(tmp_path / "cache")
    assert [memory.recall(path, "fact", find) for _ in range(3)] == [1, 1, 1]
    memory.save()
    assert FileMemory(tmp_path / "cache").recall(path, "fact", find) == 1
    assert FileMemory(tmp_path / "cache").recall(path, "another fact", find) == 2
    path.write_text("ab")
    assert FileMemory(tmp_path / "cache").recall(path, "fact", find) == 3


def test_a_memory_forgets_files_that_are_gone(tmp_path):
    paths = [tmp_path / name for name in "ab"]
    memory = FileMemory(tmp_path / "cache")
    for path in paths:
        path.touch()
        memory.recall(path, "fact", lambda: 1)
    paths[0].unlink()
    memory.save()
    entries = json.loads((tmp_path / "cache" / "files" / "files.json").read_text())
    assert list(entries) == [str(paths[1])]


def test_a_fact_about_a_content_is_found_once_and_forgotten_when_nobody_asks(tmp_path):
    def recalled(**values: int) -> list[int]:
        memory = FileMemory(tmp_path)
        found = [memory.recall_content(name, "fact", lambda v=v: v) for name, v in values.items()]
        memory.save()
        return found

    assert recalled(a=1) == [1]
    assert recalled(a=3, b=4) == [1, 4]
    assert recalled(b=5, c=6) == [4, 6]  # nobody asked of "a"
    assert recalled(a=7) == [7]


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert store.file_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


# ---------------------------------------------------------------- memory cache


class Owner:
    """Something that results are found of."""


def test_the_longest_unused_result_of_an_owner_leaves_first():
    cache, owner, found = MemoryCache(2), Owner(), []

    def recall(key: int) -> int:
        return cache.recall(owner, key, lambda: found.append(key) or -key)

    assert [recall(key) for key in (1, 2, 1, 3, 1, 2)] == [-1, -2, -1, -3, -1, -2]
    assert found == [1, 2, 3, 2]


def test_owners_share_nothing_and_are_freed_with_their_results():
    cache, one, other = MemoryCache(1), Owner(), Owner()
    assert cache.recall(one, "key", lambda: 1) == 1
    assert cache.recall(other, "key", lambda: 2) == 2
    del one
    gc.collect()
    assert len(cache._results) == 1


def test_a_result_may_be_found_by_results_of_the_same_cache():
    cache, owner = MemoryCache(1), Owner()
    assert cache.recall(owner, 2, lambda: cache.recall(owner, 1, lambda: 1) + 1) == 2


def test_threads_that_displace_each_others_results_all_get_theirs():
    cache, owner, start = MemoryCache(1), Owner(), threading.Barrier(8)

    def ask(thread: int) -> bool:
        start.wait()
        keys = [(thread + turn) % 3 for turn in range(4_000)]
        return all(cache.recall(owner, key, lambda key=key: [key]) == [key] for key in keys)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


def test_threads_that_ask_for_one_result_at_once_get_the_same():
    cache, owner, both = MemoryCache(1), Owner(), threading.Barrier(2)

    def find() -> object:
        both.wait()
        return object()

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: cache.recall(owner, "key", find), range(2))
    assert one is other


# ---------------------------------------------------------------- csv text


SIGNS = "=+-@\ufe66\ufe62\ufe63\ufe6b\uff1d\uff0b\uff0d\uff20"
# Letters and marks that Unicode lets readers ignore.
INVISIBLE = "\u034f\u115f\u1160\u17b4\u3164\ufe0f\uffa0\U000e0100"
IGNORED = INVISIBLE + "".join(
    sign
    for sign in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(sign) in {"Cc", "Cf", "Zs", "Zl", "Zp"} or not sign.strip()
)
DANGEROUS = ("=1+1", "-1", "@SUM(A1)", "\ttext", "\rtext", "\ntext", "\x1f=1", "\ufeff \u200b+1")


def cells(frame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_text(frame), newline="")))


def test_texts_and_names_like_formulas_get_an_apostrophe():
    for text in DANGEROUS:
        category = pl.Series([text, "b"], dtype=pl.Categorical)
        written = cells(pl.DataFrame({text: [text, "plain"], "cat": category}))
        assert written == [[f"'{text}", "cat"], [f"'{text}", f"'{text}"], ["plain", "b"]]


def test_numbers_dates_and_booleans_stay_as_they_are():
    frame = pl.DataFrame({"a": [-1, None], "b": [-0.5, 2.0], "c": [True, False]})
    assert cells(frame) == [["a", "b", "c"], ["-1", "-0.5", "true"], ["", "2.0", "false"]]


def test_nested_values_and_frames_without_rows_or_columns_are_written():
    frame = pl.DataFrame({"a": [["=1"], None], "b": 1})
    assert cells(frame) == [["a", "b"], ["['=1']", "1"], ["", "1"]]
    assert csv_text(pl.DataFrame()) == ""
    assert cells(pl.DataFrame({"a": pl.Series([], dtype=pl.String)})) == [["a"]]


def test_every_sign_after_every_ignored_character_gets_an_apostrophe():
    texts = [*SIGNS, *(f"{ignored}{sign}1" for ignored in IGNORED for sign in SIGNS)]
    written = [cell for (cell,) in cells(pl.DataFrame({"t": texts}))[1:]]
    assert written == [f"'{text}" for text in texts]


@given(st.lists(st.text() | st.text(st.sampled_from(IGNORED + SIGNS + "'a,;\"")), min_size=1))
def test_no_cell_begins_like_a_formula_and_nothing_else_changes(texts):
    read = cells(pl.DataFrame({"other": 1, "t": texts}, schema={"other": pl.Int64, "t": pl.String}))
    for text, (_, cell) in zip(texts, read[1:], strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert not cell.strip(IGNORED).startswith(tuple(SIGNS))
        seems_a_formula = text.strip(IGNORED).startswith(tuple(SIGNS))
        assert cell == text or seems_a_formula or set(text) & set("\t\r\n")
