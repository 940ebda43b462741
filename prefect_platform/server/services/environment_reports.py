"""What launchers found of environments, and a run's beside the one that was registered.

A launcher tells what differs; every other package is as it was registered, so that the two together say
what the run had.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform import distributions
from prefect_platform.server.db.tables import AttemptRow, FlowVersionRow, RunRow, WorkloadRow
from prefect_platform.server.services import environments, run_environments, runs, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.run_environments import (
    FoundEnvironment,
    RegisteredEnvironment,
    RunEnvironment,
    RunPackage,
)


async def take(parts: Parts, caller: Caller, workload_id: str, report: FoundEnvironment) -> None:
    """Keep what a launcher found, in place of what it found before."""
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        row.last_seen_at = parts.clock.now()
        row.environment = report.model_dump(mode="json")
    workloads.tell(parts, row.project_id)


async def of_run(parts: Parts, caller: Caller, run_id: str) -> RunEnvironment:
    """The environment of a run's last attempt, package by package."""
    async with parts.database.reader() as session:
        run = await runs.own(session, caller, run_id)
        newest = select(AttemptRow).where(AttemptRow.run_id == run_id).order_by(AttemptRow.number.desc())
        attempt = (await session.scalars(newest.limit(1))).first()
        found = await _found(session, attempt) if attempt is not None else None
        mark, spec = await _registered(session, attempt or run)
    return RunEnvironment(
        attempt=attempt.number if attempt else None,
        workload_id=attempt.workload_id if attempt else None,
        registered=_shown(mark, spec) if mark and spec else None,
        found=found,
        packages=_packages(spec, found),
    )


async def _found(session: AsyncSession, attempt: AttemptRow) -> FoundEnvironment | None:
    stored = await session.scalar(
        select(WorkloadRow.environment).where(WorkloadRow.id == attempt.workload_id)
    )
    return FoundEnvironment.model_validate(stored) if stored is not None else None


async def _registered(
    session: AsyncSession, of: AttemptRow | RunRow
) -> tuple[str | None, EnvironmentSpec | None]:
    version = await session.get_one(FlowVersionRow, of.version_id)
    mark = VersionSettings.model_validate(version.settings).environment
    return mark, await environments.find(session, version.project_id, mark) if mark else None


def _shown(mark: str, spec: EnvironmentSpec) -> RegisteredEnvironment:
    captured = map(run_environments.plain, spec.distributions)
    return RegisteredEnvironment(
        id=mark,
        python_version=spec.python_version,
        implementation=spec.implementation,
        fingerprint=distributions.fingerprint(spec.python_version, spec.implementation, captured),
        requirements=spec.packages,
        variables=sorted(spec.variables),
        secrets=sorted({one.secret for one in spec.secrets}),
        start_script=spec.start_script,
        working_directory=spec.working_directory,
    )


def _packages(spec: EnvironmentSpec | None, found: FoundEnvironment | None) -> list[RunPackage]:
    captured = map(run_environments.plain, spec.distributions if spec else [])
    registered = {one.name: distributions.told(one) for one in captured}
    differing = {one.package: one.found for one in found.differences} if found else {}
    same = registered if found else {}
    return [
        RunPackage(
            name=name,
            registered=registered.get(name),
            found=differing[name] if name in differing else same.get(name),
            differs=name in differing,
        )
        for name in sorted(registered.keys() | differing.keys())
    ]
