"""The Attribution page: why the metric moved from the secondary to the primary version."""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon.analysis import MODEL_WORDS, PART_WORDS, Attribution, Slice, Slices, TrainingParts
from chameleon.app import attribution_tests, attribution_training, cached, state, step_sentences
from chameleon.app.attribution_tests import METRICS
from chameleon.app.formatting import figure, filters_words, plain, shortened
from chameleon.app.view import View, is_dark
from chameleon.charts import waterfall, waterfall_frame, waterfall_text

_ALWAYS = ("model", "test")
_SHOWN = 5
_OF_MODEL = pl.col("part").is_in(["guard", "model"])


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
        place = st.container()
        training = _draw_step(view, found, of_class)

        def draw_sentences() -> None:
            fair = None
            if found.twins and not without_twins:
                fair = cached.attribution(
                    view.evaluation, before, after, metric, of_class, without_twins=True
                )
            step_sentences.draw(view, found, fair, training)

        def draw_slices() -> None:
            _draw_slices(view, cached.slices(view.evaluation, before, after))

        view.afterwards(draw_sentences, place)
        view.afterwards(draw_slices)
    if not view.evaluation.has_outcomes:
        return
    if not selection.filters.is_empty:
        st.caption("Filters do not narrow this page: a metric is one of whole test sets.")
    view.afterwards(partial(attribution_tests.draw, view, metric, of_class))


def _options(view: View) -> tuple[str, str | None, bool]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        metric = st.segmented_control(
            "Metric on test rows", list(METRICS), format_func=METRICS.__getitem__,
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


def _draw_step(view: View, found: Attribution, of_class: str | None) -> TrainingParts | None:
    """The way of the metric, and the four corners; what is known of the train data comes back."""
    if found.change is None:
        return None
    st.markdown("##### What moved the metric?")
    training = attribution_training.draw(view, found, of_class)
    parts = None if training is None else attribution_training.as_parts(training)
    draw_attribution(found, parts, key="attribution-steps")
    return training


def draw_attribution(found: Attribution, taken_apart: pl.DataFrame | None, *, key: str) -> None:
    """The way of a metric by cause, and both models on both test sets.

    Parameters
    ----------
    taken_apart
        The part of the model taken apart, as `attribution_training.as_parts` gives it, or None.
    """
    if found.change is None:
        st.info(plain(found.note or "The change is undefined."), icon=":material/info:")
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
    st.vega_lite_chart(frame, _waterfall_spec(len(frame), found.metric, dark=is_dark()), key=key)
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


@st.cache_resource(max_entries=32, show_spinner=False)
def _waterfall_spec(rows: int, metric: str, *, dark: bool) -> dict[str, Any]:
    return waterfall(rows=rows, title=metric.replace("_", " ").capitalize(), dark=dark)
