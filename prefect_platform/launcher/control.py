r"""The engine's control channel: how Prefect's engine is asked to end, and how it says that it has.

Prefect's engine connects to 127.0.0.1:`PREFECT__CONTROL_PORT` when its flow starts, and sends the token
and a newline. From then on, one message after the other:

    engine → launcher   \0PF v ersion capabilities     hello; answered with the same
    launcher → engine   c                             end as cancelled, when SIGTERM comes
    engine → launcher   a                             understood: now send SIGTERM
    engine → launcher   \1 length(4, big-endian) JSON  receipt: the state in which the engine ended
    launcher → engine   \2                             receipt taken

A receipt means an orderly end. An engine that ends without one was killed, or left by `os._exit`.
"""

from __future__ import annotations

import hmac
import json
import selectors
import socket
import struct
from collections.abc import Callable

HELLO = b"\0PF"
VERSION = 2
RECEIPTS = 1
CANCEL = b"c"
UNDERSTOOD = b"a"
RECEIPT = b"\x01"
RECEIPT_TAKEN = b"\x02"
MAX_MESSAGE = 4096
LENGTH = struct.Struct("!I")


class ControlChannel:
    """Listens for one engine. All callbacks run in the thread that serves `selector`.

    Whoever shows `token` is taken for the engine: it is masked in logs like any secret.
    """

    def __init__(self, selector: selectors.BaseSelector, started: Callable[[], None], token: str) -> None:
        self.token = token
        self.was_connected = False
        self.understood = False
        """Whether the engine will take SIGTERM as a cancellation."""
        self.receipt: dict[str, str] | None = None
        """What the engine said at its end: `disposition`, mostly with `state_type` and `state_name`."""
        self._selector = selector
        self._started = started
        self._engine: _Peer | None = None
        self._peers: set[_Peer] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4)
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def environment(self) -> dict[str, str]:
        return {"PREFECT__CONTROL_PORT": str(self.port), "PREFECT__CONTROL_TOKEN": self.token}

    @property
    def connected(self) -> bool:
        return self._engine is not None

    def begin(self) -> None:
        """The engine connects by itself."""

    def cancel(self) -> bool:
        """Tell the engine that SIGTERM will mean a cancellation; false if nobody is there."""
        return self._engine is not None and self._engine.send(CANCEL)

    def drain(self) -> None:
        """Take what an engine that has ended had still sent."""
        self._accept()
        for peer in list(self._peers):
            peer.receive()

    def close(self) -> None:
        for peer in list(self._peers):
            peer.close()
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it has gone again
        self._peers.add(_Peer(self, connection))

    def admitted(self, peer: _Peer) -> None:
        """A peer has shown the token."""
        self._engine = peer
        if not self.was_connected:
            self.was_connected = True
            self._started()

    def gone(self, peer: _Peer) -> None:
        self._peers.discard(peer)
        if self._engine is peer:
            self._engine = None


class _Peer:
    """One connection and what it has sent so far."""

    def __init__(self, channel: ControlChannel, connection: socket.socket) -> None:
        self._channel = channel
        self._socket = connection
        self._selector = channel._selector  # noqa: SLF001 - two halves of one thing
        self._buffer = b""
        self._admitted = False
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, self.receive)

    def send(self, data: bytes) -> bool:
        try:
            self._socket.sendall(data)
        except OSError:  # the engine is gone, and the end of the process tells the rest
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._selector.unregister(self._socket)
            self._socket.close()
        self._channel.gone(self)

    def receive(self) -> None:
        """Take what has come, as far as it makes whole messages."""
        try:
            data = self._socket.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        while self._buffer and self._message():
            pass
        if not data or len(self._buffer) > 2 * MAX_MESSAGE:
            self.close()

    def _message(self) -> bool:
        """Act on the first message of the buffer; false if it is not whole yet."""
        if not self._admitted:
            return self._admit()
        kind = self._buffer[:1]
        if kind == UNDERSTOOD:
            self._channel.understood = True
            self._buffer = self._buffer[1:]
            return True
        if kind == HELLO[:1]:
            return self._hello()
        if kind == RECEIPT:
            return self._receipt()
        self._buffer = b""
        self.close()  # a protocol we do not know: the ladder goes on without it
        return False

    def _admit(self) -> bool:
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline and len(line) <= len(self._channel.token):
            return False
        self._buffer = rest
        if not hmac.compare_digest(line, self._channel.token.encode()):
            self._buffer = b""
            self.close()
            return False
        self._admitted = True
        self._channel.admitted(self)
        return True

    def _hello(self) -> bool:
        size = len(HELLO) + 2
        if len(self._buffer) < size:
            return False
        hello, self._buffer = self._buffer[:size], self._buffer[size:]
        return hello.startswith(HELLO) and self.send(HELLO + bytes((VERSION, RECEIPTS)))

    def _receipt(self) -> bool:
        head = len(RECEIPT) + LENGTH.size
        if len(self._buffer) < head:
            return False
        (length,) = LENGTH.unpack(self._buffer[len(RECEIPT) : head])
        if length > MAX_MESSAGE:
            self._buffer = b""
            self.close()
            return False
        if len(self._buffer) < head + length:
            return False
        payload, self._buffer = self._buffer[head : head + length], self._buffer[head + length :]
        self._channel.receipt = _fields(payload)
        return self.send(RECEIPT_TAKEN)


def _fields(payload: bytes) -> dict[str, str]:
    """The fields of a receipt; none of them if it cannot be read, which still was an orderly end."""
    try:
        document = json.loads(payload)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in document.items()} if isinstance(document, dict) else {}
