"""Library calls, each result cached by its arguments, for all visitors or for one.

Keys are digests of the evaluation and the selection, never frames: Streamlit hashes only a sample
of a large one. Results are shared and must not be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache, wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast

import polars as pl
import streamlit as st

from chameleon.analysis import (
    EVERYTHING,
    feature_histograms,
    feature_ranking,
    of_selection,
    selection_part,
    subset_distances,
    without_fields,
)
from chameleon.app import uploads
from chameleon.data import EvolvingDataset
from chameleon.models import Evaluation
from chameleon.selection import Filters, Selection
from chameleon.storage import MemoryCache, digest

Asked = ParamSpec("Asked")
Result = TypeVar("Result")
Subject = Evaluation | EvolvingDataset

_keys: MemoryCache[Subject, None, str] = MemoryCache(1)


@dataclass(frozen=True, slots=True)
class _Policy:
    """The caching of a function's results.

    `spinner` is shown while one is computed. `own` names the filters that the function's view
    highlights instead of applying them, beyond those that the function itself leaves out; "by" is
    the field that it groups by.
    """

    entries: int = 32
    spinner: str | Literal[False] = False
    own: tuple[str, ...] = ()


_STEP = ("data_changes",)
_POLICIES: Mapping[str, _Policy] = {
    "domain_classifier": _Policy(own=_STEP),
    "changed_slices": _Policy(16, "Searching for slices that changed…"),
    "data_changes_by": _Policy(64, own=("by",)),
    "data_check": _Policy(8, "Checking the data…"),
    "drift_over_versions": _Policy(16, "Measuring drift over all versions…"),
    "errors_by": _Policy(64, own=("by",)),
    "feature_correlations": _Policy(16, "Correlating features…"),
    "feature_drift": _Policy(spinner="Measuring drift…", own=_STEP),
    "feature_histograms": _Policy(64),
    "feature_labels": _Policy(16),
    "feature_over_versions": _Policy(16),
    "feature_summary": _Policy(16),
    "fixed_test_set": _Policy(16, "Evaluating all models on the test set…"),
    "group_drift": _Policy(spinner="Testing added and removed against shared…", own=_STEP),
    "instance_groups": _Policy(16),
    "iteration_kinds": _Policy(spinner="Classifying the step…"),
    "model_on_tests": _Policy(16),
    "most_sensitive": _Policy(16),
    "nearest_instances": _Policy(spinner="Searching for the nearest instances…"),
    "ranking": _Policy(64),
    "pair_facts": _Policy(64),
    "selected": _Policy(64),
    "story_payload": _Policy(4, "Preparing the timeline…"),
    "timeline_changes": _Policy(8, "Comparing all versions…"),
    "version_metrics": _Policy(8),
    "version_sizes": _Policy(8),
}
"""By the name of the function; others are cached as in `_Policy()`."""


def call(
    function: Callable[..., Result],
    subject: Subject,
    selection: Selection | None = None,
    *,
    also: object = None,
    given: Mapping[str, Any] | None = None,
    **options: object,
) -> Result:
    """The result of a library function, computed once for equal arguments.

    The selection is used without what the view only highlights; see `narrowed`. The result also
    depends on `also`, such as a file, and not on `given`: arguments that the others determine.
    """
    asked = selection and selection_part(function, narrowed(function, selection, options.get("by")))
    subjects = (subject,) if asked is None else (subject, asked)
    text = "" if asked is None else _selection_key(asked)
    key = f"{_subject_key(subject)} {text} {sorted(options.items())!r} {also!r}"
    return cast(
        "Result", _cache(function)(key, lambda: function(*subjects, **options, **(given or {})))
    )


def narrowed(function: Callable[..., object], selection: Selection, by: object = None) -> Selection:
    """The selection without the filters that the function's view highlights instead."""
    own = _policy(function).own
    return without_fields(selection, *(f"{by}s" if field == "by" else field for field in own))


@of_selection(*EVERYTHING)
def ranking(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`feature_ranking` under the selection."""
    return feature_ranking(call(feature_histograms, evaluation, selection))


def subset_distance(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """`subset_distances` of the selection's filters."""
    whole = replace(selection, filters=Filters())
    return subset_distances(
        *(call(feature_histograms, evaluation, asked) for asked in (selection, whole))
    )


def kept(
    *, max_entries: int, show_spinner: bool | str = False
) -> Callable[[Callable[Asked, Result]], Callable[Asked, Result]]:
    """A decorator that caches results by arguments, as `st.cache_resource` does.

    Arguments that begin with an underscore are no part of the key. Results of an upload are cached
    for that visit only, until its connection ends.
    """

    def decorate(function: Callable[Asked, Result]) -> Callable[Asked, Result]:
        def cached_in(scope: Literal["global", "session"]) -> Callable[Asked, Result]:
            decorate = st.cache_resource(
                max_entries=max_entries, show_spinner=show_spinner, scope=scope
            )
            return cast("Callable[Asked, Result]", decorate(function))

        shared, own = cached_in("global"), cached_in("session")

        @wraps(function)
        def choose(*args: Asked.args, **kwargs: Asked.kwargs) -> Result:
            return (own if uploads.is_shown() else shared)(*args, **kwargs)

        return choose

    return decorate


def _policy(function: Callable[..., object]) -> _Policy:
    return _POLICIES.get(function.__name__, _Policy())


@cache
def _cache(function: Callable[..., object]) -> Callable[[str, Callable[[], object]], object]:
    """The cache of a function: a function of a key and of the computation."""

    def computed(key: str, _compute: Callable[[], object]) -> object:
        return _compute()

    # Streamlit distinguishes caches by these names
    computed.__module__, computed.__qualname__ = function.__module__, function.__qualname__
    policy = _policy(function)
    return kept(max_entries=policy.entries, show_spinner=policy.spinner)(computed)


@lru_cache(maxsize=256)
def _selection_key(selection: Selection) -> str:
    return digest(selection.to_query_string())


def _subject_key(subject: Subject) -> str:
    """A digest of everything that results depend on: notes may change without the data."""
    dataset = subject.dataset if isinstance(subject, Evaluation) else subject
    return _keys.recall(subject, None, lambda: digest(subject.key, repr(dataset.versions)))
