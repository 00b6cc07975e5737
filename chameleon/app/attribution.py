"""The Attribution page: why the metric moved from the secondary to the primary version."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
import streamlit as st

from chameleon.analysis.attribution import Attribution
from chameleon.analysis.slices import Slice, Slices
from chameleon.analysis.training import TrainingParts, attribute_training, training_fits
from chameleon.app import cached, state
from chameleon.app.view import View, is_dark
from chameleon.app.words import choice_words, figure, plain, shortened
from chameleon.charts.attribution import (
    crossed_tests,
    crossed_tests_frame,
    frozen_lines,
    waterfall,
    waterfall_frame,
    waterfall_text,
)
from chameleon.given import are_given
from chameleon.progress import Progress
from chameleon.project import Split

_METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "recall": "Recall of a class",
    "log_loss": "Log loss",
}
_PARTS: Mapping[str, str] = {
    "guard": "leaked or unknown rows, taken out",
    "model": "the model: its train data",
    "test": "the test set",
    "removed": "test rows removed",
    "added": "test rows added",
    "relabelled": "test labels changed",
    "edited": "test features changed",
}
_ALWAYS = ("model", "test")
_SHOWN = 5
_TRAINING = "chameleon.training"
_OF_MODEL = pl.col("part").is_in(["guard", "model"])
_fitting = threading.Lock()


def draw(view: View) -> None:
    """The way of the metric by cause, both models on both test sets, and a frozen test."""
    selection = view.selection
    before, after = selection.secondary, selection.primary
    metric, of_class, without_twins = _options(view)
    if before == after:
        st.info("Choose two versions: this page tells what lies between.", icon=":material/info:")
    elif not view.evaluation.has_outcomes:
        st.info(_why_unknown(view), icon=":material/info:")
    else:
        found = cached.attribution(
            view.evaluation, before, after, metric, of_class, without_twins=without_twins
        )
        _draw_step(view, found, of_class)
        _draw_slices(view, cached.slices(view.evaluation, before, after))
    if not view.evaluation.has_outcomes:
        return
    if not selection.filters.is_empty:
        st.caption("Filters do not narrow this page: a metric is one of whole test sets.")
    _draw_matrix(view, metric, of_class)
    _draw_frozen(view, metric, of_class)


def _options(view: View) -> tuple[str, str | None, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metric = st.segmented_control(
            "Metric on test rows", list(_METRICS), format_func=_METRICS.__getitem__,
            default="accuracy", key="attribution-metric", required=True, persist_state="session",
        ) or "accuracy"  # fmt: skip
        of_class = None
        if metric == "recall":
            classes = list(view.evaluation.dataset.classes)
            of_class = st.selectbox(
                "Class", classes, key="attribution-class", persist_state="session", width=180,
                format_func=shortened,
            )  # fmt: skip
        without_twins = st.toggle(
            "Leave out twins of train rows",
            key="attribution-twins",
            persist_state="session",
            help="Test rows whose features are exactly those of a row that either model was "
            "trained on.",
        )
    return metric, of_class, without_twins


def _why_unknown(view: View) -> str:
    if view.pending:
        return "The models are being fitted: the attribution follows."
    return "No outcome is known: there is no label or no prediction."


def _draw_step(view: View, found: Attribution, of_class: str | None) -> None:
    draw_attribution(found, lambda: _training(view, found, of_class), key="attribution-steps")


def draw_attribution(
    found: Attribution, taken_apart: Callable[[], pl.DataFrame | None], *, key: str
) -> None:
    """The change in sentences, its way by cause, and both models on both test sets.

    Parameters
    ----------
    taken_apart
        Draws what else can be asked, and gives the part of the model taken apart, or None.
    """
    if found.change is None:
        st.info(plain(found.note or "The change is undefined."), icon=":material/info:")
        return
    st.markdown("\n".join(f"- {sentence}" for sentence in _summary(found)))
    parts = found.parts.filter(
        pl.col("part").is_in(_ALWAYS) | (pl.col("value") != 0) | (pl.col("instances") > 0)
    )
    if found.reported_before is not None and found.reported_after is not None:
        ends, said = (found.reported_before, found.reported_after), "as reported"
    else:
        # without a reported metric the guarded one is all there is
        values = found.corners["value"]
        ends, said = (float(values[0]), float(values[3])), "after the guard"
    of_training = taken_apart()
    if of_training is not None:
        parts = pl.concat([parts.filter(part="guard"), of_training, parts.filter(~_OF_MODEL)])
    frame = waterfall_frame(
        parts,
        {**_PARTS, **{name: name for name in parts["part"] if name not in _PARTS}},
        start=ends[0],
        end=ends[1],
        before=f"{shortened(found.before, 20)}, {said}",
        after=f"{shortened(found.after, 20)}, {said}",
        better=found.better,
    )
    st.vega_lite_chart(frame, _waterfall_spec(len(frame), found.metric, dark=is_dark()), key=key)
    st.caption(plain(waterfall_text(frame)))
    _draw_corners(found)


def _training(view: View, found: Attribution, of_class: str | None) -> pl.DataFrame | None:
    """The part of the model by what happened to the train data, once it was asked for."""
    project = view.evaluation.dataset.project
    if are_given(project):
        st.caption(
            "The predictions were made elsewhere: whether one fixed model code made them is not "
            "known, so the part of the model may also be a change of the model itself."
        )
        return None
    if found.metric == "log_loss":
        return None
    cuts = ["kind", "label", *(["source"] if view.evaluation.dataset.sources else [])]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = st.segmented_control(
            "Take the train data apart by", cuts, default="kind", key="training-cut",
            required=True, persist_state="session",
        ) or "kind"  # fmt: skip
        before, after = found.before, found.after
        fits = training_fits(view.evaluation, before=before, after=after, by=by)
        asked = (view.evaluation.key, found.metric, before, after, by)
        wanted = st.button(
            f"Fit {fits:,} models",
            icon=":material/model_training:",
            key="training-go",
            disabled=not fits or asked in _kept_parts(),
            help=f"{plain(project.settings.model.estimator)} is fitted on train sets in which only "
            "some of the changes have happened, and again on resampled instances for the "
            "intervals. Whatever you click meanwhile stops it; what was fitted is kept.",
        )
    if wanted:
        _fit_parts(view, asked, found, of_class, by)
    parts = _kept_parts().get(asked)
    if parts is None:
        return None
    if parts.note is not None:
        st.caption(plain(parts.note))
        return None
    reach = 2 * pl.col("deviation")
    return parts.parts.select(
        part=pl.lit("train data: ") + pl.col("part"),
        value="value",
        low=pl.col("value") - reach,
        high=pl.col("value") + reach,
        instances="instances",
    )


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


def _summary(found: Attribution) -> list[str]:
    """Three to five plain sentences on the step, from its numbers."""
    assert found.change is not None
    change, low, high = found.change
    name = plain(found.metric.replace("_", " "))
    values = found.corners["value"]
    lines = [
        f"From **{plain(found.before)}** to **{plain(found.after)}** {name} on test rows went from "
        f"{figure(values[0], 4)} to **{figure(values[3], 4)}** ({change:+.4f}"
        + ("" if low is None or high is None else f", 95 % interval {low:+.4f} to {high:+.4f}")
        + ")."
    ]
    if found.within_noise:
        lines.append(
            "**The change is within the noise of these test rows**: what follows may be chance."
        )
    named = [
        (part, value) for part, value in found.parts.select("part", "value").iter_rows()
        if part != "guard" and abs(value) > 1e-12
    ]  # fmt: skip
    named.sort(key=lambda item: -abs(item[1]))
    if named:
        told = "; ".join(f"{_PARTS[part]} {value:+.4f}" for part, value in named[:3])
        lines.append(f"Most of it comes from: {told}.")
    else:
        lines.append("Neither the model nor the test set changed the metric.")
    if found.ambiguous:
        lines.append(
            f"**The split is ambiguous**: model and test set act together "
            f"(interaction {found.interaction:+.4f}, more than half of the change). Look at the "
            "four corners below."
        )
    taken = [
        f"{count:,} {what}"
        for count, what in (
            (found.leaked, "that stand in a train set"),
            (found.unknown, "without label or prediction"),
        )
        if count
    ]
    if taken:
        lines.append(f"Test instances left out of all of this: {' and '.join(taken)}.")
    if found.twins:
        lines.append(
            f"{found.twins:,} test instances have the features of a train row: the switch above "
            "leaves them out."
        )
    if found.note:
        lines.append(plain(found.note))
    lines.append(
        ":small[Intervals are drawn over the test instances; how another training run would turn "
        "out is not in them.]"
    )
    return lines


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
    return " and ".join(choice_words(choice, kinds) for choice in one.filters.choices)


def _draw_matrix(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### Every model on every test set")
    frame = crossed_tests_frame(cached.model_on_tests(view.evaluation, metric, of_class))
    if frame["value"].null_count() == len(frame):
        st.info("There are no test rows to score.", icon=":material/info:")
        return
    versions = len(view.evaluation.dataset.versions)
    spec = _matrix_spec(versions, _METRICS[metric], metric == "log_loss", dark=is_dark())
    st.vega_lite_chart(frame, spec, key="attribution-matrix")
    st.caption(
        "Down a column the test set stays the same and only the model changes; along a row only "
        "the test set. Test rows that a model was trained on are left out of its row."
    )


def _draw_frozen(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### One test set for all models")
    names = [version.name for version in view.evaluation.dataset.versions]
    place = names.index(view.selection.primary)
    test = st.selectbox(
        "Test set of version", names, index=place, key=f"attribution-frozen-{place}", width=220,
        format_func=shortened,
    )  # fmt: skip
    frozen = cached.frozen_test(view.evaluation, test or names[place], metric, of_class)
    if frozen["value"].null_count() == len(frozen):
        st.info(
            f"No test instance of {plain(shortened(test or ''))} can be scored by all models: "
            f"{frozen['leaked'][0]:,} stand in a train set, {frozen['unknown'][0]:,} lack a label "
            "or a prediction.",
            icon=":material/info:",
        )
        return
    own = cached.model_on_tests(view.evaluation, metric, of_class).filter(
        pl.col("model") == pl.col("test")
    )
    series = ("its own test set", f"the test set of {shortened(test or '')}")
    frame = pl.concat(
        [
            own.select("value", "instances", version="model", series=pl.lit(series[0])),
            frozen.select("version", "value", "low", "high", "instances", series=pl.lit(series[1])),
        ],
        how="diagonal",
    )
    spec = _frozen_spec(_METRICS[metric], series, dark=is_dark())
    st.vega_lite_chart(frame, spec, key="attribution-frozen-lines")
    left_out = frozen["leaked"][0] + frozen["unknown"][0]
    st.caption(
        f"The same {frozen['instances'][0]:,} {Split.TEST} instances for all models, with 95 % "
        f"intervals; {left_out:,} are left out because some version was trained on them, or "
        "some model says nothing of them."
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _waterfall_spec(rows: int, metric: str, *, dark: bool) -> dict[str, Any]:
    return waterfall(rows=rows, title=metric.replace("_", " ").capitalize(), dark=dark)


@st.cache_resource(max_entries=32, show_spinner=False)
def _matrix_spec(versions: int, title: str, reverse: bool, *, dark: bool) -> dict[str, Any]:
    return crossed_tests(versions=versions, title=title, reverse=reverse, dark=dark)


@st.cache_resource(max_entries=32, show_spinner=False)
def _frozen_spec(title: str, series: tuple[str, ...], *, dark: bool) -> dict[str, Any]:
    return frozen_lines(title=title, series=series, dark=dark)
