"""A program that is asked something: its answer, its time, and nothing of it left when it is given up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prefect_platform.launcher import question
from prefect_platform.launcher.faults import Stopped
from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_scene import alive
from tests.interrupts import Quiet

ENVIRONMENT = {"PATH": os.defpath}
LEAVES = "sleep 1000 & echo $! > child; echo told; "


class AfterItBegan(Quiet):
    """Interrupts of a launcher that is stopped as soon as a file is there."""

    def __init__(self, sign: Path) -> None:
        super().__init__()
        self._sign = sign

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.stopped = self._sign.exists() and bool(self._sign.read_text())


def ask(place: Path, text: str, interrupts: Quiet | None = None, seconds: float = 30.0) -> question.Answer:
    return question.ask(["/bin/sh", "-c", text], place, ENVIRONMENT, interrupts or Quiet(), seconds)


def child_is_gone(place: Path) -> bool:
    return not alive(int((place / "child").read_text()))


def test_it_answers(tmp_path: Path) -> None:
    answer = ask(tmp_path, "pwd; echo $PATH; echo words >&2")
    assert answer == question.Answer(f"{tmp_path}\n{os.defpath}\n".encode(), "words", 0)


def test_more_than_a_pipe_holds_is_no_reason_to_wait(tmp_path: Path) -> None:
    answer = ask(tmp_path, "head -c 9000000 /dev/zero; head -c 9000000 /dev/zero >&2; echo end >&2; exit 3")
    assert len(answer.said) == question.MAX_ANSWER
    assert answer.words.endswith("end")
    assert answer.code == 3


def test_what_it_leaves_is_killed_with_its_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, LEAVES).said == b"told\n"
    until(lambda: child_is_gone(tmp_path), 10, "the end of its child")


def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"did not answer within 0\.5 s"):
        ask(tmp_path, LEAVES + "wait", seconds=0.5)
    until(lambda: child_is_gone(tmp_path), 10, "the end of its child")


def test_a_child_that_left_its_session_is_killed_too(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        ask(tmp_path, "setsid sh -c 'echo $$ > child; sleep 1000' & wait", AfterItBegan(tmp_path / "child"))
    until(lambda: child_is_gone(tmp_path), 10, "the end of its child")


def test_a_stop_ends_it_at_once(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        ask(tmp_path, LEAVES + "trap '' TERM; wait", AfterItBegan(tmp_path / "child"))
    until(lambda: child_is_gone(tmp_path), 10, "the end of its child")


def test_how_one_failed(tmp_path: Path) -> None:
    assert ask(tmp_path, "exit 3").why == "it has exit status 3, and said nothing"
    assert ask(tmp_path, "kill -9 $$").why == "it was killed by SIGKILL, and said nothing"
    assert ask(tmp_path, "echo why >&2; exit 3").why == "why"
