"""What if the instances of a list were removed: asked on a button, done in the line of all fits."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon.analysis import Attribution, RefitWithout
from chameleon.app import jobs
from chameleon.app.attribution import draw_attribution
from chameleon.app.background import Task
from chameleon.app.changes import draw_statistics
from chameleon.app.formatting import figure, plain, shortened
from chameleon.app.view import View, draw_chart, draw_empty, draw_table
from chameleon.charts import outcome_frame, outcome_matrix, outcome_matrix_text
from chameleon.models import Evaluation, has_external_predictions


def draw(view: View, name: str, instances: pl.Series, hits: pl.DataFrame) -> None:
    """Say what would go, refit on a button, and show what the refit changes.

    Parameters
    ----------
    name
        The list.
    instances
        The ids of its instances that the primary version holds.
    hits
        `exclusion_list_counts` of the list in the primary version.
    """
    primary = view.selection.primary
    st.markdown("##### What if they were removed?")
    st.markdown(_what_goes(primary, hits))
    if has_external_predictions(view.evaluation.dataset.project):
        draw_empty(
            "The predictions of this project were made elsewhere: there is no model that could be "
            "fitted without these instances."
        )
        return
    if not view.evaluation.has_outcomes:
        draw_empty(
            view.why_empty(
                "a refit can be asked for when they are there",
                "No outcome is known: there is no label or no model to refit.",
            )
        )
        return
    question = _question(view.evaluation, primary, instances)
    settings = view.evaluation.dataset.project.settings
    st.button(
        f"Refit without {len(instances):,} instance{'' if len(instances) == 1 else 's'}",
        icon=":material/model_training:",
        key="what-if",
        disabled=not len(instances) or jobs.job_of(question) is not None,
        help=f"{plain(settings.model_of(primary).estimator)} is fitted on the "
        "train rows that are left. Nothing is deleted; what the model says is kept.",
        on_click=jobs.enqueue,
        args=(question,),
    )
    jobs.draw(question, unit="model", key="what-if-stop")
    found = jobs.result_of(question)
    if found is not None:
        _draw_result(view, name, found)


def _question(evaluation: Evaluation, version: str, instances: pl.Series) -> Task[RefitWithout]:
    """`without` these instances, to be asked for."""
    return jobs.fit_task(
        "refit_without", evaluation, version=version, instances=instances.sort().to_list()
    )


def _what_goes(primary: str, hits: pl.DataFrame) -> str:
    splits = hits.filter(by="split")
    parts = [
        f"**{hit:,} of {of:,} {split}** rows"
        for split, hit, of in splits.select("group", "instances", "of").iter_rows()
    ]
    return (
        f"Of version **{plain(shortened(primary))}** this list would take {', '.join(parts)}. "
        "The model learns from train rows only; test rows that go change what it is tested on."
    )


def _draw_result(view: View, name: str, found: RefitWithout) -> None:
    gone = dict(found.removed.select("split", "removed").iter_rows())
    fitted = int(found.removed["fitted"].sum())
    st.markdown(
        f"Before: version **{plain(shortened(found.version))}** as it is. After: the same without "
        f"the {sum(gone.values()):,} instances of '{plain(shortened(name))}' that it holds; "
        + (
            f"its model was fitted anew without {fitted:,} labelled train rows."
            if fitted
            else "no labelled train row goes, so that the model stays the same."
        )
    )
    left, right = st.columns([1, 1], gap="large")
    with left:
        if found.matrix["instances"].sum():
            data = outcome_frame(
                found.matrix, primary="refitted", secondary=shortened(found.version), chosen=[]
            )
            draw_chart(data, outcome_matrix, key="what-if-matrix", height=280)
            st.caption(plain(outcome_matrix_text(data)))
        draw_table(_table(found.matrix), key="what-if-table")
    with right:
        draw_statistics(found.statistics)
    st.markdown(_change_words(found.attribution))
    draw_attribution(found.attribution, None, key="what-if-steps")
    st.caption(
        "Intervals and tests are drawn over test instances. Another seed, or taking out as many "
        "other rows, would move the numbers too: that noise is not in them. Listed test rows that "
        "the model gets wrong raise accuracy by going: whether training without the list helps, "
        "only the part of the model tells."
    )


def _table(matrix: pl.DataFrame) -> pl.DataFrame:
    return matrix.select(
        pl.col("secondary").alias("as it is"), pl.col("primary").alias("refitted"),
        "instances", "share",
    )  # fmt: skip


def _change_words(found: Attribution) -> str:
    """How the metric would move, in a sentence."""
    if found.change is None:
        return ""
    change, low, high = found.change
    values = found.corners["value"]
    words = (
        f"{plain(found.metric.replace('_', ' ').capitalize())} on test rows would go from "
        f"{figure(values[0], 4)} to **{figure(values[3], 4)}** ({change:+.4f}"
        + ("" if low is None or high is None else f", 95 % interval {low:+.4f} to {high:+.4f}")
        + ")."
    )
    return words + (
        " **That is within the noise of these test rows.**" if found.within_noise else ""
    )
