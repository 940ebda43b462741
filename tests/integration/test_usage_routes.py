"""Usage over HTTP: JSON, CSV that a spreadsheet opens safely, and what is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from prefect_platform.names import new_id
from prefect_platform.server.db.tables import FlowRow, WorkloadRow
from prefect_platform.testing.live_server import LiveServer, live_server
from tests import server_calls

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ['=HYPERLINK("http://x","y")', "+1", "-2+3", "@SUM(A1)", "  =1+1", 'plain, "quoted"', "＝1", "étl"]  # noqa: RUF001


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        found.call(fill(found))
        yield found


async def fill(server: LiveServer) -> None:
    """One hour of a flow of every name."""
    project, owner = await server_calls.project_id(server.parts), await server_calls.owner(server.parts)
    async with server.parts.database.session() as session:
        for number, name in enumerate(NAMES):
            flow = FlowRow(
                id=f"fl-{number}", project_id=project, identity=str(number), name=name,
                owner_id=str(owner.user_id), created_at=DAY, updated_at=DAY,
            )  # fmt: skip
            workload = WorkloadRow(
                id=new_id("wl"), kind="run-attempt", project_id=project, target="running", status="succeeded",
                cores=2.0, memory_bytes=1 << 30, grace_seconds=1.0, priority=0, handle={}, steps=[],
                flow_id=flow.id, created_at=DAY, removed_at=DAY,
                admitted_at=DAY, ended_at=DAY + timedelta(hours=1),
                price_per_hour=0.00001 if number == 0 else None,
            )  # fmt: skip
            session.add_all([flow, workload])


def get(server: LiveServer, token: str | None = None, accept: str = "*/*", **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token or server.token}", "Accept": accept}
    query = {"since": "2026-03-01", "until": "2026-03-02", **params}
    return httpx.get(f"{server.url}/api/v1/projects/default/usage", params=query, headers=headers)


def test_json_says_what_it_is_of(server: LiveServer) -> None:
    answer = get(server, by="flow,day", timezone="Europe/Paris").json()
    assert answer["since"] == "2026-02-28T23:00:00Z"
    assert (answer["by"], answer["timezone"], answer["project"]) == (
        ["flow", "day"],
        "Europe/Paris",
        "default",
    )
    assert len(answer["rows"]) == len(NAMES)
    assert answer["rows"][0] == {
        "flow": "  =1+1", "run": None, "run_name": None, "user": None, "size": None, "kind": None,
        "day": "2026-03-01", "hours": 1.0, "core_hours": 2.0, "memory_gib_hours": 1.0,
        "gpu_hours": 0.0, "price": None, "unpriced_hours": 1.0,
    }  # fmt: skip
    assert answer["total"] == {
        "hours": 8.0, "core_hours": 16.0, "memory_gib_hours": 8.0, "gpu_hours": 0.0, "price": 0.00001,
        "unpriced_hours": 7.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "params", "as_csv"),
    [
        ("text/csv", {}, True), ("*/*", {"format": "csv"}, True), ("text/csv", {"format": "json"}, False),
        ("application/json, text/csv;q=0.5", {}, False), ("text/csv, */*;q=0.1", {}, True),
        ("TEXT/CSV; header=present", {}, True), ("text/csv;q=0", {}, False), ("text/csv;q=x", {}, True),
        ("text/html,*/*", {}, False), (",;,", {}, False), ("application/json", {}, False),
    ],
)  # fmt: skip
def test_the_format_that_is_asked_for(
    server: LiveServer, accept: str, params: dict[str, str], as_csv: bool
) -> None:
    answer = get(server, accept=accept, **params)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv" if as_csv else "application/json")


def test_csv_is_rfc_4180_and_no_name_is_a_formula(server: LiveServer) -> None:
    answer = get(server, format="csv", by="flow,day")
    assert answer.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    lines = answer.text.split("\r\n")
    assert lines[0] == "flow,day,hours,core_hours,memory_gib_hours,gpu_hours,price,unpriced_hours"
    assert lines[-1] == ""
    assert "\n" not in "".join(lines)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert {row["flow"] for row in rows} == {
        "'" + NAMES[0], "'+1", "'-2+3", "'@SUM(A1)", "'  =1+1", 'plain, "quoted"', "'＝1", "étl",  # noqa: RUF001
    }  # fmt: skip
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    told = {row["flow"]: (row["hours"], row["price"]) for row in rows}
    assert told["étl"] == ("1.000000", "")
    assert told['\'=HYPERLINK("http://x","y")'] == ("1.000000", "0.000010")


def test_runs_have_their_id_and_their_name(server: LiveServer) -> None:
    assert get(server, format="csv", by="run").text.startswith("run,run_name,hours,")


def test_by_may_stand_several_times(server: LiveServer) -> None:
    where = f"{server.url}/api/v1/projects/default/usage?by=kind&by=size,kind&by=day&since=2026-03-01"
    answer = httpx.get(where, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.json()["by"] == ["kind", "size", "day"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"by": "flwo"}, "Did you mean 'flow'?"),
        ({"timezone": "Europe/Pari"}, "Did you mean 'Europe/Paris'?"),
        ({"since": "2026-04-01"}, "ends before it begins"),
        ({"since": "soon"}, "give a date such as 2026-11-01"),
        ({"format": "cvs"}, "Did you mean 'csv'?"),
    ],
)
def test_what_is_refused(server: LiveServer, params: dict[str, str], said: str) -> None:
    answer = get(server, **params)
    assert (answer.status_code, answer.json()["code"]) == (422, "usage")
    assert said in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


def test_members_alone_are_answered(server: LiveServer) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    made = httpx.post(f"{server.url}/api/v1/users", headers=headers, json={"name": "eve"}).json()
    assert get(server, made["secret"]).status_code == 404
    assert get(server, made["secret"], format="csv").status_code == 404
    members = f"{server.url}/api/v1/projects/default/members"
    httpx.put(members, headers=headers, json={"user": "eve", "role": "member"}).raise_for_status()
    assert get(server, made["secret"]).status_code == 200


def test_the_description_tells_of_csv(server: LiveServer) -> None:
    described = httpx.get(f"{server.url}/api/v1/openapi.json").json()
    answer = described["paths"]["/api/v1/projects/{project}/usage"]["get"]["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "text/csv"}
