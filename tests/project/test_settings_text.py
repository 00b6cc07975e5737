"""TOML files: written and read again, within limits."""

from __future__ import annotations

import datetime as dt
import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.errors import ProjectError
from chameleon.project import (
    SETTINGS_FILE,
    TOUR_FILE,
    USUAL_NAMES,
    ModelSpec,
    PredictionColumns,
    Settings,
    Version,
    ViewerKind,
    ViewerSpec,
    WeakColumns,
    read_settings,
    read_tour,
)
from chameleon.project.toml_file import MOST_BYTES, MOST_DEPTH, MOST_VALUES, read_toml, toml_text
from tests.internals import settings_text

AWKWARD = ["a.b", "a[0]", 'q"uote', "it's", "back\\slash", "colon: x", "😀", "שלום", "new\nline",
           "tab\t", "\x7f", "\x00", "#", "=", " ", "\r", "\u2028",
           "x" * 300, "é", "e\u0301"]  # fmt: skip
names = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(codec="utf-8"), min_size=1))
words = names.filter(lambda text: text.strip())
values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        names,
        st.dates(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def versions(draw):
    chosen = draw(st.lists(names, max_size=3, unique=True))
    dates, notes = st.none() | st.dates(), st.none() | st.text(st.characters(codec="utf-8"))
    return tuple(Version(name, draw(dates), draw(notes), draw(words)) for name in chosen)


pairs = st.dictionaries(names | st.just(""), names, max_size=3).map(lambda d: tuple(d.items()))
weak_columns = st.builds(
    WeakColumns,
    st.none() | st.just("p{class}") | pairs,
    st.none() | st.just("{rule} votes") | st.lists(names, max_size=3).map(tuple),
)


@st.composite
def viewers(draw):
    kind = draw(st.sampled_from(list(ViewerKind)))
    if kind is ViewerKind.PLAIN:
        return ViewerSpec(kind)
    most = 1 if kind is ViewerKind.TEXT else 3
    columns = draw(
        st.lists(names.map(lambda n: n.replace("*", "x")), min_size=1, max_size=most, unique=True)
    )
    sides = st.integers(1, 4096)
    shapes = st.none() | st.tuples(sides, sides) | st.tuples(sides, sides, st.sampled_from([1, 3]))
    return ViewerSpec(kind, tuple(columns), draw(shapes) if kind is ViewerKind.IMAGE else None)


@st.composite
def all_settings(draw):
    columns = {role: (draw(names),) for role in USUAL_NAMES if draw(st.booleans())}
    if "id" in columns:
        columns["id"] = tuple(draw(st.lists(names, min_size=1, max_size=3)))
    said = st.builds(
        PredictionColumns,
        words.map(lambda t: t.replace("{", "").replace("}", "") + "p{version}"),
        st.none() | st.just("proba {version}.{class}"),
    )
    specs = st.builds(ModelSpec, words, st.dictionaries(names, values, max_size=3))
    listed = draw(versions())
    return Settings(
        name=draw(words),
        columns=columns,
        ignored=tuple(draw(st.lists(names, max_size=3))),
        model=draw(st.just(ModelSpec()) | specs),
        versions=listed,
        own_models={version.name: draw(specs) for version in listed if draw(st.booleans())},
        source=draw(
            st.just({})
            | st.fixed_dictionaries(
                {"file": words, "version": words, "reading": st.just("since")},
                optional={"steps": st.integers(1, 9), "inclusive": st.booleans()},
            )
        ),
        predictions=draw(st.none() | said),
        weak=draw(weak_columns),
        viewer=draw(st.none() | viewers()),
        golden=draw(st.none() | words),
    )


@given(all_settings())
def test_what_is_written_is_read_again(tmp_path_factory, settings):
    folder = tmp_path_factory.mktemp("settings")
    (folder / SETTINGS_FILE).write_text(settings_text(settings), encoding="utf-8", newline="\n")
    assert read_settings(folder) == settings


def test_the_text_reads_like_the_example_of_the_design():
    settings = Settings(
        name="phones",
        columns={"id": ("user", "time"), "label": ("truth",)},
        ignored=("comment",),
        model=ModelSpec("LogisticRegression", {"max_iter": 500}),
        versions=(Version("1.13", dt.date(2019, 1, 11), "night", "versions/1.13.csv"),),
        source={"file": "data.csv", "version": "batch", "reading": "since"},
        predictions=PredictionColumns("prediction_{version}"),
    )
    assert (
        settings_text(settings)
        == """name = "phones"
versions = [
    { name = "1.13", file = "versions/1.13.csv", date = 2019-01-11, note = "night" },
]

[source]
file = "data.csv"
version = "batch"
reading = "since"

[columns]
id = [
    "user",
    "time",
]
label = "truth"
ignore = [
    "comment",
]

[predictions]
columns = "prediction_{version}"

[model]
estimator = "LogisticRegression"

[model.params]
max_iter = 500
"""
    )


def test_defaults_are_not_written():
    assert settings_text(Settings(name="x")) == 'name = "x"\n'


@given(values)
def test_a_value_is_read_again(value):
    assert tomllib.loads(toml_text({"key": value})) == {"key": value}


@pytest.mark.parametrize(
    "value", [None, object(), 2**63, -(2**63) - 1, "\ud800", [None], {"a": None}]
)
def test_what_toml_cannot_hold_is_an_error(value):
    with pytest.raises(ValueError, match="TOML"):
        toml_text({"key": value})


def test_infinities_and_not_a_number_are_spelled_as_toml_spells_them():
    text = toml_text({key: float(key) for key in ("inf", "-inf", "nan")})
    assert text == "inf = inf\n-inf = -inf\nnan = nan\n"


# ---------------------------------------------------------------- toml file


DEEP = {
    "a dotted key": "a" + ".a" * 30_000 + " = 1",
    "a dotted key with blanks": "a" + " . a" * 20_000 + " = 1",
    "a dotted key in quotes": "'a'" + ".'a'" * 20_000 + " = 1",
    "a dotted key in a table": "a = { " + "b." * 30_000 + "b = 1 }",
    "a header": "[a" + ".a" * 30_000 + "]",
    "a header of a list": "[[a" + ".a" * 30_000 + "]]",
    "lists": "a = " + "[" * 40_000 + "]" * 40_000,
    "lists without end": "a = " + "[" * 90_000,
    "tables": "a = " + "{ a = " * 15_000,
    "lists over lines": "a = " + "[ # ]\n" * 15_000,
    "behind a string with brackets": "a = ']]]]'\nb = " + "[" * 90_000,
}
DOTS = "a." * 200
PROPER = {
    "dots in strings": f"a = \"{DOTS}\"\nb = '{DOTS}'",
    "dots in long strings": f'a = """\n{DOTS}\n\\"""{DOTS}"""\nb = \'\'\'{DOTS}\'\'\'',
    "dots in a comment": f"# {DOTS}\na = 1  # it's {DOTS}",
    "brackets in strings": f"a = \"{'[' * 200}\"\nb = '{'{' * 200}'",
    "brackets in a comment": f"# {'[' * 200}\na = 1",
    "a quote in a comment": '# it\'s\na = 1\n# """\nb = 2',
    "quotes in strings": 'a = "it\'s"\nb = \'"\'\nc = "\\""\nd = \'\\\'',
    "many numbers": f"a = [{'1.5, ' * 1_000}]",
    "many lines": "\n".join(f"a.b{n} = 1.5" for n in range(1_000)),
    "lists side by side": f"a = [{'[[[1]]], ' * 1_000}]",
}


def path_of(folder, text, file=SETTINGS_FILE):
    path = folder / file
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


@pytest.fixture
def parsed(monkeypatch):
    """Return the list of the texts that Python's parser is given."""
    texts = []
    original = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", lambda text: texts.append(text) or original(text))
    return texts


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize(("file", "read"), [(SETTINGS_FILE, read_settings), (TOUR_FILE, read_tour)])
def test_deep_files_are_refused_before_they_are_parsed(tmp_path, parsed, text, file, read):
    path_of(tmp_path, text, file)
    with pytest.raises(ProjectError, match=rf"{file} nests values more than 50 deep in line"):
        read(tmp_path)
    assert parsed == []


@pytest.mark.parametrize(("file", "read"), [(SETTINGS_FILE, read_settings), (TOUR_FILE, read_tour)])
def test_large_files_are_refused_before_they_are_parsed(tmp_path, parsed, file, read):
    path_of(tmp_path, "#" * (MOST_BYTES + 1), file)
    with pytest.raises(ProjectError, match=rf"{file} has 100,001 bytes, and at most 100,000"):
        read(tmp_path)
    assert parsed == []
    assert read_toml(path_of(tmp_path, "#" * MOST_BYTES)) == {}


@pytest.mark.parametrize("text", PROPER.values(), ids=PROPER)
def test_signs_in_strings_and_comments_nest_nothing(tmp_path, text):
    assert read_toml(path_of(tmp_path, text)) == tomllib.loads(text)


@given(
    st.lists(st.sampled_from(["list", "table"]), max_size=60),
    st.integers(1, 60),
    st.integers(0, 30),
)
def test_values_are_refused_beyond_the_depth_and_only_there(tmp_path_factory, around, key, header):
    value, inner = "1", 0
    for kind in around:
        value = f"[{value}]" if kind == "list" else f"{{ 'a.' = {value} }}"
        inner += 1
    text = f"[{'.'.join('h' * header)}]\n" if header else ""
    text += f"{'.'.join('k' * key)} = {value}\n"
    path = path_of(tmp_path_factory.mktemp("toml"), text)
    if header + key + inner <= MOST_DEPTH:
        assert read_toml(path) == tomllib.loads(text)
    else:
        with pytest.raises(ProjectError, match="more than 50 deep"):
            read_toml(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[columns]\nid = {}", "'columns.id'"),
        ("[columns]\nignore = {}", "'columns.ignore'"),
        ("[columns]\nvotes = {}", "'columns.votes'"),
        ("[viewer]\ncolumns = {}", "'viewer.columns'"),
        ("[model]\nparams = {{ hidden_layer_sizes = {} }}", "'model.params.hidden_layer_sizes'"),
        ("[[versions]]\nmodel = {{ params = {{ a = {} }} }}", "'versions.1.model.params.a'"),
    ],
)
def test_long_lists_are_refused_by_their_key(tmp_path, text, key):
    path = path_of(tmp_path, text.format(["c"] * (MOST_VALUES + 1)))
    with pytest.raises(ProjectError, match=rf"{key} has 5,001 values, and at most 5,000"):
        read_toml(path)
    path_of(tmp_path, text.format(["c"] * MOST_VALUES))
    assert len(read_toml(path)) == 1


