"""A launcher from claim to result: real processes, a played platform, any script as the engine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest

from prefect_platform.testing.launcher_platform import TOKEN, LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, launched, script, shell_script, spec
from prefect_platform.wire.launch import Bundle, ClaimFile, FlowRun, LogSettings, encode

REPOSITORY = Path(__file__).parents[2]
SYSTEM_PYTHON = os.path.realpath(sys.executable)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def run(platform: LauncherPlatform, tmp_path: Path, code: str, **changes: object) -> Launched:
    """One whole life with this code in the engine's place."""
    with launched(platform, tmp_path / "w", spec(platform, script(tmp_path, code), **changes)) as launch:
        assert launch.wait() == 0, launch.stderr
    return launch


def test_a_life_in_order(platform: LauncherPlatform, tmp_path: Path) -> None:
    launch = run(platform, tmp_path, "print('hello')")
    assert [step["name"] for step in platform.steps] == [
        "claimed",
        "checked",
        "engine-started",
        "engine-ended",
        "drained",
    ]
    times = [datetime.fromisoformat(step["at"]) for step in platform.steps]
    assert times == sorted(times)
    assert platform.log("flow") == b"hello\n"
    assert all(log.sealed for log in platform.logs.values())
    assert platform.result == launch.result
    assert platform.result["exit_code"] == 0
    assert platform.result["peak_memory_bytes"] > 1 << 20
    assert platform.result["last_lines"] == "hello\n"
    calls = [path.rpartition("/")[2] for _, _, path in platform.requests]
    assert calls[0] == "claim"
    assert calls.count("seal") == 2
    assert calls[-2:] == ["seal", "result"]
    assert not (tmp_path / "w" / "claim.json").exists()
    assert launch.stderr == ""


EXACT = """
import ctypes, os, subprocess, sys
os.write(1, b"one\\n")
os.write(2, b"two\\n")
libc = ctypes.CDLL(None)
libc.puts(b"three")
libc.fflush(None)
subprocess.run(["/bin/sh", "-c", "echo four; echo five >&2"])
sys.stdout.buffer.write(b"nul \\0, invalid \\xff\\xfe, no newline at the end")
"""


def test_every_byte_of_everything_below_in_order(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, EXACT)
    want = b"one\ntwo\nthree\nfour\nfive\nnul \0, invalid \xff\xfe, no newline at the end"
    assert platform.log("flow") == want


def test_many_alternating_writes_keep_their_order(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "import os\nfor n in range(5000): os.write(1 + n % 2, b'%d\\n' % n)")
    assert platform.log("flow") == b"".join(b"%d\n" % n for n in range(5000))


def test_one_line_of_fifty_megabytes(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "import sys; sys.stdout.write('x' * 50_000_000)")
    assert platform.log("flow") == b"x" * 50_000_000
    assert platform.largest_append <= 4 << 20


LOUD = """
import os
block = bytes(range(32, 127)) * 2000
for n in range({}):
    os.write(1, block)
"""


@pytest.mark.parametrize(
    "megabytes", [pytest.param(50), pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(180)])]
)
def test_loud_runs_lose_nothing(platform: LauncherPlatform, tmp_path: Path, megabytes: int) -> None:
    block = bytes(range(32, 127)) * 2000
    count = megabytes * 1_000_000 // len(block)
    engine = script(tmp_path, LOUD.format(count))
    with launched(platform, tmp_path / "w", spec(platform, engine)) as launch:
        assert launch.wait(150) == 0
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(block)
    assert platform.logs["flow"].size == count * len(block)
    assert platform.logs["flow"].sha256.digest() == digest.digest()
    assert platform.logs["flow"].sealed
    assert not list((tmp_path / "w" / "spool" / "flow").glob("[0-9]*"))


def test_arrival_times_rise_and_begin_with_each_append(platform: LauncherPlatform, tmp_path: Path) -> None:
    began = time.time() * 1000
    run(platform, tmp_path, "import time\nfor n in range(5): print(n, flush=True); time.sleep(0.03)")
    times = platform.logs["flow"].times
    assert times[0][0] == 0
    assert [at for _, at in times] == sorted(at for _, at in times)
    assert times[-1][1] - times[0][1] >= 100
    assert began - 1 <= times[0][1] <= time.time() * 1000


