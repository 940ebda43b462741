"""`/bundles`: code on its way in and out, streamed."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from prefect_platform.errors import UsageError
from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import bundles
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["bundles"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
Reader = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT, TokenKind.WORKLOAD))]

DIGEST_HEADER = "Content-SHA256"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.put("/projects/{project}/bundles/{code_digest}")
async def put(request: Request, caller: User, project: str, code_digest: str) -> dict[str, str | int]:
    """Store the bytes of a code digest: raw body, with its SHA-256 in the header Content-SHA256."""
    sha256 = request.headers.get(DIGEST_HEADER, "")
    if not _SHA256.fullmatch(sha256) or not _SHA256.fullmatch(code_digest):
        raise UsageError(
            f"The code digest in the path and the header {DIGEST_HEADER} must be 64 lowercase hex digits."
        )
    stored = await bundles.put(parts_of(request), caller, project, code_digest, sha256, request.stream())
    return {"sha256": stored.sha256, "size": stored.size}


@router.get("/flow-versions/{version_id}/bundle", response_class=StreamingResponse)
async def get(request: Request, caller: Reader, version_id: str) -> StreamingResponse:
    """The bytes of a version's bundle, a zip archive. Check them against Content-SHA256 before use: when
    they were altered in storage the answer is a problem, or, for a large bundle, breaks off."""
    content = await bundles.open_(parts_of(request), caller, version_id)
    headers = {DIGEST_HEADER: content.sha256, "Content-Length": str(content.size)}
    return StreamingResponse(content.data, media_type="application/zip", headers=headers)
