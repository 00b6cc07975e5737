"""The active filters as removable chips, with how many instances they leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import streamlit as st

from chameleon.app import cached, state
from chameleon.app.view import View
from chameleon.app.words import filter_words, plain, shortened
from chameleon.dataset import EvolvingDataset
from chameleon.filters import Choice, FeatureFilter, Filters


def draw(view: View) -> None:
    """Draw the chips and the count; nothing but the count where nothing is filtered."""
    counted = cached.selected_counts(view.evaluation, view.selection)
    filters = view.selection.filters
    if filters.is_empty:
        st.caption(
            f"All {counted.of:,} instances of {plain(shortened(view.selection.primary))} and "
            f"{plain(shortened(view.selection.secondary))}: nothing is filtered."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips"):
        st.markdown(f"**{counted.instances:,} of {counted.of:,} instances**", width="content")
        for number, choice in enumerate(filters.choices):
            label = _words(choice, view.evaluation.dataset)
            st.button(
                f"{plain(shortened(label, 60))} :material/close:",
                key=f"chip-{number}",
                help=f"Take off the filter {plain(label)}",
                on_click=_take_off,
                args=(choice,),
            )
        st.button("Clear all", key="clear-all", type="tertiary", on_click=_clear)
    if counted.instances == 0:
        st.info(
            "No instance of either version passes all filters together. Take off a filter above: "
            + "; ".join(_relief(view)),
            icon=":material/filter_alt_off:",
        )


def _words(choice: Choice, dataset: EvolvingDataset) -> str:
    """A choice in words, such as "split: test"."""
    value = choice.value
    if isinstance(value, FeatureFilter):
        kind = dataset.features[dataset.feature_number(value.feature)].kind
        return f"{shortened(value.feature)}: {filter_words(value, kind)}"
    if isinstance(value, tuple):
        first, last = value
        return f"date: from {first or 'the first'} to {last or 'the last'}"
    name = choice.field.removesuffix("s")
    return f"{name}: {f'no {name}' if value is None else value}"


def _relief(view: View) -> Iterator[str]:
    """For each choice, how many instances would show without it."""
    filters = view.selection.filters
    for choice in filters.choices:
        relaxed = replace(view.selection, filters=filters.without(choice))
        count = cached.selected_counts(view.evaluation, relaxed).instances
        label = plain(shortened(_words(choice, view.evaluation.dataset)))
        yield f"without *{label}* {count:,} show"


def _take_off(choice: Choice) -> None:
    state.set_filters(state.current_filters().without(choice))


def _clear() -> None:
    state.set_filters(Filters())
