"""Bringing data along: the part of the New project page that takes files and gives them back."""

from __future__ import annotations

from typing import BinaryIO, cast

import streamlit as st

from chameleon.app import state, uploads
from chameleon.app.formatting import plain
from chameleon.app.operator import operator
from chameleon.errors import ChameleonError
from chameleon.project import ENDINGS, SETTINGS_FILE

_NONCE = "chameleon.uploader"
_REFUSED = "chameleon.refused"
_TYPES = [*dict.fromkeys(e.rpartition(".")[2] for e in ENDINGS), "toml", "zip"]


def draw() -> None:
    """The upload, or what was brought along already; nothing where uploads are switched off."""
    if not operator().uploads:
        st.caption("Bringing data along is switched off on this server.")
        return
    st.markdown("##### Your own data")
    own = uploads.upload_of_session()
    if own is not None:
        _draw_own(own)
        return
    limits = uploads.LIMITS
    key = f"uploader-{st.session_state.get(_NONCE, 0)}"
    st.file_uploader(
        "A file a version, one table with a version column, or a zip of a project folder",
        type=_TYPES,
        accept_multiple_files=True,
        key=key,
        on_change=_take,
        args=(key,),
    )
    st.caption(
        f"At most {limits.files:,} files, {limits.sent_bytes // 1_000_000:,} MB as sent and "
        f"{limits.bytes // 1_000_000:,} MB unpacked, {limits.rows:,} rows of all versions "
        f"together, {limits.columns:,} columns. The data stays in a private folder of this server, "
        "is shown to you alone, and is removed when this visit ends: when the page is closed or "
        "loaded anew."
    )
    refused = st.session_state.pop(_REFUSED, None)
    if refused is not None:
        st.error(plain(refused), icon=":material/error:")


def draw_use(own: uploads.Upload, text: str) -> None:
    """Let the upload be read with the settings of that chameleon.toml."""
    st.button(
        "Use these settings", key="setup-use", type="primary", icon=":material/check:",
        on_click=_use, args=(own, text),
    )  # fmt: skip


def _use(own: uploads.Upload, text: str) -> None:
    own.settle(text)
    state.forget_project(uploads.NAME)
    state.choose_project(uploads.NAME)


def _take(key: str) -> None:
    """Take over the files of the uploader; Streamlit need not hold them any longer."""
    files = st.session_state[key] or []
    if not files:
        return
    try:
        uploads.bring([(file.name, file.size, cast("BinaryIO", file)) for file in files])
    except ChameleonError as error:
        st.session_state[_REFUSED] = str(error)
    finally:
        uploads.forget_files(files)
        st.session_state[_NONCE] = st.session_state.get(_NONCE, 0) + 1


def _draw_own(own: uploads.Upload) -> None:
    st.caption(
        "What you brought along is shown to you alone. It is removed when this visit ends: when "
        "the page is closed or loaded anew. To keep it, download it."
    )
    if own.left_out:
        st.info(plain(own.left_out), icon=":material/info:")
    with st.container(horizontal=True):
        st.download_button(
            "Download the project", own.zipped, f"{own.project.name}.zip", "application/zip",
            key="upload-download", icon=":material/download:", on_click="ignore",
            help=f"A zip with the tables and {SETTINGS_FILE}; nothing that was computed.",
        )  # fmt: skip
        st.button(
            "Remove it now", key="upload-remove", icon=":material/delete:",
            on_click=uploads.take_away, args=(own,),
        )  # fmt: skip
