"""`make screenshots`: every page with real runs behind it, in light, dark, narrow and wide, into
build/screenshots."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.runs import FINAL
from tests.ui.scene import chromium, ended, register, sign_in, start, visitor

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "screenshots-home"
OUT = ROOT / "build" / "screenshots"

IN_DOCS = {"home-light": "home", "run-running-light": "run"}
"""Pictures that README and docs show, of as much as a window does."""
LOOKS = {
    "light": (False, 1440, 900),
    "dark": (True, 1440, 900),
    "narrow": (False, 360, 740),
    "wide": (False, 3840, 2160),
}
"""Whether dark, width and height of the window."""


@dataclass
class Seeded:
    """What there is to look at."""

    flow: str
    failed: str
    running: str
    succeeded: str


def seed(platform: Embedded) -> Seeded:
    """Flows with several versions and runs in each state, secrets, a Jupyter server that was not started."""
    with platform.client() as client:
        client.secrets.set("default", "aws-key", "not-a-real-key-0000")
        client.secrets.set("default", "db-password", "not-a-real-password-0000")
        ingest = register(platform, "ingest", name="nightly", cron="0 2 * * *", secret="aws-key=AWS_KEY")
        report = register(platform, "sales_report", name="weekly", cron="0 6 * * 1")
        done = [start(client, ingest, months=months) for months in (2, 3, 1)]
        failed = start(client, report)
        ended(client, failed)
        for run in done:
            ended(client, run)
        register(
            platform, "ingest", name="nightly", cron="30 2 * * *", secret="aws-key=AWS_KEY", env="REGION=eu"
        )
        running = start(client, ingest, months=400, pause=0.5)
        until(lambda: client.runs.get(running.id).status == "running", 60, "the last run to run")
    return Seeded(ingest, failed.id, running.id, done[0].id)


def pages(client: PlatformClient, seeded: Seeded) -> Iterator[tuple[str, str]]:
    """Name and path of every page."""
    yield "home", ""
    yield "runs", "/runs"
    yield "run-failed", f"/runs/{seeded.failed}"
    yield "run-running", f"/runs/{seeded.running}"
    yield "flows", "/flows"
    yield "flow", f"/flows/{seeded.flow}"
    for name in ("resources", "jupyter", "agents", "clusters", "secrets", "sizes", "usage", "tokens"):
        yield name, f"/{name}"
    yield "recipe", "/resources/new-from-recipe"
    yield "agent", "/resources/prefect-agent/local"
    yield "agent-edit", "/resources/prefect-agent/local/edit"
    for kind in ("jupyter-server", "prefect-agent", "dask-cluster"):
        yield f"{kind}-new", f"/resources/new/{kind}"
    yield "not-found", "/nothing/here"


def shoot(browser: Browser, client: PlatformClient, seeded: Seeded) -> None:
    for look, (dark, width, height) in LOOKS.items():
        one = visitor(browser, client.url, dark=dark, width=width, height=height)
        sign_in(one, client)
        for name, path in pages(client, seeded):
            one.go(f"/p/default{path}")
            one.page.wait_for_load_state("domcontentloaded")
            one.page.locator("main").wait_for()
            expect(one.page.locator(".pp-skeleton, .pp-log-empty")).to_have_count(0)
            one.page.wait_for_timeout(300)  # fonts and the first frame of charts
            one.page.screenshot(path=OUT / f"{name}-{look}.png", full_page=True)
            if picture := IN_DOCS.get(f"{name}-{look}"):
                one.page.screenshot(path=ROOT / "docs" / "images" / f"{picture}.png")
        print(look, *one.complaints, sep="\n  ")
        one.context.close()


def main() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    OUT.mkdir(parents=True, exist_ok=True)
    with embedded(HOME) as platform, chromium() as browser, platform.client() as client:
        seeded = seed(platform)
        shoot(browser, client, seeded)
        client.runs.cancel(seeded.running)
        until(lambda: client.runs.get(seeded.running).status in FINAL, 60, "the last run to end")
    print(f"Look at {OUT}")


if __name__ == "__main__":
    sys.exit(main())
