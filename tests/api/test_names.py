"""The names, signatures, and options of the public interface."""

import ast
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_args, get_origin

import pytest

import chameleon
from chameleon import types
from chameleon.api import plots, weak
from chameleon.api.options import options_of

ROOT = Path(__file__).parent.parent.parent
SIGNATURES = Path(__file__).parent / "signatures.txt"
CLASSES = [
    *(getattr(chameleon, n) for n in chameleon.__all__ if n[0].isupper() and n != "Version"),
    plots.EvaluationPlots, plots.StepPlots, plots.VersionPlots, weak.WeakLabels,
]  # fmt: skip
RESULTS = [one for one in vars(chameleon.results).values() if inspect.isclass(one)]
FUNCTIONS = [chameleon.open_project, chameleon.open_sample, chameleon.show_versions]


def own_members(cls):
    """The public methods and properties of a class of the package, by name."""
    return {
        name: member
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and "chameleon" in str(inspect.getmodule(getattr(member, "fget", member)))
    }


def test_the_package_offers_18_names_and_two_submodules():
    assert len(chameleon.__all__) == 18
    assert dir(chameleon) == sorted([*chameleon.__all__, "results", "types"])
    assert all(hasattr(chameleon, name) for name in dir(chameleon))
    with pytest.raises(AttributeError, match="evaluate"):
        chameleon.evaluate  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import chameleon", ("polars", "numpy", "altair", "streamlit", "sklearn")),
        ("import chameleon.errors", ("polars", "numpy", "chameleon.api", "chameleon.project")),
        ("import chameleon; chameleon.Evaluation", ("altair", "streamlit", "sklearn")),
    ],
)
def test_an_import_loads_no_more_than_it_needs(statement, absent):
    code = f"{statement}\nimport sys\nprint([n for n in {absent!r} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


def signature_lines():
    for function in FUNCTIONS:
        yield f"{function.__name__}{inspect.signature(function)}"
    for cls in [*CLASSES, *RESULTS]:
        for name, member in own_members(cls).items():
            if isinstance(member, property):
                yield f"{cls.__name__}.{name}: {inspect.signature(member.fget).return_annotation}"
            else:
                yield f"{cls.__name__}.{name}{inspect.signature(member)}"


def test_no_signature_changes_unnoticed():
    """`python -m tests.api.test_names` writes the file anew."""
    assert list(signature_lines()) == SIGNATURES.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("cls", [*CLASSES, *RESULTS], ids=lambda cls: cls.__name__)
def test_every_public_member_is_documented_and_short(cls):
    for name, member in own_members(cls).items():
        function = inspect.unwrap(getattr(member, "fget", member))
        documentation = inspect.getdoc(function)
        assert documentation, name
        assert not documentation.startswith(("What", "Whether", "Which", "Where", "How many"))
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        node = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))
        statements = [s for s in node.body[1:] if not isinstance(s, ast.ImportFrom)]
        if statements and name != "filter":  # whose body spells out its keywords
            lines = statements[-1].end_lineno - statements[0].lineno + 1
            assert lines <= 10, f"{cls.__name__}.{name} has {lines} lines"


def options():
    for cls in CLASSES:
        for name, member in own_members(cls).items():
            if inspect.isfunction(member):
                for option in options_of(inspect.unwrap(member)):
                    yield pytest.param(cls, name, option, id=f"{cls.__name__}.{name}({option})")


def test_every_annotation_of_literals_is_an_option():
    literals = {n for n, one in vars(types).items() if get_origin(one) is not None}
    assert {"Scope", "Metric", "Split"} <= literals
    assert all(all(isinstance(v, str) for v in get_args(getattr(types, n))) for n in ("Scope",))


@pytest.mark.parametrize(("cls", "name", "option"), [*options()])
def test_an_unknown_string_is_refused_with_the_known_ones(digits, weak, cls, name, option):
    owner = owner_of(digits, cls)
    method = getattr(owner, name)
    needed = {
        p.name: given
        for p, given in zip(
            inspect.signature(method).parameters.values(), ("1.9", "pixel_3_3"), strict=False
        )
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    }
    with pytest.raises(chameleon.SelectionError, match=f"{option} must be one of '"):
        method(**{**needed, option: "no such option"})


def owner_of(evaluation, cls):
    step, version = evaluation.step("1.8", "1.9"), evaluation.version("1.9")
    lists = evaluation.exclusion_lists
    made = lists["l"] if "l" in lists else lists.create("l")
    owners = [evaluation, evaluation.project, step, version, lists, made]
    owners += [evaluation.plot, step.plot, version.plot]
    return next(one for one in owners if isinstance(one, cls))


CONDITIONS = {
    "split": "tset", "outcome": "right", "change": "moved", "flip": "improved", "count": "classes",
    "failure_set": "always", "vote_change": {"f": "none"}, "read": "primary",
}  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONS)
def test_an_unknown_string_in_a_condition_is_refused(digits, name):
    given = {name: CONDITIONS[name]}
    if name == "count":
        given["sensitivity"] = 2
    with pytest.raises(chameleon.SelectionError, match=f"{name} must be one of '"):
        digits.step("1.8", "1.9").filter(**given)


if __name__ == "__main__":
    SIGNATURES.write_text("".join(f"{line}\n" for line in signature_lines()), encoding="utf-8")
