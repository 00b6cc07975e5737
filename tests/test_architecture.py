"""The import rules of the project, read from the sources without importing them.

Rooms are the folders of the package, listed lowest first. A room imports rooms before it, through
their `__init__.py` only. A new module inside a room needs no change here.
"""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROOMS = (
    *("storage", "counting", "project", "data", "layout", "models", "selection"),
    *("analysis", "charts", "api", "app"),
)
AT_THE_ROOT = {"__init__", "__main__", "errors", "results", "types"}
# Lowest first. "chameleon" is the package's __init__: all of the library but no screens.
LADDER = (
    "chameleon.errors",
    *(f"chameleon.{room}" for room in ROOMS[:-2]),
    *("chameleon.types", "chameleon.api", "chameleon.results", "chameleon"),
    *("chameleon.app", "chameleon.__main__", "pages"),
)
# A frame's columns are the only contract between what computes and what draws.
STRANGERS = {
    ("chameleon.charts", "chameleon.analysis"),
    ("chameleon.charts", "chameleon.models"),
    ("chameleon.app", "chameleon.api"),
}
# Where a library may be imported, and nowhere else.
HOMES = {
    "streamlit": {"chameleon.app", "pages"},
    "altair": {"chameleon.charts"},
    "pandas": {"chameleon.models", "chameleon.layout"},
    "cleanlab": {"chameleon.analysis"},
}
# Whatever they load can run somebody's code.
UNSAFE_LIBRARIES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = re.compile(r"(eval|exec|__import__|joblib\.load|.*\.(read|to)_pickle)")
# polars calls these functions from its own threads. They wait for the interpreter's lock, and hang
# for good where another thread holds it and waits for them, as one in `to_arrow` does.
POLARS_CALLBACKS = re.compile(
    r".*\.(map_(batches|elements|groups|rows)|rolling_map|sink_batches|register_io_source)"
    r"|polars\.(map_\w+|(cum_)?(fold|reduce)|.*defer)"
)
FILE_READING = re.compile(
    r"(.*\.)?(open|open_memmap|read_\w+|scan_\w+|load|loads|loadtxt|genfromtxt|fromfile|memmap)"
)
SLOW_TO_IMPORT = {"altair", "cleanlab", "numba", "pandas", "scipy", "sklearn", "streamlit", "umap"}
LONGEST_PAGE = 59


@dataclass(frozen=True)
class Import:
    """One imported module or name, e.g. chameleon.errors.ChameleonError, and where it stands."""

    target: str
    alias: str | None
    line: int


@dataclass(frozen=True)
class Source:
    """One parsed file and the dotted name of its module, e.g. chameleon.charts.theme."""

    path: str
    module: str
    is_package: bool
    lines: int
    nodes: list[ast.AST]

    @property
    def group(self) -> str:
        """The room, or the module at the root of the package; screens count as pages."""
        parts = self.module.split(".")
        return ".".join(parts[:2]) if parts[0] == "chameleon" else "pages"

    @cached_property
    def imports(self) -> list[Import]:
        """Every import anywhere in the file: in functions and under TYPE_CHECKING as well."""
        return list(imports(self))

    @cached_property
    def calls(self) -> list[tuple[str, ast.Call]]:
        """Every call with its name, import aliases undone: np.load reads numpy.load."""
        return list(called_names(self))


def read_sources(root: Path) -> list[Source]:
    files = [*sorted(root.glob("chameleon/**/*.py")), *sorted(root.glob("pages/*.py"))]
    files += [path for path in [root / "streamlit_app.py"] if path.exists()]
    return [read_source(path, root) for path in files]


