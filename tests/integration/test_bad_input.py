# ruff: noqa: E501 - tables of cases read best one a line
"""Whatever somebody sends is answered: with a refusal in words, never with a fault of ours."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from prefect_platform.server.app.openapi import guarded_routes, kinds_of
from prefect_platform.server.db.tables import ProjectRow
from prefect_platform.server.services import tokens
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.postgres import Cluster
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls

pytestmark = pytest.mark.slow

NOW = "2020-01-01T00:00:00Z"
NOBODY = "http://127.0.0.1:1/api"
NAMES = (
    "%00",
    "a%00b",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a" * 10_000,
    "%ff%fe",
    "'%3bdrop",
    "%0d%0aX:1",
    "%20",
)
TEXTS = ("\0", "a\0b", "\ud800", "x" * 10_000, "\n", "")
NUMBERS = (float("inf"), float("nan"), 1e308, -1, 0, 1 << 63, 1 << 70, 10**400, True)
OTHERS: tuple[Any, ...] = (
    None,
    [],
    {},
    [[]],
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "1e999",
    {"\ud800": 1},
    ["\0"],
)
DEEP = b'{"parameters":{"a":' + b"[" * 900 + b"]" * 900 + b"}}"
RAW = (
    b"",
    b"null",
    b"[]",
    b'{"a":' * 50_000,
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"x":' + b"9" * 5000 + b"}",
    b"\0",
    DEEP,
)


@dataclass
class World:
    """A platform with one of everything in its default project."""

    server: LiveServer
    http: httpx.Client
    flow: str
    version: str
    deployment: str
    attempt: str
    workload: str
    tokens: dict[TokenKind, str]

    def send(self, method: str, path: str, kind: TokenKind = TokenKind.USER, **rest: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[kind]}", **rest.pop("headers", {})}
        return self.http.request(method, self.server.url + path, headers=headers, **rest)

    def check(self, method: str, path: str, kind: TokenKind = TokenKind.USER, **rest: Any) -> None:
        answer = self.send(method, path, kind, **rest)
        assert answer.status_code < 500, f"{method} {path[:200]} {rest!r:.300}: {answer.text[:300]}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    url = ""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_server")
        name = f"t{uuid.uuid4().hex}"
        cluster.execute(f"CREATE DATABASE {name}")
        url = cluster.url(name)
    with live_server(database_url=url) as server, httpx.Client(timeout=30, trust_env=False) as http:
        yield inhabited(server, http)


def inhabited(server: LiveServer, http: httpx.Client) -> World:
    orchestrator = server.parts.orchestrator
    assert isinstance(orchestrator, MemoryOrchestrator)
    world = World(server, http, "", "", orchestrator.add_deployment("nightly"), "", "", {})
    world.tokens[TokenKind.USER] = server.token
    world.send("POST", "/api/v1/projects", json={"name": "spare"})
    agent = world.send("POST", "/api/v1/projects/default/agents", json={"name": "first"})
    world.tokens[TokenKind.AGENT] = agent.json()["token"]
    registered = world.send("POST", "/api/v1/projects/default/flows/register", json=REGISTER).json()
    hook = {"value": "jsons://127.0.0.1:1/"}
    assert world.send("POST", "/api/v1/projects/default/secrets/hook", json=hook).status_code == 201
    world.flow, world.version = registered["flow"]["id"], registered["version"]["id"]
    confirm = {**CONFIRM, "prefect_deployment_id": world.deployment}
    assert (
        world.send("POST", f"/api/v1/flow-versions/{world.version}/confirm", json=confirm).status_code == 200
    )
    orchestrator.set_state("run-1", "PENDING")
    asked = {**ATTEMPT, "flow_version_id": world.version, "prefect_deployment_id": world.deployment}
    made = world.send("POST", "/api/v1/attempts", TokenKind.AGENT, json=asked).json()
    world.attempt, world.workload = made["id"], made["workload"]["id"]
    for kind in (TokenKind.WORKLOAD, TokenKind.USER_CODE):
        world.tokens[kind] = server.call(issued(server, kind, "default", world.workload))
    claim_and_write(world)
    return world


def claim_and_write(world: World) -> None:
    path, deadline = f"/api/v1/workloads/{world.workload}", time.monotonic() + 20
    while world.send("GET", path).json()["status"] == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    claimed = world.send("POST", f"{path}/claim", TokenKind.WORKLOAD, json={"launcher_id": "l-1"})
    assert claimed.status_code == 200, claimed.text
    headers = {"Content-Range": "bytes 0-2/*"}
    wrote = world.send("PATCH", f"{path}/logs/flow", TokenKind.WORKLOAD, content=b"abc", headers=headers)
    assert wrote.status_code == 202, wrote.text


async def issued(server: LiveServer, kind: TokenKind, project: str, subject: str) -> str:
    async with server.parts.database.session() as session:
        project_id = await session.scalar(select(ProjectRow.id).where(ProjectRow.name == project))
        _, secret = await tokens.issue(
            session, server.parts, kind=kind, label="test", project_id=project_id, subject_id=subject
        )
    return secret


REGISTER = {
    "flow_name": "etl", "deployment_name": "nightly",
    "code": {
        "kind": "module", "digest": "c" * 64, "entrypoint": "a.b:c", "origin": "x",
        "files": [{"path": "a", "size": 1, "sha256": "a" * 64}],
    },
    "settings": {"python": server_calls.PYTHON, "cores": 1.0, "memory_bytes": 1 << 30, "grace_seconds": 1.0},
}  # fmt: skip
CONFIRM = {"deployment_name": "nightly", "prefect_flow_id": "pf", "spec_digest": "d" * 64}
ATTEMPT = {
    "flow_run_id": "run-1", "pending_state_id": "p-1", "flow_run_name": "brave-otter", "expected_start": NOW,
    "parent_flow_run_id": "run-0", "started_by": "ana",
}  # fmt: skip
REPORT = {
    "version": "1", "prefect_version": "3", "work_pool": "w", "last_poll_at": NOW, "last_pickup_at": NOW, "problem": "x",
}  # fmt: skip
RESULT = {
    "exit_code": 1, "signal": None, "receipt": "FAILED", "receipt_state_name": "Failed", "peak_memory_bytes": 5,
    "reason": "r", "last_lines": "z",
}  # fmt: skip
FOUND = {
    "executable": "/opt/python", "python_version": "3.11.7", "implementation": "CPython", "platform": "Linux",
    "fingerprint": "f" * 64, "packages": 2, "how": "built", "more_differences": 0,
    "differences": [{"package": "numpy", "registered": "1", "found": None}],
}  # fmt: skip
PROMISE = {"name": "secrets", "kept": True, "summary": "x", "differences": ["y"]}
SETTLE = {"status": "crashed", "prefect_state": "Crashed", "prefect_state_type": "CRASHED", "reason": "x"}
JUPYTER = {
    "kind": "jupyter-server",
    "name": "aws-key",
    "start": False,
    "spec": {
        "description": "x",
        "cores": 1,
        "memory_bytes": 1 << 30,
        "gpu": {"count": 1},
        "disk_bytes": 1 << 30,
        "interpreter": "/usr/bin/python3",
        "packages": ["x"],
        "requirements": "y",
        "variables": {"A": "b"},
        "start_script": "true",
        "working_directory": "~/x",
        "shutoff": "6h",
        "secrets": [],
        "git": [{"url": "https://host.example/x", "ref": "main", "path": "y", "on_restart": "reclone"}],
    },
}
CLUSTER = {
    "name": "mine", "python": server_calls.PYTHON, "environment": {"python_version": "3.11.7"},
    "spec": {"n_workers": 1, "worker_size": "small", "threads": 1, "adapt": {"minimum": 1, "maximum": 2}},
}  # fmt: skip
SCHEDULER = {
    "known": 1, "address": "tls://127.0.0.1:1", "dashboard_address": "http://127.0.0.1:1", "workers": 1,
    "wanted": 1, "idle": False, "lost": ["x"], "report": "a" * 64,
}  # fmt: skip
RECIPE = {"kind": "jupyter-server", "name": "aws-key", "spec": JUPYTER["spec"], "state": {"a": "b"}}
NOTIFICATION = {
    "name": "aws-key", "target": "hook", "events": ["run-ended"], "states": ["failed"], "flows": ["a"], "pause_seconds": 5,
    "enabled": True,
}  # fmt: skip
RUN = {"deployment_name": "nightly", "parameters": {"a": "b"}, "tags": ["x"], "scheduled_time": NOW}


def bodies(world: World) -> list[tuple[str, str, TokenKind, dict[str, Any]]]:
    user, agent, launcher = TokenKind.USER, TokenKind.AGENT, TokenKind.WORKLOAD
    workload, attempt = f"/workloads/{world.workload}", f"/attempts/{world.attempt}"
    given = {"flow_version_id": world.version, "prefect_deployment_id": world.deployment}
    return [
        ("POST", "/tokens", user, {"label": "x", "kind": "user", "project": "default", "days": 3}),
        ("POST", "/users", user, {"name": "x", "admin": False}),
        ("POST", "/projects", user, {"name": "x", "orchestrator_url": NOBODY, "orchestrator_secret": "x"}),
        ("PATCH", "/projects/spare", user, {"orchestrator_url": NOBODY, "orchestrator_secret": "x"}),
        ("PUT", "/projects/default/members", user, {"user": "x", "role": "member"}),
        ("POST", "/projects/default/flows/register", user, REGISTER),
        (
            "POST", f"/flow-versions/{world.version}/confirm", user,
            {**CONFIRM, "prefect_deployment_id": world.deployment},
        ),
        ("POST", f"/flows/{world.flow}/runs", user, RUN),
        ("POST", "/projects/default/agents", user, {"name": "b"}),
        ("PUT", "/agents/self", agent, REPORT),
        ("POST", "/attempts", agent, {**ATTEMPT, **given}),
        ("POST", f"{workload}/claim", launcher, {"launcher_id": "l-1"}),
        ("POST", f"{workload}/steps", launcher, {"name": "s", "at": NOW, "detail": "x"}),
        ("POST", f"{workload}/logs/flow/seal", launcher, {"size": 3, "sha256": "a" * 64}),
        ("POST", f"{workload}/result", launcher, RESULT),
        ("POST", f"{attempt}/settle", agent, SETTLE),
        ("POST", f"{attempt}/cancel", agent, {"reason": "x"}),
        ("POST", "/runs/run-1/cancel", user, {"reason": "x"}),
        ("POST", "/projects/default/runs/cancel", user, {"run_ids": ["run-1"], "reason": "x"}),
        ("POST", f"{workload}/promises", launcher, {"promises": [PROMISE]}),
        ("POST", f"{workload}/environment", launcher, FOUND),
        ("POST", "/projects/default/secrets/aws-key", user, {"value": "x"}),
        ("POST", "/projects/default/resources", user, JUPYTER),
        ("POST", "/projects/default/recipes", user, {"recipes": [RECIPE], "dry_run": True, "start": False}),
        ("PUT", "/projects/default/resources/jupyter-server/aws-key", user, {"spec": JUPYTER["spec"], "unchanged_since": NOW}),
        ("POST", "/projects/default/resources/jupyter-server/aws-key/extend", user, {"seconds": 60}),
        ("POST", "/projects/default/resources/jupyter-server/aws-key/open", user, {}),
        ("POST", f"{workload}/renewal", launcher, {}),
        ("POST", "/keyring/rotate", user, {"new_key": False}),
        ("POST", "/projects/default/notifications", user, NOTIFICATION),
        ("PATCH", "/projects/default/notifications/aws-key", user, {"enabled": False}),
        ("POST", "/projects/default/clusters", user, CLUSTER),
        ("POST", "/projects/default/clusters/mine/scale", user, {"n_workers": 1}),
        ("POST", "/projects/default/clusters/mine/adapt", user, {"adapt": {"minimum": 1, "maximum": 2}}),
        ("PUT", f"{workload}/scheduler", TokenKind.USER_CODE, SCHEDULER),
        ("POST", "/session", user, {"ticket": "x" * 43}),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(35))
def test_every_field_of_every_body_with_every_kind_of_nonsense(world: World, number: int) -> None:
    method, path, kind, body = bodies(world)[number]
    for leaf, value in itertools.product(list(places(body)), (*TEXTS, *NUMBERS, *OTHERS)):
        changed = copy.deepcopy(body)
        at = changed
        for step in leaf[:-1]:
            at = at[step]
        at[leaf[-1]] = value
        if path == "/attempts" and leaf[0] not in ("pending_state_id", "flow_run_id"):
            changed["pending_state_id"] = uuid.uuid4().hex
        world.check(method, f"/api/v1{path}", kind, **posted(json.dumps(changed).encode()))
    for name in ("\0", "\ud800", "x" * 10_000):
        world.check(method, f"/api/v1{path}", kind, **posted(json.dumps({**body, name: 1}).encode()))
    for raw in RAW:
        world.check(method, f"/api/v1{path}", kind, **posted(raw))


def test_what_was_taken_can_be_read(world: World) -> None:
    """No nonsense that was kept makes a row that cannot be shown any more. Runs after the others."""
    for path in (
        f"/workloads/{world.workload}", "/runs/run-1", f"/attempts/{world.attempt}", "/projects/default/runs?limit=200",
        "/projects/default/flows", "/projects/default/secrets", "/projects/default/agents", "/tokens", "/projects/default/notifications", f"/flows/{world.flow}/versions?limit=200",
        f"/flow-versions/{world.version}",
    ):  # fmt: skip
        answer = world.send("GET", f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
    assert world.send("GET", "/api/v1/agents/self/work", TokenKind.AGENT).status_code == 200


def posted(body: bytes) -> dict[str, Any]:
    return {"content": body, "headers": {"Content-Type": "application/json"}}


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in inside:
        yield (*above, key)
        yield from places(item, (*above, key))


def test_every_path_parameter_with_every_kind_of_nonsense(world: World) -> None:
    for method, path, route in guarded_routes():
        if "{" not in path:
            continue
        for name, kind in itertools.product(NAMES, kinds_of(route)):
            where = "/".join(name if part.startswith("{") else part for part in path.split("/"))
            rest: dict[str, Any] = {} if method in ("GET", "DELETE") else {"json": {"label": "x"}}
            if path.endswith(("{source}", "{code_digest}")) and method != "GET":
                rest = {
                    "content": b"abc",
                    "headers": {"Content-Range": "bytes 0-2/*", "Content-SHA256": "a" * 64},
                }
            world.check(method, where, kind, **rest)


def test_every_query_with_every_kind_of_nonsense(world: World) -> None:
    values = (
        "%00",
        "a" * 10_000,
        "-1",
        "9" * 30,
        "9" * 5000,
        "1e999",
        "NaN",
        "%ff",
        "0001-01-01T00:00:00%2B14:00",
    )
    ids = {
        "project": "default",
        "name": "aws-key",
        "flow_id": world.flow,
        "version_id": world.version,
        "workload_id": world.workload,
        "cluster": "mine",
        "slug": "nightly",
        "deployment": "nightly",
    }
    for method, path, route in guarded_routes():
        kind = kinds_of(route)[0]
        for name, value in itertools.product([field.alias for field in route.dependant.query_params], values):
            where = path.format_map({**ids, "source": "flow", "run_id": "run-1", "attempt_id": world.attempt})
            world.check(method, f"{where}?{name}={value}", kind)


def encoded(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


CURSORS = [
    ["\ud800"], ["a\0b"], [True], [1 << 70], [1.5], [None], [["a"]], [{}], {}, [{"at": 5}, "a"], b"[" * 40_000, b"[NaN]",
    [{"at": "0001-01-01T00:00:00+14:00"}, "a"], [{"at": "9999-12-31T23:59:59-14:00"}, "a"],
    [{"at": "2020-01-01T00:00:00"}, "a"],
]  # fmt: skip


def test_cursors_that_somebody_made_up(world: World) -> None:
    for path in ("/projects", "/tokens", "/projects/default/runs", f"/flows/{world.flow}/versions"):
        for data in CURSORS:
            answer = world.send("GET", f"/api/v1{path}", params={"cursor": encoded(data)})
            assert answer.status_code in (200, 422), f"{path} {data!r:.80}: {answer.text}"


@pytest.mark.parametrize(
    "data", [b"[" * 30_000, b'{"a/b":1e999}', b'{"a/b":NaN}', b'{"a":1}', b'{"a/b":[]}', b"[]", b"\xff"]
)
def test_event_ids_that_somebody_made_up(world: World, data: bytes) -> None:
    for path in ("/runs/run-1/logs/live", f"/workloads/{world.workload}/logs/flow/live"):
        text = base64.urlsafe_b64encode(data).decode()
        answer = world.send("GET", f"/api/v1{path}", headers={"Last-Event-ID": text})
        assert answer.status_code == 422, answer.text


def test_a_length_beside_chunks_does_not_lift_the_bound(world: World) -> None:
    port = world.server.config.port
    head = (
        f"POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {world.server.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n" % (1 << 19) + b" " * (1 << 19) + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.encode() + 3 * chunk)
        assert b" 413 " in connection.recv(1000).splitlines()[0]


def test_nothing_of_one_project_is_reached_with_the_tokens_of_another(world: World) -> None:
    server = world.server
    name = f"bob-{uuid.uuid4().hex[:8]}"
    bob = world.send("POST", "/api/v1/users", json={"name": name}).json()["secret"]
    signed_in = {"Authorization": f"Bearer {bob}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=signed_in, trust_env=False) as http:
        assert http.post("/projects", json={"name": name}).status_code == 201
        theirs = http.post(f"/projects/{name}/agents", json={"name": "a"}).json()["token"]
        mine = http.post(f"/projects/{name}/flows/register", json=REGISTER).json()["version"]["id"]
        claimed = {**CONFIRM, "prefect_deployment_id": world.deployment}
        assert http.post(f"/flow-versions/{mine}/confirm", json=claimed).status_code == 409
    secrets = {TokenKind.USER: bob, TokenKind.AGENT: theirs}
    for kind in (TokenKind.WORKLOAD, TokenKind.USER_CODE):
        secrets[kind] = server.call(issued(server, kind, name, "wl-of-bob"))
    stranger = World(**{**vars(world), "tokens": secrets})
    ids = {
        "project": "default", "flow_id": world.flow, "version_id": world.version, "run_id": "run-1", "source": "flow",
        "attempt_id": world.attempt, "workload_id": world.workload, "code_digest": "c" * 64, "name": "aws-key",
        "fingerprint": "f" * 64, "key": "a" * 64, "kind": "jupyter-server", "cluster": "mine",
        "slug": "nightly", "deployment": "nightly",
        "token_id": world.send("GET", "/api/v1/tokens").json()["items"][0]["id"],
    }  # fmt: skip
    sent = {(method, f"/api/v1{path}"): body for method, path, _, body in bodies(world)}
    sent["PATCH", "/api/v1/projects/default"] = {"orchestrator_secret": "x"}
    for method, path, route in guarded_routes():
        where = path.format_map(ids)
        rest: dict[str, Any] = {"json": sent[method, where]} if (method, where) in sent else {}
        if path.endswith(("{source}", "{code_digest}", "{key}")) and method != "GET":
            rest = {
                "content": b"abc",
                "headers": {"Content-Range": "bytes 0-2/*", "Content-SHA256": "a" * 64},
            }
        for kind in TokenKind:
            if "{" in path or path == "/api/v1/attempts":
                answer = stranger.send(method, where, kind, **rest)
                expected = 404 if kind in kinds_of(route) else 403
                assert answer.status_code == expected, f"{kind} {method} {path}: {answer.text}"
