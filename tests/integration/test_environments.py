"""From `register` to a run: a whole platform, a real engine, a package from an index in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform import register
from prefect_platform.errors import RegistrationError
from prefect_platform.flows.registration import Registration
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.promises import Promise
from prefect_platform.wire.runs import Workload
from tests import wheels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CODE = """
import os

from prefect import flow


@flow
def shows():
    print("in", os.getcwd(), "with", os.environ["REGION"])
    import added

    print("added", added.VERSION)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("environments")) as running:
        yield running


def registered(platform: Embedded, folder: Path, **options: Any) -> Registration:
    """A version; while the agent has not signed in to Prefect yet, the same call is made again."""

    def attempt() -> Registration | None:
        try:
            return register(
                f"{folder}/flows.py:shows",
                url=platform.profile["url"],
                token=platform.profile["token"],
                **options,
            )
        except RegistrationError as error:
            if "no work pool" not in error.message:
                raise
            return None

    return until(attempt, 60, "the agent")


def end_of(registration: Registration, platform: Embedded) -> tuple[str, str | None, Workload, Any]:
    """State, reason and workload of one run, and a way to its logs."""
    run = registration.run()
    state = run.wait(120)
    return state, run.reason, platform.client().runs.get(run.id).attempt_list[0].workload, run.logs


def promise(workload: Workload) -> Promise:
    return next(one for one in workload.promises or [] if one.name == "environment")


def test_what_was_asked_for_is_there(platform: Embedded, tmp_path: Path) -> None:
    index, folder = tmp_path / "index", tmp_path / "project"
    wheels.wheel(index, "added", "1.0")
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    (folder / "flows.py").write_text(CODE)
    plain = registered(platform, folder, env={"REGION": "eu", "DB_PASSWORD": "geheim"})
    assert any("DB_PASSWORD looks like a secret" in note and "geheim" not in note for note in plain.notes)
    offline = {"REGION": "eu", **wheels.environment(index)}
    script = 'echo "script in $(pwd) with $REGION"\npython -c "import added; print(added.VERSION)"'
    options = {"packages": ["added"], "start_script": script, "working_directory": str(tmp_path / "work")}
    asked = registered(platform, folder, env=offline, strict=True, **options)
    assert "requirement added added" in asked.changes
    assert "variable DB_PASSWORD removed" in asked.changes
    assert "start script added" in asked.changes
    again = registered(platform, folder, env=offline, strict=True, **options)
    assert again.version_id == asked.version_id

    client = platform.client()
    version = client.flows.version(asked.version_id)
    assert version.settings.environment is not None
    spec = client.environments.get("default", version.settings.environment).spec
    assert {one.name for one in spec.distributions} >= {"prefect", "pydantic", "prefect-platform"}
    assert spec.variables == offline

    state, reason, workload, logs = end_of(asked, platform)
    assert state == "succeeded", reason
    assert f"in {tmp_path}/work with eu\nadded 1.0\n" in logs("flow")
    assert logs("start-script") == f"script in {tmp_path}/work with eu\n1.0\n"
    assert "+ added==1.0" in logs("environment")
    assert promise(workload).kept, promise(workload)
    names = [step.name for step in workload.steps]
    assert (
        names.index("environment-ready") < names.index("start-script-ended") < names.index("engine-started")
    )

    [run] = [one for one in client.runs.list("default").items if one.version_id == asked.version_id]
    had = client.runs.environment(run.id)
    assert had.found is not None
    assert had.registered is not None
    assert [(one.name, one.registered, one.found) for one in had.packages if one.differs] == [
        ("added", None, "1.0")
    ]
    assert had.found.packages == len([one for one in had.packages if one.found is not None])
    assert had.found.fingerprint != had.registered.fingerprint
    assert (had.registered.variables, had.registered.requirements) == (sorted(offline), ["added"])
    assert had.found.how.startswith("built, ")

    broken = registered(platform, folder, env=offline, packages=["added==7"])
    state, reason, _, _ = end_of(broken, platform)
    assert state == "crashed"
    assert reason is not None
    assert "there is no version of added==7" in reason

    failing = registered(platform, folder, env={"REGION": "eu"}, start_script="echo a\nfalse")
    state, reason, workload, _ = end_of(failing, platform)
    assert (state, reason) == ("crashed", "The start script failed with exit code 1 in line 2: false.")
    assert promise(workload).kept

    [run] = [one for one in client.runs.list("default").items if one.version_id == failing.version_id]
    same = client.runs.environment(run.id)
    assert same.found is not None
    assert same.registered is not None
    assert (same.found.differences, same.found.how) == ([], "as it was registered")
    assert same.found.fingerprint == same.registered.fingerprint