def read_source(path: Path, root: Path) -> Source:
    relative = path.relative_to(root)
    parts = list(relative.with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    text = path.read_text(encoding="utf-8")
    return Source(
        path=relative.as_posix(),
        module=".".join(parts[:-1] if is_package else parts),
        is_package=is_package,
        lines=len(text.splitlines()),
        nodes=list(ast.walk(ast.parse(text, str(path)))),
    )


def imports(source: Source) -> Iterator[Import]:
    for node in source.nodes:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(name.name, name.asname, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = absolute_base(source, node)
            for name in node.names:
                yield Import(f"{base}.{name.name}", name.asname or name.name, node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Import(argument.value, None, node.lineno)


def absolute_base(source: Source, node: ast.ImportFrom) -> str:
    """The dotted name that a from-import starts at, its leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".") if source.is_package else source.module.split(".")[:-1]
    above = package[: len(package) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def group_of(target: str, modules: set[str]) -> str | None:
    """The place that an import reaches for; None for what is not this project's."""
    parts = target.split(".")
    if parts[0] == "pages":
        return "pages"
    if parts[0] != "chameleon":
        return None
    second = ".".join(parts[:2])
    known = second in modules or second in LADDER or len(parts) > 2
    # A name that is no module of the package is one that chameleon/__init__.py offers.
    return second if known else "chameleon"


def called_names(source: Source) -> Iterator[tuple[str, ast.Call]]:
    aliases = {found.alias: found.target for found in source.imports}
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield aliases.get(node.func.id, node.func.id), node
        elif isinstance(node.func, ast.Attribute):
            head, dot, rest = ast.unparse(node.func).partition(".")
            yield aliases.get(head, head) + dot + rest, node


def order_breaches(source: Source, modules: set[str]) -> Iterator[str]:
    if source.group not in LADDER:
        yield f"{source.path}: {source.group} is no room, and nothing else belongs at the root"
        return
    for found in source.imports:
        target = group_of(found.target, modules)
        if target is None or target == source.group:
            continue
        place = f"{source.path}:{found.line}"
        if target not in LADDER:
            yield f"{place}: {target} is no room"
        elif LADDER.index(target) > LADDER.index(source.group):
            yield f"{place}: {source.group} imports {target}, which is above it"
        elif (source.group, target) in STRANGERS:
            yield f"{place}: {source.group} and {target} never import each other"
        elif source.group != "pages" and is_past_the_door(found.target, modules):
            yield f"{place}: {found.target} is imported past the door of {target}"


def is_past_the_door(target: str, modules: set[str]) -> bool:
    """Return True if a target is a module inside a room, or a name of such a module."""
    parts = target.split(".")
    inside = len(parts) > 2 and parts[1] in ROOMS
    return inside and (len(parts) > 3 or target in modules)


def library_breaches(source: Source) -> Iterator[str]:
    for found in source.imports:
        library = found.target.split(".")[0]
        place = f"{source.path}:{found.line}"
        if source.group not in HOMES.get(library, {source.group}):
            yield f"{place}: {library} has no place in {source.group}"
        if library in UNSAFE_LIBRARIES:
            yield f"{place}: {library} is unsafe"


def call_breaches(source: Source) -> Iterator[str]:
    for name, call in source.calls:
        place = f"{source.path}:{call.lineno}"
        if UNSAFE_CALLS.fullmatch(name):
            yield f"{place}: {name}() is unsafe"
        if any(word.arg == "allow_pickle" and not is_false(word.value) for word in call.keywords):
            yield f"{place}: {name}(allow_pickle=...) is unsafe"
        if source.group == "chameleon.analysis" and FILE_READING.fullmatch(name):
            yield f"{place}: {name}() reads a file, which analysis never does"


def callback_breaches(source: Source) -> Iterator[str]:
    begins = ("polars.col", "polars.lit", "chameleon.project.columns.named")
    expressions = {id(call) for name, call in source.calls if name in begins}
    for name, call in source.calls:
        place = f"{source.path}:{call.lineno}"
        if POLARS_CALLBACKS.fullmatch(name):
            yield f"{place}: {name}() lets polars call Python"
        if name.startswith("numpy.") and any(
            id(part) in expressions for word in call.args for part in parts_of(word)
        ):
            yield f"{place}: {name}() of an expression lets polars call Python"


def parts_of(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what an expression begins with: pl.col("a") of pl.col("a").sum() + 1."""
    yield node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from parts_of(node.func.value)
    elif isinstance(node, ast.BinOp):
        yield from parts_of(node.left)
        yield from parts_of(node.right)


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def file_breaches(source: Source) -> Iterator[str]:
    if "utils" in source.module.split("."):
        yield f"{source.path}: there is no utils; name the module by its noun"
    if source.path.startswith("pages/") and source.lines > LONGEST_PAGE:
        yield f"{source.path}: a page is under 60 lines, this one has {source.lines}"


def breaches(root: Path) -> list[str]:
    """Every broken rule under a folder laid out like this repository."""
    sources = read_sources(root)
    modules = {source.module for source in sources}
    found = [
        breach
        for source in sources
        for checked in (
            order_breaches(source, modules),
            library_breaches(source),
            call_breaches(source),
            callback_breaches(source),
            file_breaches(source),
        )
        for breach in checked
    ]
    return sorted(set(found))


def test_the_sources_keep_the_import_rules():
    assert (ROOT / "chameleon" / "errors.py").is_file()
    assert breaches(ROOT) == []


def test_every_imported_library_is_in_the_requirements():
    declared = set(re.findall(r"^[\w-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    distributions = packages_distributions()
    own = {"chameleon", "pages", "__future__"} | sys.stdlib_module_names
    libraries = {
        found.target.split(".")[0] for source in read_sources(ROOT) for found in source.imports
    }
    undeclared = {
        library
        for library in libraries - own
        if not declared
        & {name.lower().replace("_", "-") for name in distributions.get(library, [])}
    }
    assert undeclared == set()


def modules_after(*names: str) -> set[str]:
    """The modules that importing these loads, in a process without those of the tests."""
    listing = f"import json, sys, {', '.join(names)}; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", listing], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(ended.stdout))


def test_importing_the_library_and_its_rooms_is_quick():
    rooms = {f"chameleon.{room}" for room in ROOMS}
    imported = modules_after("chameleon", *rooms)
    assert {name for name in imported if name.startswith("chameleon")} == {"chameleon", *rooms}
    assert {name.split(".")[0] for name in imported} & SLOW_TO_IMPORT == set()


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_in_two_sentences_what_belongs_there(room):
    text = importlib.import_module(f"chameleon.{room}").__doc__ or ""
    first, second = text.strip().split("\n\n")
    assert (first[-1], second[-1]) == (".", ".")


@pytest.mark.parametrize("room", ["", *(f".{room}" for room in ROOMS[:-1])])
def test_every_name_that_a_room_offers_exists(room):
    door = importlib.import_module(f"chameleon{room}")
    assert door.__all__
    for name in door.__all__:
        assert not isinstance(getattr(door, name), type(sys)), name


PLANTED = [
    ("chameleon/project/r.py", "from chameleon.data import D", "above it"),
    ("chameleon/project/r.py", "from ..models import fit", "above it"),
    ("chameleon/models/f.py", "from chameleon import evaluate", "models imports chameleon,"),
    ("chameleon/data/d.py", "def f(): from chameleon.app.state import s", "above it"),
    ("chameleon/data/d.py", "if TYPE_CHECKING: from chameleon.models import M", "above it"),
    ("chameleon/data/d.py", "import importlib as i; i.import_module('chameleon.app')", "above it"),
    ("chameleon/app/frame.py", "import pages.features", "above it"),
    ("chameleon/charts/c.py", "from chameleon.analysis import metrics", "never import each other"),
    ("chameleon/misc.py", "", "is no room"),
    ("chameleon/views/a.py", "", "is no room"),
    (
        "chameleon/data/r.py",
        "from chameleon.project.r import S",
        "past the door of",
    ),
    ("chameleon/models/f.py", "import streamlit as st", "no place"),
    ("chameleon/app/frame.py", "import altair as alt", "no place"),
    ("chameleon/data/d.py", "def f(): import pandas", "no place"),
    ("chameleon/storage/f.py", "import pickle", "unsafe"),
    ("chameleon/models/f.py", "from joblib import load; load('m')", "joblib.load()"),
    ("chameleon/storage/f.py", "import numpy as n; n.save(a, allow_pickle=True)", "allow_pickle"),
    ("chameleon/selection/f.py", "eval('1')", "eval()"),
    ("streamlit_app.py", "exec('1')", "exec()"),
    ("chameleon/analysis/m.py", "open('f')", "reads a file"),
    ("chameleon/analysis/m.py", "from numpy import load as l; l('a.npy')", "reads a file"),
    ("chameleon/analysis/m.py", "import polars as pl; pl.scan_parquet('f')", "reads a file"),
    ("chameleon/charts/c.py", "f.select(c.map_elements(str))", "call Python"),
    ("chameleon/data/d.py", "from polars import map_batches as m; m(['a'], g)", "call Python"),
    ("chameleon/data/d.py", "c.rolling_map(g, 3)", "call Python"),
    (
        "chameleon/data/d.py",
        "import polars.io.plugins as p; p.register_io_source(g)",
        "call Python",
    ),
    (
        "chameleon/data/d.py",
        "import numpy as n, polars as pl; n.log(pl.col('a') + 1)",
        "call Python",
    ),
    ("chameleon/app/utils.py", "", "no utils"),
    ("pages/features.py", "x = 1\n" * 60, "under 60 lines"),
]


@pytest.mark.parametrize(("path", "text", "expected"), PLANTED)
def test_a_planted_breach_is_found(tmp_path, path, text, expected):
    planted = tmp_path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(text, encoding="utf-8")
    found = breaches(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(path)
    assert expected in found[0]


ALLOWED = {
    "chameleon/__init__.py": "from chameleon.analysis import version_metrics",
    "chameleon/project/records.py": "from chameleon.errors import ChameleonError",
    "chameleon/project/__init__.py": "from .folder import F\nfrom chameleon import storage",
    "chameleon/project/folder.py": "from .files import read\nimport polars as pl\npl.read_csv(f)",
    "chameleon/models/fitting.py": "def f():\n    import pandas\n    import sklearn",
    "chameleon/storage/files.py": "import numpy as np\nnp.load('a', allow_pickle=False)\nopen('f')",
    "chameleon/analysis/metrics.py": "from chameleon.models import Evaluation\nm.loaded()",
    "chameleon/charts/timeline.py": "import altair as alt\nfrom chameleon.charts import theme",
    "chameleon/data/rows.py": "import numpy as np\nimport polars as pl\nnp.fmin.reduce(a)\n"
    "np.log(f.select(pl.col('a')))\nf.rename(g)\n[g(x) for x in f['a']]\nmap(g, f)",
    "chameleon/app/frame.py": "import streamlit as st\nimport chameleon\nchameleon.evaluate()",
    "pages/features.py": "from chameleon.app import frame\nimport streamlit\n" + "#\n" * 57,
    "streamlit_app.py": "from chameleon import open_project\nre.compile('x')\nlist.eval()",
}


def test_what_is_allowed_is_not_reported(tmp_path):
    for path, text in ALLOWED.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert breaches(tmp_path) == []
