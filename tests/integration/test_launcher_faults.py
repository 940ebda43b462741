"""A launcher whose platform or disk fails: nothing is lost that can be kept, and nothing holds up the run."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prefect_platform import errors
from prefect_platform.launcher.spool import MARK
from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import alive, launched, script, spec
from prefect_platform.wire.launch import SAMPLES_SOURCE, LogSettings

LINES = b"".join(b"line %d\n" % n for n in range(2000))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def gated(tmp_path: Path, code: str, *, name: str = "gate") -> tuple[str, Path]:
    """An engine that prints a line, waits for a file, and goes on with `code`."""
    gate = tmp_path / name
    text = f"""
import os, sys, time
print("begun", flush=True)
while not os.path.exists({str(gate)!r}):
    time.sleep(0.01)
{code}
"""
    return script(tmp_path, text), gate


PRINT_LINES = "for n in range(2000): os.write(1, b'line %d\\n' % n)"


def test_a_platform_that_was_away_gets_everything_later(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, PRINT_LINES)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.down = True
        gate.touch()
        until((tmp_path / "w" / "result.json").exists, 10, "the end of the run")
        assert launch.process.poll() is None
        assert platform.log("flow") == b"begun\n"
        assert launch.spooled("flow") == b"begun\n" + LINES
        platform.faults.down = False
        assert launch.wait() == 0
    assert platform.log("flow") == b"begun\n" + LINES
    assert platform.result == launch.result


def test_pages_of_a_proxy_are_no_answers(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, PRINT_LINES)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.html = True
        gate.touch()
        until((tmp_path / "w" / "result.json").exists, 10, "the end of the run")
        platform.faults.html = False
        assert launch.wait() == 0
    assert platform.log("flow") == b"begun\n" + LINES


def test_a_claim_waits_for_the_platform(platform: LauncherPlatform, tmp_path: Path) -> None:
    platform.faults.html = True
    with launched(platform, tmp_path / "w", spec(platform, script(tmp_path, "print('hello')"))) as launch:
        platform.wait(lambda: True, "anything")
        until(lambda: not (tmp_path / "w" / "claim.json").exists(), 10, "the claim file to be taken")
        platform.faults.html = False
        assert launch.wait() == 0
    assert platform.log("flow") == b"hello\n"


def test_lost_answers_are_found_again_by_offset(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, PRINT_LINES)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.lost_answers = 2
        gate.touch()
        assert launch.wait() == 0
    assert platform.log("flow") == b"begun\n" + LINES
    assert platform.faults.lost_answers == 0
    assert platform.logs["flow"].sealed


@pytest.mark.slow
def test_a_slow_platform_does_not_hold_up_the_run(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "os.write(1, b'x' * 10_000_000); open(sys.argv[0] + '.done', 'w').close()"
    engine, gate = gated(tmp_path, code)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.delay = 1.0
        gate.touch()
        before = time.monotonic()
        until(Path(engine + ".done").exists, 10, "the run to have written everything")
        assert time.monotonic() - before < 0.9
        platform.faults.delay = 0.0
        assert launch.wait() == 0
    assert platform.log("flow") == b"begun\n" + b"x" * 10_000_000


def test_a_platform_that_lost_acknowledged_bytes_still_gets_the_result(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    code = "os.write(1, b'x' * 5_000_000)"
    engine, gate = gated(tmp_path, code)
    log = LogSettings(interval=0.02, segment_bytes=1 << 20)
    with launched(platform, tmp_path / "w", spec(platform, engine, log=log)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        gate.touch()
        platform.wait(lambda: platform.logs["flow"].size > 4_000_000, "most of it")
        with platform.changed:
            platform.logs["flow"].size = 10
        assert launch.wait() == 0
    assert platform.result is not None
    assert "acknowledged" in launch.stderr


def test_a_refusal_at_the_end_does_not_hold_up_the_result(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, PRINT_LINES)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.refuse = errors.Conflict("The workload has ended.")
        gate.touch()
        assert launch.wait() == 0
    assert platform.result is not None
    assert "stays in the spool: The workload has ended." in launch.stderr
    assert launch.spooled("flow").endswith(LINES)


@pytest.mark.slow
def test_told_to_end_a_launcher_gives_up_on_an_absent_platform(
    platform: LauncherPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, gate = gated(tmp_path, "print('over')")
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.down = True
        gate.touch()
        until((tmp_path / "w" / "result.json").exists, 10, "the end of the run")
        launch.terminate()
        assert launch.wait(20) == 75
    assert launch.spooled("flow") == b"begun\nover\n"
    closed = json.loads((tmp_path / "w" / "spool" / "flow" / "closed").read_text())
    assert closed["sha256"] == hashlib.sha256(b"begun\nover\n").hexdigest()
    assert launch.result["exit_code"] == 0


@pytest.mark.slow
def test_silence_is_broken_by_heartbeats(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, "")
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log(SAMPLES_SOURCE), "the first, with all samples until then", 12)
        assert platform.log(SAMPLES_SOURCE).count(b"\n") >= 2, "no sample goes by itself"
        gate.touch()
        assert launch.wait() == 0


def test_a_killed_launcher_takes_the_engine_along_and_leaves_its_spool(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    code = "os.write(1, b'%d\\n' % os.getpid()); time.sleep(600)"
    engine, gate = gated(tmp_path, code)
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.down = True
        before = time.time() * 1000
        gate.touch()
        until(lambda: launch.spooled("flow").count(b"\n") == 2, 10, "the second line in the spool")
        pid = int(launch.spooled("flow").split()[1])
        assert alive(pid)
        launch.process.kill()
        until(lambda: not alive(pid), 10, "the engine to die with its launcher")
    directory = tmp_path / "w" / "spool" / "flow"
    assert [path.name for path in sorted(directory.iterdir())] == ["0" * 20, "marks"]
    marks = list(MARK.iter_unpack((directory / "marks").read_bytes()))
    assert marks[-1][0] == len(b"begun\n")
    assert before - 1 <= marks[-1][1] <= time.time() * 1000
    assert b"The engine was started" in launch.spooled("launcher")
    assert not (tmp_path / "w" / "result.json").exists()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


FILL = """
os.write(1, b"a" * 1_500_000)
with open({done!r}, "w"):
    pass
