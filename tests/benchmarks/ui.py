"""`make bench-ui`: what a reader waits for, in headless Chromium, on a real server.

Times are taken inside the page where what is waited for is a change of the page: a look at every frame, so
they are as fine as the frames are."""

from __future__ import annotations

import gzip
import os
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from prefect_platform.client.settings import connect
from prefect_platform.names import new_id
from prefect_platform.server.app.web.files import DIST
from prefect_platform.server.db.tables import RunRow
from prefect_platform.testing.live_server import LiveServer, live_server
from tests.benchmarks import ui_live
from tests.benchmarks.measure import Figure, report
from tests.integration.test_log_routes import Launcher, make_launcher
from tests.ui.scene import Visitor, chromium, sign_in, violations, visitor
from tests.ui.test_pages import PAGES

ROUNDS = int(os.environ.get("ROUNDS", "5"))
LINES = 1_000_000
RUNS = 10_000
TAIL_LINES = 5000
"""A second, for TAIL_SECONDS."""
TAIL_SECONDS = 5

WATCH = """(wanted) => new Promise((resolve) => {
  const begun = performance.now();
  const look = () => document.querySelector('[role=log]')?.textContent.includes(wanted)
    ? resolve((performance.now() - begun) / 1000) : requestAnimationFrame(look);
  look();
})"""
GO = """(path) => {
  history.pushState({}, "", path);
  dispatchEvent(new PopStateEvent("popstate"));
}"""
"""Leads on within the page, as a link does."""
FRAMES = """(milliseconds) => new Promise((resolve) => {
  let last = performance.now(); const end = last + milliseconds; let worst = 0;
  const look = (now) => { worst = Math.max(worst, now - last); last = now;
    now < end ? requestAnimationFrame(look) : resolve(worst); };
  requestAnimationFrame(look);
})"""


def main() -> None:
    figures: list[Figure] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        live_server(Path(directory)) as server,
        chromium() as browser,
        connect(url=server.url, token=server.token) as client,
    ):
        one = visitor(browser, server.url)
        sign_in(one, client)
        try:
            figures += home(browser, one, server)
            figures += long_log(one, server)
            figures += tail(one, server)
            figures += ui_live.figures(browser)
            figures += runs(one, server)
            figures += axe(browser, server)
        finally:
            report("ui", figures)
        assert one.complaints == [], one.complaints


