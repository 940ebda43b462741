"""What a launcher is told and what it answers: plain dataclasses, standard library only.

The launcher runs in the user's own image, where nothing else may be assumed. The server builds
these and sends them as JSON; `decode` refuses what does not fit and names the field.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prefect_platform.distributions import Distribution

Spec = TypeVar("Spec")

SAMPLES_SOURCE = "samples"
"""Source of a log that holds what the workload uses, and no words: see `launcher/samples.py`."""
RESULT_STORAGE = "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"
"""The variable of a run that names the platform's storage of results."""
RESULT_COLLECTION = "prefect_platform.flows.results"
"""The Prefect collection that an interpreter must have for it."""


@dataclass(frozen=True)
class Bundle:
    """The code of a version, to fetch and check before anything of it is used."""

    path: str
    """Path below the platform's URL that answers with the bytes."""
    sha256: str
    size: int


@dataclass(frozen=True)
class GitSource:
    """The code of a version that is a commit of a git repository."""

    url: str
    """Without credentials."""
    commit: str
    """The whole id: every file is checked against it."""
    subdirectory: str | None = None
    """Where in the repository the run works; its root by default."""
    directories: list[str] = field(default_factory=list)
    """What is checked out beside the files above it; everything by default."""
    local: bool = False
    """Whether a path of this machine is taken for an address."""
    scope: str = ""
    """Whose copy it is: what was fetched with a secret is not shared with who may not read that."""
    user: str | None = None
    token: str | None = field(default=None, repr=False)
    """Password that goes with `user`, or a private SSH key."""


@dataclass(frozen=True)
class FlowRun:
    """The Prefect flow run that an attempt is for."""

    id: str
    api_url: str
    entrypoint: str
    """`file.py:object`, relative to the unpacked bundle, or `package.module:object`."""
    authorization: str | None = field(default=None, repr=False)
    """Value of the Authorization header for the Prefect API, or nothing."""
    pulled: bool = False
    """Whether the engine fetches the code itself, by the pull steps of the run's deployment."""


@dataclass(frozen=True)
class PrivateFile:
    """A file that a program needs, below the workload's directory and readable by its user alone."""

    name: str
    content: str = field(repr=False)


@dataclass(frozen=True)
class Repository:
    """A git repository that a program works in: a whole clone, with its history."""

    url: str
    """Without credentials."""
    path: str
    """Of the clone, relative to the working directory."""
    ref: str | None = None
    """Branch, tag or commit; by default the repository's own branch."""
    reclone: bool = False
    """Whether it is cloned anew at each start; otherwise what is there stays."""
    discard: bool = False
    """Whether work that is nowhere else may be lost by that."""
    local: bool = False
    """Whether a path of this machine is taken for an address."""
    user: str | None = None
    token: str | None = field(default=None, repr=False)
    """Password that goes with `user`, or a private SSH key."""


@dataclass(frozen=True)
class Program:
    """What a workload runs that is no flow: an agent, a Jupyter server.

    In `arguments` and `variables`, `{directory}` stands for the directory of its files, `{code}` for that of
    the code that was fetched, and `{port}` for a free port of the loopback interface that the launcher finds.
    """

    title: str
    """What people call it, at the beginning of a sentence."""
    arguments: list[str]
    """After the interpreter."""
    source: str
    """Of its log."""
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    files: list[PrivateFile] = field(default_factory=list)
    ready_path: str | None = None
    """Path that answers on `{port}` once it can be used; without one it can as soon as it was started."""
    ready_seconds: float = 120.0
    """After so long without an answer it is ended."""
    modules: list[str] = field(default_factory=list)
    """What its interpreter must be able to import."""
    repositories: list[Repository] = field(default_factory=list)
    disk_bytes: int | None = None
    """What must be free where it works, together with what lies there already."""
    renewed: str | None = None
    """Which of its files the platform gives anew from time to time."""
    renew_seconds: float = 1800.0


@dataclass(frozen=True)
class LogSettings:
    cap_bytes: int = 4 << 30
    """Past this many bytes a source ends with a visible marker; the run goes on."""
    interval: float = 0.2
    """Seconds between appends until the server says otherwise."""
    segment_bytes: int = 16 << 20
    """Size of one file of the spool; acknowledged ones are deleted."""


@dataclass(frozen=True)
class AttachedSecret:
    """A secret that a run is given, by name and version."""

    secret: str
    version: int
    variable: str | None
    path: str | None


@dataclass(frozen=True)
class SecretFile:
    """A secret to be written as a file, and removed at the end."""

    secret: str
    path: str
    """`~/…`: below the home directory of the run's user."""
    mode: int
    value: str = field(repr=False)


