"""The text of a chameleon.toml: what is written is read again as it was."""

import datetime as dt
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon import settings_text
from chameleon.project import (
    SETTINGS_FILE,
    USUAL_NAMES,
    ModelSpec,
    PredictionColumns,
    Settings,
    Version,
    ViewerKind,
    ViewerSpec,
    WeakColumns,
    read_settings,
)
from chameleon.project.toml_file import toml_text

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