def home(browser: Browser, one: Visitor, server: LiveServer) -> list[Figure]:
    """Sizes as they travel; times from the first request of a browser that has nothing in its cache."""
    size = Figure("home_js_kb", "kB", "<= 200, gzip")
    usable = Figure("home_usable_s", "s", "<= 1.0")
    loaded: set[str] = set()
    one.page.on("request", lambda request: loaded.add(request.url.rpartition("/")[2]))
    one.go("/p/default")
    one.page.locator(".kpi b").first.wait_for()
    scripts = [name for name in loaded if name.endswith(".js")]
    size.ours = [sum(len(gzip.compress((DIST / "assets" / name).read_bytes(), 9)) for name in scripts) / 1000]
    for _ in range(ROUNDS):
        with connect(url=server.url, token=server.token) as client:
            fresh = visitor(browser, server.url)
            sign_in(fresh, client)
        fresh.context.clear_cookies(name="none")
        session = fresh.context.new_cdp_session(fresh.page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        begun = time.perf_counter()
        fresh.page.goto(f"{server.url}/p/default", wait_until="commit")
        fresh.page.locator(".kpi b").nth(3).wait_for()
        usable.ours.append(time.perf_counter() - begun)
        fresh.context.close()
    return [size, usable]


def long_log(one: Visitor, server: LiveServer) -> list[Figure]:
    first = Figure("log_first_screen_s", "s", f"<= 0.5, {LINES:,} lines")
    jump = Figure("log_jump_s", "s", "<= 0.2")
    frame = Figure("log_worst_frame_ms", "ms", "<= 50, scrolling")
    rows = Figure("log_rows", "", "<= 120 in the document")
    search = Figure("log_search_first_hit_s", "s", "typed until shown")
    launcher = filled(server)
    for _ in range(ROUNDS):
        one.go("/p/default")
        one.page.locator(".kpi b").first.wait_for()
        one.page.evaluate(GO, f"/p/default/runs/{launcher.run_id}")
        first.ours.append(one.page.evaluate(WATCH, f"line {LINES - 1:>7}"))
        for line in (LINES // 2, 0, LINES * 3 // 4, LINES - 40):
            jump.ours.append(_jump(one.page, line))
        frame.ours.append(_scrolled(one.page))
        rows.ours.append(one.page.locator(".pp-log .line").count())
        begun = time.perf_counter()
        one.page.get_by_label("Search the log").fill("line  777777")
        one.page.locator(".pp-log mark").first.wait_for()
        search.ours.append(time.perf_counter() - begun)
    return [first, jump, frame, rows, search]


def _jump(page: Page, line: int) -> float:
    page.evaluate("(part) => { const e = document.querySelector('[role=log]');"
                  " e.scrollTop = part * (e.scrollHeight - e.clientHeight) }", line / LINES)  # fmt: skip
    seconds: float = page.evaluate(
        WATCH, f"line {line:>7}"[:8] if 0 < line < LINES - 100 else f"line {line:>7}"
    )
    return seconds


def _scrolled(page: Page) -> float:
    """The longest time between two frames while somebody scrolls through it fast."""
    page.evaluate("() => { const e = document.querySelector('[role=log]'); let n = 0;"
                  " const go = () => { e.scrollTop += 1500; if (++n < 120) requestAnimationFrame(go) };"
                  " e.scrollTop = 0; go() }")  # fmt: skip
    worst: float = page.evaluate(FRAMES, 2000)
    return worst


def filled(server: LiveServer) -> Launcher:
    found = server.call(make_launcher(server))
    offset = 0
    for begin in range(0, LINES, 50_000):
        data = "".join(f"line {n:>7} of a long log\n" for n in range(begin, begin + 50_000)).encode()
        assert found.append(offset, data).status_code == 202
        offset += len(data)
    return found


def tail(one: Visitor, server: LiveServer) -> list[Figure]:
    """A log that grows by 5,000 lines a second: whether the page freezes."""
    frame = Figure("tail_worst_frame_ms", "ms", f"{TAIL_LINES} lines/s, no freeze")
    launcher = server.call(make_launcher(server))
    launcher.append(0, b"begin\n")
    one.go(f"/p/default/runs/{launcher.run_id}")
    one.page.get_by_role("log").wait_for()
    offset = len(b"begin\n")
    writer = threading.Thread(target=_write, args=(launcher, offset), daemon=True)
    writer.start()
    frame.ours.append(one.page.evaluate(FRAMES, TAIL_SECONDS * 1000))
    writer.join()
    return [frame]


def _write(launcher: Launcher, offset: int) -> None:
    begun = time.perf_counter()
    for tick in range(TAIL_SECONDS * 10):
        data = "".join(f"tail {tick} {n} of many lines\n" for n in range(TAIL_LINES // 10)).encode()
        launcher.append(offset, data)
        offset += len(data)
        time.sleep(max(0.0, begun + (tick + 1) / 10 - time.perf_counter()))


def runs(one: Visitor, server: LiveServer) -> list[Figure]:
    found = Figure("runs_filter_s", "s", f"<= 0.2, {RUNS:,} runs")
    launcher = server.call(make_launcher(server))
    server.call(_many(server, launcher.run_id))
    one.go("/p/default/runs")
    box = one.page.get_by_label("Filter by name")
    box.wait_for()
    for number in range(ROUNDS * 2):
        wanted = f"many-{number * 997}-runs"
        begun = time.perf_counter()
        box.fill(wanted)
        one.page.get_by_role("link", name=wanted).wait_for()
        one.page.get_by_text("1 shown").wait_for()
        found.ours.append(time.perf_counter() - begun)
    return [found]


async def _many(server: LiveServer, like: str) -> None:
    async with server.parts.database.session() as session:
        row = await session.get_one(RunRow, like)
        begin = server.parts.clock.now() - timedelta(days=10)
        for number in range(RUNS):
            at = begin + timedelta(minutes=number)
            session.add(
                RunRow(
                    id=new_id("run"), project_id=row.project_id, flow_id=row.flow_id,
                    version_id=row.version_id,
                    deployment_name="nightly", name=f"many-{number}-runs", status="succeeded",
                    prefect_state="Completed", attempts=1, created_at=at, started_at=at, ended_at=at,
                )
            )  # fmt: skip


def axe(browser: Browser, server: LiveServer) -> list[Figure]:
    wrong = Figure("axe_violations", "", "0, every page in both themes")
    launcher = server.call(make_launcher(server))
    launcher.append(0, b"\x1b[31mred\x1b[0m\n")
    with connect(url=server.url, token=server.token) as client:
        for dark in (False, True):
            one = visitor(browser, server.url, dark=dark)
            sign_in(one, client)
            for path in PAGES.values():
                if "notebook" not in path:
                    one.go(f"/p/default{path.format(run=launcher.run_id)}")
                    one.page.get_by_role("heading", level=1).first.wait_for(state="attached")
                    wrong.ours.append(len(violations(one.page)))
            one.context.close()
    return [wrong]


if __name__ == "__main__":
    main()
