"""The API's description, complete: which kinds of token a call takes, and every error by its code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from prefect_platform.errors import PlatformError
from prefect_platform.server.app.problems import MEDIA_TYPE
from prefect_platform.server.routes import PREFIX, ROUTERS
from prefect_platform.wire.base import Problem
from prefect_platform.wire.tokens import TokenKind


def complete(app: FastAPI) -> None:
    """Make `app.openapi()` name the errors and the token kinds. It is made when first asked for."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        schema = plain()
        if "securitySchemes" not in schema.setdefault("components", {}):
            _describe(schema)
        return schema

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI documents


def kinds_of(route: APIRoute) -> tuple[TokenKind, ...]:
    """The kinds of token that a route takes, as its `allow(...)` says; none for an open route."""
    for dependency in route.dependant.dependencies:
        allowed = getattr(dependency.call, "allowed", None)
        if allowed is not None:
            return tuple(allowed)
    return ()


def guarded_routes() -> Iterator[tuple[str, str, APIRoute]]:
    """Method and whole path of every route that needs a token."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                for method in sorted(route.methods or ()):
                    yield method, PREFIX + route.path, route


def errors_by_status() -> dict[int, list[type[PlatformError]]]:
    found: dict[int, list[type[PlatformError]]] = defaultdict(list)
    waiting = [PlatformError]
    while waiting:
        kind = waiting.pop(0)
        waiting.extend(kind.__subclasses__())
        found[kind.status].append(kind)
    return dict(sorted(found.items()))


def _describe(schema: dict[str, Any]) -> None:
    components = schema["components"]
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):  # what FastAPI would answer; we do not
        schemas.pop(name, None)
    components["responses"] = {
        f"Problem{status}": _answer(kinds) for status, kinds in errors_by_status().items()
    }
    kinds = {(method, path): kinds_of(route) for method, path, route in guarded_routes()}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            _describe_operation(operation, kinds.get((method.upper(), path), ()))


def _describe_operation(operation: dict[str, Any], kinds: tuple[TokenKind, ...]) -> None:
    if kinds:
        operation["security"] = [{"bearer": []}]
        operation["x-token-kinds"] = [kind.value for kind in kinds]
    for status in errors_by_status():
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}


def _answer(kinds: list[type[PlatformError]]) -> dict[str, Any]:
    told = "; ".join(f"`{kind.code}`: {' '.join((kind.__doc__ or '').split())}" for kind in kinds)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": told, "content": content}
