"""Agents against a real Prefect server, with the platform in memory: what a user, an engine, an outage
or a second agent can do to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from prefect_platform.agent.agent import PlatformAgent
from prefect_platform.errors import NoCapacity, NotFound, Unavailable, UsageError
from prefect_platform.testing.agent_world import Wire, World, until, world
from prefect_platform.wire.runs import Status
from prefect_platform.wire.work_pool import installation_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio, pytest.mark.timeout(120)]


# Claims


async def test_a_run_becomes_an_attempt(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        run = await w.start()
        attempt = await w.attempt(run)
        (request,) = w.platform.requests
        assert (request.flow_run_id, request.flow_version_id) == (run, "fv-1")
        assert request.prefect_deployment_id == w.deployment
        shown = await w.read(run)
        assert (shown["state"]["type"], shown["state"]["id"]) == ("PENDING", attempt.pending_state_id)
        await until(lambda: w.read(run), "the run")

        async def noted() -> bool:
            return (await w.read(run))["infrastructure_pid"] == attempt.id

        await until(noted, "the attempt to be shown as the run's infrastructure")


async def test_prefects_run_leads_to_its_page_on_the_platform(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        run = await w.start()
        await w.attempt(run)
        wanted = {"artifacts": {"flow_run_id": {"any_": [run]}}}

        async def artifacts() -> list[str]:
            return [one["data"] for one in await w.call("POST", "/artifacts/filter", wanted)]

        await until(artifacts, "the link to the platform's page")
        (text,) = await artifacts()
        assert f"(http://platform.example/runs/{run})" in text


async def test_an_event_wakes_long_before_the_next_poll(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent(poll_seconds=3600, sweep_seconds=3600) as agent:
        await until(lambda: agent.problems.sentence() is None, "the subscription")
        await w.attempt(await w.start())


async def test_two_agents_make_one_attempt_of_each_run(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent("ag-1"), w.agent("ag-2"):
        w.platform.slots = 100
        runs = [await w.start() for _ in range(20)]
        await w.platform.until(lambda: {a.flow_run_id for a in w.platform.attempts.values()} >= set(runs))
        assert len(w.platform.attempts) == len(w.platform.askers) == 20


async def test_no_more_is_claimed_than_there_is_room_for(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        w.platform.slots = 2
        runs = [await w.start() for _ in range(5)]
        async with w.agent() as agent:
            await w.platform.until(lambda: len(w.platform.attempts) == 2)
            await agent.look()
            await agent.idle()
            assert sorted([await w.state(run) for run in runs]) == ["Pending"] * 2 + ["Scheduled"] * 3
            first = next(iter(w.platform.attempts.values()))
            await w.propose(first.flow_run_id, "COMPLETED")
            w.platform.end(first.id, exit_code=0)
            await w.platform.until(lambda: len(w.platform.attempts) == 3)


async def test_an_unreachable_platform_means_that_nothing_is_taken(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent(poll_seconds=0.2) as agent:
        w.platform.refusal = Unavailable("The platform is asleep.")
        run = await w.start()
        await agent.look()
        await agent.idle()
        assert await w.state(run) == "Scheduled"
        assert "asleep" in (agent.problems.sentence() or "")
        w.platform.refusal = None
        await w.attempt(run)


async def test_a_lost_answer_does_not_make_a_second_attempt(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        w.platform.loses_answers = 2
        await w.attempt(await w.start())
        await w.platform.until(lambda: len(w.platform.requests) == 3)
        assert len(w.platform.attempts) == 1


async def test_what_the_platform_cannot_take_now_is_given_back(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        w.platform.ask_refusal = NoCapacity("No room for 64 GiB.")
        run = await w.start()
        due = (await w.read(run))["expected_start_time"]
        await w.platform.until(lambda: bool(w.platform.requests))
        shown = await w.until_state(run, "Scheduled")
        assert "No room for 64 GiB." in shown["state"]["message"]
        assert shown["next_scheduled_start_time"] == due
        w.platform.ask_refusal = None
        await w.attempt(run)


async def test_an_unknown_version_crashes_the_run_with_words(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        run = await w.start(await w.deploy("old", {"flow_version_id": "fv-gone"}))
        shown = await w.until_state(run, "Crashed")
        assert "fv-gone" in shown["state"]["message"]
        assert "register" in shown["state"]["message"]


async def test_a_deployment_that_names_no_version_is_left_alone(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent() as agent:
        lax = {"job_configuration": {"x": "{{ x }}"}, "variables": {"properties": {"x": {"type": "string"}}}}
        await w.call("PATCH", f"/work_pools/{w.pool}", {"base_job_template": lax})
        run = await w.start(await w.deploy("stray", {}))
        await until(lambda: "names no flow version" in (agent.problems.sentence() or ""), "the remark")
        await agent.look()
        await agent.idle()
        assert await w.state(run) == "Scheduled"
        await w.attempt(await w.start())  # and everything else goes on


async def test_another_projects_runs_are_left_to_its_agents(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent() as agent:
        theirs = await w.start(await w.deploy("theirs", {"flow_version_id": "fv-1", "project": "theirs"}))
        await w.attempt(
            await w.start(await w.deploy("ours", {"flow_version_id": "fv-1", "project": "default"}))
        )
        await agent.look()
        await agent.idle()
        assert await w.state(theirs) == "Scheduled"
        assert agent.problems.sentence() is None


async def test_a_paused_pool_and_its_limit_are_respected(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        await w.call("PATCH", f"/work_pools/{w.pool}", {"concurrency_limit": 1, "is_paused": True})
        runs = [await w.start() for _ in range(3)]
        async with w.agent() as agent:
            await agent.look()
            await agent.idle()
            assert not w.platform.requests
        await w.call("PATCH", f"/work_pools/{w.pool}", {"is_paused": False})
        await _one_at_a_time(w, runs)


async def _one_at_a_time(w: World, runs: list[str]) -> None:
    async with w.agent() as agent:
        await w.platform.until(lambda: len(w.platform.attempts) == 1)
        await agent.look()
        await agent.idle()
        assert len(w.platform.attempts) == 1
        first = w.platform.only()
        await w.propose(first.flow_run_id, "COMPLETED")
        await w.platform.until(lambda: len(w.platform.attempts) == 2)
        assert {a.flow_run_id for a in w.platform.attempts.values()} < set(runs)


# Runs that fall due


async def test_a_future_run_is_claimed_before_it_is_due_and_not_much(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent(poll_seconds=3600):
        due = datetime.now(UTC) + timedelta(seconds=5)
        run = await w.start(due=due)
        attempt = await w.attempt(run)
        assert timedelta(0) < due - attempt.workload.created_at < timedelta(seconds=3)
        verdict = await w.propose(run, "RUNNING")
        assert verdict["status"] == "WAIT"  # the engine sleeps until it is due


async def test_runs_of_a_schedule_are_claimed_before_they_are_due(prefect_server: str) -> None:
    """Prefect's scheduler makes them without any event; a scheduler that makes none shows here too."""
    async with world(prefect_server) as w, w.agent(poll_seconds=0.5):
        schedule = {"schedule": {"interval": 6}, "active": True}
        await w.deploy("often", schedules=[schedule])
        await w.platform.until(lambda: len(w.platform.attempts) >= 2, 60)
        last, request = list(w.platform.attempts.values())[-1], w.platform.requests[-1]
        assert request.expected_start is not None
        assert last.workload.created_at < request.expected_start


