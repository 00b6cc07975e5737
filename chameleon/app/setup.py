"""The New project page: an upload, its versions and columns, and the chameleon.toml for it."""

from __future__ import annotations

import datetime as dt
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl
import streamlit as st

from chameleon.app import jobs, projects, state, uploads
from chameleon.app.cached import kept
from chameleon.app.check import draw_findings
from chameleon.app.formatting import plain, shortened
from chameleon.app.server import WRITING_FLAG, operator
from chameleon.errors import ChameleonError
from chameleon.project import (
    CUTS,
    ENDINGS,
    SETTINGS_FILE,
    USUAL_NAMES,
    Settings,
    Survey,
    address_of,
    folder_stamp,
    settings_text,
    survey,
)
from chameleon.storage import write_text

_NUMBER = "chameleon.uploader"
_REFUSED = "chameleon.refused"
_TYPES = [*dict.fromkeys(e.rpartition(".")[2] for e in ENDINGS), "toml", "zip"]
_WAIT_SECONDS = 0.4
_ONE_AT_A_TIME = threading.Lock()
_LONGEST_CELL = 60
_SAMPLES = 3
"""Values shown of a column: more do not fit into a narrow page."""

_NONE = "(none)"
_ONE_VERSION = "one"
_READINGS: Mapping[str, str] = {
    "snapshot": "A row is repeated in every version that contains it (snapshot)",
    "since": "A row occurs once, with the version that added it (since)",
    "valid": "A row has its first version, and optionally its last one (valid)",
    "cut": "By date: one version per day, week, or month",
    "steps": "By date: versions of equal length in time",
    _ONE_VERSION: "The table is one version",
}
_MOST_STEPS = 200
_SINGLE = ("label", "split", "date", "source")
_COLUMN_KEYS = ("version", "valid_from", "valid_to", "date")


def draw() -> None:
    """The upload, then the project shown: versions, columns, settings."""
    _draw_upload()
    name, address = projects.shown()
    own = uploads.upload_of_session() if name == uploads.NAME else None
    title = "your upload" if own is not None else shortened(name, 60)
    st.markdown(f"##### What does {plain(title)} contain?")
    stamp = folder_stamp(address)
    found = _found(address, stamp, own)
    if found is None:
        return
    chosen = draw_form(found, stamp=str(hash(stamp)), alone=own is not None)
    tried: Survey | None = found
    if chosen is not None and chosen != found.settings:
        tried = _found(address, stamp, own, chosen)
    if tried is not None:
        _draw_state(tried, in_use=tried is found)
    _draw_versions(tried or found)
    _draw_columns(tried or found)
    _draw_settings(address, chosen or found.settings, own)


def _draw_upload() -> None:
    """The uploader, or the upload that exists; a message where uploads are switched off."""
    if not operator().uploads:
        st.caption("Uploads are switched off on this server.")
        return
    st.markdown("##### Your own data")
    own = uploads.upload_of_session()
    if own is not None:
        _draw_own(own)
        return
    limits = uploads.LIMITS
    key = f"uploader-{st.session_state.get(_NUMBER, 0)}"
    st.file_uploader(
        "One file per version, one table with a version column, or a zip of a project folder",
        type=_TYPES, accept_multiple_files=True, key=key, on_change=_take, args=(key,),
    )  # fmt: skip
    st.caption(
        f"At most {limits.files:,} files, {limits.sent_bytes // 1_000_000:,} MB as sent and "
        f"{limits.bytes // 1_000_000:,} MB unpacked, {limits.rows:,} rows in all versions "
        f"together, {limits.columns:,} columns. The data is stored in a private folder of this "
        "server. Only you can see it. It's deleted when you close or reload the page."
    )
    refused = st.session_state.pop(_REFUSED, None)
    if refused is not None:
        st.error(plain(refused), icon=":material/error:")


