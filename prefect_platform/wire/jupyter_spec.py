"""What somebody may say of a Jupyter server."""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from prefect_platform.errors import foreign
from prefect_platform.wire import git
from prefect_platform.wire.base import Label, Request
from prefect_platform.wire.environments import Requirement
from prefect_platform.wire.secrets import Attachments, SecretName, clash
from prefect_platform.wire.sizes import GpuRequest
from prefect_platform.wire.variables import VariableName, VariableValue

MOST_REPOSITORIES = 20
REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+-]{0,254}")
MIB, TIB = 1 << 20, 1 << 40


class Shutoff(StrEnum):
    """After how long without anything done in it a server is stopped."""

    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"
    THREE_DAYS = "3d"
    WEEK = "7d"
    NEVER = "never"

    @property
    def seconds(self) -> float | None:
        """None: never."""
        return _SECONDS[self]


_SECONDS: dict[Shutoff, float | None] = {
    Shutoff.HOUR: 3600.0,
    Shutoff.SIX_HOURS: 6 * 3600.0,
    Shutoff.DAY: 86400.0,
    Shutoff.THREE_DAYS: 3 * 86400.0,
    Shutoff.WEEK: 7 * 86400.0,
    Shutoff.NEVER: None,
}


class OnRestart(StrEnum):
    PRESERVE = "preserve"
    """What is there stays as it is; it is cloned only where there is nothing."""
    RECLONE = "reclone"
    """Cloned anew at each start, unless work would be lost by that."""


def _git_url(url: str) -> str:
    git.remote(url)  # raises ValueError, in words
    return url


def _ref(ref: str) -> str:
    if not REF.fullmatch(ref) or ".." in ref or "@{" in ref or ref.endswith(("/", ".lock")):
        raise ValueError(f"{foreign(ref)!r} is no branch, tag or commit")
    return ref


def _inner(path: str) -> str:
    """A path below the working directory, in one form."""
    found = posixpath.normpath(path)
    bad = path.startswith(("/", "~")) or not path.isprintable() or ".." in path.split("/") or found == "."
    if bad or any(part.startswith("-") or part == ".git" for part in found.split("/")):
        raise ValueError("it must name a folder below the working directory, without '..'")
    return found


def _absolute(path: str) -> str:
    if not path.startswith("/") or not path.isprintable():
        raise ValueError("it must be an absolute path")
    return path


def _directory(path: str) -> str:
    if path != "~" and not path.startswith(("/", "~/")):
        raise ValueError("it must be an absolute path, or one below the home directory: '~/…'")
    if not path.isprintable():
        raise ValueError("it holds control characters")
    return path


class GitRepository(Request):
    """A repository that lies in the server's working directory."""

    url: Annotated[str, AfterValidator(_git_url)]
    ref: Annotated[str, AfterValidator(_ref)] | None = None
    """Branch, tag or commit; by default the repository's own branch."""
    path: Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_inner)] | None = None
    """Below the working directory; by default the name of the repository."""
    on_restart: OnRestart = OnRestart.PRESERVE
    discard_changes: bool = False
    """With `reclone`: whether changes that are in no other place may be lost."""
    secret: SecretName | None = None
    """That opens it: a token, `user:token` or a private SSH key."""

    @property
    def folder(self) -> str:
        """Where it lies, below the working directory."""
        if self.path is not None:
            return self.path
        path = urlsplit(self.url).path if "://" in self.url else self.url.rpartition(":")[2]
        return path.rstrip("/").rpartition("/")[2].removesuffix(".git") or "repository"

    @model_validator(mode="after")
    def _has_a_folder(self) -> Self:
        if self.path is None:
            try:
                _inner(self.folder)
            except ValueError:
                raise ValueError("its name is none for a folder: give `path`") from None
        return self


def _requirements(text: str) -> str:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*(-r|--requirement|-c|--constraint|-e|--editable)\b", line):
            raise ValueError(f"line {number} names a file, which does not travel: put its lines here")
        if len(line) > 1024:
            raise ValueError(f"line {number} is longer than 1024 characters")
    return text


class JupyterSpec(Request):
    """A JupyterLab on a machine of the platform's."""

    description: str = Field(default="", max_length=2048)
    size: Label | None = None
    """Name in the catalogue, or `machine`; in place of cores and memory."""
    cores: float | None = Field(default=None, gt=0, le=1 << 16)
    memory_bytes: int | None = Field(default=None, ge=256 * MIB, le=TIB << 8)
    gpu: GpuRequest | None = None
    disk_bytes: int | None = Field(default=None, ge=MIB, le=TIB << 10)
    """What it needs for its files: a start is refused where so much is not free. No bound while it runs."""
    interpreter: Annotated[str, Field(max_length=4096), AfterValidator(_absolute)] | None = None
    """Path of the Python that runs it and its kernels; by default the platform's own."""
    packages: list[Requirement] = Field(default=[], max_length=1000)
    """Added to what the interpreter has."""
    requirements: Annotated[str, Field(max_length=65536), AfterValidator(_requirements)] | None = None
    """Text of a requirements file, added too."""
    variables: dict[VariableName, VariableValue] = Field(default={}, max_length=1000)
    start_script: Annotated[str, StringConstraints(min_length=1, max_length=65536)] | None = None
    """Bash, run before it at each start; if it fails, so does the start."""
    working_directory: Annotated[str, Field(max_length=4096), AfterValidator(_directory)] | None = None
    """Absolute or `~/…`, kept over restarts; by default `~/jupyter/PROJECT/NAME`."""
    git: list[GitRepository] = Field(default=[], max_length=MOST_REPOSITORIES)
    secrets: Attachments = []
    shutoff: Shutoff = Shutoff.HOUR

    @field_validator("secrets")
    @classmethod
    def _no_two_of_one(cls, secrets: Attachments) -> Attachments:
        if (twice := clash(secrets)) is not None:
            raise ValueError(f"{twice}: leave one of them out")
        return secrets

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.size is not None and (self.cores is not None or self.memory_bytes is not None):
            raise ValueError("say a size, or cores and memory: not both")
        folders = [one.folder for one in self.git]
        for folder in folders:
            if folders.count(folder) > 1 or any(other.startswith(f"{folder}/") for other in folders):
                raise ValueError(f"two git repositories share the folder {foreign(folder)!r}: give a `path`")
        given = [one.variable for one in self.secrets if one.variable in self.variables]
        if given:
            raise ValueError(f"{given[0]} is given twice: by a secret and in variables")
        return self

    @property
    def all_packages(self) -> list[str]:
        """Lines of a requirements file: `packages`, and what `requirements` says."""
        lines = (line.partition(" #")[0].strip() for line in (self.requirements or "").splitlines())
        return [*self.packages, *(line for line in lines if line and not line.startswith("#"))]
