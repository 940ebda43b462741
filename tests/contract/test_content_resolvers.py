"""Every kind of resource that is served keeps the contract."""

from __future__ import annotations

from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.resolver_contract import ResolverContract
from tests import server_calls
from tests.content_scene import Resources


class TestResources(ResolverContract):
    """The tests' own."""

    async def make(self, parts: Parts) -> str:
        self.resources = Resources(parts)
        return self.resources.add(await server_calls.project_id(parts), ("127.0.0.1", 1))

    async def stop(self, parts: Parts, label: str) -> None:
        self.resources.change(label, address=None, state="stopped")

    async def start(self, parts: Parts, label: str) -> None:
        self.resources.change(label, address=("127.0.0.1", 2), state="running")

    async def delete(self, parts: Parts, label: str) -> None:
        del self.resources.known[label]
