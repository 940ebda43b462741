"""Flows, their versions and deployments."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from prefect_platform.wire import git
from prefect_platform.wire.base import Answer, Identifier, Label, Request, Sha256, When
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.environments import EnvironmentSpec, GitRepository
from prefect_platform.wire.run_options import RunOptions
from prefect_platform.wire.secrets import SecretName
from prefect_platform.wire.sizes import GpuRequest

MAX_BUNDLE_BYTES = 1 << 30
"""Largest bundle that a platform takes unless its settings say less."""


class CodeKind(StrEnum):
    """How the code of a version travels."""

    SOURCE = "source"
    """Generated source plus values: a flow from a notebook or `__main__`."""
    FILES = "files"
    """A file and its project folder."""
    MODULE = "module"
    """An installed module: only its name travels."""
    GIT = "git"
    """A commit of a git repository: its address and id travel."""
    STORAGE = "storage"
    """A storage of Prefect's: the deployment's pull steps fetch the code at the start of a run."""


BUNDLED = frozenset({CodeKind.SOURCE, CodeKind.FILES})
"""Kinds whose code the platform stores."""


class PythonInfo(Request):
    """The interpreter that registered: where it is and what it is."""

    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+", max_length=64)
    executable: str = Field(max_length=4096)
    implementation: str = Field(default="CPython", max_length=64)


def _checked_url(url: str) -> str:
    git.remote(url)
    return url


def _checked_path(path: str) -> str:
    """A folder in a repository."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts or not path.isprintable():
        raise ValueError("a folder is named by its path from the root of the repository")
    return path


Folder = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_checked_path)]


class GitReference(Request):
    """Code that is a commit. No credentials: a private repository is read with a secret of the settings."""

    url: Annotated[str, Field(max_length=git.MAX_URL), AfterValidator(_checked_url)]
    commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    reference: Label | None = None
    """Branch or tag that led to the commit, for people."""
    subdirectory: Folder | None = None
    """Where in the repository the run works; its root by default."""
    directories: list[Folder] = Field(default=[], max_length=200)
    """What is checked out, beside the files on the way to it; everything by default."""


class Code(Request):
    """The code of a version. `digest` is over a canonical description, never over a pickle."""

    kind: CodeKind
    digest: Sha256
    entrypoint: str = Field(min_length=1, max_length=1024)
    """`file.py:object` inside the bundle, or `package.module:object`."""
    origin: str = Field(max_length=1024)
    """Where it came from, for people: a notebook's or file's path. Not part of the digest."""
    repositories: list[GitRepository] = Field(default=[], max_length=100)
    """Checkouts that it came from, as they were. Not part of the digest either."""
    files: list[BundleFile] = []
    git: GitReference | None = None
    """For the kind `git`, and for no other."""

    @model_validator(mode="after")
    def _git_fits(self) -> Code:
        if (self.kind is CodeKind.GIT) is not (self.git is not None):
            raise ValueError("`git` says where code of the kind `git` is, and stands nowhere else")
        return self


class BundleFile(Request):
    """One file of a bundle, as shown to people."""

    path: str = Field(max_length=1024)
    size: int = Field(ge=0)
    sha256: Sha256


class VersionSettings(Request):
    """Everything but the code that makes a version what it is."""

    python: PythonInfo
    cores: float = Field(default=1.0, gt=0, le=1 << 16)
    memory_bytes: int = Field(default=1 << 30, gt=0, le=1 << 50)
    grace_seconds: float = Field(default=30.0, ge=0, le=3600)
    size: Label | None = None
    """Name in the catalogue; cores and memory are then the catalogue's at the time of each start."""
    gpu: GpuRequest | None = None
    run: RunOptions | None = None
    """What `KubernetesRun` said; its timeout holds on every backend."""
    environment: Sha256 | None = None
    """Fingerprint of the stored environment; none for versions from before there were any."""
    strict: bool = False
    """Whether a difference of the environment ends a run before user code."""
    source_secret: SecretName | None = None
    """Secret that opens the git repository of the code: a token, `user:token` or a private SSH key."""
    dask: DaskSpec | None = None
    """The cluster that each run has of its own, if it is to have one."""


class RegisterRequest(Request):
    flow_name: Label
    deployment_name: Label
    code: Code
    settings: VersionSettings
    environment: EnvironmentSpec | None = None
    """Stored under its fingerprint, which the platform then writes into the settings."""
    work_pool: Label | None = None
    """Where the deployment is to land, if not in the project's own pool: only checked here."""


class VersionStatus(StrEnum):
    REGISTERING = "registering"
    """Stored, but no deployment confirmed it yet; reaped if none ever does."""
    READY = "ready"


class FlowState(StrEnum):
    READY = "ready"
    DELETING = "deleting"
    """It goes: nothing of it begins any more. What holds it up, if anything does, is its `reason`."""


class Flow(Answer):
    id: Identifier
    project: str
    name: str
    owner: str
    latest_version: int | None
    deployments: list[Deployment] = []
    created_at: When
    updated_at: When
    state: FlowState = FlowState.READY
    reason: str | None = None


class FlowVersion(Answer):
    id: Identifier
    flow_id: Identifier
    flow_name: str
    number: int
    status: VersionStatus
    code: Code
    settings: VersionSettings
    bundle_sha256: Sha256 | None
    bundle_size: int | None
    created_by: str
    created_at: When


class Deployment(Answer):
    """Prefect's record of a version, as we last wrote it."""

    id: Identifier
    name: str
    prefect_deployment_id: str
    version_number: int
    spec_digest: Sha256
    """Over everything we sent to Prefect: equal means there is nothing to patch."""
    updated_at: When


class RegisterAnswer(Answer):
    flow: Flow
    version: FlowVersion
    created: bool
    """Whether this is a new version."""
    bundle_missing: bool
    """Whether the platform still needs the bytes of `version.code.digest`."""
    deployment: Deployment | None
    """What the last confirmed registration under this deployment name wrote, if there was one."""
    changes: list[str]
    """What differs from the last version, in words."""
    notes: list[str]
    """What somebody should know: code from another notebook under the same name, a rename."""


class ConfirmRequest(Request):
    deployment_name: Label
    prefect_deployment_id: Identifier
    prefect_flow_id: Identifier
    spec_digest: Sha256


class SourceFile(Answer):
    path: str
    text: str


class RunRequest(Request):
    """Start a deployment of a flow now, or at a time."""

    deployment_name: Label | None = None
    parameters: dict[str, Any] = {}
    tags: list[Label] = []
    scheduled_time: When | None = None
