"""What the page of a run shows beside its log: parameters, environment, and its start script in time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests
from playwright.sync_api import expect

from prefect_platform.client.settings import connect
from prefect_platform.server.db.tables import EnvironmentRow, FlowVersionRow, RunRow, WorkloadRow
from prefect_platform.server.services.environments import fingerprint
from prefect_platform.server.services.orchestrator_memory import CreatedRun, MemoryOrchestrator
from prefect_platform.testing.live_server import LiveServer
from prefect_platform.wire.environments import EnvironmentSpec
from tests.integration.test_log_routes import Launcher, make_launcher
from tests.ui.conftest import Visit
from tests.ui.scene import Visitor, sign_in, violations

SECRET = "correct-horse-battery"
PARAMETERS = {
    "day": "2013-01-05",
    "<img src=x onerror=alert(1)>": "<script>alert(2)</script> admin\u202etxt.exe\x1b[2J\u200b",
    "account": 9007199254740993,
    "query": "select *\n" + "-- a comment\n" * 80_000,
    "url": f"https://me:{SECRET}@host/",
    "regions": {"north": ["EWR", "LGA"], "east": ["JFK"], "west": {"a": {"b": "c" * 100}}},
    "months": list(range(1, 300)),
}
SPEC = EnvironmentSpec.model_validate(
    {
        "python_version": "3.11.7",
        "distributions": [{"name": name, "version": "1.0"} for name in ("numpy", "pandas", "old-one")],
        "variables": {"REGION": "never-shown"},
        "start_script": "apt-get install -y graphviz\necho '<b>ready</b>'",
    }
)
FOUND = {
    "executable": "/opt/py/bin/python", "python_version": "3.11.8", "implementation": "CPython",
    "platform": "Linux 6.1.0 x86_64", "fingerprint": "f" * 64, "packages": 3, "how": "as it is now",
    "differences": [
        {"package": "numpy", "registered": "1.0", "found": "2.4.6"},
        {"package": "old-one", "registered": "1.0", "found": None},
        {"package": "new<b>", "registered": None, "found": "0.1 (editable)"},
    ],
}  # fmt: skip
STEPS = ("environment-ready", "start-script-started", "start-script-ended", "engine-started", "running")


@dataclass
class Place:
    server: LiveServer
    launcher: Launcher

    def tell(self, what: str, document: dict[str, object]) -> None:
        url = f"{self.server.url}/api/v1/workloads/{self.launcher.workload_id}/{what}"
        headers = {"Authorization": f"Bearer {self.launcher.token}"}
        answer = requests.post(url, json=document, headers=headers, timeout=20)
        assert answer.ok, answer.text


async def starting(server: LiveServer, found: Launcher) -> None:
    """Its run is being started, of a version that was registered with an environment."""
    async with server.parts.database.session() as session:
        run = await session.get_one(RunRow, found.run_id)
        workload = await session.get_one(WorkloadRow, found.workload_id)
        run.status = workload.status = "starting"
        version = await session.get_one(FlowVersionRow, run.version_id)
        version.settings = {**version.settings, "environment": fingerprint(SPEC)}
        session.add(
            EnvironmentRow(
                id="en-1", project_id=run.project_id, fingerprint=fingerprint(SPEC),
                content=SPEC.model_dump(mode="json"), created_by=version.created_by,
                created_at=version.created_at,
            )
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(server: LiveServer) -> Place:
    found = Place(server, server.call(make_launcher(server)))
    run, prefect = found.launcher.run_id, server.parts.orchestrator
    assert isinstance(prefect, MemoryOrchestrator)
    prefect.set_state(run, "RUNNING")
    prefect.created[run] = CreatedRun("d-1", PARAMETERS, [], None)
    server.call(starting(server, found.launcher))
    with connect(url=server.url, token=server.token) as client:
        client.secrets.set("default", "db-password", SECRET)
    return found


def looked(place: Place) -> None:
    """Its launcher has found the environment, and told the promises."""
    place.tell("environment", FOUND)
    place.tell("promises", {"promises": []})


def opened(visit: Visit, place: Place, **look: object) -> Visitor:
    one = visit(place.server.url, **look)
    with connect(url=place.server.url, token=place.server.token) as client:
        sign_in(one, client)
    one.go(f"/p/default/runs/{place.launcher.run_id}")
    expect(one.page.get_by_role("region", name="Parameters")).to_contain_text("2013-01-05")
    return one


def test_parameters_are_shown_as_what_they_are(place: Place, visit: Visit) -> None:
    one = opened(visit, place)
    card = one.page.get_by_role("region", name="Parameters")
    expect(card).to_contain_text("<img src=x onerror=alert(1)>")
    expect(card).to_contain_text(r"<script>alert(2)</script> admin\u202etxt.exe\u001b[2J\u200b")
    expect(card).to_contain_text("9007199254740993")
    expect(card).to_contain_text(f"https://me:{'*' * len(SECRET)}@host/")
    expect(card).to_contain_text("1,023,625 more characters are not shown here.")
    assert SECRET not in one.page.content()
    assert len(card.inner_text()) < 5000
    card.get_by_role("button", name="All 16,384 characters").click()
    expect(card.locator("pre")).to_contain_text("select *\n-- a comment")
    card.get_by_text("list of 299").click()
    card.get_by_role("button", name="Show 199 more").click()
    expect(card.get_by_text("200", exact=True)).to_be_visible()
    one.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.get_by_role("button", name="Copy").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    copied = one.page.evaluate("navigator.clipboard.readText()")
    assert '"account": 9007199254740993' in copied
    assert SECRET not in copied


def test_what_its_launcher_tells_is_seen_without_a_reload(place: Place, visit: Visit) -> None:
    one = opened(visit, place)
    card = one.page.get_by_role("region", name="Environment")
    expect(card).to_contain_text("Compared with what was registered when the run starts.")
    looked(place)
    with connect(url=place.server.url, token=place.server.token) as client:
        begun = client.runs.get(place.launcher.run_id).attempt_list[0].workload.created_at
    for number, name in enumerate(STEPS, 1):
        at = (begun + timedelta(seconds=number / 10)).isoformat()
        place.tell("steps", {"name": name, "at": at, "detail": None})
    lane = one.page.get_by_role("region", name="Timeline").get_by_role("img", name="flow:")
    said = re.compile("flow: queued 0.2 s, start script 0.2 s, imports 0.1 s, running")
    expect(lane).to_have_accessible_name(said)
    expect(card).to_contain_text("3 packages differ")
    expect(card).to_contain_text("CPython 3.11.7 → CPython 3.11.8")
    expect(card).to_contain_text("REGION")
    rows = [row.inner_text().split("\t") for row in card.get_by_role("row").all()[1:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["new<b>", "not installed", "0.1 (editable)"],
        ["numpy", "1.0", "2.4.6"],
        ["old-one", "1.0", "not installed"],
    ]
    card.get_by_text("All 4 packages").click()
    expect(card.get_by_role("row", name="pandas 1.0 1.0")).to_be_visible()
    card.get_by_text("Start script", exact=True).click()
    expect(card.locator("pre")).to_contain_text("echo '<b>ready</b>'")
    assert "never-shown" not in one.page.content()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_where_everything_is_open(place: Place, visit: Visit, dark: bool) -> None:
    looked(place)
    one = opened(visit, place, dark=dark)
    expect(one.page.get_by_text("3 packages differ")).to_be_visible()
    open_all(one)
    assert violations(one.page) == []


def test_it_fits_a_phone_with_everything_open(place: Place, visit: Visit) -> None:
    looked(place)
    one = opened(visit, place, width=360, height=740)
    expect(one.page.get_by_text("3 packages differ")).to_be_visible()
    open_all(one)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 360


def open_all(one: Visitor) -> None:
    for name in ("list of 299", "3 entries", "All 4 packages", "Start script"):
        summary = one.page.locator("summary", has_text=name)
        if not summary.evaluate("node => node.parentElement.open"):
            summary.click()
    one.page.get_by_role("button", name="All 16,384 characters").click()


def test_parameters_that_prefect_has_lost_are_no_error(place: Place, visit: Visit) -> None:
    other = place.server.call(make_launcher(place.server))
    one = opened(visit, place)
    one.go(f"/p/default/runs/{other.run_id}")
    expect(one.page.get_by_text("Prefect does not know this run any more")).to_be_visible()
    expect(one.page.get_by_text("None was captured")).to_be_visible()
