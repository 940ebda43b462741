"""What the kernel that registers is: its interpreter, everything that is installed for it, its checkouts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from prefect_platform import distributions
from prefect_platform.errors import RegistrationError
from prefect_platform.wire.environments import Distribution, GitRepository, Origin

_SECONDS = 60.0
_GIT_SECONDS = 2.0
_NOTHING_OF_ITS_OWN = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_ALONE = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none"}
"""Git writes nothing, asks nobody, and fetches no object that a partial clone lacks: what fetches for it is a
program that the clone names."""
_WANTED = r"^(remote\.origin\.url|filter\..*)$"
_OWN_SCOPES = ("local", "worktree")
_COMMIT = "# branch.oid "
_NONE_YET = "(initial)"
_QUESTION = "import json, os, sys; print(json.dumps([os.path.abspath(one) for one in sys.path[1:]]))"


class Installed:
    """Asks the interpreter where it imports from, without what this kernel has added to its path: a run
    asks it the same way. It answers while other things are done."""

    def __init__(self, executable: str = sys.executable, environ: Mapping[str, str] = os.environ) -> None:
        plain = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
        self._executable = executable
        try:
            self._process = subprocess.Popen(
                [executable, "-c", _QUESTION], cwd="/", env=plain, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise self._silent(str(error)) from None

    def path(self) -> list[str]:
        """Folders, in order."""
        try:
            out, _ = self._process.communicate(timeout=_SECONDS)
            found: list[str] = json.loads(out.strip().rpartition(b"\n")[2])
        except (subprocess.TimeoutExpired, ValueError) as error:
            self._process.kill()
            self._process.wait()
            raise self._silent(str(error)) from None
        return found

    def close(self) -> None:
        """Nobody wants the answer any more."""
        if self._process.stdout is not None and not self._process.stdout.closed:
            self._process.kill()
            self._process.communicate()

    def _silent(self, why: str) -> RegistrationError:
        return RegistrationError(
            f"The interpreter of this kernel, {self._executable or 'which has no name'}, does not start as a "
            f"program of its own ({why}); runs start with it. Register from a kernel that has one."
        )


def told(found: Mapping[str, distributions.Distribution]) -> list[Distribution]:
    """What is installed, as the platform wants to hear of it, in order of names."""
    return [
        Distribution(
            name=one.name, version=one.version, origin=Origin(one.origin), url=one.url, commit=one.commit
        )
        for _, one in sorted(found.items())
    ]


def repositories(start: Path) -> list[GitRepository]:
    """The checkout that a folder is in, if it is in one and there is git. Only what git follows makes it
    dirty."""
    root = next((one for one in (start, *start.parents) if (one / ".git").exists()), None)
    if root is None:
        return []
    told = _configured(root)
    if told is None:
        return []
    url, drivers = told
    commit, dirty = _state(root, drivers)
    if not commit:
        return []
    url = distributions.without_credentials(url) if url else None
    return [GitRepository(path=str(root), url=url or None, commit=commit, dirty=dirty)]


def _configured(root: Path) -> tuple[str | None, set[str]] | None:
    """Where a checkout comes from, and the filters that it configures itself; None where git does not say."""
    with _Asked(root, "config", "-z", "--show-scope", "--get-regexp", _WANTED) as asked:
        told = asked.said(nothing=1)
    if told is None:
        return None
    words = told.split("\0")
    url, drivers = None, set[str]()
    for scope, said in zip(words[::2], words[1::2], strict=False):
        name, _, value = said.partition("\n")
        if name == "remote.origin.url":
            url = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        elif scope in _OWN_SCOPES:
            drivers.add(name.partition(".")[2].rpartition(".")[0])
    return url, drivers


def _state(root: Path, drivers: Iterable[str]) -> tuple[str | None, bool]:
    """The commit of a checkout, if there is one yet, and whether anything differs from it.

    Filters of its own are programs, and are not run: a file that only they make equal counts as changed.
    Submodules are not looked into, as they have a configuration of theirs: only their commit counts.
    """
    with _Asked(
        root, "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no",
        "--ignore-submodules=dirty", more=_off(drivers),
    ) as it:  # fmt: skip
        told = it.said()
    if told is None:  # it is too large to be looked through in time, which counts as changed
        with _Asked(root, "rev-parse", "HEAD") as it:
            return it.said(), True
    lines = told.splitlines()
    commit = next((line[len(_COMMIT) :] for line in lines if line.startswith(_COMMIT)), "")
    changed = any(not line.startswith("#") for line in lines)
    return commit if commit != _NONE_YET else None, changed


def _off(drivers: Iterable[str]) -> dict[str, str]:
    """Variables that switch filters off. In an option, a name with a `=` in it would end there."""
    said = [(f"filter.{name}.{one}", "") for name in drivers for one in ("clean", "process")]
    said += [(f"filter.{name}.required", "false") for name in drivers]
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    found = {"GIT_CONFIG_COUNT": str(first + len(said))} if said else {}
    for number, (key, value) in enumerate(said, first):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


class _Asked:
    """One question to git. Nothing that a repository configures is run."""

    def __init__(self, root: Path, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # there is no git
            self._process = subprocess.Popen(
                ["git", *_NOTHING_OF_ITS_OWN, "-C", str(root), *arguments],
                env={**os.environ, **_ALONE, **(more or {})},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def said(self, nothing: int = 0) -> str | None:
        """What it says; None where it fails or takes too long. `nothing` is its exit code for no answer."""
        if self._process is None:
            return None
        try:
            out, _ = self._process.communicate(timeout=_GIT_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        good = self._process.returncode in (0, nothing)
        return out.decode("utf-8", "surrogateescape").strip() if good else None
