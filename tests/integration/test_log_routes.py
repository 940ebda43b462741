"""Logs over HTTP: a real server, launchers that append, people who read, follow and download."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from prefect_platform.client.logs import Logs
from prefect_platform.client.settings import connect
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import (
    AttemptRow,
    FlowRow,
    ProjectRow,
    RunRow,
    UserRow,
    WorkloadRow,
)
from prefect_platform.server.services import tokens
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.logs import MAX_APPEND_BYTES, AppendAnswer, LogChunk
from prefect_platform.wire.runs import Status
from prefect_platform.wire.tokens import TokenKind
from tests.server_scene import version_row


@dataclass
class Launcher:
    """What a launcher does with one source, as plainly as can be."""

    server: LiveServer
    workload_id: str
    run_id: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def url(self, rest: str = "") -> str:
        return f"{self.server.url}/api/v1/workloads/{self.workload_id}/logs{rest}"

    def append(self, offset: int, data: bytes, times: str = "", **headers: str) -> requests.Response:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        sent["Content-Range"] = f"bytes {offset}-{offset + len(data) - 1 if data else ''}/*"
        if times:
            sent["Log-Times"] = times
        return self.session.patch(self.url("/flow"), data=data, headers={**sent, **headers}, timeout=20)

    def seal(self, data: bytes) -> requests.Response:
        body = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.session.post(self.url("/flow/seal"), json=body, headers=headers, timeout=20)

    def get(self, rest: str = "", headers: dict[str, str] | None = None, **params: Any) -> requests.Response:
        sent = {**self.server.headers, **(headers or {})}
        return self.session.get(self.url(rest), headers=sent, params=params, timeout=20)

    def finish(self) -> None:
        async def write() -> None:
            async with self.server.parts.database.session() as session:
                row = await session.get(WorkloadRow, self.workload_id)
                assert row is not None
                row.status = Status.SUCCEEDED.value

        self.server.call(write())


async def make_launcher(server: LiveServer) -> Launcher:
    """A run with one running attempt, whose processes only the test knows."""
    parts, at = server.parts, server.parts.clock.now()
    run_id, workload_id, flow_id = new_id("run"), new_id("wl"), new_id("fl")
    async with parts.database.session() as session:
        project = (await session.scalars(select(ProjectRow))).one()
        user = (await session.scalars(select(UserRow))).first()
        assert user is not None
        common: dict[str, Any] = {"project_id": project.id, "created_at": at}
        session.add(
            FlowRow(
                id=flow_id,
                identity=flow_id.rjust(64, "0"),
                name="etl",
                owner_id=user.id,
                updated_at=at,
                **common,
            )
        )
        await session.flush()
        version = version_row(flow_id, project.id, user.id, 1.0, 1 << 30, "source")
        session.add(version)
        await session.flush()
        session.add(
            RunRow(id=run_id, flow_id=flow_id, version_id=version.id, name="otter", attempts=1, **common)
        )
        session.add(
            WorkloadRow(
                id=workload_id,
                kind="run-attempt",
                target="running",
                status="running",
                cores=1.0,
                memory_bytes=1 << 30,
                grace_seconds=5.0,
                priority=0,
                handle={},
                steps=[],
                removed_at=at,
                **common,
            )
        )
        await session.flush()
        session.add(
            AttemptRow(
                id=new_id("at"),
                project_id=project.id,
                run_id=run_id,
                workload_id=workload_id,
                version_id=version.id,
                number=1,
                pending_state_id="p",
            )
        )
        _, secret = await tokens.issue(
            session,
            parts,
            kind=TokenKind.WORKLOAD,
            label="launcher",
            project_id=project.id,
            subject_id=workload_id,
        )
    return Launcher(server, workload_id, run_id, secret)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server() as running:
        yield running


@pytest.fixture
def launcher(server: LiveServer) -> Launcher:
    return server.call(make_launcher(server))


@pytest.fixture
def reader(server: LiveServer) -> Logs:
    return connect(server.url, server.token).logs


def test_an_append_is_accepted_and_a_wrong_offset_told(launcher: Launcher) -> None:
    answer = launcher.append(0, b"abc\n", "0:1000,2:2000")
    assert answer.status_code == 202
    assert AppendAnswer(**answer.json()) == AppendAnswer(size=4, interval=0.25, stop=False)
    assert launcher.append(4, b"").json()["size"] == 4
    wrong = launcher.append(9, b"x")
    assert wrong.status_code == 416
    assert wrong.headers["content-type"] == "application/problem+json"
    assert AppendAnswer(**wrong.json()["data"]).size == 4
    assert launcher.get("/flow", start=0).json()["at"] == "1970-01-01T00:00:01Z"


def test_what_a_launcher_let_through_is_masked_and_sealed(launcher: Launcher) -> None:
    secret = "canary-of-the-routes"
    launcher.server.parts.log_masks.given(launcher.workload_id, [secret])
    data = f"it is {secret}\n".encode()
    assert launcher.append(0, data[:12]).status_code == 202
    assert launcher.append(12, data[12:]).json()["size"] == len(data)
    masked = b"it is " + b"*" * len(secret) + b"\n"
    assert launcher.get("/flow/raw").content == masked
    sealed = launcher.seal(data)
    assert sealed.status_code == 200
    assert sealed.json()["sha256"] == hashlib.sha256(masked).hexdigest()


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Range": "bytes 0-9/*"}, b"abc"),
        ({"Content-Range": "bytes 0-/*"}, b"abc"),
        ({"Content-Range": "bytes 0-2/3"}, b"abc"),
        ({"Content-Range": "bytes -1-2/*"}, b"abc"),
        ({"Content-Range": ""}, b"abc"),
        ({"Log-Times": "1:5"}, b"abc"),
        ({"Log-Times": "0:5,0:6"}, b"abc"),
        ({"Log-Times": "0:5,3:6"}, b"abc"),
        ({"Log-Times": "0:99999999999999999"}, b"abc"),
        ({"Log-Times": "yesterday"}, b"abc"),
    ],
)
def test_headers_that_do_not_fit_are_refused(
    launcher: Launcher, headers: dict[str, str], body: bytes
) -> None:
    answer = launcher.append(0, body, **headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "usage")
    assert launcher.append(0, b"").json()["size"] == 0


def test_a_body_over_its_bound_is_refused(launcher: Launcher) -> None:
    assert launcher.append(0, b"x" * MAX_APPEND_BYTES).status_code == 202
    answer = launcher.append(MAX_APPEND_BYTES, b"x" * (MAX_APPEND_BYTES + 1))
    assert (answer.status_code, answer.json()["data"]) == (413, {"limit": MAX_APPEND_BYTES})


def test_a_source_with_a_strange_name_is_refused(launcher: Launcher) -> None:
    for name in ("/..%2f..%2fetc", "/A", "/a.b"):
        headers = {"Authorization": f"Bearer {launcher.token}", "Content-Range": "bytes 0-0/*"}
        answer = launcher.session.patch(launcher.url(name), data=b"x", headers=headers, timeout=20)
        assert answer.status_code in (404, 422)


def test_another_launcher_may_not_write_here(server: LiveServer, launcher: Launcher) -> None:
    other = server.call(make_launcher(server))
    mine, launcher.token = launcher.token, other.token
    assert launcher.append(0, b"x").status_code == 404
    assert launcher.seal(b"").status_code == 404
    headers = {"Authorization": f"Bearer {other.token}"}
    assert launcher.get(headers=headers).status_code == 404
    assert launcher.get(headers={"Authorization": f"Bearer {mine}"}).json() == []


def test_a_sealed_log_is_downloaded_whole_and_in_ranges(launcher: Launcher) -> None:
    data = bytes(range(256)) * 3000
    launcher.append(0, data)
    assert launcher.seal(data).json()["sealed_at"] is not None
    whole = launcher.get("/flow/raw")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"] == f'attachment; filename="{launcher.workload_id}-flow.log"'
    for header, start, end in (("5-9", 5, 10), ("700000-", 700_000, 768_000), ("-7", 767_993, 768_000)):
        part = launcher.get("/flow/raw", {"Range": f"bytes={header}"})
        assert (part.status_code, part.content) == (206, data[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/768000"
    beyond = launcher.get("/flow/raw", {"Range": "bytes=768000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */768000")
    for header in ("bytes=9-5", "bytes=0-1,5-6", "lines=1-2"):
        assert launcher.get("/flow/raw", {"Range": header}).status_code == 200
    changed = {"Range": "bytes=0-1", "If-Range": '"another"'}
    assert launcher.get("/flow/raw", changed).status_code == 200
    same = {"Range": "bytes=0-1", "If-Range": whole.headers["etag"]}
    assert launcher.get("/flow/raw", same).status_code == 206


def test_a_wrong_seal_is_refused(launcher: Launcher) -> None:
    launcher.append(0, b"abc")
    assert launcher.seal(b"abcd").status_code == 416
    assert launcher.seal(b"abd").json()["code"] == "digest-mismatch"
    assert launcher.seal(b"abc").status_code == 200
    assert launcher.seal(b"abc").status_code == 200
    assert launcher.append(3, b"d").json()["code"] == "conflict"


def test_the_client_reads_what_the_launcher_wrote(launcher: Launcher, reader: Logs) -> None:
    data = "".join(f"{n} €\n" for n in range(5000)).encode()
    launcher.append(0, data)
    assert reader.read(launcher.workload_id, "flow", line=4000, count=1).text == "4000 €\n"
    assert reader.read(launcher.workload_id, "flow", tail=1).text == "4999 €\n"
    assert reader.raw(launcher.workload_id, "flow") == data
    (info,) = reader.sources(launcher.run_id)
    assert (info.source, info.lines, info.sealed_at) == ("flow", 5000, None)


def test_a_run_is_followed_while_it_writes(launcher: Launcher, reader: Logs) -> None:
    found: list[LogChunk] = []
    thread = threading.Thread(target=lambda: found.extend(reader.follow(launcher.run_id)))
    thread.start()
    data = b"".join(b"line %d\n" % n for n in range(3000))
    for start in range(0, len(data), 5000):
        launcher.append(start, data[start : start + 5000])
    deadline = time.monotonic() + 20
    while launcher.append(len(data), b"").json()["interval"] != 0.05:
        assert time.monotonic() < deadline, "nobody was seen to watch"
    launcher.seal(data)
    launcher.finish()
    thread.join(20)
    assert not thread.is_alive()
    assert "".join(chunk.text for chunk in found).encode() == data
    assert launcher.append(len(data), b"").status_code == 409


def test_a_reader_that_is_gone_watches_no_more(launcher: Launcher) -> None:
    launcher.append(0, b"x\n")
    url = launcher.url("/flow/live")
    answer = requests.get(url, headers=launcher.server.headers, stream=True, timeout=20)
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.iter_lines(chunk_size=1)
    assert next(lines) == b"id: 2"
    assert launcher.append(2, b"").json()["interval"] == 0.05
    answer.close()
    deadline = time.monotonic() + 20
    while launcher.append(2, b"").json()["interval"] != 0.25:
        assert time.monotonic() < deadline, "the reader is gone and still counts"


@pytest.mark.slow
def test_fifty_megabytes_a_second(launcher: Launcher, tmp_path: Path) -> None:
    """A floor far below the goal, so that only a broken path falls through it."""
    data = (b"x" * 99 + b"\n") * (MAX_APPEND_BYTES // 100)
    start, size = time.perf_counter(), 0
    for _ in range(20):
        size = launcher.append(size, data, f"{size}:1000").json()["size"]
    assert size == 20 * len(data)
    assert size / 1e6 / (time.perf_counter() - start) > 10
