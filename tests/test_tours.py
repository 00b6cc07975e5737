"""Guided tours as files: what is read, and what is refused with words."""

import pytest

from chameleon.errors import ProjectError
from chameleon.tours import TOUR_FILE, TourStep, read_tour

TWO = """
[[steps]]
title = "Start"
text = "Look."
[[steps]]
title = "Fails"
text = "Here."
page = "features"
link = "primary=2&f%3Ax=1..3&split=test&split=train"
options = { features-over-versions = true }
"""


def test_steps_are_read_in_their_order_with_the_items_of_their_link(tmp_path):
    (tmp_path / TOUR_FILE).write_text(TWO)
    query = (("primary", "2"), ("f:x", "1..3"), ("split", "test"), ("split", "train"))
    assert read_tour(tmp_path) == (
        TourStep("Start", "Look."),
        TourStep("Fails", "Here.", "features", query, {"features-over-versions": True}),
    )


def test_a_project_needs_no_tour(tmp_path):
    assert read_tour(tmp_path) == ()


def test_a_link_out_of_the_project_is_not_followed(tmp_path):
    (tmp_path / "secret.toml").write_text(TWO)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / TOUR_FILE).symlink_to(tmp_path / "secret.toml")
    assert read_tour(tmp_path / "p") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = 3", r"\[\[steps\]\] tables"),
        ("[[steps]]\ntext = 'x'", r"number 1 has no 'title'"),
        ("[[steps]]\ntitle = 'x'\ntext = 3", r"'text' must be a text, found 3"),
        ("[[steps]]\ntitle = 'x'\ntext = 'y'\nlinks = ''", r"unknown key 'links'"),
        ("[[steps]]\ntitle = 'x'\ntext = 'y'\noptions = 3", r"'options' must be a table"),
        ("[[steps]", "not valid TOML"),
        (f"steps = {'1' * 5_000}", "not valid TOML"),
        ("#" * 100_001, "larger than 100,000 bytes"),
    ],
)
def test_what_cannot_be_a_tour_is_refused_with_words(tmp_path, text, words):
    (tmp_path / TOUR_FILE).write_text(text)
    with pytest.raises(ProjectError, match=words):
        read_tour(tmp_path)
