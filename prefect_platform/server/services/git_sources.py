"""Code in git repositories: which addresses this platform takes, and what a launcher is given to read one."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import RegistrationError, SecretUnavailable
from prefect_platform.server.db.tables import FlowVersionRow, WorkloadRow
from prefect_platform.server.services import secret_grants
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire import git
from prefect_platform.wire.flows import Code, VersionSettings
from prefect_platform.wire.launch import GitSource


def check(parts: Parts, code: Code, settings: VersionSettings) -> None:
    """Raises RegistrationError for a source that no launcher of this platform would read."""
    if code.git is None:
        if settings.source_secret is not None:
            raise RegistrationError("source_secret opens a git repository, and this code comes from none.")
        return
    if git.remote(code.git.url).transport == "file" and not parts.config.takes_local_repositories:
        raise RegistrationError(
            f"{git.shown(code.git.url)} is a path, and this platform takes no repositories from its own "
            "machine: push it to a server, or let the operator set PREFECT_PLATFORM_LOCAL_REPOSITORIES=1."
        )


async def source(
    session: AsyncSession, parts: Parts, row: WorkloadRow, version: FlowVersionRow
) -> GitSource | None:
    """What a launcher is told of the repository; nothing where the code comes from elsewhere.

    What was fetched with a secret stays within the project: another one that names the same address
    has not shown that it may read it.

    Raises:
        SecretUnavailable: the secret that opens it was deleted since, cannot be read, or holds no token for
            this address.
    """
    code = Code.model_validate(version.code)
    settings = VersionSettings.model_validate(version.settings)
    if code.git is None:
        return None
    user, token = None, None
    if settings.source_secret is not None:
        value = await secret_grants.give_one(session, parts, row, settings.source_secret)
        user, token = opened(settings.source_secret, value, git.remote(code.git.url).host)
    return GitSource(
        url=code.git.url,
        commit=code.git.commit,
        subdirectory=code.git.subdirectory,
        directories=list(code.git.directories),
        local=parts.config.takes_local_repositories,
        scope=version.project_id if settings.source_secret else "",
        user=user,
        token=token,
    )


def to_mask(found: GitSource | None) -> list[str]:
    """What of a source must not appear in any log."""
    return [found.token] if found is not None and found.token else []


def opened(name: str, value: str, host: str) -> tuple[str, str]:
    """User and token, or private key, that a secret's value holds for a host.

    Raises:
        SecretUnavailable: it holds neither.
    """
    try:
        return git.user_and_token(value, host)
    except ValueError as error:
        raise SecretUnavailable(f"The secret {name!r} cannot be used: {error}", secrets=[name]) from error
