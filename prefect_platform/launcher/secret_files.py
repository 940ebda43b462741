"""Secrets as files: below the home directory of the run's user, for as long as the attempt lasts.

Nothing that was there before is overwritten. A file appears whole and with its mode, under a shared lock
that its launcher holds to the end, and with a mark in the folder that launchers share. Another run of the
same secret at the same time finds the mark and joins in; whoever is last removes the file. What a killed
launcher leaves is in the record in its directory: the next run takes it over, or the backend removes it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from prefect_platform.launcher.faults import SecretFault
from prefect_platform.launcher.home import folder_of, inner
from prefect_platform.wire.launch import SecretFile

RECORD = "secret-files.json"
MARKS = "secret-files"
TRIES = 5
"""A file may come and go between two looks, with the runs that share it."""


@dataclass(frozen=True)
class Held:
    """A file of ours, by what tells it from any other."""

    path: str
    draft: str | None
    """The name under which it was written."""
    mark: str | None
    device: int
    inode: int


@dataclass(frozen=True)
class _Open:
    held: Held
    descriptor: int
    folder: int

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self.folder)


class SecretFiles:
    """The files of one attempt, recorded in `directory`. `shared` is the launchers' of this machine."""

    def __init__(self, home: Path, directory: Path, shared: Path | None) -> None:
        self._home = home
        self._record = directory / RECORD
        self._marks = None if shared is None else shared / MARKS
        self._open: list[_Open] = []

    def write(self, file: SecretFile) -> str:
        """Put the file there. Returns how, for people.

        Raises:
            SecretFault: the path leads out of home, something else is there, or it cannot be written.
        """
        try:
            with folder_of(self._home, file.path) as folder:
                for _ in range(TRIES):
                    how = self._join(file, folder) or self._make(file, folder)
                    if how is not None:
                        return how
        except SecretFault as fault:
            raise SecretFault(f"Secret {file.secret!r}: {fault}") from fault
        except OSError as error:
            raise SecretFault(
                f"Secret {file.secret!r}: {file.path} cannot be written: {error.strerror}."
            ) from error
        raise SecretFault(f"Secret {file.secret!r}: {file.path} comes and goes with other runs. Try again.")

    def remove(self) -> list[str]:
        """Remove every file that nobody else uses. Returns those that the run put another one in place of."""
        replaced = [one.held.path for one in self._open if not _released(one)]
        for one in self._open:
            one.close()
        self._open = []
        self._record.unlink(missing_ok=True)
        return replaced

    def _join(self, file: SecretFile, folder: int) -> str | None:
        """Use a file that is there, if it has this content; None where there is none (any more)."""
        name = inner(file.path)[-1]
        try:
            found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _taken(file, "a link") from error
            raise
        if not _same(found, file.value.encode()):
            os.close(found)
            raise _taken(file, "another file, or another version for a run that goes on")
        mark = self._mark(found)
        if mark is None or not mark.exists():
            os.close(found)
            return "was there already, and stays"
        fcntl.flock(found, fcntl.LOCK_SH)
        if not _is(folder, name, found):
            os.close(found)
            return None
        self._hold(file, found, folder, None)
        return "shared with another run"

    def _make(self, file: SecretFile, folder: int) -> str | None:
        """Write a new file; None if there is one meanwhile."""
        name = inner(file.path)[-1]
        draft = f".{os.urandom(12).hex()}.part"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(draft, flags, 0o600 & file.mode, dir_fd=folder)
        try:
            fcntl.flock(made, fcntl.LOCK_SH)
            self._hold(file, made, folder, draft)
            os.fchmod(made, file.mode)
            _write(made, file.value.encode())
            os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            _unmark(self._open[-1].held)
            self._open.pop().close()
            return None
        finally:
            os.unlink(draft, dir_fd=folder)
        return "written"

    def _hold(self, file: SecretFile, descriptor: int, folder: int, draft: str | None) -> None:
        """Note a file as ours, before there is anything in it."""
        found = os.fstat(descriptor)
        path = Path(os.path.realpath(self._home)).joinpath(*inner(file.path))
        mark = self._mark(descriptor)
        held = Held(
            str(path),
            None if draft is None else str(path.with_name(draft)),
            None if mark is None else str(mark),
            found.st_dev,
            found.st_ino,
        )
        self._open.append(_Open(held, descriptor, os.dup(folder)))
        fresh = self._record.with_name(f"{RECORD}.part")
        with open(fresh, "w", opener=_private, encoding="utf-8") as record:
            json.dump([asdict(one.held) for one in self._open], record)
        fresh.replace(self._record)
        if mark is not None:
            mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch(mode=0o600)

    def _mark(self, descriptor: int) -> Path | None:
        """What says that a file was made by a launcher of this machine."""
        found = os.fstat(descriptor)
        return None if self._marks is None else self._marks / f"{found.st_dev}-{found.st_ino}"


def _same(descriptor: int, content: bytes) -> bool:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size != len(content):
        return False
    return os.pread(descriptor, len(content) + 1, 0) == content


def _is(folder: int, name: str, descriptor: int) -> bool:
    """Whether the name still stands for the open file."""
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))


def _released(one: _Open) -> bool:
    """Remove the file unless another run holds it; false if something else stands in its place."""
    name = Path(one.held.path).name
    try:
        # Fails where another holds it, and then this lock is gone too: the last one gets it.
        fcntl.flock(one.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    ours = _is(one.folder, name, one.descriptor)
    if ours:
        os.unlink(name, dir_fd=one.folder)
    _unmark(one.held)
    return ours or not _there(one.folder, name)


def _there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _unmark(held: Held) -> None:
    if held.mark is not None:
        Path(held.mark).unlink(missing_ok=True)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def write_private(path: Path, content: str) -> None:
    """Write a file that nobody else may read, in place of what a start before may have left."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _write(descriptor, content.encode())
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _taken(file: SecretFile, what: str) -> SecretFault:
    return SecretFault(
        f"{what} is at {file.path} already, and is not overwritten. Move it away, wait for that run, or "
        "register the flow with another path."
    )
