"""Environments: the interpreter, packages and variables of a run. Immutable, named by a fingerprint."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from prefect_platform.wire.base import Answer, Identifier, Label, Request, Sha256, When
from prefect_platform.wire.secrets import SecretAttachment

_RESERVED = {
    r"PREFECT__.*|PREFECT_API_.*": "it tells the run which flow run it is of, and where its Prefect is",
    r"PREFECT_PLATFORM_.*": "it tells the run where its platform is",
    r"LD_.*|PATH|VIRTUAL_ENV|PYTHON.*": "it decides which programs and packages the run finds, and those are "
    "captured",
    r"BASH_ENV|ENV": "it is read by the shell before a start script",
}
MAX_VARIABLE = 64 << 10
"""Characters of one value."""


def reserved(name: str) -> str | None:
    """Why a variable cannot be set by a flow, or None where it can."""
    return next((why for pattern, why in _RESERVED.items() if re.fullmatch(pattern, name)), None)


def _unreserved(name: str) -> str:
    if (why := reserved(name)) is not None:
        raise ValueError(f"{name} cannot be set: {why}")
    return name


VariableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$"), AfterValidator(_unreserved)
]
VariableValue = Annotated[str, StringConstraints(max_length=MAX_VARIABLE)]
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
    distributions: list[Distribution] = Field(default=[], max_length=10_000)
    packages: list[Requirement] = Field(default=[], max_length=1000)
    """Requirements added to what was captured, as in a requirements file."""
    variables: dict[VariableName, VariableValue] = Field(default={}, max_length=1000)
    start_script: str | None = Field(default=None, max_length=65536)
    working_directory: str | None = Field(default=None, max_length=4096)
    secrets: list[SecretAttachment] = []
    repositories: list[GitRepository] = []


class Environment(Answer):
    """A stored environment."""

    id: Identifier
    project: str
    fingerprint: Sha256
    spec: EnvironmentSpec
    created_by: str
    created_at: When
