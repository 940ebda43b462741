"""`Kind`: what the platform has to know of a kind of resource to keep, start and end one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import ProjectRow, ResourceRow, WorkloadRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.launch import AttachedSecret, Program, SecretFile, WantedEnvironment
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import WorkloadKind


@dataclass(frozen=True)
class Launch:
    """How one start of a resource goes."""

    interpreter: str
    program: Program
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: list[str] = field(default_factory=list, repr=False)
    """Values that no log may show."""
    secret_files: list[SecretFile] = field(default_factory=list, repr=False)
    attached: list[AttachedSecret] = field(default_factory=list)
    wanted: WantedEnvironment | None = None


class Kind(Protocol):
    """Has no state: what there is of a resource stands in its row."""

    name: ResourceKind
    workload: WorkloadKind
    always_on: bool
    """Whether one that ended by itself is started again."""
    private: bool
    """Whether it runs with the sign-in of its owner: nobody else says what it runs."""
    priority: int
    """Of its workloads when there is little room; above 0 cores are not counted."""
    grace_seconds: float

    async def check(
        self, session: AsyncSession, parts: Parts, project: ProjectRow, spec: dict[str, Any]
    ) -> dict[str, Any]:
        """A spec as it is stored, with its defaults.

        Raises:
            UsageError: it cannot be; the message names every field that is wrong.
        """
        ...

    async def identity(self, session: AsyncSession, parts: Parts, project: ProjectRow, name: str) -> str:
        """The id that a new resource of this name gets; what goes with one is made beside it.

        Raises:
            Conflict: something that is no resource has this name.
        """
        ...

    def needs(self, parts: Parts, spec: dict[str, Any]) -> Needs:
        """Room for one start. Raises NotFound, UsageError or Unavailable as `sizes.needs`."""
        ...

    async def launch(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow, token: str
    ) -> Launch:
        """What its launcher is told. `token` is the user code's of this start.

        Raises:
            SecretUnavailable: one of its secrets cannot be given to it.
        """
        ...

    async def renew(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow
    ) -> tuple[str, list[str]]:
        """The file that a program has renewed, anew, and what in it no log may show.

        Raises:
            Conflict: this kind has none.
        """
        ...

    async def forget(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> Path | None:
        """Nothing of it is left: take away what it alone had. Its folder, if it has one, is removed by the
        caller once this is committed: that may take long, and cannot be taken back."""
        ...
