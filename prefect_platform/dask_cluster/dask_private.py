"""Everything of distributed's private side that we touch, each with a test of its own.

A release of distributed that moves one of these breaks that test and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any


def add_handlers(scheduler: Any, handlers: Mapping[str, Callable[..., Any]]) -> None:
    """Let clients and workers call these on the scheduler by name."""
    scheduler.handlers.update(handlers)


def forgive(scheduler: Any, key: str) -> None:
    """Forget how many workers were lost with this key so far."""
    task = scheduler.tasks.get(key)
    if task is not None:
        task.suspicious = 0


def worker_facts(scheduler: Any, address: str) -> dict[str, Any]:
    """What the scheduler knows of a worker now: what is said of it should it be lost."""
    worker = scheduler.workers.get(address)
    if worker is None:
        return {"address": address}
    return {
        "address": address,
        "name": str(worker.name),
        "process": worker.pid,
        "memory_used": worker.metrics.get("memory"),
        "memory_limit": worker.memory_limit or None,
    }


def call_from_client(client: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    """Call one of our handlers on the scheduler, from the process of a client."""
    return client.sync(getattr(client.scheduler, name), **arguments)


def call_from_worker(worker: Any, name: str, arguments: Mapping[str, Any]) -> Any:
    """The same from a task's thread on a worker."""

    async def call() -> Any:
        return await getattr(worker.scheduler, name)(**arguments)

    return asyncio.run_coroutine_threadsafe(call(), worker.loop.asyncio_loop).result()


def tell_scheduler(worker: Any, name: str, message: Mapping[str, Any]) -> None:
    """Send from a task's thread, without an answer. It is there before the news that the task is done."""
    worker.loop.add_callback(worker.batched_send, {"op": name, **message})


def pass_on(scheduler: Any, name: str) -> None:
    """Have what workers tell of a key under this name go to the client that is named in it. What is told by
    another worker than the one that has the key is dropped: it was thought lost, or the key went away."""

    def told(client: str, key: str, worker: str, **message: Any) -> None:
        task = scheduler.tasks.get(key)
        if task is not None and task.processing_on is not None and task.processing_on.address == worker:
            scheduler.send_all({client: [{"op": name, "key": key, **message}]}, {})

    scheduler.stream_handlers[name] = told


def on_message(client: Any, name: str, handler: Callable[..., None]) -> None:
    """Call this, in the thread of the client, for each message under this name."""
    client._stream_handlers[name] = handler  # noqa: SLF001


def lost_scheduler(error: BaseException) -> bool:
    """Whether a future was cancelled because its client lost the scheduler."""
    return getattr(error, "reason", None) in {"scheduler-connection-lost", "client-closed"}


def give_up_after(client: Any, seconds: float) -> None:
    """How long a client that has lost its scheduler looks for it again. By default as long as it had for its
    first connection."""
    client._timeout = seconds  # noqa: SLF001
