"""README and the pages of docs: links that lead somewhere, commands, and names that exist."""

import re
from pathlib import Path

import pytest

import chameleon

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("sample_data/*/README.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MOST_WORDS = 900


def prose(document: Path) -> str:
    """Return a document without its blocks of code."""
    return FENCED.sub("", document.read_text(encoding="utf-8"))


def links(document: Path) -> list[str]:
    """Return the targets of the links and pictures that lead to no other site."""
    found = LINK.findall(prose(document))
    return [target for target in found if not target.startswith(("http://", "https://"))]


def anchors(document: Path) -> set[str]:
    """Return what a link to a heading of the document is called on GitHub."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_of_a_document_lead_to_a_file_and_a_heading(document):
    for target in links(document):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_a_heading_is_found_by_the_name_of_its_anchor():
    assert "limits-of-uploads" in anchors(ROOT / "docs" / "hosting.md")
    assert "no-such-heading" not in anchors(ROOT / "docs" / "hosting.md")


def test_the_readme_leads_to_every_other_document():
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links(README)}
    assert set(DOCUMENTS) - {README} <= linked


def test_files_that_contributing_names_exist():
    text = CONTRIBUTING.read_text(encoding="utf-8")
    named = re.findall(r"`((?:chameleon|docs|pages|tests)/[\w/]+\.\w+)`", text)
    assert len(named) >= 5
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_contributing_describes_every_room():
    text = CONTRIBUTING.read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert described == {path.parent.name for path in ROOT.glob("chameleon/*/__init__.py")}


def test_the_readme_is_short():
    assert len(re.findall(r"\w+", prose(README))) <= MOST_WORDS


@pytest.mark.parametrize(
    ("name", "requirements", "last"),
    [
        ("run", "requirements.txt", "/streamlit run streamlit_app.py"),
        ("test", "requirements-dev.txt", "/pytest -n 2"),
    ],
)
def test_a_marked_command_of_the_readme_installs_and_starts(name, requirements, last):
    text = README.read_text(encoding="utf-8")
    (command,) = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.+)\n```$", text, re.MULTILINE)
    assert f"pip install -r {requirements} " in command
    assert command.endswith(last)
    assert (ROOT / requirements).is_file()


def test_functions_that_the_documents_call_are_public():
    called = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"\bchameleon\.(\w+)\(", document.read_text(encoding="utf-8"))
    }
    assert "open_project" in called
    assert called <= set(chameleon.__all__)
