"""Who may execute a task run: one at a time, and after a loss only who was told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from prefect_platform.dask_cluster.ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    found = Ledger()
    found._scheduler = SimpleNamespace(
        tasks={"k": SimpleNamespace(suspicious=2), "other": SimpleNamespace(suspicious=0)},
        workers={
            address: SimpleNamespace(
                address=address, name=address[-1], pid=7, metrics={"memory": 5}, memory_limit=10
            )
            for address in ("tcp://a", "tcp://b")
        },
    )
    return found


def lose(ledger: Ledger, worker: str) -> None:
    ledger.remove_worker(ledger._scheduler, worker, stimulus_id="handle-worker-cleanup-1.0")


def test_the_first_may_execute_and_its_retries_too(ledger: Ledger) -> None:
    assert ledger.begin("k", "call-1", "tcp://a") == {"granted": True, "executions": 1}
    assert ledger.begin("k", "call-1", "tcp://a") == {"granted": True, "executions": 2}
    assert ledger._scheduler.tasks["k"].suspicious == 0


def test_another_may_not_while_the_first_lives(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    answer = ledger.begin("k", "call-2", "tcp://b")
    assert not answer["granted"]
    assert answer["held_by"]["address"] == "tcp://a"
    assert ledger.begin("k", "call-1", "tcp://a")["granted"]


def test_after_a_loss_the_next_is_told_and_then_has_it(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    lose(ledger, "tcp://a")
    told = ledger.begin("k", "call-2", "tcp://b")
    assert (told["granted"], told["executions"], told["finished"]) == (False, 1, False)
    assert told["lost"]["process"] == 7
    assert told["how"] == "handle-worker-cleanup-1.0"
    assert ledger.begin("k", "call-2", "tcp://b") == {"granted": True, "executions": 2}


def test_one_that_was_thought_lost_does_not_execute_again(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    lose(ledger, "tcp://a")
    ledger.begin("k", "call-2", "tcp://b")
    ledger.transition("k", "processing", "memory", stimulus_id="x")
    answer = ledger.begin("k", "call-1", "tcp://a")
    assert not answer["granted"]
    assert answer["held_by"]["address"] == "tcp://b"


def test_a_finished_one_says_so(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    ledger.transition("k", "processing", "memory", stimulus_id="x")
    lose(ledger, "tcp://a")
    assert ledger.begin("k", "call-2", "tcp://b")["finished"]


def test_what_is_ended_does_not_begin(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    assert ledger.end(["k", "other", "forgotten-before"]) == ["k"]
    assert ledger.begin("other", "call-2", "tcp://b") == {"granted": False, "ended": True}
    assert ledger.begin("k", "call-1", "tcp://a")["granted"]
    assert ledger.begin("forgotten-before", "call-3", "tcp://b")["ended"]
    assert "forgotten-before" not in ledger._ended


def test_nothing_is_kept_of_a_forgotten_key_or_a_gone_client(ledger: Ledger) -> None:
    ledger.begin("k", "call-1", "tcp://a")
    ledger.end(["other"])
    ledger.put("client", "digest", b"part")
    assert ledger.get("digest") == b"part"
    for key in ("k", "other"):
        ledger.transition(key, "released", "forgotten", stimulus_id="x")
    ledger.remove_client(ledger._scheduler, "client")
    kept: tuple[Any, ...] = (ledger._begun, ledger._ended, ledger.get("digest"))
    assert kept == ({}, set(), None)
