"""Git repositories for tests: made by the real git, with nothing of the machine's own configuration."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

FLOWS = """
from prefect import flow
import helper

@flow
def etl(n: int = 1) -> int:
    print("etl", helper.double(n), open("data/words.txt").read().strip())
    return helper.double(n)
"""
HELPER = "def double(n):\n    return 2 * n\n"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}  # fmt: skip


@dataclass(frozen=True)
class Repository:
    """A folder with a working tree; `path` is what is given to git as an address."""

    path: Path

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env=ENVIRONMENT, input=stdin, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, str | bytes], message: str = "more") -> str:
        """Write files, commit everything, and return the commit."""
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, entries: bytes) -> str:
        """A commit of a tree that git's own commands would not make, from lines of `git mktree -z`."""
        tree = self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=entries)
        made = self.git("commit-tree", tree, "-m", "hostile")
        self.git("update-ref", "refs/heads/hostile", made)
        return made

    def blob(self, content: bytes) -> bytes:
        """The raw id of a blob."""
        return bytes.fromhex(self.git("hash-object", "-w", "--stdin", stdin=content))


def repository(path: Path, files: dict[str, str | bytes] | None = None) -> Repository:
    """A repository with one commit on `main`."""
    path.mkdir(parents=True)
    made = Repository(path)
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit(
        files or {"flows.py": FLOWS, "helper.py": HELPER, "data/words.txt": "some words\n"}, message="first"
    )
    return made
