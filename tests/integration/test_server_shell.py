"""The shell around the routes, over real HTTP: problems, hosts, origins, bounds, kept answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect_platform.server.config import LimitSettings, ServerConfig
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.logs import MAX_APPEND_BYTES
from tests import server_calls

PAGE = "http://evil.example"


class Faulty(MemoryOrchestrator):
    """Fails as no orchestrator should, or takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()
        self.deleted: list[str] = []

    async def delete_deployment(self, deployment_id: str) -> None:
        if deployment_id != "slow":
            raise RuntimeError("the password is hunter2")
        self.deleted.append(deployment_id)
        self.entered.set()
        await asyncio.to_thread(self.gate.wait, 20)


@pytest.fixture(scope="module")
def orchestrator() -> Faulty:
    return Faulty()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, orchestrator: Faulty) -> Iterator[LiveServer]:
    directory = tmp_path_factory.mktemp("data")
    config = ServerConfig(
        data_dir=directory,
        backend="memory",
        allowed_hosts=("platform.example",),
        allowed_origins=("https://lab.example",),
        limits=LimitSettings(bundle_bytes=3 << 20),
    )
    with live_server(directory, config=config, orchestrator=orchestrator) as found:
        yield found


@pytest.fixture
def client(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=server.headers) as found:
        yield found


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    return problem


def test_no_such_path_and_no_such_method(client: httpx.Client) -> None:
    assert "GET /api/v1/nothing" in assert_problem(client.get("/nothing"), 404, "not-found")["detail"]
    answer = client.post("/me")
    assert "this path answers GET" in assert_problem(answer, 405, "usage")["detail"]
    assert answer.headers["allow"] == "GET"
    assert_problem(client.get("/me/"), 404, "not-found")


def test_a_body_that_does_not_fit_is_told_field_by_field(client: httpx.Client) -> None:
    body = server_calls.registration().model_dump(mode="json")
    body["settings"]["corez"] = body["settings"].pop("cores")
    body["code"]["digest"] = "short"
    body["flow_nmae"] = body.pop("flow_name")
    problem = assert_problem(client.post("/projects/default/flows/register", json=body), 422, "usage")
    told = {one["field"]: one["problem"] for one in problem["data"]["fields"]}
    assert told["settings.corez"] == "unknown. Did you mean 'cores'?"
    assert told["flow_nmae"] == "unknown. Did you mean 'flow_name'?"
    assert told["flow_name"] == "Field required"
    assert "code.digest" in told


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"{", "application/json", "not JSON at character 1"),
        (b"\xff\xfe{}", "application/json", "cannot be read|not JSON"),
        (b"{}", "text/plain", "Content-Type: application/json"),
    ],
)
def test_a_body_that_is_no_json(client: httpx.Client, content: bytes, kind: str, told: str) -> None:
    answer = client.post("/projects", content=content, headers={"Content-Type": kind})
    assert any(part in assert_problem(answer, 422, "usage")["detail"] for part in told.split("|"))


