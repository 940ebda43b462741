"""What opens a Jupyter server: known to it, to the platform, and to nobody's browser.

It is a keyed digest of the start's id, so another one for each start, the same for every replica and after a
restart of the platform, and stored nowhere but in a file of the server's own.
"""

from __future__ import annotations

import json

from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.keyring import Keyring


def of(parts: Parts, workload_id: str) -> str:
    """The token of the server that this workload runs."""
    return of_keyring(parts.keyring, workload_id)


def of_keyring(keyring: Keyring, workload_id: str) -> str:
    return keyring.mark(json.dumps(["prefect-platform jupyter server", workload_id]).encode())


def header(parts: Parts, workload_id: str) -> tuple[str, str]:
    """What a request to that server has to carry."""
    return "Authorization", f"token {of(parts, workload_id)}"