@dataclass(frozen=True)
class WantedEnvironment:
    """What the interpreter of the run was when its version was registered, and what is to be added."""

    fingerprint: str
    """Of the whole, as the platform has stored it."""
    python_version: str
    """`major.minor.micro`."""
    implementation: str
    distributions: list[Distribution]
    packages: list[str] = field(default_factory=list)
    """Lines of a requirements file, added to what was captured."""
    start_script: str | None = field(default=None, repr=False)
    working_directory: str | None = None
    strict: bool = False
    """Whether a difference ends the attempt before user code."""
    as_it_is: bool = False
    """Whether the interpreter is taken as it is found: then nothing was captured, and nothing is compared."""


@dataclass(frozen=True)
class Builder:
    """How environments are built on this machine, and how much of its disk they may take."""

    uv: str
    """Path of the `uv` executable."""
    cache_bytes: int = 20 << 30
    keep_seconds: float = 30 * 86400.0
    """How long one that no run uses is kept."""


@dataclass(frozen=True)
class GpusAsked:
    """GPUs that a run asked for, and those that it was given."""

    words: str
    """What was asked for, for people."""
    given: list[str] = field(default_factory=list)
    """UUIDs; none where the infrastructure chooses, and `count` alone says how many."""
    count: int = 1
    type: str | None = None
    min_memory_bytes: int | None = None
    max_memory_bytes: int | None = None


@dataclass(frozen=True)
class LaunchSpec:
    """Everything a launcher needs, given once, in answer to its claim."""

    workload_id: str
    attempt_id: str | None
    """Of a run."""
    interpreter: str
    """Path of the Python that runs the engine or the program."""
    python_version: str
    """`major.minor.micro` of the interpreter at registration."""
    environment: dict[str, str] = field(repr=False)
    """Variables for the engine, beside the few that are inherited."""
    secrets: list[str] = field(repr=False)
    """Values that must not appear in any log; tokens of this run to begin with."""
    flow_run: FlowRun | None
    """What is run; where it is no flow, it is `program`."""
    bundle: Bundle | None
    grace_seconds: float
    memory_bytes: int
    log: LogSettings = field(default_factory=LogSettings)
    shared_directory: str | None = None
    """Where the launchers of this machine keep what they can share; each makes do without it."""
    attached_secrets: list[AttachedSecret] = field(default_factory=list)
    """All of the project's secrets that the run gets. Those that are variables stand in `environment`."""
    secret_files: list[SecretFile] = field(default_factory=list)
    wanted: WantedEnvironment | None = None
    """None for versions from before environments were captured."""
    builder: Builder | None = None
    """None where nothing can be built: then an interpreter is used as it is."""
    size: str | None = None
    """Name of the size that was asked for, if one was."""
    cores: float = 0.0
    """Cores that were asked for; 0 where it is not told."""
    gpu: GpusAsked | None = None
    visible_gpus: str | None = None
    """`CUDA_VISIBLE_DEVICES` of the run; None leaves it as it is inherited."""
    timeout_seconds: float | None = None
    """Wall time of the start script and the engine together, after which both are ended."""
    git: GitSource | None = None
    """Where the code comes from, if it does not come as a bundle."""
    program: Program | None = None


@dataclass(frozen=True)
class ClaimFile:
    """What the backend puts where only the launcher finds it (mode 0600); removed once read."""

    url: str
    """The platform's URL, without a trailing slash."""
    token: str = field(repr=False)
    workload_id: str
    directory: str
    """The workload's own directory: spool, unpacked bundle, result."""


def encode(value: object) -> dict[str, Any]:
    """A dataclass of this module as JSON-able data."""
    return dataclasses.asdict(typing.cast(Any, value))


def decode(kind: type[Spec], data: object, where: str = "") -> Spec:
    """Rebuild `kind` from JSON data; unknown keys are ignored, so a newer server is understood.

    Raises:
        ValueError: a field is missing or of another type; the message names it.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{where or kind.__name__}: expected an object, got {type(data).__name__}")
    hints = _hints(typing.cast(Any, kind))
    values: dict[str, Any] = {}
    for item in dataclasses.fields(typing.cast(Any, kind)):
        name = f"{where}.{item.name}" if where else item.name
        if item.name in data:
            values[item.name] = _value(hints[item.name], data[item.name], name)
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ValueError(f"{name}: missing")
    return kind(**values)


@functools.cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _value(hint: Any, value: Any, where: str) -> Any:  # noqa: PLR0911 - one return a kind of hint
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast(type[Any], hint), value, where)
    if origin is list and isinstance(value, list):
        return [_value(arguments[0], item, f"{where}[{n}]") for n, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        return {str(key): _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{where}: expected {getattr(hint, '__name__', hint)}, got {type(value).__name__}")
