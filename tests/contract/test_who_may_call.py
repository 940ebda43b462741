"""Every route with every kind of token: what is allowed is written down here, and nothing else passes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from prefect_platform.server.app.openapi import guarded_routes, kinds_of
from prefect_platform.server.services import tokens
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls

LETTERS = {"U": TokenKind.USER, "A": TokenKind.AGENT, "W": TokenKind.WORKLOAD, "C": TokenKind.USER_CODE}
ALLOWED = """
GET    /me                                          UAWC
GET    /installation                                UA
GET    /tokens                                      U
POST   /tokens                                      U
DELETE /tokens/{token_id}                           U
POST   /sign-in-links                               U
GET    /session                                     U
DELETE /session                                     U
POST   /users                                       U
GET    /projects                                    U
POST   /projects                                    U
GET    /projects/{project}                          UA
PATCH  /projects/{project}                          U
PUT    /projects/{project}/members                  U
GET    /projects/{project}/changes                  U
POST   /projects/{project}/flows/register           U
GET    /projects/{project}/flows                    U
PUT    /projects/{project}/bundles/{code_digest}    U
GET    /projects/{project}/environments                U
GET    /projects/{project}/environments/{fingerprint}  U
GET    /projects/{project}/results/{key}            UC
PUT    /projects/{project}/results/{key}            UC
DELETE /projects/{project}/results/{key}            UC
GET    /projects/{project}/resources                         U
POST   /projects/{project}/resources                         U
GET    /projects/{project}/resources/{kind}/{name}           U
PUT    /projects/{project}/resources/{kind}/{name}           U
DELETE /projects/{project}/resources/{kind}/{name}           U
POST   /projects/{project}/resources/{kind}/{name}/start     U
POST   /projects/{project}/resources/{kind}/{name}/stop      U
POST   /projects/{project}/resources/{kind}/{name}/restart   U
POST   /projects/{project}/recipes                           U
GET    /recipe-schema                                        U
POST   /projects/{project}/resources/{kind}/{name}/extend    U
POST   /projects/{project}/resources/{kind}/{name}/open      U
GET    /projects/{project}/clusters                      U
POST   /projects/{project}/clusters                      UC
GET    /projects/{project}/clusters/{cluster}            UC
DELETE /projects/{project}/clusters/{cluster}            UC
POST   /projects/{project}/clusters/{cluster}/scale      UC
POST   /projects/{project}/clusters/{cluster}/adapt      UC
PUT    /projects/{project}/clusters/{cluster}/lease      UC
POST   /projects/{project}/clusters/{cluster}/open       U
GET    /projects/{project}/clusters/{cluster}/report     UC
GET    /projects/{project}/clusters/{cluster}/connection  UC
GET    /workloads/{workload_id}/cluster                  C
PUT    /workloads/{workload_id}/scheduler                C
GET    /flows/{flow_id}                             U
DELETE /flows/{flow_id}                             U
GET    /flows/{flow_id}/deletion                    U
GET    /flows/{flow_id}/versions                    U
POST   /flows/{flow_id}/runs                        U
GET    /projects/{project}/scheduled-runs                    U
GET    /flows/{flow_id}/parameters                           U
GET    /flows/{flow_id}/schedules                            U
POST   /flows/{flow_id}/schedules/{slug}/pause               U
POST   /flows/{flow_id}/schedules/{slug}/resume              U
POST   /flows/{flow_id}/deployments/{deployment}/pause       U
POST   /flows/{flow_id}/deployments/{deployment}/resume      U
GET    /flow-versions/{version_id}                  UA
GET    /flow-versions/{version_id}/bundle           UAW
POST   /flow-versions/{version_id}/confirm          U
GET    /flow-versions/{version_id}/source           U
GET    /projects/{project}/runs                     U
POST   /projects/{project}/runs/cancel              U
GET    /runs/{run_id}                               U
GET    /runs/{run_id}/task-runs                     U
GET    /runs/{run_id}/parameters                    U
GET    /runs/{run_id}/environment                   U
POST   /runs/{run_id}/cancel                        U
POST   /attempts                                    A
GET    /attempts/{attempt_id}                       UA
POST   /attempts/{attempt_id}/settle                A
POST   /attempts/{attempt_id}/cancel                A
GET    /capacity                                    UA
GET    /sizes                                       UAC
GET    /projects/{project}/sizes/evidence           U
GET    /projects/{project}/agents                   U
POST   /projects/{project}/agents                   U
GET    /projects/{project}/agents/{name}            U
PUT    /agents/self                                 A
GET    /agents/self/work                            A
GET    /agents/self/work-pool                       A
GET    /workloads/{workload_id}                     UAW
POST   /workloads/{workload_id}/claim               W
POST   /workloads/{workload_id}/steps               W
POST   /workloads/{workload_id}/promises            W
POST   /workloads/{workload_id}/environment         W
POST   /workloads/{workload_id}/result              W
POST   /workloads/{workload_id}/renewal             W
PATCH  /workloads/{workload_id}/logs/{source}       W
GET    /projects/{project}/secrets                  U
GET    /projects/{project}/secrets/{name}           U
POST   /projects/{project}/secrets/{name}           U
DELETE /projects/{project}/secrets/{name}           U
GET    /projects/{project}/secrets/{name}/uses      U
POST   /keyring/rotate                              U
GET    /projects/{project}/notifications                  U
POST   /projects/{project}/notifications                  U
GET    /projects/{project}/notifications/{name}           U
PATCH  /projects/{project}/notifications/{name}           U
DELETE /projects/{project}/notifications/{name}           U
GET    /projects/{project}/notifications/{name}/messages  U
POST   /projects/{project}/notifications/{name}/test      U
POST   /workloads/{workload_id}/logs/{source}/seal  W
GET    /workloads/{workload_id}/logs                UW
GET    /workloads/{workload_id}/samples             U
GET    /workloads/{workload_id}/logs/search         U
GET    /workloads/{workload_id}/logs/first-error    U
GET    /runs/{run_id}/logs/search                   U
GET    /runs/{run_id}/logs/first-error              U
GET    /workloads/{workload_id}/logs/{source}       U
GET    /workloads/{workload_id}/logs/{source}/raw   U
GET    /workloads/{workload_id}/logs/{source}/live  U
GET    /runs/{run_id}/logs                          U
GET    /runs/{run_id}/logs/live                     U
GET    /projects/{project}/usage                    U
POST   /shutdown                                    U
"""


def table() -> dict[tuple[str, str], frozenset[TokenKind]]:
    rows = (line.split() for line in ALLOWED.strip().splitlines())
    return {
        (method, f"/api/v1{path}"): frozenset(LETTERS[one] for one in kinds) for method, path, kinds in rows
    }


def test_the_table_is_what_the_routes_say() -> None:
    assert {(method, path): frozenset(kinds_of(route)) for method, path, route in guarded_routes()} == table()


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        yield found


@pytest.fixture(scope="module")
def secrets(server: LiveServer) -> dict[TokenKind, str]:
    """A token of each kind, of a project whose things none of the calls below can name."""

    async def issue() -> dict[TokenKind, str]:
        project = await server_calls.project_id(server.parts)
        person = await server_calls.user(server.parts, "ana", "member")
        found = {}
        async with server.parts.database.session() as session:
            for kind in TokenKind:
                _, found[kind] = await tokens.issue(
                    session,
                    server.parts,
                    kind=kind,
                    label="walk",
                    user_id=person.user_id if kind is TokenKind.USER else None,
                    project_id=None if kind is TokenKind.USER else project,
                    subject_id=None if kind is TokenKind.USER else "xx-1",
                )
        return found

    return server.call(issue())


def call(server: LiveServer, method: str, path: str, secret: str | None) -> httpx.Response:
    where = path.replace("{project}", "default").replace("{", "").replace("}", "")
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    with httpx.stream(method, server.url + where, headers=headers) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):  # that one would never end
            answer.read()
        return answer


@pytest.mark.parametrize(("method", "path"), sorted(table()))
def test_each_kind_passes_where_the_table_says(
    server: LiveServer, secrets: dict[TokenKind, str], method: str, path: str
) -> None:
    for kind, secret in secrets.items():
        answer = call(server, method, path, secret)
        text = answer.text if answer.is_stream_consumed else ""
        refused = answer.status_code == 403 and f"A {kind.value} token may not call" in text
        assert refused is (kind not in table()[method, path]), f"{kind}: {answer.status_code} {text}"
        assert answer.status_code < 500, text
        assert answer.status_code != 401


@pytest.mark.parametrize(("method", "path"), sorted(table()))
def test_nobody_passes_without_a_token_that_is_known(server: LiveServer, method: str, path: str) -> None:
    for secret in (None, "pp_user_" + "x" * 43, "x"):
        answer = call(server, method, path, secret)
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_every_call_is_in_the_table_or_open(server: LiveServer) -> None:
    described = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert found - set(table()) == {("GET", "/health"), ("GET", "/ready"), ("POST", "/api/v1/session")}
    assert set(table()) <= found


def test_the_description_names_every_error_and_every_kind(server: LiveServer) -> None:
    from prefect_platform.errors import PlatformError

    def codes(kind: type[PlatformError]) -> set[str]:
        return {kind.code}.union(*(codes(child) for child in kind.__subclasses__()))

    described = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    told = " ".join(one["description"] for one in described["components"]["responses"].values())
    assert {code for code in codes(PlatformError) if f"`{code}`" not in told} == set()
    for (method, path), kinds in table().items():
        operation = described["paths"][path][method.lower()]
        assert operation["x-token-kinds"] == [kind.value for kind in kinds_of_sorted(method, path)]
        assert {kind.value for kind in kinds} == set(operation["x-token-kinds"])
        for status in ("401", "403", "404", "409", "413", "422", "500", "503"):
            assert operation["responses"][status]["$ref"] == f"#/components/responses/Problem{status}"
    assert "HTTPValidationError" not in str(described)


def kinds_of_sorted(method: str, path: str) -> tuple[TokenKind, ...]:
    return next(kinds_of(route) for m, p, route in guarded_routes() if (m, p) == (method, path))
