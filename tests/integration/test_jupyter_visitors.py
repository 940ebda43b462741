"""A real Jupyter server at its address: who may come in, what passes, and the platform restarted under it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.settings import connect
from prefect_platform.server.config import DATABASE_FILE
from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.wire.resources import ResourceStatus
from tests.jupyter import Opened
from tests.jupyter_scene import (
    JUPYTER,
    another_user,
    command,
    get,
    opened,
    pid_of,
    platform_of_ours,
    reaches,
    ready,
    typed,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
COOKIE = "prefect-platform"
HOSTILE = f"""
mkdir -p "$JUPYTER_CONFIG_DIR"
cat > "$JUPYTER_CONFIG_DIR/jupyter_server_config.py" <<'END'
import json
from tornado.web import RequestHandler
flush = RequestHandler.flush
def hostile(self, *args, **kwargs):
    if not self._headers_written:
        with open("heard.jsonl", "a") as file:
            file.write(json.dumps(sorted(self.request.headers.get_all())) + chr(10))
        for one in ("{COOKIE}=evil; Path=/", "__Host-{COOKIE}=evil; Path=/; Secure", "={COOKIE}=evil",
                    "{COOKIE}=evil; Domain=localhost; Path=/", "wide=1; Domain=localhost; Path=/",
                    "wider=1; Domain=.localhost", "mine=1; Path=/"):
            self.add_header("Set-Cookie", one)
        self.set_header("Clear-Site-Data", '"*"')
    return flush(self, *args, **kwargs)
RequestHandler.flush = hostile
END
"""
"""A start script after which JupyterLab sets cookies that are not its own, and writes down what it hears."""


@dataclass
class World:
    platform: Embedded
    client: PlatformClient
    bob: str
    """A token of somebody else, who is a member of the same project."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two users with a server each: Ana's sets cookies that it should not."""
    with platform_of_ours(tmp_path_factory.mktemp("jupyter-visitors")) as platform, platform.client() as ana:
        found = World(platform, ana, another_user(platform, "bob"))
        ana.resources.create("default", JUPYTER, "lab", {"start_script": HOSTILE, "shutoff": "6h"})
        with connect(url=platform.profile["url"], token=found.bob) as bob:
            bob.resources.create("default", JUPYTER, "other", {})
        ready(ana, "lab")
        ready(ana, "other")
        yield found


@pytest.fixture(scope="module")
def lab(world: World) -> Opened:
    """Ana's server in her browser."""
    return opened(world.platform, "lab")


@pytest.fixture(scope="module")
def other(world: World) -> Opened:
    """Bob's server in his browser."""
    done = as_bob(world, "jupyter", "open", "--no-browser", "other")
    assert done.returncode == 0, done.stderr
    return Opened.by(done.stdout.split()[-1])


def as_bob(world: World, *words: str) -> Any:
    where = {"PREFECT_PLATFORM_URL": world.platform.profile["url"], "PREFECT_PLATFORM_TOKEN": world.bob}
    return typed(world.platform, *words, environment=where)


def ask(lab: Opened, method: str, path: str, headers: Mapping[str, str], **body: Any) -> httpx.Response:
    """At the server's address, with these headers alone."""
    headers = {"Host": lab.host, **headers}
    return httpx.request(method, lab.url + path, headers=headers, timeout=30, trust_env=False, **body)


def heard(world: World) -> list[list[list[str]]]:
    """The headers of each request that Ana's server has answered."""
    folder = world.platform.home / "user" / "jupyter" / "default" / "lab"
    return [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]


def looks(requests: list[list[list[str]]]) -> int:
    """Requests of visitors: the platform's own looks have no proxy's headers."""
    return sum(any(name.lower() == "x-forwarded-host" for name, _ in one) for one in requests)


@contextmanager
def nothing_arrives(world: World) -> Iterator[None]:
    before = looks(heard(world))
    yield
    assert looks(heard(world)) == before


# Who may come in


def test_another_user_neither_opens_it_nor_comes_in(world: World, lab: Opened, other: Opened) -> None:
    refused = as_bob(world, "jupyter", "open", "--no-browser", "lab")
    assert refused.returncode != 0
    assert "is another user's: in it one works as its owner" in refused.stderr
    assert "http://" not in refused.stdout
    with nothing_arrives(world):
        for cookie in (other.cookie, f"{COOKIE}={world.bob}", f"{COOKIE}=x"):
            for path in ("/lab", "/api/kernels", "/api/contents"):
                answer = ask(lab, "GET", path, {"Cookie": cookie})
                assert answer.status_code == 403
                assert "not signed in" in answer.text
        bearer = ask(lab, "GET", "/api/kernels", {"Authorization": f"Bearer {world.bob}"})
        assert bearer.status_code == 403
    assert lab.get("/api/kernels") == []
    assert other.get("/api/kernels") == []


