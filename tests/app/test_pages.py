"""Every page on every sort of project: it draws, explains what is missing, and never raises."""

import json
from functools import wraps
from pathlib import Path

import polars as pl
import pytest

from chameleon import analysis
from chameleon.analysis import selected
from chameleon.app import sidebar
from chameleon.project import Split
from tests.app import showcases
from tests.app.conftest import FEATURES, OVERVIEW, PAGES, TIMELINE, matching
from tests.internals import FeatureFilter, Filters, Range, Selection
from tests.library import plain, write_project

SHOWCASES = ("without_outcomes", "one_version", "without_test_rows", "extremes")
"""Others are walked through by a test of their own."""

COMPUTED = (
    "data_check", "version_metrics", "version_sizes", "timeline_changes", "feature_histograms",
    "feature_labels", "feature_summary", "feature_ranking", "selected", "prediction_changes",
    "change_statistics", "prediction_changes_by", "class_changes", "sensitivity",
    "most_sensitive", "embedding_cells", "cell_groups", "feature_correlations",
)  # fmt: skip
LINKS = [page for group in sidebar.NAVIGATION.values() for page in group]


def frame_is_whole(screen):
    assert not screen.at.exception
    assert screen.component("story").proto.id
    assert len(screen.at.sidebar.get("page_link")) == len(LINKS)
    assert screen.pills("filter-splits").options
    titled = any(text.value.startswith("#### ") for text in screen.at.main.markdown)
    assert titled == (screen.story["mode"] == "strip")
    return True


def walk(screen):
    """Go to every page, and require that it is whole and shows no error."""
    for page in PAGES:
        assert frame_is_whole(screen.go(page))
        assert not screen.at.error
        yield page


@pytest.mark.parametrize("name", SHOWCASES)
def test_a_visitor_walks_through_all_pages_of_every_project(open_app, showcase, name):
    assert list(walk(open_app(showcase(name)))) == [*PAGES]


@pytest.mark.parametrize("filtered", ["source", "primary.source"])
def test_every_page_draws_a_source_that_is_not_in_one_version(open_app, showcase, filtered):
    query = {"primary": "v1", "secondary": "v2", filtered: "new"}
    screen = open_app(showcase("gaps"), OVERVIEW, query)
    assert all(screen.selection.primary == "v1" for _ in walk(screen))


def test_every_page_draws_the_sample(open_app, digits):
    # one test for all pages: its project is fitted once, in one worker
    folder = digits.dataset.project.path
    versions = [version.name for version in digits.dataset.versions]
    screen = open_app(folder)
    for _ in walk(screen):
        assert screen.versions == versions
        assert all(0 < accuracy <= 1 for _, accuracy, _, _ in screen.head["metrics"]["test"])
        assert screen.matching == (350, 350)
        assert (screen.shown["primary"], screen.shown["secondary"]) == ("1.5", "1.4")
    screen = open_app(folder, FEATURES)
    assert len(screen.payload("features")["features"]) == 64


def test_a_table_opens_by_its_address(open_app, tmp_path):
    first, second = plain(), plain(24, x=[i % 7 for i in range(24)])
    second = second.cast(first.schema)
    table = pl.concat([first.with_columns(batch=1), second.with_columns(batch=2)])
    table.write_csv(tmp_path / "data.csv")
    screen = open_app(f"{tmp_path}/data.csv?version=batch&reading=snapshot", OVERVIEW)
    assert screen.versions == ["1", "2"]
    asked = open_app(tmp_path / "data.csv", OVERVIEW)
    assert "hold its versions?" in asked.at.error[0].value


def test_a_missing_folder_is_reported(open_app, tmp_path):
    screen = open_app(tmp_path / "nowhere")
    for page in (OVERVIEW, FEATURES):
        screen.go(page)
        assert not screen.at.exception
        assert [e.value for e in screen.at.error] == ["There is no project folder \\'nowhere\\'\\."]
        assert str(tmp_path) not in screen.text
        assert len(screen.at.sidebar.get("page_link")) == len(LINKS)


