"""Requests made from what a person gave: what does not fit is told before anything is sent."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prefect_platform.errors import UsageError, foreign

_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Body = TypeVar("Body", bound=BaseModel)


def body(kind: type[Body], /, **fields: Any) -> Body:
    """A request of this kind.

    Raises:
        UsageError: a field does not fit; the message names it and what it takes.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where} cannot be {foreign(repr(first['input']))}: {_why(first)}.") from error


def _why(error: ErrorDetails) -> str:
    if error.get("ctx", {}).get("pattern") == _NAME:
        return "it takes lowercase letters, digits and dashes between them, at most 63"
    return error["msg"]
