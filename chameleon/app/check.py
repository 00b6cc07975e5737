"""The Data check page: what was noticed, by version and by kind, and what was done about it."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import cached
from chameleon.app.formatting import plain, shortened
from chameleon.app.info import ICONS
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_empty
from chameleon.project import FindingKind, Severity

_SEVERITIES = "check-severities"
_VERSION = "check-version"
_EVERY = -1
_SHOWN = 8
_LOOKED_FOR = tuple(
    kind for kind in FindingKind if kind not in (FindingKind.UNUSABLE, FindingKind.OTHER)
)


def draw(view: View) -> None:
    """Counts by version, then every notice under its kind, then all of them as a table."""
    notices = cached.call(
        analysis.data_check, view.evaluation.dataset, findings=view.evaluation.findings
    )
    names = [version.name for version in view.evaluation.dataset.versions]
    names += [name for name in notices["version"].unique().sort().drop_nulls() if name not in names]
    if notices.is_empty():
        st.success(f"Nothing was noticed in {_versions(len(names))}.", icon=":material/check:")
        st.caption(_looked_for())
        return
    chosen = _chosen(notices, names)
    st.markdown("##### In which versions?")
    narrow = st.column_config.NumberColumn(width=70)
    draw_table(
        _by_version(notices, names),
        key="check-versions",
        column_config=dict.fromkeys(("errors", "warnings", "notes"), narrow),
    )
    st.markdown("##### What was noticed?")
    if chosen.is_empty():
        draw_empty(
            "Nothing of that severity was noticed there. Choose another severity, or all versions."
        )
        return
    for kind in chosen["kind"].unique(maintain_order=True):
        _draw_kind(kind, chosen.filter(kind=kind))
    with st.expander("All of it as a table"):
        shown = chosen.with_columns(pl.col("examples").list.join(", "))
        draw_table(shown, key="check-table")
    st.caption(_looked_for())


def _chosen(notices: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        counts = dict(notices["severity"].value_counts().iter_rows())
        severities = st.pills(
            "Severity",
            [severity.value for severity in Severity if severity in counts],
            selection_mode="multi",
            key=_SEVERITIES,
            format_func=lambda severity: f"{severity} ({counts.get(severity, 0):,})",
            help="None chosen: all.",
        )
        places = [_EVERY, *range(len(names))]
        if st.session_state.get(_VERSION) not in places:
            st.session_state[_VERSION] = _EVERY  # of another project
        place = st.selectbox(
            "Version",
            places,
            key=_VERSION,
            format_func=lambda at: "All versions" if at == _EVERY else shortened(names[at]),
            width=260,
        )
    if severities:
        notices = notices.filter(pl.col("severity").is_in(severities))
    return notices if place == _EVERY else notices.filter(version=names[place])


def _by_version(notices: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """One row a version: how many notices of each severity it has, and of which kinds."""
    counted = notices.group_by("version").agg(
        *(
            (pl.col("severity") == severity.value).sum().alias(f"{severity.value}s")
            for severity in Severity
        ),
        pl.col("kind").unique(maintain_order=True).str.join(", ").alias("noticed"),
    )
    every = pl.DataFrame({"version": names}, schema={"version": pl.String})
    return every.join(counted, on="version", how="left", maintain_order="left").with_columns(
        pl.col("errors", "warnings", "notes").fill_null(0), pl.col("noticed").fill_null("nothing")
    )


def _draw_kind(kind: str, notices: pl.DataFrame) -> None:
    severity = Severity(notices["severity"][0])
    versions = notices["version"].n_unique()
    title = f"{kind.capitalize()}: {len(notices):,} in {_versions(versions)}"
    with st.expander(title, icon=ICONS[severity], expanded=severity is not Severity.NOTE):
        for row in notices.head(_SHOWN).iter_rows(named=True):
            st.markdown(f"{ICONS[Severity(row['severity'])]} {plain(row['message'])}")
        if len(notices) > _SHOWN:
            st.caption(f"and {len(notices) - _SHOWN:,} more, in the table below.")
        for done in notices["done"].unique(maintain_order=True):
            st.caption(f"What was done: {plain(done)}")


def _versions(count: int) -> str:
    return f"{count:,} version{'' if count == 1 else 's'}"


def _looked_for() -> str:
    return (
        f"Looked for: {', '.join(_LOOKED_FOR)}. The check is of whole versions: filters do not "
        "narrow it."
    )