def test_a_project_without_usable_versions_explains_why(open_app, tmp_path):
    folder = write_project(tmp_path / "odd", {"1": plain().drop("label").rename({"x": "width"})})
    screen = open_app(folder)
    for page in (OVERVIEW, FEATURES):
        screen.go(page)
        assert not screen.at.exception
        (message,) = [e.value for e in screen.at.error]
        assert "width" in message
        assert str(tmp_path) not in message
    # mended while the server runs: the next run shows it
    write_project(folder, {"1": plain()}, predictions=showcases.given({"1": plain()}))
    assert frame_is_whole(screen.settle())


def test_an_unusable_model_leaves_the_data_visible(open_app, tmp_path):
    toml = '[model]\nestimator = "NoSuchClassifier"\n'
    folder = write_project(tmp_path / "odd", {"1": plain(), "2": plain(24)}, toml=toml)
    screen = open_app(folder)
    for page in (OVERVIEW, TIMELINE):
        assert not screen.go(page).at.exception
        assert "NoSuchClassifier" in " ".join(e.value for e in screen.at.error)


def test_a_version_that_is_left_out_is_named_and_the_rest_shows(open_app, tmp_path):
    folder = write_project(
        tmp_path / "half", showcases.growing(3, 1), predictions=showcases.given({})
    )
    (folder / "versions" / "1.1.parquet").write_bytes(b"no parquet at all")
    screen = open_app(folder)
    assert frame_is_whole(screen)
    assert screen.versions == ["1.0", "1.2"]
    sidebar = " ".join(m.value for m in screen.at.sidebar.markdown)
    assert r"1\.1\.parquet" in sidebar
    assert str(tmp_path) not in sidebar


def test_one_version_has_no_steps_to_show(open_app, showcase):
    screen = open_app(showcase("one_version"), TIMELINE)
    assert "one version only" in screen.text
    assert screen.shown["primary"] == screen.shown["secondary"]


def test_without_outcomes_the_metrics_are_explained(open_app, showcase):
    screen = open_app(showcase("without_outcomes"), TIMELINE)
    assert "undefined in every version" in screen.text
    features = open_app(showcase("without_outcomes"), FEATURES).payload("features")
    assert features["outcomes"] is False
    assert sum(features["features"][0]["counts"][0][2]) > 0  # the unknown ones


def test_without_test_rows_all_rows_are_evaluated(open_app, showcase):
    screen = open_app(showcase("without_test_rows"))
    assert screen.head["scopes"] == ["train", "all"]
    assert screen.shown["scope"] == "all"
    assert {accuracy for _, accuracy, _, _ in screen.head["metrics"]["test"]} == {None}


def test_where_nothing_matches_the_filter_that_costs_most_is_named(open_app, kinds):
    query = {"label": "yes", "source": "lab", "f:wide": "1e9..2e9"}
    filters = Filters(labels=("yes",), sources=("lab",), features=(_range("wide", 1e9, 2e9),))
    screen = open_app(kinds.dataset.project.path, OVERVIEW, query)
    for _ in walk(screen):
        assert screen.matching[0] == 0
        left = [selected(kinds, Selection("b", "a", filters.without(part))).instances
                for part in filters.parts]  # fmt: skip
        assert screen.letter["empty"]["shows"] == max(left)


def _range(name, low, high):
    return FeatureFilter(name, ranges=(Range(low, high),))


def test_a_deep_link_shows_what_it_names(open_app, kinds):
    filters = Filters(
        splits=(Split.TRAIN, Split.VALIDATION), outcomes=("correct",),
        features=(_range("wide", -0.5, 1.0), FeatureFilter("few", categories=("red",))),
    )  # fmt: skip
    selection = Selection("a", "b", filters)
    query = {}
    for name, value in selection.to_query():
        query.setdefault(name, []).append(value)
    for page in (OVERVIEW, PAGES[-1]):  # the frame reads links, for all pages
        screen = open_app(kinds.dataset.project.path, page, query)
        assert not screen.at.warning
        assert screen.matching == matching(kinds, selection)
        assert len(screen.chips) == 4
        assert screen.shown["primary"] == "a"
        assert screen.selection == selection
        assert screen.pills("filter-splits").value == ["train", "validation"]


