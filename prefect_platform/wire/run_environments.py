"""The environment that a run had, as its launcher found it, beside the one that was registered."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from prefect_platform.wire.base import Answer, Identifier, Request, Sha256

Told = Annotated[str, StringConstraints(max_length=255)]


class PackageDifference(Request):
    """One package that is not as it was registered; null stands for "not installed"."""

    package: Told
    registered: Told | None
    found: Told | None


class FoundEnvironment(Request):
    """What a launcher found before user code, and how it was had. Wire model both ways."""

    executable: str = Field(max_length=4096)
    python_version: Told
    implementation: Told
    platform: Told
    """Operating system, its release and the machine's architecture."""
    fingerprint: Sha256
    """Over interpreter and packages."""
    packages: int = Field(ge=0, le=1_000_000)
    """How many are installed."""
    how: Told
    """Whether it is that of the registration, was built, or was kept since it was built."""
    differences: list[PackageDifference] = Field(default=[], max_length=1000)
    more_differences: int = Field(default=0, ge=0, le=1_000_000)
    """How many are not named."""


class RegisteredEnvironment(Answer):
    """What was captured when the version was registered."""

    id: Sha256 = Field(description="Names it below `/projects/{project}/environments`.")
    python_version: str
    implementation: str
    fingerprint: Sha256 = Field(description="Over interpreter and packages, as a launcher reckons it.")
    requirements: list[str] = Field(description="What is added to what was captured.")
    variables: list[str] = Field(description="Names of the variables that it sets.")
    secrets: list[str] = Field(description="Names of the secrets that it is given.")
    start_script: str | None
    working_directory: str | None


class RunPackage(Answer):
    """One package, as it was registered and as the run has it; null stands for "not installed"."""

    name: str
    registered: str | None
    found: str | None = Field(description="Null too where the run's environment was not looked at.")
    differs: bool


class RunEnvironment(Answer):
    """The environment of the last attempt of a run."""

    attempt: int | None = Field(description="Null before the first.")
    workload_id: Identifier | None
    registered: RegisteredEnvironment | None = Field(description="Null where none was captured.")
    found: FoundEnvironment | None = Field(description="Null before its launcher has looked.")
    packages: list[RunPackage] = Field(description="By name.")
