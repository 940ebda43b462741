"""As much of HTTP/1.1 as a launcher speaks: one request, one answer, one kept-alive connection.

The standard library's client brings a mail parser and TLS along, a third of the whole time from
exec to claim. Here TLS is imported where an address asks for it.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping
from typing import BinaryIO

MAX_LINE = 65536
MAX_HEADERS = 200
CHUNK = 1 << 16
BODILESS = frozenset({204, 304})


class BadAnswer(ConnectionError):
    """What came back is no HTTP answer, or ended in the middle of one."""


class Answer:
    """Status and headers of an answer, and its body as it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.status = 100
        self.headers: dict[str, str] = {}
        while 100 <= self.status < 200:
            version, self.status = _status(file)
            self.headers = _headers(file)
        self._chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self._left = self._length()
        close = self.headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
        self._keep = not close and (self._chunked or self._left is not None)
        self.complete = False
        """Whether the body has been read to its end."""

    @property
    def reusable(self) -> bool:
        """Whether the connection can take another request."""
        return self.complete and self._keep

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes of the body; nothing at its end.

        Raises:
            BadAnswer: it ended early.
        """
        if self._chunked and self._left == 0 and not self.complete:
            self._next_chunk()
        if self._left == 0:
            self.complete = True
        if self.complete:
            return b""
        data = self._file.read(limit if self._left is None else min(limit, self._left))
        if self._left is None:
            self.complete = not data
        elif not data:
            raise BadAnswer(f"the answer ended {self._left} bytes early")
        else:
            self._took(len(data))
        return data

    def read_all(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            BadAnswer: it is longer than `limit`.
        """
        parts, size = [], 0
        while data := self.read(CHUNK):
            parts.append(data)
            size += len(data)
            if size > limit:
                raise BadAnswer(f"the answer is longer than {limit} bytes")
        return b"".join(parts)

    def _length(self) -> int | None:
        if self.status in BODILESS or self._chunked:
            return 0
        text = self.headers.get("content-length")
        if text is None:
            return None
        if not text.isdigit():
            raise BadAnswer(f"its length is {text!r}")
        return int(text)

    def _took(self, count: int) -> None:
        assert self._left is not None
        self._left -= count
        if self._chunked and self._left == 0:
            _line(self._file)

    def _next_chunk(self) -> None:
        """Read the size of the next chunk; after the last one, what trails it."""
        text = _line(self._file).partition(";")[0].strip()
        try:
            self._left = int(text, 16)
        except ValueError as error:
            raise BadAnswer(f"a chunk has the size {text!r}") from error
        if self._left == 0:
            _headers(self._file)
            self.complete = True


def _status(file: BinaryIO) -> tuple[str, int]:
    line = _line(file)
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not code.isdigit():
        raise BadAnswer(f"it begins with {line[:40]!r}")
    return version, int(code)


def _headers(file: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _line(file)
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise BadAnswer(f"it has more than {MAX_HEADERS} headers")


def _line(file: BinaryIO) -> str:
    line = file.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        raise BadAnswer("the connection was closed" if not line else "it ended in the middle of a line")
    return line.rstrip(b"\r\n").decode("latin-1")


class Wire:
    """A connection to one host, opened when it is needed. Not for two threads at once."""

    def __init__(self, host: str, port: int, *, tls: bool, timeout: float) -> None:
        self._address = (host, port)
        self._tls = tls
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._file: BinaryIO | None = None
        self._answer: Answer | None = None

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request, and read the answer up to its body.

        Raises:
            OSError: the other side does not answer, or not in HTTP.
        """
        if self._answer is not None and not self._answer.reusable:
            self.close()
        connection, file = self._open()
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1")
        if len(body) < CHUNK:
            connection.sendall(head + body)
        else:
            connection.sendall(head)
            connection.sendall(body)
        self._answer = Answer(file)
        return self._answer

    def kept_alive(self) -> bool:
        """Whether there is an open connection; one that the other side has closed is dropped here."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if poll.poll(0):
            self.close()
            return False
        return True

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._file is not None:
            self._file.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._file = self._answer = None

    def _open(self) -> tuple[socket.socket, BinaryIO]:
        if self._socket is None or self._file is None:
            connection = socket.create_connection(self._address, self._timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._secured(connection) if self._tls else connection
            self._file = self._socket.makefile("rb")
        return self._socket, self._file

    def _secured(self, connection: socket.socket) -> socket.socket:
        import ssl

        return ssl.create_default_context().wrap_socket(connection, server_hostname=self._address[0])
