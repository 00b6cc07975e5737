"""The ranked mistakes of the Failures page, and the labels under suspicion."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import LabelIssues, label_issue_fits
from chameleon.app import jobs, projects, visitor_lists
from chameleon.app.formatting import plain, shortened
from chameleon.app.instances import OPEN
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_choice, draw_empty
from chameleon.app.work_queue import Question
from chameleon.project import Split
from chameleon.selection import SensitivityRange
from chameleon.storage import digest

_BY: Mapping[str, str] = {
    "confidence": "confidence",
    "suspicion": "label-noise suspicion",
    "sensitivity": "sensitivity",
}
_MOST = 200
_UNSCROLLED, _TALLEST = 10, 420  # more rows than this scroll in so many pixels


def draw(view: View, split: Split | None, over: SensitivityRange) -> None:
    """The mistakes under the primary, ranked as the visitor asks."""
    st.markdown("##### Which mistakes tell most?")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = draw_choice("Rank by", list(_BY), names=_BY, key="mistakes-by")
        judged = _suspicion(view)
    question = _judging(view)
    jobs.draw(question, what="models", key="mistakes-stop")
    if judged is not None:
        st.caption(_judged_words(judged))
    if by == "suspicion" and judged is None:
        draw_empty(
            "Whether a label is suspicious can only be told by models that never saw it: ask for "
            "them by the button."
        )
        return
    found = view.call(
        analysis.ranked_errors,
        by=by,
        over=over,
        split=split,
        most=_MOST,
        also=judged is not None,
        given={"suspicion": judged},
    )
    if found.is_empty():
        st.info(_why_none(view, by), icon=":material/check_circle:")
        return
    height = _TALLEST if len(found) > _UNSCROLLED else None
    ids = found["instance"].to_list()
    key = f"failures-mistakes-{digest(ids)[:8]}"  # ticks must not stay when other rows show
    draw_table(
        _table(found, judged is not None),
        key=key,
        file="failures-mistakes",
        height=height,
        on_select="rerun",
        selection_mode="multi-row",
    )
    _draw_chosen(view, [ids[row] for row in st.session_state[key]["selection"]["rows"]])
    rows = "" if split is None else f" Rows: {split}, as chosen above."
    st.caption(_table_words(view, found, by) + rows)


def _draw_chosen(view: View, chosen: list[str]) -> None:
    """What can be done with the mistakes that are ticked."""
    with st.container(horizontal=True, vertical_alignment="center"):
        visitor_lists.draw_add(view, chosen, key="mistakes-add")
        if not chosen:
            st.caption("Tick rows to add them to an exclusion list, or to open one.")
            return
        st.page_link(
            "pages/instances.py",
            label=f"Open {plain(shortened(chosen[-1]))}",
            icon=":material/open_in_new:",
            query_params=[*projects.link_items(view.selection), (OPEN, chosen[-1])],
        )


def _judging(view: View) -> Question[LabelIssues]:
    """The label suspicion of the primary version, to be asked for."""
    return jobs.fit_question("label issues", view.evaluation, version=view.selection.primary)


def _suspicion(view: View) -> LabelIssues | None:
    """What is known of the labels; the button that asks for it where nothing is."""
    question = _judging(view)
    job = jobs.found_job(question)
    if view.pending or (job is not None and job.complete):
        return jobs.answer(question)
    fits = label_issue_fits(view.evaluation, view.selection.primary)
    st.button(
        f"Fit {fits} models to find suspicious labels" if fits else "Find suspicious labels",
        icon=":material/label_off:",
        key="mistakes-judge",
        disabled=job is not None,
        help="Confident learning: the project's own model is fitted on all train rows but a "
        "part, and asked about that part. What was fitted is kept.",
        on_click=jobs.ask,
        args=(question,),
    )
    return None


def _judged_words(judged: LabelIssues) -> str:
    """How many labels were judged, and which were left out, in words."""
    rows = judged.rows
    train = rows.filter(split=Split.TRAIN.value)
    flagged, learnt = int(rows["flagged"].sum()), int(train["flagged"].sum())
    words = (
        f"**{flagged:,} of {len(rows):,} labels** of {plain(shortened(judged.version))} are taken "
        f"for wrong by confident learning: {learnt:,} of {len(train):,} train rows, judged by "
        f"models fitted without them, and {flagged - learnt:,} of {len(rows) - len(train):,} "
        "others, judged by the version's own model."
    )
    taken = [
        f"{count:,} {what}"
        for count, what in (
            (judged.unlabelled, "without a label"),
            (judged.leaked, "with exactly the features of a train row"),
            (judged.unjudged, "that no model can judge"),
        )
        if count
    ]
    if taken:
        words += f" Left out: {'; '.join(taken)}."
    if judged.note is not None:
        words += f" Note: {plain(judged.note)}."
    return words


def _table(found: pl.DataFrame, judged: bool) -> pl.DataFrame:
    """The mistakes as a person reads them: "-" where something is undefined."""
    suspicious = ("suspicion", "suggested", "flagged") if judged else ()

    def text(name: str) -> pl.Expr:
        return pl.format("{}", pl.col(name).round(3)).fill_null("-").alias(name)

    flagged = pl.col("flagged").replace_strict(
        {True: "likely wrong", False: ""}, default="-", return_dtype=pl.String
    )
    spelled = {
        "probability": text("probability"),
        "suspicion": text("suspicion"),
        "suggested": pl.col("suggested").fill_null("-").alias("suggested label"),
        "flagged": flagged.alias("label is"),
        "changes": pl.format("{}", "changes").fill_null("-").alias("changes"),
        "source": pl.col("source").fill_null("-"),
    }
    columns = ["instance", "label", "prediction", "probability", *suspicious, "changes", "course",
               "split", "source"]  # fmt: skip
    return found.select(spelled.get(name, pl.col(name)) for name in columns)


def _table_words(view: View, found: pl.DataFrame, by: str) -> str:
    primary = plain(shortened(view.selection.primary))
    words = f"Mistakes of the model of {primary} on its own rows"
    if by == "suspicion":
        words = f"Labels of {primary} that a model which never saw them contradicts"
    words += f", the first {_MOST:,} ranked by {_BY[by]}" if len(found) == _MOST else ""
    reasons = [
        reason
        for column, reason in (
            ("probability", "a probability is undefined where the model gives none"),
            ("changes", "changes are undefined with fewer than two known outcomes"),
        )
        if found[column].null_count()
    ]
    return f"{words}." + "".join(f" “-”: {reason}." for reason in reasons)


def _why_none(view: View, by: str) -> str:
    if by == "suspicion":
        return "No judged label among these rows is contradicted: look at other rows above."
    if view.selection.filters.is_empty:
        return "The primary's model makes no mistake on these rows."
    return "No mistake of the primary's model passes the filters."
