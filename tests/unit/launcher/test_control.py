from __future__ import annotations

import json
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from prefect_platform.launcher.control import ControlChannel

HELLO = b"\0PF\x02\x01"


class Scene:
    """A channel, and the selector that serves it."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.started = 0
        self.channel = ControlChannel(self.selector, self._began, "t" * 64)

    def _began(self) -> None:
        self.started += 1

    def connect(self, first: bytes | None = None) -> socket.socket:
        engine = socket.create_connection(
            ("127.0.0.1", int(self.channel.environment["PREFECT__CONTROL_PORT"])), 5
        )
        engine.sendall(first if first is not None else self.channel.token.encode() + b"\n")
        return engine

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            for key, _ in self.selector.select(0.05):
                key.data()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.channel.close()
    made.selector.close()


def receipt(**fields: str) -> bytes:
    payload = json.dumps(fields).encode()
    return b"\x01" + struct.pack("!I", len(payload)) + payload


def test_an_engine_that_shows_the_token_has_started(scene: Scene) -> None:
    with scene.connect():
        scene.until(lambda: scene.channel.connected)
        assert scene.started == 1


def test_hello_is_answered_and_a_cancel_understood(scene: Scene) -> None:
    with scene.connect() as engine:
        engine.sendall(HELLO)
        scene.until(lambda: scene.channel.connected)
        scene.selector.select(1)
        scene.until(lambda: [key.data() for key, _ in scene.selector.select(0.05)] or True)
        assert engine.recv(5) == HELLO
        assert scene.channel.cancel()
        assert engine.recv(1) == b"c"
        assert not scene.channel.understood
        engine.sendall(b"a")
        scene.until(lambda: scene.channel.understood)


def test_a_receipt_is_kept_and_acknowledged(scene: Scene) -> None:
    with scene.connect() as engine:
        engine.sendall(
            HELLO + receipt(disposition="STATE_REPORTED", state_type="FAILED", state_name="Failed")
        )
        scene.until(lambda: scene.channel.receipt)
        assert scene.channel.receipt == {
            "disposition": "STATE_REPORTED",
            "state_type": "FAILED",
            "state_name": "Failed",
        }
        assert engine.recv(6) == HELLO + b"\x02"


def test_messages_may_come_byte_by_byte(scene: Scene) -> None:
    message = scene.channel.token.encode() + b"\n" + HELLO + receipt(state_type="COMPLETED")
    with scene.connect(b"") as engine:
        engine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(message)):
            engine.sendall(message[at : at + 1])
            scene.until(lambda: [key.data() for key, _ in scene.selector.select(0)] or True)
        scene.until(lambda: scene.channel.receipt)
        assert scene.channel.receipt == {"state_type": "COMPLETED"}


@pytest.mark.parametrize("first", [b"wrong\n", b"x" * 100, b"\n", b"\0PF\x02\x01\n"])
def test_nobody_else_gets_in(scene: Scene, first: bytes) -> None:
    with scene.connect(first) as stranger:
        scene.until(lambda: _closed(stranger))
        assert scene.started == 0
        assert not scene.channel.cancel()


def _closed(peer: socket.socket) -> bool:
    peer.settimeout(0.01)
    try:
        return peer.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_a_receipt_that_cannot_be_read_is_still_an_orderly_end(scene: Scene) -> None:
    with scene.connect() as engine:
        engine.sendall(b"\x01" + struct.pack("!I", 3) + b"{{{")
        scene.until(lambda: scene.channel.receipt is not None)
        assert scene.channel.receipt == {}


@pytest.mark.parametrize("nonsense", [b"?", b"\x01" + struct.pack("!I", 1 << 30)])
def test_nonsense_ends_the_connection(scene: Scene, nonsense: bytes) -> None:
    with scene.connect() as engine:
        engine.sendall(nonsense)
        scene.until(lambda: _closed(engine))
        assert scene.channel.was_connected
        assert not scene.channel.connected


def test_what_an_ended_engine_had_sent_is_not_lost(scene: Scene) -> None:
    with scene.connect() as engine:
        engine.sendall(receipt(state_type="CANCELLED"))
    scene.channel.drain()
    assert scene.channel.receipt == {"state_type": "CANCELLED"}
