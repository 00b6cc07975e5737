"""The Data check page: findings by version and kind; and the list of findings for other pages."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import cached
from chameleon.app.formatting import counted, plain, shortened
from chameleon.app.view import View, draw_empty, draw_table
from chameleon.project import Finding, FindingKind, Severity

_ICONS = {
    Severity.ERROR: ":material/error:",
    Severity.WARNING: ":material/warning:",
    Severity.NOTE: ":material/info:",
}
_COUNTS = [f"{severity.value}s" for severity in Severity]
_SEVERITIES = "check-severities"
_VERSION = "check-version"
_EVERY = -1
_SHOWN, _LISTED = 8, 12
_KINDS = [kind for kind in FindingKind if kind not in (FindingKind.UNUSABLE, FindingKind.OTHER)]
_LOOKED_FOR = (
    f"Looked for: {', '.join(_KINDS)}. Whole versions are checked: filters don't apply here."
)


def draw(view: View) -> None:
    """Counts by version, then every finding under its kind, then all of them as a table."""
    dataset = view.evaluation.dataset
    findings = cached.call(analysis.data_check, dataset, findings=view.evaluation.findings)
    names = view.version_names
    names += [n for n in findings["version"].unique().sort().drop_nulls() if n not in names]
    if findings.is_empty():
        st.success(f"No findings in {counted(len(names), 'version')}.", icon=":material/check:")
        st.caption(_LOOKED_FOR)
        return
    chosen = _chosen(findings, names)
    st.markdown("##### Which versions have findings?")
    narrow = st.column_config.NumberColumn(width=70)
    draw_table(
        _by_version(findings, names), key="check-versions",
        column_config=dict.fromkeys(_COUNTS, narrow),
    )  # fmt: skip
    st.markdown("##### What are the findings?")
    if chosen.is_empty():
        draw_empty("No findings of that severity. Choose another severity, or all versions.")
        return
    for kind in chosen["kind"].unique(maintain_order=True):
        _draw_kind(kind, chosen.filter(kind=kind))
    with st.expander("All findings as a table"):
        draw_table(chosen.with_columns(pl.col("examples").list.join(", ")), key="check-table")
    st.caption(_LOOKED_FOR)


def _chosen(findings: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        counts = dict(findings["severity"].value_counts().iter_rows())
        severities = st.pills(
            "Severity", [severity.value for severity in Severity if severity in counts],
            selection_mode="multi", key=_SEVERITIES, help="None chosen: all.",
            format_func=lambda severity: f"{severity} ({counts.get(severity, 0):,})",
        )  # fmt: skip
        places = [_EVERY, *range(len(names))]
        if st.session_state.get(_VERSION) not in places:
            st.session_state[_VERSION] = _EVERY  # of another project
        place = st.selectbox(
            "Version", places, key=_VERSION, width=260,
            format_func=lambda at: "All versions" if at == _EVERY else shortened(names[at]),
        )  # fmt: skip
    if severities:
        findings = findings.filter(pl.col("severity").is_in(severities))
    return findings if place == _EVERY else findings.filter(version=names[place])


def _by_version(findings: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """One row per version: findings of each severity, and their kinds."""
    by_severity = findings.group_by("version").agg(
        *((pl.col("severity") == one.value).sum().alias(f"{one.value}s") for one in Severity),
        pl.col("kind").unique(maintain_order=True).str.join(", ").alias("findings"),
    )
    every = pl.DataFrame({"version": names}, schema={"version": pl.String})
    return every.join(by_severity, on="version", how="left", maintain_order="left").with_columns(
        pl.col(_COUNTS).fill_null(0), pl.col("findings").fill_null("none")
    )


def _draw_kind(kind: str, findings: pl.DataFrame) -> None:
    severity = Severity(findings["severity"][0])
    versions = counted(findings["version"].n_unique(), "version")
    title = f"{kind.capitalize()}: {len(findings):,} in {versions}"
    with st.expander(title, icon=_ICONS[severity], expanded=severity is not Severity.NOTE):
        for row in findings.head(_SHOWN).iter_rows(named=True):
            st.markdown(f"{_ICONS[Severity(row['severity'])]} {plain(row['message'])}")
        if len(findings) > _SHOWN:
            st.caption(f"and {len(findings) - _SHOWN:,} more, in the table below.")
        for action in findings["action"].unique(maintain_order=True):
            st.caption(f"How it was handled: {plain(action)}")


def draw_findings(findings: Sequence[Finding]) -> None:
    """Findings in an expander, the worst first; nothing where there are none."""
    if not findings:
        return
    ordered = sorted(findings, key=lambda finding: list(Severity).index(finding.severity))
    worst = ordered[0].severity
    count = counted(len(findings), "note" if worst is Severity.NOTE else "problem")
    title = f"{count} {'on the data' if worst is Severity.NOTE else 'found'}"
    with st.expander(title, icon=_ICONS[worst], expanded=worst is Severity.ERROR):
        for finding in ordered[:_LISTED]:
            st.markdown(f"{_ICONS[finding.severity]} {plain(finding.message)}")
        if len(ordered) > _LISTED:
            with st.popover(f"{len(ordered) - _LISTED} more"):
                st.markdown("\n\n".join(plain(finding.message) for finding in ordered[_LISTED:]))
