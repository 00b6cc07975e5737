"""The New project page: what was found, what it shall mean, and the chameleon.toml that says so."""

from __future__ import annotations

import datetime as dt
import tempfile
import threading
from pathlib import Path

import polars as pl
import streamlit as st

from chameleon.app import jobs, projects, setup_form, upload_form, uploads
from chameleon.app.cached import kept
from chameleon.app.formatting import plain, shortened
from chameleon.app.info import problem_lines
from chameleon.app.operator import WRITING_FLAG, operator
from chameleon.errors import ChameleonError
from chameleon.project import (
    SETTINGS_FILE,
    Settings,
    Survey,
    address_of,
    folder_stamp,
    settings_text,
    survey,
)
from chameleon.storage import write_text

_MOMENT_SECONDS = 0.4
_ONE_AT_A_TIME = threading.Lock()
_LONGEST_CELL = 60
_SAMPLES = 3
"""Values shown of a column: more do not fit into a narrow page."""


def draw() -> None:
    """Bringing data along, then the project that is shown: versions, columns, settings."""
    upload_form.draw()
    name, address = projects.shown()
    own = uploads.upload_of_session() if name == uploads.NAME else None
    title = "your upload" if own is not None else shortened(name, 60)
    st.markdown(f"##### What is in {plain(title)}")
    stamp = folder_stamp(address)
    found = _found(address, stamp, own)
    if found is None:
        return
    chosen = setup_form.draw(found, stamp=str(hash(stamp)), alone=own is not None)
    tried: Survey | None = found
    if chosen is not None and chosen != found.settings:
        tried = _found(address, stamp, own, chosen)
    if tried is not None:
        _draw_state(tried, stands=tried is found)
    _draw_versions(tried or found)
    _draw_columns(tried or found)
    _draw_settings(address, chosen or found.settings, own)


def _found(
    address: str,
    stamp: tuple[tuple[str, int, int], ...],
    own: uploads.Upload | None,
    settings: Settings | None = None,
) -> Survey | None:
    """The survey with these settings; None where the page says why there is nothing yet."""
    try:
        if own is None:
            text = None if settings is None else settings_text(settings)
            return _survey(address, stamp, text, settings)
        job = own.survey(projects.workshop().uploads, settings)
    except ValueError as error:
        _tell_unwritable(error)
        return None
    except ChameleonError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    job.wait(_MOMENT_SECONDS)
    if job.error is not None:
        st.error(plain(job.error), icon=":material/error:")
    elif not job.complete:
        jobs.watch(job, what="your files", key=None)
    return job.result


@kept(max_entries=8, show_spinner="Looking at the data…")
def _survey(
    address: str,
    stamp: tuple[tuple[str, int, int], ...],
    text: str | None,
    _settings: Settings | None,
) -> Survey:
    with _ONE_AT_A_TIME:
        if _settings is None:
            return survey(address)
        # a visitor's trial is nothing to keep beside the operator's project
        with tempfile.TemporaryDirectory(prefix="chameleon-trial-") as folder:
            return survey(address, private=Path(folder), settings=_settings)


def _draw_state(found: Survey, *, stands: bool) -> None:
    """Draw whether the project opens, and its problems."""
    if found.error is not None:
        st.error(plain(found.error), icon=":material/error:")
    elif found.project is not None:
        st.success(
            f"The project opens with these settings: {len(found.project.versions):,} of "
            f"{len(found.versions):,} versions, {len(found.project.kinds):,} features.",
            icon=":material/check_circle:",
        )
        if stands:
            st.page_link("streamlit_app.py", label="Look at it", icon=":material/dashboard:")
    problem_lines(found.findings)


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
    frame = pl.DataFrame(rows, infer_schema_length=None)
    narrow = st.column_config.Column(width=60)
    st.dataframe(
        frame, hide_index=True, key="setup-found", alt="Versions found", placeholder="-",
        column_config=dict.fromkeys(("rows", "columns", "problems"), narrow),
    )  # fmt: skip


