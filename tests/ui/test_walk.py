"""From a notebook cell to the reason of a failure, in a browser, with everything real behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import expect

from prefect_platform.testing.embedded import Embedded, embedded
from tests.ui.conftest import Visit
from tests.ui.scene import register, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CELL = """
import time
from prefect import flow, task
from prefect_platform import register

@task
def region_of(row):
    return row["region"]

@flow(log_prints=True)
def regions(rows: int = 2, patience: float = 0.0):
    for n in range(rows):
        print("row", n, region_of({"region": "north"}))
        time.sleep(patience)
    return region_of({"sku": "B-7"})

register(regions, name="by-hand")
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("walk")) as found:
        yield found


def run_cell(platform: Embedded, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in platform.environment.items():
        if name.startswith(("XDG_", "PREFECT_PLATFORM_")):
            monkeypatch.setitem(os.environ, name, value)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def test_from_a_notebook_to_the_line_that_failed(
    platform: Embedded, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform.client() as client:
        one = visit(client.url)
        sign_in(one, client)
    page = one.page
    expect(page.get_by_text("No flow is registered yet.")).to_be_visible()
    run_cell(platform, tmp_path, monkeypatch)
    page.get_by_role("link", name="regions").click()  # it appeared without a reload
    page.get_by_role("button", name="Run now").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("rows").fill("1")
    dialog.get_by_label("patience").fill("3")
    dialog.get_by_role("button", name="Run").click()
    page.wait_for_url("**/runs/**")
    expect(page.get_by_role("log")).to_contain_text("row 0 north", timeout=30_000)
    expect(page.get_by_role("main").get_by_text("failed", exact=True).first).to_be_visible(timeout=30_000)

    page.get_by_role("navigation").get_by_role("link", name="Home").click()
    page.get_by_role("link", name="Why").click()
    expect(page.get_by_role("region", name="What happened")).to_contain_text("KeyError: 'region'")
    page.get_by_role("button", name="First error").click()
    expect(page.locator(".line.marked")).to_contain_text("KeyError: 'region'")
    expect(page.get_by_text("6 of 6 kept")).to_be_visible()
    expect(page.get_by_role("region", name="Parameters").get_by_text("patience")).to_be_visible()
    expect(page.get_by_role("region", name="Environment")).to_contain_text("as registered")
    expect(page.get_by_text("sealed, nothing missing")).to_be_visible(timeout=15_000)


def test_a_run_is_followed_and_cancelled(platform: Embedded, visit: Visit) -> None:
    flow_id = register(platform, "many_lines", name="lines", cron="0 3 * * *")
    with platform.client() as client:
        one = visit(client.url)
        sign_in(one, client)
    page = one.page
    page.goto(f"{one.url}/flows/{flow_id}")
    schedules = page.get_by_role("region", name="Schedules")
    expect(schedules).to_contain_text("At 03:00, every day")
    schedules.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("The schedule is paused.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(schedules.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    schedules.get_by_role("button", name="Pause deployment").click()
    expect(schedules.get_by_text("paused", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").last.click()
    expect(schedules.get_by_role("button", name="Pause deployment")).to_be_visible()
    schedules.get_by_role("button", name="Pause deployment").click()
    expect(schedules.get_by_text("paused", exact=True)).to_be_visible()
    page.reload()  # it is Prefect that says so, not this page
    schedules.get_by_role("button", name="Resume deployment").click()
    expect(schedules.get_by_role("button", name="Pause deployment")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("lines").fill("100000")
    dialog.get_by_label("pause").fill("0.01")
    dialog.get_by_role("button", name="Run").click()
    expect(page.get_by_role("log")).to_contain_text("carrier UA", timeout=30_000)
    page.get_by_role("button", name="Cancel run").click()
    expect(page.get_by_text("The run is being cancelled.")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("cancelled", exact=True).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Cancel run")).to_have_count(0)
    expect(page.get_by_text("sealed, nothing missing")).to_be_visible(timeout=15_000)
