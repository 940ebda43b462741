"""The Prefect worker of type `platform`: Prefect sees a worker with a heartbeat, the agent does the work.

`prefect worker start --pool platform-… --type platform` and `prefect-platform agent run` both end here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
import anyio.abc
import httpx
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from prefect_platform.errors import UsageError
from prefect_platform.names import WORKER_TYPE
from prefect_platform.wire.work_pool import base_job_template

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from prefect_platform.agent.agent import PlatformAgent
    from prefect_platform.agent.platform import Platform

log = logging.getLogger("prefect_platform.agent")


_PASSING = frozenset({401, 403, 408, 425, 429})
"""A key may be set right at Prefect, and the report says what is wrong: no reason to end."""


class PlatformJobConfiguration(BaseJobConfiguration):
    """What a deployment says to the platform: ids, names and sizes, never a secret."""

    flow_version_id: str | None = None
    project: str | None = None
    size: str | None = None
    gpu: str | None = None
    cores: float | None = None
    memory_bytes: int | None = None


class PlatformWorkerResult(BaseWorkerResult):
    """The attempt that runs a flow run."""


class PlatformWorker(BaseWorker[PlatformJobConfiguration, BaseVariables, PlatformWorkerResult]):
    """Starts nothing itself: it asks the platform, and reports what became of it."""

    type: ClassVar[str] = WORKER_TYPE  # type: ignore[misc]
    job_configuration = PlatformJobConfiguration
    _description = "Runs flows on the Prefect platform that registered them."
    _documentation_url = ""

    platform: Platform | None = None
    """The platform to ask; None means the one that settings and environment name."""
    agent: PlatformAgent | None = None

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        return base_job_template()

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Serve the pool until cancelled; with `run_once`, take what is due now and return.

        Prefect's own part, which ends at the first refusal, begins once Prefect has let the agent in.
        """
        self.agent = agent = self._make_agent()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.serve)
            await (agent.ready if run_once else agent.let_in).wait()
            await super().start(run_once, with_healthcheck, printer)
            if run_once:
                await agent.idle()
            tasks.cancel_scope.cancel()

    def _make_agent(self) -> PlatformAgent:
        from prefect_platform.agent import prefect_private
        from prefect_platform.agent.agent import PlatformAgent

        return PlatformAgent(
            self.platform or _configured_platform(),
            work_pool=prefect_private.pool_name(self),
            queues=prefect_private.queue_names(self),
            limit=prefect_private.run_limit(self),
        )

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """The base class's poll: here it makes the agent look, which takes runs by its own rules."""
        from prefect_platform.agent import prefect_private

        agent = self.agent
        if agent is not None:
            agent.bell.ring()
            if agent.polls_since is not None and agent.polls_since.total_seconds() < 60:
                prefect_private.mark_polled(self)
        return []

    async def sync_with_backend(self) -> None:
        """Heartbeat. An outage of Prefect is waited out: runs go on, and so does the agent."""
        try:
            await super().sync_with_backend()
        except httpx.TransportError as error:
            log.warning("No heartbeat: Prefect does not answer (%s).", error or type(error).__name__)
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500 and error.response.status_code not in _PASSING:
                raise
            log.warning("No heartbeat: Prefect answers %s.", error.response.status_code)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: PlatformJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> PlatformWorkerResult:
        """Refuse: only a claim of the agent's own becomes an attempt.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"Flow run {flow_run.name!r} was submitted to a platform worker directly. "
            "Register the flow and start its deployment instead."
        )


def _configured_platform() -> Platform:
    from prefect_platform.agent.platform import ClientPlatform
    from prefect_platform.client.settings import connect

    return ClientPlatform(connect())
