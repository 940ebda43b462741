"""Environments: the interpreter, packages and variables of a run. Immutable, named by a fingerprint."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from prefect_platform.wire.base import Answer, Identifier, Label, Request, Sha256, When
from prefect_platform.wire.secrets import Attachments
from prefect_platform.wire.variables import VariableName, VariableValue

Requirement = Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A line of a requirements file."""


class Origin(StrEnum):
    """Where a distribution came from."""

    INDEX = "index"
    VCS = "vcs"
    EDITABLE = "editable"
    LOCAL = "local"
    """An archive or folder, installed once."""


class Distribution(Request):
    """One installed package, by its normalised name."""

    name: Label
    version: Label
    origin: Origin = Origin.INDEX
    url: str | None = Field(default=None, max_length=4096)
    """Of a VCS repository or local path; without credentials."""
    commit: str | None = Field(default=None, max_length=128)


class GitRepository(Request):
    """A checkout that a version was registered from. Noted with its code and no part of its digest, which is
    over what travels."""

    path: str = Field(max_length=4096)
    url: str | None = Field(default=None, max_length=4096)
    commit: str = Field(max_length=128)
    dirty: bool


class EnvironmentSpec(Request):
    """All that a run needs beside code, size and data."""

    python_version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+", max_length=64)
    implementation: str = Field(default="CPython", max_length=64)
    distributions: list[Distribution] = Field(default=[], max_length=10_000)
    packages: list[Requirement] = Field(default=[], max_length=1000)
    """Requirements added to what was captured, as in a requirements file."""
    variables: dict[VariableName, VariableValue] = Field(default={}, max_length=1000)
    start_script: str | None = Field(default=None, max_length=65536)
    working_directory: str | None = Field(default=None, max_length=4096)
    secrets: Attachments = []


class Environment(Answer):
    """A stored environment."""

    id: Identifier
    project: str
    fingerprint: Sha256
    spec: EnvironmentSpec
    created_by: str
    created_at: When
