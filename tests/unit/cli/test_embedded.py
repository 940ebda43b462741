"""What a supervisor is made of: processes by start time, locks, ports, bounded logs, profiles."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.cli.embedded import words
from prefect_platform.cli.embedded.child import LOG_BYTES, Child, Part
from prefect_platform.cli.embedded.lock import held, is_free
from prefect_platform.cli.embedded.parts import platform_part, prefect_part, require_installed
from prefect_platform.cli.embedded.places import Places, read_json, write_json
from prefect_platform.cli.embedded.ports import Ports
from prefect_platform.cli.embedded.ports import is_free as port_is_free
from prefect_platform.cli.embedded.process import Process, process
from prefect_platform.cli.embedded.settings import data_dir, up_settings
from prefect_platform.cli.embedded.startup import keep_profile
from prefect_platform.cli.embedded.state import State, part_of, read_state, running, write_state
from prefect_platform.client.profile import Profile, read_profile, write_profile
from prefect_platform.errors import Conflict, UsageError
from prefect_platform.server.config import from_environment
from prefect_platform.testing.embedded import until


def test_a_process_is_its_pid_and_its_start() -> None:
    me = process(os.getpid())
    assert me.alive
    assert not Process(me.pid, me.started + 1).alive
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = process(child.pid)
    assert not Process(child.pid, found.started + 1).send(signal.SIGKILL), (
        "another process of that pid is left alone"
    )
    assert child.poll() is None
    assert found.send(signal.SIGTERM)
    until(lambda: not found.alive, 10, "the child to end, even while nobody has asked for its end")
    child.communicate()
    assert not found.send(signal.SIGTERM)


def test_a_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert is_free(path)
    with held(path) as first, held(path) as second:
        assert (first, second) == (True, False)
        assert not is_free(path)
    assert is_free(path)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def ports() -> Iterator[Ports]:
    found = Ports()
    yield found
    found.close()


def test_a_port_that_was_named_is_that_port_or_an_error(ports: Ports, taken: int) -> None:
    with pytest.raises(Conflict, match=f"Port {taken} is taken, so Prefect cannot listen there"):
        ports.choose("Prefect", taken, None, 4200)
    assert not port_is_free(taken)


def test_without_a_name_the_last_port_and_then_the_next_free_one(ports: Ports, taken: int) -> None:
    free = ports.choose("x", None, None, taken)
    assert taken < free < taken + 100
    ports.close()
    assert ports.choose("x", None, free, taken) == free
    assert ports.choose("x", None, taken, taken) not in (free, taken)


def test_two_that_start_at_once_choose_apart(ports: Ports, taken: int) -> None:
    other = Ports()
    first = ports.choose("x", None, None, taken)
    assert other.choose("x", None, first, taken) != first, "though nothing listens there yet"
    with pytest.raises(Conflict):
        other.choose("x", first, None, taken)
    ports.close()
    assert other.choose("x", first, None, taken) == first
    other.close()


def test_stale_state_is_known_for_what_it_is(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert read_state(places) is None
    state = State(
        part_of(os.getpid(), time.time()), "0.1.0", str(tmp_path), "p", ["platform"], {"platform": "u"}
    )
    write_state(places, state)
    assert running(read_state(places)) == state
    data = read_json(places.state)
    data["supervisor"]["started"] += 1
    write_json(places.state, data)
    assert running(read_state(places)) is None
    assert places.state.stat().st_mode & 0o777 == 0o600
    places.state.write_text(json.dumps(data)[:40])
    assert read_state(places) is None


def part(log: Path, code: str) -> Part:
    return Part("x", [sys.executable, "-u", "-c", code], dict(os.environ), log)


def test_a_child_has_its_own_group_writes_to_its_log_and_can_be_ended(tmp_path: Path) -> None:
    child = Child(part(tmp_path / "x.log", "print('Error: all is lost'); import time; time.sleep(60)"))
    child.start()
    until(child.last_words, 10, "its words")
    state = child.state()
    assert state is not None
    assert os.getpgid(state.pid) == state.pid
    assert child.last_words() == ["Error: all is lost"]
    assert child.ended() is None
    child.signal(signal.SIGTERM)
    assert child.wait(10)
    assert child.ended() == -signal.SIGTERM
    assert not child.alive
    assert child.ended() is None, "told once"
    child.signal(signal.SIGTERM)


def test_a_child_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    child, pauses = Child(part(tmp_path / "x.log", "raise SystemExit(3)")), []
    for _ in range(3):
        child.start()
        assert child.wait(10)
        assert child.ended() == 3
        pauses.append(child.due - time.monotonic())
    assert pauses[0] < pauses[1] < pauses[2]
    assert child.restarts == 2
    assert (tmp_path / "x.log.1").exists()


def test_a_childs_log_stays_below_its_bound_while_it_writes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    child = Child(part(log, "import sys\nfor line in sys.stdin: pass"))
    child.start()
    with log.open("ab") as file:
        file.truncate(LOG_BYTES + 1)
        child.bound_log()
        file.write(b"goes on\n")
    assert log.read_bytes() == b"goes on\n"
    assert (tmp_path / "x.log.1").stat().st_size == LOG_BYTES + 1
    child.signal(signal.SIGKILL)
    assert child.wait(10)


ENDS_WITH_ITS_PARENT = """
import os, pathlib, sys, time
from prefect_platform.cli.embedded.child import Child, Part
command = [sys.executable, "-c", "import time; time.sleep(60)"]
child = Child(Part("x", command, dict(os.environ), pathlib.Path(sys.argv[1])))
child.start()
print(child.state().pid, child.state().started, flush=True)
time.sleep(60)
"""


def test_a_child_dies_with_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", ENDS_WITH_ITS_PARENT, str(tmp_path / "x.log")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    pid, started = map(int, supervisor.stdout.readline().split())
    assert Process(pid, started).alive
    supervisor.kill()
    supervisor.communicate()
    until(lambda: not Process(pid, started).alive, 10, "the child to end")


def test_parts_get_what_they_need_and_no_token(tmp_path: Path) -> None:
    settings = up_settings(
        environ={
            "PREFECT_PLATFORM_HOME": str(tmp_path), "PREFECT_PLATFORM_TOKEN": "secret",
            "PREFECT_PROFILE": "cloud", "PREFECT__FLOW_RUN_ID": "x", "PREFECT_SERVER_LOGGING_LEVEL": "INFO",
            "PATH": "/bin",
        }
    )  # fmt: skip
    places = Places(settings.data_dir)
    server = platform_part(settings, places, 4321, "http://127.0.0.1:4200/api")
    config = from_environment(server.environment)
    assert (config.data_dir, config.port) == (tmp_path, 4321)
    assert config.orchestrator.url == "http://127.0.0.1:4200/api"
    own = prefect_part(settings, places, 4200).environment
    assert own["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert own["PREFECT_SERVER_LOGGING_LEVEL"] == "INFO"
    for environment in (server.environment, own):
        assert "secret" not in environment.values()
        assert "PREFECT_PROFILE" not in environment
        assert "PREFECT__FLOW_RUN_ID" not in environment


def test_a_missing_extra_is_named_before_anything_is_started() -> None:
    require_installed()
    with pytest.raises(
        UsageError, match=r"'fastapi' is not installed: pip install 'prefect-platform\[all\]'"
    ):
        require_installed(lambda name: name != "fastapi")


def test_a_prefect_elsewhere_keeps_its_credentials() -> None:
    environ = {
        "PREFECT_API_URL": "https://prefect.example/api/",
        "PREFECT_API_AUTH_STRING": "u:p",
        "HOME": "/h",
    }
    settings = up_settings(environ=environ)
    assert settings.prefect_url == "https://prefect.example/api"
    assert (
        platform_part(settings, Places(Path("/d")), 1, "x").environment[
            "PREFECT_PLATFORM_ORCHESTRATOR_AUTH_STRING"
        ]
        == "u:p"
    )
    assert "u:p" not in repr(settings)
    with pytest.raises(UsageError, match="--prefect-port"):
        up_settings(environ=environ, prefect_port=4200)
    with pytest.raises(UsageError, match="no address of a Prefect API"):
        up_settings(prefect_url="localhost:4200", environ={})


def test_the_address_of_prefect_holds_no_password() -> None:
    with pytest.raises(UsageError, match="PREFECT_API_AUTH_STRING"):
        up_settings(prefect_url="http://admin:s3cret@host/api", environ={})


def test_where_the_data_lies() -> None:
    assert data_dir({"PREFECT_PLATFORM_HOME": "/a"}) == Path("/a")
    assert data_dir({"XDG_DATA_HOME": "/x"}) == Path("/x/prefect-platform")
    assert data_dir({}) == Path("~/.local/share/prefect-platform").expanduser()


def test_a_data_directory_is_private_and_ignored_by_projects(tmp_path: Path) -> None:
    places = Places(tmp_path / "a" / "b")
    places.make()
    places.make()
    assert places.data.stat().st_mode & 0o777 == 0o700
    assert (places.data / ".gitignore").read_text() == "*\n"
    (places.data / ".gitignore").write_text("mine\n")
    places.make()
    assert (places.data / ".gitignore").read_text() == "mine\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="PREFECT_PLATFORM_HOME names another"):
        Places(tmp_path / "file" / "x").make()


def test_a_profile_for_elsewhere_is_kept_beside(tmp_path: Path) -> None:
    path, told = tmp_path / "profile.json", list[str]()
    here = Profile("http://127.0.0.1:4280", "t", "default")
    keep_profile(path, here, told.append)
    keep_profile(path, Profile("http://127.0.0.1:4281", "t", "default"), told.append)
    assert told == []
    write_profile(path, Profile("https://company.example", "valuable", "team"))
    keep_profile(path, here, told.append)
    assert read_profile(path) == here
    kept = read_profile(tmp_path / "profile.json.old")
    assert kept is not None
    assert kept.token == "valuable"
    assert "company.example" in told[0]
    path.write_text("{")
    keep_profile(path, here, told.append)
    assert read_profile(path) == here


def test_ends_are_put_in_words() -> None:
    assert words.exit_words(3) == "exit code 3"
    assert words.exit_words(-9) == "signal 9, SIGKILL"
    assert words.exit_words(-60) == "signal 60"
