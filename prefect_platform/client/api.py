"""`PlatformClient`: every call of the platform, grouped by what it is about. Answers are wire models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from prefect_platform.client.agents import Agents
from prefect_platform.client.attempts import Attempts
from prefect_platform.client.clusters import Clusters
from prefect_platform.client.environments import Environments
from prefect_platform.client.flows import Flows
from prefect_platform.client.logs import Logs
from prefect_platform.client.notifications import Notifications
from prefect_platform.client.projects import Projects
from prefect_platform.client.resources import Resources
from prefect_platform.client.retries import ONCE, Retries, Timeouts
from prefect_platform.client.runs import Runs
from prefect_platform.client.schedules import Schedules
from prefect_platform.client.secrets import Secrets
from prefect_platform.client.sizes import Sizes
from prefect_platform.client.tokens import Tokens
from prefect_platform.client.transport import Transport
from prefect_platform.client.usage import UsageReports
from prefect_platform.names import DEFAULT_PROJECT
from prefect_platform.wire.installation import Installation, Readiness
from prefect_platform.wire.runs import Capacity
from prefect_platform.wire.shutdown import ShutdownAnswer, ShutdownRequest
from prefect_platform.wire.tokens import Me


class PlatformClient:
    """One platform, as one user or agent. Safe to use from several threads; may be used with `with`."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        project: str = DEFAULT_PROJECT,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        again: Callable[[], str | None] | None = None,
    ) -> None:
        """`again` looks for the token anew, once the platform knows this one no more."""
        self.url = url
        self.project = project
        """The project that callers use when their user names none."""
        self.transport = Transport(url, token, timeouts=timeouts, retries=retries, again=again)
        self.flows = Flows(self.transport)
        self.environments = Environments(self.transport)
        self.runs = Runs(self.transport)
        self.schedules = Schedules(self.transport)
        self.logs = Logs(self.transport)
        self.agents = Agents(self.transport)
        self.attempts = Attempts(self.transport)
        self.projects = Projects(self.transport)
        self.resources = Resources(self.transport)
        self.clusters = Clusters(self.transport)
        self.tokens = Tokens(self.transport)
        self.secrets = Secrets(self.transport)
        self.notifications = Notifications(self.transport)
        self.sizes = Sizes(self.transport)
        self.usage = UsageReports(self.transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PlatformClient({self.url!r}, project={self.project!r})"

    def close(self) -> None:
        self.transport.close()

    def me(self) -> Me:
        return self.transport.call("GET", "/api/v1/me", Me)

    def installation(self) -> Installation:
        return self.transport.call("GET", "/api/v1/installation", Installation)

    def capacity(self) -> Capacity:
        """Room for attempts now."""
        return self.transport.call("GET", "/api/v1/capacity", Capacity)

    def ready(self) -> Readiness:
        """What the platform says of itself and of what it needs; asked once, ready or not."""
        return self.transport.call("GET", "/ready", Readiness, retries=ONCE, accept=frozenset({503}))

    def shutdown(self, grace_seconds: float) -> ShutdownAnswer:
        """Cancel every open run of this platform and wait, at most so long, for their recorded end."""
        body = ShutdownRequest(grace_seconds=grace_seconds)
        return self.transport.call(
            "POST", "/api/v1/shutdown", ShutdownAnswer, body=body, wait=grace_seconds, retries=ONCE
        )
