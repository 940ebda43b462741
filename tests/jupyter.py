"""A Jupyter server as its user has it: its REST API, and a kernel over its WebSocket."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import websocket

from prefect_platform.server.services import jupyter_tokens
from prefect_platform.server.stores.file_keyring import FileKeyring

CELL_SECONDS = 90.0


@dataclass
class Jupyter:
    """One server, asked as the platform's proxy asks."""

    url: str
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    @property
    def socket_options(self) -> dict[str, Any]:
        """What the handshake of a WebSocket says beside the address."""
        return {"header": [f"{name}: {value}" for name, value in self.headers.items()]}

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self.call("PUT", path, body)

    def page(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=self.headers, timeout=30, trust_env=False)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(
            method, self.url + path, json=body, headers=self.headers, timeout=30, trust_env=False
        )
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    @contextmanager
    def kernel(self) -> Iterator[Kernel]:
        """A kernel of its own, with a WebSocket to it."""
        made = self.post("/api/kernels", {"name": "python3"})
        with self.connected(made["id"]) as kernel:
            yield kernel

    @contextmanager
    def connected(self, kernel_id: str) -> Iterator[Kernel]:
        """A WebSocket to a kernel that is there, as a browser's page has one."""
        address = f"ws{self.url.removeprefix('http')}/api/kernels/{kernel_id}/channels"
        socket = websocket.create_connection(address, timeout=CELL_SECONDS, **self.socket_options)
        try:
            yield Kernel(kernel_id, socket)
        finally:
            socket.close()


@dataclass
class Opened(Jupyter):
    """One server as a browser has it that followed a one-time link: through the platform, with its cookie."""

    host: str = ""
    cookie: str = ""

    @classmethod
    def by(cls, link: str) -> Opened:
        """Follow a link. Its host is one of this machine, which not every resolver knows."""
        parts = urlsplit(link)
        url = f"{parts.scheme}://127.0.0.1:{parts.port}"
        answer = httpx.get(
            f"{url}{parts.path}?{parts.query}", headers={"Host": parts.netloc}, timeout=30, trust_env=False
        )
        assert answer.is_redirect, answer.text
        ((name, value),) = answer.cookies.items()
        return cls(url, host=parts.netloc, cookie=f"{name}={value}")

    @property
    def headers(self) -> dict[str, str]:
        origin = f"http://{self.host}"
        return {"Host": self.host, "Cookie": self.cookie, "Origin": origin, "Sec-Fetch-Site": "same-origin"}

    @property
    def socket_options(self) -> dict[str, Any]:
        return {"host": self.host, "cookie": self.cookie, "origin": f"http://{self.host}"}


@dataclass
class Kernel:
    """Cells run one after the other."""

    id: str
    socket: Any

    def begin(self, cell: str) -> str:
        """Send a cell; the id of the message."""
        header = {
            "msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "tests",
            "username": "tests", "version": "5.3", "date": "",
        }  # fmt: skip
        content = {"code": cell, "silent": False, "store_history": True, "allow_stdin": False}
        self.socket.send(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                    "channel": "shell",
                    "buffers": [],
                }
            )
        )
        return header["msg_id"]

    def run(self, cell: str) -> str:
        """What a cell prints; an error in it is an AssertionError."""
        wanted, printed, deadline = self.begin(cell), [], time.monotonic() + CELL_SECONDS
        while time.monotonic() < deadline:
            message = json.loads(self.socket.recv())
            if message["parent_header"].get("msg_id") != wanted:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(printed)
        raise TimeoutError(f"the cell did not end: {cell}")


def token_of(data: Path, workload_id: str) -> str:
    """What the platform with this data directory opens the server of a workload with."""
    return jupyter_tokens.of_keyring(FileKeyring(data / "keyring"), workload_id)
