"""The part of the model on the Attribution page, taken apart by refits once it is asked for."""

from __future__ import annotations

from functools import partial

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import NOT_DATA, OTHER_CODE, Attribution, TrainingParts
from chameleon.app import jobs
from chameleon.app.formatting import duration_words, plain
from chameleon.app.view import View
from chameleon.app.work_queue import Question
from chameleon.models import are_given


def draw(view: View, found: Attribution, of_class: str | None) -> TrainingParts | None:
    """The choice of the cut and the button; what is known for it, where something is."""
    if are_given(view.evaluation.dataset.project):
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
        by = st.segmented_control(
            "Take the train data apart by", cuts, default="kind", key="training-cut",
            required=True, persist_state="session",
        ) or "kind"  # fmt: skip
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


def as_parts(training: TrainingParts) -> pl.DataFrame:
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
