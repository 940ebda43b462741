"""Running git: one process at a time, hardened, bounded in time, and ended at once when the start is."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from prefect_platform.launcher.faults import SourceFault
from prefect_platform.launcher.linux import die_with_parent
from prefect_platform.launcher.signals import Interrupts

READ_BYTES = 1 << 18
MAX_SAID = 64 << 10
"""Bytes of git's own words that are looked at."""
MAX_HELD = 64 << 20
"""Largest commit, tree or link that is read into memory."""
MAX_HEADER = 256
AHEAD = 512
"""Objects asked for before the first of them was read."""
SILENT_SECONDS = 60.0
"""So long may git read one object from its own disk."""


class GitFailed(Exception):
    """git ended with an error; the text is what it said."""


class Broken(Exception):
    """The copy on this machine has not got an object, or has another one in its place."""


class Git:
    """git on one repository of this machine."""

    def __init__(self, repository: Path, variables: Mapping[str, str], interrupts: Interrupts) -> None:
        self.repository = repository
        self.where = [f"--git-dir={repository}"]
        self._variables = dict(variables)
        self._interrupts = interrupts

    def run(self, *arguments: str, seconds: float, keep: Sequence[int] = ()) -> None:
        """Run a command to its end; descriptors in `keep` stay open as long as any process of it lives.

        Raises:
            GitFailed: it failed, or took longer than `seconds`.
            Stopped: the end of the start was asked for.
        """
        said = self.repository.parent / f".{self.repository.name}.{os.getpid()}.said"
        try:
            with said.open("w+b") as words:
                code = self._run(arguments, words, time.monotonic() + seconds, keep)
                words.seek(0)
                text = words.read(MAX_SAID).decode("utf-8", "replace")
        finally:
            said.unlink(missing_ok=True)
        if code is None:
            raise GitFailed(f"fatal: {arguments[0]} timed out after {seconds:g} s")
        if code:
            raise GitFailed(text)

    def _run(
        self, arguments: Sequence[str], words: IO[bytes], deadline: float, keep: Sequence[int]
    ) -> int | None:
        process = self._start(arguments, stdin=subprocess.DEVNULL, stdout=words, stderr=words, keep=keep)
        try:
            while process.poll() is None:
                self._interrupts.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._interrupts.sleep(min(left, 1.0))  # the end of a child wakes it
            return process.returncode
        finally:
            _end(process)

    @contextmanager
    def objects(self) -> Iterator[Objects]:
        """Read objects, each checked against its own name."""
        process = self._start(
            ["cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Objects(process, self._interrupts)
        finally:
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not sent goes nowhere now
                    if pipe is not None:
                        pipe.close()
            _end(process)

    def _start(
        self,
        arguments: Sequence[str],
        *,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
        keep: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["git", *self.where, *arguments],
                cwd=self.repository.parent,
                env=self._variables,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=keep,
                start_new_session=True,
                bufsize=0,
                preexec_fn=partial(die_with_parent, signal.SIGKILL),  # noqa: PLW1509 - there is one thread
            )
        except OSError as error:
            raise SourceFault(
                f"git cannot be started on this machine ({error.strerror}), and this flow's code is in a git "
                "repository: install git where runs start."
            ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and the programs that it started to talk to the other side."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Objects:
    """Objects of a repository, from one `git cat-file --batch`. Nothing of it is believed unchecked."""

    def __init__(self, process: subprocess.Popen[bytes], interrupts: Interrupts) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("cat-file was started without pipes")
        self._requests = process.stdin
        self._answers = process.stdout.fileno()
        self._interrupts = interrupts
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        self._poll.register(interrupts.wake_fd, select.POLLIN)
        self._held, self._at = b"", 0
        self._coming: deque[str] = deque()
        self._asked: deque[str] = deque()

    def ahead(self, names: Iterable[str]) -> None:
        """Say which objects are read next, in this order: git then need not wait for each question."""
        self._coming.extend(names)

    def read(self, name: str, kind: str) -> bytes:
        """An object whole. Raises: Broken."""
        return b"".join(self.pieces(name, kind, MAX_HELD))

    def pieces(self, name: str, kind: str, most: int) -> Iterator[bytes]:
        """The content of an object. What came before `Broken` is raised must not be used.

        Raises:
            Broken: it is not there, of another kind or larger than `most`, or its bytes are not those that
                its name stands for.
        """
        size = self._header(name, kind)
        if size > most:
            raise Broken(f"{kind} {name} is {size} bytes")
        digest = hashlib.sha1(usedforsecurity=False) if len(name) == 40 else hashlib.sha256()
        digest.update(f"{kind} {size}\0".encode())
        while size:
            piece = self._some(size)
            digest.update(piece)
            size -= len(piece)
            yield piece
        if self._some(1) != b"\n" or digest.hexdigest() != name:
            raise Broken(f"{kind} {name} was altered")

    def _header(self, name: str, kind: str) -> int:
        self._ask(name)
        while (end := self._held.find(b"\n", self._at)) < 0 and len(self._held) - self._at < MAX_HEADER:
            self._held, self._at = self._held[self._at :] + self._receive(), 0
        words, self._at = self._held[self._at : max(end, self._at)].split(), end + 1
        if len(words) != 3 or words[0] != name.encode() or words[1] != kind.encode():
            raise Broken(f"{kind} {name} is not there")
        return int(words[2])

    def _ask(self, name: str) -> None:
        """Keep git busy, but leave room in the pipe: with more questions than that, each might wait for the
        other."""
        if not self._asked and not self._coming:
            self._coming.append(name)
        if len(self._asked) < AHEAD // 2 and self._coming:
            batch = [self._coming.popleft() for _ in range(min(len(self._coming), AHEAD - len(self._asked)))]
            self._asked.extend(batch)
            try:
                self._requests.write("".join(f"{one}\n" for one in batch).encode())
            except OSError as error:
                raise Broken(f"git does not read its objects: {error.strerror}") from error
        if self._asked.popleft() != name:
            raise ValueError(f"{name} is not the object that comes next")

    def _some(self, most: int) -> bytes:
        if self._at == len(self._held):
            self._held, self._at = self._receive(), 0
        found = self._held[self._at : self._at + most]
        self._at += len(found)
        return found

    def _receive(self) -> bytes:
        deadline = time.monotonic() + SILENT_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            ready = {fd for fd, _ in self._poll.poll(left * 1000)}
            if self._interrupts.wake_fd in ready:
                self._interrupts.clear()
                self._interrupts.check()
            if self._answers in ready:
                if data := os.read(self._answers, READ_BYTES):
                    return data
                raise Broken("git ended while its objects were read")
        raise Broken(f"git gave no object for {SILENT_SECONDS:g} s")
