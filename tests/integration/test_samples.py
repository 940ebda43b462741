"""What a run used, over HTTP: in few points, whatever stands in the source, and no log for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from prefect_platform.client.settings import connect
from prefect_platform.errors import NotFound, UsageError
from prefect_platform.server.db.tables import RunRow
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.launch import SAMPLES_SOURCE
from tests.integration.test_log_routes import Launcher, make_launcher

AT = 1_795_819_080_000


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as found:
        yield found


@pytest.fixture
def launcher(server: LiveServer) -> Launcher:
    return server.call(make_launcher(server))


def write(launcher: Launcher, data: bytes, source: str = SAMPLES_SOURCE) -> None:
    headers = {"Authorization": f"Bearer {launcher.token}", "Content-Range": f"bytes 0-{len(data) - 1}/*"}
    answer = launcher.session.patch(launcher.url(f"/{source}"), data=data, headers=headers, timeout=20)
    assert answer.status_code == 202, answer.text


def read(launcher: Launcher, **params: object) -> dict[str, Any]:
    url = f"{launcher.server.url}/api/v1/workloads/{launcher.workload_id}/samples"
    answer = requests.get(url, headers=launcher.server.headers, params=params, timeout=20)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines(*each: str) -> bytes:
    return "".join(f"{AT + 2000 * number} {one}\n" for number, one in enumerate(each)).encode()


def test_every_sample_where_there_are_few(launcher: Launcher) -> None:
    write(launcher, lines("1250 1073741824 - -", "0 4096 37 8589934592"))
    found = read(launcher)
    assert (found["cores"], found["memory_bytes"], found["gpus"]) == (1.0, 1 << 30, 0)
    assert found["points"] == [
        {
            "at": "2026-11-27T22:38:00Z",
            "cores": 1.25,
            "memory_bytes": 1 << 30,
            "gpu_percent": None,
            "gpu_memory_bytes": None,
        },
        {
            "at": "2026-11-27T22:38:02Z",
            "cores": 0.0,
            "memory_bytes": 4096,
            "gpu_percent": 37.0,
            "gpu_memory_bytes": 8589934592,
        },
    ]


def test_fewer_points_keep_means_and_peaks(launcher: Launcher) -> None:
    each = [
        f"{1000 * (number % 2)} {9000 if number == 777 else 10} {number % 101} 5" for number in range(1000)
    ]
    write(launcher, lines(*each))
    points = read(launcher, points=10)["points"]
    assert len(points) == 10
    assert {one["cores"] for one in points} == {0.5}
    assert [one["memory_bytes"] for one in points] == [10] * 7 + [9000] + [10] * 2
    assert points[-1]["at"] == "2026-11-27T23:11:18Z"
    assert len(read(launcher, points=300)["points"]) == 250, "each of four, as there are none in between"
    assert len(read(launcher, points=2000)["points"]) == 1000


def test_none_yet(launcher: Launcher) -> None:
    assert read(launcher)["points"] == []


@pytest.mark.parametrize(
    "line",
    [
        b"", b"1795819080000", b"1795819080000 1 1 1 1 1", b"1795819080000 -1 1 - -", b"x 1 1 - -",
        b"1795819080000 1e9 1 - -", b"99999999999999999999 1 1 - -", b"1795819080000 1 1 9999 -",
        b"1795819080000 1 99999999999999999999999 - -", b"\xff\x00 \x1b[31m", b"*************  1 1 - -",
        b"1795819080000  1 1 - -", b"1795819080000 \xd9\xa1 1 - -",
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_sample_is_left_out(launcher: Launcher, line: bytes) -> None:
    write(launcher, line + b"\n" + lines("500 10 - -") + line)
    assert [one["cores"] for one in read(launcher)["points"]] == [0.5]


@pytest.mark.parametrize("points", [9, 2001, -1, 0])
def test_points_are_bounded(server: LiveServer, launcher: Launcher, points: int) -> None:
    with connect(url=server.url, token=server.token) as client, pytest.raises(UsageError, match="points"):
        client.logs.samples(launcher.workload_id, points=points)


def test_of_nobody(server: LiveServer) -> None:
    with connect(url=server.url, token=server.token) as client, pytest.raises(NotFound, match="wl-none"):
        client.logs.samples("wl-none")


def test_it_is_no_log_for_people(server: LiveServer, launcher: Launcher) -> None:
    write(launcher, lines("500 10 - -"))
    write(launcher, b"ERROR 500 of the flow\n", "flow")
    with connect(url=server.url, token=server.token) as client:
        assert [one.cores for one in client.logs.samples(launcher.workload_id).points] == [0.5]
        assert [one.source for one in client.logs.sources(launcher.run_id)] == ["flow"]
        assert [one.source for one in client.logs.workload_sources(launcher.workload_id)] == ["flow"]
        with pytest.raises(NotFound, match=r"Its sources: flow\."):
            client.logs.read(launcher.workload_id, "nothing")
        assert launcher.seal(b"ERROR 500 of the flow\n").ok
        launcher.finish()
        server.call(over(server, launcher.run_id))
        followed = {chunk.source for chunk in client.logs.follow(launcher.run_id)}
    assert followed == {"flow"}


async def over(server: LiveServer, run_id: str) -> None:
    async with server.parts.database.session() as session:
        row = await session.get_one(RunRow, run_id)
        row.status, row.ended_at = "succeeded", server.parts.clock.now()
