"""The pages under AppTest, each on a project that the environment names."""

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.runtime.scriptrunner import RerunData
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element

from chameleon.analysis import selected
from chameleon.app import sidebar
from chameleon.app.server import PROJECT_VARIABLE
from tests import internals as chameleon
from tests.app import showcases
from tests.internals import Filters

ROOT = Path(__file__).parent.parent.parent
PAGES = tuple(path for path, *_ in sidebar.PAGES)
OVERVIEW, TIMELINE, FEATURES = "streamlit_app.py", "pages/timeline.py", "pages/features.py"
_SECONDS = 60


def matching(
    evaluation: chameleon.Evaluation, selection: chameleon.Selection, scope: str = "test"
) -> tuple[int, int]:
    """The counts that `Screen.matching` is to show."""

    def count(asked: chameleon.Selection) -> int:
        found = selected(evaluation, asked)
        return found.primary if scope == "all" else found.by_split[scope][0]

    return count(selection), count(replace(selection, filters=Filters()))


@dataclass
class Screen:
    """One visitor's page: its contents, and what a visitor can do."""

    at: AppTest

    def settle(self) -> "Screen":
        """Run until the project is opened completely; a run waits for it a moment itself."""
        end = time.monotonic() + _SECONDS
        self.at.run()
        while self.at.main.get("progress") and time.monotonic() < end:
            self.at.run()
        return self

    def go(self, page: str) -> "Screen":
        """Change to another page as a link does: with an address without a query."""
        self.at.query_params.clear()
        self.at.switch_page(page)
        self.at.run()
        return self

    @property
    def query(self) -> dict[str, list[str]]:
        """The address; AppTest gives one value as a text, several as a list."""
        found = self.at.query_params.items()
        return {k: [v] if isinstance(v, str) else list(v) for k, v in found}

    @property
    def selection(self) -> chameleon.Selection:
        """The selection of the address."""
        items = [(name, value) for name, values in self.query.items() for value in values]
        return chameleon.Selection.from_query(items, chameleon.Selection("", ""))

    @property
    def letter(self) -> dict:
        """The last letter to the Story, or to its strip."""
        return json.loads(self.payload("story-letters")["letter"])

    @property
    def shown(self) -> dict:
        """What the Story, or its strip, shows: versions, scope, filters, and the open instance."""
        return self.letter["state"]

    @property
    def chips(self) -> list[str]:
        """The labels of the removable chips."""
        return [one["label"] for one in self.shown["filters"]]

    @property
    def matching(self) -> tuple[int, int]:
        """The primary's instances of the scope that match the filters, and all of them."""
        matching, of = self.letter["matching"]
        return matching, of

    @property
    def versions(self) -> list[str]:
        """The names of the versions in the Story, or in its strip."""
        return [version["name"] for version in self.head["versions"]]

    @property
    def story(self) -> dict:
        """The data of the Story, or of its strip: head, mode, and a reference to the bytes."""
        proto = self.component("story").proto
        return json.loads(proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json)

    @property
    def head(self) -> dict:
        """The head of the Story's payload, or the strip's part of it."""
        return json.loads(self.story["head"])

    def look(self, **changes: object) -> "Screen":
        """Send what the Story shows after a commit: its state with these changes."""
        states = self.at._tree.get_widget_states()
        state = states.widgets.add()
        state.id = self.component("story").proto.id
        state.json_value = json.dumps(
            {"state": {**self.shown, "seen": self.letter["serial"], **changes}}
        )
        self.at._run(states)
        assert not self.at.exception
        return self

    @property
    def text(self) -> str:
        """All text, without the signs that keep Markdown from interpreting it."""
        return "\n".join(self.texts()).replace("\\", "")

    def table(self, column: str) -> pd.DataFrame:
        """The first table with this column."""
        return next(d.value for d in self.at.dataframe if column in d.value.columns)

    def pills(self, key: str) -> Element:
        return next(g for g in self.at.get("button_group") if g.key == key)

    def component(self, key: str) -> Element:
        """The timeline or a Feature View."""
        return next(e for e in self.at.main.get("bidi_component") if e.key == key)

    def payload(self, key: str) -> dict:
        return json.loads(self.component(key).proto.json)

    def send(self, key: str, event: str, value: object) -> "Screen":
        """Send the event of a click in a component."""
        states = self.at._tree.get_widget_states()
        state = states.widgets.add()
        state.id = _make_trigger_id(self.component(key).proto.id, "events")
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        self.at._run(states)
        return self

    def select(self, element: Element, **selection: object) -> "Screen":
        """Send the selection of a click in a chart or table."""
        states = self.at._tree.get_widget_states()
        state = states.widgets.add()
        state.id = element.proto.id
        state.string_value = json.dumps({"selection": selection})
        self.at._run(states)
        assert not self.at.exception
        return self

    def back(self, query: Mapping[str, str | list[str]]) -> "Screen":
        """Ask for an earlier address as the browser's Back and Forward buttons do."""
        self.at.query_params.clear()
        for name, value in query.items():
            self.at.query_params[name] = value
        asked = partial(RerunData, is_history_navigation=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamlit.testing.v1.local_script_runner.RerunData", asked)
            self.at.run()
        return self

    def texts(self) -> list[str]:
        """All text that Markdown, alerts and captions show."""
        kinds = ("markdown", "caption", "info", "warning", "error")
        found = (e for kind in kinds for e in self.at.get(kind) or getattr(self.at, kind))
        return [e.value for e in found]


@pytest.fixture(scope="session", autouse=True)
def installed_components() -> Iterator[None]:
    """Read the metadata of the installed packages once, not in every app that is started."""
    with pytest.MonkeyPatch.context() as patch:
        once = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", once)
        yield


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    """Return a function that opens a page of the app on a project, as a visitor's first one."""

    def opened(
        project: Path,
        page: str = OVERVIEW,
        query: Mapping[str, str | list[str]] | None = None,
        *,
        settle: bool = True,
    ) -> Screen:
        monkeypatch.setenv(PROJECT_VARIABLE, str(project))
        monkeypatch.setattr(sys, "argv", ["streamlit_app.py"])
        at = AppTest.from_file(str(ROOT / OVERVIEW), default_timeout=_SECONDS)
        if page != OVERVIEW:
            at.switch_page(page)
        for name, value in (query or {}).items():
            at.query_params[name] = value
        screen = Screen(at)
        if settle:
            return screen.settle()
        at.run()
        return screen

    return opened


@pytest.fixture(scope="session")
def digits(digits_project: Path) -> chameleon.Evaluation:
    """Return the evaluation of the digits sample; it is cached in the project, for the pages."""
    return chameleon.evaluate(chameleon.open_project(digits_project))


@pytest.fixture(scope="session")
def showcase(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives a project of `tests.app.showcases` by its name."""
    written: dict[str, Path] = {}

    def project(name: str) -> Path:
        if name not in written:
            folder = tmp_path_factory.mktemp("showcase") / name
            written[name] = getattr(showcases, f"write_{name}")(folder)
        return written[name]

    return project


@pytest.fixture(scope="session")
def kinds(showcase: Callable[[str], Path]) -> chameleon.Evaluation:
    """Return the evaluation of the project with a feature of every kind."""
    return chameleon.evaluate(chameleon.open_project(showcase("kinds")))
