"""A launcher and the processes below it: stops, deaf runs, daemons, and what an engine is told first."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, alive, launched, script, spec

ENGINE = """
import json, os, signal, socket, struct, sys, time

def connect():
    peer = socket.create_connection(("127.0.0.1", int(os.environ["PREFECT__CONTROL_PORT"])))
    peer.sendall(os.environ["PREFECT__CONTROL_TOKEN"].encode() + b"\\n\\0PF\\2\\1")
    assert peer.recv(5) == b"\\0PF\\2\\1"
    return peer

def report(peer, state):
    fields = {"disposition": "STATE_REPORTED", "state_type": state.upper(), "state_name": state}
    payload = json.dumps(fields).encode()
    peer.sendall(b"\\1" + struct.pack("!I", len(payload)) + payload)
    assert peer.recv(1) == b"\\2"

def say(text):
    os.write(1, text.encode() + b"\\n")
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def engine(tmp_path: Path, code: str) -> str:
    return script(tmp_path, ENGINE + code)


def stopped(
    platform: LauncherPlatform, tmp_path: Path, code: str, wait_for: bytes, **changes: object
) -> Launched:
    """One life that is told to end once the engine has said `wait_for`."""
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code), **changes)) as launch:
        platform.wait(lambda: wait_for in platform.log("flow"), f"{wait_for!r}")
        launch.terminate()
        assert launch.wait() == 0, launch.stderr
    return launch


