"""A visitor's exclusion lists: adding to them from any page, export, and import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import ParamSpec, cast

import polars as pl
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from chameleon import selection
from chameleon.app import uploads
from chameleon.app.formatting import counted, filters_words, plain, shortened
from chameleon.app.server import operator
from chameleon.app.view import View, draw_empty
from chameleon.errors import ChameleonError
from chameleon.models import Evaluation
from chameleon.project import Project

Asked = ParamSpec("Asked")

_STORES = "chameleon.exclusion_lists"
_MESSAGE = "chameleon.exclusion-lists-message"
_CHOSEN = "chameleon.exclusion_list"
_NEW = -1
_NONCE = "chameleon.exclusion-list-uploads"
_SHOWN_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class VisitorLists:
    """The exclusion lists that a visitor has of a project.

    `why_session` is the reason why they exist in this session only, and `error` the reason why the
    project's own lists can't be used, if so.
    """

    lists: selection.ExclusionLists
    why_session: str | None = None
    error: str | None = None


def visitor_lists(evaluation: Evaluation) -> VisitorLists:
    """The visitor's lists of a project, opened once per session."""
    project = evaluation.dataset.project
    stores = cast("dict[str, VisitorLists]", st.session_state.setdefault(_STORES, {}))
    key = str(selection.exclusion_lists_path(project))
    if key not in stores:
        stores[key] = opened_lists(project)
    return stores[key]


def opened_lists(project: Project) -> VisitorLists:
    """The lists of a project, in its folder if this visitor may write there."""
    path = selection.exclusion_lists_path(project)
    if project.private is not None:
        return VisitorLists(selection.ExclusionLists(), "your upload is deleted when you leave")
    why = None
    if not operator().may_write:
        why = "visitors can't write into projects on this server"
    elif not selection.can_be_written(path):
        why = "the project folder is read-only"
    try:
        if why is None:
            return VisitorLists(selection.ExclusionLists(path))
        return VisitorLists(selection.ExclusionLists.copied(path), why)
    except ChameleonError as error:
        return VisitorLists(
            selection.ExclusionLists(), "the project's lists can't be used", str(error)
        )


def chosen_list(evaluation: Evaluation) -> str | None:
    """The list that this visitor last opened or added to; None if there is no list."""
    names = _names(evaluation)
    chosen = st.session_state.get(_CHOSEN)
    return chosen if chosen in names else next(iter(names), None)


def choose_list(name: str) -> None:
    """Open that list from now on."""
    st.session_state[_CHOSEN] = name


def _names(evaluation: Evaluation) -> tuple[str, ...]:
    """The names of the lists; none if they can't be read, which is reported."""
    try:
        return visitor_lists(evaluation).lists.names
    except ChameleonError as error:
        _report(str(error), icon=":material/error:")
        return ()


def changes_lists(change: Callable[Asked, str]) -> Callable[Asked, None]:
    """A callback that changes lists: the next run shows the returned sentence, or the error."""

    @wraps(change)
    def callback(*args: Asked.args, **kwargs: Asked.kwargs) -> None:
        try:
            _report(change(*args, **kwargs))
        except ChameleonError as error:
            _report(str(error), icon=":material/error:")

    return callback


def _report(text: str, icon: str = ":material/check:") -> None:
    st.session_state[_MESSAGE] = (text, icon)


def draw_message() -> None:
    """Show the result of the last change, once.

    The container exists at all times: elements below must not move, or the browser would replace
    them and close what was opened in them.
    """
    message = st.session_state.pop(_MESSAGE, None)
    with st.container():
        if message is not None:
            text, icon = message
            shown = st.error if "error" in icon else st.success
            shown(plain(text), icon=icon)


def added_words(added: selection.AddResult, name: str, noun: str) -> str:
    """The result of adding to a list, in a sentence."""
    already = f"; {added.already:,} already on it" if added.already else ""
    return f"{counted(added.new, noun)} added to '{shortened(name)}'{already}."


