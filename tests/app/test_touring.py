"""The guided tour, the glossary, and the introduction, as a visitor sees them."""

from urllib.parse import urlencode

import pytest

from chameleon.app import guide
from chameleon.app.formatting import plain
from chameleon.project import TOUR_FILE
from tests.app import showcases
from tests.app.conftest import FEATURES, OVERVIEW

LINK = {"primary": "1.1", "secondary": "1.0", "split": "test"}
TOUR = f"""
[[steps]]
title = "Start"
text = "Look at the timeline."
[[steps]]
title = '{showcases.MARKUP}'
text = "Test rows alone."
page = "features"
link = "{urlencode(LINK)}"
options = {{ features-over-versions = true, "chameleon.visit" = "x", over-shares = "x" }}
[[steps]]
title = "End"
text = "Nothing more."
page = "nowhere"
"""


@pytest.fixture
def project(tmp_path):
    folder = showcases.write_growing(tmp_path / "p")
    (folder / TOUR_FILE).write_text(TOUR)
    return folder


def click(screen, key):
    screen.at.button(key=key).click().run()
    return screen.settle()


def is_at(screen, step):
    return any(f"step {step} of 3" in text for text in screen.texts())


def test_a_tour_leads_to_pages_with_their_selection_and_switches(open_app, project):
    screen = click(open_app(project), "tour-offer")
    assert is_at(screen, 1)
    assert screen.query["tour"] == ["1"]
    click(screen, "tour-next")
    assert is_at(screen, 2)
    assert {name: values[0] for name, values in screen.query.items()} == {**LINK, "tour": "2"}
    assert screen.at.toggle(key="features-over-versions").value
    assert not screen.at.toggle(key="over-shares").value  # "x" is no switch
    assert showcases.MARKUP not in "".join(screen.texts())  # it is escaped
    click(screen, "tour-back")
    assert is_at(screen, 1)
    click(screen, "tour-end")
    assert "of 3" not in screen.text
    assert "tour" not in screen.query
    assert screen.at.button(key="tour-offer")


def test_a_link_opens_a_step_and_reports_a_missing_page(open_app, project):
    screen = open_app(project, FEATURES, {**LINK, "tour": "2"})
    assert is_at(screen, 2)
    assert screen.at.toggle(key="features-over-versions").value
    assert "there is no page 'nowhere'" in screen.text
    assert screen.selection.primary == "1.1"


def test_an_option_set_to_an_impossible_value_keeps_its_default(open_app, project):
    nonsense = [f"{key} = 'nonsense'" for key, kind in guide.OPTIONS.items() if kind is str]
    tour = f"[[steps]]\ntitle = 'x'\ntext = 'y'\noptions = {{ {', '.join(nonsense)} }}\n"
    (project / TOUR_FILE).write_text(tour)
    screen = open_app(project, OVERVIEW, {"tour": "1"})
    assert not screen.at.exception
    for page in (FEATURES, "pages/timeline.py", "pages/embedding.py", "pages/sensitivity.py"):
        screen.go(page).settle()
        assert not screen.at.exception, page


@pytest.mark.parametrize("asked", ["0", "4", "²"])
def test_a_step_that_does_not_exist_is_no_tour(open_app, project, asked):
    screen = open_app(project, OVERVIEW, {"tour": asked})
    assert not screen.at.exception
    assert "of 3" not in screen.text
    assert "tour" not in screen.query


def test_an_unreadable_tour_is_reported_on_a_whole_page(open_app, project):
    (project / TOUR_FILE).write_text("[[steps]]\ntitle = 'x'")
    screen = open_app(project)
    (warning,) = screen.at.sidebar.warning
    assert plain("has no 'text'") in warning.value
    assert screen.versions


def test_every_switch_a_tour_may_set_is_one_of_a_page(open_app, digits):
    screen = open_app(digits.dataset.project.path, FEATURES)
    found = set()
    for page in ("streamlit_app.py", "pages/timeline.py", FEATURES, "pages/embedding.py",
                 "pages/sensitivity.py"):  # fmt: skip
        screen.go(page).settle()
        found |= {w.key for kind in ("toggle", "selectbox") for w in getattr(screen.at, kind)}
        found |= {group.key for group in screen.at.get("button_group")}
        if page == FEATURES:
            screen.at.toggle(key="features-over-versions").set_value(True).run()
            found |= {w.key for w in (*screen.at.toggle, *screen.at.selectbox)}
    assert set(guide.OPTIONS) <= found


def test_a_visitor_without_a_link_gets_an_introduction_until_it_is_closed(open_app, project):
    screen = open_app(project)
    told = next(text for text in screen.texts() if "**version**" in text)
    assert all(f"**{word}**" in told for word in guide.WORDS)
    assert "New here?" in screen.text
    click(screen, "hello-seen")
    assert "New here?" not in screen.text
    linked = open_app(project, OVERVIEW, LINK)
    assert not any("New here?" in text for text in linked.texts())