def test_an_engine_that_reports_its_end(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "peer = connect(); report(peer, 'Failed')"
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        assert launch.wait() == 0
    assert platform.result is not None
    assert (platform.result["receipt"], platform.result["receipt_state_name"]) == ("FAILED", "Failed")
    assert platform.result["reason"] is None
    assert platform.step("running") is not None


GRACEFUL = """
def ended(signum, frame):
    say("on_cancellation")
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
peer = connect()
say("up")
assert peer.recv(1) == b"c"
say("told")
time.sleep(0.1)
peer.sendall(b"a")
time.sleep(60)
"""


def test_a_stop_is_told_acknowledged_and_then_signalled(platform: LauncherPlatform, tmp_path: Path) -> None:
    stopped(platform, tmp_path, GRACEFUL, b"up")
    assert platform.log("flow") == b"up\ntold\non_cancellation\n"
    assert platform.result is not None
    assert platform.result["exit_code"] == 0
    assert platform.result["reason"] == "Cancelled (SIGTERM received)."


DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
peer = connect()
say("up")
peer.recv(1)
peer.sendall(b"a")
time.sleep(60)
"""


@pytest.mark.slow
def test_a_run_that_ignores_everything_is_killed_after_its_grace(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    began = time.monotonic()
    stopped(platform, tmp_path, DEAF, b"up", grace_seconds=0.5)
    assert 0.5 <= time.monotonic() - began < 10
    assert platform.result is not None
    assert platform.result["signal"] == signal.SIGKILL
    assert "did not end in its grace period" in platform.result["reason"]


def test_before_the_flow_begins_there_is_only_the_kill(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: say('taken for a crash')); say('up'); time.sleep(60)"
    began = time.monotonic()
    stopped(platform, tmp_path, code, b"up", grace_seconds=30.0)
    assert time.monotonic() - began < 10
    assert platform.log("flow") == b"up\n"
    assert platform.result is not None
    assert "The flow had not begun" in platform.result["reason"]


def test_a_flow_that_has_ended_may_finish_its_exit(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "peer = connect(); report(peer, 'Completed'); say('up'); time.sleep(0.5); say('left in order')"
    stopped(platform, tmp_path, code, b"up")
    assert platform.log("flow") == b"up\nleft in order\n"
    assert platform.result is not None
    assert platform.result["receipt"] == "COMPLETED"
    assert platform.result["exit_code"] == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_other_signals_end_a_run_too(
    platform: LauncherPlatform, tmp_path: Path, signum: signal.Signals
) -> None:
    code = spec(platform, engine(tmp_path, GRACEFUL))
    with launched(platform, tmp_path / "w", code) as launch:
        platform.wait(lambda: b"up" in platform.log("flow"), "the engine")
        launch.process.send_signal(signum)
        assert launch.wait() == 0
    assert platform.result is not None
    assert f"{signum.name} received" in platform.result["reason"]


def test_told_to_end_before_the_engine_nothing_is_started(platform: LauncherPlatform, tmp_path: Path) -> None:
    platform.faults.delay = 0.3
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, ""))) as launch:
        until(lambda: not (tmp_path / "w" / "claim.json").exists(), 10, "the claim file to be taken")
        launch.terminate()
        platform.faults.delay = 0.0
        assert launch.wait() == 0
    assert platform.result is not None
    assert platform.result["exit_code"] is None
    assert platform.result["reason"] == "Cancelled before the run was started (SIGTERM received)."


DAEMONS = """
import subprocess
pids = []
for ignore in (0, 1):
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if ignore:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(write, b"%d" % os.getpid())
            while True:
                time.sleep(0.05)
                os.write(1, b".")
        os._exit(0)
    os.wait()
    pids.append(os.read(read, 20).decode())
say("pids " + " ".join(pids))
"""


@pytest.mark.slow
def test_daemons_die_with_the_run_and_all_they_said_is_kept(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    began = time.monotonic()
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, DAEMONS))) as launch:
        assert launch.wait() == 0
    assert time.monotonic() - began < 10
    log = platform.log("flow").decode()
    pids = [int(pid) for pid in log.partition("pids ")[2].partition("\n")[0].split()]
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)
    assert platform.result is not None
    assert platform.result["exit_code"] == 0
    sentence = platform.log("launcher").decode()
    assert all(f"({pid})" in sentence.partition("left processes behind")[2] for pid in pids)
    assert platform.logs["flow"].sealed


def test_a_helper_that_ends_by_itself_is_no_daemon(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "import subprocess; subprocess.Popen(['/bin/sh', '-c', 'sleep 0.03; echo last word'])"
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        assert launch.wait() == 0
    assert platform.log("flow") == b"last word\n"
    assert b"left processes behind" not in platform.log("launcher")


def test_a_stop_ends_a_whole_tree(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = """
import subprocess
child = subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 60"], start_new_session=True)
say(f"child {child.pid} ")
time.sleep(60)
"""
    stopped(platform, tmp_path, code, b"child")
    assert not alive(int(platform.log("flow").split()[1]))


@pytest.mark.slow
def test_orphans_are_collected_while_the_run_goes_on(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = """
for _ in range(50):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
time.sleep(0.2)
zombies = 0
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            fields = open(f"/proc/{name}/stat").read().rpartition(")")[2].split()
        except OSError:
            continue
        zombies += fields[0] == "Z" and int(fields[1]) == os.getppid()
say(f"zombies {zombies}")
"""
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        assert launch.wait() == 0
    assert platform.log("flow") == b"zombies 0\n"


@pytest.mark.slow
def test_peak_memory_counts_the_tree(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = """
import subprocess
hold = "import time; data = bytearray(100 << 20); time.sleep(2.5)"
children = [subprocess.Popen([sys.executable, "-IS", "-c", hold]) for _ in range(2)]
for child in children:
    child.wait()
"""
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        assert launch.wait() == 0
    assert platform.result is not None
    assert 200 << 20 < platform.result["peak_memory_bytes"] < 400 << 20


@pytest.mark.slow
def test_a_launcher_that_is_draining_finishes_it(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "os.write(1, b'x' * 8_000_000)"
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        platform.faults.delay = 0.1
        until((tmp_path / "w" / "result.json").exists, 10, "the end of the run")
        launch.terminate()
        assert launch.wait() == 0
    assert platform.log("flow") == b"x" * 8_000_000
    assert platform.result is not None
    assert platform.result["exit_code"] == 0


@pytest.mark.slow
def test_from_exec_to_claim_is_quick(platform: LauncherPlatform, tmp_path: Path) -> None:
    """The bound is generous, for a busy machine; the goal is 80 ms on a quiet one."""
    waits = []
    for attempt in range(3):
        platform.launcher_id, before = None, time.time()
        directory = tmp_path / f"w{attempt}"
        with launched(platform, directory, spec(platform, engine(tmp_path, ""))) as launch:
            assert launch.wait() == 0
        waits.append(
            next(at for at, _, path in platform.requests if at > before and path.endswith("claim")) - before
        )
        for log in platform.logs.values():
            log.file.close()
        platform.logs.clear()
    assert min(waits) < 0.5


def test_the_launcher_is_of_no_use_to_its_children(platform: LauncherPlatform, tmp_path: Path) -> None:
    """No descriptor of the launcher is open in the engine: no spool, no socket, no wake pipe."""
    code = (
        "say(' '.join(sorted(os.readlink('/proc/self/fd/' + fd).split(':')[0] for fd in ['0', '1', '2'])));"
    )
    code += "say(str(len(os.listdir('/proc/self/fd'))))"
    with launched(platform, tmp_path / "w", spec(platform, engine(tmp_path, code))) as launch:
        assert launch.wait() == 0
    assert platform.log("flow") == b"/dev/null pipe pipe\n4\n"
