# ruff: noqa: SLF001 - Prefect keeps what a storage was made with in private attributes
"""Flows of `Flow.from_source`: code that lies somewhere already, and travels as a reference to it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from prefect import Flow
from prefect.runner.storage import GitRepository, LocalStorage

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows import git
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.files import capture_file, load
from prefect_platform.wire.flows import CodeKind, GitReference
from prefect_platform.wire.git import ANY_USER, COMMIT, Access, shown

CLONE = "prefect.deployments.steps.git_clone"
_SECRET = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[0-9a-f]{32}")
"""What Prefect gives a flow for a version by itself: the MD5 of its file."""
_SECRETIVE = re.compile(r"(?i)(password|passwd|secret|token|api_?key|account_?key|credential|^key$)")
_PASSWORD = re.compile(r"://[^/\s@:\"]*:[^/\s@\"]+@")


class PinnedRepository(GitRepository):
    """A repository at one commit, and what led to it."""

    def __init__(self, url: str, commit: str, reference: str | None, subdirectory: str | None) -> None:
        super().__init__(url=url, commit_sha=commit)
        self.reference = reference
        self.subdirectory = subdirectory


@dataclass(frozen=True)
class Wish:
    """What `register` was asked for beside the flow."""

    include: tuple[str, ...] = ()
    secret: str | None = None


def check_secret_name(name: Any) -> str | None:
    """The name of the secret that opens a repository.

    Raises:
        RegistrationError: no secret can have this name.
    """
    if name is not None and (not isinstance(name, str) or not _SECRET.fullmatch(name)):
        raise RegistrationError(
            f"source_secret is {foreign(repr(name))}: expected the name of a secret (lowercase letters, "
            "digits and dashes), such as source_secret='git-token'. Its value stays with the platform."
        )
    return name


def capture_stored(flow: Flow[..., Any], directory: Path, wish: Wish) -> Captured:
    """Capture a flow that was loaded with `Flow.from_source`.

    Raises:
        RegistrationError: its source is not taken, or cannot be reached; the message says why.
    """
    storage: Any = flow._storage
    entrypoint = str(getattr(flow, "_entrypoint", None) or "")
    if isinstance(storage, LocalStorage):
        return _local(storage, entrypoint, wish)
    if wish.include:
        raise RegistrationError(
            "include= takes files of this folder along, and this flow's code stays where it is: put the "
            "files into its repository or storage."
        )
    if isinstance(storage, GitRepository):
        return _git(flow, storage, entrypoint, directory, wish.secret)
    if wish.secret is not None:
        raise RegistrationError("source_secret opens a git repository, and this flow comes from none.")
    return _storage(storage, entrypoint)


def _local(storage: LocalStorage, entrypoint: str, wish: Wish) -> Captured:
    """A folder of this machine travels, as with `path.py:flow`."""
    if wish.secret is not None:
        raise RegistrationError("source_secret opens a git repository, and this flow comes from a folder.")
    path, _, variable = entrypoint.rpartition(":")
    if not path:
        raise RegistrationError(f"{entrypoint!r} is in a folder: write it as `path.py:flow`.")
    flow, module = load(f"{Path(storage.destination) / path}:{variable}")
    if module is None:
        raise RegistrationError(f"{path} is no file of {storage.destination}.")
    return capture_file(flow, module, wish.include)


def _git(
    flow: Flow[..., Any], storage: GitRepository, entrypoint: str, directory: Path, secret: str | None
) -> Captured:
    asked = _Asked.of(storage)
    where = git.address(asked.url)
    access = _access(storage)
    if access is not None and secret is None:
        raise RegistrationError(
            f"{shown(asked.url)} is read with credentials, which stay here. Store a token with the platform "
            "(`prefect-platform secret set git-token`) and register with source_secret='git-token'."
        )
    found = git.pin(
        where,
        directory,
        reference=asked.reference,
        commit=asked.commit,
        access=access,
        own=secret is not None,
    )
    subdirectory = storage.subdirectory if isinstance(storage, PinnedRepository) else None
    entry = _entry(entrypoint, subdirectory)
    notes = [*_moved(flow, asked, found, entry.in_repository), *_stock_note(storage)]
    reference = GitReference(
        url=where.url,
        commit=found.commit,
        reference=asked.reference,
        subdirectory=subdirectory,
        directories=asked.directories,
    )
    return Captured(
        CodeKind.GIT,
        entry.text,
        f"{shown(where.url)}{f'@{asked.reference}' if asked.reference else ''}",
        notes=tuple(notes),
        git=reference,
        pull_steps=(_clone_step(storage, reference),),
    )


@dataclass(frozen=True)
class _Asked:
    """What a `GitRepository` was made with; Prefect keeps it in private attributes."""

    url: str
    reference: str | None
    commit: str | None
    directories: list[str]

    @classmethod
    def of(cls, storage: Any) -> _Asked:
        if storage._include_submodules:
            raise RegistrationError(
                "include_submodules is not supported: a commit does not say what is in its submodules. Put "
                "their files into the repository, or install them as packages."
            )
        reference = storage.reference if isinstance(storage, PinnedRepository) else storage._branch
        commit = storage._commit_sha.lower() if storage._commit_sha else None
        return cls(storage._url, reference, commit, list(storage._directories or []))


def _access(storage: Any) -> Access | None:
    """What the storage's own credentials say, in Prefect's way for each host. They are used here alone."""
    if not storage._credentials:
        return None
    parts = urlsplit(storage._repository_url_with_credentials)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user:
        raise RegistrationError("The credentials of this GitRepository are for https addresses alone.")
    return Access(user, password) if password else Access(ANY_USER, user)


@dataclass(frozen=True)
class _Entry:
    text: str
    """`file.py:object` or `package.module:object`, from where the run works."""
    in_repository: tuple[str, ...]
    """Paths where the file may lie, from the root."""


def _entry(entrypoint: str, subdirectory: str | None) -> _Entry:
    """Prefect takes `path.py:flow` and `package.module.flow`."""
    above = f"{subdirectory}/" if subdirectory else ""
    path, _, variable = entrypoint.rpartition(":" if ":" in entrypoint else ".")
    pure = PurePosixPath(path)
    if not path or not variable.isidentifier() or pure.is_absolute() or ".." in pure.parts:
        raise RegistrationError(f"{entrypoint!r} names no flow in a repository: write `path/flows.py:flow`.")
    if ":" in entrypoint:
        return _Entry(f"{str(pure).removeprefix(above)}:{variable}", (str(pure),))
    file = f"{above}{path.replace('.', '/')}"
    return _Entry(f"{path}:{variable}", (f"{file}.py", f"{file}/__init__.py"))


def _moved(flow: Flow[..., Any], asked: _Asked, found: git.Pinned, paths: tuple[str, ...]) -> Iterator[str]:
    """Whether the commit has another file than the one that was loaded, or none."""
    content = next((text for path in paths if (text := found.content(path)) is not None), None)
    if content is None:
        raise RegistrationError(
            f"Commit {found.commit[:12]} of {shown(found.url)} has no {paths[0]}: the repository has changed "
            "since this flow was loaded. Load it again with Flow.from_source."
        )
    version = str(flow.version or "")
    if _VERSION.fullmatch(version) and hashlib.md5(content, usedforsecurity=False).hexdigest() != version:
        yield (
            f"{asked.reference or 'The default branch'} has moved since this flow was loaded: {paths[0]} is "
            f"another one in commit {found.commit[:12]}, which is what will run. Load the flow again to "
            "register the parameters that it has there."
        )


def _clone_step(storage: GitRepository, reference: GitReference) -> dict[str, Any]:
    """Prefect's own step to the same commit, for workers that are not ours."""
    inputs: dict[str, Any] = {"repository": reference.url, "commit_sha": reference.commit}
    if reference.directories:
        inputs["directories"] = reference.directories
    if (credentials := _placeholder(storage)) is not None:
        inputs["credentials"] = credentials
    return {CLONE: inputs}


