"""The code of a flow version that is a commit: fetched once for all runs of a machine, then written out.

The copies (mirrors) lie in a folder that launchers share. Reading one needs no lock, as everything read is
checked; only who changes one holds its lock. Whatever is wrong with a copy, it is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from prefect_platform.launcher.bundle import MAX_MEMBERS
from prefect_platform.launcher.checkout import Checkout, Written
from prefect_platform.launcher.faults import SourceFault
from prefect_platform.launcher.git import Broken, Git, GitFailed
from prefect_platform.launcher.signals import Interrupts
from prefect_platform.wire import git as rules
from prefect_platform.wire.launch import GitSource

FETCH_SECONDS = 900.0
LOCK_SECONDS = 1800.0
INIT_SECONDS = 30.0
WHOLE = 2147483647
"""The depth that means all of the history."""
UNUSED_SECONDS = 30 * 86400.0
"""A mirror that nobody read for so long is removed."""


class Source:
    """One commit, on its way from a repository to the folder of a run."""

    def __init__(
        self,
        source: GitSource,
        directory: Path,
        shared: Path | None,
        inherited: Mapping[str, str],
        interrupts: Interrupts,
        *,
        most: int = MAX_MEMBERS,
    ) -> None:
        self._source = source
        self._most = most
        self._directory = directory
        self._interrupts = interrupts
        self._remote = _judged(source)
        mirrors = _made(shared / "git") if shared is not None else None
        self._mirrors = mirrors or _made(directory / "git") or directory
        self._key = key(source)
        self._inherited = inherited

    def provide(self, place: Path, say: Callable[[str], None]) -> Written:
        """Write the commit below `place`.

        Raises:
            SourceFault: it cannot be had, or holds what is not taken; the message says why.
            Stopped: the end of the start was asked for.
        """
        try:
            found = self._written(place) or self._fetched(place)
        except OSError as error:
            raise SourceFault(
                f"The code could not be written to {place}: {error.strerror or error}."
            ) from error
        finally:
            self._key_file.unlink(missing_ok=True)
        _tell(found, say)
        return found

    def _access(self) -> rules.Access:
        source = self._source
        if source.token and rules.KEY in source.token:
            descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(source.token)
            return rules.Access(key_file=str(self._key_file))
        return rules.Access(source.user or "", source.token)

    @property
    def _key_file(self) -> Path:
        return self._directory / "git-key"

    @property
    def _mirror(self) -> Path:
        return self._mirrors / self._key

    def _git(self, access: rules.Access | None = None) -> Git:
        """Git on the mirror; with credentials only where it fetches."""
        variables = rules.environment(self._inherited, self._remote, access or rules.Access())
        return Git(self._mirror, variables, self._interrupts)

    def _written(self, place: Path) -> Written | None:
        """Write the commit out of the mirror; nothing where the mirror has not got all of it."""
        if not (self._mirror / "HEAD").is_file():
            return None
        with suppress(OSError):  # how fresh it is only matters to who cleans up
            os.utime(self._mirror)
        try:
            with self._git().objects() as objects:
                return Checkout(objects, place, self._source.directories, self._most).write(
                    self._source.commit
                )
        except Broken:
            shutil.rmtree(place, ignore_errors=True)
            return None

    def _fetched(self, place: Path) -> Written:
        """Bring the commit into the mirror, and write it out. A mirror that is broken is made anew."""
        with _locked(self._mirrors / f"{self._key}.lock", self._interrupts) as lock:
            found = self._written(place)  # another launcher may have fetched it meanwhile
            for anew in (False, True):
                if not found and self._fetch(lock, anew=anew):
                    found = self._written(place)
            if found:
                _remove_unused(self._mirrors)
                return found
        raise SourceFault(rules.sentence("", self._remote, "error: what came is not the commit"))

    def _fetch(self, lock: int, *, anew: bool) -> bool:
        """Fetch the commit; whether that worked. What no new mirror would cure is raised."""
        try:
            self._prepare(lock, anew=anew)
            self._fetch_commit(lock)
        except GitFailed as failure:
            said = str(failure)
            found = None if str(self._mirror) in said else rules.problem(said)
            if found or anew:
                raise SourceFault(rules.sentence(found or "", self._remote, said)) from failure
            return False
        return True

    def _prepare(self, lock: int, *, anew: bool) -> None:
        """A mirror that can be fetched into: what a killed fetch left behind is taken away."""
        if anew:
            shutil.rmtree(self._mirror, ignore_errors=True)
        if not (self._mirror / "HEAD").is_file():
            form = f"--object-format={'sha1' if len(self._source.commit) == 40 else 'sha256'}"
            self._git().run(
                "init", "--bare", "--quiet", "--template=", form, seconds=INIT_SECONDS, keep=[lock]
            )
        for left in (*self._mirror.glob("**/*.lock"), *self._mirror.glob("objects/pack/tmp_*")):
            left.unlink(missing_ok=True)

    def _fetch_commit(self, lock: int) -> None:
        """The commit alone; everything, from a server that gives out nothing but branches and tags."""
        commit = f"+{self._source.commit}:refs/platform/{self._source.commit}"
        try:
            self._git_fetch(lock, "--depth=1", commit)
        except GitFailed as failure:
            if not any(word in str(failure) for word in ("unadvertised object", "dumb http", "shallow")):
                raise
            self._git_fetch(
                lock, f"--depth={WHOLE}", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"
            )

    def _git_fetch(self, lock: int, depth: str, *what: str) -> None:
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", depth)
        self._git(self._access()).run(
            "fetch", *options, "--", self._source.url, *what, seconds=FETCH_SECONDS, keep=[lock]
        )


def key(source: GitSource) -> str:
    """The name of the mirror that a source is read through."""
    said = f"{source.scope}\n{source.url}" if source.scope else source.url
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()


def working_directory(source: GitSource, place: Path) -> Path:
    """Where in the checkout the run works.

    Raises:
        SourceFault: the commit has no such folder.
    """
    parts = PurePosixPath(source.subdirectory or ".")
    found = place / parts
    if ".." in parts.parts or parts.is_absolute() or not found.is_dir():
        raise SourceFault(f"The commit has no folder {source.subdirectory!r}, where this flow is to run.")
    return found


def _judged(source: GitSource) -> rules.Remote:
    """The rules of registration once more: a launcher trusts nobody's word for what it hands to git."""
    try:
        remote = rules.remote(source.url)
    except ValueError as error:
        raise SourceFault(str(error)) from error
    if remote.transport == "file" and not source.local:
        raise SourceFault(
            f"{rules.shown(source.url)} is a path, and this platform takes no repositories from its own "
            "machine: push it to a server, or let the operator set PREFECT_PLATFORM_LOCAL_REPOSITORIES=1."
        )
    if not rules.COMMIT.fullmatch(source.commit):
        raise SourceFault(f"{source.commit[:80]!r} is no commit.")
    return remote


