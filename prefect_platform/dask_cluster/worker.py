"""`python -m prefect_platform.dask_cluster.worker DIRECTORY CODE`: one worker of a cluster.

Prefect is imported by the first Prefect task, and not before: collections need none of it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prefect_platform.dask_cluster import member as members
from prefect_platform.dask_cluster.member import HOST, SPOOL, Member

if TYPE_CHECKING:
    from distributed import Nanny, Worker

PATIENCE_SECONDS = 60.0
"""How long a worker waits for a platform that is away, and for a scheduler that does not answer."""


def main(arguments: list[str]) -> int:
    """Live until the scheduler lets it go. The exit code: 0 for that, 1 where it could not begin."""
    member = members.read(arguments)
    with members.platform() as client, ThreadPoolExecutor(1) as asking:
        address = asking.submit(members.scheduler_address, client, member, PATIENCE_SECONDS)
        os.environ[SPOOL] = str(member.spool)
        import distributed  # noqa: F401 - takes as long as the scheduler needs to be ready

        return asyncio.run(run(member, address))


async def run(member: Member, address: Future[str]) -> int:
    """Join the cluster once its scheduler is known."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # at the end of a cluster it tells with a traceback that the scheduler has left first, as it should
    logging.getLogger("distributed.batched").setLevel(logging.WARNING)
    found = await asyncio.wrap_future(address)
    processes = _processes(member, found)
    await asyncio.gather(*processes)
    stopped, ended = asyncio.create_task(stop.wait()), asyncio.create_task(_finished(processes))
    await asyncio.wait({stopped, ended}, return_when="FIRST_COMPLETED")
    await asyncio.gather(*(one.close() for one in processes))
    return 0


async def _finished(processes: Sequence[Worker | Nanny]) -> None:
    for one in processes:
        await one.finished()  # type: ignore[no-untyped-call]  # of a Nanny alone


def _processes(member: Member, address: str) -> Sequence[Any]:
    """Its processes. With one for each GPU they are dask-cuda's, where that is installed: it also spills
    from the memory of a GPU. A single process is this one; several are watched by a nanny each."""
    from distributed import Nanny, Worker

    settings = _settings(member)
    if member.gpus and member.gpus == member.processes and (cuda := _cuda_worker()) is not None:
        return [cuda(address, **settings)]
    if member.processes == 1:
        return [Worker(address, **settings)]
    names = [f"{member.name}.{number}" if number else member.name for number in range(member.processes)]
    return [
        Nanny(address, **settings | {"name": name}, env=_devices(member, number))
        for number, name in enumerate(names)
    ]


def _settings(member: Member) -> dict[str, Any]:
    """What Dask's own worker and dask-cuda's are both told; `memory_limit` is of each process."""
    import dask

    from prefect_platform.dask_cluster import printed

    return {
        "name": member.name,
        "nthreads": member.threads,
        "memory_limit": member.memory_bytes // member.processes,
        "security": members.security(member),
        "host": HOST,
        "local_directory": str(member.directory),
        "death_timeout": PATIENCE_SECONDS,
        "preload": [*dask.config.get("distributed.worker.preload"), printed.__name__],
    }


def _cuda_worker() -> Any:
    """dask-cuda's worker, which is one process for each GPU that is visible; None where it is missing."""
    if importlib.util.find_spec("dask_cuda") is None:
        return None
    from dask_cuda import CUDAWorker

    return CUDAWorker


def _devices(member: Member, number: int) -> dict[str, str]:
    """With a process for each GPU, each sees its own first and the others after it, as dask-cuda has it."""
    visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
    if member.gpus != member.processes or len(visible) != member.gpus:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(visible[number:] + visible[:number])}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
