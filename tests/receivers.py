"""Real receivers of messages on the loopback interface: a web server, and one for mail."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Webhook:
    """A web server that keeps what it is sent."""

    port: int = 0
    status: int = 200
    """What it answers with."""
    hangs: threading.Event | None = None
    """Answers nothing before this is set."""
    got: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released with every request that came."""

    @property
    def url(self) -> str:
        return f"json://hook-user:hook-password@127.0.0.1:{self.port}/some/path"

    @property
    def titles(self) -> list[str]:
        return [str(one["title"]) for one in self.got]

    @property
    def bodies(self) -> list[str]:
        return [str(one["message"]) for one in self.got]


@contextmanager
def webhook(port: int = 0) -> Iterator[Webhook]:
    found = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            found.raw.append(data)
            found.asked.release()
            if found.hangs is not None:
                found.hangs.wait(30)
                return
            if found.status == 200:
                found.got.append(json.loads(data))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            if found.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            raise AssertionError("a redirect was followed")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        if found.hangs is not None:
            found.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@dataclass
class Mailbox:
    port: int
    got: list[EmailMessage]

    @property
    def url(self) -> str:
        return (
            f"mailto://127.0.0.1:{self.port}/ana@example.org?from=platform@example.org&smtp=127.0.0.1"
            "&mode=insecure"
        )


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    got: list[EmailMessage] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            got.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller cannot choose one itself
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield Mailbox(port, got)
    finally:
        controller.stop()
