"""The two kinds of model: requests refuse unknown fields, answers ignore them.

So an old client understands a newer server, and a misspelled field never passes silently. What no
database or JSON parser takes everywhere (NUL, half a surrogate pair, infinities) is refused here.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

Item = TypeVar("Item")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A DNS label: lowercase letters, digits and dashes."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name that people chose: anything but control characters, at most 255 characters."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
MAX_DEPTH = 100
"""Levels of lists and objects in a request."""


def _in_calendar(value: datetime) -> datetime:
    """An instant that exists in UTC too: the first and last hours of the calendar do not."""
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this instant lies outside of the calendar in UTC") from error
    return value


When = Annotated[AwareDatetime, AfterValidator(_in_calendar)]


def storable(text: str) -> bool:
    """Whether every database keeps this text: it is Unicode, and without NUL."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _check_data(data: Any) -> None:
    """Raises PydanticCustomError for data that could not be kept or passed on as JSON."""
    waiting = [(data, 0)]
    while waiting:
        found, depth = waiting.pop()
        if isinstance(found, str) and not storable(found):
            raise PydanticCustomError("text", "text must be Unicode without NUL and without half surrogates")
        if isinstance(found, float) and not math.isfinite(found):
            raise PydanticCustomError("number", "numbers must be finite")
        if isinstance(found, dict | list):
            if depth == MAX_DEPTH:
                raise PydanticCustomError("depth", f"nested deeper than {MAX_DEPTH} levels")
            inside = [*found, *found.values()] if isinstance(found, dict) else found
            waiting.extend((item, depth + 1) for item in inside)


class Request(BaseModel):
    """A body that the server reads: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _sound(cls, data: Any) -> Any:
        _check_data(data)
        return data


class Answer(BaseModel):
    """A body that the client reads: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Answer, Generic[Item]):
    """One page of a listing, newest first."""

    items: list[Item]
    cursor: str | None = Field(default=None, description="Give it back for the next page; null at the end.")


class Problem(Answer):
    """RFC 9457 problem document; `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    data: dict[str, object] = {}
