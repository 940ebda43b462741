"""Answers to a claim, judged by their `status`."""

from __future__ import annotations

import pytest

from prefect_platform.agent.claims import Judgement, claim_id, is_ours, judge
from prefect_platform.agent.flow_run import State
from prefect_platform.agent.prefect_api import Verdict

OURS = claim_id("ag-1", "run", "scheduled")
PENDING = State("p", "PENDING", "Pending", transition_id=OURS)
ALREADY = "This run has already made this state transition."


@pytest.mark.parametrize(
    ("status", "state", "judgement"),
    [
        ("ACCEPT", PENDING, Judgement.MINE),
        ("REJECT", PENDING, Judgement.MINE),  # the answer to the first proposal was lost
        ("REJECT", State("p", "PENDING", "Pending", transition_id="another's"), Judgement.LOST),
        ("REJECT", State("s", "SCHEDULED", "AwaitingConcurrencySlot"), Judgement.LOST),
        ("REJECT", None, Judgement.LOST),
        ("ABORT", None, Judgement.LOST),
        ("ABORT", State("p", "PENDING", "Pending", transition_id="another's"), Judgement.LOST),
        ("ACCEPT", State("c", "CANCELLED", "Cancelled"), Judgement.LOST),
        ("WAIT", None, Judgement.LATER),
    ],
)
def test_judgement(status: str, state: State | None, judgement: Judgement) -> None:
    assert judge(Verdict(status, state, ALREADY), OURS) is judgement


def test_no_two_agents_share_a_claim() -> None:
    assert claim_id("ag-1", "run", "s") != claim_id("ag-2", "run", "s")


def test_each_scheduled_state_is_claimed_anew() -> None:
    assert claim_id("ag-1", "run", "s1") != claim_id("ag-1", "run", "s2")


def test_a_claim_is_recognised_after_a_restart() -> None:
    history = [State("scheduled", "SCHEDULED", "Scheduled"), PENDING]
    assert is_ours("ag-1", PENDING, "run", history)
    assert not is_ours("ag-2", PENDING, "run", history)
    assert not is_ours("ag-1", State("p", "PENDING", "Pending"), "run", history)
