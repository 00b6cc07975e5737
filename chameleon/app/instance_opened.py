"""One instance opened: what it looks like, its versions, its place and its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import instance_gallery, weak_labels
from chameleon.app.formatting import date, number, plain, shortened
from chameleon.app.tables import draw_table, table_height
from chameleon.app.view import View, draw_chart
from chameleon.app.viewers import PictureError, module_of
from chameleon.charts import probability_frame, probability_line, probability_text
from chameleon.data import Viewer
from chameleon.errors import ChameleonError, SelectionError
from chameleon.project import Kind, ViewerKind

_NEIGHBOURS = 10
_THUMB = 84
_MANY = 12
_EDITED = "instance-edited-only"


def draw(
    view: View,
    viewer: Viewer,
    instance: str,
    *,
    search: str,
    open_instance: Callable[[str | None], None],
) -> None:
    """All that is known of the instance; a sentence where there is none of that id."""
    st.divider()
    try:
        versions = view.call(analysis.instance_versions, instance=instance)
    except SelectionError as error:
        st.warning(plain(str(error)), icon=":material/link_off:")
        st.button("Close", key="instance-close", on_click=open_instance, args=(None,))
        return
    with st.container(horizontal=True, vertical_alignment="center", key="instance-head"):
        st.markdown(f"##### Instance {plain(shortened(instance, 120))}", width="content")
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
    _draw_near(view, viewer, instance, open_instance)


def _draw_viewer(view: View, viewer: Viewer, instance: str, search: str) -> None:
    try:
        (value,) = instance_gallery.values_of(view, viewer, [instance])
    except ChameleonError as error:
        st.caption(plain(str(error)))
        return
    module_of(viewer.kind).draw(view.evaluation.dataset, viewer, value, search=search)
    columns = viewer.columns
    named = plain(shortened(columns[0]))
    if len(columns) > 1:
        named += f" to {plain(shortened(columns[-1]))}"
    if viewer.found:
        how = "as it nearly always differs" if viewer.kind is ViewerKind.TEXT else "by its columns"
        st.caption(
            f"Taken for {_article(viewer.kind)} {how}: {named}. Say otherwise under "
            "\\[viewer\\] in chameleon\\.toml."
        )


def _article(kind: ViewerKind) -> str:
    return f"an {kind.value}" if kind is ViewerKind.IMAGE else f"a {kind.value}"


def _draw_timeline(versions: pl.DataFrame) -> None:
    st.markdown("**What does every version's model say?**")
    frame = probability_frame(versions)
    known = frame["probability"].null_count() < len(frame)
    draw_chart(
        frame, probability_line, key="instance-probabilities", versions=len(frame), known=known
    )
    st.caption(plain(probability_text(frame)))


def _draw_versions(view: View, instance: str, versions: pl.DataFrame) -> None:
    """What every version's model says, and the distinct rows side by side."""
    rows = view.call(analysis.instance_rows, instance=instance)
    count = int(rows["row"].max())  # type: ignore[arg-type]
    edited = rows.filter("changed")
    st.markdown("**What do the versions hold?**")
    if count == 1:
        held = plain(shortened(str(rows["versions"][0]), 120))
        st.caption(f"One content, in {held}: it was never edited, relabelled or moved.")
    else:
        names = edited["column"].unique(maintain_order=True).to_list()
        told = ", ".join(plain(shortened(name)) for name in names[:6])
        more = f" and {len(names) - 6:,} more" if len(names) > 6 else ""
        st.caption(f"{count:,} contents side by side. Changed: {told}{more}.")
    table = side_by_side(rows)
    if count > 1 and len(table) > _MANY:
        only = st.toggle("Only what was changed", key=_EDITED, value=True, persist_state="session")
        if only:
            table = table.filter(pl.col(table.columns[0]) == "≠")
    draw_table(
        table,
        key="instance-rows",
        height=table_height(len(table)),
        column_config={
            "changed": st.column_config.Column(width=70),
            "column": st.column_config.Column(width="medium"),
        },
    )
    with st.expander("Predictions and probabilities by version"):
        draw_table(
            versions.with_columns(pl.col("row").cast(pl.String).alias("row")).rename(
                {name: name.replace("_", " ") for name in versions.columns}
            ),
            key="instance-versions",
            height=table_height(len(versions)),
        )


def side_by_side(rows: pl.DataFrame) -> pl.DataFrame:
    """The frame of `instance_rows` as a table: a line a column, each content in a column.

    The first column has a sign where any two neighbouring contents differ.
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
    st.markdown("**Where does it stand in each feature?**")
    places = view.call(analysis.instance_places, instance=instance)
    kinds = view.evaluation.dataset.project.kinds
    table = places.select(
        "feature",
        "value",
        pl.col("share_below").alias("quantile"),
        pl.Series("bin", [_bin_words(line, kinds[line["feature"]])
                          for line in places.iter_rows(named=True)], dtype=pl.String),
        pl.Series("in its bin", [f"{n:,} of {of:,}" for n, of in
                                 places.select("bin_instances", "instances").iter_rows()],
                  dtype=pl.String),
    )  # fmt: skip
    quantile = st.column_config.ProgressColumn(
        "smaller values", min_value=0, max_value=1, format="percent"
    )
    draw_table(
        table, key="instance-places", height=table_height(len(table)),
        column_config={"quantile": quantile, "feature": st.column_config.Column(width="medium")},
    )  # fmt: skip
    st.caption(
        f"Among the rows of its split in {plain(shortened(view.selection.primary))}; equal values "
        "count half."
    )


def _bin_words(line: dict[str, Any], kind: Kind) -> str:
    if line["category"] is not None:
        return str(line["category"])
    spell = date if kind is Kind.DATE else number
    low, high = (spell(line[end]) for end in ("low", "high"))
    return low if low == high else f"{low} to {high}"


def _draw_near(
    view: View, viewer: Viewer, instance: str, open_instance: Callable[[str | None], None]
) -> None:
    st.markdown("**Which instances are nearest?**")
    near = view.call(analysis.nearest_instances, instance=instance, count=_NEIGHBOURS)
    if near.is_empty():
        st.caption("The primary version holds no other instance.")
        return
    ids = near["instance"].to_list()
    if module_of(viewer.kind).GALLERY:
        _draw_thumbs(view, viewer, ids)
    draw_table(
        near.rename({name: name.replace("_", " ") for name in near.columns}),
        key="instance-near",
        height=table_height(len(near)),
        column_config={
            "distance": st.column_config.NumberColumn(format="%.3f"),
            "instance": st.column_config.Column(width="medium"),
        },
    )
    with st.container(horizontal=True, gap="small"):
        for place, other in enumerate(ids):
            st.button(
                plain(shortened(other, 18)), key=f"near-{place}", type="tertiary",
                help=f"Open {plain(shortened(other, 200))}",
                on_click=partial(open_instance, other),
            )  # fmt: skip
    st.caption(
        "By the Euclidean distance of standardised numbers and one column a category, missing "
        "values as the median; beyond 50 columns, of their 50 principal components. Free text is "
        "left out."
    )


def _draw_thumbs(view: View, viewer: Viewer, ids: Sequence[str]) -> None:
    made = instance_gallery.pictures(view, viewer, ids, side=_THUMB)
    with st.container(horizontal=True, gap="small"):
        for other, picture in zip(ids, made, strict=True):
            if not isinstance(picture, PictureError):
                st.image(
                    picture, caption=plain(shortened(other, 12)),
                    alt=f"Neighbour {shortened(other, 60)}",
                )  # fmt: skip
