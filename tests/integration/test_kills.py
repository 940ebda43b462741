"""`kill -9` of every part while runs write: no byte is lost, every end is true, nothing is left over.

`make bench-kill` does the same 300 times. The judgement is tested: it has to find what it looks for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.testing.embedded import embedded
from prefect_platform.wire.logs import Gap
from prefect_platform.wire.runs import Status
from tests.kills import taking
from tests.kills.campaign import campaign
from tests.kills.judging import PIPE_BYTES, Told, judge
from tests.kills.steps import STEPS
from tests.kills.writing import Journal, written

KILLS = {"server": 3, "agent": 3, "launcher": 3, "flow": 3}
GAPS = {"server": 2.5, "agent": 2.5, "launcher": 1.0, "flow": 1.0}
SEED = 7

BEFORE = b"12:00:00.000 | INFO    | Flow run 'a' - Beginning flow run\n"
AFTER = b"12:00:09.000 | INFO    | Flow run 'a' - Finished in state Completed()\n"
MARK = b"\n[prefect-platform] up to 65536 bytes may be missing here: the launcher was lost\n"
GAP = Gap(offset=1000, missing_bytes=None, at_most=PIPE_BYTES, reason="the launcher was lost")
WHOLE = BEFORE + written(6400) + AFTER
DONE = Journal(6400, done=True)
CUT = Journal(200_000)
LOST = "The launcher of this run was killed by SIGKILL."


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    with embedded(tmp_path / "home") as platform:
        outcome = campaign(platform, tmp_path, KILLS, GAPS, SEED)
    killed = {part: sum(n for what, n in outcome.kills.items() if what.startswith(part)) for part in KILLS}
    assert killed == KILLS
    assert outcome.lost == 0
    assert outcome.problems == []


def succeeded(log: bytes = WHOLE, **changes: object) -> Told:
    values = {"status": Status.SUCCEEDED, "reason": None, "prefect": "COMPLETED", "gaps": [], **changes}
    return Told(log=log, **values)  # type: ignore[arg-type]


def crashed(log: bytes, reason: str, **changes: object) -> Told:
    return succeeded(log, **{"status": Status.CRASHED, "reason": reason, "prefect": "CRASHED", **changes})


@pytest.mark.parametrize(
    ("part", "journal", "told", "missing"),
    [
        ("none", DONE, succeeded(), 0),
        ("flow middle", Journal(6400), crashed(BEFORE + written(6430), "killed by SIGKILL"), 0),
        ("flow start", Journal(), crashed(b"", "killed by SIGKILL"), 0),
        ("launcher start", Journal(), crashed(b"", LOST), 0),
        ("launcher end", DONE, succeeded(), 0),
        ("launcher middle", CUT, crashed(BEFORE + written(150_000) + MARK, LOST, gaps=[GAP]), 50_000),
        ("launcher middle", Journal(64), crashed(MARK, LOST, gaps=[GAP]), 64),
        ("launcher middle", Journal(64), crashed(BEFORE + written(30) + MARK, LOST, gaps=[GAP]), 34),
        ("launcher end", DONE, crashed(BEFORE + written(6400) + AFTER[:30] + MARK, LOST, gaps=[GAP]), 0),
    ],
)
def test_what_may_be(part: str, journal: Journal, told: Told, missing: int) -> None:
    verdict = judge(part, journal, told)
    assert (verdict.problems, verdict.lost, verdict.missing) == ([], 0, missing)


@pytest.mark.parametrize(
    ("part", "journal", "told", "lost"),
    [
        ("none", DONE, succeeded(BEFORE + written(6336) + AFTER), 64),
        ("flow middle", CUT, crashed(BEFORE + written(199_999), "killed by SIGKILL"), 1),
        ("launcher middle", CUT, crashed(BEFORE + written(150_000), LOST), 50_000),
        ("launcher middle", CUT, crashed(BEFORE + written(134_463) + MARK, LOST, gaps=[GAP]), PIPE_BYTES + 1),
    ],
)
def test_lost_bytes_are_found(part: str, journal: Journal, told: Told, lost: int) -> None:
    assert judge(part, journal, told).lost == lost


@pytest.mark.parametrize(
    ("part", "journal", "told", "problem"),
    [
        ("none", DONE, succeeded(BEFORE + written(6400) * 2 + AFTER), "as written"),
        ("none", DONE, succeeded(BEFORE + written(640) + b"X" + written(6400)[641:]), "as written"),
        ("none", DONE, succeeded(written(64)[10:] + WHOLE), "before the first line"),
        ("none", DONE, succeeded(gaps=[GAP]), "gaps are"),
        ("none", DONE, succeeded(BEFORE + written(6400) + MARK, gaps=[GAP]), "no launcher was killed"),
        ("none", DONE, succeeded(left_over=["sleep (12)"]), "still lives: sleep"),
        ("none", DONE, crashed(WHOLE, "lost"), "nothing of it was killed"),
        ("none", DONE, succeeded(prefect="RUNNING"), "Prefect RUNNING"),
        ("flow middle", Journal(6400), succeeded(BEFORE + written(6400)), "did not come to its end"),
        ("flow middle", Journal(6400), crashed(BEFORE + written(6400), "lost"), "does not name SIGKILL"),
        ("launcher start", Journal(), crashed(b"", "lost"), "does not name the launcher"),
    ],
)
def test_what_may_not_be_is_found(part: str, journal: Journal, told: Told, problem: str) -> None:
    assert problem in "; ".join(judge(part, journal, told).problems)


TAKING = next(step for step in STEPS if not step.dies)
SETTLING = next(step for step in STEPS if step.dies)


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (taking.Told("r", TAKING, Status.SUCCEEDED, 1, 1), "done"),
        (taking.Told("r", SETTLING, Status.CRASHED, 1, 1), "done"),
        (taking.Told("r", TAKING, None, 0, 0), "lost"),
        (taking.Told("r", TAKING, Status.RUNNING, 1, 1), "lost"),
        (taking.Told("r", TAKING, Status.SUCCEEDED, 1, 0), "lost"),
        (taking.Told("r", TAKING, Status.CRASHED, 1, 1), "lost"),
        (taking.Told("r", SETTLING, Status.SUCCEEDED, 1, 1), "lost"),
        (taking.Told("r", TAKING, Status.SUCCEEDED, 2, 1), "twice"),
        (taking.Told("r", TAKING, Status.SUCCEEDED, 1, 2), "twice"),
    ],
)
def test_a_run_that_was_lost_or_done_twice_is_found(told: taking.Told, verdict: str) -> None:
    outcome = taking.Outcome()
    taking.judge(outcome, [told])
    assert (len(outcome.lost), len(outcome.twice)) == (int(verdict == "lost"), int(verdict == "twice"))
    assert bool(outcome.problems) is (verdict != "done")
