"""The Overview: the change of data and predictions on one screen, with the dataset info table."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import partial

import streamlit as st

from chameleon import analysis
from chameleon.app import changes, embedding, features, guide, sensitivity
from chameleon.app.formatting import figure, shortened
from chameleon.app.view import View, in_order


def draw(view: View) -> None:
    """At the left info, embedding, matrix, and sensitivity; at the right the Feature View."""
    guide.draw_introduction(view)
    with st.container(key="overview"):
        left, right = st.columns([3, 7], gap="medium")
        draw_right = partial(features.draw_feature_view, view, key="overview-features")
        in_order(view, (left, partial(_draw_left, view)), (right, draw_right))


def _draw_left(view: View) -> None:
    _draw_info(view)
    embedding.draw_small(view)
    changes.draw_matrix(view, name="overview-matrix")
    sensitivity.draw_bars(view, name="overview-sensitivity")


def _draw_info(view: View) -> None:
    """Name and number of versions; date, size, and accuracies of both versions."""
    dataset = view.evaluation.dataset
    metrics = view.call(analysis.version_metrics)
    rows = {row["version"]: row for row in metrics.iter_rows(named=True)}
    figures = [rows[version] for version in view.versions.values()]
    found = view.call(analysis.selected)
    outcomes = tuple(zip(figures, found.outcomes, strict=True))
    facts = {
        "date": [str(row["date"] or "-") for row in figures],
        "instances": [
            f"{shown:,}" if shown == row["instances"] else f"{shown:,} of {row['instances']:,}"
            for row, shown in zip(figures, (found.of_primary, found.of_secondary), strict=True)
        ],
        "train acc.": [_accuracy(view, *pair, "train") for pair in outcomes],
        "test acc.": [_accuracy(view, *pair, "test") for pair in outcomes],
        "note": [html.escape(str(row["note"] or "-")) for row in figures],
    }
    body = "".join(
        f'<tr><th scope="row">{name}</th><td>{a}</td><td>{b}</td></tr>'
        for name, (a, b) in facts.items()
    )
    sides = list(view.sides.values())
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
    view: View, row: Mapping[str, object], outcomes: Mapping[str, tuple[int, int]], split: str
) -> str:
    """The side's accuracy with its denominator, or why it is undefined."""
    correct, known = outcomes[split]
    if not known:
        reason = row[f"{split}_accuracy_reason"] or "no instance of this side has an outcome"
        return "being computed" if view.pending else f"- <small>{html.escape(str(reason))}</small>"
    total, unknown = row[f"{split}_instances"], row[f"{split}_unknown"]
    whole = known == int(str(total)) - int(str(unknown))
    left_out = f", {unknown:,} unknown left out" if unknown and whole else ""
    return f"<b>{figure(correct / known)}</b> <small>of {known:,}{left_out}</small>"
