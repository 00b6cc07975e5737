"""Filters in the sidebar, the chips, the count, and the address agree."""

import datetime as dt
from dataclasses import replace

import pytest

from chameleon.analysis import feature_ranking, selected
from chameleon.project import Split
from tests.app.conftest import FEATURES, OVERVIEW, PAGES, TIMELINE
from tests.internals import FeatureFilter, Filters, Range, Selection, feature_histograms


@pytest.fixture
def screen(open_app, kinds):
    return open_app(kinds.dataset.project.path, FEATURES)


def shows(screen, evaluation, filters, versions=("b", "a")):
    """Return True if count, chips, and address show these filters."""
    assert not screen.at.exception
    selection = Selection(*versions, filters)
    counted = selected(evaluation, selection)
    if filters.is_empty:
        assert screen.count.startswith(f"All {counted.of:,} instances")
    else:
        assert screen.count == f"**{counted.instances:,} of {counted.of:,} instances**"
    assert len(screen.chips) == len(filters.parts)
    assert screen.selection == selection
    return True


def widget(screen, kind, key):
    return next(w for w in getattr(screen.at.sidebar, kind) if w.key == key)


def test_every_sidebar_filter_narrows_what_is_shown(screen, kinds):
    screen.pills("filter-splits").set_value(["train", "validation"]).run()
    filters = Filters(splits=(Split.TRAIN, Split.VALIDATION))
    assert shows(screen, kinds, filters)
    screen.pills("filter-outcomes").set_value(["incorrect"]).run()
    filters = replace(filters, outcomes=("incorrect",))
    assert shows(screen, kinds, filters)
    widget(screen, "multiselect", "filter-labels").set_value(["yes", "no"]).run()
    filters = replace(filters, labels=("yes", "no"))
    assert shows(screen, kinds, filters)
    widget(screen, "multiselect", "filter-sources").set_value(["lab"]).run()
    days = (dt.date(2020, 1, 3), dt.date(2020, 1, 30))
    widget(screen, "date_input", "filter-dates").set_value(days).run()
    filters = replace(filters, sources=("lab",), dates=days)
    assert shows(screen, kinds, filters)
    screen.at.button(key="clear-all").click().run()
    assert shows(screen, kinds, Filters())
    assert screen.pills("filter-splits").value == []
    assert widget(screen, "multiselect", "filter-labels").value == []


@pytest.mark.parametrize(
    ("feature", "kind", "key", "value", "expected"),
    [
        ("few", "multiselect", "feature-categories-0", ["red"],
         FeatureFilter("few", categories=("red",))),
        ("whole", "multiselect", "feature-values-0", [1, 4],
         FeatureFilter("whole", (Range(1.0, 1.0, True), Range(4.0, 4.0, True)))),
        ("flag", "multiselect", "feature-values-0", [1],
         FeatureFilter("flag", (Range(1.0, 1.0, True),))),
        ("wide", "number_input", "feature-low-0", 0.5,
         FeatureFilter("wide", (Range(0.5, float("inf")),))),
        ("wide", "number_input", "feature-high-0", 0.5,
         FeatureFilter("wide", (Range(float("-inf"), 0.5, True),))),
        ("moment", "date_input", "feature-days-0", (dt.date(2020, 1, 5), dt.date(2020, 1, 6)),
         FeatureFilter("moment", (Range(1578182400e6, 1578355200e6),))),
    ],
)  # fmt: skip
def test_any_feature_filters_by_a_widget_of_its_kind(
    screen, kinds, feature, kind, key, value, expected
):
    widget(screen, "selectbox", "filter-add").set_value(feature).run()
    assert shows(screen, kinds, Filters())  # nothing is asked for yet
    chosen = widget(screen, kind, key)
    if kind == "multiselect" and isinstance(value[0], int):
        value = [chosen.options[place] for place in value]
    chosen.set_value(value).run()
    assert shows(screen, kinds, Filters(features=(expected,)))
    screen.at.button(key="feature-off-0").click().run()
    assert shows(screen, kinds, Filters())
    assert not [b for b in screen.at.button if (b.key or "").startswith("feature-off")]


def test_missing_and_non_finite_values_are_offered_where_they_occur(screen, kinds):
    widget(screen, "selectbox", "filter-add").set_value("wide").run()
    assert screen.pills("feature-missing-0").options == ["missing", "non-finite"]
    screen.pills("feature-missing-0").set_value(["missing"]).run()
    assert shows(screen, kinds, Filters(features=(FeatureFilter("wide", missing=True),)))
    widget(screen, "selectbox", "filter-add").set_value("many").run()
    assert screen.pills("feature-missing-1").options == ["other"]
    screen.pills("feature-missing-1").set_value(["other"]).run()
    both = (FeatureFilter("wide", missing=True), FeatureFilter("many", other=True))
    assert shows(screen, kinds, Filters(features=both))


