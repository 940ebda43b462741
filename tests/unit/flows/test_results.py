"""`PlatformResults`: as Prefect uses it, with a real platform behind it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.client.results import Results
from prefect_platform.client.transport import Transport
from prefect_platform.errors import NotFound, NotSignedIn, TooLarge, Unavailable
from prefect_platform.flows.results import PlatformResults
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


def test_a_platform_that_is_gone_is_waited_for_once(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_URL", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", "pp_code_x")
    monkeypatch.setattr("prefect_platform.flows.results.PATIENCE_SECONDS", 0.2)
    block = PlatformResults(project="default")
    assert block._platform.retries.attempts > 1
    with pytest.raises(Unavailable, match="does not answer"):
        block.write_path("key", b"", _sync=True)
    assert block._platform.retries.attempts == 1
    with live_server(port=unused_tcp_port) as server:
        monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", server.token)
        again = PlatformResults(project="default")
        again.write_path("key", b"1", _sync=True)
        assert again._platform.retries.attempts > 1


def test_a_result_over_the_bound_is_told_with_what_to_do(server: LiveServer) -> None:
    from dataclasses import replace

    from prefect_platform.server.config import LimitSettings

    small = replace(server.config, limits=LimitSettings(result_bytes=1000))
    with live_server(config=small) as bounded:
        results = Results(Transport(bounded.url, bounded.token))
        results.write("default", "key", b"x" * 1000)
        for size in (1001, 20 << 20):
            with pytest.raises(TooLarge, match=rf"{size} bytes.*at most 1000 bytes.*RESULT_BYTES"):
                results.write("default", "key", b"x" * size)
        assert results.read("default", "key") == b"x" * 1000
        results.delete("default", "key")
        with pytest.raises(NotFound, match="no such result"):
            results.read("default", "key")
