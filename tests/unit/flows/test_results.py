"""`PlatformResults`: as Prefect uses it, with a real platform behind it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from prefect_platform.client.settings import Settings
from prefect_platform.errors import (
    DigestMismatch,
    NotFound,
    NotSignedIn,
    PlatformError,
    StorageFull,
    TooLarge,
    Unavailable,
)
from prefect_platform.flows.results import PATIENCE_SECONDS, PlatformResults
from prefect_platform.flows.results_http import ResultsHttp
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.results import CAPABILITIES, block_fields, block_type

HOSTILE = [
    "a",
    "a/b",
    "../../etc/passwd",
    "ключ 🗝",
    "'\"; DROP",
    "%2e%2e/",
    "a\0b",
    "\ud800",
    "x" * 10_000,
    "",
]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        yield found


@pytest.fixture
def block(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> PlatformResults:
    monkeypatch.setenv("PREFECT_PLATFORM_URL", server.url)
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", server.token)
    return PlatformResults(project="default")


@pytest.mark.parametrize("key", HOSTILE)
def test_any_key_is_a_key_of_its_own(block: PlatformResults, key: str) -> None:
    with pytest.raises(NotFound):
        block.read_path(key + "other")
    block.write_path(key, key.encode("utf-8", "surrogatepass"), _sync=True)
    assert block.read_path(key, _sync=True) == key.encode("utf-8", "surrogatepass")


@pytest.mark.asyncio
async def test_in_a_loop_it_is_awaited(block: PlatformResults) -> None:
    written = block.write_path("awaited", b"1")
    assert written is not None
    await written
    await block.awrite_path("awaited", b"2")
    read = block.read_path("awaited")
    assert not isinstance(read, bytes)
    assert await read == await block.aread_path("awaited") == b"2"
    assert block.read_path("awaited", _sync=True) == b"2"


def test_the_document_is_written_as_the_class_would_write_it() -> None:
    """The agent makes it without this class."""
    assert PlatformResults.model_json_schema() == block_fields()
    assert PlatformResults.get_block_capabilities() == frozenset(CAPABILITIES)
    kind = PlatformResults._to_block_type()
    assert {name: getattr(kind, name) for name in block_type()} == block_type()


def test_no_token_travels_with_a_block(block: PlatformResults, server: LiveServer) -> None:
    block.write_path("travels", b"data", _sync=True)
    sent = pickle.dumps(block)
    assert server.token.encode() not in sent
    assert server.token not in block.model_dump_json() + repr(block)
    for other in (pickle.loads(sent), copy.deepcopy(block), copy.copy(block)):
        assert other.read_path("travels", _sync=True) == b"data"


def test_who_is_not_signed_in_is_told_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_PLATFORM_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("PREFECT_PLATFORM_TOKEN", raising=False)
    with pytest.raises(NotSignedIn, match="prefect-platform login"):
        PlatformResults(project="default").read_path("key", _sync=True)


def test_a_platform_that_is_gone_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", "pp_code_x")
    monkeypatch.setenv("PREFECT_PLATFORM_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("prefect_platform.flows.results.PATIENCE_SECONDS", 0.2)
    block = PlatformResults(project="default")
    for patience in (0.2, 0.0, 0.0):
        assert block._platform.patience == patience
        with pytest.raises(Unavailable, match="does not answer"):
            block.write_path("key", b"", _sync=True)


def test_a_platform_that_answers_again_is_waited_for_again(block: PlatformResults) -> None:
    block._platform._silent = True
    with pytest.raises(NotFound):
        block.read_path("none", _sync=True)
    assert block._platform.patience == PATIENCE_SECONDS


def test_a_result_over_the_bound_is_told_with_what_to_do(server: LiveServer) -> None:
    from dataclasses import replace

    from prefect_platform.server.config import LimitSettings

    small = replace(server.config, limits=LimitSettings(result_bytes=1000))
    with live_server(config=small) as bounded:
        results = ResultsHttp(Settings(bounded.url, bounded.token, "default", "argument"))
        results.write("default", "key", b"x" * 1000, 0.0)
        for size in (1001, 20 << 20):
            with pytest.raises(TooLarge, match=rf"{size} bytes.*at most 1000 bytes.*RESULT_BYTES"):
                results.write("default", "key", b"x" * size, 0.0)
        assert results.read("default", "key", 0.0) == b"x" * 1000


Answers = list[httpx.Response | httpx.TransportError]


@pytest.fixture
def played() -> tuple[ResultsHttp, Answers, list[float]]:
    """A platform that gives the answers of a list, and the pauses made between them."""
    answers: Answers = []
    pauses: list[float] = []
    found = ResultsHttp(Settings("http://platform", "pp_code_x", "default", "argument"), pauses.append)

    def answer(_request: httpx.Request) -> httpx.Response:
        one = answers.pop(0)
        if isinstance(one, httpx.TransportError):
            raise one
        return one

    found._http = httpx.Client(transport=httpx.MockTransport(answer))
    return found, answers, pauses


def good(data: bytes = b"data") -> httpx.Response:
    return httpx.Response(200, content=data, headers={"Content-SHA256": sha256(b"data").hexdigest()})


def test_what_passes_is_asked_again(played: tuple[ResultsHttp, Answers, list[float]]) -> None:
    results, answers, pauses = played
    problem = Unavailable("The result was removed while it was stored: send it again.").problem()
    answers += [httpx.ConnectError("refused"), httpx.Response(502), httpx.Response(503, json=problem), good()]
    assert results.read("default", "key", 60.0) == b"data"
    assert pauses == [0.1, 0.2, 0.4]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (httpx.Response(404, json=NotFound("no such result").problem()), NotFound, "no such result"),
        (httpx.Response(507, json=StorageFull("no room").problem()), StorageFull, "no room"),
        (httpx.Response(200, text="<html>"), DigestMismatch, "other bytes than the platform holds"),
        (good(b"altered"), DigestMismatch, "other bytes than the platform holds"),
        (httpx.Response(404, text="nginx"), Unavailable, "answered 404 with something that is not"),
        (httpx.Response(500, json=["no problem"]), Unavailable, "answered 500 with something that is not"),
        (httpx.Response(302, headers={"location": "/login"}), Unavailable, "answered 302"),
    ],
)
def test_what_does_not_pass_is_told_at_once(
    played: tuple[ResultsHttp, Answers, list[float]],
    answer: httpx.Response, kind: type[PlatformError], told: str,
) -> None:  # fmt: skip
    results, answers, pauses = played
    answers.append(answer)
    with pytest.raises(kind, match=told):
        results.read("default", "key", 60.0)
    assert pauses == []
