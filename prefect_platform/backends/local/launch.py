"""Starting a launcher once, whatever happens in between.

The process that becomes the launcher creates `launcher.pid` itself, and can do so only if there is
none. So the file, not the memory of whoever started it, says whether there is a launcher and which:
a platform that was killed in the middle finds it, and of two platforms that start one, one does.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.backends.base import WorkloadSpec
from prefect_platform.backends.local.place import CLAIM, LAUNCHER_LOG, NEVER, PID_FILE, Place
from prefect_platform.backends.local.proc import LAUNCH, MARKER, Proc, parse_stat
from prefect_platform.errors import NoCapacity, PlatformError, StorageFull, Unavailable
from prefect_platform.wire.launch import ClaimFile, encode

_FULL = {errno.ENOSPC, errno.EDQUOT}
_LOOKS, _PAUSE = 100, 0.005
"""How often, and seconds how far apart, a pid file without its line is looked at."""
_BUSY = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Errors of the operating system inside the block become the platform's own.

    Raises:
        StorageFull: no space is left.
        NoCapacity: the machine is out of processes, descriptors or memory now.
        Unavailable: anything else.
    """
    try:
        yield
    except OSError as fault:
        where = f" ({fault.filename})" if fault.filename else ""
        sentence = f"Cannot {doing}: {fault.strerror or fault}{where}."
        raise _kind(fault)(f"{sentence} It is tried again.") from fault


def _kind(fault: OSError) -> type[PlatformError]:
    if fault.errno in _FULL:
        return StorageFull
    return NoCapacity if fault.errno in _BUSY else Unavailable


@dataclass(frozen=True)
class Launching:
    """How launchers are started here."""

    command: Sequence[str]
    """Program and first arguments; `--claim FILE` is added."""
    environment: Mapping[str, str]
    proc: Proc

    def prepare(self, place: Place, spec: WorkloadSpec) -> None:
        """Make the directory and put the claim there, unless a launcher was started already."""
        with told(f"prepare the directory of workload {place.workload_id}"):
            place.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.directory.mkdir(mode=0o700, exist_ok=True)
            if not (place.directory / PID_FILE).exists():
                _write_claim(place, spec)

    def launch(self, place: Place) -> Place:
        """The place with its launcher: the one that was started before, or a new one."""
        with told(f"start the launcher of workload {place.workload_id}"):
            started = self.find(place)
            if started is None:
                self._spawn(place)
                started = self.find(place)
        if started is None or started.launcher is None:
            raise Unavailable(
                f"The launcher of workload {place.workload_id} ended before it began: /bin/sh cannot run in"
                f" {place.directory}. See {LAUNCHER_LOG} there. It is tried again."
            )
        self.proc.prefer_for_oom(started.launcher.pid)
        return started

    def find(self, place: Place) -> Place | None:
        """The place with the launcher that was started for it, or None if none ever was."""
        for _ in range(_LOOKS):
            try:
                text = (place.directory / PID_FILE).read_text()
            except FileNotFoundError:
                return None
            if text.endswith("\n"):
                boot, _, stat = text.partition(" ")
                return place.with_launcher(parse_stat(stat).process if stat else NEVER, boot.strip())
            time.sleep(_PAUSE)  # it stands, and its line does not yet
        return None

    def forbid(self, place: Place) -> Place | None:
        """Make sure that no launcher is started from now on. The one that was, or None."""
        with told(f"stop workload {place.workload_id}"):
            if not place.directory.is_dir():  # nothing can be started where nothing is
                return None
            if (found := self.find(place)) is not None:
                return found
            tombstone = place.directory / f".{PID_FILE}.{os.urandom(4).hex()}"
            tombstone.write_text("never\n")
            try:
                (place.directory / PID_FILE).hardlink_to(tombstone)
            except FileExistsError:  # somebody started it between these lines
                return self.find(place)
            finally:
                tombstone.unlink()
            (place.directory / CLAIM).unlink(missing_ok=True)
            return None

    def _spawn(self, place: Place) -> None:
        # Only an empty one can be there: of a shell that was killed, or found no space, in between.
        (place.directory / PID_FILE).unlink(missing_ok=True)
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW
        claim = str(place.directory / CLAIM)
        log = os.open(place.directory / LAUNCHER_LOG, flags, 0o600)
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", LAUNCH, self.proc.boot_id(), *self.command, "--claim", claim],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=place.directory,
                env={**self.environment, MARKER: place.workload_id},
                start_new_session=True,
            )
        finally:
            os.close(log)
        assert process.stdout is not None
        with process.stdout as pipe:
            pipe.read()  # ends when the pid file stands, or the shell is gone
        _disown(process, place)


def _disown(process: subprocess.Popen[bytes], place: Place) -> None:
    """Reap a shell that another one forestalled; leave a launcher to whoever watches its pidfd."""
    text = (place.directory / PID_FILE).read_text() if (place.directory / PID_FILE).exists() else ""
    if text.split()[1:2] != [str(process.pid)]:
        process.wait()
    else:
        process.returncode = 0  # or Popen would warn, and wait where we do


def _write_claim(place: Place, spec: WorkloadSpec) -> None:
    claim = ClaimFile(
        url=spec.url, token=spec.token, workload_id=spec.workload_id, directory=str(place.directory)
    )
    write_atomically(place.directory / CLAIM, json.dumps(encode(claim)).encode())


def write_atomically(path: Path, data: bytes) -> None:
    """All of `data` is at `path`, readable by its owner alone, or the file is as it was."""
    new = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
