"""Mutated projects: an error of ours, a problem that is listed, or what a plain reading gives.

`CHAMELEON_FUZZ=1000 pytest tests/project/test_fuzz.py` tries that many for each form.
"""

import math
import os
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chameleon.data import evolving_dataset
from chameleon.models import without_predictions
from chameleon.project import Severity
from tests import fuzzing
from tests import internals as chameleon
from tests.library import TREE
from tests.reading import rows_of

CASES = int(os.environ.get("CHAMELEON_FUZZ", "25"))


def opened(folder: Path, form: str) -> chameleon.Project:
    if form != "table":
        return chameleon.open_project(folder)
    (file,) = folder.glob("data.*")
    return chameleon.open_project(f"{file}?version={fuzzing.TABLE}&reading=snapshot")


def said_by_files(folder: Path, form: str) -> dict[str, fuzzing.Rows | None]:
    """The rows of every version by a plain reading; None where that cannot tell."""
    if form != "table":
        files = sorted((folder / "versions").iterdir())
        return {file.stem: fuzzing.plain_rows(file) for file in files}
    (file,) = folder.glob("data.*")
    rows = fuzzing.plain_rows(file)
    if rows is None or fuzzing.TABLE not in rows[0]:
        return {}
    as_keys = fuzzing.csv_keys if file.suffix == ".csv" else fuzzing.keys
    versions = as_keys([row[fuzzing.TABLE] for row in rows])
    found: dict[str, fuzzing.Rows | None] = {}
    for version, row in zip(versions, rows, strict=True):
        if version is not None:
            own = {name: value for name, value in row.items() if name != fuzzing.TABLE}
            found.setdefault(version, []).append(own)
    return found


def check_version(dataset, version: str, rows: fuzzing.Rows, *, untyped: bool) -> None:
    """Every row once, with its own label, split and values; an id twice is never accepted."""
    held = rows_of(dataset, version)
    assert len(held) == len(rows), "rows were lost or counted twice"
    as_keys = fuzzing.csv_keys if untyped else fuzzing.keys
    roles = dataset.project.roles
    if not roles.id:
        return  # no id tells the rows apart: their number holds
    ids, labels = (as_keys([row[name] for row in rows]) for name in (roles.id[0], roles.label))
    assert None not in ids, "a row without an id was accepted"
    assert Counter(ids) == Counter(held.keys())
    for key, label, row in zip(ids, labels, rows, strict=True):
        assert held[key].label == label
        if roles.split is not None:
            assert held[key].split == fuzzing.SPLITS[str(row[roles.split]).strip().lower()]
        for name, value in held[key].values.items():
            if name in row:
                assert agrees(value, row[name], untyped=untyped), (name, value, row[name])
            else:
                assert value is None


def agrees(found: object, written: object, *, untyped: bool) -> bool:
    """Whether the value found is the one written, as a number, a text, or nothing."""
    if isinstance(written, bool | None) or written is None:
        known = {None: (None,), True: (1.0, "true"), False: (0.0, "false")}
        return found in known[written]
    if isinstance(written, (int, float)):
        if math.isnan(written):
            return found is None or found == "NaN"
        return found == float(written) or found == fuzzing.keys([written])[0]
    if isinstance(found, str):
        return found == written
    if found is None:
        return untyped and str(written) in (*fuzzing.TOKENS, "nan", "NaN", "NAN", "Nan")
    try:
        return found == float(str(written))
    except ValueError:  # dates and booleans
        return str(written).lower() in ("true", "false") or "-" in str(written)


def check_case(folder: Path, form: str) -> str:
    """What came of it, once it holds."""
    try:
        project = opened(folder, form)
    except chameleon.ChameleonError as error:
        told = str(error)
    else:
        return check_opened(project, folder, form)
    assert len(told) > 20
    assert str(folder) not in told
    return "refused"


def check_opened(project: chameleon.Project, folder: Path, form: str) -> str:
    """What came of it, once it holds."""
    dataset = evolving_dataset(project)
    errors = {p.version for p in project.findings if p.severity is Severity.ERROR}
    usable = {version.name for version in project.versions}
    assert not errors & usable
    evaluation = without_predictions(dataset)
    assert chameleon.version_metrics(evaluation)["instances"].to_list() == [
        int(held.sum()) for held in dataset.present
    ]
    chameleon.check(evaluation)
    outcome = "equal"
    for name, rows in said_by_files(folder, form).items():
        if name not in usable:
            assert name in errors, f"{name} is neither used nor told"
            outcome = "told"
        elif rows is not None:
            untyped = project.source.untyped(project.version(name))
            check_version(dataset, name, rows, untyped=untyped)
    return outcome


@pytest.mark.parametrize("form", fuzzing.FORMS)
@pytest.mark.timeout(3600)
def test_a_mutated_project_is_refused_told_or_equal_to_a_plain_reading(form):
    outcomes: Counter = Counter()
    for seed in range(CASES):
        with TemporaryDirectory() as parent:
            folder = Path(parent) / "p"
            fuzzing.write_mutated(folder, form, random.Random(f"{form} {seed}"))
            try:
                outcomes[check_case(folder, form)] += 1
            except Exception as error:
                error.add_note(f"form {form}, seed {seed}")
                raise
    print(f"\n{form}: {dict(outcomes)}")
    assert outcomes["equal"] > CASES / 10  # the mutations leave something to compare
    assert outcomes["told"] + outcomes["refused"] > CASES / 20


def test_a_mutated_project_is_evaluated(tmp_path):
    for seed in range(3):
        folder = tmp_path / str(seed)
        fuzzing.write_mutated(folder, "csv", random.Random(f"evaluated {seed}"))
        (folder / "chameleon.toml").write_text(TREE)
        try:
            project = chameleon.open_project(folder)
        except chameleon.ChameleonError:
            continue
        evaluation = chameleon.evaluate(project)
        assert evaluation.outcome.shape == evaluation.dataset.present.shape
