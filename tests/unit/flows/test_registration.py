# ruff: noqa: E501 - tables of cases read best one a line
"""What `register` gives back is calm to look at, and its runs ask the platform at every look."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.flows.registration import Registration, Run, readable
from prefect_platform.wire import runs as wire
from prefect_platform.wire.flows import BundleFile, RunRequest
from prefect_platform.wire.promises import Promise, PromiseName
from prefect_platform.wire.runs import Status

AT = datetime(2026, 1, 1, tzinfo=UTC)


def wire_run(
    status: Status | None = None, prefect: str | None = "Scheduled", *, over: bool = False
) -> wire.Run:
    return wire.Run(
        id="r-1", name="brave-otter", project="default", flow_id="fl-1", flow_name="etl", deployment_name="nightly",
        version_id="fv-1", version_number=1, status=status, prefect_state=prefect, reason="why" if over else None,
        attempts=0, created_at=AT, started_at=None, ended_at=AT if over else None, queued_seconds=None, url="http://p/r-1",
    )  # fmt: skip


class FakePlatform:
    """As much of a client as a run needs; `looks` are what each look at the run finds."""

    def __init__(self, *looks: wire.Run) -> None:
        self.looks = list(looks)
        self.requests: list[RunRequest] = []
        self.cancelled: list[str] = []
        self.written = [("one\n", "flow"), ("two\n", "flow")]
        self.flows = self.runs = self
        self.logs = SimpleNamespace(
            follow=lambda _: iter(SimpleNamespace(text=t, source=s) for t, s in self.written),
            sources=lambda _: [
                SimpleNamespace(workload_id="w", source=s, removal="") for s in ("launcher", "flow")
            ],
            raw=lambda _, source: f"{source} says \xff\n".encode("latin-1"),
        )

    def run(self, _flow_id: str, request: RunRequest) -> wire.Run:
        self.requests.append(request)
        return self.looks[0]

    def get(self, _run_id: str) -> wire.Run:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def cancel(self, run_id: str, reason: str) -> wire.Run:
        self.cancelled.append(f"{run_id}: {reason}")
        return self.looks[0]


def registration(client: Any, **changes: Any) -> Registration:
    values: dict[str, Any] = {
        "flow_name": "etl", "deployment_name": "nightly", "project": "default", "version": 3,
        "url": "http://prefect/d?a=1&b=2", "flow_id": "fl-1", "version_id": "fv-1", "deployment_id": "d-1", "created": True,
        "changes": ["code: etl.py changed"], "notes": ["<b>careful</b>"], "schedules": ["cron 0 2 * * *"],
        "files": [BundleFile(path="etl.py", size=2048, sha256="a" * 64)], "parameters": ["day", "n"],
    }  # fmt: skip
    return Registration(**(values | changes), client=client)


def run(*looks: wire.Run) -> tuple[Run, FakePlatform]:
    client = FakePlatform(*looks)
    return Run(looks[0], client), client  # type: ignore[arg-type]


def test_it_shows_what_matters() -> None:
    shown = repr(registration(None))
    for words in (
        "etl/nightly",
        "3 (new)",
        "code: etl.py changed",
        "cron 0 2",
        "etl.py (2.0 KiB)",
        "http://prefect/d",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("created", "deployment", "shown"),
    [
        (True, "changed", "3 (new)"),
        (False, "unchanged", "3 (unchanged)"),
        (False, "changed", "3 (unchanged, the deployment is changed)"),
        (False, "new", "3 (unchanged, the deployment is new)"),
    ],
)
def test_it_says_what_became_of_version_and_deployment(created: bool, deployment: str, shown: str) -> None:
    made = registration(None, created=created, deployment_change=deployment)
    assert ("version", shown) in made.rows()


def test_its_page_is_safe_html() -> None:
    page = registration(None)._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;careful" in page
    assert "href='http://prefect/d?a=1&amp;b=2'" in page


def test_a_run_takes_the_flows_parameters_only() -> None:
    client = FakePlatform(wire_run())
    made = registration(client)
    assert made.run(n=2).id == "r-1"
    assert client.requests == [RunRequest(deployment_name="nightly", parameters={"n": 2})]
    with pytest.raises(UsageError, match=r"no parameter 'dya'. Did you mean 'day'"):
        made.run(dya=1)
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        made.run(n=object())
    assert len(client.requests) == 1


def test_wait_ends_with_the_run() -> None:
    found, _ = run(
        wire_run(), wire_run(Status.RUNNING, "Running"), wire_run(Status.FAILED, "Failed", over=True)
    )
    assert found.wait(timeout=5) == "failed"
    assert found.reason == "why"


def test_a_suspended_run_is_not_over() -> None:
    found, _ = run(wire_run(Status.SUCCEEDED, "Suspended"))
    with pytest.raises(TimeoutError, match=r"suspended after 0 s. It goes on"):
        found.wait(timeout=0)


def test_a_run_cancelled_before_its_start_is_over() -> None:
    found, client = run(wire_run(None, "Cancelled", over=True))
    assert found.cancel("not needed") == "cancelled"
    assert client.cancelled == ["r-1: not needed"]
    assert found.wait(timeout=0) == "cancelled"


def test_follow_shows_the_log_and_the_end() -> None:
    found, _ = run(wire_run(Status.SUCCEEDED, "Completed", over=True))
    out = io.StringIO()
    assert found.follow(out) == "succeeded"
    assert out.getvalue() == "one\ntwo\nRun brave-otter: succeeded: why\n"


def test_follow_keeps_the_lines_of_sources_apart() -> None:
    found, client = run(wire_run(Status.SUCCEEDED, "Completed", over=True))
    client.written = [("half ", "flow"), ("a line", "flow"), ("Ended.\n", "launcher"), ("\r50%", "flow")]
    out = io.StringIO()
    found.follow(out)
    assert out.getvalue() == "half a line\nEnded.\n\r50%\nRun brave-otter: succeeded: why\n"


def test_interrupting_follow_leaves_the_run_alone() -> None:
    found, client = run(wire_run(Status.RUNNING, "Running"))

    def interrupted(_: str) -> Any:
        raise KeyboardInterrupt
        yield

    client.logs.follow = interrupted
    out = io.StringIO()
    assert found.follow(out) == "running"
    assert "goes on" in out.getvalue()
    assert client.cancelled == []


def test_logs_are_whole_or_of_one_source() -> None:
    found, _ = run(wire_run())
    assert found.logs() == "launcher says \ufffd\nflow says \ufffd\n"
    assert found.logs(source="flow").startswith("flow says")
    with pytest.raises(UsageError, match=r"no log 'flwo'. Did you mean 'flow'"):
        found.logs(source="flwo")


def test_sizes_for_people() -> None:
    assert [readable(n) for n in (5, 2048, 300 << 20, 5 << 30)] == ["5 B", "2.0 KiB", "300 MiB", "5.0 GiB"]


def test_the_promises_are_those_of_the_last_attempt() -> None:
    kept = Promise(name=PromiseName.CODE, kept=True, summary="all of it")
    attempts = [SimpleNamespace(workload=SimpleNamespace(promises=found)) for found in (None, [kept])]
    for looked, told in ((attempts, [kept]), (attempts[:1], []), ([], [])):
        detail = wire.RunDetail.model_construct(id="r-1", attempt_list=looked)
        assert run(detail)[0].promises == told
