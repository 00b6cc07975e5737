"""The Exclusion list page: what each list holds and hits, taking off, exports, and what if."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import streamlit as st

from chameleon.analysis import exclusion_list_counts, exclusion_list_members
from chameleon.app import exclusion_list_files, what_if
from chameleon.app.cached import kept
from chameleon.app.formatting import filters_words, plain, shortened
from chameleon.app.view import View, draw_table
from chameleon.app.visitor_lists import (
    Shelf,
    changing,
    choose_list,
    chosen_list,
    draw_put_form,
    draw_said,
    shelf,
)
from chameleon.errors import ChameleonError, SelectionError
from chameleon.models import Evaluation
from chameleon.selection import (
    LONGEST_NAME,
    ExclusionList,
    ExclusionRule,
    excluded_mask,
    held_rows,
    instance_mask,
    rule_mask,
    rule_selection,
)
from chameleon.storage import digest

_SHOWN = 1000
_OFFERED = 500
_CHOICE = "exclusion-list-list"


def draw(view: View) -> None:
    """The chosen list with all that can be done to it; without a list, what lists are for."""
    found = shelf(view.evaluation)
    if found.error is not None:
        st.error(plain(found.error), icon=":material/error:")
    if found.why_session is not None:
        _draw_session(found.why_session)
    draw_said()
    try:
        names = found.lists.names
        if not names:
            _draw_empty(view)
            return
        name = _chosen(view, names)
        exclusion_list = found.lists.of(name)
    except ChameleonError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _draw_list(view, found, exclusion_list)


def _draw_session(why: str) -> None:
    st.info(
        f"These lists are kept in this session only: {plain(why)}. Download them before you "
        "leave, and upload them again next time.",
        icon=":material/hourglass_top:",
    )


def _draw_empty(view: View) -> None:
    st.markdown(
        "An exclusion list names instances to leave out, such as broken recordings or wrong "
        "labels, each with a reason. It deletes nothing. See which instances it affects and what a "
        "model without them gets right, and export a filter for your code."
    )
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### Begin a list")
        _draw_put(view)
    with right:
        st.markdown("##### Or bring one along")
        exclusion_list_files.draw_import(view, None)
        exclusion_list_files.draw_upload(view)


def _draw_put(view: View) -> None:
    selection = view.selection
    instances = pl.Series(dtype=pl.String)
    if selection.filters.is_empty and selection.primary_only.is_empty:
        st.caption(
            "Set filters in the sidebar, or click into any view: the instances of the primary "
            "version that they leave can be put on a list here. The Instances and Failures pages "
            "put single ones on."
        )
    else:
        dataset = view.evaluation.dataset
        side, _ = held_rows(view.evaluation, selection)
        mask = np.zeros(dataset.instance_count, dtype=np.bool_)
        mask[dataset.instance[np.flatnonzero(side)]] = True
        mask &= instance_mask(view.evaluation, selection)
        instances = dataset.instance_ids.filter(pl.Series(mask))
        st.caption(
            f"The filters leave {len(instances):,} instances of "
            f"{plain(shortened(selection.primary))}."
        )
    draw_put_form(view, instances, key="exclusion-list-put")


def _chosen(view: View, names: tuple[str, ...]) -> str:
    """The list looked at, with what can be done to the list as a whole."""
    st.session_state[_CHOICE] = names.index(chosen_list(view.evaluation) or names[0])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.selectbox(
            "List",
            range(len(names)),
            key=_CHOICE,
            format_func=lambda at: shortened(names[at]),
            on_change=lambda: choose_list(names[st.session_state[_CHOICE]]),
            width=320,
        )
        name = names[place]
        with st.popover("Rename…", icon=":material/edit:"):
            st.text_input("New name", key="exclusion-list-new-name", max_chars=LONGEST_NAME)
            st.button("Rename", key="exclusion-list-rename", on_click=_rename, args=(view, name))
        with st.popover("Delete…", icon=":material/delete:"):
            st.markdown(f"Delete **{plain(name)}** with all entries, rules and reasons?")
            sure = st.checkbox("Yes, for everybody", key="exclusion-list-sure")
            st.button(
                "Delete the list", key="exclusion-list-delete", disabled=not sure, type="primary",
                on_click=_delete, args=(view, name),
            )  # fmt: skip
    return name


def _rename(view: View, name: str) -> None:
    def change() -> str:
        new = shelf(view.evaluation).lists.rename(name, st.session_state["exclusion-list-new-name"])
        choose_list(new)
        return f"'{shortened(name)}' is now called '{shortened(new)}'."

    changing(change)


def _delete(view: View, name: str) -> None:
    def change() -> str:
        shelf(view.evaluation).lists.delete(name)
        st.session_state["exclusion-list-sure"] = False
        return f"'{shortened(name)}' is deleted."

    changing(change)


def _draw_list(view: View, found: Shelf, exclusion_list: ExclusionList) -> None:
    primary = view.selection.primary
    seen = _seen_of(view, exclusion_list)
    members, hits = seen.members, seen.hits
    with st.container():  # see `draw_said`
        for complaint in seen.complaints:
            st.warning(plain(f"{complaint} It is passed over here."), icon=":material/rule:")
    (hit, of), *_ = hits.filter(by="version").select("instances", "of").iter_rows()
    entries, rules = len(exclusion_list.entries), len(exclusion_list.rules)
    st.markdown(
        f"**{hit:,} of {of:,} instances** of {plain(shortened(primary))} are on this list "
        f"({entries:,} entr{'y' if entries == 1 else 'ies'}, "
        f"{rules:,} rule{'' if rules == 1 else 's'}).{_elsewhere(members)}"
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_members(members)
        _draw_rules(view, exclusion_list)
        _draw_take_off(view, exclusion_list)
    with right:
        _draw_hits(hits)
    with st.expander("Put more on this or another list", icon=":material/playlist_add:"):
        _draw_put(view)
    with st.expander("Export and import", icon=":material/swap_vert:"):
        exclusion_list_files.draw(view, found, seen.applied, members)
    what_if.draw(view, exclusion_list.name, seen.instances, hits)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a version says of a list, and of its rules those that can be applied to it."""

    applied: ExclusionList
    complaints: tuple[str, ...]
    members: pl.DataFrame
    hits: pl.DataFrame
    instances: pl.Series