def test_an_unexpected_fault_is_named_by_id_and_keeps_its_text(
    server: LiveServer, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.delete(f"/flows/{confirmed(client, 'faulty')}")
    problem = assert_problem(answer, 500, "internal")
    assert "hunter2" not in answer.text
    logged = [one for one in caplog.records if problem["data"]["fault_id"] in one.getMessage()]
    assert logged[0].exc_info is not None
    assert "hunter2" in str(logged[0].exc_info[1])


def confirmed(client: httpx.Client, flow: str) -> str:
    """A flow with a deployment of the same name in Prefect; the flow's id."""
    made = client.post("/projects/default/flows/register", json=registered(flow)).json()
    assert put(client, flow.encode()).status_code == 200
    body = {
        "deployment_name": "d",
        "prefect_deployment_id": flow,
        "prefect_flow_id": "f",
        "spec_digest": "d" * 64,
    }
    assert client.post(f"/flow-versions/{made['version']['id']}/confirm", json=body).status_code == 200
    return str(made["flow"]["id"])


def registered(flow: str) -> dict[str, Any]:
    return server_calls.registration(flow=flow, digest=server_calls.sha256(flow.encode())).model_dump(
        mode="json"
    )


def put(client: httpx.Client, data: bytes, digest: str | None = None) -> httpx.Response:
    headers = {"Content-SHA256": digest or server_calls.sha256(data)}
    return client.put(f"/projects/default/bundles/{server_calls.sha256(data)}", content=data, headers=headers)


def test_a_bundle_goes_in_and_out(client: httpx.Client) -> None:
    data = b"bundle" * 300_000
    body = registered("bundled")
    body["code"]["digest"] = server_calls.sha256(data)
    made = client.post("/projects/default/flows/register", json=body).json()
    assert made["bundle_missing"]
    assert put(client, data).json() == {"sha256": server_calls.sha256(data), "size": len(data)}
    answer = client.get(f"/flow-versions/{made['version']['id']}/bundle")
    assert answer.content == data
    assert answer.headers["content-sha256"] == server_calls.sha256(data)
    assert_problem(put(client, b"other", digest="f" * 64), 422, "digest-mismatch")
    assert_problem(put(client, b"more", digest="upper"), 422, "usage")


# Who may knock


def raw(
    server: LiveServer, path: str, headers: dict[str, str], method: str = "GET"
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.config.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    "name", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "platform.example"]
)
def test_our_hosts_are_answered(server: LiveServer, name: str) -> None:
    assert raw(server, "/health", {"Host": name.format(port=server.config.port)})[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "localhost:1",
        "platform.example:1",
        "",
        "127.0.0.1.evil.example:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/health", "/api/v1/openapi.json", "/api/v1/me"])
def test_foreign_hosts_are_not(server: LiveServer, name: str, path: str) -> None:
    status, problem = raw(server, path, {"Host": name.format(port=server.config.port), **server.headers})
    assert (status, problem["code"]) == (403, "forbidden")
    assert "PREFECT_PLATFORM_ALLOWED_HOSTS" in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "origin", [PAGE, "null", "http://localhost", "http://127.0.0.1:1", "https://lab.example.evil"]
)
def test_a_foreign_page_is_refused(
    server: LiveServer, client: httpx.Client, method: str, origin: str
) -> None:
    assert_problem(client.request(method, "/projects", headers={"Origin": origin}), 403, "forbidden")


def test_our_own_pages_and_the_configured_ones_may_call(server: LiveServer, client: httpx.Client) -> None:
    for origin in (server.url, f"http://localhost:{server.config.port}", "https://lab.example"):
        assert client.get("/me", headers={"Origin": origin}).status_code == 200


# How much may be sent


def test_a_body_over_its_bound_is_refused_by_its_length(client: httpx.Client) -> None:
    answer = client.post("/projects", content=b" " * ((1 << 20) + 1))
    assert assert_problem(answer, 413, "too-large")["data"] == {"limit": 1 << 20}
    assert client.post("/projects", content=b" " * (1 << 20)).status_code == 422


