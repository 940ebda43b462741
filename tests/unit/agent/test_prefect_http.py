"""Calls of Prefect: what is asked again, with what, and what is said when it was in vain."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import httpx
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from prefect_platform.agent.prefect_api import PrefectApi, Proposal
from prefect_platform.agent.prefect_http import PrefectHttp, open_http
from prefect_platform.agent.problems import Problems
from prefect_platform.errors import Conflict, InternalError, NotFound, OrchestratorUnavailable

pytestmark = pytest.mark.asyncio


def calls(answer: Callable[[httpx.Request], httpx.Response]) -> PrefectHttp:
    transport = httpx.MockTransport(answer)
    return PrefectHttp(httpx.AsyncClient(transport=transport, base_url="http://prefect/api"))


@pytest.mark.parametrize("trouble", [500, 503, "timeout"])
async def test_a_proposal_is_repeated_with_the_same_transition_id(trouble: int | str) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        if len(seen) == 1 and trouble == "timeout":
            raise httpx.ReadTimeout("no answer")
        if len(seen) == 1:
            return httpx.Response(int(trouble), text="database is locked")
        return httpx.Response(201, json={"status": "ACCEPT", "state": None, "details": {}})

    verdict = await PrefectApi(calls(answer)).propose("run", Proposal("PENDING", "Pending", "the-id"))
    assert verdict.status == "ACCEPT"
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert b"the-id" in seen[0]
    assert b'"force": false' in seen[0]


@pytest.mark.parametrize("code", [200, 201])
async def test_the_http_code_of_a_verdict_says_nothing(code: int) -> None:
    body = {"status": "ABORT", "state": None, "details": {"reason": "in a PENDING state"}}
    verdict = await PrefectApi(calls(lambda _: httpx.Response(code, json=body))).propose(
        "run", Proposal("PENDING", "Pending", "the-id")
    )
    assert (verdict.status, verdict.reason) == ("ABORT", "in a PENDING state")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, NotFound, "404"),
        (409, Conflict, "409"),
        (422, InternalError, "422"),
        (401, OrchestratorUnavailable, "PREFECT_API_AUTH_STRING"),
        (503, OrchestratorUnavailable, "503"),
        (401, OrchestratorUnavailable, "does not accept our key"),
        (429, OrchestratorUnavailable, "429"),
    ],
)
async def test_a_refusal_is_told_in_our_words(status: int, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        await calls(lambda _: httpx.Response(status, text="x" * 5000)).call("GET", "/flows/1")
    assert len(str(caught.value)) < 600


async def test_silence_names_the_address() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(OrchestratorUnavailable, match="http://prefect/api does not answer"):
        await calls(answer).call("GET", "/health")


async def test_a_csrf_token_is_fetched_when_one_is_asked_for() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/csrf-token":
            return httpx.Response(200, json={"token": "t"})
        good = request.headers.get("Prefect-Csrf-Token") == "t"
        return httpx.Response(200, json={}) if good else httpx.Response(403, text="Invalid CSRF token.")

    assert await calls(answer).call("POST", "/flows/", {}) == {}


async def test_a_request_is_not_broken_off_with_its_caller() -> None:
    arrived, go_on, answered = anyio.Event(), anyio.Event(), anyio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await go_on.wait()
        answered.set()
        return httpx.Response(204)

    http = calls(answer)  # type: ignore[arg-type]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(http.call, "GET", "/x")
        await arrived.wait()
        tasks.cancel_scope.cancel()
    go_on.set()
    await http.drain()
    assert answered.is_set()


async def test_signed_in_as_prefects_settings_say() -> None:
    with temporary_settings({PREFECT_API_URL: "http://prefect/api", PREFECT_API_AUTH_STRING: "user:pass"}):
        assert open_http().headers["Authorization"] == httpx.Headers({"a": "Basic dXNlcjpwYXNz"})["a"]
    with temporary_settings({PREFECT_API_URL: "http://prefect/api", PREFECT_API_KEY: "key"}):
        assert open_http().headers["Authorization"] == "Bearer key"


async def test_no_address_is_said() -> None:
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(OrchestratorUnavailable, match="PREFECT_API_URL"),
    ):
        open_http()


async def test_it_waits_as_long_as_it_is_told_and_says_so() -> None:
    seen: list[str | None] = []
    problems = Problems()

    def answer(_: httpx.Request) -> httpx.Response:
        seen.append(problems.sentence())
        limited = len(seen) < 8
        return httpx.Response(429, headers={"Retry-After": "0.01"}) if limited else httpx.Response(204)

    http = PrefectHttp(
        httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://prefect/api"), problems
    )
    assert await http.call("GET", "/x") is None
    assert len(seen) == 8
    assert "answers 429" in str(seen[1])
    assert problems.sentence() is None


async def test_it_does_not_wait_for_an_hour() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(429, headers={"Retry-After": "3600"})

    http = calls(answer)
    for _ in range(3):
        with pytest.raises(OrchestratorUnavailable, match="asks to be left alone for 3600 s"):
            await http.call("GET", "/x")
    assert len(seen) == 1, "nothing is sent before that"
