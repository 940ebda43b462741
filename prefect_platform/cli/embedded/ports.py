"""Which ports the parts listen on: the ones they had, so that what still runs finds them again.

A port is free until a part listens, which takes a moment; two supervisors that start at once would
choose the same. So each holds a name of the kernel's for every port it has chosen, until it ends.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

from prefect_platform.errors import Conflict, Unavailable

_TRIED = 100


class Ports:
    """The ports of one supervisor. `close` gives them back; so does its end."""

    def __init__(self) -> None:
        self._held = ExitStack()

    def close(self) -> None:
        self._held.close()

    def choose(self, name: str, wanted: int | None, last: int | None, default: int) -> int:
        """A free port on loopback: `wanted` or none, else `last`, else the first free from `default` on.

        Raises:
            Conflict: `wanted` is taken.
            Unavailable: no port is free.
        """
        for port in _candidates(wanted, last, default):
            if self._take(port):
                return port
        if wanted is not None:
            raise Conflict(
                f"Port {wanted} is taken, so {name} cannot listen there. End what listens on it "
                "(`ss -ltnp`), or leave the port to `up`."
            )
        raise Unavailable(f"No port from {default} to {default + _TRIED - 1} is free for {name}. Name one.")

    def _take(self, port: int) -> bool:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0prefect-platform-port-{port}")
        except OSError:
            claim.close()
            return False
        if not is_free(port):
            claim.close()
            return False
        self._held.enter_context(claim)
        return True


def _candidates(wanted: int | None, last: int | None, default: int) -> Iterator[int]:
    if wanted is not None:
        yield wanted
        return
    if last is not None:
        yield last
    yield from range(default, default + _TRIED)


def is_free(port: int) -> bool:
    """Whether a server could listen there now. Connections that linger from before do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
