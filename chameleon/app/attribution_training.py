"""The part of the model on the Attribution page, taken apart by refits once it is asked for."""

from __future__ import annotations

import threading
import time

import polars as pl
import streamlit as st

from chameleon.analysis.attribution import Attribution
from chameleon.analysis.training import (
    NOT_DATA,
    OTHER_CODE,
    TrainingParts,
    attribute_training,
)
from chameleon.app import step_results
from chameleon.app.view import View
from chameleon.app.words import plain
from chameleon.given import are_given
from chameleon.progress import Progress

_TRAINING = "chameleon.training"
_fitting = threading.Lock()


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
        asked = (view.evaluation.key, found.metric, found.before, found.after, by)
        wanted = _button(view, found, by, done=asked in _kept_parts())
    if wanted:
        _fit_parts(view, asked, found, of_class, by)
        if asked in _kept_parts():
            st.rerun()  # the sentences above, and the button, know of it now
    parts = _kept_parts().get(asked)
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


def _button(view: View, found: Attribution, by: str, *, done: bool) -> bool:
    fits, seconds = step_results.training_cost(view.evaluation, found.before, found.after, by)
    about = "" if seconds is None or not fits or done else f", about {duration_words(seconds)}"
    estimator = view.evaluation.dataset.project.settings.model_of(found.after).estimator
    return st.button(
        f"Fit {fits:,} models{about}",
        icon=":material/model_training:",
        key="training-go",
        disabled=not fits or done,
        help=f"{plain(estimator)} is fitted on train sets in which only some of the changes have "
        "happened, and again on resampled instances for the intervals. The time is that of the "
        "versions' own fits. Whatever you click meanwhile stops it; what was fitted is kept.",
    )


def duration_words(seconds: float) -> str:
    """A time to wait in words, as coarse as an estimate is."""
    if seconds < 1.5:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds < 20 else f"{round(seconds / 5) * 5} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def _kept_parts() -> dict[tuple[object, ...], TrainingParts]:
    kept: dict[tuple[object, ...], TrainingParts] = st.session_state.setdefault(_TRAINING, {})
    return kept


def _fit_parts(
    view: View,
    asked: tuple[object, ...],
    found: Attribution,
    of_class: str | None,
    by: str,
) -> None:
    if not _fitting.acquire(blocking=False):
        st.info("Another visitor's models are being fitted. Try again in a moment.")
        return
    bar = st.progress(0.0, text="Fitting…")
    began = time.monotonic()

    def note(progress: Progress) -> None:
        left = ""
        if progress.done:
            seconds = (time.monotonic() - began) / progress.done * (progress.total - progress.done)
            left = f", about {seconds:,.0f} s to go"
        share = progress.done / progress.total
        bar.progress(share, text=f"{progress.done} of {progress.total} models{left}")

    try:
        metric = "recall" if of_class is not None else found.metric
        _kept_parts()[asked] = attribute_training(
            view.evaluation,
            before=found.before,
            after=found.after,
            metric=metric,
            of_class=of_class,
            by=by,
            progress=note,
        )
    finally:
        _fitting.release()
        bar.empty()
