"""Export and import of exclusion lists: CSV, Parquet, filter expressions, and JSON of all lists."""

from __future__ import annotations

import polars as pl
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chameleon.app import uploads
from chameleon.app.formatting import plain, shortened
from chameleon.app.view import View, draw_empty
from chameleon.app.visitor_lists import (
    VisitorLists,
    added_words,
    change_lists,
    choose_list,
    visitor_lists,
)
from chameleon.errors import ChameleonError
from chameleon.selection import (
    LONGEST_NAME,
    ExclusionList,
    add_lists,
    exclusion_list_csv,
    exclusion_list_parquet,
    filter_expression,
    instance_numbers,
    lists_json,
    now,
    read_exclusion_list,
)

_NONCE = "chameleon.exclusion-list-uploads"
_SHOWN_CHARACTERS = 4000


def draw(
    view: View, found: VisitorLists, exclusion_list: ExclusionList, members: pl.DataFrame
) -> None:
    """Draw downloads of the list, its filter expression, and imports."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### Export this list")
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
        f"{len(frame):,} instances: all entries, and the instances of "
        f"{plain(shortened(view.selection.primary))} that the rules exclude. In the CSV, texts "
        "that begin like a formula or with an apostrophe get an apostrophe in front; importing it "
        "removes exactly that one."
    )


def _draw_expression(view: View, exclusion_list: ExclusionList) -> None:
    wanted = st.toggle(
        "Filter expression for polars and pandas",
        key="exclusion-list-expression",
        help="Code that removes exactly these instances from the primary version's file.",
    )
    if not wanted:
        return
    version = view.selection.primary
    try:
        with st.spinner("Writing the expression…"):
            found = filter_expression(view.evaluation, exclusion_list, version=version)
    except ChameleonError as error:
        draw_empty(plain(str(error)))
        return
    for note in found.notes:
        st.caption(plain(note))
    _draw_script("polars", found.polars_script, version)
    if found.pandas_script is None:
        st.caption("There is no exact form for pandas, which lacks the type of the ids.")
    else:
        _draw_script("pandas", found.pandas_script, version)


def _draw_script(library: str, script: str, version: str) -> None:
    shown = script
    if len(script) > _SHOWN_CHARACTERS:
        shown = f"{script[:_SHOWN_CHARACTERS]}…\n# {len(script):,} characters: download them"
    st.code(shown, language="python", wrap_lines=True, height=180)
    st.download_button(
        f"Download for {library}", lambda: script.encode(),
        file_name=f"exclusion_list_{library}.py", mime="text/x-python",
        key=f"exclusion-list-{library}", icon=":material/download:",
        on_click="ignore", help=f"For version {plain(version)}.",
    )  # fmt: skip


def draw_import(view: View, name: str | None) -> None:
    """Draw the import of a CSV or Parquet file of ids into a list, or without a name a new one.

    Ids in no version are counted, and skipped unless the visitor keeps them.
    """
    if name is None:
        st.text_input(
            "Name of the list", key="exclusion-list-import-name", max_chars=LONGEST_NAME,
            placeholder="imported",
        )  # fmt: skip
    st.checkbox(
        "Keep ids that are in no version", key="exclusion-list-keep-unknown",
        help="For an older list, or one meant for future versions.",
    )  # fmt: skip
    key = _upload_key("import")
    st.file_uploader(
        "CSV or Parquet of ids, optionally with a column 'reason'",
        type=["csv", "parquet"], key=key, on_change=_import_list, args=(view, name, key),
    )  # fmt: skip


def draw_upload(view: View) -> None:
    """Draw the upload of all lists in a file that was downloaded before."""
    key = _upload_key("upload")
    st.file_uploader(
        "Downloaded lists (exclusion_lists.json)",
        type=["json"], key=key, on_change=_import_lists, args=(view, key),
    )  # fmt: skip


def _import_list(view: View, old: str | None, key: str) -> None:
    file = st.session_state[key]
    if not isinstance(file, UploadedFile):  # none, or one that was removed
        return
    typed = str(st.session_state.get("exclusion-list-import-name", ""))
    name = old or " ".join(typed.split()) or "imported"

    def change() -> str:
        dataset = view.evaluation.dataset
        found = read_exclusion_list(file.getvalue(), file.name, dataset.project)
        known = pl.Series(instance_numbers(dataset, found.frame["instance"]) >= 0)
        keep = bool(st.session_state.get("exclusion-list-keep-unknown", False))
        kept = found.frame if keep else found.frame.filter(known)
        at = now()
        entries = [(instance, reason, at) for instance, reason in kept.iter_rows()]
        added = visitor_lists(view.evaluation).lists.add_entries(name, entries)
        choose_list(name)
        words = [added_words(added, name, "instance")]
        unknown = int((~known).sum())
        if unknown:
            words.append(f"{unknown:,} ids are in no version{'' if keep else ' and were skipped'}.")
        if found.duplicates:
            words.append(f"{found.duplicates:,} rows repeated an id and were merged.")
        if found.without_id:
            words.append(f"{found.without_id:,} rows had no id.")
        return " ".join(words)

    change_lists(change)
    _forget(file)


def _import_lists(view: View, key: str) -> None:
    file = st.session_state[key]
    if not isinstance(file, UploadedFile):
        return

    def change() -> str:
        added = add_lists(visitor_lists(view.evaluation).lists, file.getvalue())
        already = f"; {added.already:,} already there" if added.already else ""
        return f"{added.new:,} entries and rules added from {file.name}{already}."

    change_lists(change)
    _forget(file)


def _upload_key(what: str) -> str:
    return f"exclusion-list-{what}-{st.session_state.get(_NONCE, 0)}"


def _forget(file: UploadedFile) -> None:
    """Show an empty uploader again, and release the file."""
    st.session_state[_NONCE] = int(st.session_state.get(_NONCE, 0)) + 1
    uploads.forget_files([file])
