"""Jupyter servers: a JupyterLab for its owner, whose kernels find the platform by themselves."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.client.profile import FILE, Profile
from prefect_platform.errors import NotFound
from prefect_platform.names import new_id
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import JupyterServerRow, ProjectRow, ResourceRow, WorkloadRow
from prefect_platform.server.services import (
    git_sources,
    jupyter_settings,
    jupyter_tokens,
    launch_specs,
    orchestrators,
    prefect_access,
    secret_grants,
    secrets,
    sizes,
    workload_tokens,
)
from prefect_platform.server.services.kinds.base import Launch
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.server.services.specs import parsed, refused
from prefect_platform.wire import git
from prefect_platform.wire.jupyter_spec import GitRepository, JupyterSpec, OnRestart
from prefect_platform.wire.launch import PrivateFile, Program, Repository, SecretFile, WantedEnvironment
from prefect_platform.wire.orchestrators import CLOUD_SETTING, cloud_api_url
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import WorkloadKind
from prefect_platform.wire.sizes import GpuRequest

SOURCE = "jupyter"
"""Log source of what the server and its kernels write."""
PROFILE = "profile.json"
MODULE = "jupyterlab"
DEFAULT_CORES, DEFAULT_MEMORY_BYTES = 1.0, 2 << 30
SETTINGS = {
    "ServerApp": {
        "ip": "127.0.0.1",
        "port_retries": 0,
        "open_browser": False,
        "allow_root": True,
        # The platform's proxy has looked at Host and Origin, and passes on the Host that the browser sent.
        "allow_remote_access": True,
        "terminals_enabled": True,
    },
    # There is no way to look into the trash from a browser, and what lies there takes room.
    "FileContentsManager": {"delete_to_trash": False},
    "LabApp": {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate"},
}
OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
"""What users may set otherwise: without it every new server asks about news first."""


@dataclass(frozen=True)
class _Asked:
    size: str | None
    cores: float
    memory_bytes: int
    gpu: GpuRequest | None


class JupyterServers:
    name, workload = ResourceKind.JUPYTER_SERVER, WorkloadKind.JUPYTER_SERVER
    always_on = False
    """Somebody works in it, and looks at what happened before it is started again."""
    private = True
    priority = 0
    grace_seconds = 15.0

    async def check(
        self, session: AsyncSession, parts: Parts, project: ProjectRow, spec: dict[str, Any]
    ) -> dict[str, Any]:
        found = parsed(JupyterSpec, spec)
        named = [one.secret for one in found.secrets]
        named += [one.secret for one in found.git if one.secret is not None]
        lost = await secrets.missing(session, project, named)
        if lost:
            raise refused(f"project {project.name!r} has no secret {' It has none '.join(lost)}", "secrets")
        for number, one in enumerate(found.git):
            _check_repository(parts, one, number)
        _check_interpreter(parts, found)
        self._check_size(parts, found)
        return found.model_dump(mode="json", exclude_defaults=True)

    async def identity(self, session: AsyncSession, parts: Parts, project: ProjectRow, name: str) -> str:
        return new_id("rs")

    def _check_size(self, parts: Parts, spec: JupyterSpec) -> None:
        try:
            wanted = _needs(parts, spec)
        except NotFound as error:
            raise refused(error.message, "size") from None
        if parts.machine.known and (why := sizes.misfit(parts.machine, wanted)):
            raise refused(f"it could never start here: {why}. See `prefect-platform size list`.", "size")

    def needs(self, parts: Parts, spec: dict[str, Any]) -> Needs:
        return _needs(parts, JupyterSpec.model_validate(spec))

    async def launch(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow, token: str
    ) -> Launch:
        spec = JupyterSpec.model_validate(resource.spec)
        project = await session.get_one(ProjectRow, resource.project_id)
        own = jupyter_tokens.of(parts, row.id)
        profile, signed_in = await self._profile(session, parts, resource, row, project)
        grant = await secret_grants.give(session, parts, row, spec.secrets)
        repositories = [await _repository(session, parts, row, one) for one in spec.git]
        prefect = await _prefect(session, parts, row, project, grant.files)
        opens = prefect_access.profiles(prefect)
        await _begin(session, parts, resource, row, spec)
        return Launch(
            interpreter=_interpreter(spec),
            program=_program(
                parts, resource, spec, own, [PrivateFile(PROFILE, profile), *opens], repositories
            ),
            variables={**_variables(prefect), **spec.variables, **grant.variables},
            secrets=[
                *(own, signed_in, *launch_specs.credentials(prefect), *grant.values),
                *(one.token for one in repositories if one.token),
            ],
            secret_files=grant.files,
            attached=grant.attached,
            wanted=_wanted(spec, project, resource),
        )

    async def renew(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow
    ) -> tuple[str, list[str]]:
        project = await session.get_one(ProjectRow, resource.project_id)
        profile, signed_in = await self._profile(session, parts, resource, row, project)
        return profile, [signed_in]

    async def forget(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> Path | None:
        """What JupyterLab remembers of it goes; the files that its user made stay where they are."""
        return jupyter_settings.folder(parts, resource.id)

    async def _profile(
        self,
        session: AsyncSession,
        parts: Parts,
        resource: ResourceRow,
        row: WorkloadRow,
        project: ProjectRow,
    ) -> tuple[str, str]:
        """The content of the profile file, and the token in it: its owner's, for this project alone."""
        label = f"{resource.kind} {resource.name}"
        secret = await workload_tokens.for_owner(session, parts, row, resource.owner_id, label)
        profile = Profile(parts.config.public_url, secret, project.name)
        return json.dumps(asdict(profile)), secret


