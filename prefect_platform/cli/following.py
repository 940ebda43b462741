"""A log on the terminal: raw bytes of one source, or lines of several with their source before them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

from prefect_platform.wire.runs import Status

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.logs import LogChunk
    from prefect_platform.wire.runs import RunDetail

_HELD = 1 << 16
"""Bytes of an unfinished line kept back so that another source does not break into it."""


class Lines:
    """Writes whole lines, each behind the label of its source."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._held: dict[str, bytes] = {}

    def write(self, label: str, data: bytes) -> None:
        *whole, rest = (self._held.get(label, b"") + data).split(b"\n")
        prefix = f"{label} | ".encode()
        self._out.write(b"".join(prefix + line + b"\n" for line in whole))
        if len(rest) > _HELD:
            self._out.write(prefix + rest + b"\n")
            rest = b""
        self._held[label] = rest

    def close(self) -> None:
        for label, rest in self._held.items():
            if rest:
                self._out.write(f"{label} | ".encode() + rest + b"\n")
        self._held.clear()


def labels(run: RunDetail) -> dict[str, str]:
    """What stands before a source's name: nothing, or the attempt's number where there are several."""
    several = len(run.attempt_list) > 1
    return {a.workload.id: f"{a.number}:" if several else "" for a in run.attempt_list}


def follow(client: PlatformClient, run_id: str, source: str | None) -> bool:
    """Print what a run writes until it is over; whether it succeeded. Ctrl-C ends the printing only."""
    try:
        _print(client, run_id, source)
    except KeyboardInterrupt:
        print(
            f"\nThe run goes on. `prefect-platform run logs -f {run_id}` shows it again, "
            f"`prefect-platform run cancel {run_id}` ends it.",
            file=sys.stderr,
        )
        return False
    return _told(client.runs.get(run_id))


def _print(client: PlatformClient, run_id: str, source: str | None) -> None:
    out = sys.stdout.buffer
    lines = Lines(out)
    known: dict[str, str] = {}
    for chunk in client.logs.follow(run_id):
        if source is not None and chunk.source != source:
            continue
        data = _exact(client, chunk)
        if source is not None:
            out.write(data)
        else:
            if chunk.workload_id not in known:
                known = labels(client.runs.get(run_id))
            lines.write(f"{known.get(chunk.workload_id, '')}{chunk.source}", data)
        out.flush()
    lines.close()
    out.flush()


def _exact(client: PlatformClient, chunk: LogChunk) -> bytes:
    """The bytes of a chunk: its text is not exact where they are no UTF-8."""
    if "\ufffd" not in chunk.text:
        return chunk.text.encode()
    return b"".join(client.logs.pieces(chunk.workload_id, chunk.source, chunk.offset, chunk.end))


def _told(run: RunDetail) -> bool:
    from prefect_platform.cli import output

    status = run.status.value if run.status else "without an attempt"
    took = output.between(run.started_at, run.ended_at)
    print(f"Run {run.name}: {status} in {took}" + (f". {run.reason}" if run.reason else ""), file=sys.stderr)
    return run.status is Status.SUCCEEDED
