"""What a git repository says at registration: which commit a branch is, and what the flow's file is there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.errors import RegistrationError
from prefect_platform.wire import git as rules

SECONDS = 600.0
_REFERENCE = re.compile(r"[^\s~^:?*\[\\\x00-\x1f\x7f+-][^\s~^:?*\[\\\x00-\x1f\x7f]*")


class _Failed(Exception):
    """git's own words."""


@dataclass(frozen=True)
class Pinned:
    """One commit of a repository, fetched to look into it."""

    url: str
    commit: str
    folder: Path
    variables: Mapping[str, str]

    def content(self, path: str) -> bytes | None:
        """A file of the commit; None if it has no such file."""
        try:
            return _git(self.folder, self.variables, "cat-file", "blob", f"{self.commit}:{path}")
        except _Failed:
            return None


def address(url: str) -> rules.Remote:
    """The address of a repository, a relative path made absolute.

    Raises:
        RegistrationError: it is not taken; the message says why.
    """
    if url and ":" not in url and not url.startswith("-"):
        url = str(Path(url).expanduser().resolve())
    try:
        return rules.remote(url)
    except ValueError as error:
        raise RegistrationError(str(error)) from None


def pin(
    where: rules.Remote,
    folder: Path,
    *,
    reference: str | None = None,
    commit: str | None = None,
    access: rules.Access | None = None,
    own: bool = False,
) -> Pinned:
    """Find the commit that a branch or a tag stands for now; the default branch by default.

    Read as a run will read it, without the machine's configuration. With `own`, the user's own way in is
    tried too: a run may have a secret that nobody here can read.

    Raises:
        RegistrationError: there is no such commit, or no way in; the message says why.
    """
    if reference is not None and (not _REFERENCE.fullmatch(reference) or ".." in reference):
        raise RegistrationError(f"{reference[:80]!r} is no name of a branch or a tag.")
    if commit is not None and not rules.COMMIT.fullmatch(commit):
        raise RegistrationError(f"{commit[:80]!r} is no whole commit: name all of its 40 characters.")
    ways = [rules.environment(os.environ, where, access or rules.Access())]
    if own and access is None:
        ways.append({**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"})
    said = ""
    for number, variables in enumerate(ways):
        try:
            target = folder / f"git-{number}"
            return Pinned(
                where.url, _fetch(where.url, target, variables, reference, commit), target, variables
            )
        except _Failed as failure:
            said = str(failure)
            if rules.problem(said) != "password":
                break
    raise RegistrationError(_refusal(where, reference, commit, said, own=own))


def _refusal(where: rules.Remote, reference: str | None, commit: str | None, said: str, *, own: bool) -> str:
    found = rules.problem(said) or ""
    if found == "gone":
        wanted = f"commit {commit}" if commit else f"branch or tag {reference!r}" if reference else "commit"
        return f"{rules.shown(where.url)} has no {wanted}."
    if found == "password" and own:
        return (
            f"{rules.shown(where.url)} lets nobody in here. To register you need a way in of your own: a "
            "credential helper of git, or GitRepository(credentials=...)."
        )
    return rules.sentence(found, where, said)


def _fetch(
    url: str, folder: Path, variables: Mapping[str, str], reference: str | None, commit: str | None
) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    form = "sha256" if commit and len(commit) == 64 else "sha1"
    _git(folder, variables, "init", "--bare", "--quiet", "--template=", f"--object-format={form}", ".")
    wanted = [commit] if commit else _names(reference)
    for left, name in zip(reversed(range(len(wanted))), wanted, strict=True):
        try:
            _git(folder, variables, "fetch", "--quiet", "--no-tags", "--depth=1", "--", url, name)
            break
        except _Failed as failure:
            if not left or rules.problem(str(failure)) != "gone":
                raise
    found = _git(folder, variables, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}")
    return found.decode().strip()


def _names(reference: str | None) -> list[str]:
    """As `git clone --branch` looks for them."""
    return [f"refs/heads/{reference}", f"refs/tags/{reference}"] if reference else ["HEAD"]


def _git(folder: Path, variables: Mapping[str, str], *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Failed(f"fatal: {arguments[0]} timed out after {SECONDS:g} s") from None
    except OSError as error:
        raise RegistrationError(
            f"git cannot be started ({error.strerror}): install it to register flows of git repositories."
        ) from None
    if done.returncode:
        raise _Failed(done.stderr.decode("utf-8", "replace"))
    return done.stdout