def _needs(parts: Parts, spec: JupyterSpec) -> Needs:
    asked = _Asked(
        spec.size, spec.cores or DEFAULT_CORES, spec.memory_bytes or DEFAULT_MEMORY_BYTES, spec.gpu
    )
    return sizes.needs(parts, asked, "Change its size to one of these.")


def _check_repository(parts: Parts, one: GitRepository, number: int) -> None:
    if git.remote(one.url).transport == "file" and not parts.config.takes_local_repositories:
        raise refused(
            f"{git.shown(one.url)} is a path, and this platform takes no repositories from its own "
            "machine: push it to a server, or let the operator set PREFECT_PLATFORM_LOCAL_REPOSITORIES=1.",
            "git",
            number,
            "url",
        )


def _check_interpreter(parts: Parts, spec: JupyterSpec) -> None:
    """Refuse here what is plain to see; what only the machine of its start knows is told there."""
    if spec.interpreter is None:
        added = any(line.lower().startswith(MODULE) for line in spec.all_packages)
        if not added and importlib.util.find_spec(MODULE) is None:
            raise refused(
                "the platform's own has no JupyterLab. Name one that has, add 'jupyterlab' to packages, or "
                "let the operator `pip install 'prefect-platform[jupyter]'`.",
                "interpreter",
            )
    elif parts.config.backend == "local" and not Path(spec.interpreter).is_file():
        raise refused(f"there is no file {spec.interpreter} on this machine.", "interpreter")


def _interpreter(spec: JupyterSpec) -> str:
    return spec.interpreter or sys.executable


def working_directory(spec: JupyterSpec, project: str, name: str) -> str:
    """Where a server's files are: absolute, or below its user's home."""
    return spec.working_directory or f"~/jupyter/{project}/{name}"


def _wanted(spec: JupyterSpec, project: ProjectRow, resource: ResourceRow) -> WantedEnvironment:
    return WantedEnvironment(
        fingerprint="",
        python_version="",
        implementation="",
        distributions=[],
        packages=spec.all_packages,
        start_script=spec.start_script,
        working_directory=working_directory(spec, project.name, resource.name),
        as_it_is=True,
    )


