"""How a runner is told where its cluster is, and what goes along when it is copied."""

from __future__ import annotations

import pickle

import distributed
import pytest

from prefect_platform.dask_cluster import PlatformTaskRunner
from prefect_platform.dask_cluster.worker_side import KEPT, Kept
from prefect_platform.errors import UsageError


def test_only_one_place_may_be_named() -> None:
    with pytest.raises(UsageError, match="not both"):
        PlatformTaskRunner(object(), address="tcp://a:1")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="security= with the address="):
        PlatformTaskRunner(security=distributed.Security())


def test_a_runner_that_was_not_started_submits_nothing() -> None:
    with pytest.raises(RuntimeError, match="must be started"):
        _ = PlatformTaskRunner(address="tcp://a:1").client


def test_copies_are_equal_and_carry_the_address_alone() -> None:
    security = distributed.Security(require_encryption=True)
    runner = PlatformTaskRunner(address="tls://a:1", security=security)
    assert runner.duplicate() == runner
    assert runner != PlatformTaskRunner(address="tls://b:1", security=security)
    sent = pickle.loads(pickle.dumps(runner))
    assert (sent._address, sent._security) == ("tls://a:1", None)
    assert pickle.loads(pickle.dumps(PlatformTaskRunner()))._address is None


def test_a_worker_keeps_the_newest() -> None:
    kept, made = Kept(), []
    for number in (*range(KEPT + 1), 0, KEPT):
        kept.get(str(number), lambda n=number: made.append(n))  # type: ignore[misc]
    assert made == [*range(KEPT + 1), 0]
