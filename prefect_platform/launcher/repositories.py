"""The git repositories of a program: whole clones in its working directory, that its user works in.

A clone is made beside its place and moved there once it is whole: a start that is killed leaves no half of
one. What is there is never deleted while it holds work that is nowhere else, unless that was asked for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from prefect_platform.launcher.faults import SourceFault
from prefect_platform.launcher.git import Git, GitFailed
from prefect_platform.launcher.signals import Interrupts
from prefect_platform.wire import git as rules
from prefect_platform.wire.launch import Repository

CLONE_SECONDS = 1800.0
LOOK_SECONDS = 60.0
UNPUSHED = ("log", "--oneline", "-n1", "HEAD", "--branches", "--not", "--remotes", "--tags")
NEEDS_GIT = "git cannot be started on this machine, and a repository is asked for: install git there"


class Repositories:
    """Those of one start, below `place`. `directory` is the workload's own."""

    def __init__(
        self,
        place: Path,
        directory: Path,
        inherited: Mapping[str, str],
        interrupts: Interrupts,
        say: Callable[[str], None],
    ) -> None:
        self._place, self._directory = place, directory
        self._inherited, self._interrupts, self._say = inherited, interrupts, say

    def bring(self, wanted: Sequence[Repository]) -> str:
        """See that each is there; what was done, for people.

        Raises:
            SourceFault: one cannot be had, or its place holds what must not be lost.
            Stopped: the end of the start was asked for.
        """
        return "; ".join([self._bring(one) for one in wanted])

    def _bring(self, one: Repository) -> str:
        remote = _judged(one)
        target = self._target(one)
        there = target.is_dir() and any(target.iterdir())
        if there and not one.reclone:
            self._say(f"The repository {one.path} is kept as it is.")
            return f"{one.path} as it was"
        if there and not one.discard:
            self._refuse_loss(one, target)
        try:
            self._clone(one, remote, target)
        except OSError as error:
            raise SourceFault(f"The repository {one.path} cannot be put there: {error.strerror}.") from error
        self._say(f"The repository {one.path} was cloned from {rules.shown(one.url)}.")
        return f"{one.path} cloned"

    def _target(self, one: Repository) -> Path:
        """Where it goes: below the working directory, whatever links lie on the way."""
        root = Path(os.path.realpath(self._place))
        target = Path(os.path.realpath(root / one.path))
        if root not in target.parents or target.is_file():
            raise SourceFault(f"The folder {one.path} of a repository leads out of {root}, or is a file.")
        return target

    def _clone(self, one: Repository, remote: rules.Remote, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.clone")
        old = target.with_name(f".{target.name}.old")
        for left in (draft, old):
            shutil.rmtree(left, ignore_errors=True)
        try:
            self._fetch(one, remote, draft)
            if target.exists():
                target.rename(old)
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)

    def _fetch(self, one: Repository, remote: rules.Remote, draft: Path) -> None:
        key = self._directory / "git-key"
        variables = rules.environment(self._inherited, remote, _access(one, key))
        git = _Clone(draft, variables, self._interrupts)
        try:
            git.run("clone", "--quiet", "--no-checkout", "--template=", "--", one.url, str(draft),
                    seconds=CLONE_SECONDS)  # fmt: skip
            self._check_out(one, _Clone(draft, variables, self._interrupts, inside=True))
        except GitFailed as failure:
            said = str(failure)
            raise SourceFault(rules.sentence(rules.problem(said) or "", remote, said)) from failure
        finally:
            key.unlink(missing_ok=True)

    def _check_out(self, one: Repository, git: _Clone) -> None:
        """Its branch, or the one that was asked for; nothing of an empty repository."""
        if one.ref is None:
            with suppress(GitFailed):  # a repository without a commit
                git.run("rev-parse", "--verify", "--quiet", "HEAD", seconds=LOOK_SECONDS)
                git.run("checkout", "--quiet", "--force", seconds=CLONE_SECONDS)
            return
        try:
            git.run("checkout", "--quiet", "--force", one.ref, "--", seconds=CLONE_SECONDS)
        except GitFailed as failure:
            raise SourceFault(
                f"The repository {rules.shown(one.url)} has no branch, tag or commit {one.ref!r}."
            ) from failure

    def _refuse_loss(self, one: Repository, target: Path) -> None:
        """Raises: SourceFault, if a clone in its place would lose work."""
        lost = self._work(target)
        if lost:
            raise SourceFault(
                f"The repository {one.path} is to be cloned anew, but {target} holds {lost}. Push or move "
                "that first, or say `on_restart: preserve`, or `discard_changes: true` to lose it."
            )

    def _work(self, target: Path) -> str:
        """What of a folder is in no other place; nothing if all of it can be cloned again."""
        if not (target / ".git").is_dir():
            return "what is no clone of it"
        looks = {
            "changes that are not committed": ["status", "--porcelain", "--untracked-files=all"],
            "commits that were not pushed": [*UNPUSHED],
            "stashed changes": ["stash", "list"],
        }  # fmt: skip
        return next((what for what, words in looks.items() if self._says(target, words)), "")

    def _says(self, target: Path, words: Sequence[str]) -> bool:
        remote = rules.Remote("", "file")
        try:
            done = subprocess.run(
                ["git", "-C", str(target), *words],
                env=rules.environment(self._inherited, remote, rules.Access()),
                stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceFault(f"{NEEDS_GIT} ({error}).") from error
        # What cannot be looked at may hold anything, but a repository without a commit has none to lose.
        return bool(done.stdout.strip()) or (done.returncode != 0 and b"HEAD" not in done.stderr)


class _Clone(Git):
    """git with a working tree."""

    def __init__(
        self, repository: Path, variables: Mapping[str, str], interrupts: Interrupts, *, inside: bool = False
    ) -> None:
        super().__init__(repository, variables, interrupts)
        self.where = ["-C", str(repository)] if inside else []


def _access(one: Repository, key: Path) -> rules.Access:
    if one.token and rules.KEY in one.token:
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(one.token)
        return rules.Access(key_file=str(key))
    return rules.Access(one.user or "", one.token)


def _judged(one: Repository) -> rules.Remote:
    """The rules once more: a launcher trusts nobody's word for what it hands to git."""
    try:
        remote = rules.remote(one.url)
    except ValueError as error:
        raise SourceFault(str(error)) from error
    if remote.transport == "file" and not one.local:
        raise SourceFault(
            f"{rules.shown(one.url)} is a path, and this platform takes no repositories from its own "
            "machine: push it to a server, or let the operator set PREFECT_PLATFORM_LOCAL_REPOSITORIES=1."
        )
    if one.ref is not None and one.ref.startswith("-"):
        raise SourceFault(f"{one.ref[:80]!r} is no branch, tag or commit.")
    return remote
