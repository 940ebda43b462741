"""`/results`: what tasks and flows returned, by the digest of the key that Prefect gave it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from prefect_platform.errors import UsageError
from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import results
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.results import StoredResult
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["results"])
Owner = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.USER_CODE))]

PLACE = "/projects/{project}/results/{key}"
DIGEST_HEADER = "Content-SHA256"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.put(PLACE)
async def put(request: Request, caller: Owner, project: str, key: str) -> StoredResult:
    """Store a result in place of the one under this key: raw body, with its SHA-256 in the header
    Content-SHA256. The key is the SHA-256, in lowercase hexadecimal, of Prefect's own key in UTF-8."""
    sha256 = request.headers.get(DIGEST_HEADER, "")
    if not _SHA256.fullmatch(sha256):
        raise UsageError(f"The header {DIGEST_HEADER} must be 64 lowercase hex digits.")
    return await results.put(parts_of(request), caller, project, _key(key), sha256, request.stream())


@router.get(PLACE, response_class=StreamingResponse)
async def get(request: Request, caller: Owner, project: str, key: str) -> Response:
    """The bytes of a result, found to be those that were stored before the first of them is sent."""
    content = await results.open_(parts_of(request), caller, project, _key(key))
    headers = {DIGEST_HEADER: content.sha256, "Content-Length": str(content.size)}
    if isinstance(content.data, bytes):
        return Response(content.data, headers=headers, media_type="application/octet-stream")
    return StreamingResponse(content.data, headers=headers, media_type="application/octet-stream")


@router.delete(PLACE, status_code=204)
async def delete(request: Request, caller: Owner, project: str, key: str) -> None:
    """Delete a result. No-op if there is none."""
    await results.delete(parts_of(request), caller, project, _key(key))


def _key(key: str) -> str:
    if not _SHA256.fullmatch(key):
        raise UsageError(
            "The key of a result is the SHA-256 of the key that Prefect gave it: 64 lowercase hex digits."
        )
    return key
