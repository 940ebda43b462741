"""`/projects/{project}/secrets`: written, listed, deleted. No answer holds a value."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import keyrings, secrets
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.secrets import KeyRotated, KeyRotation, Secret, SecretSet, SecretUse
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["secrets"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.get("/projects/{project}/secrets")
async def listing(
    request: Request, caller: User, project: str, cursor: str | None = None, limit: int | None = None
) -> Page[Secret]:
    """Names, versions and owners of a project's secrets."""
    return await secrets.listing(parts_of(request), caller, project, cursor, limit)


@router.get("/projects/{project}/secrets/{name}")
async def show(request: Request, caller: User, project: str, name: str) -> Secret:
    """What may be known of a secret."""
    return await secrets.show(parts_of(request), caller, project, name)


@router.post("/projects/{project}/secrets/{name}", status_code=201)
async def put(request: Request, caller: User, project: str, name: str, body: SecretSet) -> Secret:
    """Keep a new value, as the next version of the secret. Only runs that it is attached to get it."""
    return await secrets.put(parts_of(request), caller, project, name, body)


@router.delete("/projects/{project}/secrets/{name}", status_code=204)
async def remove(request: Request, caller: User, project: str, name: str) -> None:
    """Delete every value of a secret. The ledger of its uses stays."""
    await secrets.remove(parts_of(request), caller, project, name)


@router.get("/projects/{project}/secrets/{name}/uses")
async def uses(
    request: Request,
    caller: User,
    project: str,
    name: str,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[SecretUse]:
    """The ledger: which attempt of which run was given which version, and when."""
    return await secrets.uses(parts_of(request), caller, project, name, cursor, limit)


@router.post("/keyring/rotate")
async def rotate(request: Request, caller: User, body: KeyRotation) -> KeyRotated:
    """Bring every secret under a new key. For administrators; may be repeated after it was cut short."""
    return await keyrings.rotate(parts_of(request), caller, body)
