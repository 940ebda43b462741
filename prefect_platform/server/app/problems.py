"""Every answer that is not a success is a problem document, and none carries our own faults' text.

`PlatformError`s may be raised anywhere below; what else is raised is logged under an id, and the
caller is told the id.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect_platform.errors import (
    InternalError,
    NotFound,
    PlatformError,
    StorageFull,
    Unavailable,
    UsageError,
)
from prefect_platform.names import nearest

MEDIA_TYPE = "application/problem+json"
_MOST_FIELDS = 20

_DATABASE_FAULTS = (OperationalError, InterfaceError, ConnectionError)
"""The last is what the PostgreSQL driver raises when nobody listens; nothing else here lets it through."""

_log = logging.getLogger(__name__)


class Problems:
    """The outermost layer: turns what was raised into an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            return  # nobody is left to answer
        except PlatformError as error:
            found = error
        except Exception as error:  # noqa: BLE001 - a fault of ours becomes an answer, and a line in the log
            found = _fault(scope, error)
        else:
            return
        if started:  # the connection breaks off, which is how the other side knows
            _log.error("%s %r broke off: %s", scope["method"], scope["path"], found.message)
        else:
            await problem_response(found)(scope, receive, send)


def problem_response(error: PlatformError, status: int | None = None) -> Response:
    """The answer that stands for an error."""
    content = error.problem()
    content["status"] = status or error.status
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    # "replace": the caller's own text may be repeated in it, and that need not be Unicode.
    body = json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(body, content["status"], headers, media_type=MEDIA_TYPE)


def _fault(scope: Scope, error: Exception) -> PlatformError:
    if isinstance(error, _DATABASE_FAULTS):
        return _database_fault(scope, error)
    fault_id = uuid.uuid4().hex[:12]
    _log.error("fault %s in %s %r", fault_id, scope["method"], scope["path"], exc_info=error)
    return InternalError(
        f"The platform failed at this call. Its log says why under fault {fault_id}.", fault_id=fault_id
    )


def _database_fault(scope: Scope, error: Exception) -> PlatformError:
    cause = str(getattr(error, "orig", error))
    _log.error("%s %r: the database: %s", scope["method"], scope["path"], cause)
    if "full" in cause:
        return StorageFull("No space is left for the platform's database: make room, then try again.")
    return Unavailable("The platform's database does not answer: try again in a moment.")


async def refuse_http(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such path, no such method, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, PlatformError):
        raise error.__cause__
    what = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        raise NotFound(f"There is no {what}: /api/v1/openapi.json lists every call.")
    if error.status_code == 405:
        methods = (error.headers or {}).get("Allow", "no method")
        response = problem_response(UsageError(f"{what} is not a call: this path answers {methods}."), 405)
        response.headers["Allow"] = methods
        return response
    raise UsageError(f"The body of {what} cannot be read: send JSON in UTF-8.")


async def refuse_invalid(request: Request, error: Exception) -> Response:
    """A request that does not fit its model: every field that is wrong, with the nearest known name."""
    assert isinstance(error, RequestValidationError)
    model = _body_model(request)
    fields = [_field(item, model) for item in error.errors()[:_MOST_FIELDS]]
    told = "; ".join(f"{field['field']}: {field['problem']}" for field in fields)
    raise UsageError(f"The request does not fit: {told}", fields=fields)


def _field(item: dict[str, Any], model: object) -> dict[str, str]:
    place: tuple[Any, ...] = tuple(item["loc"])
    if item["type"] == "json_invalid":
        return {"field": "body", "problem": f"not JSON at character {place[-1]}: {item['ctx']['error']}"}
    if place == ("body",) and isinstance(item.get("input"), bytes):
        return {"field": "body", "problem": "send it with Content-Type: application/json"}
    name = ".".join(str(part) for part in (place[1:] if len(place) > 1 else place))
    if item["type"] == "extra_forbidden":
        return {"field": name, "problem": f"unknown.{nearest(str(place[-1]), _names(model, place[1:-1]))}"}
    return {"field": name, "problem": str(item["msg"])}


def _body_model(request: Request) -> object:
    body = getattr(request.scope.get("route"), "body_field", None)
    return getattr(getattr(body, "field_info", None), "annotation", None)


def _names(model: object, place: Sequence[Any]) -> Iterable[str]:
    """Names of the fields at a place inside a model: what a misspelled one may have meant."""
    for part in (*place, None):
        found = _model_in(model)
        if found is None:
            return ()
        if part is None:
            return found.model_fields
        if isinstance(part, str) and part in found.model_fields:
            model = found.model_fields[part].annotation
    return ()


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one)) is not None), None)
