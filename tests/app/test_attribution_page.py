"""The Attribution page shows the library's numbers and explains them."""

import re

import polars as pl
import pytest

from chameleon.analysis import Topic
from chameleon.app.formatting import duration_words
from tests import internals as chameleon
from tests.analysis.test_training import frames
from tests.library import TREE, evaluated, write_project

ATTRIBUTION = "pages/attribution.py"


@pytest.fixture
def open_step(open_app, digits):
    """Return a function that opens the page on a step of the digits sample."""

    def opened(before, after, **query):
        query |= {"primary": after, "secondary": before}
        return open_app(digits.dataset.project.path, ATTRIBUTION, query)

    return opened


def test_the_page_shows_the_step_of_the_library(open_step, digits):
    screen = open_step("1.8", "1.9")
    assert not screen.at.exception
    found = chameleon.attribute_change(digits, before="1.8", after="1.9")
    text = screen.text
    for value in found.crossed["value"]:
        assert f"{value:.4f}" in text
    told = chameleon.step_summary(digits, before="1.8", after="1.9")
    assert len(told) == 4
    for sentence in told:
        assert f"**{sentence.topic.value}.** {sentence.text}" in text
    assert "ambiguous" in text
    assert len(screen.at.main.get("vega_lite_chart")) == 3


def test_other_metrics_and_classes_are_shown(open_step, digits):
    screen = open_step("1.4", "1.5")
    for metric in ("log_loss", "recall"):
        screen.at.segmented_control(key="attribution-metric").set_value(metric).run()
        assert not screen.at.exception
        of_class = digits.dataset.classes[0] if metric == "recall" else None
        found = chameleon.attribute_change(
            digits, before="1.4", after="1.5", metric=metric, of_class=of_class
        )
        assert f"{found.change[0]:+.4f}" in screen.text


def test_the_train_data_is_split_on_request(open_app, tmp_path):
    folder = write_project(tmp_path / "p", dict(zip("12", frames(flip=60, add=30), strict=True)),
                           toml=TREE)  # fmt: skip
    screen = open_app(folder, ATTRIBUTION)
    evaluation = evaluated(folder)
    fits = chameleon.training_fits(evaluation, before="1", after="2")
    button = screen.at.button(key="training-go")
    assert re.fullmatch(rf"Fit {fits:,} models, about [\d,]+ s", button.label)
    button.click()
    screen.settle()
    assert not screen.at.exception
    found = chameleon.attribute_training(evaluation, before="1", after="2")
    text = screen.text
    for part, value in found.parts.select("part", "value").iter_rows():
        assert f"train data: {part} {value:+.4f}" in text
    screen.at.run()
    assert screen.at.button(key="training-go").disabled
    assert screen.at.button(key="training-go").label == f"Fit {fits:,} models"
    told = chameleon.step_summary(evaluation, before="1", after="2", training=found)
    assert Topic.TRAINING in {sentence.topic for sentence in told}
    for sentence in told:
        assert f"**{sentence.topic.value}.** {sentence.text}" in screen.text


def test_every_sentence_links_to_its_view_within_the_visit(open_step, digits):
    screen = open_step("1.4", "1.5", split="test")
    links = {link.label: link.page for link in screen.at.main.get("page_link")}
    assert links == {"Data changes": "data_changes", "Timeline": "timeline"}
    text = screen.text
    anchors = re.findall(r"\]\(#([a-z-]+)\)", text)
    headings = re.findall(r"##### (.+)", text)
    places = {re.sub(r"[^a-z]+", "-", heading.lower()).strip("-") for heading in headings}
    assert anchors
    assert set(anchors) <= places
    chosen = screen.selection
    screen.go("pages/data_changes.py")
    assert screen.selection == chosen
    screen.go(ATTRIBUTION)
    screen.at.button(key="summary-group").click().run()
    group = chameleon.step_summary(digits, before="1.4", after="1.5")[-1]
    assert screen.selection.filters == group.filters
    screen.look(filters=[])
    found = chameleon.changed_slices(digits, before="1.4", after="1.5")
    assert found.worse  # the bad delivery with wrong labels
    screen.at.button(key="slice-0").click().run()
    assert not screen.at.exception
    assert screen.selection.filters == found.worse[0].filters
    assert f"({found.worse[0].change:+.3f}" in screen.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (7.4, "7 s"), (63, "65 s"), (130, "2 min"), (9000, "2.5 h")],
)
def test_a_duration_is_as_coarse_as_an_estimate(seconds, words):
    assert duration_words(seconds) == words


def test_external_predictions_are_not_blamed_on_the_data_alone(open_app, kinds):
    screen = open_app(kinds.dataset.project.path, ATTRIBUTION)
    assert "a change of the model itself" in screen.text
    assert "consistent with chance" in screen.text
    assert "training-go" not in {button.key for button in screen.at.button}


def test_the_golden_test_set_is_a_choice_and_its_faults_are_reported(open_app, tmp_path):
    first, second = frames(add=30)
    toml = f'{TREE}\n[test]\ngolden = "golden.parquet"\n'
    folder = write_project(tmp_path / "p", {"1": first, "2": second}, toml=toml)
    golden = first.head(100).with_columns(pl.col("id") + 9_000)
    golden.write_parquet(folder / "golden.parquet")
    screen = open_app(folder, ATTRIBUTION)
    box = next(b for b in screen.at.selectbox if (b.key or "").startswith("attribution-fixed"))
    assert box.options == ["1", "2", "golden: golden.parquet"]
    box.select("\0golden").run()
    assert not screen.at.exception
    assert "The same 100 test instances" in screen.text
    golden.drop("label").write_parquet(folder / "golden.parquet")
    screen.at.run()
    assert not screen.at.exception
    assert any("no column 'label'" in w.value.replace("\\", "") for w in screen.at.warning)
