"""The Attribution page: the causes of the metric's change from secondary to primary version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.analysis import Attribution, Slices, Topic, TrainingParts
from chameleon.app import jobs, state
from chameleon.app.background import Task
from chameleon.app.formatting import (
    brief,
    counted,
    duration_words,
    figure,
    filters_words,
    plain,
    shortened,
)
from chameleon.app.view import NO_OUTCOMES, View, draw_chart, draw_choice, draw_empty, draw_toggle
from chameleon.errors import ChameleonError
from chameleon.models import golden_key, has_external_predictions
from chameleon.project import Split

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "recall": "Recall of a class",
    "log_loss": "Log loss",
}

_GOLDEN = "\0golden"
"""The golden test set among the versions; no version has such a name."""

_PAGES: Mapping[Topic, tuple[str, str]] = {
    Topic.DATA: ("pages/data_changes.py", "Data changes"),
    Topic.METRIC: ("pages/timeline.py", "Timeline"),
}
_PLACES: Mapping[Topic, tuple[str, str]] = {
    Topic.CAUSE: ("both-models-on-both-test-sets", "All four values"),
    Topic.TRAINING: ("what-changed-the-metric", "Contributions"),
    Topic.GROUP: ("where-did-accuracy-change", "Slices"),
}
"""Headings of this page, by the anchors that Streamlit gives them."""

_ALWAYS = ("model", "test")
_SHOWN = 5
_OF_MODEL = pl.col("part").is_in(["leakage", "model"])
_LONGEST = 700


def draw(view: View) -> None:
    """Contributions to the change, both models on both test sets, and fixed test sets."""
    before, after = view.selection.secondary, view.selection.primary
    metric, of_class, without_duplicates = _options(view)
    if before == after:
        draw_empty("Choose two different versions to explain the change between them.")
    elif not view.evaluation.has_outcomes:
        draw_empty(view.why_empty("the attribution follows", NO_OUTCOMES))
    else:
        attributed = partial(view.call, analysis.attribute_change,
            before=before, after=after, metric=metric, of_class=of_class)  # fmt: skip
        found = attributed(exclude_duplicates=without_duplicates)
        place = st.container()
        training = None
        if found.change is not None:
            st.markdown("##### What changed the metric?")
            training = _draw_training(view, found, of_class)
            parts = None if training is None else training_parts(training)
            draw_attribution(found, parts, key="attribution-steps")

        def draw_sentences() -> None:
            fair = None
            if found.duplicates and not without_duplicates:
                fair = attributed(exclude_duplicates=True)
            _draw_sentences(view, found, fair, training)

        def draw_slices() -> None:
            _draw_slices(view, view.call(analysis.changed_slices, before=before, after=after))

        view.afterwards(draw_sentences, place)
        view.afterwards(draw_slices)
    if not view.evaluation.has_outcomes:
        return
    if not view.is_unfiltered:
        st.caption("Filters don't apply here: metrics are computed on whole test sets.")
    view.afterwards(partial(_draw_matrix, view, metric, of_class))
    view.afterwards(partial(_draw_fixed, view, metric, of_class))


def _options(view: View) -> tuple[str, str | None, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metric = draw_choice(
            "Metric on test rows", list(METRICS), names=METRICS, key="attribution-metric"
        )
        of_class = None
        if metric == "recall":
            of_class = st.selectbox(
                "Class", list(view.evaluation.dataset.classes), key="attribution-class",
                persist_state="session", width=180, format_func=shortened,
            )  # fmt: skip
        without_duplicates = draw_toggle(
            "Exclude duplicates of train rows",
            key="attribution-duplicates",
            why="Excludes test rows whose features exactly match a row that either model was "
            "trained on.",
        )
    return metric, of_class, without_duplicates


def _draw_sentences(
    view: View, found: Attribution, fair: Attribution | None, training: TrainingParts | None
) -> None:
    """Three to five sentences on the step, each with a link to the source of its numbers.

    `fair` is the attribution without duplicates of train rows.
    """
    step = {"before": found.before, "after": found.after}
    grounds = analysis.Grounds(
        found, fair, view.call(analysis.iteration_kinds),
        view.call(analysis.changed_slices, **step), view.call(analysis.train_changes, **step),
        training,
    )  # fmt: skip
    for sentence in analysis.sentences(view.evaluation, grounds):
        with st.container(gap=None):
            _draw_sentence(sentence)


def _draw_sentence(sentence: analysis.Sentence) -> None:
    """A sentence with its link within this visit, so that versions and project stay."""
    topic, link = sentence.topic, ""
    if topic not in _PAGES and sentence.filters is None:
        anchor, label = _PLACES[topic]
        link = f" [{label}](#{anchor})"
    st.markdown(f"**{topic.value}.** {brief(sentence.text, _LONGEST)}{link}")
    if topic in _PAGES:
        page, label = _PAGES[topic]
        st.page_link(page, label=label, icon=":material/arrow_forward:")
    elif sentence.filters is not None:
        st.button(
            "Filter to these instances", key=f"summary-{topic.name.lower()}", type="tertiary",
            icon=":material/filter_alt:", on_click=state.set_filters, args=(sentence.filters,),
        )  # fmt: skip


def draw_attribution(found: Attribution, training: pl.DataFrame | None, *, key: str) -> None:
    """The contributions to a metric's change, and both models on both test sets.

    `training` splits the contribution of the model, as `training_parts` returns it.
    """
    if found.change is None:
        draw_empty(plain(found.reason or "The change is undefined."))
        return
    _draw_contributions(found, training, key)
    _draw_corners(found)


def _draw_contributions(found: Attribution, training: pl.DataFrame | None, key: str) -> None:
    parts = found.parts.filter(
        pl.col("part").is_in(_ALWAYS) | (pl.col("value") != 0) | (pl.col("instances") > 0)
    )
    if found.reported_before is not None and found.reported_after is not None:
        ends, rows = (found.reported_before, found.reported_after), "as reported"
    else:  # without a reported metric the one on kept rows is all there is
        values = found.crossed["value"]
        ends, rows = (float(values[0]), float(values[3])), "on kept rows"
    if training is not None:
        parts = pl.concat([parts.filter(part="leakage"), training, parts.filter(~_OF_MODEL)])
    words = dict(zip(parts["part"], parts["part"], strict=True))
    frame = charts.waterfall_frame(
        parts, words | {**analysis.PART_WORDS, "model": analysis.MODEL_WORDS[found.iteration]},
        start=ends[0], end=ends[1], better=found.better,
        before=f"{shortened(found.before, 20)}, {rows}",
        after=f"{shortened(found.after, 20)}, {rows}",
    )  # fmt: skip
    title = found.metric.replace("_", " ").capitalize()
    draw_chart(frame, charts.waterfall, key=key, rows=len(frame), title=title)
    st.caption(
        f"{plain(charts.waterfall_text(frame))} Intervals cover sampling noise; only those of the "
        "train data include training noise."
    )


def _draw_corners(found: Attribution) -> None:
    st.markdown("##### Both models on both test sets")
    before, after = brief(found.before, 20), brief(found.after, 20)
    a, b, c, d = (figure(value, 4) for value in found.crossed["value"])
    sizes = found.crossed["instances"]
    st.markdown(
        f"| | test set of {before} ({sizes[0]:,}) | test set of {after} ({sizes[1]:,}) |\n"
        "|---|---:|---:|\n"
        f"| **model of {before}** | {a} | {b} |\n"
        f"| **model of {after}** | {c} | {d} |"
    )
    st.caption(
        "The model contribution is the mean of both differences down a column, the test-set "
        "contribution the mean of both along a row. Together they are the whole change."
    )


def _draw_slices(view: View, found: Slices) -> None:
    st.markdown("##### Where did accuracy change?")
    method = (
        f"Searched: {found.tried[0]:,} slices by class, source, ranges of features, and pairs of "
        f"these, in one half of the {found.instances:,} test instances in both versions with the "
        f"same label. The {found.tried[1]:,} with the clearest change were tested in the other "
        "half."
    )
    slices = [*found.worse[:_SHOWN], *found.better[:_SHOWN]]
    if not slices:
        st.caption(f"No slice changed by more than chance explains. {method}")
        return
    for number, one in enumerate(slices):
        words = filters_words((one.filters,), view.evaluation.dataset.project.kinds)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                brief(words, 90), icon=":material/filter_alt:", key=f"slice-{number}", width=430,
                help=f"Filter all views to {plain(words)}",
                on_click=state.set_filters, args=(one.filters,),
            )  # fmt: skip
            verb = "worse" if one.change < 0 else "better"
            st.markdown(
                f"**{verb}**: {one.accuracy_before:.3f} → {one.accuracy_after:.3f} "
                f"({one.change:+.3f}, 95% CI {one.ci_low:+.3f} to {one.ci_high:+.3f}); "
                f"{one.regressed:,} regressed, {one.fixed:,} fixed, of {one.instances:,}"
            )
    st.caption(
        f"{method} The numbers are from that half; at most 5% of these slices are expected to be "
        "due to chance. Click a slice to filter all views."
    )


def _draw_training(view: View, found: Attribution, of_class: str | None) -> TrainingParts | None:
    """Offer to split the model contribution by changes of the train data; return the result."""
    if has_external_predictions(view.evaluation.dataset.project):
        st.caption(
            "These are external predictions. They may come from different model code, so the "
            "model contribution may also be a change of the model itself."
        )
        return None
    if found.iteration in analysis.OTHER_CODE:
        st.caption(analysis.NOT_DATA)
        return None
    if found.metric == "log_loss":
        return None
    cuts = ["kind", "label", *(["source"] if view.evaluation.dataset.sources else [])]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = draw_choice("Split the train data by", cuts, key="training-cut")
        task = jobs.fit_task(
            "training", view.evaluation, before=found.before, after=found.after,
            metric="recall" if of_class is not None else found.metric, of_class=of_class, by=by,
        )  # fmt: skip
        _draw_button(view, found, by, task)
    jobs.draw(task, unit="model", key="training-stop")
    parts = jobs.result_of(task)
    if parts is not None and parts.reason is not None:
        st.caption(plain(parts.reason))
        return None
    return parts


def training_parts(training: TrainingParts) -> pl.DataFrame:
    """The parts of the train data as in `Attribution.parts`, with the intervals of refits."""
    reach = pl.col("half_width")
    return training.parts.select(
        part=pl.lit("train data: ") + pl.col("part"),
        value="value",
        low=pl.col("value") - reach,
        high=pl.col("value") + reach,
        instances="instances",
    )


def _draw_button(view: View, found: Attribution, by: str, task: Task[TrainingParts]) -> None:
    asked = jobs.job_of(task) is not None
    step = {"before": found.before, "after": found.after}
    fits = view.call(analysis.training_fits, by=by, **step)
    newest = view.version_names[-1]
    row_seconds = partial(view.call, analysis.seconds_per_row, version=newest)
    seconds = view.call(
        analysis.training_seconds, fits=fits, **step, given={"row_seconds": row_seconds}
    )
    about = "" if seconds is None or not fits or asked else f", about {duration_words(seconds)}"
    estimator = view.evaluation.dataset.project.settings.model_of(found.after).estimator
    jobs.draw_button(
        task, f"Fit {counted(fits, 'model')}{about}", icon=":material/model_training:",
        key="training-go", enabled=fits > 0,
        why=f"Fits {plain(estimator)} on train sets with only some of the changes, and again on "
        "resampled instances for the intervals. The time is estimated from the versions' own "
        "fits. Fitted models are cached.",
    )  # fmt: skip


def _draw_matrix(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### Every model on every test set")
    found = view.call(analysis.model_on_tests, metric=metric, of_class=of_class)
    frame = charts.crossed_tests_frame(found)
    if frame["value"].null_count() == len(frame):
        draw_empty("There are no test rows to score.")
        return
    draw_chart(
        frame, charts.crossed_tests, key="attribution-matrix", versions=len(view.version_names),
        title=METRICS[metric], reverse=metric == "log_loss",
    )  # fmt: skip
    st.caption(
        "Down a column only the model changes, along a row only the test set. Test rows that a "
        "model was trained on are left out of its row."
    )


def _draw_fixed(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### All models on a fixed test set")
    names = view.version_names
    place = names.index(view.selection.primary)
    golden = view.evaluation.dataset.project.settings.golden
    test = st.selectbox(
        "Test set of version", names if golden is None else [*names, _GOLDEN], index=place,
        key=f"attribution-fixed-{place}", width=320,
        format_func=lambda name: f"golden: {golden}" if name == _GOLDEN else shortened(name),
    ) or names[place]  # fmt: skip
    is_golden = test == _GOLDEN
    name = "the golden test set" if is_golden else f"the test set of {shortened(test)}"
    try:
        fixed = view.call(
            analysis.fixed_test_set, metric=metric, of_class=of_class, golden=is_golden,
            test=None if is_golden else test,
            also=golden_key(view.evaluation.dataset.project) if is_golden else None,
        )  # fmt: skip
    except ChameleonError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    leaked, unknown = fixed["leaked"][0], fixed["unknown"][0]
    if fixed["value"].null_count() == len(fixed):
        draw_empty(
            f"No instance of {plain(name)} can be scored by all models: {leaked:,} are in a train "
            f"set, {unknown:,} have no label or no prediction."
        )
        return
    own = view.call(analysis.model_on_tests, metric=metric, of_class=of_class).filter(
        pl.col("model") == pl.col("test")
    )
    series = ("its own test set", name)
    frame = pl.concat(
        [
            own.select("value", "instances", version="model", series=pl.lit(series[0])),
            fixed.select("version", "value", "low", "high", "instances", series=pl.lit(series[1])),
        ],
        how="diagonal",
    )
    draw_chart(frame, charts.frozen_lines, key="attribution-fixed-lines", title=METRICS[metric],
               series=series)  # fmt: skip
    st.caption(
        f"The same {fixed['instances'][0]:,} {Split.TEST} instances for all models, with 95% CIs. "
        f"{leaked + unknown:,} are left out because a version was trained on them or a model has "
        "no prediction."
    )