def test_a_typed_range_keeps_both_ends(screen, kinds):
    widget(screen, "selectbox", "filter-add").set_value("wide").run()
    widget(screen, "number_input", "feature-low-0").set_value(-0.5).run()
    widget(screen, "number_input", "feature-high-0").set_value(1.25).run()
    wide = FeatureFilter("wide", (Range(-0.5, 1.25, closed=True),))
    assert shows(screen, kinds, Filters(features=(wide,)))
    assert widget(screen, "number_input", "feature-low-0").value == -0.5


def test_chips_remove_one_filter_each(open_app, kinds):
    query = {"split": ["train", "test"], "label": "no", "f:few": "=red", "date": "2020-01-02.."}
    screen = open_app(kinds.dataset.project.path, OVERVIEW, query)
    filters = Filters(
        splits=(Split.TRAIN, Split.TEST), labels=("no",), dates=(dt.date(2020, 1, 2), None),
        features=(FeatureFilter("few", categories=("red",)),),
    )  # fmt: skip
    assert shows(screen, kinds, filters)
    for part in filters.parts:
        screen.at.button(key="chip-0").click().run()
        filters = filters.without(part)
        assert shows(screen, kinds, filters)
    assert filters.is_empty


def test_chips_name_their_filters(open_app, kinds):
    query = {
        "split": "train", "label": "no", "source": "lab", "outcome": "correct",
        "date": "2020-01-02..", "f:wide": ["-0.5..1.0", "missing"], "f:few": "=red",
    }  # fmt: skip
    screen = open_app(kinds.dataset.project.path, OVERVIEW, query)
    said = [chip.removesuffix(" :material/close:").replace("\\", "") for chip in screen.chips]
    assert said == [
        "split: train", "label: no", "source: lab", "date: from 2020-01-02 to the last",
        "outcome: correct", "wide: -0.5 to 1, missing", "few: red",
    ]  # fmt: skip


def test_versions_and_filters_survive_a_change_of_page(screen, kinds):
    screen.pills("filter-splits").set_value(["test"]).run()
    screen.send("timeline", "pick", {"side": "primary", "index": 0})
    for page in (*PAGES, TIMELINE):
        screen.go(page)
        assert shows(screen, kinds, Filters(splits=(Split.TEST,)), ("a", "a"))
        assert screen.pills("filter-splits").value == ["test"]


def test_an_address_that_lags_behind_is_no_link(screen, kinds):
    """A second click is sent before the browser knows what address the first one made."""
    before = screen.query
    screen.pills("filter-splits").set_value(["test"]).run()
    for name, values in before.items():
        screen.at.query_params[name] = values
    for name in set(screen.query) - set(before):
        del screen.at.query_params[name]
    screen.pills("filter-outcomes").set_value(["incorrect"]).run()
    assert shows(screen, kinds, Filters(splits=(Split.TEST,), outcomes=("incorrect",)))


def test_a_link_that_lags_behind_a_click_is_not_opened_again(open_app, kinds):
    link = {"split": "test"}
    screen = open_app(kinds.dataset.project.path, query=link)
    screen.pills("filter-splits").set_value([]).run()
    screen.at.query_params.clear()
    screen.at.query_params["split"] = "test"
    screen.at.run()  # as a watch over a running job asks for it
    assert shows(screen, kinds, Filters())


def test_back_and_forward_right_after_a_click_show_what_was_shown(screen, kinds):
    addresses = [screen.query]
    for split in ("test", "train"):
        screen.pills("filter-splits").set_value([split]).run()
        addresses.append(screen.query)
    for place, filters in (
        (1, Filters(splits=(Split.TEST,))),
        (0, Filters()),
        (2, Filters(splits=(Split.TRAIN,))),
    ):
        screen.back(addresses[place])
        assert shows(screen, kinds, filters)
        assert screen.query == addresses[place]
        screen.at.run()  # as a watch over a running job asks for it
        assert shows(screen, kinds, filters)
    screen.pills("filter-outcomes").set_value(["incorrect"]).run()
    assert shows(screen, kinds, Filters(splits=(Split.TRAIN,), outcomes=("incorrect",)))


