"""Visitors of a running app through Streamlit's protocol: 20 of them cost less than a browser."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import polars as pl
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol


@dataclass
class Screen:
    """The output of one run of a page: the data of tables and charts, texts, components' JSON."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    payloads: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "markdown":
            self.texts.append(element.markdown.body)
        elif kind == "vega_lite_chart":
            self.frames.append(_frame(element.vega_lite_chart.data.data))
        elif kind == "dataframe":
            self.frames.append(_frame(element.dataframe.arrow_data.data))
        elif kind == "bidi_component":
            component = element.bidi_component
            mixed = component.HasField("mixed")  # JSON with a table beside it
            self.payloads.append(json.loads(component.mixed.json if mixed else component.json))
        elif kind == "exception":
            self.errors.append(element.exception.message)
        elif kind == "alert":
            texts = self.errors if element.alert.format == Alert.ERROR else self.texts
            texts.append(element.alert.body)


def _frame(arrow: bytes) -> pl.DataFrame:
    frame = pl.read_ipc_stream(io.BytesIO(arrow))
    return frame.rename({name: name.replace(" ", "_") for name in frame.columns})


class Visitor:
    """One session with the app at `url`, opened from the page `origin`, by default the app's own.

    `patience` seconds of silence raise `TimeoutError`.
    """

    def __init__(self, url: str, *, origin: str | None = None, patience: float) -> None:
        self._patience = patience
        self._connecting = connect(
            f"{url.replace('http', 'ws', 1)}/_stcore/stream",
            origin=Origin(url if origin is None else origin),
            subprotocols=[Subprotocol("streamlit")],
            open_timeout=patience,
            ping_interval=None,  # `patience` notices a silent server
            max_size=None,
        )

    def __enter__(self) -> Self:
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connecting.__exit__(*error)

    def open(self, page: str, query: str = "") -> Screen:
        """The page when its run is over."""
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = query
        self._socket.send(asked.SerializeToString())
        screen = Screen()
        for message in self._messages():
            if message.WhichOneof("type") == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return screen
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise AssertionError(f"{page} does not compile")
            elif message.delta.WhichOneof("type") == "new_element":
                screen.take(message.delta.new_element)
        raise AssertionError("unreachable: messages have no end")

    def _messages(self) -> Iterator[ForwardMsg]:
        while True:
            message = ForwardMsg()
            message.ParseFromString(self._socket.recv(self._patience, decode=False))
            yield message