def _placeholder(storage: GitRepository) -> Any:
    """The storage's credentials as a reference to a saved block; None where they are no block."""
    try:
        step: dict[str, Any] = storage.to_pull_step()[CLONE]
    except ValueError:  # a literal token, or a block that was never saved: neither goes to Prefect
        return None
    return step.get("credentials")


def _stock_note(storage: Any) -> Iterator[str]:
    if storage._credentials and _placeholder(storage) is None:
        yield (
            "The credentials of this GitRepository are in no saved block, so they stay here: only the "
            "platform's own runs can read the repository."
        )


def _storage(storage: Any, entrypoint: str) -> Captured:
    """Any other storage keeps Prefect's own pull step, which the engine executes."""
    name = type(storage).__name__
    try:
        made = storage.to_pull_step()
    except Exception as error:  # noqa: BLE001 - a storage of anybody's
        raise RegistrationError(
            f"{name} cannot be written down for Prefect: {foreign(f'{type(error).__name__}: {error}')}. Save "
            "its blocks first, with `block.save(...)`."
        ) from None
    steps = made if isinstance(made, list) else [made]
    try:
        text = json.dumps(steps, sort_keys=True)
    except (TypeError, ValueError):
        raise RegistrationError(
            f"{name} cannot be written down for Prefect: its pull step is no JSON."
        ) from None
    if _PASSWORD.search(text):
        raise RegistrationError(
            f"{name} has a user and a password in an address, which Prefect would store and show. Keep them "
            "in a block of Prefect's."
        )
    if not entrypoint:
        raise RegistrationError(f"The flow from {name} has no entrypoint: load it with Flow.from_source.")
    return Captured(
        CodeKind.STORAGE,
        entrypoint,
        f"{name} {shown(str(getattr(storage, '_url', '')))}".strip(),
        notes=(
            "What lies in its storage when a run starts is what runs: nothing pins it.",
            *_readable(steps),
        ),
        pull_steps=tuple(steps),
    )


