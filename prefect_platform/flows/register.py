"""`register`: check → capture → identity → upload → version → deployment → confirm.

Nothing is written before everything is checked. Whatever fails later leaves nothing that shows as
registered, and the same call repairs it.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from prefect import Flow

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.settings import connect
from prefect_platform.errors import NotFound, PlatformError, RegistrationError
from prefect_platform.flows import bundle, deployment
from prefect_platform.flows.arguments import Options, check_flow, check_options, check_unknown
from prefect_platform.flows.capture.captured import Captured
from prefect_platform.flows.capture.files import load
from prefect_platform.flows.capture.flow import capture
from prefect_platform.flows.capture.notebook_file import (
    ENDING,
    NotebookFile,
    check_runnable,
    load_notebook,
)
from prefect_platform.flows.capture.stored import load_git
from prefect_platform.flows.dask import DaskCluster
from prefect_platform.flows.dask import warn_of_old as warn_of_old_dask
from prefect_platform.flows.environment import (
    EnvironmentOptions,
    capture_environment,
    check_environment,
    checkouts,
)
from prefect_platform.flows.installed import Installed
from prefect_platform.flows.prefect_api import PrefectApi
from prefect_platform.flows.registration import Registration, readable
from prefect_platform.flows.run_config import KubernetesRun
from prefect_platform.flows.settings import PrefectSettings, prefect_settings
from prefect_platform.flows.sizing import warn_of_old
from prefect_platform.flows.storage import WebhookStorage
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import (
    BUNDLED,
    ConfirmRequest,
    PythonInfo,
    RegisterAnswer,
    RegisterRequest,
    VersionSettings,
    VersionStatus,
)
from prefect_platform.wire.orchestrators import pages
from prefect_platform.wire.projects import Project

_LARGE = 50 << 20
"""Bytes from which somebody is told that much travels."""


def register(  # noqa: D417 - arguments that belong together share a line
    flow: Flow[..., Any] | str,
    *,
    name: str | None = None,
    project: str | None = None,
    url: str | None = None,
    token: str | None = None,
    cron: Any = None,
    interval: Any = None,
    rrule: Any = None,
    schedule: Any = None,
    schedules: Any = None,
    timezone: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    triggers: Any = None,
    concurrency_limit: Any = None,
    description: str | None = None,
    version: str | None = None,
    paused: bool | None = None,
    enforce_parameter_schema: bool | None = None,
    work_pool: str | None = None,
    work_queue_name: str | None = None,
    grace_seconds: float | None = None,
    secrets: Sequence[str] | None = None,
    env: dict[str, str] | None = None,
    packages: Sequence[str] | None = None,
    requirements: str | Path | None = None,
    start_script: str | Path | None = None,
    working_directory: str | Path | None = None,
    strict: bool | None = None,
    size: str | None = None,
    gpu: int | str | None = None,
    run: KubernetesRun | None = None,
    dask: DaskCluster | None = None,
    instance_size: str | None = None,
    dask_cluster_kwargs: dict[str, Any] | None = None,
    dask_adapt_kwargs: dict[str, Any] | None = None,
    include: Sequence[str] | None = None,
    source_secret: str | None = None,
    **unknown: Any,
) -> Registration:
    """Store a flow's code with the platform, and make or update its deployment in Prefect.

    Works in a notebook cell, in a script and in CI, without await. The same again changes nothing.

    Args:
        flow: A flow, also one of `Flow.from_source`; or `path.py:flow`, `package.module:flow`,
            `git+https://host/repo.git@main#path.py:flow`, or `notebook.ipynb`, whose cells are the flow.
        name: Of the deployment; by default the flow's own name.
        project, url, token: By default from the environment, then from the profile.
        cron, interval, rrule: Such as `"0 2 * * *"`, seconds or a timedelta, `"FREQ=DAILY"`; one or several.
        schedule, schedules: Of `prefect.schedules`.
        timezone: Of the schedules that say none, such as `"Europe/Berlin"`.
        parameters, tags, enforce_parameter_schema, work_queue_name: As in `Flow.deploy`.
        work_pool: Where the deployment lands, if not in the installation's pool: one that an agent of the
            project serves.
        triggers: Prefect's deployment triggers; they become automations of the deployment.
        concurrency_limit: Runs at a time, or a `ConcurrencyLimitConfig`.
        description, version: By default the flow's docstring, and the platform's version number.
        paused: Whether its schedules rest; by default as it is.
        grace_seconds: Time a run has to end after it is cancelled; 30 by default.
        secrets: Names of secrets that runs get: `"aws-key"` as the variable `AWS_KEY`, `"name=VARIABLE"`, or
            `"name:~/path"` and `"name:~/path:0400"` as a file below the home directory.
        env: Variables of the run, such as `{"REGION": "eu"}`; a secret goes into `secrets`.
        packages, requirements: Added to what this kernel has: `["polars>=1"]`, and a requirements file.
        start_script: Bash, as text or as `Path` of a file; run before the flow, and ends the run if it fails.
        working_directory: Where the run starts, made if it is not there; by default the folder of its code.
        strict: Whether a run whose packages differ from this kernel's ends before the flow begins.
        size: Name of a size of the catalogue, such as `"large"`; `describe_sizes()` shows them.
        gpu: A count, a type or memory: `1`, `"A100:2"`, `"24GB.."`; in place of what the size has.
        run: `KubernetesRun(timeout="2h", ...)`, for who wants to say more than a size.
        dask: `DaskCluster(n_workers=4, ...)`: a Dask cluster for each run, which its tasks run on.
        instance_size, dask_cluster_kwargs, dask_adapt_kwargs: Old names of `size`, and of what `dask` says.
        include: Patterns of files that travel too, from the project's folder or beside the notebook, such
            as `["sql/**", "data/*.csv"]`. A run finds them at the same place below its working directory.
        source_secret: Name of the secret that opens a private git repository.

    Raises:
        RegistrationError: an argument is wrong, or the flow cannot travel; nothing was written. Or the flow
            was deleted meanwhile; nothing of it is left.
        Unavailable: the platform or Prefect does not answer; the same call repairs what it left.
    """
    given = dict(locals())
    check_unknown(unknown)
    with tempfile.TemporaryDirectory(prefix="prefect-platform-") as directory:
        found, module = _flow(flow, Path(directory))
        options, environment = check_options(found, given), check_environment(given)
        if isinstance(module, NotebookFile):
            check_runnable(environment.packages)
        warn_of_old(given, stacklevel=2)
        warn_of_old_dask(given, stacklevel=2)
        client = connect(url, token, project)
        return _Call(found, module, options, environment, client, client.project, Path(directory)).run()


def _flow(flow: object, directory: Path) -> tuple[Flow[..., Any], ModuleType | NotebookFile | None]:
    """The flow that was given or named, and the module that holds it where a name asked for it."""
    if not isinstance(flow, str):
        return check_flow(flow), None
    if flow.startswith("git+"):
        return load_git(flow, directory / "git"), None
    return load_notebook(flow) if flow.endswith(ENDING) else load(flow)


@dataclass
class _Call:
    """One registration; each step is a method."""

    flow: Flow[..., Any]
    module: ModuleType | NotebookFile | None
    options: Options
    environment: EnvironmentOptions
    client: PlatformClient
    project_name: str
    directory: Path

    def run(self) -> Registration:
        with closing(Installed()) as installed:
            captured = capture(self.flow, self.module, self.directory, self.options.wish)
            travels = captured.kind in BUNDLED
            environment, wheels = capture_environment(self.environment, installed, travels=travels)
        captured = captured.with_more(wheels.entries, wheels.notes)
        project = self.client.projects.get(self.project_name)
        answer = self.identity(captured, environment, project)
        sha256 = self.upload(captured, project, answer)
        settings = prefect_settings()
        with PrefectApi(project.orchestrator_url, settings) as api:
            spec = self.specify(captured, project, answer, sha256)
            if self.options.work_pool is not None:
                deployment.check_pool(api, self.options.work_pool, project.work_pool)
            applied = self.deploy(api, spec, answer)
            self.confirm(api, answer, applied, spec)
        notes = [
            *captured.notes,
            *self.environment.notes,
            *_size_note(captured),
            *answer.notes,
            *applied.notes,
            *_other_prefect(project, settings),
        ]
        return self.registration(captured, project, answer, applied, notes)

    def identity(self, captured: Captured, environment: EnvironmentSpec, project: Project) -> RegisterAnswer:
        """Tell the platform what this is; it says whether it knows it."""
        python = PythonInfo(
            version=platform.python_version(),
            executable=sys.executable,
            implementation=platform.python_implementation(),
        )
        request = RegisterRequest(
            flow_name=self.flow.name,
            deployment_name=self.options.name,
            code=captured.code().model_copy(update={"repositories": checkouts(self.flow)}),
            settings=VersionSettings(
                python=python,
                grace_seconds=self.options.grace_seconds,
                strict=self.environment.strict,
                source_secret=self.options.wish.secret,
                dask=self.options.dask,
                **self.options.sizing.settings(),
            ),
            environment=environment.model_copy(update={"secrets": self.options.secrets}),
            work_pool=self.options.work_pool,
        )
        return self.client.flows.register(project.name, request)

    def upload(self, captured: Captured, project: Project, answer: RegisterAnswer) -> str | None:
        """Send the bytes if the platform lacks them; the bundle's digest, or None where nothing travels."""
        if captured.kind not in BUNDLED:
            return None
        if not answer.bundle_missing and answer.version.bundle_sha256:
            return answer.version.bundle_sha256
        made = bundle.build(captured, self.directory / "bundle.zip")
        stored = self.client.flows.upload_bundle(project.name, captured.digest, made.path, made.sha256)
        return stored.sha256

    def specify(
        self, captured: Captured, project: Project, answer: RegisterAnswer, sha256: str | None
    ) -> deployment.DeploymentSpec:
        version = answer.version
        steps = list(captured.pull_steps)
        if sha256:
            steps = [WebhookStorage(self.client.url, version.id, sha256).to_pull_step()]
        return deployment.specify(
            self.flow,
            self.options,
            version,
            steps,
            platform_url=self.client.url,
            project=project.name,
            work_pool=self.options.work_pool or project.work_pool,
            orchestrator=project.orchestrator_url,
        )

    def deploy(
        self, api: PrefectApi, spec: deployment.DeploymentSpec, answer: RegisterAnswer
    ) -> deployment.Applied:
        known = answer.deployment
        known_id = known.prefect_deployment_id if known else None
        return deployment.apply(api, spec, known_id, known.spec_digest if known else None)

    def confirm(
        self,
        api: PrefectApi,
        answer: RegisterAnswer,
        applied: deployment.Applied,
        spec: deployment.DeploymentSpec,
    ) -> None:
        """Until this the version does not show as registered. Where its flow was deleted meanwhile, nothing
        of it stays in Prefect."""
        if not applied.written and answer.version.status is VersionStatus.READY:
            return
        request = ConfirmRequest(
            deployment_name=self.options.name,
            prefect_deployment_id=applied.deployment_id,
            prefect_flow_id=applied.flow_id,
            spec_digest=spec.digest,
        )
        try:
            self.client.flows.confirm(answer.version.id, request)
        except NotFound as error:
            left = _withdrawn(api, spec, applied)
            raise RegistrationError(
                f"Flow {self.flow.name!r} was deleted while it was registered, and is not registered. {left}"
                "Register it again, which brings it back."
            ) from error

    def registration(
        self,
        captured: Captured,
        project: Project,
        answer: RegisterAnswer,
        applied: deployment.Applied,
        notes: list[str],
    ) -> Registration:
        return Registration(
            flow_name=self.flow.name,
            deployment_name=self.options.name,
            project=project.name,
            version=answer.version.number,
            url=f"{_pages(project)}/deployments/deployment/{applied.deployment_id}",
            flow_id=answer.flow.id,
            version_id=answer.version.id,
            deployment_id=applied.deployment_id,
            created=answer.created,
            changes=tuple(answer.changes),
            notes=tuple(notes),
            files=tuple(captured.code().files),
            deployment_change=applied.change,
            schedules=tuple(
                _shown(wanted.schedule) + (", paused" if wanted.slug in applied.resting else "")
                for wanted in self.options.schedules
            ),
            parameters=tuple(self.flow.parameters.properties),
            client=self.client,
        )


