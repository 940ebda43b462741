"""A browser for all tests of the web UI; without Chromium they are skipped, but never in CI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from prefect_platform.server.app.web.files import DIST
from prefect_platform.testing.live_server import LiveServer, live_server
from tests.ui.scene import Visitor, chromium, visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while Playwright is there, so is a running event loop, and no other test could have
    one."""
    if shutil.which("chromium") is None:
        _missing("Chromium is not installed: the Debian package `chromium`")
    if not (DIST / "index.html").exists():
        _missing("The web UI is not built: `make web`")
    with chromium() as found:
        yield found


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A platform without agents: what the tests put there is what is on the pages."""
    with live_server() as found:
        yield found


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a browser window; at the end nothing may have been complained about."""
    opened: list[Visitor] = []

    def visit(url: str, **look: object) -> Visitor:
        one = visitor(browser, url, **look)  # type: ignore[arg-type]
        opened.append(one)
        return one

    yield visit
    for one in opened:
        one.context.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
