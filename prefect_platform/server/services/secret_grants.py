"""What a run is given of its project's secrets: checked at registration, handed over at the claim alone.

Each version that is handed over stands in the ledger, written in the transaction that hands it over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound, PlatformError, RegistrationError, SecretUnavailable
from prefect_platform.server.db.tables import (
    FlowVersionRow,
    ProjectRow,
    SecretRow,
    SecretUseRow,
    WorkloadRow,
)
from prefect_platform.server.services import environments, secret_values, secrets
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.launch import AttachedSecret, SecretFile
from prefect_platform.wire.secrets import MASKABLE_CHARACTERS, SecretAttachment, clash

MAX_GIVEN_BYTES = 1 << 20
"""Of all values of a run together, each as often as it is attached: the kernel bounds what a process gets."""


@dataclass
class Grant:
    """What one attempt gets."""

    attached: list[AttachedSecret] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    files: list[SecretFile] = field(default_factory=list, repr=False)
    values: list[str] = field(default_factory=list, repr=False)
    """What no log may show."""

    def add(self, attachment: SecretAttachment, version: int, value: str) -> None:
        name = attachment.secret
        self.attached.append(AttachedSecret(name, version, attachment.variable, attachment.path))
        if attachment.variable is not None:
            self.variables[attachment.variable] = value
        elif attachment.path is not None:
            self.files.append(SecretFile(name, attachment.path, attachment.mode, value))
        for needle in (value, value.strip()):
            if len(needle) >= MASKABLE_CHARACTERS and needle not in self.values:
                self.values.append(needle)


async def check(
    session: AsyncSession, project: ProjectRow, spec: EnvironmentSpec | None, source_secret: str | None
) -> None:
    """Refuse secrets that a run could not get, all of them at once.

    Raises:
        RegistrationError: secrets that there are none of, or two things for one variable or file.
    """
    attached = spec.secrets if spec is not None else []
    twice = clash(attached)
    if twice is not None:
        raise RegistrationError(f"secrets: {twice}. Leave one of them out.")
    for one in attached:
        if spec is not None and one.variable in spec.variables:
            raise RegistrationError(
                f"secrets: {one.variable} is given twice: by secret {one.secret!r} and by env. Leave one out."
            )
    named = [one.secret for one in attached] + ([source_secret] if source_secret else [])
    lost = await secrets.missing(session, project, named)
    if lost:
        raise RegistrationError(
            f"secrets: project {project.name!r} has no secret {' It has no secret '.join(lost)} "
            "`prefect-platform secret set NAME` makes one."
        )


async def notes(session: AsyncSession, project: ProjectRow, spec: EnvironmentSpec | None) -> list[str]:
    """What somebody should know who attaches these."""
    if spec is None:
        return []
    rows = await _rows(session, project.id, (one.secret for one in spec.secrets))
    return [
        f"Secret {row.name!r} has fewer than {MASKABLE_CHARACTERS} characters, so it is not masked: a flow "
        "that prints it shows it in its log."
        for row in rows.values()
        if not row.maskable and row.deleted_at is None
    ]


async def give(
    session: AsyncSession, parts: Parts, row: WorkloadRow, attachments: Sequence[SecretAttachment]
) -> Grant:
    """The secrets of a workload, in their newest versions, each written into the ledger.

    Raises:
        SecretUnavailable: one was deleted since, or cannot be read; the message names every such one.
    """
    grant = Grant()
    rows = await _granted(session, row, [one.secret for one in attachments])
    for one in attachments:
        secret = rows[one.secret]
        grant.add(one, secret.version, await _read(session, parts, secret))
    given = sum(len(value.encode()) for value in (*grant.variables.values(), *(f.value for f in grant.files)))
    if given > MAX_GIVEN_BYTES:
        raise SecretUnavailable(
            f"Its secrets have {given} bytes together, and a run is given at most "
            f"{MAX_GIVEN_BYTES}: attach fewer of them."
        )
    await _note(session, parts, row, rows)
    return grant


async def give_one(session: AsyncSession, parts: Parts, row: WorkloadRow, name: str) -> str:
    """The newest value of one secret that the start of a workload needs, written into the ledger.

    Raises:
        SecretUnavailable: it was deleted since, or cannot be read.
    """
    rows = await _granted(session, row, [name])
    value = await _read(session, parts, rows[name])
    await _note(session, parts, row, rows)
    return value


async def given(parts: Parts, workload_id: str) -> list[str]:
    """What the ledger says a workload was given, as far as it is still there: to look for in its log."""
    async with parts.database.reader() as session:
        found = await session.execute(
            select(SecretRow, SecretUseRow.version)
            .join(SecretUseRow, SecretUseRow.secret_id == SecretRow.id)
            .where(SecretUseRow.workload_id == workload_id)
        )
        values: list[str] = []
        for row, version in found.all():
            with suppress(NotFound):  # deleted since, or set anew after that
                value = await secret_values.read(session, parts.keyring, row, version)
                values += [value, value.strip()]
    return [value for value in dict.fromkeys(values) if len(value) >= MASKABLE_CHARACTERS]


async def attached(session: AsyncSession, version: FlowVersionRow) -> list[SecretAttachment]:
    """The secrets that a version was registered with."""
    mark = VersionSettings.model_validate(version.settings).environment
    if mark is None:
        return []
    return (await environments.find(session, version.project_id, mark)).secrets


async def _rows(session: AsyncSession, project_id: str, secrets: Iterable[str]) -> dict[str, SecretRow]:
    """The rows of secrets by name, deleted ones among them."""
    names = set(secrets)
    if not names:
        return {}
    found = await session.scalars(
        select(SecretRow).where(SecretRow.project_id == project_id, SecretRow.name.in_(names))
    )
    return {row.name: row for row in found}


async def _granted(session: AsyncSession, row: WorkloadRow, names: Sequence[str]) -> dict[str, SecretRow]:
    """The rows of these secrets. Raises SecretUnavailable, with all that are not there any more."""
    rows = await _rows(session, row.project_id, names)
    gone = [name for name in dict.fromkeys(names) if name not in rows or rows[name].deleted_at is not None]
    if gone:
        project = await session.get(ProjectRow, row.project_id)
        thing = "flow was registered" if row.resource_id is None else "resource was made"
        again = "register the flow without it" if row.resource_id is None else "change the resource's spec"
        which = f"Secret {gone[0]!r}" if len(gone) == 1 else f"Secrets {', '.join(map(repr, gone))}"
        raise SecretUnavailable(
            f"{which} of project {project.name if project else '?'!r} was deleted after this {thing}: "
            f"`prefect-platform secret set {gone[0]}` brings it back, or {again}.",
            secrets=gone,
        )
    return rows


async def _read(session: AsyncSession, parts: Parts, row: SecretRow) -> str:
    try:
        return await secret_values.read(session, parts.keyring, row, row.version)
    except PlatformError as error:
        raise SecretUnavailable(
            f"Version {row.version} of secret {row.name!r} cannot be read. {error.message}",
            secrets=[row.name],
        ) from error


async def _note(
    session: AsyncSession, parts: Parts, workload: WorkloadRow, rows: dict[str, SecretRow]
) -> None:
    """Write the ledger. A claim that is repeated after a lost answer adds nothing."""
    noted = await session.execute(
        select(SecretUseRow.secret_id, SecretUseRow.version).where(SecretUseRow.workload_id == workload.id)
    )
    known = {(row.secret_id, row.version) for row in noted}
    session.add_all(
        SecretUseRow(
            project_id=row.project_id,
            secret_id=row.id,
            version=row.version,
            workload_id=workload.id,
            at=parts.clock.now(),
        )
        for row in rows.values()
        if (row.id, row.version) not in known
    )
