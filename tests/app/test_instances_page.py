"""The Instances page shows the library's instances; ticks, clicks, and searches work."""

import polars as pl
import pytest

from chameleon.app import instances
from chameleon.app.instance_views import PAGE
from tests import internals as chameleon
from tests.app import showcases
from tests.app.conftest import OVERVIEW
from tests.internals import Filters
from tests.library import plain, write_project

INSTANCES = "pages/instances.py"


def tick(screen, rows=(), columns=()):
    """Tick rows of the table, or click the heads of columns."""
    return screen.select(table_of(screen), rows=list(rows), columns=list(columns), cells=[])


def table_of(screen):
    return next(t for t in screen.at.dataframe if (t.key or "").startswith("instances-table"))


def ids_of(screen):
    return table_of(screen).value["instance"].astype(str).to_list()


def heading(screen):
    return [m.value for m in screen.at.main.markdown if m.value.startswith("##### Instance")]


def listed(evaluation, **options):
    names = [version.name for version in evaluation.dataset.versions]
    return chameleon.instances(evaluation, primary=names[-1], secondary=names[-2], **options)


def turn(screen, name, number):
    """Turn a list to a page; AppTest knows no pagination."""
    control = next(e for e in screen.at.main.get("pagination") if name in str(e.proto.id))
    states = screen.at._tree.get_widget_states()
    state = states.widgets.add()
    state.id = control.proto.id
    state.int_value = number
    screen.at._run(states)
    assert not screen.at.exception
    return screen


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({}, {}),
        ({"label": "yes", "find": "LAB"}, {"filters": Filters(labels=("yes",)), "search": "lab"}),
    ],
)
def test_the_table_shows_the_librarys_instances(open_app, kinds, query, options):
    screen = open_app(kinds.dataset.project.path, INSTANCES, query)
    expected = listed(kinds, **options, limit=50)
    assert ids_of(screen) == expected.frame["instance"].to_list()
    shown = table_of(screen).value
    for column in ("label", "primary_outcome", "strip", "source"):
        assert shown[column].to_list() == expected.frame[column].to_list()
    changes = expected.frame["changes"].fill_null(-1).to_list()
    assert shown["changes"].fillna(-1).to_list() == changes
    (words,) = [c.value for c in screen.at.main.caption if c.value.endswith(" instances")
                and " of " in c.value]  # fmt: skip
    assert words == f"1 to {min(50, expected.found)} of {expected.found:,} instances"


def test_pages_are_sent_one_by_one_and_a_filter_goes_back_to_the_first(
    open_app, kinds, monkeypatch
):
    made = []
    monkeypatch.setattr(instances, "_whole", lambda *args: made.append("csv"))
    monkeypatch.setattr(instances.analysis, "instance_file", lambda *args: made.append("parquet"))
    screen = open_app(kinds.dataset.project.path, INSTANCES)
    assert len(screen.at.get("download_button")) == 2
    turn(screen, "instances-page", 3)
    assert ids_of(screen) == listed(kinds, offset=100, limit=50).frame["instance"].to_list()
    screen.at.selectbox(key="instances-order").set_value("wide").run()
    screen.at.toggle(key="instances-descending").set_value(True).run()
    found = listed(kinds, order_by="wide", descending=True, limit=50).frame
    assert ids_of(screen) == found["instance"].to_list()
    screen.at.selectbox(key="instances-size").set_value(250).run()
    assert len(ids_of(screen)) == 250
    turn(screen, "instances-page", 4)
    screen.pills("filter-splits").set_value(["test"]).run()
    assert len(ids_of(screen)) == 250  # the first page again
    assert not made  # downloads are made on request
    screen.at.text_input(key="instances-search").set_value("no such text").run()
    assert "contains 'no such text'" in screen.text
    screen.at.text_input(key="instances-search").set_value("").run()
    assert len(ids_of(screen)) == 250
    assert "find" not in screen.query


def test_a_click_on_a_head_orders_all_and_a_second_one_reverses(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, INSTANCES)
    for descending in (False, True):
        tick(screen, columns=["changes"])
        found = listed(kinds, order_by="changes", descending=descending, limit=50).frame
        assert ids_of(screen) == found["instance"].to_list()
        assert screen.at.selectbox(key="instances-order").value == "changes"


def test_a_ticked_row_opens_and_all_ticked_ones_are_passed_on(open_app, kinds, monkeypatch):
    handed = []
    monkeypatch.setattr(instances, "_draw_chosen", lambda view, chosen: handed.append(chosen))
    screen = open_app(kinds.dataset.project.path, INSTANCES)
    ids = ids_of(screen)
    tick(screen, rows=[2])
    assert heading(screen) == [f"##### Instance {ids[2]}"]
    assert screen.query["open"] == [ids[2]]
    tick(screen, rows=[2, 5])
    assert heading(screen) == [f"##### Instance {ids[5]}"]
    assert handed[-1] == (ids[2], ids[5])
    screen.at.button(key="instance-close").click().run()
    assert not heading(screen)
    assert "open" not in screen.query


