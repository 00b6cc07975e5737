"""The form in which a visitor says how the data is read and which column is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from chameleon.app.formatting import shortened
from chameleon.project import CUTS, USUAL_NAMES, Settings, Survey

_NONE = "(none)"
_ONE_VERSION = "one"
_LABELS: Mapping[str, str] = {
    "snapshot": "A row is repeated in every version that holds it (snapshot)",
    "since": "A row stands once, with the version that brought it (since)",
    "valid": "A row says from which version on it holds, and until when (valid)",
    "cut": "By date: a version a day, week or month",
    "steps": "By date: versions of equal length in time",
    _ONE_VERSION: "The table is one version",
}
_MOST_STEPS = 200
_SINGLE = ("label", "split", "date", "source")
_COLUMN_KEYS = ("version", "valid_from", "valid_to", "date")


def draw(found: Survey, *, stamp: str, alone: bool) -> Settings | None:
    """The settings that were chosen; None where there is nothing to choose from.

    Parameters
    ----------
    stamp
        The state of the data; the form begins anew with another one.
    alone
        Whether a single table may become the one version of a project.
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
            "Columns that are no features",
            list(found.columns),
            default=[c for c in settings.ignored if c in found.columns],
            format_func=shortened,
            key=f"{key}-ignored",
        )
        st.form_submit_button("Try these settings", icon=":material/rule:")
    chosen = replace(
        settings,
        name=" ".join(name.split()) or settings.name,
        columns=columns,
        ignored=tuple(ignored),
        source=source,
        findings=(),
    )
    same = replace(settings, findings=())
    return settings if chosen == same else chosen


def _reading(found: Survey, key: str, *, alone: bool) -> str | None:
    """The reading of the table that is chosen; None while none is."""
    options = ["snapshot", "since", "valid", "cut", "steps", *([_ONE_VERSION] if alone else [])]
    stated = found.settings.source
    current = str(stated["reading"]) if "reading" in stated else None
    current = next((k for k in ("cut", "steps") if k in stated), current)
    return st.radio(
        "How does the table hold its versions?",
        options,
        index=options.index(current) if current in options else None,
        format_func=_LABELS.__getitem__,
        key=f"{key}-reading",
    )


def _source(found: Survey, reading: str, key: str) -> dict[str, Any]:
    """The [source] of that reading, its columns chosen in the form."""
    file = found.settings.source["file"]
    if reading == _ONE_VERSION:
        return {}
    choice = next(c for c in found.readings if reading in (c.source.get("reading"), *c.source))
    source: dict[str, Any] = {"file": file}
    for name, guess in choice.source.items():
        if name in _COLUMN_KEYS:
            stated = found.settings.source.get(name, guess)
            source[name] = _column(
                f"Column of {name}", found.table_columns, str(stated), f"{key}-{reading}-{name}"
            )
        elif name == "cut":
            stated = found.settings.source.get("cut", guess)
            index = CUTS.index(stated) if stated in CUTS else 0
            source[name] = st.selectbox("Every", CUTS, index=index, key=f"{key}-cut")
        elif name == "steps":
            stated = found.settings.source.get("steps")
            shown = stated if type(stated) is int and 1 <= stated <= _MOST_STEPS else guess
            value = st.number_input("Versions", 1, _MOST_STEPS, shown, key=f"{key}-steps")
            source[name] = int(value)
        elif name != "file":
            source[name] = guess
    if reading == "valid" and found.settings.source.get("inclusive"):
        source["inclusive"] = True
    return source


def _columns(found: Survey, key: str, source: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The columns that have a role; what is found by its usual name need not be said."""
    stated = found.settings.columns
    chosen: dict[str, tuple[str, ...]] = {}
    ids = st.multiselect(
        "id: what an instance is known by in every version",
        list(found.columns),
        default=[c for c in stated.get("id", found.guessed["id"]) if c in found.columns],
        format_func=shortened,
        key=f"{key}-id",
    )
    chosen["id"] = tuple(ids)
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
    return st.selectbox(
        label,
        options,
        index=options.index(current) if current in options else 0,
        format_func=lambda name: shortened(name),
        key=key,
    )