def _made(directory: Path) -> Path | None:
    """The folder, if it is there or can be made, and can be written to."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(directory, os.W_OK | os.X_OK):
            return directory
    return None


@contextmanager
def _locked(path: Path, interrupts: Interrupts) -> Iterator[int]:
    """Hold the lock of a mirror. It is free again when this process and all git that it started are gone."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(lock):
            interrupts.check()
            interrupts.sleep(0.05)
            if time.monotonic() > deadline:
                raise SourceFault("Another start fetches the same repository, and does not come to an end.")
        yield lock
    finally:
        os.close(lock)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_unused(mirrors: Path) -> None:
    """Remove mirrors that no run has read for a long time, unless somebody works on one."""
    before = time.time() - UNUSED_SECONDS
    for lock in mirrors.glob("*.lock"):
        mirror = lock.with_suffix("")
        with suppress(OSError):
            if mirror.stat().st_mtime < before:
                descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
                try:
                    if _lock(descriptor):
                        shutil.rmtree(mirror)
                finally:
                    os.close(descriptor)


def _tell(found: Written, say: Callable[[str], None]) -> None:
    if found.modules:
        say(f"Submodules are not fetched, their folders are empty: {_some(found.modules)}.")
    if found.pointers:
        say(f"Git LFS keeps the content of some files, which is not fetched: {_some(found.pointers)}.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
