"""The operator's decisions, on the command line and in the environment."""

import os
from pathlib import Path

from chameleon.app.server import SAMPLES, Operator, decided


def test_the_samples_open_where_nothing_is_named_digits_first():
    assert decided((), {}) == Operator(SAMPLES, may_write=False, uploads=True, umap=True)
    assert [Path(address).name for address in SAMPLES] == ["digits", "sensor", "logs"]
    assert all((Path(address) / "chameleon.toml").is_file() for address in SAMPLES)


def test_several_projects_are_named_in_their_order():
    arguments = ("b", "t.csv?version=batch&reading=since", "a", "b")
    found = decided(arguments, {"CHAMELEON_PROJECT": "c"})
    assert found.addresses == ("b", "t.csv?version=batch&reading=since", "a")
    assert decided((), {"CHAMELEON_PROJECT": os.pathsep.join(("a", "b"))}).addresses == ("a", "b")


def test_a_path_that_holds_the_separator_is_one_project(tmp_path: Path):
    odd = tmp_path / f"a{os.pathsep}b"
    odd.mkdir()
    assert decided((), {"CHAMELEON_PROJECT": str(odd)}).addresses == (str(odd),)


def test_a_list_longer_than_a_path_is_a_list():
    names = [f"{k}" * 200 for k in range(40)]
    assert decided((), {"CHAMELEON_PROJECT": os.pathsep.join(names)}).addresses == tuple(names)


def test_the_home_folder_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert (
        decided(("~/t.csv?version=v&reading=since",), {}).addresses[0].startswith("/home/me/t.csv?")
    )


def test_switches_are_on_by_a_few_words_and_off_otherwise():
    names = ("CHAMELEON_ALLOW_WRITING", "CHAMELEON_UPLOADS", "CHAMELEON_UMAP")
    for text in ("1", "on", "ON", "true", "yes", "0", "off", "no", "", "maybe"):
        found = decided((), dict.fromkeys(names, text))
        is_on = text.lower() in ("1", "on", "true", "yes")
        assert (found.may_write, found.uploads, found.umap) == (is_on,) * 3


def test_flags_go_before_variables_and_unknown_ones_are_logged(caplog):
    variables = {"CHAMELEON_UPLOADS": "on", "CHAMELEON_ALLOW_WRITING": "off"}
    found = decided(("--allow-writing", "p", "--no-uploads"), variables)
    assert found == Operator(("p",), may_write=True, uploads=False, umap=True)
    decided(("--alow-writing",), {})
    assert "Unknown option --alow-writing is not used" in caplog.text
