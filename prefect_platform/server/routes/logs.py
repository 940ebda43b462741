"""Logs: appends and seals from launchers; pieces, downloads and live streams for people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from prefect_platform.errors import OffsetMismatch, TooLarge
from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.routes.event_stream import EventStream
from prefect_platform.server.routes.log_headers import append_marks, append_offset, download_span
from prefect_platform.server.services import log_search, logs, logs_live, logs_read, samples
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.logs import (
    MAX_APPEND_BYTES,
    TIMES_HEADER,
    AppendAnswer,
    LogChunk,
    LogHit,
    LogLevel,
    LogSource,
    SealRequest,
)
from prefect_platform.wire.samples import MOST_POINTS, Samples
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["logs"])

PartsHere = Annotated[Parts, Depends(parts_of)]
Launcher = Annotated[Caller, Depends(allow(TokenKind.WORKLOAD))]
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
Reader = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.WORKLOAD))]
LastEvent = Annotated[str | None, Header(alias="Last-Event-ID")]


@router.patch("/workloads/{workload_id}/logs/{source}", status_code=202)
async def append(
    parts: PartsHere, caller: Launcher, workload_id: str, source: str, request: Request
) -> AppendAnswer:
    """Append at an offset: `Content-Range: bytes a-b/*`. An empty body is a sign of life. An offset beyond
    the end is answered 416, with what the platform holds in the problem's `data`."""
    data = await _body(request)
    offset = append_offset(request.headers.get("content-range"), len(data))
    marks = append_marks(request.headers.get(TIMES_HEADER), offset, len(data)) if data else []
    return await logs.append(parts, caller, workload_id, source, logs.Piece(offset, data, marks))


@router.post("/workloads/{workload_id}/logs/{source}/seal")
async def seal(
    parts: PartsHere, caller: Launcher, workload_id: str, source: str, request: SealRequest
) -> LogSource:
    """Close a source: its size and digest are checked first."""
    return await logs.seal(parts, caller, workload_id, source, request)


@router.get("/workloads/{workload_id}/logs")
async def sources_of_workload(parts: PartsHere, caller: Reader, workload_id: str) -> list[LogSource]:
    return await logs_read.sources_of_workload(parts, caller, workload_id)


@router.get("/workloads/{workload_id}/samples")
async def samples_of_workload(
    parts: PartsHere,
    caller: User,
    workload_id: str,
    points: Annotated[int, Query(ge=10, le=MOST_POINTS)] = 300,
) -> Samples:
    """What it used of cores, memory and GPUs over its life, in at most so many points."""
    return await samples.of_workload(parts, caller, workload_id, points)


@router.get("/runs/{run_id}/logs")
async def sources_of_run(parts: PartsHere, caller: User, run_id: str) -> list[LogSource]:
    """The sources of all attempts, oldest attempt first."""
    return await logs_read.sources_of_run(parts, caller, run_id)


@router.get("/runs/{run_id}/logs/live", response_class=StreamingResponse)
async def live_of_run(
    parts: PartsHere, caller: User, run_id: str, last_event_id: LastEvent = None
) -> StreamingResponse:
    """Server-sent events `log`, `sealed` and, when the run is over, `end`. Goes on after Last-Event-ID."""
    return EventStream(await logs_live.follow_run(parts, caller, run_id, last_event_id))


def asked(
    q: Annotated[str | None, Query(max_length=log_search.MOST_CHARACTERS)] = None,
    level: LogLevel | None = None,
    case: bool = False,
    source: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006 - only read
    limit: Annotated[int, Query(ge=1, le=log_search.MOST_HITS)] = log_search.MOST_HITS,
) -> log_search.Asked:
    """What a search is for."""
    return log_search.Asked(q, level, case, source, limit)


Asked = Annotated[log_search.Asked, Depends(asked)]


@router.get("/runs/{run_id}/logs/search", response_class=StreamingResponse)
async def search_run(parts: PartsHere, caller: User, run_id: str, asked: Asked) -> StreamingResponse:
    """Lines with a text (`q`) or of a `level` in all sources of a run, or in those named. Server-sent events:
    `hits` (a list of LogHit) as they are found, `progress`, and at last `end`."""
    return EventStream(await log_search.of_run(parts, caller, run_id, asked))


