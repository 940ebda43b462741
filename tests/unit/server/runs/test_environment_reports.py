"""The environment of a run beside the one that was registered."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.distributions import fingerprint
from prefect_platform.errors import NotFound
from prefect_platform.server.db.tables import EnvironmentRow, FlowVersionRow
from prefect_platform.server.services import environment_reports, run_environments
from prefect_platform.server.services.environments import fingerprint as mark_of
from prefect_platform.wire.environments import Distribution, EnvironmentSpec, Origin
from prefect_platform.wire.run_environments import FoundEnvironment, RunPackage
from prefect_platform.wire.runs import Attempt
from prefect_platform.wire.secrets import SecretAttachment
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio

SPEC = EnvironmentSpec(
    python_version="3.11.7",
    distributions=[
        Distribution(name="numpy", version="2.4.5"),
        Distribution(name="mine", version="1", origin=Origin.EDITABLE, url="file:///src"),
        Distribution(name="gone", version="3"),
    ],
    packages=["polars"],
    variables={"REGION": "never-shown", "AREA": "x"},
    start_script="echo hello",
    working_directory="~/work",
    secrets=[SecretAttachment(secret="key", variable="KEY")],
)


def found(*differences: tuple[str, str | None, str | None], **changes: Any) -> FoundEnvironment:
    document = {
        "executable": "/opt/py", "python_version": "3.11.7", "implementation": "CPython",
        "platform": "Linux 6.1 x86_64", "fingerprint": "f" * 64, "packages": 3, "how": "as it is now",
        "differences": [
            {"package": name, "registered": old, "found": new} for name, old, new in differences
        ],
    }  # fmt: skip
    return FoundEnvironment.model_validate(document | changes)


async def registered(stage: Scene, spec: EnvironmentSpec = SPEC) -> str:
    """The version of the scene has this environment from now on; its mark."""
    mark = mark_of(spec)
    async with stage.parts.database.session() as session:
        version = await session.get_one(FlowVersionRow, stage.version_id)
        version.settings = {**version.settings, "environment": mark}
        session.add(
            EnvironmentRow(
                id="en-1", project_id=version.project_id, fingerprint=mark,
                content=spec.model_dump(mode="json"), created_by=version.created_by,
                created_at=version.created_at,
            )
        )  # fmt: skip
    return mark


async def told(stage: Scene, attempt: Attempt, report: FoundEnvironment) -> None:
    launcher = stage.launcher(attempt.workload.id)
    await environment_reports.take(stage.parts, launcher, attempt.workload.id, report)


async def test_what_differs_stands_beside_what_was_registered(stage: Scene) -> None:
    mark, attempt = await registered(stage), await stage.attempt()
    report = found(("numpy", "2.4.5", "2.4.6"), ("gone", "3", None), ("new", None, "0.1"))
    await told(stage, attempt, report)
    shown = await environment_reports.of_run(stage.parts, stage.user, attempt.flow_run_id)
    assert (shown.attempt, shown.workload_id, shown.found) == (1, attempt.workload.id, report)
    assert shown.packages == [
        RunPackage(name="gone", registered="3", found=None, differs=True),
        RunPackage(name="mine", registered="1 (editable)", found="1 (editable)", differs=False),
        RunPackage(name="new", registered=None, found="0.1", differs=True),
        RunPackage(name="numpy", registered="2.4.5", found="2.4.6", differs=True),
    ]
    assert shown.registered is not None
    captured = map(run_environments.plain, SPEC.distributions)
    assert shown.registered.fingerprint == fingerprint("3.11.7", "CPython", captured)
    assert (shown.registered.id, shown.registered.variables) == (mark, ["AREA", "REGION"])
    assert (shown.registered.secrets, shown.registered.start_script) == (["key"], "echo hello")
    assert "never-shown" not in shown.model_dump_json()


async def test_what_nobody_has_looked_at_is_not_claimed(stage: Scene) -> None:
    await registered(stage)
    attempt = await stage.attempt()
    shown = await environment_reports.of_run(stage.parts, stage.user, attempt.flow_run_id)
    assert (shown.attempt, shown.found) == (1, None)
    assert [(one.registered, one.found, one.differs) for one in shown.packages] == [
        ("3", None, False),
        ("1 (editable)", None, False),
        ("2.4.5", None, False),
    ]


async def test_the_last_attempt_counts_and_its_last_report(stage: Scene) -> None:
    await registered(stage)
    first = await stage.attempt()
    await told(stage, first, found(("numpy", "2.4.5", "1.0")))
    await stage.settle(first)
    second = await stage.attempt(first.flow_run_id)
    run = first.flow_run_id
    assert (await environment_reports.of_run(stage.parts, stage.user, run)).found is None
    for report in (found(("numpy", "2.4.5", "1.1")), found()):
        await told(stage, second, report)
    shown = await environment_reports.of_run(stage.parts, stage.user, run)
    assert (shown.attempt, shown.found) == (2, found())
    assert not any(one.differs for one in shown.packages)


async def test_a_version_from_before_environments_were_captured_has_none(stage: Scene) -> None:
    attempt = await stage.attempt()
    shown = await environment_reports.of_run(stage.parts, stage.user, attempt.flow_run_id)
    assert (shown.registered, shown.packages) == (None, [])


async def test_it_is_shown_to_members_and_told_by_its_own_launcher(stage: Scene) -> None:
    attempt, other = await stage.attempt(), await stage.attempt()
    with pytest.raises(NotFound):
        await environment_reports.of_run(stage.parts, stage.stranger, attempt.flow_run_id)
    wrong = stage.launcher(other.workload.id)
    with pytest.raises(NotFound):
        await environment_reports.take(stage.parts, wrong, attempt.workload.id, found())
