"""Paths, formulas, and other people's processors are out of reach for a visitor."""

import csv
import io
import tomllib

import pytest

from chameleon.app import projects, timeline_page, view
from chameleon.app.background import Opening
from chameleon.app.server import Operator
from tests.app import showcases
from tests.app.conftest import OVERVIEW, PAGES, ROOT, TIMELINE
from tests.library import TREE, plain, write_project

CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def test_a_page_that_raises_shows_no_path_and_no_value(open_app, showcase, monkeypatch, tmp_path):
    def fail(*args, **options):
        raise RuntimeError(f"secret of {tmp_path}")

    monkeypatch.setattr(timeline_page, "draw_table", fail)
    screen = open_app(showcase("growing"), TIMELINE)
    assert len(screen.at.exception) == 1
    (shown,) = screen.at.exception
    for text in (shown.value, shown.message, *shown.stack_trace):
        assert "secret" not in text
        assert str(tmp_path) not in text
        assert "/chameleon/" not in text


def test_no_page_shows_a_path_of_the_server(open_app, tmp_path):
    folder = write_project(
        tmp_path / "private-place" / "odd", {"1": plain(), "2": plain(24)}, toml=TREE
    )
    for name in ("damaged.parquet", "empty.csv", "broken.arrow", "bad.jsonl"):
        (folder / "versions" / name).write_bytes(b"" if "empty" in name else b"\0no table\n")
    (folder / "versions" / "link.csv").symlink_to("/etc/passwd")
    screen = open_app(folder)
    for page in ("streamlit_app.py", "pages/data_check.py", "pages/new_project.py"):
        assert not screen.go(page).at.exception
        shown = " ".join([*screen.texts(), *(f.value.to_csv() for f in screen.at.dataframe)])
        assert "damaged" in shown
        for secret in ("private-place", "/etc", "root:"):
            assert secret not in shown


def test_the_configuration_keeps_strangers_out():
    server, client = CONFIG["server"], CONFIG["client"]
    assert server["address"] == "127.0.0.1"
    assert server["enableXsrfProtection"] is True
    assert server["enableCORS"] is True
    assert server["enableStaticServing"] is False
    assert server["maxUploadSize"] <= 100
    assert client["showErrorDetails"] == "none"
    assert client["disableDataExport"] is True  # its CSV would hand out formulas


def test_names_stay_text_and_every_table_comes_with_a_csv_without_formulas(
    open_app, showcase, monkeypatch
):
    contents = []

    def offer(label, data, **options):
        if options["mime"] == "text/csv":
            contents.append(data().decode())

    monkeypatch.setattr(view.st, "download_button", offer)
    query = {
        "split": "train", "label": showcases.MARKUP, f"f:{showcases.MARKDOWN}": "=*b*",
    }  # fmt: skip
    screen = open_app(showcase("hostile"), OVERVIEW, query)
    for page in PAGES:
        contents.clear()
        assert not screen.go(page).at.exception
        assert len(screen.chips) == 3
        for text in screen.texts():  # chips are drawn by the component, as text
            assert "<img" not in text.replace(r"\<img", "")
            assert "[a](" not in text
            assert "**bold**" not in text.replace(r"\*\*bold", "")
        for html in screen.at.get("html"):
            assert "<script" not in html.proto.body
            assert "<img" not in html.proto.body
        assert len(contents) == len(screen.at.dataframe)
        for cell in (c for text in contents for row in csv.reader(io.StringIO(text)) for c in row):
            number = cell.lstrip("-").replace(".", "", 1).isdecimal()
            assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    contents.clear()
    open_app(
        showcase("hostile"), "pages/prediction_changes.py"
    )  # a label like a formula is written as text
    assert f"'{showcases.FORMULA}" in "".join(contents)


def opened(evaluation, *, private=None) -> Opening:
    opening = Opening("somewhere", private=private)
    opening.evaluation = evaluation
    return opening


@pytest.mark.parametrize(
    ("decided", "private", "allowed"),
    [
        (Operator(), False, False),
        (Operator(umap=False), False, True),  # there is a first picture only, and it is wanted
        (Operator(may_write=True), False, True),
        (Operator(), True, True),
    ],
)
def test_who_may_ask_for_a_layout(
    showcase, monkeypatch, tmp_path, kinds, decided, private, allowed
):
    monkeypatch.setattr(projects, "operator", lambda: decided)
    found = opened(kinds, private=tmp_path if private else None)
    assert projects.may_lay_out(found) is allowed


def test_a_visitor_may_not_replace_an_existing_layout(monkeypatch, tmp_path):
    from chameleon.layout.layouts import write_layout
    from chameleon.layout.process import lay_out
    from tests.internals import evaluate, open_project

    project = open_project(showcases.write_growing(tmp_path / "p", versions=1, instances=12))
    evaluation = evaluate(project)
    monkeypatch.setattr(projects, "operator", lambda: Operator(umap=False))
    assert projects.may_lay_out(opened(evaluation))
    assert write_layout(lay_out(evaluation.dataset, lambda stage, share: None), evaluation.dataset)
    assert not projects.may_lay_out(opened(evaluation))
