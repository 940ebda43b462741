"""Task runs of a run, as Prefect holds them."""

from __future__ import annotations

from pydantic import Field

from prefect_platform.wire.base import Answer, When


class TaskRun(Answer):
    id: str
    name: str
    task_key: str
    state_type: str = Field(description="Prefect's: `PENDING`, `RUNNING`, `COMPLETED`, `FAILED`, and so on.")
    state_name: str
    started_at: When | None
    ended_at: When | None
    upstream: list[str] = Field(description="Ids of the task runs whose results or ends it waited for.")
    parent_id: str | None = Field(description="The task run that called it, if one did.")


class TaskRuns(Answer):
    """The first task runs of a run, in the order in which they were due."""

    items: list[TaskRun]
    truncated: bool = Field(description="There are more than these.")