def test_a_stale_link_is_reported_and_the_rest_opened(open_app, kinds):
    query = {
        "primary": "gone", "secondary": "a", "label": ["yes", "never"], "source": "lab",
        "f:few": "=red", "f:lost": "1.0..2.0",
    }  # fmt: skip
    screen = open_app(kinds.dataset.project.path, FEATURES, query)
    assert frame_is_whole(screen)
    warnings = " ".join(w.value for w in screen.at.warning)
    for gone in ("gone", "never", "lost"):
        assert gone in warnings
    assert len(screen.chips) == 3  # the label that exists, the source and the category
    assert screen.query["secondary"] == ["a"]
    assert screen.query["primary"] == ["b"]
    assert "f:lost" not in screen.query
    screen.at.run()
    assert not screen.at.warning  # reported once


ADDRESSES = (
    {}, {"f:wide": "nonsense"}, {"f:wide": "nan..1"}, {"f:few": "0..1"}, {"f:": "=x"},
    {"date": "yesterday"}, {"split": "all"}, {"outcome": "good"}, {"primary": ""},
    {"f:wide": "1e999..-1e999"}, {"f:moment": "-1e300..1e300"}, {"date": "0001-01-01..9999-12-31"},
)  # fmt: skip
REPORTED = {"nonsense": "not a range", "all": "split", "good": "outcome", "yesterday": "dates"}


# pages read an address the same way: each address on one page
@pytest.mark.parametrize(("page", "query"), [*zip(PAGES, ADDRESSES, strict=True)], ids=json.dumps)
def test_every_page_opens_by_any_address_and_is_the_same_when_run_again(
    open_app, showcase, page, query
):
    screen = open_app(showcase("kinds"), page, query)
    assert frame_is_whole(screen)
    assert not screen.at.error
    words = REPORTED.get("".join(query.values()), "")
    assert words in " ".join(w.value for w in screen.at.warning)

    def elements():
        kinds = [element.type for element in (*screen.at.main, *screen.at.sidebar)]
        return [kind for kind in kinds if kind != "warning"]  # reported once

    before = elements()
    screen.at.run()
    assert elements() == before


def test_a_new_version_is_there_at_the_next_run(open_app, tmp_path):
    frames = showcases.growing(3, 2)
    folder = write_project(tmp_path / "grows", frames, predictions=showcases.given(frames))
    late: list[Path] = [folder / kind / "1.2.parquet" for kind in ("versions", "predictions")]
    contents = [path.read_bytes() for path in late]
    for path in late:
        path.unlink()
    screen = open_app(folder)
    assert len(screen.versions) == 2
    for path, content in zip(late, contents, strict=True):
        path.write_bytes(content)
    screen.pills("filter-splits").set_value(["train"]).run()
    screen.settle()
    assert frame_is_whole(screen)
    assert screen.chips == ["split: train"]  # the click itself is not lost
    assert screen.versions == ["1.0", "1.1", "1.2"]
    # the versions shown stay
    assert (screen.shown["primary"], screen.shown["secondary"]) == ("1.1", "1.0")


def test_going_back_to_a_page_computes_nothing_anew(open_app, showcase, monkeypatch):
    computed: list[str] = []

    def noted(name, compute):
        @wraps(compute)
        def call(*args, **options):
            computed.append(name)
            return compute(*args, **options)

        return call

    for name in COMPUTED:
        monkeypatch.setattr(analysis, name, noted(name, getattr(analysis, name)))
    screen = open_app(showcase("growing"), query={"outcome": "correct"})
    for page in PAGES[1:]:
        screen.go(page)
    assert {"feature_histograms", "embedding_cells", "sensitivity"} <= set(computed)
    computed.clear()
    for page in reversed(PAGES):
        assert frame_is_whole(screen.go(page))
    assert computed == []
