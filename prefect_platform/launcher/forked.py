"""Children of the launcher: each is forked while the launcher has one thread, and told what to become.

Forking with threads copies locks that nobody will release. So whoever needs a thread before all processes
are started (a build, a start script: output to carry, heartbeats to send) forks first, and the children wait
until they are told. `subprocess` may be used later too: between its fork and its exec runs nothing of Python.
What comes of a child here is a child of the launcher in a session of its own, which dies with the launcher.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.linux import die_with_parent

GO, DISMISSED = b"g", b"d"
PIECE = 1 << 16


@dataclass(frozen=True)
class EngineStart:
    """A process to start, with nothing left to decide."""

    interpreter: str
    arguments: Sequence[str] = field(repr=False)
    environment: dict[str, str] = field(repr=False)
    directory: Path
    """Working directory."""
    output: int
    """Descriptor that becomes 1 and 2 of the process."""
    what: str = "engine"
    """What people call it, where it cannot be started."""


class Forked:
    """A child that waits. It is told once: `become` or `dismiss`."""

    def __init__(self) -> None:
        launcher = os.getpid()
        self._ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._ours.close()
            _wait(theirs, launcher)
        theirs.close()

    def become(self, start: EngineStart) -> int:
        """Have it become this process. Returns its pid, once that has worked.

        Raises:
            EngineFault: the program cannot be executed, or the directory not be entered.
        """
        told = [start.interpreter, list(start.arguments), start.environment, str(start.directory)]
        problem = b""
        with self._ours as ours:
            try:
                socket.send_fds(ours, [GO], [start.output])
                ours.sendall(json.dumps(told).encode() + b"\n")
                while piece := ours.recv(PIECE):
                    problem += piece
            except OSError as error:  # it was killed meanwhile
                problem = f"be prepared ({error})".encode()
        if problem:
            with suppress(ChildProcessError):  # reaped with another one that was waited for
                os.waitpid(self.pid, 0)
            raise EngineFault(f"The {start.what} could not {problem.decode()}.")
        return self.pid

    def dismiss(self) -> None:
        """It is not needed."""
        with self._ours as ours:
            try:
                ours.sendall(DISMISSED)
            except OSError:
                return  # it has ended already
            while ours.recv(PIECE):
                pass


def _wait(told: socket.socket, launcher: int) -> NoReturn:
    """Life of the child until it is told what to become."""
    try:
        signal.set_wakeup_fd(-1)
        _default_signals()
        os.setsid()
        die_with_parent(signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)  # the launcher died before that took effect
        word, descriptors, _, _ = socket.recv_fds(told, 1, 1)
        if word == GO:
            _become(told, descriptors[0])
    finally:
        os._exit(127)


def _become(told: socket.socket, output: int) -> NoReturn:
    """Turn into the process. `told` closes by itself when that has worked."""
    doing = "be prepared"
    try:
        message = b""
        while not message.endswith(b"\n"):
            message += told.recv(PIECE)
        program, arguments, environment, directory = json.loads(message)
        doing = f"enter {directory}"
        os.chdir(directory)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        doing = f"be executed: {program}"
        os.execve(program, [program, *arguments], environment)  # noqa: S606 - no shell is wanted
    except (OSError, ValueError) as error:  # ValueError: a NUL in a variable
        told.sendall(f"{doing} ({error})".encode())
    finally:
        os._exit(127)


def _default_signals() -> None:
    """Signals as a new process expects them."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for signum in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
