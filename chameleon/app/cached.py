"""The library's functions, each result kept by what it was asked for.

Keys are the evaluation's digest and the query string of the selection, never a frame: Streamlit
hashes only a sample of a large one. Results are shared and must not be changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from chameleon import analysis
from chameleon.analysis import (
    Attribution,
    ChangeStatistics,
    Selected,
    Slices,
    attribute_change,
    cell_groups,
    change_statistics,
    changed_slices,
    class_changes,
    data_check,
    embedding_cells,
    feature_correlations,
    feature_histograms,
    feature_labels,
    feature_over_versions,
    feature_ranking,
    feature_summary,
    most_sensitive,
    prediction_changes,
    prediction_changes_by,
    selected,
    sensitivity,
    subset_distances,
    timeline_changes,
    version_metrics,
    version_sizes,
)
from chameleon.app.result_cache import kept
from chameleon.models import Evaluation, golden_key
from chameleon.project import Problem, Version
from chameleon.selection import Filters, Selection, SensitivityRange


@kept(max_entries=8)
def _metrics(key: str, versions: tuple[Version, ...], _evaluation: Evaluation) -> pl.DataFrame:
    return version_metrics(_evaluation)


@kept(max_entries=8)
def _sizes(key: str, _evaluation: Evaluation) -> pl.DataFrame:
    return version_sizes(_evaluation)


@kept(max_entries=8, show_spinner="Comparing all versions…")
def _changes(key: str, _evaluation: Evaluation) -> pl.DataFrame:
    return timeline_changes(_evaluation.dataset)


@kept(max_entries=8, show_spinner="Looking for what is odd…")
def _notices(
    key: str,
    versions: tuple[Version, ...],
    problems: tuple[Problem, ...],
    _evaluation: Evaluation,
) -> pl.DataFrame:
    return data_check(_evaluation.dataset, problems)


@kept(max_entries=64)
def _histograms(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return feature_histograms(_evaluation, **_sides(_s))


@kept(max_entries=16)
def _labels(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return feature_labels(
        _evaluation,
        primary=_s.primary,
        secondary=_s.secondary,
        filters=_s.filters,
        primary_only=_s.primary_only,
    )


@kept(max_entries=16)
def _over_versions(
    key: str, query: str, feature: str, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return feature_over_versions(
        _evaluation, feature, primary=_s.primary, secondary=_s.secondary, filters=_s.filters
    )


@kept(max_entries=16)
def _summary(key: str, primary: str, secondary: str, _evaluation: Evaluation) -> pl.DataFrame:
    return feature_summary(_evaluation, primary=primary, secondary=secondary)


@kept(max_entries=64)
def _ranking(key: str, query: str, _histograms_frame: pl.DataFrame) -> pl.DataFrame:
    return feature_ranking(_histograms_frame)


@kept(max_entries=64)
def _selected(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> Selected:
    return selected(_evaluation, _s)


@kept(max_entries=32)
def _changes_matrix(
    key: str, query: str, same_label: bool, _evaluation: Evaluation, _s: Selection
) -> tuple[pl.DataFrame, ChangeStatistics]:
    options: dict[str, Any] = {**_sides(_s), "same_label": same_label}
    return prediction_changes(_evaluation, **options), change_statistics(_evaluation, **options)


@kept(max_entries=32)
def _changes_by(
    key: str, query: str, by: str, same_label: bool, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return prediction_changes_by(_evaluation, by, **_sides(_s), same_label=same_label)


@kept(max_entries=32)
def _class_changes(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return class_changes(_evaluation, **_sides(_s))


@kept(max_entries=32)
def _sensitivity(
    key: str, query: str, over: SensitivityRange, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return sensitivity(_evaluation, **_over(over, _s))


@kept(max_entries=16)
def _most_sensitive(
    key: str, query: str, over: SensitivityRange, most: int, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return most_sensitive(_evaluation, **_over(over, _s), most=most)


@kept(max_entries=32)
def _embedding(
    key: str, layout: str, query: str, cells: int, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return embedding_cells(_evaluation, **_sides(_s), cells=cells)


@kept(max_entries=32)
def _groups(
    key: str, layout: str, query: str, cells: int, by: str, _evaluation: Evaluation, _s: Selection
) -> pl.DataFrame:
    return cell_groups(
        _evaluation,
        by,
        primary=_s.primary,
        secondary=_s.secondary,
        filters=_s.filters,
        primary_only=_s.primary_only,
        cells=cells,
    )


@kept(max_entries=16, show_spinner="Correlating features…")
def _correlations(key: str, query: str, _evaluation: Evaluation, _s: Selection) -> pl.DataFrame:
    return feature_correlations(
        _evaluation,
        primary=_s.primary,
        secondary=_s.secondary,
        filters=_s.filters,
        primary_only=_s.primary_only,
    )


@kept(max_entries=32)
def _attribution(
    key: str, before: str, after: str, metric: str, of_class: str | None, without_twins: bool,
    _evaluation: Evaluation,
) -> Attribution:  # fmt: skip
    return attribute_change(
        _evaluation,
        before=before,
        after=after,
        metric=metric,
        of_class=of_class,
        without_twins=without_twins,
    )


@kept(max_entries=16, show_spinner="Looking for groups that changed…")
def _slices(key: str, before: str, after: str, _evaluation: Evaluation) -> Slices:
    return changed_slices(_evaluation, before=before, after=after)


@kept(max_entries=16)
def _model_on_tests(
    key: str, metric: str, of_class: str | None, _evaluation: Evaluation
) -> pl.DataFrame:
    return analysis.model_on_tests(_evaluation, metric=metric, of_class=of_class)


@kept(max_entries=16)
def _frozen_test(
    key: str, test: str, metric: str, of_class: str | None, _evaluation: Evaluation
) -> pl.DataFrame:
    return analysis.frozen_test(_evaluation, test=test, metric=metric, of_class=of_class)


@kept(max_entries=16, show_spinner="Asking all models about the golden test set…")
def _golden_test(
    key: str, golden: str, metric: str, of_class: str | None, _evaluation: Evaluation
) -> pl.DataFrame:
    return analysis.frozen_test(_evaluation, golden=True, metric=metric, of_class=of_class)


def _sides(selection: Selection) -> dict[str, Any]:
    """A selection as the arguments that the library's functions share."""
    return {
        "primary": selection.primary,
        "secondary": selection.secondary,
        "filters": selection.filters,
        "primary_only": selection.primary_only,
        "secondary_only": selection.secondary_only,
    }