def test_a_pick_on_the_timeline_sets_the_version_and_nothing_else(screen, kinds):
    screen.pills("filter-outcomes").set_value(["correct"]).run()
    screen.send("timeline", "pick", {"side": "secondary", "index": 1})
    assert shows(screen, kinds, Filters(outcomes=("correct",)), ("b", "b"))
    screen.send("timeline", "pick", {"side": "primary", "index": 0})
    assert shows(screen, kinds, Filters(outcomes=("correct",)), ("a", "b"))
    screen.send("timeline", "pick", {"side": "primary", "index": 7})  # from an older page
    assert shows(screen, kinds, Filters(outcomes=("correct",)), ("a", "b"))
    timeline = screen.payload("timeline")
    assert (timeline["primary"], timeline["secondary"]) == (0, 1)


def test_bars_chosen_in_the_feature_view_filter_and_are_marked(screen, kinds):
    few = {"feature": "few", "bars": [1], "extend": False}
    before = screen.payload("features")["features"]
    names = [feature["name"] for feature in before]
    own, other = names.index("few"), names.index("many")
    screen.send("features", "select", few)
    name = before[own]["categories"][1]
    assert shows(screen, kinds, Filters(features=(FeatureFilter("few", categories=(name,)),)))
    after = screen.payload("features")["features"]
    assert [f["selected"] for f in after if f["selected"]] == [[1]]
    assert all(f["ghost"] is not None for f in after if f["note"] is None)
    assert after[own]["counts"] == before[own]["counts"]  # its own filter does not narrow it
    assert after[other]["counts"] != before[other]["counts"]
    screen.send("features", "select", few)
    assert shows(screen, kinds, Filters())
    assert screen.payload("features")["features"] == before


def test_a_choice_from_a_page_out_of_date_changes_nothing(screen, kinds):
    screen.send("features", "select", {"feature": "few", "bars": [77, -1], "extend": False})
    assert shows(screen, kinds, Filters())


def test_search_and_sort_order_the_features(screen, kinds):
    def names():
        return [feature["name"] for feature in screen.payload("features")["features"]]

    everything = names()
    screen.at.text_input(key="features-search").set_value("W").run()
    assert names() == [name for name in everything if "w" in name]
    screen.at.text_input(key="features-search").set_value("nothing *is* called").run()
    assert any("None of the 7 features" in i.value for i in screen.at.info)
    screen.at.text_input(key="features-search").set_value("").run()
    screen.at.selectbox(key="features-sort").set_value("name").run()
    assert names() == sorted(everything)
    screen.at.selectbox(key="features-sort").set_value("distance between the versions").run()
    histograms = feature_histograms(kinds, primary="b", secondary="a")
    distances = dict(feature_ranking(histograms).select("feature", "js_distance").iter_rows())
    assert names() == sorted(everything, key=lambda name: -distances[name])


@pytest.mark.parametrize("shares", [False, True])
def test_one_feature_over_many_versions_draws_a_chart_a_row(open_app, showcase, shares):
    screen = open_app(showcase("many_versions"), FEATURES)
    screen.at.toggle(key="features-over-versions").set_value(True).run()
    screen.at.toggle(key="over-shares").set_value(shares).run()
    assert not screen.at.exception
    assert len(screen.at.main.get("vega_lite_chart")) == 24 / 6  # the newest 24 of 30
    screen.at.select_slider(key="over-range").set_range("1.0", "1.12").run()
    assert not screen.at.exception
    assert len(screen.at.main.get("vega_lite_chart")) == 3


def test_over_versions_shows_a_text_feature_nowhere(screen):
    screen.at.toggle(key="features-over-versions").set_value(True).run()
    assert "words" not in screen.at.selectbox(key="over-feature").options
    for feature in screen.at.selectbox(key="over-feature").options:
        screen.at.selectbox(key="over-feature").set_value(feature).run()
        assert not screen.at.exception


def test_over_versions_needs_no_outcomes(open_app, showcase):
    screen = open_app(showcase("without_outcomes"), FEATURES)
    screen.at.toggle(key="features-over-versions").set_value(True).run()
    assert not screen.at.exception
    assert screen.at.main.get("vega_lite_chart")


def test_the_timeline_page_draws_every_metric_and_size(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, TIMELINE)
    for metric in ("macro_f1", "log_loss", "roc_auc", "accuracy"):
        screen.pills("timeline-metric").set_value(metric).run()
        assert not screen.at.exception
    screen.pills("timeline-sizes").set_value("source").run()
    assert not screen.at.exception
    assert len(screen.at.main.get("vega_lite_chart")) == 3
    table = screen.at.dataframe[0].value
    assert list(table["version"]) == ["a", "b"]