def _take(key: str) -> None:
    """Take the files of the uploader and have Streamlit forget them."""
    files = st.session_state[key] or []
    if not files:
        return
    try:
        uploads.add_files([(file.name, file.size, cast("BinaryIO", file)) for file in files])
    except ChameleonError as error:
        st.session_state[_REFUSED] = str(error)
    finally:
        uploads.forget_files(files)
        st.session_state[_NUMBER] = st.session_state.get(_NUMBER, 0) + 1


def _draw_own(own: uploads.Upload) -> None:
    st.caption(
        "Only you can see this upload. It's deleted when you close or reload the page. Download it "
        "to keep it."
    )
    if own.left_out:
        st.info(plain(own.left_out), icon=":material/info:")
    with st.container(horizontal=True):
        st.download_button(
            "Download the project", own.zipped, f"{own.project.name}.zip", "application/zip",
            key="upload-download", icon=":material/download:", on_click="ignore",
            help=f"A zip with the tables and {SETTINGS_FILE}, without computed results.",
        )  # fmt: skip
        st.button(
            "Delete the upload", key="upload-remove", icon=":material/delete:",
            on_click=uploads.remove, args=(own,),
        )  # fmt: skip


def _found(
    address: str,
    stamp: tuple[tuple[str, int, int], ...],
    own: uploads.Upload | None,
    settings: Settings | None = None,
) -> Survey | None:
    """The survey with these settings; None where the page shows why there is none yet."""
    try:
        if own is None:
            text = None if settings is None else settings_text(settings)
            return _survey(address, stamp, text, settings)
        job = own.survey(projects.workshop().uploads, settings)
    except ValueError as error:
        _draw_unwritable(error)
        return None
    except ChameleonError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    job.wait(_WAIT_SECONDS)
    if job.error is not None:
        st.error(plain(job.error), icon=":material/error:")
    elif not job.complete:
        jobs.draw_progress(job, unit="file", key=None)
    return job.result


@kept(max_entries=8, show_spinner="Reading the data…")
def _survey(
    address: str,
    stamp: tuple[tuple[str, int, int], ...],
    text: str | None,
    _settings: Settings | None,
) -> Survey:
    with _ONE_AT_A_TIME:
        if _settings is None:
            return survey(address)
        # a visitor's trial leaves nothing beside the operator's project
        with tempfile.TemporaryDirectory(prefix="chameleon-trial-") as folder:
            return survey(address, private=Path(folder), settings=_settings)


def _draw_state(found: Survey, *, in_use: bool) -> None:
    """Show whether the project opens, and its findings."""
    if found.error is not None:
        st.error(plain(found.error), icon=":material/error:")
    elif found.project is not None:
        st.success(
            f"The project opens with these settings: {len(found.project.versions):,} of "
            f"{len(found.versions):,} versions, {len(found.project.kinds):,} features.",
            icon=":material/check_circle:",
        )
        if in_use:
            st.page_link(
                "streamlit_app.py", label="Open the Overview", icon=":material/dashboard:"
            )  # fmt: skip
    draw_findings(found.findings)


def _draw_versions(found: Survey) -> None:
    if not found.versions:
        return
    st.markdown(f"##### Versions found: {len(found.versions):,}")
    usable = set() if found.project is None else {v.name for v in found.project.versions}
    rows = [
        {
            "version": one.version.name,
            "file": one.version.file,
            "date": _day(one.version.date),
            "rows": one.rows,
            "columns": one.columns,
            "problems": sum(p.version == one.version.name for p in found.findings),
            "usable": one.version.name in usable,
        }
        for one in found.versions
    ]
    narrow = st.column_config.Column(width=60)
    st.dataframe(
        pl.DataFrame(rows, infer_schema_length=None), hide_index=True, key="setup-found",
        alt="Versions found", placeholder="-",
        column_config=dict.fromkeys(("rows", "columns", "problems"), narrow),
    )  # fmt: skip


def _day(date: dt.date | None) -> str | None:
    """A version's date, with the time unless it is midnight."""
    if not isinstance(date, dt.datetime):
        return None if date is None else date.isoformat()
    return date.date().isoformat() if date.time() == dt.time() else date.isoformat(" ", "minutes")


