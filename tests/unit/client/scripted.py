"""A real HTTP server in a thread whose answers, faults included, a test writes down in advance."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Act = Callable[["Handler"], None]


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    url: str = ""
    acts: list[Act] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def then(self, *acts: Act) -> None:
        self.acts += acts


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def _act(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.script.seen.append(Seen(self.command, self.path, headers, self.rfile.read(length)))
        act = self.script.acts.pop(0) if len(self.script.acts) > 1 else self.script.acts[0]
        act(self)

    do_GET = do_POST = do_PUT = do_DELETE = _act  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass

    def reply(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def answer(status: int, content: Any, content_type: str = "application/json", **headers: str) -> Act:
    return lambda handler: handler.reply(status, json.dumps(content).encode(), content_type, **headers)


def problem(error: Any, **headers: str) -> Act:
    return answer(error.status, error.problem(), "application/problem+json", **headers)


def raw(status: int, body: bytes, content_type: str = "application/octet-stream", **headers: str) -> Act:
    return lambda handler: handler.reply(status, body, content_type, **headers)


def reset(handler: Handler) -> None:
    """End the connection with RST, as a killed server does."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang(handler: Handler) -> None:
    handler.script.released.wait(30)
    handler.close_connection = True


def cut(body: bytes, length: int, status: int = 200, **headers: str) -> Act:
    """Promise `length` bytes and send fewer."""

    def act(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Content-Length", str(length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return act


def events(*lines: str, cut_off: bool = False) -> Act:
    """A chunked stream of server-sent events; with `cut_off` it breaks in the middle of a chunk."""

    def act(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            data = line.encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.write(b"ff\r\nhalf" if cut_off else b"0\r\n\r\n")
        handler.close_connection = True

    return act


@pytest.fixture
def script() -> Iterator[Script]:
    found = Script()
    handler = type("Scripted", (Handler,), {"script": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    found.released.set()
    server.shutdown()
    thread.join()
    server.server_close()