def draw_add(view: View, instances: Sequence[str] | pl.Series, *, key: str) -> None:
    """Draw a button with a form that adds these instances, or the filters as a rule, to a list."""
    with st.popover("Add to exclusion list…", icon=":material/playlist_add:"):
        draw_add_form(view, instances, key=key)
    with st.container():
        if st.session_state.pop(f"{key}-done", False):
            draw_message()


def draw_add_form(view: View, instances: Sequence[str] | pl.Series, *, key: str) -> None:
    """Draw the form of `draw_add`, for a page about exclusion lists."""
    names = _names(view.evaluation)
    current = chosen_list(view.evaluation)
    at = names.index(current) if current in names else len(names)
    place = st.selectbox(
        "List", [*range(len(names)), _NEW], index=at,
        key=f"{key}-list-{len(names)}-{at}",  # a new widget when another list is open
        format_func=lambda k: "New list…" if k == _NEW else shortened(names[k]),
    )  # fmt: skip
    if place == _NEW:
        st.text_input("Name of the new list", key=f"{key}-name", max_chars=selection.LONGEST_NAME)
    st.text_input(
        "Reason", key=f"{key}-reason", max_chars=selection.LONGEST_REASON,
        placeholder="Why they should be excluded",
    )  # fmt: skip
    old = None if place in (None, _NEW) else names[place]
    filters = (view.selection.filters, view.selection.primary_only)
    count = len(instances)
    with st.container(horizontal=True):
        st.button(
            f"Add {counted(count, 'instance')}", key=f"{key}-instances", disabled=not count,
            on_click=_add, args=(view, instances, old, key),
        )  # fmt: skip
        st.button(
            "Add filters as a rule", key=f"{key}-rule",
            disabled=all(one.is_empty for one in filters),
            help="A rule excludes all instances that match the filters, in later versions too.",
            on_click=_add, args=(view, None, old, key),
        )  # fmt: skip
    kinds = view.evaluation.dataset.project.kinds
    st.caption(f"As a rule: {plain(filters_words(filters, kinds, 'no filter is set'))}.")


@changes_lists
def _add(view: View, instances: Sequence[str] | pl.Series | None, old: str | None, key: str) -> str:
    """Add instances, or without them the filters as a rule, to the list chosen in a form."""
    name = old if old is not None else str(st.session_state.get(f"{key}-name", ""))
    reason = str(st.session_state.get(f"{key}-reason", ""))
    choose_list(" ".join(name.split()))
    st.session_state[f"{key}-done"] = True
    lists = visitor_lists(view.evaluation).lists
    if instances is None:
        rule = selection.rule_of(view.selection, reason)
        return added_words(lists.add_rule(name, rule), name, "rule")
    return added_words(lists.add(name, instances, reason), name, "instance")


# ---------------------------------------------------------------- export and import


