"""A gallery of instances: what the model gets wrong first, by true and predicted class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chameleon import analysis
from chameleon.analysis import shown_row
from chameleon.app.formatting import plain, shortened
from chameleon.app.tables import draw_pages, offset_of, turn_to
from chameleon.app.view import View, draw_empty
from chameleon.app.viewers import Picture, PictureError, module_of
from chameleon.data import Viewer, viewed_values
from chameleon.errors import ChameleonError

PAGE = 48
SIDE = 96
_GROUP = "gallery-group"
_TILE = 124
_TILES_A_ROW = 6


def draw(
    view: View,
    viewer: Viewer,
    search: str,
    *,
    open_instance: Callable[[str | None], None],
) -> None:
    """The groups to jump to, and a page of tiles; a click on one opens it."""
    groups = view.call(analysis.instance_groups, search=search)
    found = int(groups["instances"].sum())
    if not found:
        draw_empty("No instance passes the filters and the search.")
        return
    about = (view.selection.to_query_string(), search)
    offset = min(offset_of("gallery", PAGE, about=about), (found - 1) // PAGE * PAGE)
    _draw_jump(groups, offset)
    page = view.call(
        analysis.instances, search=search, order_by="errors", features=(), offset=offset, limit=PAGE
    )
    made = pictures(view, viewer, page.frame["instance"].to_list(), side=SIDE)
    lines = list(page.frame.iter_rows(named=True))
    _draw_groups(groups.to_dicts(), offset, lines, made, open_instance)
    draw_pages("gallery", found, PAGE)


def _draw_groups(
    groups: Sequence[dict[str, Any]],
    offset: int,
    lines: Sequence[dict[str, object]],
    made: Sequence[Picture],
    open_instance: Callable[[str | None], None],
) -> None:
    """The groups of a page in frames: large ones have rows of their own."""
    side_by_side: DeltaGenerator | None = None
    for group in groups:
        first, last = group["offset"] - offset, group["offset"] + group["instances"] - offset
        own = range(max(first, 0), min(last, len(lines)))
        if not own:
            continue
        if len(own) >= _TILES_A_ROW:
            side_by_side = None
            _draw_group(group, lines, made, own, open_instance)
            continue
        side_by_side = side_by_side or st.container(horizontal=True, gap="small")
        with side_by_side:
            _draw_group(group, lines, made, own, open_instance)


def _draw_group(
    group: dict[str, Any],
    lines: Sequence[dict[str, object]],
    made: Sequence[Picture],
    own: range,
    open_instance: Callable[[str | None], None],
) -> None:
    """One group in a frame as wide as its tiles, so that small ones stand side by side."""
    wide = len(own) >= _TILES_A_ROW
    with st.container(
        border=True, gap="xsmall", width="stretch" if wide else len(own) * (_TILE + 16) + 34
    ):
        rest = "" if len(own) == group["instances"] else f", {len(own):,} of them on this page"
        st.markdown(f"**{group_words(group)}**  \n:small[{_count(group['instances'])}{rest}]")
        _draw_tiles(lines, made, own, open_instance)


def group_words(group: dict[str, object]) -> str:
    """True class -> predicted class, and the outcome, for Markdown."""
    label, prediction = (
        "no label" if group["label"] is None else plain(shortened(str(group["label"]), 24)),
        "no prediction"
        if group["primary_prediction"] is None
        else plain(shortened(str(group["primary_prediction"]), 24)),
    )
    return f"{label} → {prediction} ({group['outcome']})"


def pictures(view: View, viewer: Viewer, instances: Sequence[str], *, side: int) -> list[Picture]:
    """A small picture of each instance, by the row it is read from."""
    try:
        values = values_of(view, viewer, instances)
    except ChameleonError as error:
        return [PictureError(str(error)) for _ in instances]
    return module_of(viewer.kind).pictures(view.evaluation.dataset, viewer, values, side=side)


def values_of(view: View, viewer: Viewer, instances: Sequence[str]) -> list[object]:
    """What the viewer shows of instances; see `viewed_values`."""
    selection, dataset = view.selection, view.evaluation.dataset
    sides = {"primary": selection.primary, "secondary": selection.secondary}
    rows = [shown_row(dataset, instance, view.selection) for instance in instances]
    return viewed_values(dataset, viewer, np.array(rows, dtype=np.intp), first=list(sides.values()))


def streams(view: View, viewer: Viewer, instances: Sequence[str]) -> list[list[float] | None]:
    """The streams of instances for a column of a table, thinned."""
    from chameleon.app.viewers.sensor import samples_of, thinned

    found: list[list[float] | None] = []
    for value in values_of(view, viewer, instances):
        try:
            samples = thinned(samples_of(value), _TILE)
        except PictureError:
            found.append(None)
            continue
        found.append(samples[np.isfinite(samples)].tolist())
    return found


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with blanks behind it until it is not taken."""
    while name in taken:
        name += " "
    return name


def _draw_jump(groups: pl.DataFrame, offset: int) -> None:
    """A choice of the group to turn to."""
    lines = list(groups.iter_rows(named=True))
    here = max(k for k, line in enumerate(lines) if line["offset"] <= offset)
    st.session_state[_GROUP] = here
    st.selectbox(
        "Turn to true → predicted class",
        range(len(lines)),
        key=_GROUP,
        width=420,
        format_func=lambda k: _plain_group(lines[k]),
        on_change=lambda: turn_to("gallery", lines[st.session_state[_GROUP]]["offset"] // PAGE + 1),
    )


def _plain_group(line: dict[str, object]) -> str:
    label, prediction = (
        f"no {what}" if line[column] is None else shortened(str(line[column]), 24)
        for what, column in (("label", "label"), ("prediction", "primary_prediction"))
    )
    return f"{label} → {prediction} ({line['outcome']}): {_count(int(str(line['instances'])))}"


def _draw_tiles(
    lines: Sequence[dict[str, object]],
    made: Sequence[Picture],
    places: range,
    open_instance: Callable[[str | None], None],
) -> None:
    with st.container(horizontal=True, gap="small"):
        for place in places:
            line, picture = lines[place], made[place]
            instance = str(line["instance"])
            with st.container(width=_TILE, gap="xxsmall", key=f"tile-{place}"):
                if isinstance(picture, PictureError):
                    st.caption(plain(str(picture)))
                else:
                    st.image(picture, alt=f"Instance {shortened(instance, 60)}")
                st.button(
                    plain(shortened(instance, 18)),
                    key=f"open-tile-{place}",
                    type="tertiary",
                    help=f"Open {plain(shortened(instance, 200))}",
                    on_click=partial(open_instance, instance),
                )
                st.caption(_tile_words(line))


def _tile_words(line: dict[str, object]) -> str:
    label = "no label" if line["label"] is None else str(line["label"])
    said = "nothing" if line["primary_prediction"] is None else str(line["primary_prediction"])
    sign = {"correct": "✓", "incorrect": "✗"}.get(str(line["primary_outcome"]), "?")
    return f"{sign} label {plain(shortened(label, 14))}, predicted {plain(shortened(said, 14))}"


def _count(instances: int) -> str:
    return f"{instances:,} instance{'' if instances == 1 else 's'}"
