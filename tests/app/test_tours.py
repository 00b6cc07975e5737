"""Guided tours as files, and those of the samples: every number and every link."""

import re
import shutil
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from chameleon.app import embedding, guide, sidebar
from chameleon.app.features import SORTS
from chameleon.errors import ProjectError
from chameleon.project import TOUR_FILE, TourStep, read_tour
from chameleon.selection import Selection, usable
from docs.write_tours import PAGE, address, picture, tours_page
from docs.write_tours import SAMPLES as WRITTEN
from tests import internals as chameleon
from tests.app.tour_figures import SAMPLES, WORDS, figures_of, selection_of

ROOT = Path(__file__).parent.parent.parent
TOURS = {name: read_tour(ROOT / "sample_data" / name) for name in SAMPLES}
STEPS = [(name, number) for name, steps in TOURS.items() for number in range(1, len(steps) + 1)]
every_step = pytest.mark.parametrize(("sample", "number"), STEPS)
NUMBER = re.compile(r"[\w.,%+-]*\d[\w.,%-]*")

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


def test_a_project_needs_no_tour_and_a_link_out_of_it_is_not_followed(tmp_path):
    (tmp_path / "secret.toml").write_text(TWO)
    (tmp_path / "p").mkdir()
    assert read_tour(tmp_path / "p") == ()
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
    ],
)
def test_a_file_that_is_no_tour_is_refused_with_the_reason(tmp_path, text, words):
    (tmp_path / TOUR_FILE).write_text(text)
    with pytest.raises(ProjectError, match=words):
        read_tour(tmp_path)


# --- the tours of the samples


@pytest.fixture(scope="module")
def open_sample(tmp_path_factory):
    """Return a function that evaluates a copy of a sample, once."""
    folder = tmp_path_factory.mktemp("samples")

    @cache
    def opened(sample: str) -> chameleon.Evaluation:
        ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
        copy = shutil.copytree(ROOT / "sample_data" / sample, folder / sample, ignore=ignored)
        return chameleon.evaluate(chameleon.open_project(copy))

    return opened


def numbers_of(text: str) -> set[str]:
    """The numbers in a text, as they are written, and the words of WORDS."""
    words = {word for word in re.findall(r"\w+", text.lower()) if word in WORDS.values()}
    return words | {found.rstrip(".,") for found in NUMBER.findall(text)}


def test_numbers_are_found_however_they_are_written():
    text = "Two of 64,205 (0.762) moved by -0.051, from 2019-03-25: noise_db_1h, 91 %, in 1.18."
    assert numbers_of(text) == {
        "two", "64,205", "0.762", "-0.051", "2019-03-25", "noise_db_1h", "91", "1.18"
    }  # fmt: skip


@every_step
def test_every_step_tells_what_the_library_computes_and_opens_a_view(open_sample, sample, number):
    evaluation, step = open_sample(sample), TOURS[sample][number - 1]
    written = {figure.lstrip("+-−") for figure in numbers_of(f"{step.title} {step.text}")}
    figures = set(figures_of(sample, number, evaluation, step).figures)
    names = {version.name for version in evaluation.dataset.versions}
    names |= {feature.name for feature in evaluation.dataset.features}
    assert written - names <= figures, "a number that nothing proves"
    assert figures, "a step without a number"
    assert figures <= written, "a number that is not in the text"

    # it opens a page, a view, and switches that exist
    pages = {"", *(PurePosixPath(path).stem for path, *_ in sidebar.PAGES[1:])}
    assert step.page in pages
    newest = Selection.newest(evaluation)
    wanted = selection_of(evaluation, step)
    assert usable(evaluation, wanted, newest) == (wanted, ())
    assert tuple(wanted.to_query()) == step.query  # nothing is left out, nothing is misspelled
    choices = {
        "features-sort": set(SORTS),
        "over-feature": {feature.name for feature in evaluation.dataset.features},
        "embedding-color": set(embedding.colors(evaluation)),
    }
    for key, value in step.options.items():
        assert isinstance(value, guide.OPTIONS[key])
        assert isinstance(value, bool) or value in choices[key]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_view_of_a_step_does_not_depend_on_the_step_before(sample):
    """A link, Next, and Back show the same."""
    for step in TOURS[sample]:
        if step.page == "features":
            assert "features-over-versions" in step.options
        if (step.page, step.options.get("features-over-versions")) == ("features", False):
            assert {"features-sort", "features-shares", "features-labels"} <= set(step.options)


# --- the tours in docs


def test_the_written_tours_are_those_of_the_samples():
    assert tuple(WRITTEN) == SAMPLES
    assert PAGE.read_text(encoding="utf-8") == tours_page(), "run python -m docs.write_tours"


def test_links_of_the_written_tours_open_the_steps():
    links = re.findall(r"\]\((http://[^)]*)\)", PAGE.read_text(encoding="utf-8"))
    for (sample, number), link in zip(STEPS, links, strict=True):
        step, asked = TOURS[sample][number - 1], urlsplit(link)
        assert asked.path == f"/{step.page}"
        query = (("project", sample), *step.query, ("tour", str(number)))
        assert tuple(parse_qsl(asked.query)) == query


def test_every_step_has_a_picture_900_wide_all_are_small_and_no_others_lie_there():
    pictures = {picture(*step) for step in STEPS}
    found = set(next(iter(pictures)).parent.iterdir())
    assert found == pictures
    assert sum(path.stat().st_size for path in found) < 1_500_000
    for path in pictures:
        with Image.open(path) as shown:
            assert shown.width == 900
            assert len(shown.convert("RGB").getcolors(shown.width * shown.height)) > 20  # not blank


def test_the_readme_leads_to_the_tours_and_its_first_steps():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/tours.md)" in readme
    for sample in SAMPLES:
        assert address(sample, 1, TOURS[sample][0]) in readme
        assert f"{len(TOURS[sample])} steps" in readme
