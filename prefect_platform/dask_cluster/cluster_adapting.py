"""What `adapt` gives back: its bounds, and a way to end it. The scheduler does the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Protocol

from prefect_platform.wire.dask_spec import AdaptRange


class Adaptable(Protocol):
    """What adapts."""

    def _stop_adapting(self) -> Any: ...


class Adapting:
    """Dask's widget and its extension of JupyterLab ask it for `minimum` and `maximum`."""

    def __init__(self, cluster: Adaptable, bounds: AdaptRange) -> None:
        self._cluster, self.bounds = cluster, bounds
        self.asked: Awaitable[None] | None = None
        """In an event loop, the question to the platform that is under way."""

    @property
    def minimum(self) -> int:
        return self.bounds.minimum

    @property
    def maximum(self) -> int:
        return self.bounds.maximum

    def stop(self) -> Any:
        """The number of workers stays as it is."""
        return self._cluster._stop_adapting()  # noqa: SLF001 - one thing in two classes

    def __await__(self) -> Generator[Any, Any, Adapting]:
        async def asked() -> Adapting:
            if self.asked is not None:
                await self.asked
            return self

        return asked().__await__()

    def __repr__(self) -> str:
        return f"Adapting(minimum={self.minimum}, maximum={self.maximum})"
