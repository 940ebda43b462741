"""A whole platform with flows and runs, and a browser in front of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import FINAL, Run, RunDetail

FLOWS = Path(__file__).with_name("flows.py")
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
"""What Debian's Chromium needs to run for root, in a container, and alone."""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody in front of a browser. What the browser complains about is kept: there should be nothing."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")


EXPECTED = ("status of 401", "status of 403", "status of 404", "status of 409", "status of 422", "net::ERR_")
"""What a browser says by itself of an answer that is a refusal, or of a platform that was stopped."""


def visitor(
    browser: Browser, url: str, *, dark: bool = False, width: int = 1440, height: int = 900
) -> Visitor:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id="Europe/Prague",
        locale="en-GB",
    )
    page = context.new_page()
    found = Visitor(context, page, url)
    page.on("pageerror", lambda error: found.complaints.append(f"pageerror: {error}"))
    page.on(
        "console",
        lambda message: (
            found.complaints.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning") and not any(one in message.text for one in EXPECTED)
            else None
        ),
    )
    return found


def sign_in(one: Visitor, client: PlatformClient) -> None:
    """As the link does that `up` prints."""
    one.page.goto(client.tokens.sign_in_link().url)
    one.page.wait_for_url("**/p/default")
    one.page.locator("#main").wait_for()


AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page: rule, element and why."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def register(platform: Embedded, function: str, **options: object) -> str:
    """Register one flow of `flows.py`, as the command line does; its id."""
    words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", "flow", "register", f"{FLOWS}:{function}", *words],
        env=platform.environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=FLOWS.parent,
    )
    assert done.returncode == 0, done.stdout
    with platform.client() as client:
        flows = client.flows.list("default", limit=200).items
    return max(flows, key=lambda flow: flow.created_at).id


def start(client: PlatformClient, flow_id: str, **parameters: object) -> Run:
    return client.flows.run(flow_id, RunRequest(parameters=parameters))


def ended(client: PlatformClient, run: Run) -> RunDetail:
    def look() -> RunDetail | None:
        found = client.runs.get(run.id)
        return found if found.status in FINAL else None

    return until(look, 90, f"run {run.name} to end")