def _draw_columns(found: Survey) -> None:
    """One row per column: its kind, its role, and its first values."""
    if not found.columns:
        return
    st.markdown(f"##### Columns found: {len(found.columns):,}")
    settings = found.settings
    roles = {c: role for role, names in found.guessed.items() for c in names}
    roles |= {c: role for role, names in settings.columns.items() for c in names}
    roles |= dict.fromkeys(settings.ignored, "ignored")
    probabilities, votes = settings.weak.pairs(found.columns, roles)
    roles |= {column: f"probability of {shortened(name)}" for name, column in probabilities}
    roles |= {column: f"votes of {shortened(name)}" for name, column in votes}
    of_source = {v: k for k, v in settings.source.items() if k != "file" and isinstance(v, str)}
    names = [*found.columns, *(c for c in found.table_columns if c not in found.columns)]
    head = [
        ["" if v is None else shortened(str(v), _LONGEST_CELL) for v in found.head[name].to_list()]
        if name in found.head.columns
        else []
        for name in names
    ]
    table = {
        "column": names,
        "kind": [str(found.columns.get(name) or "-") for name in names],
        "role": [roles.get(name) or of_source.get(name, "feature") for name in names],
    }
    for row in range(min(max(map(len, head), default=0), _SAMPLES)):
        table[f"row {row + 1}"] = [values[row] if row < len(values) else "" for values in head]
    st.dataframe(pl.DataFrame(table), hide_index=True, key="setup-columns", alt="Columns found")


def _draw_settings(address: str, settings: Settings, own: uploads.Upload | None) -> None:
    """The chameleon.toml to copy, download, use, or save."""
    st.markdown(f"##### {SETTINGS_FILE}")
    try:
        text = settings_text(settings)
    except ValueError as error:
        _draw_unwritable(error)
        return
    height = "content" if text.count("\n") < 24 else 480
    st.code(text, language="toml", wrap_lines=True, height=height)  # type: ignore[arg-type]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Download {SETTINGS_FILE}", text, SETTINGS_FILE, "application/toml",
            key="setup-download", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        if own is not None:
            st.button(
                "Use these settings", key="setup-use", type="primary", icon=":material/check:",
                on_click=_use, args=(own, text),
            )  # fmt: skip
        elif operator().may_write:
            _draw_save(address_of(address).folder / SETTINGS_FILE, text)
    if own is None and not operator().may_write:
        st.caption(
            f"Copy the file into the project folder. With {WRITING_FLAG} after the project, the "
            "operator lets this page save it there."
        )


def _use(own: uploads.Upload, text: str) -> None:
    own.use_settings(text)
    state.forget_project(uploads.NAME)
    state.choose_project(uploads.NAME)


def _draw_unwritable(error: ValueError) -> None:
    st.error(
        plain(f"These settings can't be written into {SETTINGS_FILE}: {error}"),
        icon=":material/error:",
    )


def _draw_save(path: Path, text: str) -> None:
    """Save into the operator's project folder; an existing file is replaced only when asked."""
    exists = path.exists()
    if exists and _content(path) == text:
        st.caption(f"The {SETTINGS_FILE} in the project folder has these settings.")
        return
    agreed = not exists or st.checkbox(
        f"Replace the {SETTINGS_FILE} in the project folder", key="setup-replace"
    )
    if st.button("Save into the project folder", key="setup-save", disabled=not agreed):
        if not operator().may_write or (path.exists() and not agreed):
            return  # another one was saved in the meantime
        if write_text(path, text):
            st.rerun()
        st.error(f"{SETTINGS_FILE} couldn't be written into the project folder.")


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


# ---------------------------------------------------------------- the form


