"""Prefect's JSON, as its answers really look."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect_platform.agent.flow_run import read_flow_run

POLLED = {
    "id": "cfcdacbb-8364-4167-9903-e9a078e56eec",
    "name": "bold-squid",
    "state_id": "01a1fc28-c0fe-7300-9f22-3efcae1432e0",
    "state_type": "SCHEDULED",
    "state_name": "Scheduled",
    "state": None,
    "deployment_id": "eb1f86ba-1754-4db9-946f-89a42a052b2c",
    "work_queue_id": "da43d42f-46e3-4dde-a142-cdf7f7ac1446",
    "empirical_policy": {"retry_type": None},
    "parent_task_run_id": None,
    "expected_start_time": "2026-11-21T03:31:31.697216Z",
    "next_scheduled_start_time": "2026-11-21T03:31:31.697216Z",
    "infrastructure_pid": None,
    "created_by": {"id": "x", "type": "SCHEDULE", "display_value": "every day"},
    "job_variables": {},
}
STATE = {
    "id": "s",
    "type": "PAUSED",
    "name": "Suspended",
    "timestamp": "2026-11-21T03:31:31",
    "message": None,
    "state_details": {"pause_reschedule": True, "transition_id": "t"},
}


def test_a_polled_run_has_its_state_in_short() -> None:
    run = read_flow_run(POLLED)
    assert (run.state.id, run.state.type) == (POLLED["state_id"], "SCHEDULED")
    assert run.due == datetime(2026, 11, 21, 3, 31, 31, 697216, tzinfo=UTC)
    assert (run.started_by, run.queue_id) == ("every day", POLLED["work_queue_id"])


def test_a_run_that_was_read_has_its_whole_state() -> None:
    run = read_flow_run(POLLED | {"state": STATE, "empirical_policy": {"retry_type": "in_process"}})
    assert (run.state.suspended, run.state.transition_id, run.state.final) == (True, "t", False)
    assert run.state.at == datetime(2026, 11, 21, 3, 31, 31, tzinfo=UTC)
    assert run.retries_in_process