def test_large_tables_and_numbers_are_refused_by_their_key(tmp_path):
    pairs = ", ".join(f"c{n} = 'p'" for n in range(MOST_VALUES + 1))
    for text, words in (
        (f"[columns]\nlabel_probabilities = {{ {pairs} }}", "'columns.label_probabilities' has"),
        ("\n".join(f"c{n} = 1" for n in range(MOST_VALUES + 1)), "the top level has 5,001"),
        (f"[source]\nsteps = 0x{'f' * 17}", "'source.steps' is an integer beyond 64 bits"),
        (f"name = 0x{'f' * 90_000}", "'name' is an integer beyond 64 bits"),
    ):
        with pytest.raises(ProjectError, match=words):
            read_toml(path_of(tmp_path, text))


def seconds(folder, text):
    path = path_of(folder, text)
    start = time.process_time()
    with pytest.raises(ProjectError):
        read_toml(path)
    return time.process_time() - start


@pytest.mark.parametrize(
    "text",
    [
        '"""' + '\n\\"""' * 19_000 + "\\", "'''" + "''" * 45_000, '"' * 99_999, "'\"" * 49_999,
        '"""\\' * 24_999, "a = [" + '"""\n' * 24_000,
    ],
)  # fmt: skip
def test_strings_without_end_are_looked_at_once(tmp_path, text):
    ordinary = max(seconds(tmp_path, "a = 1.5  # a line\n" * 5_000) for _ in range(3))
    assert seconds(tmp_path, text) < 100 * ordinary  # the square of their length is 1,000 times