def test_secrets_and_the_token_never_leave(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = f"""
        import base64, os, time
        os.write(1, b"password=hunter2-is-long;")
        os.write(1, {TOKEN.encode()!r}[:20]); time.sleep(0.05); os.write(1, {TOKEN.encode()!r}[20:])
        os.write(2, b";" + base64.b64encode(b"user:hunter2-is-long") + b";")
    """
    launch = run(platform, tmp_path, code, secrets=["hunter2-is-long"])
    log = platform.log("flow")
    assert b"hunter2" not in log
    assert TOKEN[20:].encode() not in log
    assert log.startswith(b"password=" + b"*" * 15 + b";" + b"*" * len(TOKEN) + b";")
    assert log.count(b"*") >= 15 + len(TOKEN) + 18
    everything = b"".join(path.read_bytes() for path in launch.directory.rglob("*") if path.is_file())
    assert b"hunter2-is-long" not in everything
    assert TOKEN.encode() not in everything


CANARY = 'kan\'qzxw "vjkqv" \\ of/50%&ünusual=lxngth$1'
PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAA\nBKcwggSjAgEAAoIBAQDEXAMPLE\n-----END KEY-----\n"


def test_no_form_of_a_secret_leaves(platform: LauncherPlatform, tmp_path: Path) -> None:
    """Printed whole and byte by byte, by Python and by a shell, in whatever encoding."""
    code = f"""
        import base64, json, os, shlex, subprocess, sys, time, urllib.parse
        canary, pem = {CANARY!r}, {PEM!r}
        raw = canary.encode()
        for form in (
            canary, repr(canary), ascii(canary), json.dumps([canary]), json.dumps(json.dumps([canary])),
            shlex.quote(canary), urllib.parse.quote(canary), urllib.parse.urlencode({{"q": canary}}),
            raw.hex(), raw.hex().upper(), repr(raw), str({{"key": [canary]}}), base64.b64encode(raw).decode(),
            base64.urlsafe_b64encode(b"us" + raw).decode(), base64.b64encode(b"u" + raw + b"!").decode(),
            base64.encodebytes(raw + b"\\n").decode(), pem, json.dumps(pem), *pem.split("\\n"),
        ):
            print(form, flush=True)
        for byte in raw + pem.encode():
            os.write(1, bytes([byte]))
        script = 'printf "%s\\n" "$C"; printf "%q\\n" "$C"; set -x; : "$C"'
        subprocess.run(["bash", "-c", script], env={{"C": canary}}, check=True)
        raise SystemExit(f"ended over {{canary}}")
    """
    launch = run(platform, tmp_path, code, secrets=[CANARY, PEM, "short"])
    everything = b"".join(path.read_bytes() for path in launch.directory.rglob("*") if path.is_file())
    told = json.dumps([platform.steps, platform.result, launch.result]).encode()
    for data in (platform.log("flow"), platform.log("launcher"), everything, told, launch.stderr.encode()):
        for part in (b"qzxw", b"vjkqv", b"nusual", b"lxngth", b"MIIEvQ", b"BKcwgg", b"EXAMPLE"):
            assert part not in data
            assert part.hex().encode() not in data.lower()
        assert not [n for n in range(3) if base64_of(CANARY, n) in data]
    assert platform.log("flow").count(b"\n") >= 20


def base64_of(text: str, alignment: int) -> bytes:
    """A piece of it from the middle."""
    raw = text.encode()[alignment:]
    return base64.b64encode(raw[: len(raw) // 3 * 3])[4:24]


def test_what_the_engine_is_told(platform: LauncherPlatform, tmp_path: Path) -> None:
    told = "[dict(os.environ), os.getcwd(), sys.argv[1], sys.stdin.read()]"
    code = f"import json, os, sys; print(json.dumps({told}))"
    run(platform, tmp_path, code, environment={"REGION": "eu"})
    environment, directory, flag, stdin = json.loads(platform.log("flow"))
    assert directory == str(tmp_path / "w" / "work")
    assert (flag, stdin) == ("-c", "")
    assert environment["PREFECT__FLOW_RUN_ID"] == "f1"
    assert environment["PREFECT_API_URL"] == platform.prefect_url
    assert environment["PREFECT__FLOW_ENTRYPOINT"] == f"{directory}/flows.py:main"
    assert environment["PREFECT_PLATFORM_WORKLOAD_ID"] == "w1"
    assert environment["REGION"] == "eu"
    assert "PREFECT__CONTROL_PORT" in environment
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert TOKEN not in json.dumps(environment)


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("raise SystemExit(3)", 3, None),
        ("import os; os._exit(0)", 0, None),
        ("import os; os.abort()", None, signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", None, signal.SIGKILL),
    ],
)
def test_exit_codes_and_signals(
    platform: LauncherPlatform, tmp_path: Path, code: str, exit_code: int, number: int
) -> None:
    run(platform, tmp_path, code)
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["signal"]) == (exit_code, number)
    assert platform.result["reason"] is None


def test_the_last_lines_of_a_failed_import(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "print('first')\nimport nowhere")
    assert platform.result is not None
    assert platform.result["last_lines"].startswith("first\nTraceback")
    assert platform.result["last_lines"].endswith("ModuleNotFoundError: No module named 'nowhere'\n")


def test_the_cap_leaves_a_line_and_kills_nothing(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "for n in range(100): print('x' * 99)\nraise SystemExit(7)"
    run(platform, tmp_path, code, log=LogSettings(cap_bytes=1000, interval=0.02))
    assert platform.result is not None
    assert platform.result["exit_code"] == 7
    head, _, line = platform.log("flow").rpartition(b"\n[prefect-platform] ")
    assert head == (b"x" * 99 + b"\n") * 10
    assert line.startswith(b"9000 bytes are missing here")
    assert platform.logs["flow"].sealed


def bundle(platform: LauncherPlatform, files: dict[str, str]) -> Bundle:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    platform.bundle = buffer.getvalue()
    digest = hashlib.sha256(platform.bundle).hexdigest()
    return Bundle("/api/v1/flow-versions/v1/bundle", digest, len(platform.bundle))


READ = "import os; print(os.environ['PREFECT__FLOW_ENTRYPOINT']); print(open('flows.py').read())"


def test_the_code_is_fetched_and_unpacked(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, READ, bundle=bundle(platform, {"flows.py": "the code"}))
    assert platform.log("flow") == f"{tmp_path}/w/code/flows.py:main\nthe code\n".encode()
    assert platform.step("bundle-fetched") is not None


def refused(platform: LauncherPlatform, launch: Launched) -> str:
    """The reason of a workload of which nothing was started."""
    assert platform.result is not None
    assert platform.result == launch.result
    assert (platform.result["exit_code"], platform.result["signal"]) == (None, None)
    assert platform.step("engine-started") is None
    assert platform.log("flow") == b""
    assert all(log.sealed for log in platform.logs.values())
    assert platform.result["reason"].encode() in platform.log("launcher")
    return str(platform.result["reason"])


def test_an_altered_bundle_is_not_run(platform: LauncherPlatform, tmp_path: Path) -> None:
    wanted = bundle(platform, {"flows.py": "the code"})
    platform.bundle = platform.bundle[:-1] + b"!"
    assert "was altered" in refused(platform, run(platform, tmp_path, READ, bundle=wanted))


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_bundle_of_another_size_is_not_run(platform: LauncherPlatform, tmp_path: Path, size: int) -> None:
    wanted = bundle(platform, {"flows.py": "the code"})
    platform.bundle = b"x" * size
    assert "was altered" in refused(platform, run(platform, tmp_path, READ, bundle=wanted))


def test_a_bundle_that_writes_elsewhere_is_not_run(platform: LauncherPlatform, tmp_path: Path) -> None:
    launch = run(platform, tmp_path, READ, bundle=bundle(platform, {"../evil.py": ""}))
    assert "outside of its place" in refused(platform, launch)


@pytest.mark.slow
def test_a_bundle_of_two_hundred_megabytes(platform: LauncherPlatform, tmp_path: Path) -> None:
    blob = os.urandom(1 << 20).hex() * 100
    wanted = bundle(platform, {"flows.py": "the code", "data": blob})
    run(platform, tmp_path, "import os; print(os.stat('data').st_size)", bundle=wanted)
    assert platform.log("flow") == f"{len(blob)}\n".encode()


def test_a_missing_interpreter_is_named(platform: LauncherPlatform, tmp_path: Path) -> None:
    with launched(platform, tmp_path / "w", spec(platform, "/nowhere/bin/python")) as launch:
        assert launch.wait() == 0
    assert "/nowhere/bin/python, does not exist" in refused(platform, launch)


def test_another_minor_version_is_named(platform: LauncherPlatform, tmp_path: Path) -> None:
    with launched(platform, tmp_path / "w", spec(platform, sys.executable, python_version="3.9.1")) as launch:
        assert launch.wait() == 0
    assert platform.result is not None
    assert platform.result["exit_code"] == 64
    version = "{}.{}.{}".format(*sys.version_info[:3])
    assert (
        f"registered with Python 3.9, but {sys.executable} is Python {version}" in platform.result["reason"]
    )


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"])
def test_what_is_over_in_prefect_is_not_started(
    platform: LauncherPlatform, tmp_path: Path, state: str
) -> None:
    platform.flow_run_state = state
    assert state.title() in refused(platform, run(platform, tmp_path, "print('started')"))


def test_without_prefect_the_engine_decides(platform: LauncherPlatform, tmp_path: Path) -> None:
    platform.flow_run_state = None
    run(platform, tmp_path, "print('started')")
    assert platform.log("flow") == b"started\n"
    assert b"Prefect could not be asked" in platform.log("launcher")


def test_a_second_launcher_is_refused(platform: LauncherPlatform, tmp_path: Path) -> None:
    platform.launcher_id = "another"
    with launched(platform, tmp_path / "w", spec(platform, script(tmp_path, ""))) as launch:
        assert launch.wait() == 77
    assert "Another launcher has claimed workload w1" in launch.stderr


@pytest.mark.parametrize("content", ["", "{}", '{"url": 1}', None])
def test_a_claim_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    claim = tmp_path / "claim.json"
    if content is not None:
        claim.write_text(content)
    command = [sys.executable, "-m", "prefect_platform.launcher", "--claim", str(claim)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == 77
    assert str(claim) in found.stderr
    assert "Traceback" not in found.stderr


def test_usage() -> None:
    command = [sys.executable, "-m", "prefect_platform.launcher"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == 64
    assert "--claim FILE" in found.stderr


def test_nothing_but_the_standard_library_is_needed(platform: LauncherPlatform, tmp_path: Path) -> None:
    """The bare interpreter, without site, with our package alone in reach."""
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "prefect_platform").symlink_to(REPOSITORY / "prefect_platform")
    code = f"""
import sys
sys.path.append({str(tmp_path / "only")!r})
try:
    import pydantic
except ImportError:
    pass
else:
    sys.exit("pydantic can be imported: this proves nothing")
from prefect_platform.launcher.main import main
status = main(sys.argv[1:])
foreign = {{"ssl", "asyncio", "email", "http.client", "importlib.metadata"}} & set(sys.modules)
sys.exit(f"imported {{foreign}}" if foreign else status)
"""
    platform.spec = spec(platform, shell_script(tmp_path, "echo started\n"))
    (tmp_path / "w").mkdir()
    claim = tmp_path / "w" / "claim.json"
    claim.write_text(json.dumps(encode(ClaimFile(platform.url, TOKEN, "w1", str(tmp_path / "w")))))
    command = [SYSTEM_PYTHON, "-I", "-S", "-c", code, "--claim", str(claim)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert platform.log("flow") == b"started\n"


def test_the_prefect_api_gets_its_authorization(platform: LauncherPlatform, tmp_path: Path) -> None:
    seen = []
    answer = platform.answer

    def watching(method: str, path: str, headers: dict[str, str], body: bytes) -> object:
        if path.startswith("/prefect"):
            seen.append(headers.get("authorization"))
        return answer(method, path, headers, body)

    platform.answer = watching  # type: ignore[method-assign,assignment]
    flow_run = FlowRun("f1", platform.prefect_url, "flows.py:main", "Basic dXNlcjpwYXNz")
    run(platform, tmp_path, "", flow_run=flow_run)
    assert seen == ["Basic dXNlcjpwYXNz"]
