"""The page of the interface: written from the docstrings, and its examples run."""

import re
from contextlib import suppress

import polars as pl
import pytest

import chameleon
from docs import write_api
from tests.library import TREE, plain, write_project


def test_the_page_is_that_of_the_docstrings():
    """`python -m docs.write_api` writes it anew."""
    assert write_api.PAGE.read_text(encoding="utf-8") == write_api.text()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("fresh_samples")
def test_the_example_runs_and_its_figures_are_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    # the smallest version and two folds: the models of others take half a minute
    text = write_api.EXAMPLE.replace('version("1.5")', 'version("1.0")')
    text = text.replace("label_issues()", "label_issues(folds=2)")
    exec(compile(text, "example", "exec"), scope)
    added, unchanged = re.search(r"(\d+) added, ([\d,]+) unchanged", write_api.EXAMPLE).groups()
    first = scope["evaluation"].step("1.4", "1.5").data()
    assert (first.added, first.unchanged) == (int(added), int(unchanged.replace(",", "")))
    step = scope["step"]
    assert step.drift().filter("drifted").height == 53
    assert len(scope["regressed"]) == 39
    assert (tmp_path / "wrong-labels.csv").is_file()


def test_the_gate_example_runs(tmp_path, monkeypatch):
    write_project(tmp_path / "data", {"1": plain(40), "2": plain(50)}, toml=TREE)
    monkeypatch.chdir(tmp_path)
    with suppress(chameleon.GateError):  # as noise will have it
        exec(compile(write_api.GATE, "gate", "exec"), {})
    assert pl.read_json(tmp_path / "gate.json").height == 1
