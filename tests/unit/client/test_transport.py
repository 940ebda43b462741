"""Faults on the way to the platform, played by a real server: what is asked again, and what is said."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

import pytest

from prefect_platform.client.retries import Retries, Timeouts
from prefect_platform.client.transport import Transport
from prefect_platform.errors import (
    Conflict,
    Forbidden,
    NoCapacity,
    NotSignedIn,
    OffsetMismatch,
    OrchestratorUnavailable,
    Unavailable,
)
from prefect_platform.wire.runs import CancelRequest
from prefect_platform.wire.tokens import Me
from tests.unit.client.scripted import answer, cut, hang, problem, raw, reset

ME = {"kind": "user", "subject": "ada", "project": None, "installation_id": "i1", "version": "0.1.0"}
HTML = b"<html>\n<title>502   Bad Gateway</title>\n" + b"x" * 5000


class Waits:
    """A `sleep` that only writes down how long."""

    def __init__(self) -> None:
        self.all: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.all.append(seconds)


def make(url: str, **kwargs: Any) -> tuple[Transport, Waits]:
    waits = Waits()
    return Transport(url, "secret", sleep=waits, timeouts=Timeouts(connect=1.0, read=0.3), **kwargs), waits


def me(transport: Transport) -> Me:
    return transport.call("GET", "/api/v1/me", Me)


def test_an_answer_becomes_its_model_and_the_token_travels(script) -> None:
    script.then(answer(200, {**ME, "a field of a newer server": 1}))
    transport, waits = make(script.url)
    assert me(transport).subject == "ada"
    assert script.seen[0].headers["authorization"] == "Bearer secret"
    assert waits.all == []


@pytest.mark.parametrize(
    "fault", [reset, raw(502, HTML, "text/html"), raw(503, b"", "text/plain"), cut(b"{", 400)]
)
def test_a_passing_fault_is_ridden_out(script, fault) -> None:
    script.then(fault, answer(200, ME))
    transport, waits = make(script.url)
    assert me(transport).subject == "ada"
    assert len(waits.all) == 1
    assert 0 < waits.all[0] <= 0.1


def test_a_hung_server_is_asked_again_and_then_named(script) -> None:
    script.then(hang)
    transport, _ = make(script.url, retries=Retries(attempts=2))
    with pytest.raises(Unavailable, match=r"did not answer GET /api/v1/me in time"):
        me(transport)
    assert len(script.seen) == 2


def test_patience_ends_before_the_attempts_do(script) -> None:
    script.then(hang)
    transport, _ = make(script.url, retries=Retries(attempts=50, patience=0.2))
    began = time.monotonic()
    with pytest.raises(Unavailable):
        me(transport)
    assert time.monotonic() - began < 5
    assert len(script.seen) == 1


def test_a_gateways_page_is_cut_to_one_short_line(script) -> None:
    script.then(raw(502, HTML, "text/html"))
    transport, waits = make(script.url)
    with pytest.raises(Unavailable) as caught:
        me(transport)
    message = caught.value.message
    assert "answered 502" in message
    assert f"{script.url}/api/v1/me" in message
    assert "<html> <title>502 Bad Gateway</title>" in message
    assert "\n" not in message
    assert len(message) < 600
    assert caught.value.data == {"status": 502}
    assert len(script.seen) == 4
    assert waits.all == sorted(waits.all), "waits grow"


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("no"),
        NoCapacity("full"),
        OffsetMismatch("at 7", size=7),
        OrchestratorUnavailable("Prefect is down"),
    ],
)
def test_the_platforms_own_refusal_is_the_same_exception_here_and_final(script, error) -> None:
    script.then(problem(error))
    transport, waits = make(script.url)
    with pytest.raises(type(error)) as caught:
        me(transport)
    assert (caught.value.message, caught.value.data) == (error.message, error.data)
    assert waits.all == []


def test_retry_after_is_respected(script) -> None:
    script.then(
        problem(Unavailable("starting"), Retry_After="2"), problem(Conflict("same key"), Retry_After="1")
    )
    script.then(answer(200, ME))
    transport, waits = make(script.url)
    assert me(transport).subject == "ada"
    assert waits.all == [2.0, 1.0]


def test_a_wait_beyond_patience_is_not_waited(script) -> None:
    script.then(problem(Unavailable("maintenance until tomorrow"), Retry_After="3600"))
    transport, waits = make(script.url)
    with pytest.raises(Unavailable, match="maintenance until tomorrow"):
        me(transport)
    assert waits.all == []


def test_nobody_there_is_said_with_the_next_step() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    transport, waits = make(url)
    with pytest.raises(Unavailable) as caught:
        me(transport)
    assert f"The platform at {url} does not answer (connection refused)" in caught.value.message
    assert "`prefect-platform up`" in caught.value.message
    assert len(waits.all) == 3


def test_a_repeated_call_keeps_its_key_and_another_has_its_own(script) -> None:
    script.then(reset, answer(200, ME))
    transport, _ = make(script.url)
    transport.call("POST", "/x", Me, body=CancelRequest(reason="r"))
    transport.call("POST", "/x", Me, body=CancelRequest(reason="r"))
    first, again, other = (seen.headers["idempotency-key"] for seen in script.seen)
    assert first == again != other
    assert {seen.body for seen in script.seen} == {b'{"reason":"r"}'}


def test_an_upload_is_whole_each_time_and_says_its_length(script) -> None:
    content = bytes(range(256)) * 4096
    script.then(raw(503, b"", "text/plain"), answer(200, ME))
    transport, _ = make(script.url)
    transport.upload("/b", io.BytesIO(content), Me, headers={"Content-SHA256": "d"}, wait=5)
    assert [seen.body == content for seen in script.seen] == [True, True]
    assert {seen.headers["content-length"] for seen in script.seen} == {str(len(content))}


def test_a_redirect_is_not_followed_with_the_token(script) -> None:
    script.then(raw(307, b"", "text/plain", Location="http://127.0.0.2/elsewhere"))
    transport, _ = make(script.url)
    with pytest.raises(Unavailable, match=r"redirected to http://127.0.0.2/elsewhere"):
        me(transport)
    assert len(script.seen) == 1


@pytest.mark.parametrize(
    "act",
    [
        raw(200, b"<html>A wiki</html>", "text/html"),
        answer(404, {"detail": "Not Found"}),
        answer(200, {"a": 1}),
    ],
)
def test_another_service_at_the_address_is_recognised(script, act) -> None:
    script.then(act)
    transport, _ = make(script.url)
    with pytest.raises(Unavailable, match=r"not the platform's.*prefect-platform doctor"):
        me(transport)


def test_a_netrc_or_proxy_of_the_environment_changes_nothing(script, tmp_path, monkeypatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    script.then(answer(200, ME))
    transport, _ = make(script.url)
    me(transport)
    assert script.seen[0].headers["authorization"] == "Bearer secret"


def test_waits_grow_up_to_a_bound_and_differ() -> None:
    retries = Retries(first=0.1, factor=3.0, longest=1.0)
    for attempt, most in ((1, 0.1), (2, 0.3), (3, 0.9), (4, 1.0), (9, 1.0)):
        found = {retries.wait(attempt) for _ in range(50)}
        assert most / 2 <= min(found) <= max(found) <= most
        assert len(found) > 1


def test_a_token_that_ran_out_is_looked_for_once_more(script) -> None:
    """Where somebody renews it, the one that was read before is refused at some time."""
    refusal = problem(NotSignedIn("expired"))
    script.then(refusal, answer(200, ME))
    transport, _ = make(script.url, again=lambda: "second")
    assert me(transport).subject == "ada"
    assert [one.headers["authorization"] for one in script.seen] == ["Bearer secret", "Bearer second"]


def test_a_token_that_is_the_same_is_not_tried_again(script) -> None:
    script.then(problem(NotSignedIn("revoked")))
    transport, _ = make(script.url, again=lambda: "secret")
    with pytest.raises(NotSignedIn):
        me(transport)
    assert len(script.seen) == 1


def test_another_token_is_tried_once(script) -> None:
    found = iter(["second", "third"])
    script.then(problem(NotSignedIn("one")), problem(NotSignedIn("two")))
    transport, _ = make(script.url, again=lambda: next(found))
    with pytest.raises(NotSignedIn, match="two"):
        me(transport)
    assert len(script.seen) == 2
