"""Starting the engine: `start_engine` is the one place where a process for user code comes from.

Until it is called the launcher has a single thread, so it may fork. What it gives back is a pid of a
child of the launcher, in a session of its own, which dies with the launcher. A faster way to start
an engine (a process forked in advance, for example) has to keep exactly that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.linux import die_with_parent
from prefect_platform.wire.launch import FlowRun

WRONG_PYTHON = 64
"""Exit code of an interpreter of another minor version than the flow was registered with."""

BOOTSTRAP = """
import sys
if "%d.%d" % sys.version_info[:2] != {minor!r}:
    found = sys.executable + " is Python %d.%d.%d. " % sys.version_info[:3]
    sys.stderr.write("This flow was registered with Python {minor}, but " + found
        + "Register the flow again from this interpreter, or bring back the old one.\\n")
    raise SystemExit({wrong})
import io, os, runpy
sys.path[0] = os.getcwd()
sys.argv = ["prefect.engine"]
# Where it is installed, importing it costs Prefect a second, for a format check that nothing here needs.
sys.modules["rfc3987_syntax"] = None
# A line is written when it is printed: readable at once, and in order with stderr. A stream without a
# buffer (PYTHONUNBUFFERED) would lose the rest of a line whose write a signal interrupts.
for name in "stdout", "stderr":
    stream = getattr(sys, name)
    if isinstance(stream.buffer, io.RawIOBase):
        fd, encoding, errors = stream.fileno(), stream.encoding, stream.errors
        setattr(sys, name, open(fd, "w", buffering=1, encoding=encoding, errors=errors, closefd=False))
    else:
        stream.reconfigure(line_buffering=True)
runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
"""

INHERITED = (
    *(
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "HOSTNAME",
        "LD_LIBRARY_PATH",
    ),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""What the engine takes over from the machine. Everything else is said by the spec."""


@dataclass(frozen=True)
class EngineStart:
    """A process to start, with nothing left to decide."""

    interpreter: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    directory: Path
    """Working directory."""
    output: int
    """Descriptor that becomes 1 and 2 of the process."""


def start_engine(start: EngineStart) -> int:
    """Start the engine and return its pid.

    Raises:
        EngineFault: the interpreter cannot be executed, or the directory not be entered.
    """
    launcher = os.getpid()
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        _become(start, launcher, tell)
    os.close(tell)
    with os.fdopen(told, "rb") as answer:
        problem = answer.read().decode()
    if problem:
        os.waitpid(pid, 0)
        raise EngineFault(problem)
    return pid


def _become(start: EngineStart, launcher: int, tell: int) -> NoReturn:
    """Turn the forked child into the engine. `tell` closes by itself when that has worked."""
    doing = "be prepared"
    try:
        os.setsid()
        die_with_parent(signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)  # the launcher died before that took effect
        doing = f"enter {start.directory}"
        os.chdir(start.directory)
        _stand_alone(start.output)
        doing = f"be executed: {start.interpreter}"
        command = [start.interpreter, *start.arguments]
        os.execve(start.interpreter, command, start.environment)  # noqa: S606 - no shell is wanted
    except (OSError, ValueError) as error:  # ValueError: a NUL in a variable
        os.write(tell, f"The engine could not {doing} ({error}).".encode())
    finally:
        os._exit(127)


def _stand_alone(output: int) -> None:
    """Descriptors 0, 1 and 2, and signals as a new process expects them."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for signum in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)


def arguments(python_version: str) -> tuple[str, ...]:
    """Arguments that make an interpreter check its version and run Prefect's engine."""
    minor = ".".join(python_version.split(".")[:2])
    return "-c", BOOTSTRAP.format(minor=minor, wrong=WRONG_PYTHON)


def environment(
    inherited: Mapping[str, str], added: Mapping[str, str], flow_run: FlowRun, code: Path
) -> dict[str, str]:
    """The engine's variables: a few of the machine's, then the spec's, then those that name the run."""
    kept = {name: value for name, value in inherited.items() if name in INHERITED or name.startswith("LC_")}
    named = {"PREFECT_API_URL": flow_run.api_url, "PREFECT__FLOW_RUN_ID": flow_run.id}
    if not flow_run.pulled:  # without an entrypoint the engine runs the pull steps of the deployment
        named["PREFECT__FLOW_ENTRYPOINT"] = entrypoint(flow_run.entrypoint, code)
    return {**kept, **added, **named}


def entrypoint(given: str, code: Path) -> str:
    """`file.py:object` with the absolute path of the unpacked file; `package.module:object` as it is."""
    path, colon, name = given.rpartition(":")
    if path.endswith(".py") or "/" in path:
        return f"{code / path}{colon}{name}"
    return given


def check_interpreter(path: str) -> None:
    """Raises: EngineFault, where there is no such interpreter on this machine."""
    if not Path(path).is_file():
        raise EngineFault(
            f"The interpreter of this flow version, {path}, does not exist on this machine. "
            "Register the flow again from an environment that does."
        )
    if not os.access(path, os.X_OK):
        raise EngineFault(f"The interpreter of this flow version, {path}, may not be executed by this user.")
