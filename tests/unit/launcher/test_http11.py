from __future__ import annotations

import io
import socket
import threading

import pytest

from prefect_platform.launcher.connection import Connection, foreign
from prefect_platform.launcher.faults import CallFault, Refused, Unreachable
from prefect_platform.launcher.http11 import Answer, BadAnswer


def answer(text: bytes) -> Answer:
    return Answer(io.BytesIO(text))


def test_a_body_of_known_length() -> None:
    got = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhelloHTTP/1.1")
    assert (got.status, got.headers["x-y"], got.read_all(100)) == (200, "z", b"hello")
    assert got.reusable


def test_a_chunked_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    got = answer(head + b"4\r\nWiki\r\n6;x=y\r\npedia!\r\n0\r\nTrailer: 1\r\n\r\n")
    assert got.read_all(100) == b"Wikipedia!"
    assert got.reusable


def test_a_body_that_ends_with_the_connection() -> None:
    got = answer(b"HTTP/1.0 200 OK\r\n\r\nhello")
    assert got.read_all(5) == b"hello"
    assert got.complete
    assert not got.reusable


def test_a_body_over_the_limit_is_no_answer() -> None:
    """A part of one could be taken for the whole, or be repeated in an error with what is secret in it."""
    got = answer(b"HTTP/1.0 200 OK\r\n\r\nhello")
    with pytest.raises(BadAnswer, match="longer than 3 bytes"):
        got.read_all(3)


def test_an_answer_without_body() -> None:
    got = answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert got.read_all(10) == b""
    assert got.reusable


def test_interim_answers_are_skipped() -> None:
    got = answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    assert got.status == 201


def test_a_connection_that_will_close_is_not_used_again() -> None:
    got = answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert got.read_all(10) == b""
    assert not got.reusable


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_answer_is_said(text: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer(text).read_all(100)


class Scripted:
    """A server that gives one prepared answer per connection, and remembers the requests."""

    def __init__(self, answers: list[bytes]) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/base/"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for text in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                self.requests.append(connection.recv(65536))
                connection.sendall(text)

    def close(self) -> None:
        self._listener.close()


def reply(status: int, body: bytes, kind: str = "application/json") -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )


def test_calls_carry_prefix_host_and_token() -> None:
    server = Scripted([reply(200, b'{"a": 1}')])
    assert Connection(server.url, "Bearer t").post("/api/v1/x", {"b": 2}) == {"a": 1}
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/api/v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Bearer t\r\n" in head
    assert body == b'{"b": 2}'
    server.close()


def test_a_connection_closed_meanwhile_is_opened_again() -> None:
    server = Scripted([reply(200, b"{}"), reply(200, b'{"second": true}')])
    connection = Connection(server.url, None)
    connection.call("GET", "/1")
    assert connection.call("GET", "/2") == {"second": True}
    server.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"<html>Bad Gateway</html>"),
        (404, b"<html>no such host</html>"),
        (404, b'{"detail": "Not Found"}'),
        (429, b'{"code": "busy"}'),
        (503, b'{"code": "unavailable", "detail": "later"}'),
        (200, b"<html>sign in</html>"),
        (307, b""),
    ],
)
def test_what_the_platform_did_not_say_may_pass(status: int, body: bytes) -> None:
    server = Scripted([reply(status, body)])
    with pytest.raises(Unreachable, match=str(status)):
        Connection(server.url, None).call("GET", "/x")
    server.close()


def test_a_problem_of_the_platform_is_a_refusal() -> None:
    body = b'{"code": "offset-mismatch", "detail": "flow ends at 7.", "data": {"size": 7}}'
    server = Scripted([reply(416, body)])
    with pytest.raises(Refused, match="flow ends at 7") as caught:
        Connection(server.url, None).call("PATCH", "/x")
    assert (caught.value.status, caught.value.code, caught.value.data) == (
        416,
        "offset-mismatch",
        {"size": 7},
    )
    server.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="does not answer GET /x"):
        Connection(f"http://127.0.0.1:{port}", None).call("GET", "/x")


@pytest.mark.parametrize("url", ["ftp://host", "nonsense", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(CallFault, match="not an http address"):
        Connection(url, None)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nHost: evil", "/ü"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(CallFault, match="no path"):
        Connection("http://127.0.0.1:1", None).call("GET", path)


def test_foreign_text_is_short_and_flat() -> None:
    assert foreign("a\n b") == "a b"
    assert len(foreign("x" * 1000)) == 256
