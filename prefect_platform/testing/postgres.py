"""A PostgreSQL of a test session's own: no port, one directory, gone with the process that started it."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


def find_postgres() -> Path | None:
    """The directory of PostgreSQL's programs: on the path, or where Debian keeps them."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return places[-1].parent if places else None


@dataclass(frozen=True)
class Cluster:
    """A running server. Only its socket in `directory` leads to it."""

    programs: Path
    directory: Path
    user: str

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+asyncpg://{self.user}@/{database}?host={self.directory}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one SQL statement."""
        subprocess.run(
            [
                self.programs / "psql",
                *("-X", "-q", "-v", "ON_ERROR_STOP=1"),
                *("-h", self.directory, "-U", self.user, "-d", database, "-c", statement),
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )


@contextmanager
def postgres_cluster(programs: Path) -> Iterator[Cluster]:
    """Start a cluster that keeps nothing safe, and remove it afterwards.

    PostgreSQL refuses to run as root, so root starts it as `postgres`, or as `nobody`.
    """
    account = _account()
    directory = Path(tempfile.mkdtemp(prefix="pp-pg-"))
    try:
        if os.getuid() == 0:
            os.chown(directory, account.pw_uid, account.pw_gid)
        cluster = Cluster(programs, directory, account.pw_name)
        _initialise(cluster, account)
        with _running(cluster, account):
            yield cluster
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _account() -> pwd.struct_passwd:
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as(account: pwd.struct_passwd) -> dict[str, object]:
    if os.getuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _initialise(cluster: Cluster, account: pwd.struct_passwd) -> None:
    subprocess.run(
        [
            cluster.programs / "initdb",
            *("-D", cluster.directory / "data", "-U", cluster.user, "-A", "trust"),
            *("--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
        ],
        check=True,
        capture_output=True,
        cwd=cluster.directory,
        **_as(account),  # type: ignore[call-overload]  # options by keyword
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


@contextmanager
def _running(cluster: Cluster, account: pwd.struct_passwd) -> Iterator[None]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.directory),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "shared_buffers": "16MB",
        "max_connections": "100",
        "autovacuum": "off",
    }
    with (cluster.directory / "server.log").open("wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [
                cluster.programs / "postgres",
                *("-D", cluster.directory / "data"),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=cluster.directory,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads are forked by a test session's start
            **_as(account),  # type: ignore[call-overload]  # options by keyword
        )
    try:
        _wait(cluster, process)
        yield
    finally:
        process.send_signal(signal.SIGQUIT)  # its data is thrown away: no orderly end is needed
        process.wait(START_SECONDS)


def _wait(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    command = [str(cluster.programs / "pg_isready"), "-q", "-h", str(cluster.directory), "-U", cluster.user]
    while subprocess.run(command, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            log = (cluster.directory / "server.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}")
        time.sleep(0.05)