@router.get("/runs/{run_id}/logs/first-error")
async def first_error(parts: PartsHere, caller: User, run_id: str) -> LogHit | None:
    """The line that says what went wrong: the first exception, else the first error of a logger."""
    return await log_search.first_error(parts, caller, run_id)


@router.get("/workloads/{workload_id}/logs/search", response_class=StreamingResponse)
async def search_workload(
    parts: PartsHere, caller: User, workload_id: str, asked: Asked
) -> StreamingResponse:
    """As the search of a run, for one workload."""
    return EventStream(await log_search.of_workload(parts, caller, workload_id, asked))


@router.get("/workloads/{workload_id}/logs/first-error")
async def first_error_of_workload(parts: PartsHere, caller: User, workload_id: str) -> LogHit | None:
    """As the first error of a run, for one workload."""
    return await log_search.first_error_of_workload(parts, caller, workload_id)


@router.get("/workloads/{workload_id}/logs/{source}")
async def read(
    parts: PartsHere,
    caller: User,
    workload_id: str,
    source: str,
    start: Annotated[int | None, Query()] = None,
    end: Annotated[int | None, Query()] = None,
    line: Annotated[int | None, Query()] = None,
    count: Annotated[int | None, Query()] = None,
    tail: Annotated[int | None, Query()] = None,
    since: Annotated[datetime | None, Query()] = None,
) -> LogChunk:
    """At most 1 MiB: bytes `start` to `end`, or `count` lines from zero-based `line` on, or the last `tail`
    lines, or what arrived at `since` or later."""
    wanted = logs_read.Wanted(start, end, line, count, tail, since)
    return await logs_read.read(parts, caller, workload_id, source, wanted)


@router.get("/workloads/{workload_id}/logs/{source}/raw", response_class=StreamingResponse)
async def raw(parts: PartsHere, caller: User, workload_id: str, source: str, request: Request) -> Response:
    """Every byte as it is; `Range` is honoured."""
    stat = await logs_read.opened(parts, caller, workload_id, source)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{workload_id}-{source}.log"',
        "X-Content-Type-Options": "nosniff",
    }
    if stat.sha256 is not None:
        headers["ETag"] = f'"{stat.sha256}"'
    usable = request.headers.get("if-range") in (None, headers.get("ETag"))
    span = download_span(request.headers.get("range") if usable else None, stat.size)
    start, end = (span.start, span.end) if span else (0, stat.size)
    if span and start == end:
        problem = OffsetMismatch(f"Source {source!r} has {stat.size} bytes.", size=stat.size).problem()
        headers = {"Content-Range": f"bytes */{stat.size}"}
        return JSONResponse(problem, 416, headers, media_type="application/problem+json")
    if span:
        headers["Content-Range"] = span.content_range
    headers["Content-Length"] = str(end - start)
    content = logs_read.stream(parts, workload_id, source, start, end)
    media = "text/plain; charset=utf-8"
    return StreamingResponse(content, 206 if span else 200, headers, media_type=media)


@router.get("/workloads/{workload_id}/logs/{source}/live", response_class=StreamingResponse)
async def live_of_source(
    parts: PartsHere, caller: User, workload_id: str, source: str, last_event_id: LastEvent = None
) -> StreamingResponse:
    """As the live log of a run, for one source; the ids of events are byte offsets."""
    return EventStream(await logs_live.follow_source(parts, caller, workload_id, source, last_event_id))


async def _body(request: Request) -> bytes:
    """The body of an append. Raises TooLarge as soon as it is known to be."""
    declared = request.headers.get("content-length", "")
    pieces, size = [], int(declared) if declared.isdigit() else 0
    if size <= MAX_APPEND_BYTES:
        size = 0
        async for data in request.stream():
            pieces.append(data)
            size += len(data)
            if size > MAX_APPEND_BYTES:
                break
    if size > MAX_APPEND_BYTES:
        raise TooLarge(f"An append has at most {MAX_APPEND_BYTES} bytes: send less.", limit=MAX_APPEND_BYTES)
    return b"".join(pieces)