@kept(max_entries=8)
def _seen(
    key: str, layout: str, version: str, content: str, _evaluation: Evaluation,
    _exclusion_list: ExclusionList,
) -> _Seen:  # fmt: skip
    rules: list[ExclusionRule] = []
    complaints: list[str] = []
    for rule in _exclusion_list.rules:
        try:
            rule_mask(_evaluation, rule, version=version)
            rules.append(rule)
        except SelectionError as error:
            complaints.append(str(error))
    applied = replace(_exclusion_list, rules=tuple(rules))
    mask = excluded_mask(_evaluation, applied, version=version)
    return _Seen(
        applied=applied,
        complaints=tuple(complaints),
        members=exclusion_list_members(_evaluation, applied, version=version),
        hits=exclusion_list_counts(_evaluation, applied, version=version),
        instances=_evaluation.dataset.instance_ids.filter(pl.Series(mask)),
    )


def _seen_of(view: View, exclusion_list: ExclusionList) -> _Seen:
    evaluation = view.evaluation
    layout = "" if evaluation.layout is None else evaluation.layout.key
    content = digest(
        exclusion_list.entries.hash_rows().to_numpy().tobytes(), repr(exclusion_list.rules)
    )
    return _seen(
        evaluation.key, layout, view.selection.primary, content, evaluation, exclusion_list
    )


def _elsewhere(members: pl.DataFrame) -> str:
    entries = members.filter(by="entry")
    unknown = int((~entries["known"]).sum())
    absent = int((~entries["held"]).sum()) - unknown
    said = []
    if absent:
        said.append(f"{absent:,} more are in other versions only")
    if unknown:
        said.append(f"{unknown:,} in no version")
    return f" Of the entries, {' and '.join(said)}." if said else ""


