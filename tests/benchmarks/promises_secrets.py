"""How soon a secret that was written can be given to a run: on a real server, over HTTP, with SQLite."""

from __future__ import annotations

import time

from sqlalchemy import select

from prefect_platform.client.api import PlatformClient
from prefect_platform.server.db.tables import SecretRow
from prefect_platform.server.services import secret_values
from prefect_platform.testing.live_server import LiveServer, live_server
from tests.benchmarks.measure import Figure, report

SAMPLES = 100
WARM = 5


def figures() -> list[Figure]:
    """From the client's call to the value in the hands of who builds a claim's answer."""
    figure = Figure("secret_usable_ms", "ms", "<= 50")
    with live_server() as server, PlatformClient(server.url, server.token) as client:
        for number in range(WARM + SAMPLES):
            value = f"correct horse battery {number}"
            began = time.perf_counter()
            client.secrets.set("default", "aws-key", value)
            found = server.call(_newest(server))
            took = time.perf_counter() - began
            assert found == value
            if number >= WARM:
                figure.ours.append(took * 1000)
    return [figure]


async def _newest(server: LiveServer) -> str:
    """As `secret_grants` reads it."""
    parts = server.parts
    async with parts.database.reader() as session:
        row = (await session.scalars(select(SecretRow))).one()
        return await secret_values.read(session, parts.keyring, row, row.version)


if __name__ == "__main__":
    found = figures()
    report("promises-secrets", found)