def _withdrawn(api: PrefectApi, spec: deployment.DeploymentSpec, applied: deployment.Applied) -> str:
    """Take back what Prefect was told; what became of it, as a sentence with a space after it."""
    try:
        gone = deployment.withdraw(api, spec, applied)
    except PlatformError as error:
        return f"Its deployment {applied.deployment_id} is left in Prefect; delete it there: {error.message} "
    return "The deployment that this call had made in Prefect is gone. " if gone else ""


def _size_note(captured: Captured) -> list[str]:
    if captured.size <= _LARGE:
        return []
    largest = sorted(captured.entries, key=lambda entry: -entry.size)[:3]
    named = ", ".join(f"{entry.path} ({readable(entry.size)})" for entry in largest)
    return [
        (
            f"{readable(captured.size)} travel with this flow: {named}. Load data inside the flow, or leave "
            "files out with .platformignore, and registering and starting become faster."
        )
    ]


def _other_prefect(project: Project, settings: PrefectSettings) -> list[str]:
    """The project's Prefect wins over the user's own profile; a difference is said."""
    if settings.url is None or _address(settings.url) == _address(project.orchestrator_url):
        return []
    return [
        (
            f"The deployment is in the Prefect of project {project.name!r}, {project.orchestrator_url}, not "
            f"in your own profile's {settings.url}."
        )
    ]


def _address(url: str) -> str:
    parts = urlsplit(url.rstrip("/"))
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    return f"{host}:{parts.port}{parts.path}"


def _pages(project: Project) -> str:
    return pages(project.orchestrator_url, project.orchestrator_ui_url)


def _shown(schedule: dict[str, Any]) -> str:
    kind = next(key for key in ("cron", "interval", "rrule") if key in schedule)
    text = f"every {schedule[kind]:g} s" if kind == "interval" else f"{kind} {schedule[kind]}"
    return f"{text} ({schedule['timezone']})" if schedule.get("timezone") else text
