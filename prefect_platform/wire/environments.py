"""Environments: the interpreter, packages and variables of a run. Immutable, named by a fingerprint."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Request, Sha256, When
from prefect_platform.wire.secrets import Attachments


class Origin(StrEnum):
    """Where a distribution came from."""

    INDEX = "index"
    VCS = "vcs"
    EDITABLE = "editable"
    LOCAL = "local"
    """A local wheel, archive or folder, installed once."""


class Distribution(Request):
    """One installed package, by its normalised name."""

    name: Label
    version: Label
    origin: Origin = Origin.INDEX
    url: str | None = Field(default=None, max_length=4096)
    """Of a VCS repository or local path; without credentials."""
    commit: str | None = Field(default=None, max_length=128)


class GitRepository(Request):
    """A checkout that the flow was registered from. Noted with the environment, no part of its fingerprint:
    the code that travels has a digest of its own."""

    path: str = Field(max_length=4096)
    url: str | None = Field(default=None, max_length=4096)
    commit: str = Field(max_length=128)
    dirty: bool


class EnvironmentSpec(Request):
    """All that a run needs beside code, size and data."""

    python_version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+", max_length=64)
    implementation: str = Field(default="CPython", max_length=64)
    distributions: list[Distribution] = []
    packages: list[str] = []
    """Requirements added to what was captured, as in a requirements file."""
    variables: dict[str, str] = {}
    start_script: str | None = Field(default=None, max_length=65536)
    working_directory: str | None = Field(default=None, max_length=4096)
    secrets: Attachments = []
    repositories: list[GitRepository] = []


class Environment(Answer):
    """A stored environment."""

    id: Identifier
    project: str
    fingerprint: Sha256
    spec: EnvironmentSpec
    created_by: str
    created_at: When
