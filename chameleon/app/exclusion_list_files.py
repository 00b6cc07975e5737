"""Lists out of the app and into it: CSV, Parquet, filter expressions, and all lists as a file."""

from __future__ import annotations

import polars as pl
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chameleon.app import uploads
from chameleon.app.formatting import plain, shortened
from chameleon.app.view import View
from chameleon.app.visitor_lists import Shelf, changing, choose_list, put_words, shelf
from chameleon.errors import ChameleonError
from chameleon.selection import (
    LONGEST_NAME,
    ExclusionList,
    FilterExpression,
    exclusion_list_csv,
    exclusion_list_parquet,
    filter_expression,
    instance_numbers,
    lists_json,
    now,
    put_lists,
    read_exclusion_list,
)

_NONCE = "chameleon.exclusion-list-uploads"
_SHOWN_LETTERS = 4000


def draw(view: View, found: Shelf, exclusion_list: ExclusionList, members: pl.DataFrame) -> None:
    """Downloads of the list, its filter expression, and what can be brought in."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### This list as a file")
        _draw_files(view, members)
        _draw_expression(view, exclusion_list)
    with right:
        st.markdown("##### Import into this list")
        draw_import(view, exclusion_list.name)
        st.markdown("##### All lists")
        st.download_button(
            "Download all lists",
            lambda: lists_json([found.lists.of(name) for name in found.lists.names]).encode(),
            file_name="exclusion_lists.json", mime="application/json", key="exclusion-list-all",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        draw_upload(view)


def _draw_files(view: View, members: pl.DataFrame) -> None:
    frame = members.unique("instance", keep="first", maintain_order=True).select(
        "instance", "reason", "by", "added"
    )
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: exclusion_list_csv(frame).encode(), file_name="exclusion_list.csv",
            mime="text/csv", key="exclusion-list-csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Parquet", lambda: exclusion_list_parquet(frame), file_name="exclusion_list.parquet",
            mime="application/vnd.apache.parquet", key="exclusion-list-parquet",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    st.caption(
        f"{len(frame):,} instances: all entries, and what the rules hold at "
        f"{plain(shortened(view.selection.primary))}. In the CSV, texts that begin like a formula "
        "or with an apostrophe get one more; importing it here takes exactly that one off."
    )


def _draw_expression(view: View, exclusion_list: ExclusionList) -> None:
    wanted = st.toggle(
        "Filter expression for polars and pandas",
        key="exclusion-list-expression",
        help="Lines that leave out exactly these instances when run on the primary version's file.",
    )
    if not wanted:
        return
    try:
        with st.spinner("Writing the expression…"):
            found = filter_expression(
                view.evaluation, exclusion_list, version=view.selection.primary
            )
    except ChameleonError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    for note in found.notes:
        st.caption(plain(note))
    _draw_script("polars", found.polars_script, found)
    if found.pandas_script is None:
        st.caption("pandas has no exact form of this: the ids are of a type that it does not have.")
    else:
        _draw_script("pandas", found.pandas_script, found)


def _draw_script(library: str, script: str, found: FilterExpression) -> None:
    shown = script
    if len(script) > _SHOWN_LETTERS:
        shown = f"{script[:_SHOWN_LETTERS]}…\n# {len(script):,} letters in all: download them"
    st.code(shown, language="python", wrap_lines=True, height=180)
    st.download_button(
        f"Download for {library}", lambda: script.encode(),
        file_name=f"exclusion_list_{library}.py", mime="text/x-python",
        key=f"exclusion-list-{library}", icon=":material/download:",
        on_click="ignore", help=f"For version {plain(found.version)}.",
    )  # fmt: skip


def draw_import(view: View, name: str | None) -> None:
    """Take a CSV or Parquet file of ids into a list; without one, into a new one.

    Ids that no version holds are counted, and left out unless they are wanted.
    """
    if name is None:
        st.text_input(
            "Name of the list", key="exclusion-list-import-name", max_chars=LONGEST_NAME,
            placeholder="imported",
        )  # fmt: skip
    st.checkbox(
        "Also keep ids that no version holds", key="exclusion-list-keep-unknown",
        help="For a list that is older, or meant for versions to come.",
    )  # fmt: skip
    key = f"exclusion-list-import-{_nonce()}"
    st.file_uploader(
        "CSV or Parquet of ids, with or without a column reason",
        type=["csv", "parquet"], key=key, on_change=_take_list, args=(view, name, key),
    )  # fmt: skip


def draw_upload(view: View) -> None:
    """Take all lists of a file that was downloaded here before."""
    key = f"exclusion-list-upload-{_nonce()}"
    st.file_uploader(
        "Lists downloaded before (exclusion_lists.json)",
        type=["json"], key=key, on_change=_take_lists, args=(view, key),
    )  # fmt: skip


def _take_list(view: View, old: str | None, key: str) -> None:
    file = st.session_state[key]
    if not isinstance(file, UploadedFile):  # none, or one that was let go of
        return
    typed = str(st.session_state.get("exclusion-list-import-name", ""))
    name = old or " ".join(typed.split()) or "imported"

    def change() -> str:
        dataset = view.evaluation.dataset
        read = read_exclusion_list(file.getvalue(), file.name, dataset.project)
        known = instance_numbers(dataset, read.frame["instance"]) >= 0
        kept = read.frame
        if not st.session_state.get("exclusion-list-keep-unknown"):
            kept = kept.filter(pl.Series(known))
        at = now()
        entries = [(one, reason, at) for one, reason in kept.iter_rows()]
        put = shelf(view.evaluation).lists.put_entries(name, entries)
        choose_list(name)
        unknown = int((~known).sum())
        said = [put_words(put, name)]
        if unknown:
            left = "" if len(kept) == len(read.frame) else ", left out"
            said.append(f"{unknown:,} ids are in no version{left}.")
        if read.duplicates:
            said.append(f"{read.duplicates:,} rows repeated an id and were merged.")
        if read.without_id:
            said.append(f"{read.without_id:,} rows had no id.")
        return " ".join(said)

    changing(change)
    _forget(file)


def _take_lists(view: View, key: str) -> None:
    file = st.session_state[key]
    if not isinstance(file, UploadedFile):  # none, or one that was let go of
        return
    changing(
        lambda: put_words(
            put_lists(shelf(view.evaluation).lists, file.getvalue()), file.name, "entries"
        )
    )
    _forget(file)


def _nonce() -> int:
    return int(st.session_state.get(_NONCE, 0))


def _forget(file: UploadedFile) -> None:
    """Show an empty uploader again, and let go of the file."""
    st.session_state[_NONCE] = _nonce() + 1
    uploads.forget_files([file])
