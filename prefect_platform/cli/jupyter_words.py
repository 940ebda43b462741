"""How a Jupyter server is, in words, with the evidence and the next step. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from prefect_platform.cli import output

if TYPE_CHECKING:
    from prefect_platform.wire.jupyter_state import JupyterState
    from prefect_platform.wire.resources import Resource

STEP_SECONDS = 300.0
"""A start that stands at one step for longer deserves a look: packages may take so long to build."""
UNANSWERED_SECONDS = 60.0
"""It is asked every 20 seconds; a kernel at work may hold up an answer or two."""
SOON = "any moment"
ROOM_BYTES = 256 << 20
"""With less room than this a notebook with its results may not be saved any more."""


def stuck(one: Resource, now: datetime) -> str | None:
    """What keeps it from being worked in, or soon will; nothing while all is well."""
    state, told = one.state, one.state.jupyter
    status = state.status.value
    if status == "failed":
        return _failed(one)
    if state.target != "running" or told is None:
        return None
    if status == "waiting":
        when = f" at {output.moment(state.next_start_at)}" if state.next_start_at else ""
        return (
            f"cannot be started: {_sentence(state.reason)} It is tried again{when}, at least every minute; "
            f"`prefect-platform jupyter stop {one.name}` gives up"
        )
    if status == "queued":
        return (
            f"waits for room{_since(told.step_at, now)}: `prefect-platform run list` and `prefect-platform "
            "resource list` show what has it"
        )
    return _at_a_step(one, told, now) if status == "starting" else _ready(one, told, now)


def left(one: Resource, now: datetime) -> str | None:
    """How long until it is stopped if nothing is done in it; None where it does not run."""
    told = one.state.jupyter
    if told is None or one.state.started_at is None:
        return None
    if told.stops_at is None:
        return "never"
    seconds = (told.stops_at - now).total_seconds()
    return output.duration(seconds) if seconds > 0 else SOON


def status(one: Resource) -> str:
    """In a word; of a start, with its step."""
    told, name = one.state.jupyter, one.state.status.value
    return f"{name} ({told.step.value})" if name == "starting" and told and told.step else name


def next_step(one: Resource) -> str | None:
    """The command that most people want next."""
    if one.state.started_at is not None and one.state.status == "running":
        return f"prefect-platform jupyter open {one.name}"
    if one.state.status in ("stopped", "failed"):
        return f"prefect-platform jupyter start {one.name}"
    return None


def _failed(one: Resource) -> str:
    told = one.state.jupyter
    step = told.step.value if told and told.step else None
    where = "" if step is None else " while it ran" if step == "ready" else f" at step {step}, never ready"
    return (
        f"failed{where}: {_sentence(one.state.reason)} See `prefect-platform jupyter logs {one.name}`, mend "
        f"it, then `prefect-platform jupyter start {one.name}`"
    )


def _at_a_step(one: Resource, told: JupyterState, now: datetime) -> str | None:
    if told.step is None or told.step_at is None or (now - told.step_at).total_seconds() <= STEP_SECONDS:
        return None
    return (
        f"is at step {told.step.value}{_since(told.step_at, now)}: `prefect-platform jupyter logs -f "
        f"{one.name}` shows what it does, `prefect-platform jupyter restart {one.name}` begins again"
    )


def _ready(one: Resource, told: JupyterState, now: datetime) -> str | None:
    found = [_quiet(one, told, now), _full(told), _warned(one, told, now)]
    return "; ".join(filter(None, found)) or None


def _quiet(one: Resource, told: JupyterState, now: datetime) -> str | None:
    quiet = (now - told.unanswered_since).total_seconds() if told.unanswered_since else 0.0
    if quiet <= UNANSWERED_SECONDS:
        return None
    return (
        f"has not said for {output.duration(quiet)} what is done in it, and is not stopped for want of work "
        f"meanwhile ({_sentence(told.problem)[:-1]}): `prefect-platform jupyter logs {one.name}`, or "
        f"`prefect-platform jupyter restart {one.name}`"
    )


def _full(told: JupyterState) -> str | None:
    if told.free_bytes is None or told.free_bytes >= ROOM_BYTES:
        return None
    return (
        f"has {output.size(told.free_bytes)} left for its files: delete some in it, or notebooks cannot be "
        "saved"
    )


def _warned(one: Resource, told: JupyterState, now: datetime) -> str | None:
    if told.warned_at is None:
        return None
    soon = left(one, now)
    when = soon if soon == SOON else f"in {soon}"
    return (
        f"was warned {output.duration((now - told.warned_at).total_seconds())} ago, nothing was done in it "
        f"since, and it stops {when}: `prefect-platform jupyter extend {one.name} --for 2h` "
        "keeps it"
    )


def _since(at: datetime | None, now: datetime) -> str:
    return f" for {output.duration((now - at).total_seconds())}" if at else ""


def _sentence(text: str | None) -> str:
    return f"{(text or 'nobody knows why').rstrip('.')}."