def _draw_members(members: pl.DataFrame) -> None:
    st.markdown("##### Who is on it")
    if members.is_empty():
        st.info(
            "Nobody yet. Set filters and put what they leave on the list, below.",
            icon=":material/info:",
        )
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
        pl.col("held").alias("in this version"),
    )  # fmt: skip
    if shown["source"].null_count() == len(shown):
        shown = shown.drop("source")
    draw_table(shown, key="exclusion-list-members", height=min(38 + 35 * len(shown), 420))
    if len(members) > _SHOWN:
        st.caption(f"The first {_SHOWN:,} of {len(members):,}; the export below holds all.")


def _draw_rules(view: View, exclusion_list: ExclusionList) -> None:
    for rule in exclusion_list.rules:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Take off",
                icon=":material/close:",
                key=f"exclusion-list-rule-{rule.number}",
                type="tertiary",
                help=f"Take rule {rule.number} off this list",
                on_click=_take_off_rule,
                args=(view, exclusion_list.name, rule),
            )
            st.markdown(
                f"**Rule {rule.number}**: {plain(_rule_words(view, rule))}"
                f" :gray[:small[made at {plain(shortened(rule.primary, 20))} against "
                f"{plain(shortened(rule.secondary, 20))}]]"
            )
    if exclusion_list.rules:
        st.caption(
            "A rule is applied to whichever version is the primary: as if it were looked at "
            "against the version as many steps away as when the rule was made."
        )


def _rule_words(view: View, rule: ExclusionRule) -> str:
    kinds = view.evaluation.dataset.project.kinds
    try:
        selection = rule_selection(view.evaluation, rule, version=view.selection.primary)
        return filters_words((selection.filters, selection.primary_only), kinds, "everything")
    except (ChameleonError, KeyError):  # of a feature that is gone
        return shortened(rule.query, 120)


def _draw_take_off(view: View, exclusion_list: ExclusionList) -> None:
    if exclusion_list.entries.is_empty():
        return
    key = "exclusion-list-take-off"
    ids = exclusion_list.entries["instance"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = ""
        if len(ids) > _OFFERED:
            asked = st.text_input("Search ids", key="exclusion-list-search", width=180)
        offered = ids.filter(ids.str.contains(asked, literal=True)).head(_OFFERED).to_list()
        chosen = st.multiselect(
            "Take entries off", offered, key=key, placeholder="Choose ids", format_func=shortened
        )
        st.button(
            "Take off", key="exclusion-list-take-off-go", disabled=not chosen,
            on_click=_take_off, args=(view, exclusion_list.name, key),
        )  # fmt: skip
    if len(ids) > _OFFERED:
        st.caption(f"{_OFFERED:,} of {len(ids):,} ids at most are offered: search for others.")


def _take_off(view: View, name: str, key: str) -> None:
    def change() -> str:
        count = shelf(view.evaluation).lists.take_off(name, st.session_state[key])
        st.session_state[key] = []
        return f"{count:,} taken off '{shortened(name)}'."

    changing(change)


def _take_off_rule(view: View, name: str, rule: ExclusionRule) -> None:
    def change() -> str:
        gone = shelf(view.evaluation).lists.take_off_rule(name, rule.number)
        return f"Rule {rule.number} {'taken off' if gone else 'was off already'}."

    changing(change)


def _draw_hits(hits: pl.DataFrame) -> None:
    st.markdown("##### Whom it hits")
    shown = hits.filter(pl.col("by") != "version").select(
        "by", pl.col("group").fill_null("(none)"), "instances", "of", "share"
    )
    bar = st.column_config.ProgressColumn(
        "share", min_value=0.0, max_value=1.0, format="percent", width=120
    )
    draw_table(
        shown, key="exclusion-list-hits", height=min(38 + 35 * len(shown), 560),
        column_config={"share": bar},
    )  # fmt: skip