def _over(over: SensitivityRange, selection: Selection) -> dict[str, Any]:
    return {
        "first": over.first,
        "last": over.last,
        "held_only": over.held_only,
        "classes": over.classes,
        "filters": selection.filters,
        "primary": selection.primary,
        "secondary": selection.secondary,
    }


def metrics(evaluation: Evaluation) -> pl.DataFrame:
    """`version_metrics` of the evaluation."""
    # dates and notes may change in chameleon.toml without the data
    return _metrics(evaluation.key, evaluation.dataset.versions, evaluation)


def sizes(evaluation: Evaluation) -> pl.DataFrame:
    """`version_sizes` of the evaluation."""
    return _sizes(evaluation.key, evaluation)


def notices(evaluation: Evaluation) -> pl.DataFrame:
    """`check` of the evaluation."""
    # what is wrong with a version that is left out changes no number of the others
    return _notices(evaluation.key, evaluation.dataset.versions, evaluation.problems, evaluation)


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


def change_matrix(
    evaluation: Evaluation, selection: Selection, *, same_label: bool
) -> tuple[pl.DataFrame, ChangeStatistics]:
    """`prediction_changes` and `change_statistics` under the selection."""
    query = selection.to_query_string()
    return _changes_matrix(evaluation.key, query, same_label, evaluation, selection)


def change_matrix_by(
    evaluation: Evaluation, selection: Selection, by: str, *, same_label: bool
) -> pl.DataFrame:
    """`prediction_changes_by` under the selection."""
    query = selection.to_query_string()
    return _changes_by(evaluation.key, query, by, same_label, evaluation, selection)


def changed_classes(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`class_changes` under the selection."""
    return _class_changes(evaluation.key, selection.to_query_string(), evaluation, selection)


def sensitivity_bars(
    evaluation: Evaluation, selection: Selection, over: SensitivityRange
) -> pl.DataFrame:
    """`sensitivity` over a range of versions, under the selection."""
    return _sensitivity(evaluation.key, selection.to_query_string(), over, evaluation, selection)


def sensitive_instances(
    evaluation: Evaluation, selection: Selection, over: SensitivityRange, *, most: int
) -> pl.DataFrame:
    """`most_sensitive` over a range of versions, under the selection."""
    query = selection.to_query_string()
    return _most_sensitive(evaluation.key, query, over, most, evaluation, selection)


def embedding(evaluation: Evaluation, selection: Selection, *, cells: int) -> pl.DataFrame:
    """`embedding_cells` under the selection."""
    layout = "" if evaluation.layout is None else evaluation.layout.key
    query = selection.to_query_string()
    return _embedding(evaluation.key, layout, query, cells, evaluation, selection)


def embedding_groups(
    evaluation: Evaluation, selection: Selection, by: str, *, cells: int
) -> pl.DataFrame:
    """`cell_groups` under the selection."""
    layout = "" if evaluation.layout is None else evaluation.layout.key
    query = selection.to_query_string()
    return _groups(evaluation.key, layout, query, cells, by, evaluation, selection)


def correlations(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_correlations` under the selection."""
    return _correlations(evaluation.key, selection.to_query_string(), evaluation, selection)


def subset_distance(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`subset_distances` of the selection's filters."""
    whole = histograms(evaluation, replace(selection, filters=Filters()))
    return subset_distances(histograms(evaluation, selection), whole)


def attribution(
    evaluation: Evaluation,
    before: str,
    after: str,
    metric: str,
    of_class: str | None,
    *,
    without_twins: bool,
) -> Attribution:
    """`attribute_change` between two versions."""
    return _attribution(evaluation.key, before, after, metric, of_class, without_twins, evaluation)


def slices(evaluation: Evaluation, before: str, after: str) -> Slices:
    """`changed_slices` between two versions."""
    return _slices(evaluation.key, before, after, evaluation)


def model_on_tests(evaluation: Evaluation, metric: str, of_class: str | None) -> pl.DataFrame:
    """`model_on_tests` of a metric."""
    return _model_on_tests(evaluation.key, metric, of_class, evaluation)


def frozen_test(
    evaluation: Evaluation, test: str | None, metric: str, of_class: str | None
) -> pl.DataFrame:
    """`frozen_test` on one version's test set; on the golden one where no version is named.

    Raises
    ------
    ChameleonError
        The golden test set cannot be used.
    """
    if test is not None:
        return _frozen_test(evaluation.key, test, metric, of_class, evaluation)
    golden = golden_key(evaluation.dataset.project)
    return _golden_test(evaluation.key, golden, metric, of_class, evaluation)
