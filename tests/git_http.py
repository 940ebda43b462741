"""A git server over HTTP on this machine, which lets in whoever knows the password."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class _Backend(BaseHTTPRequestHandler):
    """`git http-backend` as a CGI program."""

    protocol_version = "HTTP/1.0"

    def __init__(self, root: Path, login: str, *rest: Any) -> None:
        self._root, self._login = root, "Basic " + base64.b64encode(login.encode()).decode()
        super().__init__(*rest)

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self._login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        head, _, body = self._answer().partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def _answer(self) -> bytes:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        told = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self._root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(size),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], env=told, input=self.rfile.read(size), capture_output=True, check=True
        )
        return done.stdout

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def git_server(root: Path, login: str) -> Iterator[str]:
    """Serve the repositories below `root`; gives the address of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Backend, root, login))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
