"""The log of a run in a browser: long, hostile, while it is written, and over a restart of the server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from prefect_platform.client.settings import connect
from prefect_platform.server.db.tables import RunRow
from prefect_platform.server.services import retention
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.runs import Status
from tests.integration.test_log_routes import Launcher, make_launcher
from tests.ui.conftest import Visit
from tests.ui.flows import HOSTILE
from tests.ui.scene import Visitor, sign_in

LONG = 1_000_000


@pytest.fixture
def launcher(server: LiveServer) -> Launcher:
    return server.call(make_launcher(server))


def opened(visit: Visit, server: LiveServer, launcher: Launcher, query: str = "") -> Visitor:
    one = visit(server.url)
    with connect(url=server.url, token=server.token) as client:
        sign_in(one, client)
    one.go(f"/runs/{launcher.run_id}{query}")
    expect(log(one)).to_be_visible()
    return one


def log(one: Visitor) -> Locator:
    return one.page.get_by_role("log")


def rows(one: Visitor) -> list[str]:
    return one.page.locator(".pp-log .line .text").all_inner_texts()


def finished(launcher: Launcher, data: bytes) -> None:
    launcher.seal(data)
    over(launcher)


def over(launcher: Launcher) -> None:
    """The run has ended, as the controller and an agent would have found."""
    launcher.finish()
    parts = launcher.server.parts

    async def write() -> None:
        async with parts.database.session() as session:
            row = await session.get(RunRow, launcher.run_id)
            assert row is not None
            row.status, row.ended_at = Status.SUCCEEDED.value, parts.clock.now()

    launcher.server.call(write())


def line(n: int) -> str:
    return f"line {n:>7} of the log{' NEEDLE' if n == 777_777 else ''}\n"


@pytest.fixture(scope="module")
def long(server: LiveServer) -> Launcher:
    """A sealed log of a million lines."""
    found = server.call(make_launcher(server))
    whole = hashlib.sha256()
    offset = 0
    for first in range(0, LONG, 50_000):
        data = "".join(
            f"line {n:>7} of the log{' NEEDLE' if n == 777_777 else ''}\n"
            for n in range(first, first + 50_000)
        ).encode()
        assert found.append(offset, data).status_code == 202
        whole.update(data)
        offset += len(data)
    body = {"size": offset, "sha256": whole.hexdigest()}
    headers = {"Authorization": f"Bearer {found.token}"}
    assert found.session.post(found.url("/flow/seal"), json=body, headers=headers, timeout=20).ok
    over(found)
    return found


def test_a_million_lines_are_within_reach(server: LiveServer, long: Launcher, visit: Visit) -> None:
    one = opened(visit, server, long)
    expect(log(one)).to_contain_text("line       0 of the log")
    expect(one.page.get_by_text("sealed, nothing missing")).to_be_visible()
    expect(one.page.get_by_text("1,000,000 lines")).to_be_visible()
    log(one).press("End")
    expect(log(one)).to_contain_text("line  999999 of the log")
    log(one).press("Home")
    expect(log(one)).to_contain_text("line       0 of the log")
    log(one).evaluate("element => { element.scrollTop = element.scrollHeight / 2 }")
    expect(log(one)).to_contain_text("line  5000")
    assert one.page.locator(".pp-log .line").count() <= 120


def test_a_word_is_searched_on_the_server_and_shown(server: LiveServer, long: Launcher, visit: Visit) -> None:
    one = opened(visit, server, long)
    one.page.get_by_label("Search the log").fill("needle")
    expect(one.page.locator(".pp-log mark")).to_have_text("NEEDLE")
    expect(one.page.get_by_text("1 of 1")).to_be_visible()
    expect(log(one)).to_contain_text("line  777777")
    one.page.get_by_label("Search the log").fill("nothing of this kind")
    expect(one.page.get_by_text("no hit")).to_be_visible()


def test_a_line_has_an_address(server: LiveServer, long: Launcher, visit: Visit) -> None:
    place = f"{long.workload_id}/flow:500001"
    one = opened(visit, server, long, f"?line={place}")
    one.page.wait_for_url("**/p/default/runs/**")
    one.go(f"/p/default/runs/{long.run_id}?line={place}")
    expect(one.page.locator(".line.marked")).to_contain_text("line  500000 of the log")
    one.page.get_by_role("button", name="Line 500,003", exact=True).click()
    one.page.wait_for_url("**500003")


def test_what_is_hostile_is_shown_and_does_nothing(
    server: LiveServer, launcher: Launcher, visit: Visit
) -> None:
    data = ("\n".join(HOSTILE) + "\nstill here\n").encode()
    launcher.append(0, data)
    finished(launcher, data)
    one = opened(visit, server, launcher)
    expect(log(one)).to_contain_text("<img src=x onerror=alert(1)><script>alert(2)</script>")
    expect(log(one)).to_contain_text("cleared?  click")
    expect(log(one)).to_contain_text("admin⟨U+202E⟩txt.exe⟨U+202C⟩ looks like exe.txt")
    expect(log(one)).to_contain_text("996,000 more characters")
    expect(log(one)).to_contain_text("bell ␇ backspace ␈ null ␀ end")
    assert one.page.locator(".pp-log a[href*=evil], .pp-log img, .pp-log script").count() == 0
    assert one.page.locator(".pp-log .text span").count() < 500


def test_following_stops_when_one_reads_and_goes_on_when_asked(
    server: LiveServer, launcher: Launcher, visit: Visit
) -> None:
    data = "".join(f"early {n}\n" for n in range(500)).encode()
    launcher.append(0, data)
    one = opened(visit, server, launcher)
    expect(log(one)).to_contain_text("early 499")
    log(one).press("PageUp")
    more = "".join(f"late {n}\n" for n in range(500)).encode()
    launcher.append(len(data), more)
    expect(one.page.get_by_text("1,000 lines")).to_be_visible()
    expect(log(one)).not_to_contain_text("late 499")
    one.page.get_by_role("button", name="Follow").click()
    expect(log(one)).to_contain_text("late 499")
    finished(launcher, data + more)
    expect(one.page.get_by_text("sealed, nothing missing")).to_be_visible()


def test_the_line_that_went_wrong_is_one_click_away(
    server: LiveServer, launcher: Launcher, visit: Visit
) -> None:
    noise = b"".join(b"fine %d\n" % n for n in range(5000))
    data = noise + b"Traceback (most recent call last):\n  File 'x'\nKeyError: 'region'\n" + noise
    launcher.append(0, data)
    finished(launcher, data)
    one = opened(visit, server, launcher)
    one.page.get_by_role("button", name="First error").click()
    expect(one.page.locator(".line.marked .text")).to_have_text("KeyError: 'region'")
    one.page.get_by_label("Level").select_option("error")
    expect(one.page.locator(".pp-log .line")).to_have_count(2)


def test_a_restart_of_the_server_loses_and_doubles_nothing(visit: Visit, tmp_path: Path) -> None:
    data = "".join(f"before {n}\n" for n in range(50)).encode()
    with live_server(tmp_path) as first:
        launcher = first.call(make_launcher(first))
        port, token = first.config.port, first.token
        launcher.append(0, data)
        one = opened(visit, first, launcher)
        expect(log(one)).to_contain_text("before 49")
    expect(one.page.locator(".note.lost")).to_be_visible()
    with live_server(tmp_path, port=port) as second:
        assert second.token == token
        launcher.server = second
        more = "".join(f"after {n}\n" for n in range(50)).encode()
        assert launcher.append(len(data), more).status_code == 202
        expect(log(one)).to_contain_text("after 49", timeout=30_000)
        expect(one.page.locator(".note.lost")).to_have_count(0)
        expect(one.page.get_by_text("100 lines")).to_be_visible()
        log(one).press("Home")
        expect(log(one)).to_contain_text("before 0")
        texts = rows(one)
        assert texts[:3] == ["before 0", "before 1", "before 2"]
        assert len(set(texts)) == len(texts)


def test_a_run_that_is_removed_while_it_is_open_says_so(server: LiveServer, visit: Visit) -> None:
    made = server.call(make_launcher(server))
    assert made.append(0, "".join(map(line, range(20_000))).encode()).status_code == 202
    over(made)
    one = opened(visit, server, made)
    expect(log(one)).to_contain_text("line       0 of the log")

    async def remove() -> None:
        async with server.parts.database.session() as session:
            await retention._forget(session, [made.run_id])  # as when its time is over
        await server.parts.logs.delete(made.workload_id)

    server.call(remove())
    log(one).press("End")
    expect(one.page.get_by_role("alert")).to_contain_text(f"There is no run '{made.run_id}'", timeout=20_000)
    one.page.get_by_role("link", name="Runs", exact=True).click()
    expect(one.page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
