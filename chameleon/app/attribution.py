"""The Attribution page: why the metric moved from the secondary to the primary version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import (
    MODEL_WORDS,
    NOT_DATA,
    OTHER_CODE,
    PART_WORDS,
    Attribution,
    Slice,
    Slices,
    TrainingParts,
)
from chameleon.app import jobs, state, step_sentences
from chameleon.app.formatting import duration_words, figure, filters_words, plain, shortened
from chameleon.app.view import View, draw_chart, draw_choice, draw_empty, draw_toggle
from chameleon.app.work_queue import Question
from chameleon.charts import (
    crossed_tests,
    crossed_tests_frame,
    frozen_lines,
    waterfall,
    waterfall_frame,
    waterfall_text,
)
from chameleon.errors import ChameleonError
from chameleon.models import golden_key, has_external_predictions
from chameleon.project import Split

_GOLDEN = "\0golden"
"""Stands for the golden test set among the versions; no version has such a name."""

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "recall": "Recall of a class",
    "log_loss": "Log loss",
}

_ALWAYS = ("model", "test")
_SHOWN = 5
_OF_MODEL = pl.col("part").is_in(["guard", "model"])


def draw(view: View) -> None:
    """The way of the metric by cause, both models on both test sets, and a frozen test."""
    selection = view.selection
    before, after = selection.secondary, selection.primary
    metric, of_class, without_twins = _options(view)
    if before == after:
        draw_empty("Choose two versions: this page tells what lies between.")
    elif not view.evaluation.has_outcomes:
        draw_empty(
            view.why_empty(
                "the attribution follows",
                "No outcome is known: there is no label or no prediction.",
            )
        )
    else:
        attributed = partial(view.call, analysis.attribute_change,
            before=before, after=after, metric=metric, of_class=of_class)  # fmt: skip
        found = attributed(without_twins=without_twins)
        place = st.container()
        training = _draw_step(view, found, of_class)

        def draw_sentences() -> None:
            fair = None
            if found.twins and not without_twins:
                fair = attributed(without_twins=True)
            step_sentences.draw(view, found, fair, training)

        def draw_slices() -> None:
            _draw_slices(view, view.call(analysis.changed_slices, before=before, after=after))

        view.afterwards(draw_sentences, place)
        view.afterwards(draw_slices)
    if not view.evaluation.has_outcomes:
        return
    if not selection.filters.is_empty:
        st.caption("Filters do not narrow this page: a metric is one of whole test sets.")
    view.afterwards(partial(_draw_tests, view, metric, of_class))


def _options(view: View) -> tuple[str, str | None, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metric = draw_choice(
            "Metric on test rows", list(METRICS), names=METRICS, key="attribution-metric"
        )
        of_class = None
        if metric == "recall":
            classes = list(view.evaluation.dataset.classes)
            of_class = st.selectbox(
                "Class", classes, key="attribution-class", persist_state="session", width=180,
                format_func=shortened,
            )  # fmt: skip
        without_twins = draw_toggle(
            "Leave out twins of train rows",
            key="attribution-twins",
            why="Test rows whose features are exactly those of a row that either model was "
            "trained on.",
        )
    return metric, of_class, without_twins


def _draw_step(view: View, found: Attribution, of_class: str | None) -> TrainingParts | None:
    """The way of the metric, and the four corners; what is known of the train data comes back."""
    if found.change is None:
        return None
    st.markdown("##### What moved the metric?")
    training = _draw_training(view, found, of_class)
    parts = None if training is None else training_parts(training)
    draw_attribution(found, parts, key="attribution-steps")
    return training


def draw_attribution(found: Attribution, taken_apart: pl.DataFrame | None, *, key: str) -> None:
    """The way of a metric by cause, and both models on both test sets.

    Parameters
    ----------
    taken_apart
        The part of the model taken apart, as `training_parts` gives it, or None.
    """
    if found.change is None:
        draw_empty(plain(found.note or "The change is undefined."))
        return
    _draw_way(found, taken_apart, key)
    _draw_corners(found)


def _draw_way(found: Attribution, taken_apart: pl.DataFrame | None, key: str) -> None:
    parts = found.parts.filter(
        pl.col("part").is_in(_ALWAYS) | (pl.col("value") != 0) | (pl.col("instances") > 0)
    )
    if found.reported_before is not None and found.reported_after is not None:
        ends, said = (found.reported_before, found.reported_after), "as reported"
    else:
        # without a reported metric the guarded one is all there is
        values = found.corners["value"]
        ends, said = (float(values[0]), float(values[3])), "after the guard"
    if taken_apart is not None:
        parts = pl.concat([parts.filter(part="guard"), taken_apart, parts.filter(~_OF_MODEL)])
    frame = waterfall_frame(
        parts,
        {
            **{name: name for name in parts["part"]},
            **PART_WORDS,
            "model": MODEL_WORDS[found.iteration],
        },
        start=ends[0],
        end=ends[1],
        before=f"{shortened(found.before, 20)}, {said}",
        after=f"{shortened(found.after, 20)}, {said}",
        better=found.better,
    )
    title = found.metric.replace("_", " ").capitalize()
    draw_chart(frame, waterfall, key=key, rows=len(frame), title=title)
    st.caption(
        f"{plain(waterfall_text(frame))} Intervals are drawn over the test instances; how another "
        "training would turn out is in those of the train data only."
    )


def _draw_corners(found: Attribution) -> None:
    st.markdown("##### Both models on both test sets")
    before, after = plain(shortened(found.before)), plain(shortened(found.after))
    a, b, c, d = (figure(value, 4) for value in found.corners["value"])
    sizes = found.corners["instances"]
    st.markdown(
        f"| | test set of {before} ({sizes[0]:,}) | test set of {after} ({sizes[1]:,}) |\n"
        "|---|---:|---:|\n"
        f"| **model of {before}** | {a} | {b} |\n"
        f"| **model of {after}** | {c} | {d} |"
    )
    st.caption(
        "The part of the model is the mean of both differences down, the part of the test set "
        "the mean of both across; together they are the whole change."
    )


def _draw_slices(view: View, found: Slices) -> None:
    st.markdown("##### Where did accuracy change?")
    looked = (
        f"{found.tried[0]:,} classes, sources, ranges of features and pairs of them were looked at "
        f"in one half of {found.instances:,} test instances that both versions hold with the same "
        f"label, the {found.tried[1]:,} most telling ones checked in the other half."
    )
    groups = [*found.worse[:_SHOWN], *found.better[:_SHOWN]]
    if not groups:
        st.caption(f"No group is confirmed to have changed. {looked}")
        return
    for number, one in enumerate(groups):
        words = _slice_words(view, one)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                plain(shortened(words, 90)),
                icon=":material/filter_alt:",
                key=f"slice-{number}",
                help=f"Filter everything to {plain(words)}",
                on_click=state.set_filters,
                args=(one.filters,),
                width=430,
            )
            verb = "worse" if one.change < 0 else "better"
            st.markdown(
                f"**{verb}**: {one.before:.3f} → {one.after:.3f} ({one.change:+.3f}, 95 % interval "
                f"{one.low:+.3f} to {one.high:+.3f}); {one.regressed:,} became wrong, "
                f"{one.improved:,} right, of {one.instances:,}"
            )
    st.caption(
        f"{looked} The figures are of the half that confirms; at most 5 % of the groups told are "
        "expected to be chance. A click filters every view to all instances like these."
    )


def _slice_words(view: View, one: Slice) -> str:
    kinds = view.evaluation.dataset.project.kinds
    return filters_words((one.filters,), kinds)


def _draw_training(view: View, found: Attribution, of_class: str | None) -> TrainingParts | None:
    """The choice of the cut and the button; what is known for it, where something is."""
    if has_external_predictions(view.evaluation.dataset.project):
        st.caption(
            "The predictions were made elsewhere: whether one fixed model code made them is not "
            "known, so the part of the model may also be a change of the model itself."
        )
        return None
    if found.iteration in OTHER_CODE:
        st.caption(NOT_DATA)
        return None
    if found.metric == "log_loss":
        return None
    cuts = ["kind", "label", *(["source"] if view.evaluation.dataset.sources else [])]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = draw_choice("Take the train data apart by", cuts, key="training-cut")
        metric = "recall" if of_class is not None else found.metric
        question = jobs.fit_question(
            "training",
            view.evaluation,
            before=found.before,
            after=found.after,
            metric=metric,
            of_class=of_class,
            by=by,
        )
        _draw_button(view, found, by, question)
    jobs.draw(question, what="models", key="training-stop")
    parts = jobs.answer(question)
    if parts is not None and parts.note is not None:
        st.caption(plain(parts.note))
    return parts if parts is None or parts.note is None else None


def training_parts(training: TrainingParts) -> pl.DataFrame:
    """The parts of the train data as those of `Attribution`, with the intervals of refits."""
    reach = pl.col("reach")
    return training.parts.select(
        part=pl.lit("train data: ") + pl.col("part"),
        value="value",
        low=pl.col("value") - reach,
        high=pl.col("value") + reach,
        instances="instances",
    )


def _draw_button(
    view: View, found: Attribution, by: str, question: Question[TrainingParts]
) -> None:
    asked = jobs.found_job(question) is not None
    step = {"before": found.before, "after": found.after}
    fits = view.call(analysis.training_fits, by=by, **step)
    newest = view.evaluation.dataset.versions[-1].name
    seconds = view.call(
        analysis.training_seconds,
        fits=fits,
        **step,
        given={"row_seconds": partial(view.call, analysis.seconds_per_row, version=newest)},
    )
    about = "" if seconds is None or not fits or asked else f", about {duration_words(seconds)}"
    estimator = view.evaluation.dataset.project.settings.model_of(found.after).estimator
    st.button(
        f"Fit {fits:,} models{about}",
        icon=":material/model_training:",
        key="training-go",
        disabled=not fits or asked,
        help=f"{plain(estimator)} is fitted on train sets in which only some of the changes have "
        "happened, and again on resampled instances for the intervals. The time is that of the "
        "versions' own fits. What was fitted is kept.",
        on_click=jobs.ask,
        args=(question,),
    )


def _draw_tests(view: View, metric: str, of_class: str | None) -> None:
    """The matrix of all models and test sets, and all models on one test set."""
    _draw_matrix(view, metric, of_class)
    _draw_frozen(view, metric, of_class)


def _draw_matrix(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### Every model on every test set")
    frame = crossed_tests_frame(
        view.call(analysis.model_on_tests, metric=metric, of_class=of_class)
    )
    if frame["value"].null_count() == len(frame):
        draw_empty("There are no test rows to score.")
        return
    draw_chart(
        frame,
        crossed_tests,
        key="attribution-matrix",
        versions=len(view.evaluation.dataset.versions),
        title=METRICS[metric],
        reverse=metric == "log_loss",
    )
    st.caption(
        "Down a column the test set stays the same and only the model changes; along a row only "
        "the test set. Test rows that a model was trained on are left out of its row."
    )


def _draw_frozen(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### One test set for all models")
    names = [version.name for version in view.evaluation.dataset.versions]
    place = names.index(view.selection.primary)
    golden = view.evaluation.dataset.project.settings.golden
    offered = names if golden is None else [*names, _GOLDEN]
    test = st.selectbox(
        "Test set of version", offered, index=place, key=f"attribution-frozen-{place}", width=320,
        format_func=lambda name: f"golden: {golden}" if name == _GOLDEN else shortened(name),
    ) or names[place]  # fmt: skip
    called = "the golden test set" if test == _GOLDEN else f"the test set of {shortened(test)}"
    try:
        frozen = view.call(
            analysis.fixed_test_set,
            metric=metric,
            of_class=of_class,
            test=None if test == _GOLDEN else test,
            golden=test == _GOLDEN,
            also=golden_key(view.evaluation.dataset.project) if test == _GOLDEN else None,
        )
    except ChameleonError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    if frozen["value"].null_count() == len(frozen):
        draw_empty(
            f"No instance of {plain(called)} can be scored by all models: "
            f"{frozen['leaked'][0]:,} stand in a train set, {frozen['unknown'][0]:,} lack a label "
            "or a prediction."
        )
        return
    own = view.call(analysis.model_on_tests, metric=metric, of_class=of_class).filter(
        pl.col("model") == pl.col("test")
    )
    series = ("its own test set", called)
    frame = pl.concat(
        [
            own.select("value", "instances", version="model", series=pl.lit(series[0])),
            frozen.select("version", "value", "low", "high", "instances", series=pl.lit(series[1])),
        ],
        how="diagonal",
    )
    draw_chart(
        frame, frozen_lines, key="attribution-frozen-lines", title=METRICS[metric], series=series
    )
    left_out = frozen["leaked"][0] + frozen["unknown"][0]
    st.caption(
        f"The same {frozen['instances'][0]:,} {Split.TEST} instances for all models, with 95 % "
        f"intervals; {left_out:,} are left out because some version was trained on them, or "
        "some model says nothing of them."
    )
