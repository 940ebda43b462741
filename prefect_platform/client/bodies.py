"""Requests made from what a person gave: what does not fit is told before anything is sent."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from prefect_platform.errors import UsageError, foreign

Body = TypeVar("Body", bound=BaseModel)


def body(kind: type[Body], **fields: Any) -> Body:
    """A request of this kind.

    Raises:
        UsageError: a field does not fit; the message names it and what it takes.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where} cannot be {foreign(repr(first['input']))}: {first['msg']}.") from error
