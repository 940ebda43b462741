"""What an attempt ended as: every Prefect state, receipt and cancel; the exit code never decides."""

from __future__ import annotations

import itertools

import pytest

from prefect_platform.errors import UsageError
from prefect_platform.server.services import settlement
from prefect_platform.wire.runs import Settlement, Status

FINAL = {
    "COMPLETED": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "CRASHED": Status.CRASHED,
    "CANCELLED": Status.CANCELLED,
}
BY_AGENT = None
RECEIPTS = {
    # receipt: (nobody cancelled, somebody did)
    None: (BY_AGENT, BY_AGENT),
    "COMPLETED": (Status.SUCCEEDED, Status.SUCCEEDED),
    "FAILED": (Status.FAILED, Status.FAILED),
    "CRASHED": (Status.CRASHED, BY_AGENT),
    "CANCELLED": (Status.CANCELLED, Status.CANCELLED),
    "PAUSED": (Status.SUCCEEDED, BY_AGENT),
    "SCHEDULED": (Status.SUCCEEDED, BY_AGENT),
    "PENDING": (BY_AGENT, BY_AGENT),
    "RUNNING": (BY_AGENT, BY_AGENT),
    "CANCELLING": (BY_AGENT, BY_AGENT),
}
STATES = {
    "COMPLETED": (Status.SUCCEEDED, Status.SUCCEEDED),
    "FAILED": (Status.FAILED, Status.FAILED),
    "CRASHED": (Status.CRASHED, Status.CRASHED),
    "CANCELLED": (Status.CANCELLED, Status.CANCELLED),
    "CANCELLING": (Status.CANCELLED, Status.CANCELLED),
    "PAUSED": (Status.SUCCEEDED, Status.CANCELLED),
    "SCHEDULED": (Status.SUCCEEDED, Status.CANCELLED),
    "PENDING": (Status.CRASHED, Status.CANCELLED),
    "RUNNING": (Status.CRASHED, Status.CANCELLED),
}


@pytest.mark.parametrize(("receipt", "cancelled"), list(itertools.product(RECEIPTS, [False, True])))
def test_a_receipt_settles_what_only_it_can_know(receipt: str | None, cancelled: bool) -> None:
    assert settlement.from_receipt(receipt, cancelled=cancelled) is RECEIPTS[receipt][cancelled]


@pytest.mark.parametrize(("state", "cancelled"), list(itertools.product(STATES, [False, True])))
def test_prefects_state_settles_the_rest(state: str, cancelled: bool) -> None:
    assert settlement.from_prefect(state, cancelled=cancelled) is STATES[state][cancelled]
    assert settlement.from_prefect(state.lower(), cancelled=cancelled) is STATES[state][cancelled]


@pytest.mark.parametrize(("state", "status"), list(itertools.product(STATES, Status)))
def test_a_settlement_must_agree_with_itself(state: str, status: Status) -> None:
    told = Settlement(status=status, prefect_state=state.capitalize(), prefect_state_type=state)
    final = status in FINAL.values()
    if final and FINAL.get(state, status) is status:
        settlement.check(told)
    else:
        with pytest.raises(UsageError, match=r"settled|settle the attempt as"):
            settlement.check(told)
