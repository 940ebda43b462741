"""Listings and recipes with full tables: 1,000 runs with their attempts, 100 resources, on a real server.

Sizes after the product's promise that a project of a busy team is still listed at once.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path

from prefect_platform.names import new_id
from prefect_platform.server.db.tables import AttemptRow, FlowRow, RunRow, TransitionRow, WorkloadRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.recipes import Recipe
from prefect_platform.wire.resources import ResourceKind
from tests.benchmarks.measure import Figure, report
from tests.unit.cli.scene import Scene, scene

RUNS, RESOURCES, RECIPES = 1000, 100, 50
SAMPLES = 20
AGENT = ResourceKind.PREFECT_AGENT
LISTINGS = ("runs", "resources", "flows", "agents", "secrets", "environments")


def figures() -> list[Figure]:
    listing = Figure("listing_1000_ms", "ms", "p95 <= 50")
    apply = Figure("apply_50_s", "s", "<= 2")
    with tempfile.TemporaryDirectory() as directory, scene(Path(directory)) as platform:
        fill(platform)
        for _ in range(SAMPLES):
            listing.ours += [_listed(platform, what) for what in LISTINGS]
        apply.ours += [_applied(platform) for _ in range(SAMPLES)]
    return [listing, apply]


def fill(platform: Scene) -> None:
    """As many rows as the figure names, made as the platform itself writes them."""
    version = platform.register({"flow.py": b"from prefect import flow\n"})
    flow = platform.client.flows.list("default").items[0]
    platform.server.call(_runs(platform.server.parts, version.id, flow.id))
    for number in range(RESOURCES):
        platform.client.resources.create("default", AGENT, f"agent-{number}", {"limit": 3}, start=False)


async def _runs(parts: Parts, version_id: str, flow_id: str) -> None:
    begin = parts.clock.now() - timedelta(days=10)
    async with parts.database.session() as session:
        flow = await session.get_one(FlowRow, flow_id)
        for number in range(RUNS):
            at = begin + timedelta(minutes=number)
            workload, run = new_id("wl"), str(uuid.uuid4())
            session.add(
                WorkloadRow(
                    id=workload, kind="run-attempt", project_id=flow.project_id, target="running",
                    status="succeeded", cores=1.0, memory_bytes=1 << 30, grace_seconds=5.0, priority=0,
                    handle={}, steps=[], created_at=at, ended_at=at, removed_at=at,
                )
            )  # fmt: skip
            session.add(
                RunRow(
                    id=run, project_id=flow.project_id, flow_id=flow_id, version_id=version_id,
                    deployment_name="nightly", name=f"run-{number}", status="succeeded",
                    prefect_state="Completed", attempts=1, created_at=at, started_at=at, ended_at=at,
                )
            )  # fmt: skip
            await session.flush()
            session.add(
                AttemptRow(
                    id=new_id("at"), project_id=flow.project_id, run_id=run, workload_id=workload,
                    version_id=version_id, number=1, pending_state_id=str(uuid.uuid4()), settled_at=at,
                )
            )  # fmt: skip
            session.add(TransitionRow(workload_id=workload, status="succeeded", at=at, actor="launcher"))


def _listed(platform: Scene, what: str) -> float:
    """Milliseconds of one page of a listing, over HTTP."""
    path = f"/api/v1/projects/default/{what}"
    began = time.perf_counter()
    platform.client.transport.call("GET", path, dict[str, object])
    return (time.perf_counter() - began) * 1000


def _applied(platform: Scene) -> float:
    """Seconds of applying recipes that change nothing, plan included, as the command does."""
    recipes = [Recipe(kind=AGENT, name=f"agent-{n}", spec={"limit": 3}) for n in range(RECIPES)]
    began = time.perf_counter()
    plan = platform.client.resources.apply("default", recipes, dry_run=True)
    assert {one.action for one in plan} == {"unchanged"}
    platform.client.resources.apply("default", recipes)
    return time.perf_counter() - began


if __name__ == "__main__":
    report("resources-tables", figures())