def test_a_link_opens_the_instance_with_all_its_facts(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, INSTANCES, {"open": "31", "find": "number 3"})
    assert heading(screen) == ["##### Instance 31"]
    _, rows, versions_shown, places_shown, near_shown = (t.value for t in screen.at.dataframe)
    assert rows["column"].to_list()[:4] == ["label", "split", "source", "date"]
    versions = chameleon.instance_versions(kinds, "31")
    assert versions_shown["outcome"].to_list() == versions["outcome"].to_list()
    places = chameleon.instance_places(kinds, "31", primary="b", secondary="a")
    assert places_shown["quantile"].fillna(-1).to_list() == pytest.approx(
        places["share_below"].fill_null(-1).to_list()
    )
    near = chameleon.nearest_instances(kinds, "31", primary="b", secondary="a")
    assert near_shown["instance"].to_list() == near["instance"].to_list()
    assert [c.value for c in screen.at.code] == ["sentence number 31 of b"]
    assert "**number 3**" in " ".join(m.value for m in screen.at.main.markdown)
    screen.at.button(key="near-0").click().run()
    assert heading(screen) == [f"##### Instance {near['instance'][0]}"]
    screen.go(OVERVIEW)
    assert "open" not in screen.query  # another page's address is its own
    screen.go(INSTANCES)
    assert heading(screen) == [f"##### Instance {near['instance'][0]}"]
    assert screen.query["find"] == ["number 3"]


def test_a_link_to_an_instance_that_is_gone_is_reported(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, INSTANCES, {"open": "<b>gone</b>"})
    (told,) = [w.value for w in screen.at.warning]
    assert "gone" in told
    assert "<b>" not in told.replace("\\<b", "")
    screen.at.button(key="instance-close").click().run()
    assert not screen.at.warning


def test_hostile_ids_and_values_are_text(open_app, showcase):
    folder = showcase("hostile")
    evaluation = chameleon.evaluate(chameleon.open_project(folder))
    key = evaluation.dataset.instance_ids[3]
    screen = open_app(folder, INSTANCES, {"open": key, "find": "<img"})
    assert not screen.at.exception
    assert len(heading(screen)) == 1
    for told in (*screen.texts(), *(b.label for b in screen.at.button)):
        assert "<img" not in told.replace(r"\<img", "")
        assert "[a](" not in told
        assert "**bold**" not in told.replace(r"\*\*bold", "")


def test_the_gallery_shows_errors_first_and_opens_what_is_clicked(open_app, showcase):
    squares = showcase("squares")
    screen = open_app(squares, INSTANCES)
    next(g for g in screen.at.get("button_group") if g.key == "instances-mode").set_value(
        "Gallery"
    ).run()
    assert not screen.at.exception
    evaluation = chameleon.evaluate(chameleon.open_project(squares))
    expected = listed(evaluation, order_by="errors", limit=None).frame
    tiles = [b.label for b in screen.at.button if (b.key or "").startswith("open-tile-")]
    assert tiles == expected["instance"].to_list()[:PAGE]
    captions = [c.value for c in screen.at.main.caption if "predicted" in c.value]
    assert captions == [
        f"{'✓' if o == 'correct' else '✗'} label {label}, predicted {said}"
        for o, label, said in expected.select(
            "primary_outcome", "label", "primary_prediction"
        ).rows()[:PAGE]
    ]
    turn(screen, "gallery-page", 2)
    tiles = [b.label for b in screen.at.button if (b.key or "").startswith("open-tile-")]
    assert tiles == expected["instance"].to_list()[PAGE:]
    screen.at.button(key="open-tile-3").click().run()
    assert heading(screen) == [f"##### Instance {tiles[3]}"]
    assert len(screen.at.main.get("image")) == len(tiles) + 1 + 10  # tiles, itself, neighbours


def test_streams_are_in_the_table_and_the_gallery(open_app, tmp_path):
    frame = plain(24).with_columns(wave=pl.Series([[float(k), 1.0, k * 2.0] for k in range(24)]))
    folder = write_project(
        tmp_path / "p", {"1": frame, "2": frame}, predictions=showcases.given({"1": frame}),
        toml='[viewer]\nkind = "sensor"\ncolumn = "wave"\n',
    )  # fmt: skip
    screen = open_app(folder, INSTANCES, {"open": "5"})
    assert [list(v) for v in table_of(screen).value["stream"]][:2] == [[0, 1, 0], [1, 1, 2]]
    assert any("3 samples, from 1 to 10" in c.value.replace("\\", "") for c in screen.at.caption)
    assert not screen.at.exception


def test_an_unusable_viewer_is_reported_and_the_table_shown(open_app, tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()}, predictions={"1": plain().select(
        "id", prediction="label")}, toml='[viewer]\nkind = "text"\ncolumn = "gone"\n')  # fmt: skip
    screen = open_app(folder, INSTANCES)
    assert any("gone" in warning.value for warning in screen.at.warning)
    assert len(ids_of(screen)) == 20


def test_a_page_of_many_columns_sends_those_that_are_shown(open_app, tmp_path):
    frame = plain(30, **{f"name {k} of": [float(k)] * 30 for k in range(300)})
    folder = write_project(tmp_path / "p", {"1": frame}, predictions={"1": plain(30).select(
        "id", prediction="label")})  # fmt: skip
    screen = open_app(folder, INSTANCES)
    assert table_of(screen).value.shape[1] < 20
    screen.at.multiselect(key="instances-columns").set_value(["name 299 of", "split"]).run()
    assert list(table_of(screen).value.columns) == ["instance", "name 299 of", "split"]