def _day(date: dt.date | None) -> str | None:
    """A version's date; with the time only where there is one other than midnight."""
    if not isinstance(date, dt.datetime):
        return None if date is None else date.isoformat()
    return date.date().isoformat() if date.time() == dt.time() else date.isoformat(" ", "minutes")


def _draw_columns(found: Survey) -> None:
    """A row a column: its kind, its role, and its first values."""
    if not found.columns:
        return
    st.markdown(f"##### Columns found: {len(found.columns):,}")
    roles = {c: role for role, names in found.guessed.items() for c in names}
    roles |= {c: role for role, names in found.settings.columns.items() for c in names}
    roles |= dict.fromkeys(found.settings.ignored, "ignored")
    weak = found.settings.weak
    pairs = weak.probability_columns(found.columns, roles)
    roles |= {column: f"probability of {shortened(name)}" for name, column in pairs}
    pairs = weak.vote_columns(found.columns, roles)
    roles |= {column: f"votes of rule {shortened(name)}" for name, column in pairs}
    told = {v: k for k, v in found.settings.source.items() if k != "file" and isinstance(v, str)}
    names = [*found.columns, *(c for c in found.table_columns if c not in found.columns)]
    head = [_values(found.head, name) for name in names]
    most = min(max((len(values) for values in head), default=0), _SAMPLES)
    table = {
        "column": names,
        "kind": [str(found.columns.get(name) or "-") for name in names],
        "role": [
            roles.get(name) or (f"tells the {told[name]}" if name in told else "feature")
            for name in names
        ],
    }
    for row in range(most):
        table[f"row {row + 1}"] = [values[row] if row < len(values) else "" for values in head]
    st.dataframe(pl.DataFrame(table), hide_index=True, key="setup-columns", alt="Columns found")


def _values(head: pl.DataFrame, name: str) -> list[str]:
    if name not in head.columns:
        return []
    return ["" if v is None else shortened(str(v), _LONGEST_CELL) for v in head[name].to_list()]


def _draw_settings(address: str, settings: Settings, own: uploads.Upload | None) -> None:
    """The chameleon.toml to copy, download, use or save."""
    st.markdown(f"##### {SETTINGS_FILE}")
    try:
        text = settings_text(settings)
    except ValueError as error:
        _tell_unwritable(error)
        return
    st.code(
        text, language="toml", wrap_lines=True, height="content" if text.count("\n") < 24 else 480
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Download {SETTINGS_FILE}", text, SETTINGS_FILE, "application/toml",
            key="setup-download", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        if own is not None:
            upload_form.draw_use(own, text)
        elif operator().may_write:
            _draw_save(address_of(address).folder / SETTINGS_FILE, text)
    if own is None and not operator().may_write:
        st.caption(
            f"Put the file into the project folder. With {WRITING_FLAG} behind the project, the "
            "operator lets this page save it there."
        )


def _tell_unwritable(error: ValueError) -> None:
    st.error(
        plain(f"These settings can't be written into {SETTINGS_FILE}: {error}"),
        icon=":material/error:",
    )


def _draw_save(path: Path, text: str) -> None:
    """Save into the operator's project folder; what stands there is replaced only when asked."""
    stands = path.exists()
    if stands and _content(path) == text:
        st.caption(f"This is what the {SETTINGS_FILE} in the project folder says.")
        return
    agreed = not stands or st.checkbox(
        f"Replace the {SETTINGS_FILE} that stands in the project folder", key="setup-replace"
    )
    if st.button("Save into the project folder", key="setup-save", disabled=not agreed):
        if not operator().may_write or (path.exists() and not agreed):
            return  # it came to stand there meanwhile
        if write_text(path, text):
            st.rerun()
        st.error(f"{SETTINGS_FILE} could not be written: the folder does not take it.")


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
