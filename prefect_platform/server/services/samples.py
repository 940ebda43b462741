"""What a workload used, from the lines of its launcher (`launcher/samples.py`), in few points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from prefect_platform.server.services import workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.launch import SAMPLES_SOURCE
from prefect_platform.wire.samples import Sample, Samples

MOST_BYTES = 4 << 20
"""Read of a source: more than a launcher writes in years."""
_LINE = re.compile(rb"(\d{12,13}) (\d{1,9}) (\d{1,15}) (\d{1,3}|-) (\d{1,15}|-)")


async def of_workload(parts: Parts, caller: Caller, workload_id: str, points: int) -> Samples:
    """At most so many points; none where it ended before the first, or they were removed with its log.

    Raises:
        NotFound: it is not the caller's to see.
    """
    async with parts.database.reader() as session:
        row = await workloads.own(session, caller, workload_id)
    size = (await parts.logs.stat(workload_id, SAMPLES_SOURCE)).size
    data = (
        await parts.logs.read(workload_id, SAMPLES_SOURCE, max(0, size - MOST_BYTES), size) if size else b""
    )
    return Samples(
        workload_id=workload_id,
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        gpus=len(row.gpus or ()) or (row.gpu or {}).get("count", 0),
        points=thinned(list(_read(data)), points),
    )


def _read(data: bytes) -> Iterator[Sample]:
    """Its lines; one that is torn, or that nobody can have written in earnest, is left out."""
    for line in data.split(b"\n"):
        if found := _LINE.fullmatch(line):
            ms, thousandths, memory, busy, used = found.groups()
            yield Sample(
                at=datetime.fromtimestamp(int(ms) / 1000, UTC),
                cores=int(thousandths) / 1000,
                memory_bytes=int(memory),
                gpu_percent=None if busy == b"-" else float(busy),
                gpu_memory_bytes=None if used == b"-" else int(used),
            )


def thinned(samples: Sequence[Sample], points: int) -> list[Sample]:
    """The same in fewer: means of shares, and the most of memory."""
    each = -(-len(samples) // points) or 1
    return [_one(samples[start : start + each]) for start in range(0, len(samples), each)]


def _one(group: Sequence[Sample]) -> Sample:
    busy = [one.gpu_percent for one in group if one.gpu_percent is not None]
    used = [one.gpu_memory_bytes for one in group if one.gpu_memory_bytes is not None]
    return Sample(
        at=group[-1].at,
        cores=round(sum(one.cores for one in group) / len(group), 3),
        memory_bytes=max(one.memory_bytes for one in group),
        gpu_percent=round(sum(busy) / len(busy), 1) if busy else None,
        gpu_memory_bytes=max(used, default=None),
    )
