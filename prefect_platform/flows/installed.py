"""What the kernel that registers is: its interpreter, everything that is installed for it, its checkouts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from prefect_platform import distributions
from prefect_platform.errors import RegistrationError
from prefect_platform.wire.environments import Distribution, GitRepository, Origin

_SECONDS = 60.0
_GIT_SECONDS = 2.0
_NOTHING_OF_ITS_OWN = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
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
    commit = _git(root, "rev-parse", "HEAD") if root is not None else None
    if root is None or not commit:
        return []
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    url = _git(root, "config", "--get", "remote.origin.url")
    return [
        GitRepository(
            path=str(root),
            url=distributions.without_credentials(url) or None if url else None,
            commit=commit,
            dirty=changed != "",  # what git does not say in time counts as changed
        )
    ]


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, or None where it says nothing useful. Nothing that a repository configures is run."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["git", *_NOTHING_OF_ITS_OWN, "-C", str(root), *arguments],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_SECONDS, check=True,
        )  # fmt: skip
        return done.stdout.decode("utf-8", "replace").strip()
    return None
