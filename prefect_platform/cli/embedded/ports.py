"""Which ports the parts listen on: the ones they had, so that what still runs finds them again."""

from __future__ import annotations

import socket
from collections.abc import Collection

from prefect_platform.errors import Conflict, Unavailable

_TRIED = 100


def choose(name: str, wanted: int | None, last: int | None, default: int, taken: Collection[int] = ()) -> int:
    """A free port on loopback: `wanted` or none, else `last`, else the first free from `default` on.

    Raises:
        Conflict: `wanted` is taken.
        Unavailable: no port is free.
    """
    if wanted is not None:
        if wanted in taken or not is_free(wanted):
            raise Conflict(
                f"Port {wanted} is taken, so {name} cannot listen there. End what listens on it "
                "(`ss -ltnp`), or leave the port to `up`."
            )
        return wanted
    for port in ([last] if last else []) + list(range(default, default + _TRIED)):
        if port not in taken and is_free(port):
            return port
    raise Unavailable(f"No port from {default} to {default + _TRIED - 1} is free for {name}. Name one.")


def is_free(port: int) -> bool:
    """Whether a server could listen there now. Connections that linger from before do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
