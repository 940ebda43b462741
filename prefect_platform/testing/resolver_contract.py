"""The contract of what a kind of resource tells the user-content proxy. Every kind that is served runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from prefect_platform.server.services import content
from prefect_platform.server.services.contents import LABEL, Upstream
from prefect_platform.server.services.parts import Parts


class ResolverContract(ABC):
    """Subclass it, and say how a resource of the kind is made, stopped and deleted."""

    @abstractmethod
    async def make(self, parts: Parts) -> str:
        """A running resource; its label."""

    @abstractmethod
    async def stop(self, parts: Parts, label: str) -> None: ...

    @abstractmethod
    async def start(self, parts: Parts, label: str) -> None:
        """Start it again."""

    @abstractmethod
    async def delete(self, parts: Parts, label: str) -> None: ...

    async def _found(self, parts: Parts, label: str) -> Upstream:
        found = await content.current(parts, label)
        assert found is not None
        return found

    @pytest.mark.asyncio
    async def test_a_running_one_has_an_address_and_an_owner(self, parts: Parts) -> None:
        label = await self.make(parts)
        found = await self._found(parts, label)
        assert LABEL.fullmatch(label)
        assert found.address is not None
        assert found.project_id
        assert found.kind
        assert found.name
        assert found.home.startswith("/")
        assert not found.home.startswith("//")

    @pytest.mark.asyncio
    async def test_what_it_is_sent_is_never_shown(self, parts: Parts) -> None:
        found = await self._found(parts, await self.make(parts))
        for _, value in found.headers:
            assert value not in repr(found)

    @pytest.mark.asyncio
    async def test_a_stopped_one_is_there_without_an_address(self, parts: Parts) -> None:
        label = await self.make(parts)
        await self.stop(parts, label)
        found = await self._found(parts, label)
        assert found.address is None
        assert found.state != "running"
        await self.start(parts, label)
        assert (await self._found(parts, label)).address is not None

    @pytest.mark.asyncio
    async def test_a_deleted_one_and_an_unknown_one_are_none(self, parts: Parts) -> None:
        label = await self.make(parts)
        await self.delete(parts, label)
        assert await content.current(parts, label) is None
        assert await content.current(parts, label[:-1] + ("0" if label[-1] != "0" else "1")) is None

    @pytest.mark.asyncio
    async def test_a_label_is_never_used_again(self, parts: Parts) -> None:
        first = await self.make(parts)
        await self.delete(parts, first)
        assert await self.make(parts) != first
