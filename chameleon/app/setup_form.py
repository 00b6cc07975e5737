"""The form for how the data is read and what each column means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from chameleon.app.formatting import shortened
from chameleon.project import CUTS, USUAL_NAMES, Settings, Survey

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


def draw(found: Survey, *, stamp: str, alone: bool) -> Settings | None:
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
