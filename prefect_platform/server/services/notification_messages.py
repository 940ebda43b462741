"""What a message says: made once, before its first try, from what the outbox and the log hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import (
    AttemptRow,
    FlowRow,
    FlowVersionRow,
    NotificationRow,
    RunRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import log_text, logs, notification_text, prefect_access, workloads
from prefect_platform.server.services.notification_text import Masks, short
from prefect_platform.server.services.notifications import MAX_SENTENCE, MAX_TITLE
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.notifications import EventKind
from prefect_platform.wire.runs import Status

LOG_SECONDS = 10.0
"""How long the end of a run is not told because its log is still on its way."""
LOG_LINES, LOG_CHARACTERS, _TAIL_BYTES = 20, 3000, 16 << 10
_FIRST = ("flow", "start-script")
"""Sources whose end says most about a run."""
_SAID = "The flow failed: "


@dataclass(frozen=True)
class Message:
    title: str
    body: str


@dataclass(frozen=True)
class _About:
    """What is known of an event, not masked yet."""

    title: str
    sentence: str | None
    facts: list[tuple[str, str | None]]


async def ready(parts: Parts, row: NotificationRow) -> bool:
    """Whether the log that a message ends with is all there, or has been waited for long enough."""
    workload_id = row.payload.get("workload_id")
    waited = parts.clock.now() - row.created_at
    if row.kind != EventKind.RUN_ENDED or workload_id is None or waited >= timedelta(seconds=LOG_SECONDS):
        return True
    async with parts.database.reader() as session:
        workload = await session.get(WorkloadRow, workload_id)
    if workload is None or workload.removed_at is not None or workloads.noted(workload, workloads.COMPLETE):
        return True
    stats = [await parts.logs.stat(workload_id, one) for one in await logs.readable(parts, workload_id)]
    return bool(stats) and all(stat.sha256 is not None for stat in stats)


async def made(parts: Parts, row: NotificationRow, project_id: str, *, log: bool = True) -> Message:
    """The message of an event, masked as a whole.

    Raises:
        Unavailable, DigestMismatch: a secret cannot be read, so nothing can be masked.
    """
    workload_id = row.payload.get("workload_id")
    async with parts.database.reader() as session:
        masks = await notification_text.masks(session, parts, project_id, workload_id)
        about = await _run(session, parts, row) if "run_id" in row.payload else _told(row)
    paragraphs = [masks.line(about.sentence, MAX_SENTENCE)] if about.sentence else []
    facts = [(name, masks.line(value, MAX_SENTENCE)) for name, value in about.facts if value]
    paragraphs.append("\n".join(f"{name}: {value}" for name, value in facts))
    if log and workload_id is not None:
        paragraphs.append(await _log(parts, workload_id, masks))
    return Message(
        masks.line(about.title, MAX_TITLE), masks.text("\n\n".join(text for text in paragraphs if text))
    )


def _told(row: NotificationRow) -> _About:
    """An event that came with its text."""
    facts = [("link", row.payload["link"]), ("more", row.payload["command"])]
    return _About(row.payload["title"], row.payload["sentence"], facts)


async def _run(session: AsyncSession, parts: Parts, row: NotificationRow) -> _About:
    run = await session.get_one(RunRow, row.payload["run_id"])
    flow = await session.get_one(FlowRow, run.flow_id)
    attempt, workload = await _ending(session, row.payload["workload_id"])
    status = workload.status if workload else run.status or Status.CANCELLED.value
    reason = attempt.reason if attempt else run.reason
    version = await session.get(FlowVersionRow, attempt.version_id if attempt else run.version_id)
    cause = (reason or "").removeprefix(_SAID)
    pages = await prefect_access.pages(session, parts, [run])
    facts = [
        ("flow", f"{flow.name} version {version.number}" if version else flow.name),
        ("deployment", run.deployment_name),
        ("run", run.name),
        ("attempt", str(attempt.number) if attempt else None),
        ("duration", await _took(session, workload) if workload else None),
        ("link", f"{pages[run.id]}/runs/flow-run/{run.id}"),
        ("more", f"prefect-platform run show {run.id}"),
    ]
    title = f"{run.deployment_name or flow.name} {status}"
    return _About(f"{title}: {cause}" if cause else title, reason, facts)


async def _ending(
    session: AsyncSession, workload_id: str | None
) -> tuple[AttemptRow | None, WorkloadRow | None]:
    if workload_id is None:
        return None, None
    return await workloads.attempt_of(session, workload_id), await session.get(WorkloadRow, workload_id)


async def _took(session: AsyncSession, workload: WorkloadRow) -> str | None:
    """How long user code ran."""
    began: datetime | None = await session.scalar(
        select(func.min(TransitionRow.at, type_=TransitionRow.at.type)).where(
            TransitionRow.workload_id == workload.id, TransitionRow.status == Status.RUNNING.value
        )
    )
    if began is None or workload.ended_at is None:
        return None
    seconds = max(0.0, (workload.ended_at - began).total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {int(seconds) % 60:02} s"


async def _log(parts: Parts, workload_id: str, masks: Masks) -> str:
    """The last lines of the source that says most; nothing where there is no log."""
    source = await _source(parts, workload_id)
    if source is None:
        return ""
    size = (await parts.logs.stat(workload_id, source)).size
    data = await parts.logs.read(workload_id, source, max(0, size - _TAIL_BYTES), size)
    if size > len(data):
        data = data[data.find(b"\n") + 1 :]
    text = masks.text(log_text.decode(masks.data(data)))
    lines = [short(line.rstrip(), notification_text.MAX_LINE) for line in text.split("\n") if line.strip()]
    kept: list[str] = []
    for line in reversed(lines[-LOG_LINES:]):
        if sum(map(len, kept)) + len(line) > LOG_CHARACTERS:
            break
        kept.insert(0, line)
    return "\n".join([f"Last lines of the log ({source}):", *kept]) if kept else ""


async def _source(parts: Parts, workload_id: str) -> str | None:
    stats = {one: await parts.logs.stat(workload_id, one) for one in await logs.readable(parts, workload_id)}
    written = {one: stat for one, stat in stats.items() if stat.size}
    first = next((one for one in _FIRST if one in written), None)
    return first or max(written, key=lambda one: written[one].last_ms or 0, default=None)