"""


@pytest.mark.parametrize("away", [False, True])
def test_a_full_disk_costs_bytes_but_not_the_run(
    platform: LauncherPlatform, tmp_path: Path, away: bool
) -> None:
    done = tmp_path / "done"
    engine, gate = gated(tmp_path, FILL.format(done=str(done)))
    with (
        small_disk(tmp_path / "disk", "512k") as disk,
        launched(platform, disk / "w", spec(platform, engine)) as launch,
    ):
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.faults.down = away
        gate.touch()
        until(done.exists, 10, "the run to have written everything")
        if away:
            until(lambda: not alive_engine(launch.process.pid), 10, "the run to have ended")
        platform.faults.down = False
        assert launch.wait() == 0
    assert platform.result is not None
    assert platform.result["exit_code"] == 0
    log = platform.log("flow")
    missing = [int(line.split()[1]) for line in log.splitlines() if line.startswith(b"[prefect-platform] ")]
    assert missing
    assert log.count(b"a" * 100) * 100 + sum(missing) > 1_000_000
    kept = log.removeprefix(b"begun\n")
    for count in missing:
        head, _, kept = kept.partition(b"\n[prefect-platform] %d bytes are missing here: " % count)
        assert set(head) <= {ord("a")}
        missing_so_far = kept.partition(b"\n")
        assert b"No space left" in missing_so_far[0]
        kept = head + missing_so_far[2]
    assert len(kept) + sum(missing) == 1_500_000
    assert platform.logs["flow"].sealed


def alive_engine(launcher: int) -> bool:
    """Whether the launcher still has children."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children")
    return bool(children.read_text().split()) if children.exists() else False


@pytest.mark.slow
def test_the_stop_flag_ends_a_run(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, _ = gated(tmp_path, "")
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        platform.stop = True
        assert launch.wait(20) == 0
    assert platform.result is not None
    assert platform.result["signal"] == signal.SIGKILL
    assert "the platform asked for the end" in platform.result["reason"]


def test_the_spool_belongs_to_its_user_alone(platform: LauncherPlatform, tmp_path: Path) -> None:
    engine, gate = gated(tmp_path, "")
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        platform.wait(lambda: platform.log("flow") == b"begun\n", "the first line")
        segment = next((tmp_path / "w" / "spool" / "flow").glob("[0-9]*"))
        assert segment.stat().st_mode & 0o077 == 0
        gate.touch()
        assert launch.wait() == 0
