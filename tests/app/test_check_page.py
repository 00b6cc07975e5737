"""The Data check page: its findings, how they are filtered, and its message for sound data."""

from chameleon.app.formatting import plain as plain_text
from tests import internals as chameleon
from tests import tiny
from tests.app import showcases
from tests.internals import FindingKind
from tests.library import TREE, evaluated, plain, write_project

CHECK = "pages/data_check.py"
TABLES = ("check-versions", "check-table")


def write_odd(folder):
    """Two sound versions, one with an error, and one with notes and warnings."""
    frames = {
        "1": plain(),
        "2": plain(k=[7] * 20),
        "3": plain(21).drop("label"),
        "4": plain(22, k=[float("inf")] + [1.0] * 21),
    }
    return write_project(folder, frames, toml=TREE)


def table(screen, key):
    """The table by version, or that of all notices; AppTest gives tables no key."""
    return screen.at.dataframe[TABLES.index(key)].value


def titles(screen):
    return [e.label for e in screen.at.main.expander]


def test_sound_data_has_no_findings_and_the_kinds_looked_for(open_app, tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(21)}, toml=TREE)
    screen = open_app(folder, CHECK)
    (said,) = [s.value for s in screen.at.success]
    assert "No findings in 2 versions" in said
    told = " ".join(c.value for c in screen.at.main.caption)
    for kind in FindingKind:
        assert (kind in told) == (kind not in ("version left out", "other"))


def test_every_finding_is_listed_once_by_version_and_by_kind(open_app, tmp_path):
    folder = write_odd(tmp_path / "p")
    screen = open_app(folder, CHECK)
    expected = chameleon.check(chameleon.evaluate(chameleon.open_project(folder)))
    shown = table(screen, "check-table")
    assert shown["message"].to_list() == expected["message"].to_list()
    by_version = table(screen, "check-versions")
    assert by_version["version"].to_list() == ["1", "2", "4", "3"]  # the one left out is last
    for row in by_version.to_dict("records"):
        for severity in ("error", "warning", "note"):
            own = expected.filter(version=row["version"], severity=severity)
            assert row[f"{severity}s"] == len(own)
    kinds = expected["kind"].unique(maintain_order=True)
    assert [title.split(":")[0].lower() for title in titles(screen)[:-1]] == kinds.to_list()
    assert str(tmp_path) not in screen.text


def test_a_damaged_result_is_reported_on_this_page_and_beside_every_page(open_app, tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(21)}, toml=TREE)
    evaluated(folder)
    (kept,) = (folder / ".chameleon").glob("evaluation-*/predicted.npy")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    screen = open_app(folder, CHECK)
    told = "The cached evaluation was damaged and has been recomputed. Your data wasn't affected."
    assert table(screen, "check-table")["message"].to_list() == [told]
    assert any(plain_text(told) in text for text in screen.go("streamlit_app.py").texts())


def test_severity_and_version_narrow_the_list(open_app, tmp_path):
    screen = open_app(write_odd(tmp_path / "p"), CHECK)
    screen.pills("check-severities").set_value(["error"]).run()
    assert set(table(screen, "check-table")["severity"]) == {"error"}
    assert set(table(screen, "check-table")["version"]) == {"3"}
    screen.at.selectbox(key="check-version").set_value(0).run()
    assert not screen.at.exception
    assert "Choose another severity" in screen.text
    screen.pills("check-severities").set_value([]).run()
    screen.at.selectbox(key="check-version").set_value(2).run()
    assert set(table(screen, "check-table")["version"]) == {"4"}


def test_examples_and_handling_are_shown(open_app, tmp_path):
    screen = open_app(tiny.write_tiny(tmp_path / "tiny"), CHECK)
    texts = screen.text
    assert "1 infinite values of 'size', such as 'e'" in texts
    assert "How it was handled: " in texts
    assert table(screen, "check-table").set_index("kind").loc["missing labels", "examples"] == "f"


def test_a_kind_with_many_findings_shows_a_few_and_counts_the_rest(open_app, showcase, tmp_path):
    frames = {str(n): plain(20 + n, k=[7] * (20 + n)) for n in range(1, 31)}
    folder = write_project(tmp_path / "p", frames, predictions=showcases.given(frames))
    screen = open_app(folder, CHECK)
    assert "Constant feature: 30 in 30 versions" in titles(screen)
    assert any("and 22 more" in c.value for c in screen.at.main.caption)
    assert len(table(screen, "check-table")) == 30
    assert len(table(screen, "check-versions")) == 30
