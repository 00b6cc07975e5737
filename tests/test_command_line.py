"""The command line: what it prints, its exit code, and the file of checks."""

import json
from pathlib import Path

import pytest

from chameleon.__main__ import main
from tests.library import TREE, plain, write_project


@pytest.fixture
def folder(tmp_path):
    frames = {
        "1": plain(60).rename({"id": "customer"}),
        "2": plain(70).rename({"id": "customer"}),
    }
    return str(write_project(tmp_path / "p", frames, toml=TREE))


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        (["--max-drop", "0.9", "--max-leaked", "0"], 0, "passed: leaked test instances 0 ≤ 0"),
        (["--max-drop", "-0.9"], 1, "FAILED: accuracy drop"),
        (["--after", "2", "--max-drifted", "1"], 0, "1 → 2"),
        (["--findings", "error", "--metric", "macro_f1", "--max-drop", "0.9"], 0, "macro f1 drop"),
    ],
)
def test_the_exit_code_says_whether_the_gate_passed(folder, tmp_path, capsys, limits, code, words):
    path = tmp_path / "gate.json"
    given = ["gate", folder, "--id", "customer", "--json", str(path), *limits]
    assert main(given) == code
    assert words in capsys.readouterr().out
    assert json.loads(path.read_text(encoding="utf-8"))["passed"] == (code == 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--id", "customer"], "The gate checks nothing"),
        (["--id", "nope", "--max-drop", "0.1"], "'nope' is named as id"),
        (["--before", "7", "--max-drop", "0.1"], "no version '7'"),
    ],
)
def test_what_cant_be_checked_has_its_own_exit_code(folder, capsys, given, words):
    assert main(["gate", folder, *given]) == 2
    assert words in capsys.readouterr().err


def test_a_version_that_is_left_out_fails_the_gate(folder, capsys):
    write_project(Path(folder), {"3": plain(20).drop("label")})
    assert main(["gate", folder, "--id", "customer", "--max-drop", "0.9"]) == 1
    assert "1 version left out: Version 3" in capsys.readouterr().out
