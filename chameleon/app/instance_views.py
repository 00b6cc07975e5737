"""Instances in pictures: a gallery with the errors first, and one instance opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chameleon import analysis, charts
from chameleon.analysis import shown_row
from chameleon.app import state, viewers, weak_labels
from chameleon.app.formatting import brief, counted, date, number, plain, shortened
from chameleon.app.view import (
    NO_MATCHES,
    View,
    draw_bound,
    draw_chart,
    draw_empty,
    draw_pages,
    draw_table,
    offset_of,
    turn_to,
)
from chameleon.app.viewers import Picture, PictureError, module_of
from chameleon.data import Viewer, viewed_values
from chameleon.errors import ChameleonError, SelectionError
from chameleon.project import Kind, ViewerKind

OPEN = "open"
"""The address item that names the open instance."""

PAGE = 48
SIDE = 96
_TILE = 124
_TILES_PER_ROW = 6
_NEIGHBORS = 10
_THUMB = 84
_MANY = 12
_EDITED = "instance-edited-only"


def open_instance(instance: str | None) -> None:
    """Open that instance, or none. For callbacks: the script runs afterwards."""
    state.set_own_item(OPEN, instance)


def draw_gallery(view: View, viewer: Viewer, search: str) -> None:
    """The groups of true and predicted class, and a page of tiles; a click on one opens it."""
    groups = view.call(analysis.instance_groups, search=search)
    found = int(groups["instances"].sum())
    if not found:
        draw_empty(NO_MATCHES if not search else "No instances match the filters and the search.")
        return
    about = (view.selection.to_query_string(), search)
    offset = min(offset_of("gallery", PAGE, about=about), (found - 1) // PAGE * PAGE)
    _draw_jump(groups.to_dicts(), offset)
    page = view.call(
        analysis.instances, search=search, order_by="errors", features=(), offset=offset, limit=PAGE
    )
    made = pictures(view, viewer, page.frame["instance"].to_list(), side=SIDE)
    tiles = list(zip(page.frame.iter_rows(named=True), made, strict=True))
    _draw_groups(groups.to_dicts(), offset, tiles)
    draw_pages("gallery", found, PAGE)


def _draw_jump(groups: Sequence[Mapping[str, Any]], offset: int) -> None:
    """A choice of the group to turn to."""
    shown = max(k for k, group in enumerate(groups) if group["offset"] <= offset)
    draw_bound(
        st.selectbox, "Turn to true → predicted class", range(len(groups)), key="gallery-group",
        value=shown, change=lambda k: turn_to("gallery", groups[k]["offset"] // PAGE + 1),
        format_func=lambda k: f"{group_words(groups[k])}: "
        f"{counted(groups[k]['instances'], 'instance')}",
        width=420,
    )  # fmt: skip


def _draw_groups(
    groups: Sequence[Mapping[str, Any]],
    offset: int,
    tiles: Sequence[tuple[Mapping[str, Any], Picture]],
) -> None:
    """The groups of a page in frames: small ones side by side, large ones in rows of their own."""
    side_by_side: DeltaGenerator | None = None
    for group in groups:
        first, last = group["offset"] - offset, group["offset"] + group["instances"] - offset
        own = range(max(first, 0), min(last, len(tiles)))
        if not own:
            continue
        wide = len(own) >= _TILES_PER_ROW
        side_by_side = None if wide else side_by_side or st.container(horizontal=True, gap="small")
        rest = "" if len(own) == group["instances"] else f", {len(own):,} of them on this page"
        count = counted(group["instances"], "instance")
        framed = st.container if side_by_side is None else side_by_side.container
        width = len(own) * (_TILE + 16) + 34
        with framed(border=True, gap="xsmall", width="stretch" if wide else width):
            st.markdown(f"**{plain(group_words(group))}**  \n:small[{count}{rest}]")
            with st.container(horizontal=True, gap="small"):
                for place in own:
                    _draw_tile(place, *tiles[place])


def group_words(group: Mapping[str, Any]) -> str:
    """True class → predicted class, and the outcome."""
    label, prediction = (
        f"no {name}" if group[column] is None else shortened(str(group[column]), 24)
        for name, column in (("label", "label"), ("prediction", "primary_prediction"))
    )
    return f"{label} → {prediction} ({group['outcome']})"


def _draw_tile(place: int, line: Mapping[str, Any], picture: Picture) -> None:
    instance = str(line["instance"])
    with st.container(width=_TILE, gap="xxsmall", key=f"tile-{place}"):
        if isinstance(picture, PictureError):
            st.caption(plain(str(picture)))
        else:
            st.image(picture, alt=f"Instance {shortened(instance, 60)}")
        _draw_open(instance, f"open-tile-{place}")
        label, prediction = line["label"], line["primary_prediction"]
        sign = {"correct": "✓", "incorrect": "✗"}.get(str(line["primary_outcome"]), "?")
        st.caption(
            f"{sign} label {brief('no label' if label is None else label, 14)}, "
            f"predicted {brief('nothing' if prediction is None else prediction, 14)}"
        )


def _draw_open(instance: str, key: str) -> None:
    st.button(
        brief(instance, 18), key=key, type="tertiary", help=f"Open {brief(instance, 200)}",
        on_click=partial(open_instance, instance),
    )  # fmt: skip


def pictures(view: View, viewer: Viewer, instances: Sequence[str], *, side: int) -> list[Picture]:
    """A small picture of each instance, from its row shown."""
    try:
        values = values_of(view, viewer, instances)
    except ChameleonError as error:
        return [PictureError(str(error)) for _ in instances]
    return viewers.pictures(view.evaluation.dataset, viewer, values, side=side)


def values_of(view: View, viewer: Viewer, instances: Sequence[str]) -> list[object]:
    """The values that the viewer shows of instances; see `viewed_values`."""
    selection, dataset = view.selection, view.evaluation.dataset
    sides = list(dict.fromkeys((selection.primary, selection.secondary)))
    rows = [shown_row(dataset, instance, selection) for instance in instances]
    return viewed_values(dataset, viewer, np.array(rows, dtype=np.intp), first=sides)


def streams(view: View, viewer: Viewer, instances: Sequence[str]) -> list[list[float] | None]:
    """The streams of instances for a column of a table, thinned."""
    from chameleon.app.viewers.sensor import samples_of, thinned

    found: list[list[float] | None] = []
    for value in values_of(view, viewer, instances):
        try:
            samples = thinned(samples_of(value), _TILE)
            found.append(samples[np.isfinite(samples)].tolist())
        except PictureError:
            found.append(None)
    return found


def draw(view: View, viewer: Viewer, instance: str, *, search: str) -> None:
    """All facts about an instance; a message if no instance has this id."""
    st.divider()
    try:
        versions = view.call(analysis.instance_versions, instance=instance)
    except SelectionError as error:
        st.warning(plain(str(error)), icon=":material/link_off:")
        st.button("Close", key="instance-close", on_click=open_instance, args=(None,))
        return
    with st.container(horizontal=True, vertical_alignment="center", key="instance-head"):
        st.markdown(f"##### Instance {brief(instance, 120)}", width="content")
        st.button(
            "Close", key="instance-close", type="tertiary", icon=":material/close:",
            on_click=open_instance, args=(None,),
        )  # fmt: skip
    if viewer.kind is ViewerKind.PLAIN:
        _draw_timeline(versions)
    else:
        left, right = st.columns([2, 3], gap="large")
        with left:
            _draw_viewer(view, viewer, instance, search)
        with right:
            _draw_timeline(versions)
    _draw_versions(view, instance, versions)
    weak_labels.draw_one(view, instance)
    _draw_places(view, instance)
    _draw_neighbors(view, viewer, instance)


def _draw_viewer(view: View, viewer: Viewer, instance: str, search: str) -> None:
    try:
        (value,) = values_of(view, viewer, [instance])
    except ChameleonError as error:
        st.caption(plain(str(error)))
        return
    module_of(viewer.kind).draw(view.evaluation.dataset, viewer, value, search=search)
    columns = viewer.columns
    named = brief(columns[0]) + (f" to {brief(columns[-1])}" if len(columns) > 1 else "")
    if viewer.found:
        reason = "its values nearly all differ" if viewer.kind is ViewerKind.TEXT else "its columns"
        article = "an" if viewer.kind is ViewerKind.IMAGE else "a"
        st.caption(
            f"Shown as {article} {viewer.kind.value} because of {reason}: {named}. Change this "
            "under \\[viewer\\] in chameleon\\.toml."
        )


def _draw_timeline(versions: pl.DataFrame) -> None:
    st.markdown("**What does every version's model predict?**")
    frame = charts.probability_frame(versions)
    known = frame["probability"].null_count() < len(frame)
    draw_chart(frame, charts.probability_line, key="instance-probabilities", versions=len(frame),
               known=known)  # fmt: skip
    st.caption(plain(charts.probability_text(frame)))


def _draw_versions(view: View, instance: str, versions: pl.DataFrame) -> None:
    """The distinct rows side by side, and the predictions of every version."""
    rows = view.call(analysis.instance_rows, instance=instance)
    count = rows["row"].n_unique()
    st.markdown("**What do the versions contain?**")
    if count == 1:
        found = brief(str(rows["versions"][0]), 120)
        st.caption(f"One row, in {found}: never edited or relabeled, always in the same split.")
    else:
        names = rows.filter("changed")["column"].unique(maintain_order=True).to_list()
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        st.caption(
            f"{count:,} rows side by side. Changed: {', '.join(map(brief, names[:6]))}{more}."
        )
    table = side_by_side(rows)
    offered = count > 1 and len(table) > _MANY
    if offered and st.toggle("Only changes", key=_EDITED, value=True, persist_state="session"):
        table = table.filter(pl.col(table.columns[0]) == "≠")
    draw_table(
        table, key="instance-rows",
        column_config={
            "changed": st.column_config.Column(width=70),
            "column": st.column_config.Column(width="medium"),
        },
    )  # fmt: skip
    with st.expander("Predictions and probabilities by version"):
        draw_table(
            versions.with_columns(pl.col("row").cast(pl.String)).rename(_spaced),
            key="instance-versions",
        )  # fmt: skip


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def side_by_side(rows: pl.DataFrame) -> pl.DataFrame:
    """The frame of `instance_rows` as a table: one line per column, one column per distinct row.

    The first column has a sign where any two successive rows differ.
    """
    first = rows.filter(row=1)
    changed = rows.group_by("column", "is_feature", maintain_order=True).agg(
        pl.col("changed").any()
    )["changed"]
    signs = pl.Series("changed", ["≠" if any_of else "" for any_of in changed])
    columns = [signs, first["column"].alias("column")]
    for number_of, (_, part) in enumerate(rows.group_by("row", maintain_order=True), start=1):
        columns.append(part["value"].alias(f"{number_of}: {shortened(part['versions'][0], 60)}"))
    return pl.DataFrame(columns)


def _draw_places(view: View, instance: str) -> None:
    st.markdown("**How does it compare in each feature?**")
    places = view.call(analysis.instance_places, instance=instance)
    kinds = view.evaluation.dataset.project.kinds
    bins = [_bin_words(line, kinds[line["feature"]]) for line in places.iter_rows(named=True)]
    counts = places.select("bin_instances", "instances").iter_rows()
    table = places.select(
        "feature",
        "value",
        pl.col("share_below").alias("quantile"),
        pl.Series("bin", bins, dtype=pl.String),
        pl.Series("in its bin", [f"{n:,} of {of:,}" for n, of in counts], dtype=pl.String),
    )
    quantile = st.column_config.ProgressColumn(
        "smaller values", min_value=0, max_value=1, format="percent"
    )
    draw_table(
        table, key="instance-places",
        column_config={"quantile": quantile, "feature": st.column_config.Column(width="medium")},
    )  # fmt: skip
    st.caption(
        f"Among the rows of its split in {brief(view.selection.primary)}; equal values count half."
    )


def _bin_words(line: dict[str, Any], kind: Kind) -> str:
    if line["category"] is not None:
        return str(line["category"])
    spell = date if kind is Kind.DATE else number
    low, high = (spell(line[end]) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


def _draw_neighbors(view: View, viewer: Viewer, instance: str) -> None:
    st.markdown("**Which instances are nearest?**")
    near = view.call(analysis.nearest_instances, instance=instance, count=_NEIGHBORS)
    if near.is_empty():
        st.caption("The primary version contains no other instance.")
        return
    ids = near["instance"].to_list()
    if module_of(viewer.kind).GALLERY:
        made = pictures(view, viewer, ids, side=_THUMB)
        with st.container(horizontal=True, gap="small"):
            for other, picture in zip(ids, made, strict=True):
                if not isinstance(picture, PictureError):
                    alt = f"Neighbor {shortened(other, 60)}"
                    st.image(picture, caption=brief(other, 12), alt=alt)
    draw_table(
        near.rename(_spaced), key="instance-near",
        column_config={
            "distance": st.column_config.NumberColumn(format="%.3f"),
            "instance": st.column_config.Column(width="medium"),
        },
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for place, other in enumerate(ids):
            _draw_open(other, f"near-{place}")
    st.caption(
        "By Euclidean distance of standardized numbers and one column per category, with missing "
        "values as the median; beyond 50 columns, of their first 50 principal components. Free "
        "text is left out."
    )
