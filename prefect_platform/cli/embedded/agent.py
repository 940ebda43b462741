"""The agent that every platform on one machine has: a resource like any other, which the platform keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect_platform.errors import Conflict
from prefect_platform.wire.resources import ResourceKind, ResourceTarget

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.agents import AgentDetail
    from prefect_platform.wire.resources import Resource

AGENT_NAME = "local"
AGENT = ResourceKind.PREFECT_AGENT


def keep(client: PlatformClient, project: str, *, moved: bool) -> Resource | None:
    """The agent, made if there is none; whoever stopped it keeps it stopped.

    `moved` says that one which was left running knows platform or Prefect by an address that is old. None
    while its name is not free: its like of an older version has only just ended, or it is being deleted.
    """
    found = next((one for one in client.resources.list(project, AGENT) if one.name == AGENT_NAME), None)
    if found is None or found.state.target is ResourceTarget.DELETED:
        try:
            return client.resources.create(project, AGENT, AGENT_NAME, {})
        except Conflict:
            return None
    if moved and found.state.target is ResourceTarget.RUNNING:
        return client.resources.restart(project, AGENT, AGENT_NAME)
    return found


def serves(client: PlatformClient, project: str, began: float, *, without_prefect: bool) -> bool:
    """Whether the agent has looked for runs since `began`, in seconds since the epoch.

    `without_prefect`: it is enough that it says why it cannot.
    """
    found: AgentDetail = client.agents.get(project, AGENT_NAME)
    since = datetime.fromtimestamp(began, UTC)
    if found.report is None or found.last_seen_at is None or found.last_seen_at < since:
        return False
    polled = found.report.last_poll_at
    if polled is not None and polled >= since:
        return True
    return without_prefect and found.report.problem is not None
