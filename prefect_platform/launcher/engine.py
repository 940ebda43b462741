"""Starting the engine: what it is, what it is told, and `start_engine`, which starts it at once.

Until then the launcher has a single thread, so it may fork. Where it needs threads before (see
`launcher/environment.py`), the process was forked in advance, and becomes the engine when it is told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.forked import EngineStart, Forked
from prefect_platform.wire.launch import FlowRun

__all__ = ["EngineStart", "start_engine"]

WRONG_PYTHON = 64
"""Exit code of an interpreter of another minor version than the flow was registered with."""

BOOTSTRAP = """
import sys
if "%d.%d" % sys.version_info[:2] != {minor!r}:
    found = sys.executable + " is Python %d.%d.%d. " % sys.version_info[:3]
    sys.stderr.write("This flow was registered with Python {minor}, but " + found
        + "Register the flow again from this interpreter, or bring back the old one.\\n")
    raise SystemExit({wrong})
import contextlib, functools, inspect, io, os, runpy, warnings
sys.path[0] = sys.argv[1] if sys.argv[1:] else os.getcwd()
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
# A run with a Dask cluster of its own: its tasks run there.
if os.environ.get("PREFECT_PLATFORM_DASK"):
    from prefect_platform.dask_cluster import engine_hook
    engine_hook.install()
# The thread that sends heartbeats sleeps a second at a time, and has nothing to send after the end. Still the
# engine waits for it where a flow is sync (not where it is async): up to a second for nothing.
with contextlib.suppress(ImportError):  # another Prefect, which the engine itself has to get along with
    import prefect.flow_engine as flows
    beats = getattr(flows, "_send_heartbeats", None)
    if beats and "join_on_exit" in inspect.signature(beats).parameters:
        flows._send_heartbeats = functools.partial(beats, join_on_exit=False)
# Prefect's engine imports itself a second time in any case; here that comes first, and runpy would warn.
warnings.filterwarnings("ignore", "'prefect.engine' found in sys.modules", RuntimeWarning)
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


def start_engine(start: EngineStart) -> int:
    """Start the engine and return its pid.

    Raises:
        EngineFault: the interpreter cannot be executed, or the directory not be entered.
    """
    return Forked().become(start)


def arguments(python_version: str, code: Path | None = None) -> tuple[str, ...]:
    """Arguments that make an interpreter check its version and run Prefect's engine. It imports from `code`
    first, by default its working directory."""
    minor = ".".join(python_version.split(".")[:2])
    first = () if code is None else (str(code),)
    return "-c", BOOTSTRAP.format(minor=minor, wrong=WRONG_PYTHON), *first


def environment(
    inherited: Mapping[str, str], added: Mapping[str, str], own: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a process: a few of the machine's, then the spec's, then its very own."""
    kept = {name: value for name, value in inherited.items() if name in INHERITED or name.startswith("LC_")}
    return {**kept, **added, **own}


def variables(flow_run: FlowRun, code: Path) -> dict[str, str]:
    """What names the run to the engine."""
    named = {"PREFECT_API_URL": flow_run.api_url, "PREFECT__FLOW_RUN_ID": flow_run.id}
    if not flow_run.pulled:  # without an entrypoint the engine runs the pull steps of the deployment
        named["PREFECT__FLOW_ENTRYPOINT"] = entrypoint(flow_run.entrypoint, code)
    return named


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
