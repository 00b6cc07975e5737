"""The dataset info table, and the list of what was found wrong."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from chameleon import analysis
from chameleon.app import cached
from chameleon.app.formatting import figure, plain, shortened, side_words
from chameleon.app.view import View
from chameleon.models import Evaluation
from chameleon.project import Finding, Severity

NARROW = """<style>
.chameleon-about { overflow-wrap: anywhere; margin-bottom: 4px; }
.chameleon-info { width: 100%; border-collapse: collapse; font-size: 0.8125rem; table-layout: fixed;
  font-variant-numeric: tabular-nums; }
.chameleon-info th { font-weight: 600; }
.chameleon-info th:first-child { width: 5.2rem; white-space: nowrap; }
.chameleon-info small { opacity: 0.75; }
.chameleon-info th, .chameleon-info td { padding: 2px 8px 2px 0; text-align: left;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent);
  overflow-wrap: anywhere; }
.chameleon-primary { color: light-dark(#1f6399, #79bdf0); font-weight: 600; }
.chameleon-secondary { color: light-dark(#ad2a6e, #f6a0be); font-weight: 600; }
</style>"""

ICONS = {
    Severity.ERROR: ":material/error:",
    Severity.WARNING: ":material/warning:",
    Severity.NOTE: ":material/info:",
}
_SHOWN = 12


def dataset_info(view: View) -> None:
    """Name, number of versions, and date, size and accuracies of both versions."""
    evaluation, selection = view.evaluation, view.selection
    dataset = evaluation.dataset
    rows = {
        row["version"]: row
        for row in cached.call(analysis.version_metrics, evaluation).iter_rows(named=True)
    }
    figures = (rows[selection.primary], rows[selection.secondary])
    counted = cached.call(analysis.selected, evaluation, selection)
    judged = tuple(zip(figures, counted.outcomes, strict=True))
    facts = {
        "date": [str(row["date"] or "-") for row in figures],
        "instances": [
            f"{held:,}" if held == row["instances"] else f"{held:,} of {row['instances']:,}"
            for row, held in zip(figures, (counted.of_primary, counted.of_secondary), strict=True)
        ],
        "train acc.": [_accuracy(view, *pair, "train") for pair in judged],
        "test acc.": [_accuracy(view, *pair, "test") for pair in judged],
        "note": [html.escape(str(row["note"] or "-")) for row in figures],
    }
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{a}</td><td>{b}</td></tr>'
        for name, (a, b) in facts.items()
    )
    sides = [side_words(selection, primary=primary) for primary in (True, False)]
    theme = st.context.theme.type or "light"
    st.html(
        f'<div style="color-scheme: {theme}">'
        f'<div class="chameleon-about"><b>{_name(dataset.project.name)}</b>, '
        f"{len(dataset.versions)} versions, {len(dataset.features)} features</div>"
        '<table class="chameleon-info" aria-label="Dataset info"><thead><tr><th></th>'
        f'<th class="chameleon-primary">primary {_name(sides[0])}</th>'
        f'<th class="chameleon-secondary">secondary {_name(sides[1])}</th>'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _name(name: str) -> str:
    return f'<span title="{html.escape(name)}">{html.escape(shortened(name))}</span>'


def _accuracy(
    view: View,
    row: Mapping[str, object],
    outcomes: Mapping[str, tuple[int, int]],
    split: str,
) -> str:
    """The side's accuracy with its denominator, or why there is none."""
    correct, known = outcomes[split]
    if not known:
        reason = row[f"{split}_accuracy_reason"] or "no instance of this side has an outcome"
        return "being computed" if view.pending else f"- <small>{html.escape(str(reason))}</small>"
    total, unknown = row[f"{split}_instances"], row[f"{split}_unknown"]
    whole = known == int(str(total)) - int(str(unknown))
    left_out = f", {unknown:,} unknown left out" if unknown and whole else ""
    return f"<b>{figure(correct / known)}</b> <small>of {known:,}{left_out}</small>"


def problem_list(evaluation: Evaluation) -> None:
    """Draw the problems, the worst first, for visitors to open."""
    st.caption(f"Model: {plain(evaluation.model)}")
    findings = evaluation.findings
    if not findings:
        st.caption("No problems were found in this project.")
        return
    problem_lines(findings)


def problem_lines(findings: Sequence[Finding]) -> None:
    """Problems to open, the worst first; nothing where there is none."""
    if not findings:
        return
    worst = min(findings, key=_rank).severity
    noun = "note on the data" if worst is Severity.NOTE else "problem found"
    counted = f"{len(findings)} {noun if len(findings) == 1 else noun.replace(' ', 's ', 1)}"
    with st.expander(counted, icon=ICONS[worst], expanded=worst is Severity.ERROR):
        ordered = sorted(findings, key=_rank)
        for finding in ordered[:_SHOWN]:
            st.markdown(f"{ICONS[finding.severity]} {plain(finding.message)}")
        if len(ordered) > _SHOWN:
            rest = "\n\n".join(plain(finding.message) for finding in ordered[_SHOWN:])
            with st.popover(f"{len(ordered) - _SHOWN} more"):
                st.markdown(rest)


def _rank(finding: Finding) -> int:
    return list(Severity).index(finding.severity)
