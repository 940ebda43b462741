"""Jupyter servers through their service, on both databases: what a start is told, and when it is ended."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from prefect_platform.errors import Conflict, Forbidden, Unavailable, UsageError
from prefect_platform.names import new_id
from prefect_platform.server.app import housekeeping
from prefect_platform.server.controller import free_room
from prefect_platform.server.controller.free_room import FreeRoom
from prefect_platform.server.controller.jupyter import JupyterWatch
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.db.tables import ProjectRow, ResourceRow, SecretUseRow, TokenRow, WorkloadRow
from prefect_platform.server.services import (
    agents,
    ends,
    jupyter_activity,
    jupyter_servers,
    jupyter_settings,
    jupyter_tokens,
    launches,
    opening,
    projects,
    resource_moves,
    resources,
    secrets,
    tokens,
    workloads,
)
from prefect_platform.server.services.catalogue import Catalogue
from prefect_platform.server.services.jupyter_looks import NOTHING
from prefect_platform.server.stores.key_list import fresh_key
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.agents import AgentCreate
from prefect_platform.wire.jupyter_state import ResourceExtend
from prefect_platform.wire.projects import MemberSet, Role
from prefect_platform.wire.resources import (
    Resource,
    ResourceCreate,
    ResourceKind,
    ResourceStatus,
    ResourceUpdate,
)
from prefect_platform.wire.runs import ResultReport, Status, StepReport, Target
from prefect_platform.wire.secrets import SecretSet
from prefect_platform.wire.tokens import TokenCreate, TokenKind
from tests.notification_scene import Notifying
from tests.server_scene import Scene, scene

pytestmark = pytest.mark.asyncio
JUPYTER = ResourceKind.JUPYTER_SERVER


class Answers:
    """What a Jupyter server answers, over real HTTP."""

    def __init__(self) -> None:
        self.kernels: list[dict[str, Any]] = []
        self.terminals: list[dict[str, Any]] | None = []
        self.asked: list[tuple[str, str | None]] = []
        self.broken, self.status = False, 200
        self.sent: dict[str, str] = {}
        self.cookies: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                found = outer.kernels if self.path == "/api/kernels" else outer.terminals
                body = b"<html>" if outer.broken else json.dumps(found).encode()
                outer.cookies.append(self.headers.get("Cookie"))
                self.send_response(404 if found is None else outer.status)
                for name, value in outer.sent.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def answers() -> Iterator[Answers]:
    found = Answers()
    yield found
    found.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=clock) as made:
        yield made


async def create(stage: Scene, name: str = "lab", *, start: bool = True, **spec: object) -> Resource:
    request = ResourceCreate(kind=JUPYTER, name=name, spec=spec, start=start)
    return await resources.create(stage.parts, stage.user, "default", request)


async def show(stage: Scene, name: str = "lab") -> Resource:
    return await resources.show(stage.parts, stage.user, "default", JUPYTER, name)


async def claimed(stage: Scene, **spec: object) -> tuple[str, dict[str, Any]]:
    """A server whose launcher has its spec."""
    await create(stage, **spec)
    await Keeper(stage.parts).round()
    workload = str((await show(stage)).state.workload_id)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload)
        assert row is not None
        await workloads.move(session, row, Status.PROVISIONING, "test", None, stage.parts.clock.now())
    return workload, await launches.claim(stage.parts, stage.launcher(workload), workload, "l1")


async def running(stage: Scene, address: str, **spec: object) -> str:
    workload, _ = await claimed(stage, **spec)
    step = StepReport(name="running", at=stage.parts.clock.now(), detail=address)
    await launches.step(stage.parts, stage.launcher(workload), workload, step)
    return workload


def kernel(clock: ManualClock, state: str = "idle", minutes_ago: float = 0) -> dict[str, Any]:
    at = clock.now() - timedelta(minutes=minutes_ago)
    return {
        "execution_state": state,
        "last_activity": at.isoformat().replace("+00:00", "Z"),
        "connections": 3,
    }


# What a start is told


async def test_it_signs_in_to_a_prefect_that_asks_for_a_key_as_runs_do(stage: Scene) -> None:
    await secrets.put(stage.parts, stage.user, "default", "cloud", SecretSet(value="pnu_of_the_project"))
    async with stage.parts.database.session() as session:
        row = await session.get_one(ProjectRow, str(stage.agent.project_id))
        row.orchestrator_secret = "cloud"
    workload, spec = await claimed(stage)
    program = spec["program"]
    files = {one["name"]: one["content"] for one in program["files"]}
    (profile,) = tomllib.loads(files["prefect/profiles.toml"])["profiles"].values()
    assert profile == {"PREFECT_API_KEY": "pnu_of_the_project"}
    assert program["variables"]["PREFECT_PROFILES_PATH"] == "{directory}/prefect/profiles.toml"
    assert "PREFECT_HOME" not in program["variables"]
    assert "pnu_of_the_project" in spec["secrets"]
    assert "pnu_of_the_project" not in json.dumps([spec["environment"], program["variables"]])
    async with stage.parts.database.reader() as session:
        uses = await session.scalars(select(SecretUseRow.workload_id))
        assert list(uses) == [workload], "in the ledger"


async def test_the_installations_key_is_its_own_projects(stage: Scene) -> None:
    ours = replace(stage.parts.config.orchestrator, auth_string="ana:pass-word")
    stage.parts = replace(stage.parts, config=replace(stage.parts.config, orchestrator=ours))
    _, spec = await claimed(stage)
    files = {one["name"]: one["content"] for one in spec["program"]["files"]}
    assert 'PREFECT_API_AUTH_STRING = "ana:pass-word"' in files["prefect/profiles.toml"]
    assert {"ana:pass-word", "pass-word"} <= set(spec["secrets"])


async def test_who_signs_in_with_profiles_of_their_own_gets_no_key_of_the_projects(stage: Scene) -> None:
    ours = replace(stage.parts.config.orchestrator, auth_string="ana:pass-word")
    stage.parts = replace(stage.parts, config=replace(stage.parts.config, orchestrator=ours))
    await secrets.put(stage.parts, stage.user, "default", "mine", SecretSet(value="pnu_mine"))
    own = {"secret": "mine", "path": "~/.prefect/profiles.toml"}
    _, spec = await claimed(stage, secrets=[own])
    assert "pass-word" not in json.dumps(spec)
    assert "PREFECT_PROFILES_PATH" not in spec["program"]["variables"]


async def test_no_secret_is_on_its_command_line_or_in_its_variables(stage: Scene) -> None:
    await secrets.put(stage.parts, stage.user, "default", "aws-key", SecretSet(value="value-of-aws"))
    workload, spec = await claimed(stage, secrets=[{"secret": "aws-key", "variable": "AWS_KEY"}], cores=2)
    program = spec["program"]
    files = {one["name"]: one["content"] for one in program["files"]}
    own, profile = files["token"], json.loads(files["profile.json"])
    assert own == jupyter_tokens.of(stage.parts, workload)
    assert profile["token"].startswith("pp_user_")
    shown = json.dumps([program["arguments"], program["variables"]])
    assert not any(secret in shown for secret in (own, profile["token"], "value-of-aws"))
    assert {own, profile["token"], "value-of-aws"} <= set(spec["secrets"])
    assert spec["environment"]["AWS_KEY"] == "value-of-aws"
    assert (spec["attached_secrets"][0]["secret"], spec["cores"]) == ("aws-key", 2.0)
    assert (spec["interpreter"], program["ready_path"]) == (sys.executable, "/api")
    assert spec["wanted"]["working_directory"] == "~/jupyter/default/lab"


async def test_every_start_has_another_token(stage: Scene) -> None:
    assert jupyter_tokens.of(stage.parts, "wl-1") != jupyter_tokens.of(stage.parts, "wl-2")
    assert jupyter_tokens.of(stage.parts, "wl-1") == jupyter_tokens.of(stage.parts, "wl-1")


async def signed_in(stage: Scene, secret: str) -> Any:
    return await tokens.resolve(stage.parts, secret)


async def test_the_sign_in_of_its_kernels_is_short_narrow_and_ends_with_it(
    stage: Scene, clock: ManualClock
) -> None:
    workload, spec = await claimed(stage)
    first = json.loads(spec["program"]["files"][0]["content"])["token"]
    caller = await signed_in(stage, first)
    assert (caller.name, caller.admin, caller.project_id) == ("ana", False, stage.agent.project_id)
    with pytest.raises(Forbidden, match="makes no other tokens"):
        await tokens.create(stage.parts, caller, TokenCreate(label="mine", project="default"))
    with pytest.raises(Forbidden, match="makes no other tokens"):
        await agents.create(stage.parts, caller, "default", AgentCreate(name="other"))
    assert (await tokens.listing(stage.parts, stage.user, None, None)).items == []
    await clock.advance(1800)
    renewed = await launches.renew(stage.parts, stage.launcher(workload), workload)
    second = json.loads(renewed.content)["token"]
    assert renewed.secrets == [second]
    assert await signed_in(stage, first)
    await clock.advance(1801)
    assert not await signed_in(stage, first)
    assert await signed_in(stage, second)
    result = ResultReport(exit_code=0, signal=None, receipt=None, last_lines="", reason=None)
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    await clock.advance(tokens.CACHE_SECONDS + 1)
    assert not await signed_in(stage, second)
    with pytest.raises(Conflict, match="nothing to renew"):
        await launches.renew(stage.parts, stage.launcher(workload), workload)


async def test_only_two_of_its_tokens_are_good_at_a_time(stage: Scene) -> None:
    workload, _ = await claimed(stage)
    for _ in range(5):
        await launches.renew(stage.parts, stage.launcher(workload), workload)
    from sqlalchemy import func, select

    good = select(func.count()).where(
        TokenRow.subject_id == workload, TokenRow.kind == "user", TokenRow.revoked_at.is_(None)
    )
    async with stage.parts.database.reader() as session:
        assert await session.scalar(good) == 2


# What is refused


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"secrets": [{"secret": "no-such", "variable": "X"}]}, "has no secret 'no-such'"),
        ({"git": [{"url": "https://host.example/x", "secret": "no-such"}]}, "has no secret 'no-such'"),
        ({"size": "no-such"}, "size: There is no size 'no-such'"),
        ({"cores": 64}, "size: it could never start here"),
        ({"interpreter": "/no/such/python"}, "interpreter: there is no file /no/such/python"),
    ],
)
async def test_what_could_never_start_is_refused(stage: Scene, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await create(stage, **spec)


async def test_a_name_is_one_servers_alone(stage: Scene) -> None:
    await create(stage, start=False)
    with pytest.raises(Conflict, match="jupyter-server named 'lab'"):
        await create(stage)


async def test_it_is_opened_by_its_owner_once_it_runs(stage: Scene, answers: Answers) -> None:
    await create(stage, "other", start=False)
    with pytest.raises(Conflict, match="is stopped: it can be opened once it runs"):
        await opening.link(stage.parts, stage.user, "default", JUPYTER, "other")
    workload = await running(stage, answers.url)
    async with stage.parts.database.reader() as session:
        found = await opening.behind(session, stage.parts, (await show(stage)).id)
    assert found is not None
    assert found.address == ("127.0.0.1", int(answers.url.rpartition(":")[2]))
    assert found.headers == (("Authorization", f"token {jupyter_tokens.of(stage.parts, workload)}"),)
    assert found.user_id == stage.user.user_id
    opening.serve(stage.parts)
    async with stage.parts.database.session() as session:
        token, _ = await tokens.issue(
            session, stage.parts, kind=TokenKind.USER, label="ana", user_id=stage.user.user_id
        )
    user = replace(stage.user, token_id=token.id)
    link = await opening.link(stage.parts, user, "default", JUPYTER, "lab")
    assert (await show(stage)).id in link.url
    assert "ticket=" in link.url


async def test_an_owner_of_the_project_ends_it_and_changes_nothing(stage: Scene, answers: Answers) -> None:
    """What its spec says runs with the sign-in of its owner."""
    await running(stage, answers.url)
    await projects.set_member(
        stage.parts, stage.user, "default", MemberSet(user=stage.stranger.name, role=Role.OWNER)
    )
    update = ResourceUpdate(spec={"start_script": "true"})
    for act in (resources.start, resources.restart):
        with pytest.raises(Forbidden, match="belongs to ana: they can change it"):
            await act(stage.parts, stage.stranger, "default", JUPYTER, "lab")
    with pytest.raises(Forbidden):
        await resources.update(stage.parts, stage.stranger, "default", JUPYTER, "lab", update)
    stopped = await resources.stop(stage.parts, stage.stranger, "default", JUPYTER, "lab")
    assert stopped.state.target.value == "stopped"


async def test_one_whose_size_is_gone_is_tried_again_after_pauses_that_are_bounded(
    stage: Scene, clock: ManualClock
) -> None:
    await create(stage, size="small")
    small, stage.parts = stage.parts, replace(stage.parts, catalogue=Catalogue(()))
    keeper, pauses = Keeper(stage.parts), []
    for _ in range(12):
        await keeper.round()
        state = (await show(stage)).state
        assert state.next_start_at is not None
        pauses.append((state.next_start_at - clock.now()).total_seconds())
        await clock.advance(pauses[-1])
    assert pauses == sorted(pauses)
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[-1] == resource_moves.LONGEST_PAUSE
    assert (state.status, state.workload_id) == (ResourceStatus.WAITING, None)
    assert "There is no size 'small'" in str(state.reason)
    await Keeper(small).round()
    after = (await show(stage)).state
    assert (after.status, after.reason) == (ResourceStatus.QUEUED, None)


# When it is ended


async def test_one_that_is_idle_is_warned_and_then_stopped(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    """An open page is no work: its connections and its questions count for nothing."""
    workload = await running(stage, answers.url)
    watch = JupyterWatch(stage.parts)
    answers.kernels = [kernel(clock)]
    await clock.advance(53 * 60)
    await watch.round()
    assert (await show(stage)).state.jupyter.warned_at is None
    await clock.advance(2 * 60)
    await watch.round()
    state = (await show(stage)).state.jupyter
    assert state.warned_at == clock.now()
    assert state.stops_at == clock.now() + timedelta(minutes=5)
    await clock.advance(10 * 60)
    await JupyterWatch(stage.on(stage.parts.database)).round()
    row = await stage.row(WorkloadRow, workload)
    assert (row.target, row.cancel_reason) == (Target.STOPPED, "nothing was done in it for 1 h")
    found = (await show(stage)).state
    assert (found.status, found.reason) == (ResourceStatus.STOPPING, None)
    assert found.jupyter.stopped_because == "nothing was done in it for 1 h"
    assert all(header == f"token {jupyter_tokens.of(stage.parts, workload)}" for _, header in answers.asked)
    assert {path for path, _ in answers.asked} == {"/api/kernels", "/api/terminals"}


async def test_a_busy_kernel_is_work_however_long(stage: Scene, answers: Answers, clock: ManualClock) -> None:
    await running(stage, answers.url)
    answers.kernels = [kernel(clock), kernel(clock, "busy")]
    for _ in range(40):
        await clock.advance(600)
        await JupyterWatch(stage.parts).round()
    state = (await show(stage)).state
    assert (state.status, state.jupyter.warned_at) == (ResourceStatus.RUNNING, None)
    assert state.jupyter.active_at == clock.now()


async def test_a_terminal_in_use_is_work(stage: Scene, answers: Answers, clock: ManualClock) -> None:
    await running(stage, answers.url)
    await clock.advance(55 * 60)
    answers.terminals = [{"name": "1", "last_activity": clock.now().isoformat()}]
    await JupyterWatch(stage.parts).round()
    assert (await show(stage)).state.jupyter.active_at == clock.now()
    answers.terminals = None  # switched off
    await JupyterWatch(stage.parts).round()


async def test_work_after_the_warning_takes_it_back(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    workload = await running(stage, answers.url)
    watch = JupyterWatch(stage.parts)
    await clock.advance(55 * 60)
    await watch.round()
    assert (await show(stage)).state.jupyter.warned_at is not None
    await jupyter_servers.acted(stage.parts, workload)
    await watch.round()
    state = (await show(stage)).state.jupyter
    assert (state.warned_at, state.stops_at) == (None, clock.now() + timedelta(hours=1))


async def test_it_can_be_extended(stage: Scene, answers: Answers, clock: ManualClock) -> None:
    await running(stage, answers.url)
    await clock.advance(55 * 60)
    await JupyterWatch(stage.parts).round()
    wish = ResourceExtend(seconds=7200)
    found = await resources.extend(stage.parts, stage.user, "default", JUPYTER, "lab", wish)
    assert found.state.jupyter is not None
    assert found.state.jupyter.stops_at == clock.now() + timedelta(hours=2)
    assert found.state.jupyter.warned_at is None
    await clock.advance(100 * 60)
    await JupyterWatch(stage.parts).round()
    assert (await show(stage)).state.status is ResourceStatus.RUNNING


async def test_one_that_does_not_run_or_never_stops_is_not_extended(stage: Scene, answers: Answers) -> None:
    wish = ResourceExtend(seconds=7200)
    await create(stage, "other", start=False)
    with pytest.raises(Conflict, match="does not run"):
        await resources.extend(stage.parts, stage.user, "default", JUPYTER, "other", wish)
    await running(stage, answers.url, shutoff="never")
    with pytest.raises(Conflict, match="never stopped"):
        await resources.extend(stage.parts, stage.user, "default", JUPYTER, "lab", wish)
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name="night", spec={}, start=False)
    await resources.create(stage.parts, stage.user, "default", request)
    with pytest.raises(UsageError, match="nothing to extend"):
        await resources.extend(stage.parts, stage.user, "default", ResourceKind.PREFECT_AGENT, "night", wish)


async def test_one_that_does_not_answer_is_left_alone(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    """It may be at work, and what nobody can see is no reason to end it."""
    await running(stage, answers.url)
    answers.broken = True
    await clock.advance(10 * 3600)
    await JupyterWatch(stage.parts).round()
    assert (await show(stage)).state.status is ResourceStatus.RUNNING


async def test_the_end_of_the_platform_is_no_failure_of_it(stage: Scene, answers: Answers) -> None:
    workload = await running(stage, answers.url)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload)
        assert row is not None
        workloads.ask_to_stop(row, "ana", "the platform was stopped")
    result = ResultReport(exit_code=0, signal=None, receipt=None, last_lines="", reason=None)
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    await Keeper(stage.parts).round()
    row = await stage.row(ResourceRow, (await show(stage)).id)
    assert (row.target, row.reason) == ("stopped", None)


async def test_out_of_memory_is_told_as_the_infrastructure_saw_it(stage: Scene, answers: Answers) -> None:
    """The launcher only sees a signal; what ended the processes may be known later."""
    workload = await running(stage, answers.url)
    result = ResultReport(exit_code=None, signal=9, receipt=None, last_lines="", reason=None)
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    await Keeper(stage.parts).round()
    found = (await show(stage)).state
    assert found.status is ResourceStatus.FAILED
    assert "killed by SIGKILL" in str(found.reason)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload)
        assert row is not None
        await ends.explain(session, row, "ended by the memory watch: it used 5 GiB of 2 GiB")
    assert (await show(stage)).state.reason == "ended by the memory watch: it used 5 GiB of 2 GiB"


@pytest.mark.parametrize(
    ("told", "step"),
    [
        ([], "environment"),
        (["environment-ready", "checked", "start-script-started"], "start-script"),
        (["checked", "start-script-started", "start-script-ended"], "starting"),
        (["checked", "engine-started"], "starting"),
    ],
)
async def test_how_far_a_start_has_come(stage: Scene, clock: ManualClock, told: list[str], step: str) -> None:
    workload, _ = await claimed(stage)
    for name in told:
        report = StepReport(name=name, at=stage.parts.clock.now(), detail=None)
        await launches.step(stage.parts, stage.launcher(workload), workload, report)
        await clock.advance(5)
    state = (await show(stage)).state.jupyter
    assert (state.step, state.stops_at) == (step, None)
    assert (clock.now() - state.step_at).total_seconds() == (5 if told else 0)


SCRIPT = ("checked", "start-script-started", "start-script-ended")


@pytest.mark.parametrize(
    ("told", "step"),
    [((), "environment"), (SCRIPT, "start-script"), ((*SCRIPT, "engine-started"), "starting")],
)
async def test_how_far_a_start_had_come_that_failed(
    stage: Scene, clock: ManualClock, told: tuple[str, ...], step: str
) -> None:
    workload, _ = await claimed(stage)
    for name in told:
        report = StepReport(name=name, at=clock.now(), detail=None)
        await launches.step(stage.parts, stage.launcher(workload), workload, report)
    result = ResultReport(exit_code=1, signal=None, receipt=None, last_lines="", reason="its line 2 failed")
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    await Keeper(stage.parts).round()
    state = (await show(stage)).state
    assert (state.status, state.reason) == (ResourceStatus.FAILED, "its line 2 failed")
    assert (state.jupyter.step, state.jupyter.stops_at) == (step, None)
    await resources.stop(stage.parts, stage.user, "default", JUPYTER, "lab")
    assert (await show(stage)).state.jupyter.step is None


@pytest.mark.parametrize(
    "address",
    [
        "http://198.51.100.7:80",
        "http://localhost@198.51.100.7:80",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "file:///etc/passwd",
        "x",
    ],
)
async def test_no_other_host_is_asked(stage: Scene, answers: Answers, address: str) -> None:
    """Whoever works in a server could make its launcher say that it answers there."""
    await running(stage, address)
    async with stage.parts.database.reader() as session:
        found = await opening.behind(session, stage.parts, (await show(stage)).id)
    assert found is not None
    assert (found.address, found.headers) == (None, ())
    await JupyterWatch(stage.parts).round()


async def test_a_server_that_breaks_its_look_holds_up_no_other(
    stage: Scene, answers: Answers, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(stage, answers.url)
    watch, ask = JupyterWatch(stage.parts), jupyter_activity.ask
    broken = SimpleNamespace(id="wl-broken", steps=[{"name": "running", "detail": "http://127.0.0.1:1"}])
    found = await watch._running()

    async def both() -> list[Any]:
        return [replace(found[0], resource_id="rs-broken", workload=broken), *found]

    async def breaks(client: httpx.AsyncClient, address: str, header: tuple[str, str]) -> Any:
        if address != answers.url:
            raise ExceptionGroup("all attempts failed", [OverflowError("port")])
        return await ask(client, address, header)

    monkeypatch.setattr(watch, "_running", both)
    monkeypatch.setattr(jupyter_activity, "ask", breaks)
    await clock.advance(55 * 60)
    await watch.round()
    assert (await show(stage)).state.jupyter.warned_at == clock.now()
    assert "could not be asked: ExceptionGroup" in str(stage.parts.jupyter_looks.of("wl-broken").problem)


# What a look is


@pytest_asyncio.fixture
async def looker() -> AsyncIterator[httpx.AsyncClient]:
    async with jupyter_activity.client() as found:
        yield found


async def test_a_look_reads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would hold up everything else."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError("certificates were read")

    monkeypatch.setattr("ssl.create_default_context", read)
    await jupyter_activity.client().aclose()


async def test_what_one_server_sets_reaches_no_other_and_not_itself(
    answers: Answers, looker: httpx.AsyncClient
) -> None:
    answers.sent = {"Set-Cookie": "prefect-platform=evil; Path=/"}
    for _ in range(2):
        await jupyter_activity.ask(looker, answers.url, ("Authorization", "token x"))
    assert answers.cookies == [None] * 4
    assert len(looker.cookies) == 0


async def test_a_look_goes_nowhere_else(answers: Answers, looker: httpx.AsyncClient) -> None:
    """What opens a server is sent to that server alone, wherever it points."""
    other = Answers()
    answers.status, answers.sent = 302, {"Location": f"{other.url}/api/kernels"}
    with pytest.raises(Unavailable, match="with 302, and no list"):
        await jupyter_activity.ask(looker, answers.url, ("Authorization", "token x"))
    other.close()
    assert other.asked == []


async def test_a_look_leaves_no_connection(answers: Answers, looker: httpx.AsyncClient) -> None:
    """Whoever takes the port next is asked on a connection of their own."""
    await jupyter_activity.ask(looker, answers.url, ("Authorization", "token x"))
    pool = looker._transport._pool  # type: ignore[attr-defined]
    assert pool.connections == []


async def test_what_the_last_look_found_is_shown(
    stage: Scene, answers: Answers, clock: ManualClock, tmp_path: Path
) -> None:
    await running(stage, answers.url, working_directory=str(tmp_path))
    stage.parts = replace(stage.parts, config=replace(stage.parts.config, backend="local"))
    watch = JupyterWatch(stage.parts)
    await watch.round()
    state = (await show(stage)).state.jupyter
    assert (state.unanswered_since, state.problem) == (None, None)
    assert state.free_bytes is not None
    assert abs(state.free_bytes - shutil.disk_usage(tmp_path).free) < 1 << 30
    answers.broken, first = True, clock.now()
    for _ in range(2):
        await watch.round()
        await clock.advance(60)
    state = (await show(stage)).state.jupyter
    assert state.unanswered_since == first
    assert "with 200, and no list" in state.problem
    answers.broken = False
    await watch.round()
    assert (await show(stage)).state.jupyter.unanswered_since is None
    await resources.stop(stage.parts, stage.user, "default", JUPYTER, "lab")
    workload = str((await show(stage)).state.workload_id)
    result = ResultReport(exit_code=0, signal=None, receipt=None, last_lines="", reason=None)
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    await watch.round()
    assert stage.parts.jupyter_looks.of(workload) == NOTHING


async def test_a_file_system_that_hangs_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, free, asked = FreeRoom(), threading.Event(), list[Path]()

    def hangs(place: Path) -> int:
        asked.append(place)
        free.wait()
        return 7

    monkeypatch.setattr(free_room, "_free", hangs)
    monkeypatch.setattr(free_room, "ANSWER_SECONDS", 0.02)
    assert [await room.at(tmp_path) for _ in range(3)] == [None] * 3
    assert asked == [tmp_path]
    monkeypatch.setattr(free_room, "ANSWER_SECONDS", 10)
    free.set()
    assert await room.at(tmp_path) == 7


async def test_room_where_there_is_nothing_is_not_known(tmp_path: Path) -> None:
    assert await FreeRoom().at(tmp_path / "nothing") is None


# Who is told


async def told(stage: Scene, clock: ManualClock) -> list[dict[str, Any]]:
    return [row.payload for row in await Notifying(stage, clock).outbox()]


async def test_what_is_told_has_its_log_its_link_and_commands_that_work_anywhere(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    await Notifying(stage, clock).rule("jsons://127.0.0.1:1/", events=["jupyter-stopping"])
    workload = await running(stage, answers.url)
    await clock.advance(55 * 60)
    await JupyterWatch(stage.parts).round()
    await clock.advance(600)
    await JupyterWatch(stage.parts).round()
    warning, end = await told(stage, clock)
    assert (
        "`prefect-platform resource extend jupyter-server/lab --for 2h --project default`"
        in warning["sentence"]
    )
    for payload in (warning, end):
        assert payload["command"] == "prefect-platform resource show jupyter-server/lab --project default"
        assert payload["link"] == f"http://{(await show(stage)).id}.localhost:4280/"
        assert payload["workload_id"] == workload


async def test_one_is_stopped_and_told_although_the_secret_for_prefect_is_gone(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    await Notifying(stage, clock).rule("jsons://127.0.0.1:1/", events=["jupyter-stopping"])
    workload = await running(stage, answers.url)
    async with stage.parts.database.session() as session:
        project = await session.get_one(ProjectRow, stage.agent.project_id)
        project.orchestrator_secret = "deleted-since"
    for minutes in (55, 10):
        await clock.advance(minutes * 60)
        await JupyterWatch(stage.parts).round()
    assert await stage.stop_wanted(workload)
    assert len(await told(stage, clock)) == 2


async def test_one_is_stopped_although_nobody_can_be_told(
    stage: Scene, answers: Answers, clock: ManualClock
) -> None:
    """Without the keyring nothing can be masked; it costs money all the same."""
    await Notifying(stage, clock).rule("jsons://127.0.0.1:1/", events=["jupyter-stopping"])
    workload = await running(stage, answers.url)
    assert isinstance(stage.parts.keyring, MemoryKeyring)
    stage.parts.keyring.keys[:] = [fresh_key()]
    for minutes in (55, 10):
        await clock.advance(minutes * 60)
        await JupyterWatch(stage.parts).round()
    assert await stage.stop_wanted(workload)
    assert await told(stage, clock) == []


# Where it was, nobody is led any more


@pytest.mark.parametrize("end", [resources.stop, resources.restart, resources.remove])
async def test_from_its_end_on_nobody_is_led_to_its_port(stage: Scene, answers: Answers, end: Any) -> None:
    """Somebody else may get it, who must not hear what opens the server."""
    await running(stage, answers.url)
    forgotten = stage.parts.contents.forgotten
    await end(stage.parts, stage.user, "default", JUPYTER, "lab")
    assert stage.parts.contents.forgotten > forgotten
    async with stage.parts.database.reader() as session:
        found = await opening.behind(session, stage.parts, (await show(stage)).id)
    assert found is not None
    assert (found.address, found.headers, found.state) == (None, (), "stopping")


async def test_the_end_of_a_start_and_of_a_server_are_looked_up_at_once(
    stage: Scene, answers: Answers
) -> None:
    workload = await running(stage, answers.url)
    folder = stage.parts.config.data_dir / "shared" / "jupyter" / (await show(stage)).id
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    result = ResultReport(exit_code=1, signal=None, receipt=None, last_lines="", reason=None)
    await launches.result(stage.parts, stage.launcher(workload), workload, result)
    forgotten = stage.parts.contents.forgotten
    await Keeper(stage.parts).round()
    assert stage.parts.contents.forgotten > forgotten
    await resources.remove(stage.parts, stage.user, "default", JUPYTER, "lab")
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload)
        assert row is not None
        row.removed_at = stage.parts.clock.now()
    forgotten = stage.parts.contents.forgotten
    await Keeper(stage.parts).round()
    assert stage.parts.contents.forgotten > forgotten
    assert not folder.exists()


async def test_settings_that_an_end_of_the_platform_left_are_swept(stage: Scene) -> None:
    """It was killed between the row and the folder."""
    await create(stage, "kept", start=False)
    await create(stage, "gone", start=False)
    kept, gone = [jupyter_settings.folder(stage.parts, (await show(stage, n)).id) for n in ("kept", "gone")]
    for one in (kept, gone, kept.parent / "of-somebody"):
        (one / "deep").mkdir(parents=True)
    async with stage.parts.database.session() as session:
        (await session.get_one(ResourceRow, gone.name)).deleted_at = stage.parts.clock.now()
    assert await jupyter_settings.sweep(stage.parts) == 1
    assert sorted(one.name for one in kept.parent.iterdir()) == sorted([kept.name, "of-somebody"])
    assert await jupyter_settings.sweep(stage.parts) == 0


async def test_settings_that_cannot_be_removed_are_told_and_tried_again(
    stage: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = jupyter_settings.folder(stage.parts, new_id("rs"))
    left.mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr("os.rmdir", refuse)
        assert await jupyter_settings.sweep(stage.parts) == 0
    assert "cannot be removed; again in an hour" in caplog.text
    assert await jupyter_settings.sweep(stage.parts) == 1
    assert ("settings of deleted Jupyter servers", jupyter_settings.sweep) in housekeeping.JOBS


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")
