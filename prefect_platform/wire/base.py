"""The two kinds of model: requests refuse unknown fields, answers ignore them.

So an old client understands a newer server, and a misspelled field never passes silently.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Item = TypeVar("Item")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A DNS label: lowercase letters, digits and dashes."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name that people chose: anything but control characters, at most 255 characters."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
When = AwareDatetime


class Request(BaseModel):
    """A body that the server reads: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