def _readable(steps: list[dict[str, Any]]) -> Iterator[str]:
    """Settings that look like credentials and are no reference to a block."""
    for step in steps:
        for inputs in step.values():
            for name, value in inputs.items() if isinstance(inputs, dict) else ():
                if isinstance(value, str) and "{{" not in value and _SECRETIVE.search(name):
                    yield (
                        f"The setting {name!r} of the storage is readable in Prefect's deployment: keep its "
                        "value in a Secret block of Prefect's."
                    )


def load_git(text: str, directory: Path) -> Flow[..., Any]:
    """The flow that `git+URL@reference#path.py:flow` names, at the commit that the reference is now.

    As pip writes it; `#subdirectory=jobs&flows.py:flow` works in a folder of the repository.

    Raises:
        RegistrationError: it cannot be read so, or there is nothing to be had there.
    """
    source, _, fragment = text.removeprefix("git+").partition("#")
    entrypoint, subdirectory = "", None
    for part in fragment.split("&"):
        if part.startswith("subdirectory="):
            subdirectory = part.removeprefix("subdirectory=").strip("/") or None
        else:
            entrypoint = part
    url, reference = _at(source)
    if ".py:" not in entrypoint:
        raise RegistrationError(
            f"{shown(text)} names no flow: write `git+https://host/repo.git@main#path/flows.py:flow`."
        )
    commit = reference if reference and COMMIT.fullmatch(reference) else None  # a branch has a shorter name
    named = None if commit else reference
    where = git.address(url)
    found = git.pin(where, directory, reference=named, commit=commit, own=True)
    full = f"{subdirectory}/{entrypoint}" if subdirectory else entrypoint
    storage = PinnedRepository(where.url, found.commit, named, subdirectory)
    try:
        flow: Any = Flow.from_source(storage, full, _sync=True)  # type: ignore[call-arg]
    except Exception as error:
        raise RegistrationError(f"{shown(text)} could not be loaded: {foreign(str(error))}") from error
    return flow  # type: ignore[no-any-return]


def _at(source: str) -> tuple[str, str | None]:
    """Address and reference: what follows the last `@` behind the host."""
    start = source.find("/", source.find("://") + 3) if "://" in source else source.find(":") + 1
    at = source.rfind("@", max(start, 0))
    return (source[:at], source[at + 1 :] or None) if at > 0 else (source, None)
