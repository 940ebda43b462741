"""Callers and requests for tests of the server's services and routes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import select

from prefect_platform.names import new_id
from prefect_platform.server.db.tables import MemberRow, ProjectRow, UserRow
from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import RegisterRequest
from prefect_platform.wire.tokens import TokenKind

DIGEST = "c" * 64
PYTHON = {"version": "3.11.7", "executable": "/opt/python", "implementation": "CPython"}


async def owner(parts: Parts) -> Caller:
    """The administrator, who owns the default project."""
    async with parts.database.reader() as session:
        row = (await session.scalars(select(UserRow).where(UserRow.admin))).one()
    return Caller(TokenKind.USER, "tk-owner", row.name, row.id, True)


async def user(parts: Parts, name: str, role: str | None = None) -> Caller:
    """Another user; a member of the default project if there is a role."""
    row = UserRow(id=new_id("us"), name=name, admin=False, created_at=parts.clock.now())
    async with parts.database.session() as session:
        session.add(row)
        await session.flush()
        if role is not None:
            session.add(MemberRow(project_id=await project_id(parts), user_id=row.id, role=role))
    return Caller(TokenKind.USER, f"tk-{name}", name, row.id)


async def project_id(parts: Parts) -> str:
    async with parts.database.reader() as session:
        return (await session.scalars(select(ProjectRow.id).where(ProjectRow.name == "default"))).one()


async def agent(parts: Parts) -> Caller:
    return Caller(TokenKind.AGENT, "tk-agent", "ag-1", project_id=await project_id(parts), subject_id="ag-1")


def registration(
    *,
    flow: str = "etl",
    deployment: str = "nightly",
    digest: str = DIGEST,
    code: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> RegisterRequest:
    base = {"kind": "source", "digest": digest, "entrypoint": "flow.py:etl", "origin": "work/etl.ipynb"}
    return RegisterRequest.model_validate(
        {
            "flow_name": flow,
            "deployment_name": deployment,
            "code": {**base, **(code or {})},
            "settings": {"python": PYTHON, **(settings or {})},
        }
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def pieces(data: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def token_of(parts: Parts, secret: str) -> str:
    """Id of a token."""
    caller = await tokens.resolve(parts, secret)
    assert caller is not None
    return caller.token_id
