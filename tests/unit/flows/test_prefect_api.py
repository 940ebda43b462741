"""Prefect's API: retries are bounded, errors are words, and credentials stay at home."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from prefect_platform.errors import NotFound, OrchestratorUnavailable, RegistrationError, UsageError
from prefect_platform.flows import prefect_api
from prefect_platform.flows.prefect_api import PrefectApi
from prefect_platform.flows.settings import PrefectSettings

URL = "http://prefect.test/api"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "_FIRST_PAUSE", 0.0)


def api(
    answer: Callable[[httpx.Request], httpx.Response], settings: PrefectSettings | None = None
) -> PrefectApi:
    return PrefectApi(URL, settings or PrefectSettings(None), httpx.MockTransport(answer))


def answers(*statuses: int) -> tuple[PrefectApi, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(statuses[min(len(seen), len(statuses)) - 1], json={"detail": "why"})

    return api(answer), seen


def test_a_passing_failure_is_tried_again() -> None:
    client, seen = answers(503, 502, 200)
    assert client.get("/x") == {"detail": "why"}
    assert len(seen) == 3


def test_it_does_not_try_for_ever() -> None:
    client, seen = answers(503)
    with pytest.raises(OrchestratorUnavailable, match=r"prefect.test/api does not answer \(it answers 503\)"):
        client.get("/x")
    assert len(seen) == 5


def test_what_may_not_be_sent_twice_is_not() -> None:
    seen = []

    def lost(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadTimeout("slow")

    with pytest.raises(OrchestratorUnavailable, match="ReadTimeout"):
        api(lost).post("/automations/", {}, again=False)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (404, NotFound, "knows nothing at /x: why"),
        (401, UsageError, "PREFECT_API_AUTH_STRING"),
        (422, RegistrationError, "Prefect refuses the deployment: why"),
        (500, OrchestratorUnavailable, "failed at GET /x: why"),
    ],
)
def test_refusals_are_words(status: int, error: type[Exception], words: str) -> None:
    client, _ = answers(status)
    with pytest.raises(error, match=words):
        client.get("/x")


def test_a_page_is_no_answer() -> None:
    client = api(lambda _: httpx.Response(200, html="<html>a very long page</html>"))
    with pytest.raises(OrchestratorUnavailable, match=r"does not answer like Prefect.*ends in /api"):
        client.get("/x")


def test_a_csrf_token_is_fetched_when_it_is_asked_for() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/csrf-token"):
            return httpx.Response(200, json={"token": "t"})
        if request.headers.get("Prefect-Csrf-Token") != "t":
            return httpx.Response(403, json={"detail": "Missing CSRF token."})
        return httpx.Response(201, json=json.loads(request.content))

    assert api(answer).post("/flows/", {"name": "etl"}) == {"name": "etl"}


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        (None, True),
        ("http://prefect.test/api", True),
        ("https://api.prefect.cloud/api/accounts/a/workspaces/b", False),
    ],
)
def test_a_key_is_sent_only_to_its_own_host(profile: str | None, sent: bool) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    api(answer, PrefectSettings(profile, api_key="key")).get("/x")
    assert ("Authorization" in seen[0].headers) is sent


def limited(*waits: str) -> tuple[PrefectApi, list[httpx.Request]]:
    """Answers 429 with these waits, and then well."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) <= len(waits):
            return httpx.Response(429, headers={"Retry-After": waits[len(seen) - 1]})
        return httpx.Response(200, json={})

    return api(answer), seen


def test_it_waits_as_long_as_it_is_told_however_often() -> None:
    client, seen = limited(*["0.01"] * 9)
    assert client.post("/x", {}, again=False) == {}
    assert len(seen) == 10


def test_it_does_not_wait_for_an_hour() -> None:
    client, seen = limited("3600")
    with pytest.raises(OrchestratorUnavailable, match=r"429 and asks to be left alone for 3600 s"):
        client.get("/x")
    with pytest.raises(OrchestratorUnavailable, match="429"):
        client.get("/y")
    assert len(seen) == 1, "nothing is sent before that"