# Ends


async def test_an_end_that_the_engine_reported_is_settled(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        await w.propose(attempt.flow_run_id, "FAILED")
        w.platform.end(attempt.id, exit_code=0)
        assert (await w.settled(attempt)).status is Status.FAILED


async def test_exit_code_0_without_a_final_state_is_crashed(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        w.platform.end(attempt.id, exit_code=0, reason="Something called os._exit(0).")
        done = await w.settled(attempt)
        shown = await w.read(attempt.flow_run_id)
        assert (done.status, done.reason) == (Status.CRASHED, "Something called os._exit(0).")
        assert (shown["state"]["name"], shown["state"]["message"]) == (
            "Crashed",
            "Something called os._exit(0).",
        )


async def test_flows_nested_in_a_crashed_run_share_its_end(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        child = await _nested(w, attempt.flow_run_id)
        w.platform.end(attempt.id, signal=9)
        await w.until_state(child, "Crashed")


async def test_what_ended_without_an_agent_is_settled_by_the_next(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        async with w.agent():
            attempt = await w.running(await w.start())
        w.platform.end(attempt.id, signal=9)
        assert await w.state(attempt.flow_run_id) == "Running"
        async with w.agent("ag-2"):
            assert (await w.settled(attempt)).status is Status.CRASHED
        assert "SIGKILL" in (await w.read(attempt.flow_run_id))["state"]["message"]


async def test_suspend_and_resume_make_a_second_attempt(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        timeout = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        await w.propose(
            attempt.flow_run_id,
            "PAUSED",
            "Suspended",
            pause_reschedule=True,
            pause_timeout=timeout,
            pause_key="k",
        )
        w.platform.end(attempt.id, exit_code=0)
        assert (await w.settled(attempt)).status is Status.SUCCEEDED
        assert await w.state(attempt.flow_run_id) == "Suspended"
        await w.call("POST", f"/flow_runs/{attempt.flow_run_id}/resume", {})
        second = await w.attempt(attempt.flow_run_id, 2)
        assert second.pending_state_id != attempt.pending_state_id


async def test_a_retry_from_prefects_ui_makes_a_second_attempt(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        w.platform.end(attempt.id, signal=11)
        await w.settled(attempt)
        await w.propose(attempt.flow_run_id, "SCHEDULED", "AwaitingRetry")
        await w.attempt(attempt.flow_run_id, 2)


async def test_a_retry_whose_engine_died_waiting_goes_on_in_a_second_attempt(prefect_server: str) -> None:
    """Prefect offers such a run to no worker ever: it would hang for good."""
    async with world(prefect_server) as w, w.agent():
        policy = {"retries": 2, "retry_delay": 1}
        attempt = await w.attempt(await w.start(empirical_policy=policy))
        await w.propose(attempt.flow_run_id, "RUNNING")
        verdict = await w.propose(attempt.flow_run_id, "FAILED")
        assert (verdict["status"], verdict["state"]["name"]) == ("REJECT", "AwaitingRetry")
        w.platform.end(attempt.id, signal=9)
        await w.attempt(attempt.flow_run_id, 2)
        assert (await w.settled(attempt)).status is Status.CRASHED


# Cancels


async def test_a_cancel_in_prefect_stops_the_attempt(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        await w.propose(attempt.flow_run_id, "CANCELLING")
        await w.platform.until(lambda: attempt.id in w.platform.cancels)
        w.platform.end(attempt.id, signal=9)
        assert (await w.settled(attempt)).status is Status.CANCELLED
        assert await w.state(attempt.flow_run_id) == "Cancelled"


async def test_a_cancel_that_happened_while_no_agent_listened_is_found(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        async with w.agent():
            attempt = await w.running(await w.start())
        await w.propose(attempt.flow_run_id, "CANCELLING")
        async with w.agent():
            await w.platform.until(lambda: attempt.id in w.platform.cancels)


async def test_a_cancel_on_the_platform_is_told_to_prefect(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        w.platform.cancel_here(attempt.id)
        await w.until_state(attempt.flow_run_id, "Cancelling")
        w.platform.end(attempt.id, exit_code=0)
        assert (await w.settled(attempt)).status is Status.CANCELLED


async def test_a_cancelled_queue_entry_ends_as_cancelled(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.attempt(await w.start())
        w.platform.cancel_here(attempt.id)
        w.platform.end(attempt.id)
        assert (await w.settled(attempt)).status is Status.CANCELLED
        assert await w.state(attempt.flow_run_id) == "Cancelled"


async def test_children_are_cancelled_with_their_parent(prefect_server: str) -> None:
    """Through a flow nested in the parent's process, too."""
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        nested = await _nested(w, attempt.flow_run_id)
        child = await w.start(parent_task_run_id=await _task(w, nested))
        grandchild_of = await w.running(child)
        waiting = await w.start(
            due=datetime.now(UTC) + timedelta(hours=1), parent_task_run_id=await _task(w, child)
        )
        await w.propose(attempt.flow_run_id, "CANCELLING")
        await w.platform.until(lambda: {attempt.id, grandchild_of.id} <= set(w.platform.cancels))
        await w.until_state(waiting, "Cancelled")
        assert await w.state(nested) == "Running"  # its process reports it, or the end of the parent does
        request = next(r for r in w.platform.requests if r.flow_run_id == child)
        # The nested flow has no attempt: who waits for the child is the run around it.
        assert request.parent_flow_run_id == attempt.flow_run_id


async def test_a_cancelling_run_that_nobody_runs_becomes_cancelled(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        w.platform.end(attempt.id, signal=9)
        await w.settled(attempt)
        await w.propose(attempt.flow_run_id, "RUNNING")
        await w.propose(attempt.flow_run_id, "CANCELLING")
        await w.until_state(attempt.flow_run_id, "Cancelled")


async def _task(w: World, flow_run: str) -> str:
    body = {"flow_run_id": flow_run, "task_key": "t", "dynamic_key": flow_run, "state": {"type": "PENDING"}}
    return str((await w.call("POST", "/task_runs/", body))["id"])


async def _nested(w: World, parent: str) -> str:
    """A flow that runs inside its parent's process."""
    flow = await w.call("POST", "/flows/", {"name": f"nested-{w.pool}"})
    body = {
        "flow_id": flow["id"],
        "parent_task_run_id": await _task(w, parent),
        "state": {"type": "PENDING", "name": "Pending"},
    }
    run = str((await w.call("POST", "/flow_runs/", body))["id"])
    await w.propose(run, "RUNNING")
    return run


# Restarts and outages


async def test_a_claim_without_an_attempt_is_asked_for_again_after_a_restart(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        w.platform.ask_refusal = Unavailable("Restarting.")
        async with w.agent("ag-1"):
            run = await w.start()
            await w.platform.until(lambda: bool(w.platform.requests))
        assert await w.state(run) == "Pending"
        w.platform.ask_refusal = None
        async with w.agent("ag-1"):
            attempt = await w.attempt(run)
        assert attempt.pending_state_id == (await w.read(run))["state"]["id"]


async def test_another_agents_fresh_claim_is_left_to_it(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        w.platform.ask_refusal = Unavailable("Restarting.")
        async with w.agent("ag-1"):
            run = await w.start()
            await w.platform.until(lambda: bool(w.platform.requests))
        w.platform.ask_refusal = None
        async with w.agent("ag-2"):
            await w.attempt(await w.start())
        assert run not in {a.flow_run_id for a in w.platform.attempts.values()}


async def test_prefect_down_and_back(prefect_server: str) -> None:
    wire = Wire(httpx.URL(prefect_server).port or 80)
    await wire.mend()
    async with world(prefect_server) as w:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{wire.port}/api"}):
            async with w.agent(poll_seconds=0.3) as agent:
                attempt = await w.running(await w.start())
                await wire.cut()
                await until(lambda: "does not answer" in (agent.problems.sentence() or ""), "the problem")
                run = await w.start()
                w.platform.end(attempt.id, exit_code=3)
                await wire.mend()
                await w.attempt(run)
                assert (await w.settled(attempt)).status is Status.CRASHED
                await until(lambda: agent.problems.sentence() is None, "the problems to be over")
    await wire.cut()


async def test_the_platform_down_at_the_start_is_waited_for(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        w.platform.refusal = Unavailable("Not up yet.")
        agent = PlatformAgent(w.platform.as_agent())

        async def come_up() -> bool:
            if agent.problems.sentence():
                w.platform.refusal = None
            return agent.ready.is_set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.serve)
            await until(come_up, "the agent to be ready")
            tasks.cancel_scope.cancel()


# The pool


async def test_a_stale_template_is_brought_up_to_date(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        stale = {
            "job_configuration": {"x": "{{ x }}"},
            "variables": {"properties": {"x": {"type": "string"}}},
        }
        await w.call("PATCH", f"/work_pools/{w.pool}", {"base_job_template": stale})
        async with w.agent():
            pool = await w.call("GET", f"/work_pools/{w.pool}")
        assert set(pool["base_job_template"]["variables"]["properties"]) >= {"flow_version_id", "project"}
        assert pool["base_job_template"]["variables"]["additionalProperties"] is False


async def test_a_missing_pool_is_made_and_another_type_refused(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        w.platform.pool = f"{w.pool}-new"
        async with w.agent():
            assert (await w.call("GET", f"/work_pools/{w.platform.pool}"))["type"] == "platform"
        w.platform.pool = f"{w.pool}-theirs"
        template = {
            "job_configuration": {"x": "{{ x }}"},
            "variables": {"properties": {"x": {"type": "string"}}},
        }
        body = {"name": w.platform.pool, "type": "process", "base_job_template": template}
        await w.call("POST", "/work_pools/", body)
        with pytest.raises(ExceptionGroup) as caught:
            await PlatformAgent(w.platform.as_agent()).serve()
        assert caught.group_contains(UsageError, match="is of type 'process'")


async def test_a_pool_that_nobody_serves_becomes_ours_and_anothers_is_refused(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        before = await w.call("GET", f"/work_pools/{w.pool}")
        assert installation_of(before["base_job_template"]) is None
        async with w.agent():
            pool = await w.call("GET", f"/work_pools/{w.pool}")
        assert installation_of(pool["base_job_template"]) == w.platform.installation
        w.platform.installation = "inst-another"
        with pytest.raises(ExceptionGroup) as caught:
            await PlatformAgent(w.platform.as_agent()).serve()
        assert caught.group_contains(
            UsageError, match="another installation of the platform, inst-fake: give"
        )
        assert await w.call("GET", f"/work_pools/{w.pool}") == pool


async def test_a_cancel_is_found_though_the_deployment_moved_to_another_pool(prefect_server: str) -> None:
    async with world(prefect_server) as w:
        async with w.agent():
            attempt = await w.running(await w.start())
        w.platform.pool = f"{w.pool}-new"
        await w.propose(attempt.flow_run_id, "CANCELLING")
        async with w.agent():
            await w.platform.until(
                lambda: w.platform.find(attempt.id).workload.cancel_requested_by is not None
            )


async def test_a_run_that_is_deleted_in_prefect_is_settled_by_its_own_end(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent():
        attempt = await w.running(await w.start())
        await w.call("DELETE", f"/flow_runs/{attempt.flow_run_id}")
        w.platform.end(attempt.id, exit_code=0, receipt="COMPLETED")
        assert (await w.settled(attempt)).status is Status.SUCCEEDED


async def test_a_settlement_that_the_platform_does_not_need_is_no_trouble(prefect_server: str) -> None:
    async with world(prefect_server) as w, w.agent() as agent:
        attempt = await w.running(await w.start())
        w.platform.end(attempt.id, exit_code=1)
        await w.settled(attempt)
        with pytest.raises(NotFound):
            w.platform.find("at-none")
        await agent.look()
        assert agent.problems.sentence() is None