def draw_files(
    view: View, found: VisitorLists, exclusion_list: selection.ExclusionList, members: pl.DataFrame
) -> None:
    """Draw downloads of the list, its filter expression, and imports."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("##### Export this list")
        _draw_downloads(view, members)
        _draw_expression(view, exclusion_list)
    with right:
        st.markdown("##### Import into this list")
        draw_import(view, exclusion_list.name)
        st.markdown("##### All lists")

        def content() -> bytes:
            every = [found.lists.of(name) for name in found.lists.names]
            return selection.lists_json(every).encode()

        _draw_download("Download all lists", "all", "exclusion_lists.json", content)
        draw_upload(view)


def _draw_downloads(view: View, members: pl.DataFrame) -> None:
    frame = members.unique("instance", keep="first", maintain_order=True).select(
        "instance", "reason", "by", "added"
    )
    with st.container(horizontal=True):
        csv, parquet = "exclusion_list.csv", "exclusion_list.parquet"
        _draw_download("CSV", "csv", csv, lambda: selection.exclusion_list_csv(frame).encode())
        _draw_download(
            "Parquet", "parquet", parquet, lambda: selection.exclusion_list_parquet(frame)
        )
    st.caption(
        f"{len(frame):,} instances: all entries, and the instances of "
        f"{plain(shortened(view.selection.primary))} that the rules exclude. In the CSV, texts "
        "that begin like a formula or with an apostrophe get an apostrophe in front; importing it "
        "removes exactly that one."
    )


def _draw_download(label: str, key: str, file: str, content: Callable[[], bytes]) -> None:
    """Draw a button that downloads content which is made on the click."""
    mime = {
        "csv": "text/csv", "json": "application/json", "py": "text/x-python",
        "parquet": "application/vnd.apache.parquet",
    }[file.rpartition(".")[2]]  # fmt: skip
    st.download_button(
        label, content, file_name=file, mime=mime, key=f"exclusion-list-{key}",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _draw_expression(view: View, exclusion_list: selection.ExclusionList) -> None:
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
            found = selection.filter_expression(view.evaluation, exclusion_list, version=version)
    except ChameleonError as error:
        draw_empty(plain(str(error)))
        return
    for note in found.notes:
        st.caption(plain(note))
    _draw_script("polars", found.polars_script)
    if found.pandas_script is None:
        st.caption("There is no exact form for pandas, which doesn't have the type of the ids.")
    else:
        _draw_script("pandas", found.pandas_script)


def _draw_script(library: str, script: str) -> None:
    shown = script
    if len(script) > _SHOWN_CHARACTERS:
        shown = f"{script[:_SHOWN_CHARACTERS]}…\n# {len(script):,} characters: download them"
    st.code(shown, language="python", wrap_lines=True, height=180)
    file = f"exclusion_list_{library}.py"
    _draw_download(f"Download for {library}", library, file, lambda: script.encode())


def draw_import(view: View, name: str | None) -> None:
    """Draw the import of a CSV or Parquet file of ids into a list, or without a name a new one.

    Ids in no version are counted, and skipped unless the visitor keeps them.
    """
    if name is None:
        st.text_input(
            "Name of the list", key="exclusion-list-import-name", max_chars=selection.LONGEST_NAME,
            placeholder="imported",
        )  # fmt: skip
    st.checkbox(
        "Keep ids that are in no version", key="exclusion-list-keep-unknown",
        help="For an older list, or one meant for future versions.",
    )  # fmt: skip
    label = "CSV or Parquet of ids, optionally with a column 'reason'"
    _draw_uploader(label, ["csv", "parquet"], partial(_import_list, view, name))


def draw_upload(view: View) -> None:
    """Draw the upload of all lists in a file that was downloaded before."""
    label = "Downloaded lists (exclusion_lists.json)"
    _draw_uploader(label, ["json"], partial(_import_lists, view))


def _draw_uploader(label: str, types: list[str], take: Callable[[UploadedFile], None]) -> None:
    """Draw an uploader of one file, which is released and replaced by an empty one once taken."""
    key = f"exclusion-list-{types[0]}-{st.session_state.get(_NONCE, 0)}"

    def change() -> None:
        file = st.session_state[key]
        if isinstance(file, UploadedFile):  # else it was removed
            take(file)
            st.session_state[_NONCE] = int(st.session_state.get(_NONCE, 0)) + 1
            uploads.forget_files([file])

    st.file_uploader(label, type=types, key=key, on_change=change)


@changes_lists
def _import_list(view: View, old: str | None, file: UploadedFile) -> str:
    typed = str(st.session_state.get("exclusion-list-import-name", ""))
    name = old or " ".join(typed.split()) or "imported"
    dataset = view.evaluation.dataset
    found = selection.read_exclusion_list(file.getvalue(), file.name, dataset.project)
    known = pl.Series(selection.instance_numbers(dataset, found.frame["instance"]) >= 0)
    keep = bool(st.session_state.get("exclusion-list-keep-unknown", False))
    kept = found.frame if keep else found.frame.filter(known)
    at = selection.now()
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


@changes_lists
def _import_lists(view: View, file: UploadedFile) -> str:
    added = selection.add_lists(visitor_lists(view.evaluation).lists, file.getvalue())
    already = f"; {added.already:,} already there" if added.already else ""
    return f"{added.new:,} entries and rules added from {file.name}{already}."