def _program(
    parts: Parts,
    resource: ResourceRow,
    spec: JupyterSpec,
    own: str,
    files: list[PrivateFile],
    repositories: list[Repository],
) -> Program:
    return Program(
        title=f"Jupyter server {resource.name!r}",
        arguments=["-m", MODULE, "--ServerApp.port={port}"],
        source=SOURCE,
        variables={
            FILE: f"{{directory}}/{PROFILE}",
            "JUPYTER_TOKEN_FILE": "{directory}/token",
            "JUPYTER_RUNTIME_DIR": "{directory}/runtime",
            "JUPYTER_CONFIG_DIR": str(jupyter_settings.folder(parts, resource.id)),
            **_profiles(files),
            **_paths(spec),
        },
        files=[
            *files,
            PrivateFile("token", own),
            PrivateFile("config/jupyter_server_config.json", json.dumps(SETTINGS)),
            PrivateFile("config/labconfig/default_setting_overrides.json", json.dumps(OVERRIDES)),
        ],
        ready_path="/api",
        ready_seconds=parts.config.jupyter.ready_seconds,
        modules=[MODULE],
        repositories=repositories,
        disk_bytes=spec.disk_bytes,
        renewed=PROFILE,
        renew_seconds=workload_tokens.RENEW_SECONDS,
    )


def _paths(spec: JupyterSpec) -> dict[str, str]:
    """Where JupyterLab finds its settings. One that packages were added to runs from a folder of its own, and
    is told where the pages and extensions of the interpreter below are."""
    prefix = Path(_interpreter(spec)).parent.parent
    if not spec.all_packages:
        return {"JUPYTER_CONFIG_PATH": "{directory}/config"}
    found = {
        "JUPYTER_CONFIG_PATH": f"{{directory}}/config:{prefix}/etc/jupyter",
        "JUPYTER_PATH": f"{prefix}/share/jupyter",
    }
    pages = prefix / "share" / "jupyter" / "lab"
    return {**found, "JUPYTERLAB_DIR": str(pages)} if pages.is_dir() else found


async def _prefect(
    session: AsyncSession, parts: Parts, row: WorkloadRow, project: ProjectRow, files: list[SecretFile]
) -> OrchestratorSettings:
    """The project's Prefect, with what opens it, unless the user signs in with profiles of their own."""
    if any(Path(file.path).name == "profiles.toml" for file in files):
        return replace(orchestrators.shown(parts, project), auth_string=None, api_key=None)
    return await prefect_access.of_project(session, parts, row)


def _profiles(files: list[PrivateFile]) -> dict[str, str]:
    """What opens Prefect is read from our file; all else in the user's own PREFECT_HOME stays in use."""
    if all(file.name != prefect_access.PROFILES for file in files):
        return {}
    return {"PREFECT_PROFILES_PATH": f"{{directory}}/{prefect_access.PROFILES}"}


def _variables(prefect: OrchestratorSettings) -> dict[str, str]:
    cloud = cloud_api_url(prefect.url)
    return {
        "PREFECT_API_URL": prefect.url,
        "PREFECT_UI_URL": prefect.pages,
        **({CLOUD_SETTING: cloud} if cloud else {}),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


async def _repository(
    session: AsyncSession, parts: Parts, row: WorkloadRow, one: GitRepository
) -> Repository:
    user, token = None, None
    if one.secret is not None:
        value = await secret_grants.give_one(session, parts, row, one.secret)
        user, token = git_sources.opened(one.secret, value, git.remote(one.url).host)
    return Repository(
        url=one.url,
        path=one.folder,
        ref=one.ref,
        reclone=one.on_restart is OnRestart.RECLONE,
        discard=one.discard_changes,
        local=parts.config.takes_local_repositories,
        user=user,
        token=token,
    )


async def _begin(
    session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow, spec: JupyterSpec
) -> None:
    """A start is something that somebody did. A claim that is repeated changes nothing."""
    known = await session.get(JupyterServerRow, resource.id)
    if known is not None and known.workload_id == row.id:
        return
    if known is None:
        known = JupyterServerRow(resource_id=resource.id)
        session.add(known)
    known.workload_id, known.shutoff_seconds = row.id, spec.shutoff.seconds
    known.active_at, known.extended_until = parts.clock.now(), None
    known.warned_at = known.stopped_because = None
