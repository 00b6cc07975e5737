"""The library's functions, each result kept for all visitors by what it was asked for.

Keys are the evaluation's digest and the query string of the selection, never a frame: Streamlit
hashes only a sample of a large one. Results are shared and must not be changed.
"""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon.analysis.comparison import timeline_changes
from chameleon.analysis.histograms import (
    feature_histograms,
    feature_labels,
    feature_over_versions,
    feature_summary,
)
from chameleon.analysis.metrics import version_metrics, version_sizes
from chameleon.analysis.ranking import feature_ranking
from chameleon.analysis.selected import Selected, selected
from chameleon.models import Evaluation
from chameleon.project import Version
from chameleon.selection import Selection


@st.cache_resource(max_entries=8, show_spinner=False)
def _metrics(key: str, versions: tuple[Version, ...], _evaluation: Evaluation) -> pl.DataFrame:
    return version_metrics(_evaluation)


@st.cache_resource(max_entries=8, show_spinner=False)
def _sizes(key: str, _evaluation: Evaluation) -> pl.DataFrame:
    return version_sizes(_evaluation)


@st.cache_resource(max_entries=8, show_spinner="Comparing all versions…")
def _changes(key: str, _evaluation: Evaluation) -> pl.DataFrame:
    return timeline_changes(_evaluation.dataset)


@st.cache_resource(max_entries=64, show_spinner=False)
def _histograms(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return feature_histograms(
        _evaluation, primary=_s.primary, secondary=_s.secondary, filters=_s.filters
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _labels(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return feature_labels(
        _evaluation, primary=_s.primary, secondary=_s.secondary, filters=_s.filters
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _over_versions(
    key: str, query: str, feature: str, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return feature_over_versions(
        _evaluation, feature, primary=_s.primary, secondary=_s.secondary, filters=_s.filters
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _summary(key: str, primary: str, secondary: str, _evaluation: Evaluation) -> pl.DataFrame:
    return feature_summary(_evaluation, primary=primary, secondary=secondary)


@st.cache_resource(max_entries=64, show_spinner=False)
def _ranking(key: str, query: str, _histograms_frame: pl.DataFrame) -> pl.DataFrame:
    return feature_ranking(_histograms_frame)


@st.cache_resource(max_entries=64, show_spinner=False)
def _selected(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> Selected:
    return selected(_evaluation, _s)


def metrics(evaluation: Evaluation) -> pl.DataFrame:
    """`version_metrics` of the evaluation."""
    # dates and notes may change in chameleon.toml without the data
    return _metrics(evaluation.key, evaluation.dataset.versions, evaluation)


def sizes(evaluation: Evaluation) -> pl.DataFrame:
    """`version_sizes` of the evaluation."""
    return _sizes(evaluation.key, evaluation)


def changes(evaluation: Evaluation) -> pl.DataFrame:
    """`timeline_changes` of the evaluation's dataset."""
    return _changes(evaluation.dataset.key, evaluation)


def histograms(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_histograms` under the selection."""
    return _histograms(evaluation.key, selection.to_query_string(), evaluation, selection)


def labels(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_labels` under the selection."""
    return _labels(evaluation.key, selection.to_query_string(), evaluation, selection)


def over_versions(evaluation: Evaluation, selection: Selection, feature: str) -> pl.DataFrame:
    """`feature_over_versions` of one feature under the selection."""
    query = selection.to_query_string()
    return _over_versions(evaluation.key, query, feature, evaluation, selection)


def summary(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_summary` of the two versions."""
    return _summary(evaluation.key, selection.primary, selection.secondary, evaluation)


def ranking(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_ranking` under the selection."""
    frame = histograms(evaluation, selection)
    return _ranking(evaluation.key, selection.to_query_string(), frame)


def selected_counts(evaluation: Evaluation, selection: Selection) -> Selected:
    """`selected` under the selection."""
    return _selected(evaluation.key, selection.to_query_string(), evaluation, selection)