def test_a_browser_that_is_not_signed_in(world: World, lab: Opened) -> None:
    with nothing_arrives(world):
        for path in ("/", "/lab", "/api", "/api/kernels", "/static/favicons/favicon.ico", "/login"):
            answer = ask(lab, "GET", path, {})
            assert (answer.status_code, "Jupyter" in answer.text) == (403, False)
        made = ask(lab, "POST", "/api/kernels", {}, json={"name": "python3"})
        assert made.status_code == 403
    assert lab.get("/api/kernels") == []


def foreign(lab: Opened, other: Opened) -> dict[str, dict[str, str]]:
    sibling = {"Origin": f"http://{other.host}"}
    return {
        "another site": {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        "a sibling, which is the same site": {**sibling, "Sec-Fetch-Site": "same-site"},
        "a sibling, in a browser without Sec-Fetch": sibling,
        "another port of this host": {"Origin": f"http://{lab.host.partition(':')[0]}:1"},
        "a sandbox": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        "a form, without an origin": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    }


def test_a_request_of_another_site_with_her_cookie(world: World, lab: Opened, other: Opened) -> None:
    """The browser sends the cookie along, as two content hosts may be one site to it."""
    with nothing_arrives(world):
        for sent in foreign(lab, other).values():
            headers = {"Cookie": lab.cookie, **sent}
            for method, path in (("POST", "/api/kernels"), ("PUT", "/api/contents/x.txt"), ("GET", "/lab")):
                answer = ask(lab, method, path, headers, json={} if method != "GET" else None)
                assert answer.status_code == 403, (method, path, sent)
                assert "another origin" in answer.text
                assert "access-control-allow-origin" not in answer.headers
    assert lab.get("/api/kernels") == []


def handshake(lab: Opened, path: str, cookie: str | None, **headers: str) -> int:
    """The status that a WebSocket's handshake is answered with."""
    options: dict[str, Any] = {"host": lab.host, "cookie": cookie, "suppress_origin": "Origin" not in headers}
    if "Origin" in headers:
        options["origin"] = headers.pop("Origin")
    options["header"] = [f"{name}: {value}" for name, value in headers.items()]
    try:
        socket = websocket.create_connection(f"ws{lab.url.removeprefix('http')}{path}", timeout=30, **options)
    except websocket.WebSocketBadStatusException as error:
        return int(error.status_code)
    socket.close()
    return 101


def test_a_websocket_to_a_kernel(world: World, lab: Opened, other: Opened) -> None:
    kernel = lab.post("/api/kernels", {"name": "python3"})["id"]
    channels, own = f"/api/kernels/{kernel}/channels", {"Origin": f"http://{lab.host}"}
    assert handshake(lab, channels, lab.cookie, **own) == 101
    with nothing_arrives(world):
        assert handshake(lab, channels, None, **own) == 403
        assert handshake(lab, channels, other.cookie, **own) == 403
        assert (
            handshake(lab, channels, None, Authorization=f"Bearer {world.platform.profile['token']}") == 403
        )
        for sent in foreign(lab, other).values():
            assert handshake(lab, channels, lab.cookie, **sent) == 403, sent
    lab.call("DELETE", f"/api/kernels/{kernel}")
    assert lab.get("/api/kernels") == []


# What passes


def test_cookies_that_are_not_its_own_do_not_pass(lab: Opened) -> None:
    answer = lab.page("/api/status")
    assert answer.status_code == 200
    names = [one.partition("=")[0].strip() for one in answer.headers.get_list("set-cookie")]
    assert {"wide", "wider", "mine"} <= set(names)
    assert not {COOKIE, f"__Host-{COOKIE}", ""} & set(names)
    assert "evil" not in str(answer.headers)
    assert "domain" not in str(answer.headers.get_list("set-cookie")).lower()
    assert "clear-site-data" not in answer.headers
    assert lab.page("/api/status").status_code == 200, "the sign-in is what it was"


def test_it_hears_no_credential_of_the_platform(world: World, lab: Opened) -> None:
    """Whoever works in it can read what it hears: that opens nothing else."""
    headers = {**lab.headers, "Authorization": f"Bearer {world.platform.profile['token']}"}
    headers["Cookie"] += "; mine=1"
    assert ask(lab, "GET", "/api/status", headers).status_code == 200
    told = json.dumps(heard(world))
    secret = lab.cookie.partition("=")[2]
    assert secret not in told
    assert world.platform.profile["token"] not in told
    last = {name.lower(): value for name, value in heard(world)[-1]}
    assert last["cookie"] == "mine=1"
    assert last["host"] == lab.host
    assert secret not in command(world.platform, "jupyter", "logs", "lab")


# The platform restarted under open notebooks


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_an_open_notebook_outlives_the_platform(world: World, lab: Opened, end: signal.Signals) -> None:
    """Its kernel, the browser's sign-in and the times of its shutoff; nobody was there to see it at work."""
    with lab.kernel() as kernel:
        kernel.run("kept = 41")
        before = get(world.client, "lab").state
        away_since(world, "lab", timedelta(hours=5, minutes=59))
        killed = pid_of(world.platform)
        assert killed is not None
        os.kill(killed, end)
        until(lambda: pid_of(world.platform) not in (None, killed), 90, "another platform")
        until(lambda: reaches(world.client), 60, "the platform to answer")
    ask_again = lab.get("/api/kernels")
    assert [one["id"] for one in ask_again] == [kernel.id]
    until(lambda: looked_at(world, "lab"), 60, "the platform to look at it")
    after = get(world.client, "lab").state
    assert (after.status, after.workload_id) == (ResourceStatus.RUNNING, before.workload_id)
    assert before.jupyter is not None
    assert after.jupyter is not None
    assert after.jupyter.warned_at is None, "its kernel was at work a moment ago"
    worked = datetime.fromisoformat(ask_again[0]["last_activity"])
    assert after.jupyter.active_at == worked, "not the time of the restart"
    assert after.jupyter.stops_at == worked + timedelta(hours=6)
    with lab.connected(kernel.id) as again:
        assert again.run("print(kept + 1)").strip() == "42"
    lab.call("DELETE", f"/api/kernels/{kernel.id}")


def test_one_that_was_idle_while_the_platform_was_away_is_warned_first(world: World, lab: Opened) -> None:
    """What was due meanwhile is not made up for at once."""
    assert lab.get("/api/kernels") == []
    away_since(world, "lab", timedelta(hours=9))
    killed = pid_of(world.platform)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: pid_of(world.platform) not in (None, killed), 90, "another platform")
    until(lambda: reaches(world.client), 60, "the platform to answer")
    until(lambda: warned(world, "lab"), 60, "the warning")
    state = get(world.client, "lab").state
    assert (state.status, state.target) == ("running", "running")
    [told] = [one for one in doctor(world) if one["name"] == "jupyter lab"]
    assert "nothing was done in it since, and it stops any moment" in told["detail"]
    assert "prefect-platform jupyter extend lab --for 2h" in told["detail"]
    [row] = [line for line in command(world.platform, "status").splitlines() if line.startswith("lab ")]
    assert "prefect-platform jupyter open lab" in row
    command(world.platform, "jupyter", "extend", "lab", "--for", "2h")
    assert "jupyter lab" not in [one["name"] for one in doctor(world)]


def doctor(world: World) -> list[dict[str, Any]]:
    return [one for one in json.loads(typed(world.platform, "doctor", "--json").stdout) if not one["ok"]]


def warned(world: World, name: str) -> bool:
    state = get(world.client, name).state.jupyter
    return state is not None and state.warned_at is not None


def looked_at(world: World, name: str) -> bool:
    """By the platform that runs now: what it saw last it keeps in its memory alone."""
    state = get(world.client, name).state.jupyter
    return state is not None and state.free_bytes is not None


def away_since(world: World, name: str, ago: timedelta) -> None:
    """As it would stand in the database if the platform had been away for so long."""
    path: Path = world.platform.data / DATABASE_FILE
    at = (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H:%M:%S.%f")
    resource = get(world.client, name).id
    with sqlite3.connect(path, timeout=30) as database:
        changed = database.execute(
            "UPDATE jupyter_servers SET active_at = ? WHERE resource_id = ?", (at, resource)
        )
        assert changed.rowcount == 1
    database.close()