def draw_form(found: Survey, *, stamp: str, alone: bool) -> Settings | None:
    """The chosen settings; None where there is nothing to choose from.

    The form is reset when the `stamp` of the data's files changes. `alone` is True if a single
    table may become the one version of a project.
    """
    if not found.columns:
        return None
    settings = found.settings
    key = f"setup-{stamp}"
    reading = _reading(found, key, alone=alone) if found.readings else None
    with st.form(f"{key}-form"):
        name = st.text_input("Name of the project", settings.name, max_chars=200, key=f"{key}-name")
        source: Mapping[str, Any] = settings.source
        if reading is not None:
            source = _source(found, reading, key)
        columns = _columns(found, key, source)
        ignored = st.multiselect(
            "Columns that are no features", list(found.columns), format_func=shortened,
            default=[c for c in settings.ignored if c in found.columns], key=f"{key}-ignored",
        )  # fmt: skip
        st.form_submit_button("Try these settings", icon=":material/rule:")
    chosen = replace(
        settings,
        name=" ".join(name.split()) or settings.name,
        columns=columns,
        ignored=tuple(ignored),
        source=source,
        findings=(),
    )
    return settings if chosen == replace(settings, findings=()) else chosen


def _reading(found: Survey, key: str, *, alone: bool) -> str | None:
    """The chosen reading of the table, if any."""
    options = [name for name in _READINGS if alone or name != _ONE_VERSION]
    stated = found.settings.source
    current = str(stated["reading"]) if "reading" in stated else None
    current = next((k for k in ("cut", "steps") if k in stated), current)
    return st.radio(
        "How are versions stored in the table?", options, format_func=_READINGS.__getitem__,
        index=options.index(current) if current in options else None, key=f"{key}-reading",
    )  # fmt: skip


def _source(found: Survey, reading: str, key: str) -> dict[str, Any]:
    """The [source] of that reading, with columns chosen in the form."""
    stated = found.settings.source
    if reading == _ONE_VERSION:
        return {}
    choice = next(c for c in found.readings if reading in (c.source.get("reading"), *c.source))
    source: dict[str, Any] = {"file": stated["file"]}
    for name, guess in choice.source.items():
        if name in _COLUMN_KEYS:
            current = str(stated.get(name, guess))
            source[name] = _column(
                f"Column of {name}", found.table_columns, current, f"{key}-{reading}-{name}"
            )
        elif name == "cut":
            cut = stated.get("cut", guess)
            index = CUTS.index(cut) if cut in CUTS else 0
            source[name] = st.selectbox("Every", CUTS, index=index, key=f"{key}-cut")
        elif name == "steps":
            steps = stated.get("steps")
            shown = steps if type(steps) is int and 1 <= steps <= _MOST_STEPS else guess
            source[name] = int(
                st.number_input("Versions", 1, _MOST_STEPS, shown, key=f"{key}-steps")
            )
        elif name != "file":
            source[name] = guess
    if reading == "valid" and stated.get("inclusive"):
        source["inclusive"] = True
    return source


def _columns(found: Survey, key: str, source: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The columns with a role; those found by their usual names need not be stated."""
    stated = found.settings.columns
    ids = st.multiselect(
        "id: identifies an instance in every version", list(found.columns), format_func=shortened,
        default=[c for c in stated.get("id", found.guessed["id"]) if c in found.columns],
        key=f"{key}-id",
    )  # fmt: skip
    chosen = {"id": tuple(ids)}
    for role, place in zip(_SINGLE, st.columns(len(_SINGLE)), strict=True):
        with place:
            current = next(iter(stated.get(role, found.guessed[role])), _NONE)
            name = _column(role, tuple(found.columns), current, f"{key}-{role}")
        chosen[role] = () if name == _NONE else (name,)
    return {
        role: chosen[role]
        for role in USUAL_NAMES
        if chosen[role]
        and (role in stated or chosen[role] != found.guessed[role])
        and not (role == "date" and source.get("date") == chosen[role][0])
    }


def _column(label: str, columns: Sequence[str], current: str, key: str) -> str:
    options = [_NONE, *columns]
    index = options.index(current) if current in options else 0
    return st.selectbox(label, options, index=index, format_func=shortened, key=key)
