"""Signing in to the web UI with a browser's means: a link, a cookie, a CSRF token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from prefect_platform.client.settings import connect
from prefect_platform.server.config import ServerConfig
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.testing.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Iterator[LiveServer]:
    with live_server(clock=clock) as found:
        yield found


@pytest.fixture
def browser(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/api/v1/", headers={"Origin": server.url}) as found:
        yield found


def ticket(server: LiveServer) -> str:
    with connect(url=server.url, token=server.token) as client:
        url = client.tokens.sign_in_link().url
    assert url.startswith(f"{server.url}/sign-in#ticket=")
    return urlsplit(url).fragment.removeprefix("ticket=")


def sign_in(browser: httpx.Client, **by: str) -> dict[str, str]:
    answer = browser.post("session", json=by)
    assert answer.status_code == 201, answer.text
    browser.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    found: dict[str, str] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert re.search(words, answer.json()["detail"]), answer.text


def test_a_link_signs_one_browser_in(server: LiveServer, browser: httpx.Client) -> None:
    refused(browser.get("session"), 401, "needs a bearer token")
    one = ticket(server)
    session = sign_in(browser, ticket=one)
    assert session["user"]
    cookie = browser.post("session", json={"token": server.token}).headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert browser.get("projects").json()["items"][0]["name"] == "default"
    refused(browser.post("session", json={"ticket": one}), 403, "was used already.*`prefect-platform open`")


def test_a_token_signs_in_too_but_only_a_persons(server: LiveServer, browser: httpx.Client) -> None:
    sign_in(browser, token=server.token)
    with connect(url=server.url, token=server.token) as client:
        agent = client.agents.create("default", "one")
    refused(browser.post("session", json={"token": agent.token}), 403, "Only a person's own token")
    refused(browser.post("session", json={"token": "pp_user_" + "x" * 43}), 401, "does not know this token")
    refused(browser.post("session", json={}), 422, "exactly one of the two")


def test_a_browsers_write_shows_its_csrf_token(server: LiveServer, browser: httpx.Client) -> None:
    sign_in(browser, ticket=ticket(server))
    made = browser.post("tokens", json={"label": "by the page"})
    assert made.status_code == 201, made.text
    browser.headers["X-CSRF-Token"] = "x"
    refused(browser.post("tokens", json={"label": "by another"}), 403, "X-CSRF-Token")
    del browser.headers["X-CSRF-Token"]
    refused(browser.delete(f"tokens/{made.json()['id']}"), 403, "X-CSRF-Token")
    browser.headers["Origin"] = "http://evil.example"
    refused(browser.get("projects"), 403, "evil.example")


def test_a_form_that_is_sent_twice_is_one(server: LiveServer, browser: httpx.Client) -> None:
    sign_in(browser, ticket=ticket(server))
    sent = {"kind": "jupyter-server", "name": "mine", "spec": {}, "start": False}
    answers = [
        browser.post("projects/default/resources", json=sent, headers={"Idempotency-Key": "form-1"})
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [201, 201], answers[1].text
    assert answers[0].json() == answers[1].json()


def test_signing_out_ends_the_session_and_nothing_else(server: LiveServer, browser: httpx.Client) -> None:
    sign_in(browser, ticket=ticket(server))
    kept = dict(browser.cookies)
    assert browser.delete("session").status_code == 204
    refused(browser.get("session"), 401, "needs")
    browser.cookies.update(kept)
    refused(browser.get("session"), 401, "needs")
    assert httpx.get(f"{server.url}/api/v1/session", headers=server.headers).status_code == 200


def test_a_session_ends_with_its_token(server: LiveServer, browser: httpx.Client) -> None:
    with connect(url=server.url, token=server.token) as client:
        made = client.tokens.create("for a browser")
        sign_in(browser, token=made.secret)
        assert browser.get("session").status_code == 200
        client.tokens.revoke(made.id)
    refused(browser.get("session"), 401, "needs")


def test_a_session_lasts_from_its_last_use(
    server: LiveServer, browser: httpx.Client, clock: ManualClock
) -> None:
    sign_in(browser, ticket=ticket(server))
    idle = server.config.session_hours * 3600.0
    for _ in range(3):
        server.call(clock.advance(idle - 1))
        assert browser.get("session").status_code == 200
    server.call(clock.advance(idle))
    refused(browser.get("session"), 401, "needs")


def test_a_link_expires(server: LiveServer, browser: httpx.Client, clock: ManualClock) -> None:
    old = ticket(server)
    server.call(clock.advance(601))
    refused(browser.post("session", json={"ticket": old}), 403, "has expired")
    refused(browser.post("session", json={"ticket": "x" * 43}), 403, "is not known here")


def test_behind_tls_and_below_a_path(tmp_path: Path) -> None:
    config = ServerConfig(data_dir=tmp_path, backend="memory", url="https://platform.example/one")
    with (
        live_server(config=config) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.config.port}") as browser,
    ):
        for prefix in ("/one", ""):  # a proxy may take the path off, or leave it
            answer = browser.post(f"{prefix}/api/v1/session", json={"token": server.token})
            assert answer.status_code == 201, answer.text
            assert {"Secure", "Path=/one/"} <= set(answer.headers["set-cookie"].split("; "))
