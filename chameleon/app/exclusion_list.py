"""The Exclusion lists page: members and affected instances, changes, exports, and a refit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
import streamlit as st

from chameleon.analysis import (
    Attribution,
    RefitWithout,
    exclusion_list_counts,
    exclusion_list_members,
)
from chameleon.app import jobs
from chameleon.app.attribution import draw_attribution
from chameleon.app.cached import call
from chameleon.app.changes import draw_statistics
from chameleon.app.formatting import counted, figure, filters_words, plain, shortened
from chameleon.app.view import View, draw_bound, draw_chart, draw_empty, draw_table, table_height
from chameleon.app.visitor_lists import (
    VisitorLists,
    changes_lists,
    choose_list,
    chosen_list,
    draw_add_form,
    draw_files,
    draw_import,
    draw_message,
    draw_upload,
    visitor_lists,
)
from chameleon.charts import outcome_frame, outcome_matrix, outcome_matrix_text
from chameleon.errors import ChameleonError, SelectionError
from chameleon.models import Evaluation, has_external_predictions
from chameleon.selection import (
    LONGEST_NAME,
    ExclusionList,
    ExclusionRule,
    excluded_mask,
    primary_mask,
    rule_mask,
    rule_selection,
)
from chameleon.storage import digest

_SHOWN = 1000
_OFFERED = 500


def draw(view: View) -> None:
    """Draw the open list and what can be done with it; without a list, an introduction."""
    found = visitor_lists(view.evaluation)
    if found.error is not None:
        st.error(plain(found.error), icon=":material/error:")
    if found.why_session is not None:
        st.info(
            f"These lists exist in this session only because {plain(found.why_session)}. Download "
            "them before you leave, and upload them again next time.",
            icon=":material/hourglass_top:",
        )
    draw_message()
    try:
        names = found.lists.names
        if not names:
            _draw_introduction(view)
            return
        exclusion_list = found.lists.of(_chosen(view, names))
    except ChameleonError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _draw_list(view, found, exclusion_list)


def _draw_introduction(view: View) -> None:
    st.markdown(
        "An exclusion list names instances to leave out, such as broken recordings or wrong "
        "labels, each with a reason. It deletes nothing. See which instances it affects and what a "
        "model without them gets right, and export a filter for your code."
    )
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### Create a list")
        _draw_add(view)
    with right:
        st.markdown("##### Or import one")
        draw_import(view, None)
        draw_upload(view)


def _draw_add(view: View) -> None:
    selection = view.selection
    instances = pl.Series(dtype=pl.String)
    if selection.filters.is_empty and selection.primary_only.is_empty:
        st.caption(
            "Set filters in the sidebar, or click into any view, then add the matching instances "
            "of the primary version. To add single instances, use the Instances and Failures pages."
        )
    else:
        mask = primary_mask(view.evaluation, selection)
        instances = view.evaluation.dataset.instance_ids.filter(pl.Series(mask))
        st.caption(f"{len(instances):,} instances of {plain(shortened(selection.primary))} match.")
    draw_add_form(view, instances, key="exclusion-list-add")


def _chosen(view: View, names: tuple[str, ...]) -> str:
    """Draw the choice of a list, with its renaming and deletion; return the open one."""
    name = chosen_list(view.evaluation) or names[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_bound(
            st.selectbox, "List", range(len(names)), key="exclusion-list-list",
            value=names.index(name), change=lambda place: choose_list(names[place]),
            format_func=lambda at: shortened(names[at]), width=320,
        )  # fmt: skip
        with st.popover("Rename…", icon=":material/edit:"):
            st.text_input("New name", key="exclusion-list-new-name", max_chars=LONGEST_NAME)
            st.button("Rename", key="exclusion-list-rename", on_click=_rename, args=(view, name))
        with st.popover("Delete…", icon=":material/delete:"):
            st.markdown(f"Delete **{plain(name)}** with all entries, rules, and reasons?")
            sure = st.checkbox("Yes, for everybody", key="exclusion-list-sure")
            st.button(
                "Delete the list", key="exclusion-list-delete", disabled=not sure, type="primary",
                on_click=_delete, args=(view, name),
            )  # fmt: skip
    return name


@changes_lists
def _rename(view: View, name: str) -> str:
    typed = st.session_state["exclusion-list-new-name"]
    new = visitor_lists(view.evaluation).lists.rename(name, typed)
    choose_list(new)
    return f"'{shortened(name)}' was renamed to '{shortened(new)}'."


@changes_lists
def _delete(view: View, name: str) -> str:
    visitor_lists(view.evaluation).lists.delete(name)
    st.session_state["exclusion-list-sure"] = False
    return f"'{shortened(name)}' was deleted."


@dataclass(frozen=True, slots=True, eq=False)
class _Applied:
    """A list with those of its rules that apply to a version, and its instances there."""

    exclusion_list: ExclusionList
    errors: tuple[str, ...]
    members: pl.DataFrame
    counts: pl.DataFrame
    instances: pl.Series


def _applied(evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str) -> _Applied:
    rules: list[ExclusionRule] = []
    errors: list[str] = []
    for rule in exclusion_list.rules:
        try:
            rule_mask(evaluation, rule, version=version)
            rules.append(rule)
        except SelectionError as error:
            errors.append(str(error))
    applied = replace(exclusion_list, rules=tuple(rules))
    mask = excluded_mask(evaluation, applied, version=version)
    return _Applied(
        applied,
        tuple(errors),
        members=exclusion_list_members(evaluation, applied, version=version),
        counts=exclusion_list_counts(evaluation, applied, version=version),
        instances=evaluation.dataset.instance_ids.filter(pl.Series(mask)),
    )


def _draw_list(view: View, found: VisitorLists, exclusion_list: ExclusionList) -> None:
    evaluation, primary = view.evaluation, view.selection.primary
    layout = "" if evaluation.layout is None else evaluation.layout.key
    entries = exclusion_list.entries.hash_rows().to_numpy().tobytes()
    content = digest(entries, repr(exclusion_list.rules))
    applied = call(
        _applied, evaluation, version=primary, also=(layout, content),
        given={"exclusion_list": exclusion_list},
    )  # fmt: skip
    with st.container():  # see `draw_message`
        for error in applied.errors:
            st.warning(plain(f"{error} The rule is ignored."), icon=":material/rule:")
    st.markdown(_summary(primary, exclusion_list, applied))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_members(applied.members)
        _draw_rules(view, exclusion_list)
        _draw_remove(view, exclusion_list)
    with right:
        _draw_counts(applied.counts)
    with st.expander("Add to this or another list", icon=":material/playlist_add:"):
        _draw_add(view)
    with st.expander("Export and import", icon=":material/swap_vert:"):
        draw_files(view, found, applied.exclusion_list, applied.members)
    _draw_refit(view, exclusion_list.name, applied)


def _summary(primary: str, exclusion_list: ExclusionList, applied: _Applied) -> str:
    """The size of a list in a version, and the number of its entries elsewhere."""
    (count, of), *_ = applied.counts.filter(by="version").select("instances", "total").iter_rows()
    entries, rules = len(exclusion_list.entries), len(exclusion_list.rules)
    own = applied.members.filter(by="entry")
    unknown = int((~own["known"]).sum())
    absent = int((~own["present"]).sum()) - unknown
    counts = {"are in other versions only": absent, "are in no version": unknown}
    elsewhere = [f"{number:,} {words}" for words, number in counts.items() if number]
    return (
        f"**{count:,} of {of:,} instances** of {plain(shortened(primary))} are on this list "
        f"({entries:,} entr{'y' if entries == 1 else 'ies'}, {counted(rules, 'rule')})."
        + (f" Of the entries, {' and '.join(elsewhere)}." if elsewhere else "")
    )


def _draw_members(members: pl.DataFrame) -> None:
    st.markdown("##### Instances")
    if members.is_empty():
        draw_empty("No instances yet. Set filters, then add the matching instances below.")
        return
    shown = members.head(_SHOWN).select(
        "instance",
        "reason",
        pl.when(pl.col("by") == "rule")
        .then(pl.lit("rule ") + pl.col("rule").cast(pl.String))
        .otherwise(pl.lit("entry"))
        .alias("by"),
        pl.col("added").dt.strftime("%Y-%m-%d %H:%M").alias("added (UTC)"),
        "label", "split", "source",
        pl.col("present").alias("in this version"),
    )  # fmt: skip
    if shown["source"].null_count() == len(shown):
        shown = shown.drop("source")
    draw_table(shown, key="exclusion-list-members", height=table_height(len(shown), 420))
    if len(members) > _SHOWN:
        st.caption(f"The first {_SHOWN:,} of {len(members):,}; the export contains all.")


def _draw_counts(counts: pl.DataFrame) -> None:
    st.markdown("##### Affected instances")
    shown = counts.filter(pl.col("by") != "version").select(
        "by", pl.col("group").fill_null("(none)"), "instances", "total", "share"
    )
    bar = st.column_config.ProgressColumn(
        "share", min_value=0.0, max_value=1.0, format="percent", width=120
    )
    draw_table(
        shown, key="exclusion-list-counts", height=table_height(len(shown), 560),
        column_config={"share": bar},
    )  # fmt: skip


def _draw_rules(view: View, exclusion_list: ExclusionList) -> None:
    for rule in exclusion_list.rules:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Remove", key=f"exclusion-list-rule-{rule.number}", icon=":material/close:",
                type="tertiary", help=f"Remove rule {rule.number} from this list",
                on_click=_remove_rule, args=(view, exclusion_list.name, rule),
            )  # fmt: skip
            st.markdown(
                f"**Rule {rule.number}**: {plain(_rule_words(view, rule))}"
                f" :gray[:small[created for {plain(shortened(rule.primary, 20))} compared with "
                f"{plain(shortened(rule.secondary, 20))}]]"
            )
    if exclusion_list.rules:
        st.caption(
            "A rule applies to the primary version, compared with the version as many steps away "
            "as when the rule was created."
        )


def _rule_words(view: View, rule: ExclusionRule) -> str:
    kinds = view.evaluation.dataset.project.kinds
    try:
        selection = rule_selection(view.evaluation, rule, version=view.selection.primary)
        return filters_words((selection.filters, selection.primary_only), kinds, "everything")
    except (ChameleonError, KeyError):  # of a feature that no longer exists
        return shortened(rule.query, 120)


def _draw_remove(view: View, exclusion_list: ExclusionList) -> None:
    if exclusion_list.entries.is_empty():
        return
    key = "exclusion-list-remove"
    ids = exclusion_list.entries["instance"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        searched = ""
        if len(ids) > _OFFERED:
            searched = st.text_input("Search ids", key="exclusion-list-search", width=180)
        offered = ids.filter(ids.str.contains(searched, literal=True)).head(_OFFERED).to_list()
        chosen = st.multiselect(
            "Remove entries", offered, key=key, placeholder="Choose ids", format_func=shortened
        )
        st.button(
            "Remove", key="exclusion-list-remove-go", disabled=not chosen,
            on_click=_remove, args=(view, exclusion_list.name, key),
        )  # fmt: skip
    if len(ids) > _OFFERED:
        st.caption(f"At most {_OFFERED:,} of {len(ids):,} ids are shown. Search for others.")


@changes_lists
def _remove(view: View, name: str, key: str) -> str:
    count = visitor_lists(view.evaluation).lists.remove(name, st.session_state[key])
    st.session_state[key] = []
    return f"{count:,} removed from '{shortened(name)}'."


@changes_lists
def _remove_rule(view: View, name: str, rule: ExclusionRule) -> str:
    removed = visitor_lists(view.evaluation).lists.remove_rule(name, rule.number)
    return f"Rule {rule.number} was {'removed' if removed else 'already removed'}."


def _draw_refit(view: View, name: str, applied: _Applied) -> None:
    """Draw the counts of removed rows and a button that refits without them, then the result."""
    primary, instances = view.selection.primary, applied.instances
    st.markdown("##### What if they were removed?")
    splits = [
        f"**{count:,} of {of:,} {split}** rows"
        for _, split, count, of, _ in applied.counts.filter(by="split").iter_rows()
    ]
    st.markdown(
        f"This list would remove {', '.join(splits)} from version "
        f"**{plain(shortened(primary))}**. The model learns from train rows only; removed test "
        "rows change the test set."
    )
    if has_external_predictions(view.evaluation.dataset.project):
        draw_empty(
            "There is no model to fit without these instances because the predictions of this "
            "project are external."
        )
        return
    if not view.evaluation.has_outcomes:
        draw_empty(
            view.why_empty(
                "a refit is available when they are there",
                "No outcome is known because there is no label or no model to refit.",
            )
        )
        return
    task = jobs.fit_task(
        "refit_without", view.evaluation, version=primary, instances=instances.sort().to_list()
    )
    settings = view.evaluation.dataset.project.settings
    jobs.draw_button(
        task, f"Refit without {counted(len(instances), 'instance')}", key="what-if",
        icon=":material/model_training:", enabled=len(instances) > 0,
        why=f"Fits {plain(settings.model_of(primary).estimator)} to the remaining train rows. "
        "Nothing is deleted; the predictions are cached.",
    )  # fmt: skip
    jobs.draw(task, unit="model", key="what-if-stop")
    found = jobs.result_of(task)
    if found is not None:
        _draw_result(name, found)


def _draw_result(name: str, found: RefitWithout) -> None:
    fitted = int(found.removed["fitted"].sum())
    st.markdown(
        f"Before: version **{plain(shortened(found.version))}** as it is. After: the same without "
        f"its {found.removed['removed'].sum():,} instances on '{plain(shortened(name))}', "
        + (
            f"the model refitted without {fitted:,} labeled train rows."
            if fitted
            else "the model unchanged because no labeled train row is removed."
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
        named = {"secondary": "as it is", "primary": "refitted"}
        table = found.matrix.select("secondary", "primary", "instances", "share").rename(named)
        draw_table(table, key="what-if-table")
    with right:
        draw_statistics(found.statistics)
    st.markdown(_change_words(found.attribution))
    draw_attribution(found.attribution, None, key="what-if-steps")
    st.caption(
        "Intervals and tests cover sampling noise only. A different seed, or removing equally many "
        "other rows, would also change the numbers. Removing misclassified test rows raises "
        "accuracy automatically; only the model contribution shows whether training without the "
        "list helps."
    )


def _change_words(found: Attribution) -> str:
    """The change of the metric, in a sentence; empty if it is undefined."""
    if found.change is None:
        return ""
    change, low, high = found.change
    values = found.crossed["value"]
    interval = "" if low is None or high is None else f", 95% CI {low:+.4f} to {high:+.4f}"
    return (
        f"{plain(found.metric.replace('_', ' ').capitalize())} on test rows would change from "
        f"{figure(values[0], 4)} to **{figure(values[3], 4)}** ({change:+.4f}{interval})."
        + (" **That is consistent with chance.**" if found.within_noise else "")
    )
