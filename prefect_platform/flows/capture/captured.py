"""`Captured`: the code of one flow, ready to travel, with a digest over a canonical description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect_platform.errors import RegistrationError
from prefect_platform.names import TOKEN
from prefect_platform.wire.flows import BundleFile, Code, CodeKind, GitReference

_CHUNK = 1 << 20
_TOKEN_BYTES = 64
"""No token is longer."""


@dataclass(frozen=True)
class Entry:
    """One file of a bundle: small content in memory, large content where it lies on disk."""

    path: str
    content: bytes | Path
    size: int
    sha256: str
    identity: str = ""
    """What stands for this file in the code digest, where that is not the digest of its bytes: two
    pickles of one value may differ."""

    @classmethod
    def of_bytes(cls, path: str, content: bytes) -> Entry:
        _check(path, content)
        return cls(path, content, len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: str, file: Path, identity: str = "") -> Entry:
        """Reads the file once, in pieces.

        Raises:
            RegistrationError: it cannot be read, or holds a token.
        """
        digest, size, end = hashlib.sha256(), 0, b""
        try:
            with file.open("rb") as stream:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
                    size += len(piece)
                    _check(path, end + piece)
                    end = piece[-_TOKEN_BYTES:]
        except OSError as error:
            raise RegistrationError(
                f"{file} belongs to this flow's project but cannot be read: {error.strerror}. "
                "Make it readable, or name it in .platformignore."
            ) from error
        return cls(path, file, size, digest.hexdigest(), identity)


def _check(path: str, content: bytes) -> None:
    if TOKEN.search(content):
        raise RegistrationError(
            f"{path} holds a token of a platform, and whoever reads the code of this flow could use it. Take "
            "the token out and revoke it (`prefect-platform token revoke`): a run has one of its own."
        )


@dataclass(frozen=True)
class Captured:
    kind: CodeKind
    entrypoint: str
    origin: str
    """Where the flow came from, for people. Not part of the digest."""
    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()
    """What somebody should know about what travels and what stays."""
    git: GitReference | None = None
    """The commit that the code is, for the kind `git`."""
    pull_steps: tuple[dict[str, Any], ...] = ()
    """How Prefect fetches code that the platform does not store."""

    def with_more(self, entries: Iterable[Entry], notes: Iterable[str]) -> Captured:
        """The same with something that travels along."""
        return replace(self, entries=(*self.entries, *entries), notes=(*self.notes, *notes))

    @property
    def size(self) -> int:
        """Bytes before compression."""
        return sum(entry.size for entry in self.entries)

    @property
    def digest(self) -> str:
        files = {entry.path: entry.identity or entry.sha256 for entry in self.entries}
        described: dict[str, Any] = {
            "format": 1,
            "kind": self.kind.value,
            "entrypoint": self.entrypoint,
            "files": files,
        }
        if self.git is not None:
            described["git"] = self.git.model_dump(mode="json", exclude={"reference"})
        elif self.pull_steps:
            described["pull_steps"] = self.pull_steps
        text = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def code(self) -> Code:
        """This code as the platform wants to hear of it."""
        files = [BundleFile(path=e.path, size=e.size, sha256=e.sha256) for e in self.entries]
        return Code(
            kind=self.kind,
            digest=self.digest,
            entrypoint=self.entrypoint,
            origin=self.origin,
            files=files,
            git=self.git,
        )
