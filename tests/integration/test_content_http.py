# ruff: noqa: E501 - tables of cases read best one a line
"""A resource's web server through the platform: HTTP as it was meant, and every visitor who may not come in."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from prefect_platform.server.services import content, tokens
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls
from tests.content_scene import TOKEN, Site, Web, site, web_server

VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with live_server() as server:
        yield site(server)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as found:
        yield found


@pytest.fixture
def label(place: Site, web: Web) -> str:
    return place.add(web.address)


@pytest.fixture
def browser(place: Site, label: str) -> Iterator[httpx.Client]:
    with place.signed_in(label) as found:
        yield found


def headers_of(heard: dict[str, Any]) -> dict[str, str]:
    names = [name for name, _ in heard["headers"]]
    assert len(names) == len(set(names))
    return dict(heard["headers"])


# What passes


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_arrives_as_it_was_sent(browser: httpx.Client, method: str) -> None:
    body = "" if method == "GET" else "caf\u00e9"
    answer = browser.request(method, "/a%2Fb//c/%E2%98%83?q=%20&q=1", content=body.encode())
    heard = answer.json()
    assert (heard["method"], heard["target"], heard["query"]) == (method, "/a%2Fb//c/%E2%98%83", "q=%20&q=1")
    assert heard["body"].encode("latin-1") == body.encode()


def test_the_resource_hears_who_asks_and_no_credential(place: Site, label: str, web: Web) -> None:
    with place.signed_in(label) as browser:
        browser.headers["Cookie"] += "; _xsrf=2"
        sent = {"Authorization": f"Bearer {place.server.token}", "X-Forwarded-For": "10.0.0.1", "X-Mine": "1"}
        found = headers_of(browser.get("/", headers=sent).json())
        secret = browser.headers["Cookie"].partition(";")[0].partition("=")[2]
    assert (found["authorization"], found["cookie"], found["x-mine"]) == (TOKEN, "_xsrf=2", "1")
    assert (found["host"], found["x-forwarded-host"]) == (place.host(label), place.host(label))
    assert (found["x-forwarded-for"], found["x-forwarded-proto"]) == ("127.0.0.1", "http")
    for heard in web.heard:
        assert secret not in json.dumps(heard)
        assert place.server.token not in json.dumps(heard)


def answer_of(browser: httpx.Client, **asked: Any) -> httpx.Response:
    return browser.get(f"/answer?answer={quote(json.dumps(asked))}")


def test_an_answer_comes_as_it_is_but_for_cookies_of_ours(browser: httpx.Client) -> None:
    cookies = ["_xsrf=1; Domain=localhost; Path=/", "prefect-platform=evil; Path=/", "=prefect-platform=evil"]
    sent = [*(["Set-Cookie", one] for one in cookies), ["Clear-Site-Data", '"*"'], ["X-Mine", "1"]]
    answer = answer_of(browser, status=418, body="tea", headers=sent)
    assert (answer.status_code, answer.text, answer.headers["x-mine"]) == (418, "tea", "1")
    assert answer.headers.get_list("set-cookie") == ["_xsrf=1; Path=/"]
    assert "clear-site-data" not in answer.headers
    assert len(answer.headers.get_list("date")) == 1


@pytest.mark.parametrize("status", [204, 304, 404, 500, 599])
def test_any_status_passes(browser: httpx.Client, status: int) -> None:
    assert answer_of(browser, status=status).status_code == status


def test_redirects_are_the_browsers_to_follow(browser: httpx.Client) -> None:
    answer = answer_of(browser, status=302, headers=[["Location", "/lab?x=1"]])
    assert (answer.status_code, answer.headers["location"]) == (302, "/lab?x=1")


def test_an_encoded_body_stays_encoded(browser: httpx.Client) -> None:
    with browser.stream(
        "GET", f"/answer?answer={quote(json.dumps({'headers': [['Content-Encoding', 'br']]}))}"
    ) as found:
        assert found.headers["content-encoding"] == "br"


def test_a_head_has_a_length_and_no_body(browser: httpx.Client) -> None:
    answer = browser.head("/give?mib=3&length")
    assert (answer.headers["content-length"], answer.content) == (str(3 * MIB), b"")


@pytest.mark.parametrize("query", ["mib=100", "mib=100&length"])
def test_a_hundred_megabytes_come_down(browser: httpx.Client, query: str) -> None:
    taken = 0
    with browser.stream("GET", f"/give?{query}") as answer:
        assert ("content-length" in answer.headers) == ("length" in query)
        for piece in answer.iter_bytes():
            taken += len(piece)
    assert taken == 100 * MIB


@pytest.mark.parametrize("length", [None, str(100 * MIB)])
def test_a_hundred_megabytes_go_up_past_the_bound_of_the_api(
    place: Site, browser: httpx.Client, length: str | None
) -> None:
    assert place.server.config.limits.body_bytes < 100 * MIB
    headers = {"Content-Length": length} if length else {}
    answer = browser.put("/take", content=(b"x" * MIB for _ in range(100)), headers=headers)
    assert answer.json() == {"size": 100 * MIB}


def test_the_bound_of_the_api_stays(place: Site) -> None:
    answer = httpx.post(
        f"{place.server.url}/api/v1/projects", content=b" " * (MIB + 1), headers=place.server.headers
    )
    assert answer.status_code == 413


def test_a_reader_that_stops_stops_the_writer(browser: httpx.Client, web: Web) -> None:
    with browser.stream("GET", "/give?mib=400") as answer:
        pieces = answer.iter_raw(MIB)
        next(pieces)
        assert settled(lambda: web.given) < 100 * MIB  # the rest is in nobody's memory
        assert sum(len(piece) for piece in pieces) + MIB >= 400 * MIB


def settled(look: Callable[[], int]) -> int:
    """What a number is once it does not grow any more."""
    before, since, deadline = look(), time.monotonic(), time.monotonic() + 30
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline
        if (now := look()) != before:
            before, since = now, time.monotonic()
        time.sleep(0.01)
    return before


def test_events_come_at_once_and_end_with_the_browser(browser: httpx.Client, web: Web) -> None:
    with browser.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(5)] == ["data: 0", "", "data: 1", "", "data: 2"]
    assert web.gone.wait(10)


def test_an_answer_before_the_end_of_the_body(place: Site) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await reader.read()  # as servers do that want their answer to arrive

    with upstream(early) as address, place.signed_in(place.add(address)) as browser:
        answer = browser.put("/", content=(b"x" * MIB for _ in range(8)))
        assert (answer.status_code, answer.text) == (413, "big")


# An upstream that does not do its part


Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def upstream(serve: Served) -> Iterator[tuple[str, int]]:
    """Whatever a test wants a resource to do with a connection, however wrong."""
    loop, started, found = asyncio.new_event_loop(), threading.Event(), []

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        found.append(server.sockets[0].getsockname())
        started.set()
        async with server:
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert started.wait(10)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def saying(data: bytes) -> Served:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        writer.close()

    return serve


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 20",
        b"HTTP/1.1 999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_a_page_in_words(place: Site, data: bytes) -> None:
    with upstream(saying(data)) as address, place.signed_in(place.add(address)) as browser:
        answer = browser.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 502
    assert "test-server" in answer.text
    assert "prefect-platform resource logs mine" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_an_answer_that_breaks_off_breaks_off(place: Site) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with (
        upstream(saying(half)) as address,
        place.signed_in(place.add(address)) as browser,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        browser.get("/")


def test_nobody_listens_or_it_does_not_run(place: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    label = place.add(address, name="<b>lab</b>")
    with place.signed_in(label) as browser:
        answer = browser.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, "refuses connections" in answer.text) == (502, True)
        assert "<b>" not in answer.text
        place.resources.change(label, address=None, state="stopped")
        answer = browser.get("/")
        assert answer.status_code == 503
        assert "is stopped" in answer.text
        assert "resource start" in answer.text
        del place.resources.known[label]
        assert browser.get("/").status_code == 403


def test_a_resource_that_was_restarted_elsewhere_is_found_at_once(place: Site, web: Web) -> None:
    label = place.add(None, state="starting")
    with place.signed_in(label) as browser:
        assert browser.get("/").status_code == 503
        place.resources.change(label, address=web.address)
        assert browser.get("/").status_code == 200
        with web_server() as other:
            place.resources.change(label, address=other.address)
            assert browser.get("/").status_code == 200


# Who may not come in


def test_a_browser_without_a_sign_in_reads_how_to_get_one(place: Site, label: str, web: Web) -> None:
    pages = []
    for one in (label, "te-00000000000000000000000000", "xx-00000000000000000000000000"):
        with place.browser(one) as browser:
            for cookie in ({}, {"Cookie": "prefect-platform=junk"}):
                answer = browser.get("/", headers={**VISIT, **cookie})
                assert answer.status_code == 403
                assert "prefect-platform resource open NAME" in answer.text
                assert "mine" not in answer.text
                pages.append(answer.content)
    assert len(set(pages)) == 1  # nobody learns which resources there are
    assert web.heard == []


def test_a_link_signs_in_once_and_goes_on_without_its_ticket(place: Site, web: Web) -> None:
    label = place.add(web.address, home="/lab")
    path = httpx.URL(place.link(label)).raw_path.decode()
    with place.browser(label) as browser:
        for look in ({"Sec-Purpose": "prefetch"}, {"Purpose": "x", "Sec-Purpose": "prefetch;prerender"}):
            assert browser.get(path, headers=look).status_code == 422
        assert browser.head(path).status_code == 422
        answer = browser.get(path, headers={**VISIT, "Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/lab")
        assert answer.headers["referrer-policy"] == "no-referrer"
        cookie = answer.headers["set-cookie"]
        assert cookie.partition(";")[2] == " Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"
        browser.cookies.clear()
        again = browser.get(path, headers=VISIT)
        assert again.status_code == 403
        assert "was used already" in again.text
        assert "set-cookie" not in again.headers
        signed_in = {"Cookie": cookie.partition(";")[0]}
        assert browser.get("/", headers=signed_in).status_code == 200
        twice = browser.get(path, headers={**VISIT, **signed_in})
        assert (twice.status_code, twice.headers["location"]) == (303, "/lab")
        assert "set-cookie" not in twice.headers
    assert len(web.heard) == 1


@pytest.mark.parametrize(
    "query", ["", "?", "?ticket=", "?ticket=junk", "?ticket=%00%ff", "?ticket=" + "x" * 30_000]
)
def test_a_ticket_that_is_none(place: Site, label: str, query: str) -> None:
    with place.browser(label) as browser:
        assert browser.get(f"/_platform/enter{query}").status_code == 403


def test_a_ticket_and_a_cookie_for_another_label(place: Site, label: str, web: Web) -> None:
    other = place.add(web.address)
    path = httpx.URL(place.link(label)).raw_path.decode()
    with place.browser(other) as browser:
        assert "is not known here" in browser.get(path).text
        assert browser.get("/", headers={"Cookie": place.enter(label)}).status_code == 403
    assert web.heard == []


def test_paths_of_the_platform_never_reach_the_resource(browser: httpx.Client, web: Web) -> None:
    for path in ("/_platform/", "/_platform/x", "/_platform/enter/", "/_platform/leave"):
        assert browser.get(path).status_code == 422
    assert web.heard == []


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("POST", {"Origin": "http://evil.example"}),
        ("POST", {"Origin": "null"}),
        ("POST", {"Sec-Fetch-Site": "cross-site", **VISIT}),
        ("DELETE", {"Sec-Fetch-Site": "same-site"}),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
        ("OPTIONS", {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}),
    ],
)
def test_what_another_page_sends_is_refused_signed_in_or_not(
    browser: httpx.Client, web: Web, method: str, sent: dict[str, str]
) -> None:
    answer = browser.request(method, "/", headers=sent)
    assert answer.status_code == 403
    assert "another origin" in answer.text
    assert "access-control-allow-origin" not in answer.headers
    assert web.heard == []


def test_another_users_browser(place: Site, web: Web) -> None:
    parts = place.server.parts
    mine = place.add(web.address, user_id=place.owner.user_id)
    mia = place.server.call(server_calls.user(parts, "mia", "member"))
    with pytest.raises(content.Forbidden, match="another user's"):
        place.link(mine, mia)
    cookie = place.enter(mine)
    place.resources.change(mine, user_id=mia.user_id)  # as if the cookie had come to where it is not for
    place.server.call(forgotten(place))
    with place.browser(mine, headers={"Cookie": cookie}) as browser:
        assert browser.get("/").status_code == 403
    assert web.heard == []


async def forgotten(place: Site) -> None:
    place.server.parts.contents.forget()


def test_a_session_and_its_open_streams_end_with_the_token(place: Site, web: Web) -> None:
    label = place.add(web.address)

    async def with_token() -> Any:
        async with place.server.parts.database.session() as session:
            row, _ = await tokens.issue(
                session, place.server.parts, kind=TokenKind.USER, label="x", user_id=place.owner.user_id
            )
        return row.id

    caller = content.Caller(TokenKind.USER, place.server.call(with_token()), "x", place.owner.user_id)
    with place.signed_in(label, caller) as browser:
        assert browser.get("/").status_code == 200
        with browser.stream("GET", "/events") as answer:
            lines = answer.iter_lines()
            next(lines)
            place.server.call(tokens.revoke(place.server.parts, place.owner, caller.token_id))
            with pytest.raises(httpx.RemoteProtocolError):
                for _ in lines:
                    pass
        assert browser.get("/").status_code == 403


def test_the_cookie_comes_again_when_the_session_gets_a_new_term(place: Site, label: str) -> None:
    from datetime import timedelta

    from sqlalchemy import update

    from prefect_platform.server.db.tables import ContentSessionRow

    async def aged() -> None:
        async with place.server.parts.database.session() as session:
            soon = place.server.parts.clock.now() + timedelta(hours=1)
            await session.execute(update(ContentSessionRow).values(expires_at=soon))

    cookie = place.enter(label)
    place.server.call(aged())
    with place.browser(label, headers={"Cookie": cookie}) as browser:
        assert browser.get("/").headers["set-cookie"].startswith(f"{cookie}; Path=/; Max-Age=43200; HttpOnly")
        assert "set-cookie" not in browser.get("/").headers


# The API and content are never at one host


def test_no_route_of_the_api_is_at_a_content_host(place: Site, browser: httpx.Client, web: Web) -> None:
    headers = place.server.headers
    for path in ("/health", "/ready", "/api/v1/me", "/api/v1/openapi.json"):
        answer = browser.get(path, headers=headers)
        assert answer.json()["target"] == path  # the resource's own
        with place.browser("te-00000000000000000000000000") as stranger:
            assert stranger.get(path, headers=headers).status_code == 403


def test_no_content_is_at_a_host_of_the_api(place: Site, label: str, web: Web) -> None:
    cookie, port = place.enter(label), place.server.config.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
        answer = httpx.get(f"{place.server.url}/lab", headers={"Host": host, "Cookie": cookie})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    for host in (
        f"{label}.localhost",
        f"{label}.localhost.:{port}",
        f"{label}.evil.example:{port}",
        f"x.{label}.localhost:{port}",
        f"{label}.127.0.0.1:{port}",
        f"{label}.localhost:{port + 1}",
        f"www.localhost:{port}",
    ):
        answer = httpx.get(f"{place.server.url}/", headers={"Host": host, "Cookie": cookie})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert web.heard == []


def test_a_page_of_a_resource_may_not_call_the_api(place: Site, label: str) -> None:
    origin = f"http://{place.host(label)}"
    answer = httpx.get(f"{place.server.url}/api/v1/me", headers={**place.server.headers, "Origin": origin})
    assert answer.status_code == 403


def test_a_key_for_kept_answers_means_nothing_here(place: Site, label: str, web: Web) -> None:
    with place.signed_in(label) as browser:
        for _ in range(2):
            sent = {"Idempotency-Key": "k", **place.server.headers}
            assert headers_of(browser.post("/", headers=sent).json())["idempotency-key"] == "k"
    assert len(web.heard) == 2


# Requests that two servers could read differently


def raw(server: LiveServer, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.config.port), timeout=10) as sock:
        sock.sendall(data)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.parametrize(
    "lines",
    [
        "POST / HTTP/1.1\r\n{}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\n{}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\n{}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n{}Content-Length: +4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n{}Content-Length : 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\n{}X: a\r\n folded\rGET /x\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\n{}\r\n",
        "GET / HTTP/1.1\r\n{}Host: other.localhost\r\n\r\n",
        "CONNECT / HTTP/1.1\r\n{}\r\n",
        "TRACE / HTTP/1.1\r\n{}\r\n",
    ],
)
def test_a_request_that_is_not_of_one_meaning_is_refused(
    place: Site, label: str, web: Web, lines: str
) -> None:
    sent = f"Host: {place.host(label)}\r\nCookie: {place.enter(label)}\r\nConnection: close\r\n"
    found = raw(place.server, lines.format(sent).encode())
    assert found.split(b" ")[1][:1] == b"4"
    assert web.heard == []


def test_the_rest_of_a_body_is_no_request_of_its_own(place: Site, label: str, web: Web) -> None:
    """The next request on the connection is read where the length says, whatever the resource makes of it."""
    sent = f"Host: {place.host(label)}\r\nCookie: {place.enter(label)}\r\n"
    inner = f"GET /smuggled HTTP/1.1\r\n{sent}\r\n"
    first = f"POST /first HTTP/1.1\r\n{sent}Content-Length: {len(inner)}\r\n\r\n{inner}"
    found = raw(place.server, (first + f"GET /second HTTP/1.1\r\n{sent}Connection: close\r\n\r\n").encode())
    assert found.count(b"HTTP/1.1 200") == 2
    assert [one["target"] for one in web.heard] == ["/first", "/second"]


def test_many_at_once(place: Site, label: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with place.signed_in(label) as browser, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: browser.get(f"/{number}").json()["target"], range(200)))
    assert found == [f"/{number}" for number in range(200)]


def test_who_leaves_in_the_middle_of_a_body_leaves_nothing_behind(place: Site, label: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.server.config.port)
    connection.putrequest("PUT", "/take", skip_host=True)
    for name, value in {
        "Host": place.host(label),
        "Cookie": place.enter(label),
        "Content-Length": "999",
    }.items():
        connection.putheader(name, value)
    connection.endheaders(b"some")
    deadline = time.monotonic() + 10
    while not place.server.parts.contents.visits:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    connection.close()
    while place.server.parts.contents.visits:
        assert time.monotonic() < deadline
        time.sleep(0.01)