def test_a_body_over_its_bound_is_refused_while_it_comes(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * (1 << 16)

    answer = client.post("/projects", content=endless(), headers={"Content-Type": "application/json"})
    assert_problem(answer, 413, "too-large")


def test_bundles_and_appends_have_bounds_of_their_own(client: httpx.Client) -> None:
    assert put(client, b"b" * (2 << 20)).status_code == 200
    assert assert_problem(put(client, b"c" * ((3 << 20) + 1)), 413, "too-large")["data"] == {"limit": 3 << 20}
    over = client.patch("/workloads/wl-1/logs/flow", content=b"x" * (MAX_APPEND_BYTES + 1))
    assert assert_problem(over, 413, "too-large")["data"] == {"limit": MAX_APPEND_BYTES}
    assert client.patch("/workloads/wl-1/logs/flow", content=b"x" * MAX_APPEND_BYTES).status_code == 403


# Idempotency-Key


def test_a_repeat_gets_the_same_answer_and_does_nothing(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "once"}
    first = client.post("/projects", json={"name": "once"}, headers=key)
    again = client.post("/projects", json={"name": "once"}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = client.post("/projects", json={"name": "twice"}, headers=key)
    assert_problem(other, 409, "idempotency-conflict")
    assert_problem(client.post("/projects", json={"name": "once"}), 409, "conflict")


def test_a_repeat_gets_the_answer_of_a_first_call_that_is_still_at_work(
    client: httpx.Client, orchestrator: Faulty
) -> None:
    flow_id, key = confirmed(client, "slow"), {"Idempotency-Key": "slow"}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.delete, f"/flows/{flow_id}", headers=key)
        assert orchestrator.entered.wait(10)
        again = pool.submit(client.delete, f"/flows/{flow_id}", headers=key)
        orchestrator.gate.set()
        assert (first.result().status_code, again.result().status_code) == (200, 200)
    assert again.result().headers["idempotent-replayed"] == "true"
    assert orchestrator.deleted == ["slow"]


def test_a_failed_call_is_not_kept(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "late"}
    assert client.post("/projects", json={"name": "NO"}, headers=key).status_code == 422
    assert client.post("/projects", json={"name": "late"}, headers=key).status_code == 201


def test_an_empty_answer_is_repeated_too(client: httpx.Client) -> None:
    made = client.post("/tokens", json={"label": "x"}).json()
    for _ in range(2):
        answer = client.delete(f"/tokens/{made['id']}", headers={"Idempotency-Key": "end"})
        assert (answer.status_code, answer.content) == (204, b"")


def test_a_secret_is_told_once_and_stored_nowhere(server: LiveServer, client: httpx.Client) -> None:
    key = {"Idempotency-Key": "secret"}
    for number, (path, body) in enumerate(
        [("/tokens", {"label": "x"}), ("/users", {"name": "u"}), ("/projects/default/agents", {"name": "a"})]
    ):
        key = {"Idempotency-Key": f"secret-{number}"}
        answer = client.post(path, json=body, headers=key)
        secret = answer.json().get("secret") or answer.json()["token"]
        again = client.post(path, json=body, headers=key)
        assert "held a secret" in assert_problem(again, 409, "idempotency-conflict")["detail"]
        for file in server.config.data_dir.glob("platform.db*"):
            assert secret.encode() not in file.read_bytes()


def test_a_repeat_without_a_token_is_refused_like_the_first(server: LiveServer) -> None:
    answer = httpx.post(f"{server.url}/api/v1/projects", json={"name": "x"}, headers={"Idempotency-Key": "k"})
    assert_problem(answer, 401, "not-signed-in")


# The data directory


def test_the_data_directory_is_private_and_a_restart_finds_everything(tmp_path: Path) -> None:
    with live_server(tmp_path / "data") as first:
        httpx.post(f"{first.url}/api/v1/projects", json={"name": "kept"}, headers=first.headers)
        installation = first.parts.installation_id
    with live_server(tmp_path / "data") as second:
        assert (second.parts.installation_id, second.token) == (installation, first.token)
        assert httpx.get(f"{second.url}/api/v1/projects/kept", headers=second.headers).status_code == 200
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "bootstrap.json").stat().st_mode) == 0o600


def test_the_server_runs_on_both_databases(database_url: str, tmp_path: Path) -> None:
    with live_server(tmp_path / "data", database_url=database_url) as found:
        ready = httpx.get(f"{found.url}/ready").json()
        assert ready["ready"]
        assert httpx.get(f"{found.url}/health").json() == {"status": "ok"}
        assert httpx.get(f"{found.url}/api/v1/me", headers=found.headers).json()["kind"] == "user"
