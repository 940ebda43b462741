"""What somebody may say of an agent that the platform starts."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from prefect_platform.wire.agents import WorkPoolName, WorkQueue
from prefect_platform.wire.base import Label, Request
from prefect_platform.wire.secrets import SecretName


def _api_url(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest or "@" in rest.partition("/")[0]:
        raise ValueError("it must be http:// or https://, without user and password: those are a secret's")
    return url.rstrip("/")


ApiUrl = Annotated[str, Field(max_length=2048), AfterValidator(_api_url)]


class QueueSpec(WorkQueue):
    """A work queue that is made where Prefect's pool does not have it; its name alone is short for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _queue(said: Any) -> Any:
    return {"name": said} if isinstance(said, str) else said


def _unlike(queues: list[QueueSpec]) -> list[QueueSpec]:
    """Names and priorities are given once each: Prefect would put one of two behind the other."""
    names: Counter[Any] = Counter(queue.name for queue in queues)
    priorities: Counter[Any] = Counter(queue.priority for queue in queues if queue.priority is not None)
    for what, given in (("queue", names), ("priority", priorities)):
        twice = next((one for one, times in given.items() if times > 1), None)
        if twice is not None:
            raise ValueError(f"{what} {twice!r} is given twice")
    return queues


class AgentSpec(Request):
    """A Prefect worker of type `platform` that is always on."""

    prefect_api_url: ApiUrl | None = None
    """Prefect's API, with account and workspace where it is Prefect Cloud; by default the project's."""
    prefect_secret: SecretName | None = None
    """Secret that holds Prefect's key, or `user:password`."""
    work_pool: WorkPoolName | None = None
    """Prefect's work pool that it serves, made where there is none; by default the installation's."""
    queues: Annotated[
        list[Annotated[QueueSpec, BeforeValidator(_queue)]], Field(max_length=50), AfterValidator(_unlike)
    ] = []
    """Work queues of its pool that it alone serves; all of them by default."""
    limit: int | None = Field(default=None, ge=1, le=10_000)
    """Most flow runs that it has open at once."""
    memory_bytes: int = Field(default=256 << 20, ge=64 << 20)
    labels: dict[Label, str] = Field(default={}, max_length=50)
